"""The slots of both backends: who gets a connection, and when it is given back."""

import asyncio
import socket
import threading

import anyio
import httpx
import pytest
from backends import BACKENDS
from clock import Clock
from counting import OK, serving

from airview_herald.transport import AiohttpTransport


class Held:
    """Answers that begin at once and end when they are let go."""

    def __init__(self):
        self.let_go = anyio.Event()
        self.served = []
        self.connection = 0

    async def __call__(self, stream, served):
        """Answer one request."""
        if served == 1:
            self.served.append(0)
            stream.number = len(self.served) - 1
        self.served[stream.number] += 1
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        await self.let_go.wait()
        await stream.send(b"k")


def get(url, **timeouts):
    """Build a request, with timeouts in seconds."""
    return httpx.Request("GET", url, extensions={"timeout": timeouts})


async def call(transport, url):
    """Send a request and read its response."""
    response = await transport.handle_async_request(get(url))
    return await response.aread()


async def opened(transport, count, url):
    """Send requests without reading the responses."""
    return [await transport.handle_async_request(get(url)) for _ in range(count)]


@BACKENDS
async def test_the_last_connection_used_is_used_next(backend):
    """Idle connections are a stack: the one given back last goes out first."""
    answer = Held()
    async with serving(answer) as server, backend() as transport:
        first, second, third = await opened(transport, 3, server.url)
        assert transport.in_use == 3
        answer.let_go.set()
        for response in (third, first, second):
            assert await response.aread() == b"ok"
        for _ in range(5):
            assert await call(transport, server.url) == b"ok"
        assert answer.served == [1, 6, 1]
        assert (transport.open_connections, transport.idle_connections) == (3, 3)


@BACKENDS
async def test_slots_go_to_the_longest_waiter(backend):
    """At the cap requests are served in the order they came, and newcomers do not barge in."""
    order = []
    answer = Held()

    async def ask(transport, url, number):
        await call(transport, url)
        order.append(number)

    async with serving(answer) as server, backend(max_connections=1) as transport:
        (held,) = await opened(transport, 1, server.url)
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(ask, transport, server.url, number)
                while transport.waiting <= number:
                    await anyio.lowlevel.checkpoint()
            assert (transport.in_use, transport.waiting) == (1, 20)
            answer.let_go.set()
            await held.aread()
            # The slot was handed over within aread: this one comes last.
            await ask(transport, server.url, 20)
        assert order == list(range(21))
        assert server.connections == 1


@BACKENDS
async def test_a_wait_that_takes_too_long_is_a_pool_timeout(backend):
    """The pool timeout limits the wait at the cap, and leaves no waiter behind."""
    answer = Held()
    async with serving(answer) as server, backend(max_connections=1) as transport:
        (held,) = await opened(transport, 1, server.url)
        request = get(server.url, pool=0.01)
        with pytest.raises(httpx.PoolTimeout, match="No connection became free") as caught:
            await transport.handle_async_request(request)
        assert caught.value.request is request
        assert (transport.in_use, transport.waiting, server.requests) == (1, 0, 1)
        answer.let_go.set()
        await held.aread()
        response = await transport.handle_async_request(get(server.url, pool=0))
        assert await response.aread() == b"ok"


@BACKENDS
async def test_idle_connections_expire(backend):
    """A connection idle for longer than the keep-alive expiry is not used again."""
    clock = Clock()
    answer = Held()
    answer.let_go.set()
    async with serving(answer) as server, backend(clock=clock, keepalive_expiry=4) as transport:
        await call(transport, server.url)
        clock.now += 4
        await call(transport, server.url)
        assert server.connections == 1
        clock.now += 4.1
        await call(transport, server.url)
        assert (server.connections, transport.open_connections) == (2, 1)


@BACKENDS
async def test_a_connection_that_closed_while_the_program_was_busy_is_replaced(backend):
    """What the event loop has not noticed yet, the socket is asked for."""
    closed = 0

    def serve_once(listener):
        nonlocal closed
        listener.settimeout(5)
        stream, _ = listener.accept()
        with stream:
            stream.recv(65_536)
            stream.sendall(OK)
            busy.wait(5)
        closed += 1

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        async with backend() as transport:
            for calls in range(1, 4):
                busy = threading.Event()
                server = threading.Thread(target=serve_once, args=[listener], daemon=True)
                server.start()
                assert await call(transport, url) == b"ok"
                busy.set()
                server.join()  # no turn of the event loop until the next request
                assert (closed, transport.open_connections) == (calls, 1)


