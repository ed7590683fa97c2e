"""`PooledTransport` over a network in memory."""

import asyncio
import math
import ssl

import anyio
import httpcore
import httpx
import pytest
import respx
from clock import Clock

from airview_herald.errors import ConfigurationError
from airview_herald.transport import _connection_pool
from airview_herald.transport._pool import PooledTransport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

HTTPCORE_ERRORS = [
    error
    for error in vars(httpcore).values()
    if isinstance(error, type)
    and issubclass(error, Exception)
    and error is not httpcore.ConnectionNotAvailable
]


class Network(httpcore.AsyncNetworkBackend):
    """Sockets in memory, each answering every request at once, unless told otherwise.

    Attributes:
        wires: Every socket ever opened, in order.
        most_open: How many were open at once.
        step: Awaited before each operation.
        error: Raised instead of connecting.
        answer: What each read returns; an exception is raised.
    """

    def __init__(self):
        self.wires = []
        self.most_open = 0
        self.step = anyio.lowlevel.checkpoint
        self.error = None
        self.answer = OK

    @property
    def open(self):
        """Return the sockets nobody has closed, by their number."""
        return [n for n, wire in enumerate(self.wires) if not wire.closed]

    async def connect_tcp(self, *_args, **_kwargs):
        """Open a socket."""
        await self.step()
        if self.error is not None:
            raise self.error
        wire = Wire(self)
        self.wires.append(wire)
        self.most_open = max(self.most_open, len(self.open))
        return wire


class Wire(httpcore.AsyncNetworkStream):
    """One socket in memory."""

    def __init__(self, network):
        self.network = network
        self.closed = False
        self.readable = False
        self.written = b""

    async def write(self, buffer, **_kwargs):
        """Take what the client sends."""
        await self.network.step()
        self.written += buffer

    async def read(self, *_args, **_kwargs):
        """Answer."""
        await self.network.step()
        if isinstance(self.network.answer, Exception):
            raise self.network.answer
        return self.network.answer

    async def start_tls(self, **_kwargs):
        """Shake hands."""
        await self.network.step()
        return Wire(self.network)

    async def aclose(self):
        """Hang up, at once but for a cancelled task."""
        await anyio.lowlevel.checkpoint()
        self.closed = True

    def get_extra_info(self, info):
        """Tell whether the server has hung up, as a readable idle socket does."""
        return self.readable if info == "is_readable" else None


@pytest.fixture
def network():
    """Make a network in memory."""
    return Network()


@pytest.fixture
def clock():
    """Make a clock set by hand."""
    return Clock()


def get(url="http://a.test/", **timeouts):
    """Build a request, with timeouts in seconds."""
    return httpx.Request("GET", url, extensions={"timeout": timeouts})


async def call(transport, request=None):
    """Send a request and read its response."""
    response = await transport.handle_async_request(request or get())
    return await response.aread()


async def opened(transport, count, url="http://a.test/"):
    """Send requests without reading the responses."""
    return [await transport.handle_async_request(get(url)) for _ in range(count)]


async def close(responses):
    """Read responses to their ends, in order."""
    for response in responses:
        await response.aread()


def used(network):
    """Return how many requests each socket has carried."""
    return [wire.written.count(b"HTTP/1.1\r\n") for wire in network.wires]


async def test_the_last_connection_used_is_used_next(network):
    """Idle connections are a stack: the one given back last goes out first."""
    async with PooledTransport(network_backend=network) as transport:
        first, second, third = await opened(transport, 3)
        await close([third, first, second])
        for _ in range(5):
            assert await call(transport) == b"ok"
        assert used(network) == [1, 6, 1]
        assert (transport.open_connections, transport.idle_connections) == (3, 3)


async def test_a_request_reaches_the_wire_as_it_was_built(network):
    """Method, target, headers and body are sent as the request has them."""
    request = httpx.Request("PUT", "http://a.test:81/x%20y?q=%2F", content=b"body")
    async with PooledTransport(network_backend=network) as transport:
        await call(transport, request)
    head, body = network.wires[0].written.split(b"\r\n\r\n")
    assert head.startswith(b"PUT /x%20y?q=%2F HTTP/1.1\r\nHost: a.test:81\r\n")
    assert body == b"body"


