"""Both backends over real sockets: the same connections, slots and errors."""

import random
import socket
import ssl

import anyio
import httpx
import pytest
import trustme
from backends import BACKENDS
from counting import OK, reply, serving

from airview_herald.transport import PooledTransport

pytestmark = BACKENDS


def put(url, **timeouts):
    """Build a request with a body, and with timeouts in seconds."""
    return httpx.Request("PUT", url, content=b"{}", extensions={"timeout": timeouts})


async def call(transport, request):
    """Send a request, read its response and close it."""
    response = await transport.handle_async_request(request)
    try:
        return response, await response.aread()
    finally:
        await response.aclose()


@pytest.fixture(scope="module")
def authority():
    """Make a certificate authority of our own."""
    return trustme.CA()


@pytest.fixture
def server_tls(authority):
    """Make a server's side of TLS for the loopback address."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def client_tls(authority):
    """Make a client's side of TLS that trusts only our own authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_sequential_requests_share_one_connection(backend):
    """Requests one after the other need a single connection."""
    async with serving(reply) as server, backend() as transport:
        for _ in range(20):
            response, body = await call(transport, put(server.url))
            assert (response.status_code, body) == (200, b"ok")
        assert (server.connections, server.requests) == (1, 20)
        assert (transport.open_connections, transport.idle_connections) == (1, 1)


async def test_an_httpx_client_can_use_it(backend):
    """The transport serves an httpx.AsyncClient, headers and extensions included."""
    async with (
        serving(reply) as server,
        httpx.AsyncClient(transport=backend()) as client,
    ):
        response = await client.get(server.url, params={"q": "a b"})
    assert response.text == "ok"
    assert response.headers["content-length"] == "2"
    assert response.http_version == "HTTP/1.1"
    assert response.reason_phrase == "OK"


async def test_a_burst_stays_below_the_cap(backend):
    """However many requests start at once, no more connections are open than allowed."""

    async def slowly(stream, _served):
        await anyio.sleep(0.001)
        await stream.send(OK)

    async with serving(slowly) as server, backend(max_connections=5) as transport:
        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(call, transport, put(server.url))
        assert server.requests == 100
        assert server.most_open <= 5
        assert transport.in_use == transport.waiting == 0


async def test_another_origins_idle_connection_makes_room(backend):
    """At the cap an idle connection of another origin is closed before a new one is opened."""
    async with (
        serving(reply) as first,
        serving(reply) as second,
        backend(max_connections=1) as transport,
    ):
        await call(transport, put(first.url))
        await call(transport, put(second.url))
        with anyio.fail_after(5):
            await first.closed.wait()
        assert (first.open, second.open, transport.open_connections) == (0, 1, 1)


async def test_nagles_algorithm_is_off(backend):
    """Both event loops open sockets with TCP_NODELAY."""
    async with serving(reply) as server, backend() as transport:
        response, _ = await call(transport, put(server.url))
        if backend is PooledTransport:
            sock = response.extensions["network_stream"].get_extra_info("socket")
        else:
            (connection,) = transport._idle
            sock = connection._protocol.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


async def test_a_connection_closed_while_idle_is_replaced(backend):
    """When the server has closed an idle connection the next request opens another."""

    async def once(stream, _served):
        await stream.send(OK)
        return False

    async with serving(once) as server, backend() as transport:
        for n in range(1, 4):
            await call(transport, put(server.url))
            with anyio.fail_after(5):
                await server.closed.wait()
            server.closed = anyio.Event()
            await anyio.sleep(0.01)  # the end of the stream travels through the kernel
            assert (server.connections, server.requests) == (n, n)
            assert transport.open_connections == 1


async def test_a_request_on_a_dropped_connection_is_not_sent_again(backend):
    """A server that reads a request and hangs up gets it once, and the caller gets the error."""

    async def drop_the_second(stream, served):
        if served == 2:
            return False
        await stream.send(OK)
        return True

    async with serving(drop_the_second) as server, backend() as transport:
        await call(transport, put(server.url))
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            await call(transport, put(server.url))
        assert (server.connections, server.requests) == (1, 2)
        assert transport.open_connections == 0


async def test_a_body_cut_short_is_a_protocol_error(backend):
    """A connection dropped within a body is a RemoteProtocolError and frees its slot."""

    async def cut_short(stream, _served):
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
        return False

    async with serving(cut_short) as server, backend() as transport:
        response = await transport.handle_async_request(put(server.url))
        with pytest.raises(httpx.RemoteProtocolError):
            await response.aread()
        assert transport.open_connections == 0