@BACKENDS
async def test_the_slot_is_freed_when_the_response_is_closed(backend):
    """Closing a response unread frees its slot and closes its connection, once."""
    answer = Held()
    async with serving(answer) as server, backend() as transport:
        first, second = await opened(transport, 2, server.url)
        assert transport.in_use == 2
        for _ in range(3):
            await first.stream.aclose()
            assert transport.in_use == 1
        await second.aclose()
        assert transport.open_connections == 0
        answer.let_go.set()
        with anyio.fail_after(5):
            await server.all_closed.wait()


@BACKENDS
async def test_closing_fails_those_who_wait_and_lets_others_finish(backend):
    """On aclose idle connections close, waiters fail, and connections in use close at their end."""
    answer = Held()

    async def refused(transport, url):
        with pytest.raises(RuntimeError, match="was closed while this request waited"):
            await call(transport, url)

    async with serving(answer) as server:
        transport = backend(max_connections=2)
        first, second = await opened(transport, 2, server.url)
        async with anyio.create_task_group() as group:
            for waiting in range(3):
                group.start_soon(refused, transport, server.url)
                while transport.waiting <= waiting:
                    await anyio.lowlevel.checkpoint()
            await transport.aclose()
        assert (transport.in_use, transport.waiting) == (2, 0)
        answer.let_go.set()
        assert await first.aread() == await second.aread() == b"ok"
        assert transport.open_connections == 0
        await transport.aclose()
        with pytest.raises(RuntimeError, match=f"{backend.__name__} is closed: it cannot send"):
            await call(transport, server.url)
        with anyio.fail_after(5):
            await server.all_closed.wait()


@BACKENDS
async def test_a_request_cancelled_at_any_turn_frees_its_slot_and_socket(backend):
    """Whichever turn of the event loop a request is cancelled in, nothing of it is left."""
    finished = False

    async def ask(transport, url, scope):
        nonlocal finished
        with scope:
            response = await transport.handle_async_request(
                httpx.Request("PUT", url, content=b"body")
            )
            async with anyio.create_task_group():
                await response.aread()
            finished = True

    async def in_parts(stream, _served):
        for part in (OK[:9], OK[9:-1], OK[-1:]):
            await stream.send(part)
            await anyio.lowlevel.checkpoint()

    async with serving(in_parts) as server:
        turns = 0
        while not finished:
            turns += 1
            async with backend() as transport, anyio.create_task_group() as group:
                scope = anyio.CancelScope()
                group.start_soon(ask, transport, server.url, scope)
                for _ in range(turns):
                    await anyio.lowlevel.checkpoint()
                scope.cancel()
            assert transport.in_use == transport.waiting == transport.open_connections == 0
        assert turns > 5
        with anyio.fail_after(5):
            await server.all_closed.wait()


@BACKENDS
@pytest.mark.parametrize(("url", "scheme"), [("ftp://a.test/", "'ftp'"), ("//a.test/", "''")])
async def test_other_schemes_are_unsupported(backend, url, scheme):
    """Only http and https URLs are requested."""
    async with backend() as transport:
        with pytest.raises(httpx.UnsupportedProtocol, match=f"^Neither http nor https: {scheme}$"):
            await call(transport, url)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_slot_handed_to_a_task_cancelled_by_asyncio_is_passed_on():
    """The cancellation of asyncio itself can hit a waiter that has its slot: the next gets it."""
    answer = Held()
    async with serving(answer) as server, AiohttpTransport(max_connections=1) as transport:
        (held,) = await opened(transport, 1, server.url)
        first = asyncio.create_task(call(transport, server.url))
        await anyio.wait_all_tasks_blocked()
        second = asyncio.create_task(call(transport, server.url))
        await anyio.wait_all_tasks_blocked()
        answer.let_go.set()
        await held.aread()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await second == b"ok"
        assert transport.in_use == 0