async def test_a_body_can_be_streamed(network):
    """A body that comes in pieces is sent in chunks."""

    async def pieces():
        yield b"one"
        yield b"two"

    async with PooledTransport(network_backend=network) as transport:
        await call(transport, httpx.Request("POST", "http://a.test/", content=pieces()))
    assert network.wires[0].written.endswith(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


async def test_origins_do_not_share_connections(network):
    """Scheme, host and port each make another origin; a default port written out does not."""
    async with PooledTransport(network_backend=network, verify=False) as transport:
        urls = ["http://a.test", "http://b.test", "http://a.test:81", "https://a.test"]
        for url in [*urls, *urls, "http://a.test:80/other"]:
            await call(transport, get(url))
        assert len(network.wires) == transport.idle_connections == 4


async def test_slots_go_to_the_longest_waiter(network):
    """At the cap requests are served in the order they came, and newcomers do not barge in."""
    order = []

    async def ask(transport, number):
        await call(transport)
        order.append(number)

    async with PooledTransport(network_backend=network, max_connections=1) as transport:
        (held,) = await opened(transport, 1)
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(ask, transport, number)
                await anyio.wait_all_tasks_blocked()
            assert (transport.in_use, transport.waiting) == (1, 20)
            await held.aread()
            # The slot was handed over within aread: this one comes last.
            await ask(transport, 20)
        assert order == list(range(21))
        assert len(network.wires) == 1


async def test_a_wait_that_takes_too_long_is_a_pool_timeout(network):
    """The pool timeout limits the wait at the cap, and leaves no waiter behind."""
    async with PooledTransport(network_backend=network, max_connections=1) as transport:
        (held,) = await opened(transport, 1)
        request = get(pool=0.01)
        with pytest.raises(httpx.PoolTimeout, match="No connection became free") as caught:
            await call(transport, request)
        assert caught.value.request is request
        assert (transport.in_use, transport.waiting) == (1, 0)
        await held.aread()
        await call(transport, get(pool=0.01))


async def test_a_free_slot_needs_no_pool_timeout(network):
    """A request that need not wait is not affected by a pool timeout of zero."""
    async with PooledTransport(network_backend=network) as transport:
        assert await call(transport, get(pool=0)) == b"ok"


async def test_the_longest_idle_connection_makes_room(network):
    """At the cap the connection idle for longest, of whatever origin, is closed for a new one."""
    async with PooledTransport(network_backend=network, max_connections=3) as transport:
        for host in "abc":
            await call(transport, get(f"http://{host}.test/"))
        await call(transport, get("http://a.test/"))
        await call(transport, get("http://d.test/"))
        assert network.open == [0, 2, 3]
        assert transport.open_connections == network.most_open == 3


async def test_a_waiter_of_another_origin_gets_the_slot_not_the_connection(network):
    """A slot handed to another origin's request has its connection closed first."""
    async with PooledTransport(network_backend=network, max_connections=1) as transport:
        (held,) = await opened(transport, 1)
        async with anyio.create_task_group() as group:
            group.start_soon(call, transport, get("http://b.test/"))
            await anyio.wait_all_tasks_blocked()
            await held.aread()
        assert (network.open, network.most_open) == ([1], 1)


async def test_idle_connections_expire(network, clock):
    """A connection idle for longer than the keep-alive expiry is not used again."""
    async with PooledTransport(
        network_backend=network, clock=clock, keepalive_expiry=4
    ) as transport:
        await call(transport)
        clock.now += 4
        await call(transport)
        assert len(network.wires) == 1
        clock.now += 4.1
        await call(transport)
        assert network.open == [1]


async def test_expired_connections_are_closed_a_few_at_a_time(network, clock):
    """Requests close what has expired in passing, and use what has not."""
    async with PooledTransport(network_backend=network, clock=clock) as transport:
        await close(await opened(transport, 10))
        await close(await opened(transport, 10, "http://b.test/"))
        clock.now += 60
        remaining = []
        for _ in range(4):
            await call(transport)
            remaining.append(transport.open_connections)
        assert remaining == [13, 9, 5, 1]
        assert len(network.wires) == 21


async def test_expired_connections_give_up_their_slots(network, clock):
    """At the cap an expired connection makes room for its own origin too."""
    async with PooledTransport(network_backend=network, clock=clock, max_connections=1) as pool:
        await call(pool)
        clock.now += 60
        await call(pool)
        assert network.open == [1]


async def test_connections_the_server_closed_are_skipped(network):
    """An idle connection that turned readable is closed, and the next one is used."""
    async with PooledTransport(network_backend=network) as transport:
        await close(await opened(transport, 4))
        network.wires[2].readable = network.wires[3].readable = True
        await call(transport)
        assert network.open == [0, 1]
        assert used(network) == [1, 2, 1, 1]


async def test_few_closed_connections_are_tried_by_one_request(network):
    """A request that finds only closed connections opens a new one after a few."""
    async with PooledTransport(network_backend=network) as transport:
        await close(await opened(transport, 10))
        for wire in network.wires:
            wire.readable = True
        await call(transport)
        assert network.open == [0, 1, 2, 3, 4, 5, 10]


async def test_a_connection_that_turns_unavailable_is_replaced(network, monkeypatch):
    """A reused connection that dies before anything is written to it is replaced, unseen."""
    handle = httpcore.AsyncHTTPConnection.handle_async_request
    unavailable = 0

    async def fail_twice(self, request):
        nonlocal unavailable
        if unavailable:
            unavailable -= 1
            raise httpcore.ConnectionNotAvailable
        return await handle(self, request)

    monkeypatch.setattr(httpcore.AsyncHTTPConnection, "handle_async_request", fail_twice)
    async with PooledTransport(network_backend=network, max_connections=3) as transport:
        await close(await opened(transport, 3))
        unavailable = 2
        assert await call(transport) == b"ok"
        assert network.open == [0]
        assert (transport.in_use, transport.open_connections) == (0, 1)

        unavailable = 2  # the last idle one, and the fresh one that replaces it
        with pytest.raises(httpx.ConnectError):
            await call(transport)
        assert transport.open_connections == 0


@pytest.mark.parametrize("error", HTTPCORE_ERRORS)
@pytest.mark.parametrize("moment", ["connecting", "reading"])
async def test_each_httpcore_error_becomes_httpxs(network, error, moment):
    """Every exception of httpcore is raised as httpx's of that name, and frees the slot."""
    request = get()
    async with PooledTransport(network_backend=network) as transport:
        if moment == "connecting":
            network.error = error("why")
        else:
            network.answer = OK[:-1]
            response = await transport.handle_async_request(request)
            network.answer = error("why")
        with pytest.raises(getattr(httpx, error.__name__), match="why") as caught:
            await (response.aread() if moment == "reading" else call(transport, request))
        assert caught.type is getattr(httpx, error.__name__)
        assert caught.value.request is request
        assert transport.open_connections == 0
        assert network.open == []


async def test_a_subclass_of_an_httpcore_error_becomes_its_bases(network):
    """An exception httpcore does not have itself is mapped by what it derives from."""

    class Reset(httpcore.ReadError):
        """A reason of its own."""

    network.answer = Reset("reset")
    async with PooledTransport(network_backend=network) as transport:
        with pytest.raises(httpx.ReadError, match="reset"):
            await call(transport)


@pytest.mark.parametrize("moment", ["connecting", "reading"])
async def test_any_other_error_passes_unchanged(network, moment):
    """An exception that is not httpcore's comes out as it is, and frees the slot."""
    async with PooledTransport(network_backend=network) as transport:
        error = ZeroDivisionError()
        if moment == "connecting":
            network.error = error
            with pytest.raises(ZeroDivisionError):
                await call(transport)
        else:
            network.answer = OK[:-1]
            response = await transport.handle_async_request(get())
            network.answer = error
            with pytest.raises(ZeroDivisionError):
                await response.aread()
        assert transport.open_connections == 0


@pytest.mark.parametrize(("url", "scheme"), [("ftp://a.test/", "'ftp'"), ("//a.test/", "''")])
async def test_other_schemes_are_unsupported(url, scheme):
    """Only http and https URLs are requested."""
    async with PooledTransport() as transport:
        with pytest.raises(httpx.UnsupportedProtocol, match=f"^Neither http nor https: {scheme}$"):
            await call(transport, get(url))


async def test_the_slot_is_freed_when_the_response_is_closed(network):
    """Closing a response unread frees its slot and its connection, once."""
    async with PooledTransport(network_backend=network) as transport:
        network.answer = OK[:-1]
        first, second = await opened(transport, 2)
        assert transport.in_use == 2
        for _ in range(3):
            await first.stream.aclose()
            assert (transport.in_use, network.open) == (1, [1])
        await second.aclose()
        assert transport.open_connections == 0


async def test_a_request_cancelled_at_any_step_frees_its_slot(network):
    """Whichever operation a request is cancelled in, its slot and its socket are freed."""
    finished = False
    steps = 0
    while not finished:
        left = steps = steps + 1
        with anyio.CancelScope() as scope:

            async def step():
                nonlocal left
                left -= 1
                if not left:
                    scope.cancel()
                await anyio.lowlevel.checkpoint()

            network.step = step
            async with PooledTransport(network_backend=network, verify=False) as transport:
                try:
                    response = await transport.handle_async_request(
                        httpx.Request("PUT", "https://a.test/", content=b"body")
                    )
                    async with anyio.create_task_group():
                        await response.aread()
                    finished = not scope.cancel_called
                finally:
                    assert transport.in_use == 0
        assert network.open == []
    assert steps > 5


async def test_a_response_closed_by_a_cancelled_task_frees_its_slot(network):
    """A response that is closed while being cancelled still gives its slot back."""
    async with PooledTransport(network_backend=network, max_connections=1) as transport:
        for _ in range(3):
            with anyio.CancelScope() as scope:
                response = await transport.handle_async_request(get())
                try:
                    scope.cancel()
                    await anyio.sleep_forever()
                finally:
                    await response.aclose()
            assert transport.in_use == 0
            assert network.open == []


async def test_a_cancelled_waiter_leaves_the_line(network):
    """Waiters cancelled in the middle of the line are passed over."""
    served = []

    async def ask(transport, number, scope):
        with scope:
            await call(transport)
            served.append(number)

    async with PooledTransport(network_backend=network, max_connections=1) as transport:
        (held,) = await opened(transport, 1)
        scopes = [anyio.CancelScope() for _ in range(6)]
        async with anyio.create_task_group() as group:
            for number, scope in enumerate(scopes):
                group.start_soon(ask, transport, number, scope)
                await anyio.wait_all_tasks_blocked()
            for scope in scopes[::2]:
                scope.cancel()
            await anyio.wait_all_tasks_blocked()
            assert transport.waiting == 3
            await held.aread()
            # Cancelled in the very turn in which it was handed the slot.
            scopes[1].cancel()
        assert served[-2:] == [3, 5]
        assert transport.in_use == transport.waiting == 0


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("url", ["http://a.test/", "http://b.test/"])
async def test_a_slot_handed_to_a_cancelled_task_is_passed_on(network, url):
    """The cancellation of asyncio itself can hit a waiter that has its slot: the next gets it."""
    async with PooledTransport(network_backend=network, max_connections=1) as transport:
        (held,) = await opened(transport, 1)
        first = asyncio.create_task(call(transport, get(url)))
        await anyio.wait_all_tasks_blocked()
        second = asyncio.create_task(call(transport))
        await anyio.wait_all_tasks_blocked()
        await held.aread()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await second == b"ok"
        assert transport.in_use == 0
        assert len(network.open) == 1


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_asyncios_own_cancellation_does_not_stop_the_closing(network):
    """A task cancelled while it closes many connections closes the rest of them."""
    transport = PooledTransport(network_backend=network)
    await close(await opened(transport, 5))
    closing = asyncio.create_task(transport.aclose())
    while len(network.open) > 3:
        await anyio.lowlevel.checkpoint()
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert network.open == []


async def test_connections_are_closed_in_a_cancelled_scope(network):
    """Closing the transport is shielded from cancellation."""
    with anyio.CancelScope() as scope:
        async with PooledTransport(network_backend=network) as transport:
            await close(await opened(transport, 3))
            scope.cancel()
    assert network.open == []


async def test_an_error_while_closing_is_nobodys_concern(network, monkeypatch):
    """A connection that fails to close does not keep the others open, or fail the request."""
    transport = PooledTransport(network_backend=network)
    await close(await opened(transport, 2))

    async def broken():
        raise OSError

    monkeypatch.setattr(network.wires[1], "aclose", broken)
    await transport.aclose()
    assert network.open == [1]


async def test_closing_fails_those_who_wait_and_lets_others_finish(network):
    """On aclose idle connections close, waiters fail, and connections in use close at their end."""

    async def refused(transport):
        with pytest.raises(RuntimeError, match="was closed while this request waited"):
            await call(transport)

    transport = PooledTransport(network_backend=network, max_connections=2)
    first, second = await opened(transport, 2)
    await first.aread()
    (first,) = await opened(transport, 1)
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(refused, transport)
        await anyio.wait_all_tasks_blocked()
        await transport.aclose()
    assert (transport.in_use, transport.waiting, network.open) == (2, 0, [0, 1])
    assert await second.aread() == b"ok"
    assert network.open == [0]
    await first.aread()
    assert (transport.open_connections, network.open) == (0, [])
    await transport.aclose()


async def test_a_closed_transport_says_so():
    """A request after aclose is a RuntimeError."""
    async with PooledTransport() as transport:
        pass
    with pytest.raises(RuntimeError, match="PooledTransport is closed: it cannot send"):
        await call(transport)


@pytest.mark.parametrize(
    "backends", [("asyncio", "asyncio"), ("trio", "trio"), ("trio", "asyncio")]
)
def test_another_event_loop_is_refused(network, backends):
    """An instance belongs to the event loop it was first used in: its connections wait there."""
    transport = PooledTransport(network_backend=network)
    first, second = backends
    anyio.run(call, transport, get(), backend=first)
    with pytest.raises(RuntimeError, match="belongs to the event loop that it was first used in"):
        anyio.run(call, transport, get(), backend=second)
    anyio.run(transport.aclose, backend=first)


async def test_respx_intercepts_requests(network):
    """Routes of respx answer in place of the network, for more requests than there are slots."""
    async with (
        PooledTransport(network_backend=network, max_connections=2) as transport,
        httpx.AsyncClient(transport=transport) as client,
    ):
        with respx.mock:
            route = respx.put("http://a.test/x").respond(json={"id": 1})
            for _ in range(5):
                response = await client.put("http://a.test/x", json={"name": "n"})
                assert response.json() == {"id": 1}
            assert route.call_count == 5
            assert route.calls.last.request.content == b'{"name":"n"}'

            respx.get("http://a.test/down").mock(side_effect=httpx.ConnectTimeout)
            with pytest.raises(httpx.ConnectTimeout):
                await client.get("http://a.test/down")
        assert (transport.in_use, transport.open_connections) == (0, 0)
        assert network.wires == []
        assert (await client.get("http://a.test/")).text == "ok"


async def test_no_context_is_made_before_the_first_https_request(network, monkeypatch):
    """The TLS context is made once, at the first https request, from what verify says."""
    made = []

    def create(verify):
        made.append(verify)
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    monkeypatch.setattr(_connection_pool, "context_for", create)
    async with PooledTransport(network_backend=network) as transport:
        await call(transport, get("http://a.test/"))
        assert made == []
        for _ in range(2):
            await call(transport, get("https://a.test/"))
        await call(transport, get("https://b.test/"))
        assert made == [True]


@pytest.mark.parametrize(
    "arguments",
    [
        *({"max_connections": 0}, {"max_connections": "8"}, {"max_connections": 2.5}),
        *({"max_connections": True}, {"keepalive_expiry": True}),
        *({"keepalive_expiry": -0.1}, {"keepalive_expiry": "4"}, {"keepalive_expiry": math.nan}),
    ],
)
def test_impossible_limits_are_refused(arguments):
    """A transport without connections, or with a negative expiry, cannot be made."""
    with pytest.raises(ConfigurationError, match=f"^{next(iter(arguments))}: must be "):
        PooledTransport(**arguments)