async def test_a_refused_connection_frees_its_slot(backend):
    """A refused connection is a ConnectError that carries its request."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        request = put(f"http://127.0.0.1:{unused.getsockname()[1]}/")
        async with backend(max_connections=1) as transport:
            for _ in range(2):
                with pytest.raises(httpx.ConnectError) as caught:
                    await call(transport, request)
                assert caught.value.request is request
                assert transport.open_connections == 0


async def test_a_silent_server_is_a_read_timeout(backend):
    """A response that does not come in time is a ReadTimeout, and its connection is closed."""

    async def silent(_stream, _served):
        await anyio.sleep_forever()

    async with serving(silent) as server, backend() as transport:
        with pytest.raises(httpx.ReadTimeout):
            await call(transport, put(server.url, read=0.02))
        assert transport.open_connections == 0


@pytest.mark.parametrize("count", [2_000, pytest.param(10_000, marks=pytest.mark.proof)])
async def test_no_slot_is_lost_to_cancellations(backend, count):
    """Requests cancelled at random moments leave every slot free and no socket behind."""
    rng = random.Random(20240229)
    running = []
    finished = cancelled = 0
    gate = anyio.Event()
    gate.set()

    async def in_two_parts(stream, _served):
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok")
        await gate.wait()
        await stream.send(b"ok")

    async def keep_asking(transport, url):
        nonlocal finished, cancelled
        while cancelled < count:
            with anyio.CancelScope() as scope:
                running.append(scope)
                await call(transport, put(url))
                finished += 1
            running.remove(scope)
            cancelled += scope.cancelled_caught

    async with serving(in_two_parts) as server, backend(max_connections=16) as transport:
        async with anyio.create_task_group() as group:
            for _ in range(40):
                group.start_soon(keep_asking, transport, server.url)
            while cancelled < count:
                await anyio.lowlevel.checkpoint()
                # Some must get to their end, or only the beginnings of requests are cancelled.
                if cancelled <= 4 * finished:
                    for scope in rng.sample(running, min(len(running), 3)):
                        scope.cancel()
        assert finished > count / 10
        assert transport.in_use == transport.waiting == 0
        assert transport.open_connections <= 16
        gate = anyio.Event()
        held = [await transport.handle_async_request(put(server.url, pool=5)) for _ in range(16)]
        assert transport.in_use == 16
        for response in held:
            await response.aclose()
        assert transport.in_use == 0


@pytest.mark.alone
async def test_a_cancelled_tls_handshake_leaves_no_socket(backend, server_tls, client_tls):
    """An https request cancelled at any turn of the event loop frees its slot and its socket."""
    finished = False

    async def ask(transport, url, scope):
        nonlocal finished
        with scope:
            await call(transport, put(url))
            finished = True

    async with serving(reply, server_tls) as server:
        turns = 0
        while not finished:
            turns += 1
            async with (
                backend(verify=client_tls) as transport,
                anyio.create_task_group() as group,
            ):
                scope = anyio.CancelScope()
                group.start_soon(ask, transport, server.url, scope)
                for _ in range(turns):
                    await anyio.lowlevel.checkpoint()
                scope.cancel()
            assert transport.open_connections == 0
        # A server counts what has shaken hands, which none of those that were cancelled may have.
        assert turns > 3
        with anyio.fail_after(5):
            await server.all_closed.wait()


async def test_https_with_a_given_context(backend, server_tls, client_tls):
    """A context that trusts the server's authority reaches it, and its connection is reused."""
    async with (
        serving(reply, server_tls) as server,
        backend(verify=client_tls) as transport,
    ):
        for _ in range(3):
            assert (await call(transport, put(server.url)))[1] == b"ok"
        assert server.connections == 1


async def test_https_without_verification(backend, server_tls):
    """verify=False accepts a certificate nobody vouches for."""
    async with serving(reply, server_tls) as server, backend(verify=False) as transport:
        assert (await call(transport, put(server.url)))[1] == b"ok"


async def test_https_verifies_by_default(backend, server_tls):
    """By default a certificate nobody vouches for is a ConnectError, and frees its slot."""
    async with serving(reply, server_tls) as server, backend() as transport:
        with pytest.raises(httpx.ConnectError):
            await call(transport, put(server.url))
        assert (server.requests, transport.open_connections) == (0, 0)
