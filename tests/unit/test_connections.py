"""What carries requests, and who closes it."""

import socket
from contextlib import AsyncExitStack

import anyio
import httpx
import pytest
import respx
from anyio.abc import SocketAttribute

from airview_herald.auth import BearerToken
from airview_herald.errors import ConfigurationError, ConnectError, RedirectError
from airview_herald.transport import PooledTransport
from airview_herald.transport._call import Call, ErrorBody, RetryClass
from airview_herald.transport._connections import Connections
from airview_herald.transport._options import Options
from airview_herald.transport._retry import Retry
from airview_herald.transport._send import Transport

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"
GET = Call("GET", "/environments/?a=b", RetryClass.READ, 200, lambda reply: reply.json())


class Watched(httpx.AsyncBaseTransport):
    """A caller's transport that knows whether somebody closed it."""

    def __init__(self, answer=None):
        self.closed = False
        self.requests = []
        self.answer = answer or httpx.Response(200, json=[])

    async def handle_async_request(self, request):
        self.requests.append(request)
        return self.answer

    async def aclose(self):
        self.closed = True


def transport_over(connections, base_url="https://airview.example", auth=None):
    """Make a send path over connections."""
    options = Options(base_url, {}, httpx.Timeout(5), total=60, retry=Retry(attempts=1), settle=1)
    return Transport(connections, auth, options, lambda _: ErrorBody())


async def fetch(connections, base_url="https://airview.example", auth=None):
    """Send one request over connections."""
    transport = transport_over(connections, base_url, auth)
    return await transport.send(GET, transport.operation())


class Proxy:
    """A server that answers by itself, and notes the first line of each request."""

    def __init__(self, listener):
        self.listener = listener
        self.lines = []
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's
        self.url = f"http://127.0.0.1:{port}"

    async def __call__(self, stream):
        async with stream:
            data = b""
            while b"\r\n\r\n" not in data:
                try:
                    data += await stream.receive()
                except anyio.EndOfStream:
                    return
            self.lines.append(data.split(b"\r\n")[0].decode())
            await stream.send(ANSWER)


@pytest.fixture
async def serve():
    """Start servers that last as long as the test; returns a function that starts one."""
    async with AsyncExitStack() as listeners, anyio.create_task_group() as tasks:

        async def start(local_host="127.0.0.1"):
            listener = await anyio.create_tcp_listener(local_host=local_host)
            await listeners.enter_async_context(listener)
            server = Proxy(listener)
            tasks.start_soon(listener.serve, server)
            return server

        yield start
        tasks.cancel_scope.cancel()


async def test_a_transport_of_our_own_is_closed():
    """Without a backend of the caller's, connections are pooled, and closed at the end."""
    connections = Connections(None)
    pool = connections._http
    assert isinstance(pool, PooledTransport)
    await connections.aclose()
    with pytest.raises(RuntimeError, match="PooledTransport is closed"):
        await fetch(connections)


async def test_a_transport_of_the_caller_is_used_and_left_open():
    """A transport that the caller brought carries the requests and is the caller's to close."""
    watched = Watched()
    connections = Connections(watched)
    assert await fetch(connections) == []
    await connections.aclose()
    assert not watched.closed
    assert len(watched.requests) == 1


async def test_a_client_of_the_caller_is_used_and_left_open():
    """An httpx.AsyncClient that the caller brought carries the requests and stays open."""
    watched = Watched()
    async with httpx.AsyncClient(transport=watched) as client:
        connections = Connections(client)
        assert await fetch(connections) == []
        await connections.aclose()
        assert not client.is_closed
        assert not watched.closed
    assert watched.closed


async def test_the_defaults_of_a_caller_s_client_are_ignored():
    """Neither the client's credentials nor its readiness to follow redirects reach a request."""
    watched = Watched(httpx.Response(308, headers={"location": "https://elsewhere.example/"}))
    async with httpx.AsyncClient(
        transport=watched,
        auth=("client", "secret"),
        headers={"X-Client": "1"},
        params={"client": "1"},
        follow_redirects=True,
    ) as client:
        with pytest.raises(RedirectError):
            await fetch(Connections(client))
    (request,) = watched.requests
    assert request.url == "https://airview.example/environments/?a=b"
    assert "authorization" not in request.headers
    assert "x-client" not in request.headers


async def test_the_hooks_of_a_caller_s_client_run():
    """A client's event hooks see the requests: that is what they are for."""
    seen = []

    async def hook(request):
        seen.append(request.method)

    client = httpx.AsyncClient(transport=Watched(), event_hooks={"request": [hook]})
    async with client:
        await fetch(Connections(client))
    assert seen == ["GET"]


@pytest.mark.parametrize("http", ["https://proxy.example", httpx.Client(), httpx.HTTPTransport()])
def test_nothing_else_carries_requests(http):
    """A URL, a sync client or a sync transport is refused before anything is sent."""
    with pytest.raises(ConfigurationError) as caught:
        Connections(http)
    assert str(caught.value) == "http: must be an httpx.AsyncBaseTransport or an httpx.AsyncClient"


def test_verification_is_set_where_connections_are_opened():
    """A setting that would have no effect is refused."""
    with pytest.raises(ConfigurationError) as caught:
        Connections(Watched(), verify=False)
    assert str(caught.value) == "verify: give it to what is given as http=, which opens connections"


async def test_respx_sees_the_pooled_transport():
    """Users' tests may mock our own connections with respx."""
    with respx.mock:
        route = respx.get("https://airview.example/environments/").respond(json=[1])
        connections = Connections(None)
        assert await fetch(connections) == [1]
        await connections.aclose()
    assert route.call_count == 1


async def test_without_a_proxy_in_the_environment_none_is_used(serve):
    """A plain environment means plain connections."""
    server = await serve()
    connections = Connections(None)
    assert await fetch(connections, server.url) == []
    await connections.aclose()
    assert server.lines == ["GET /environments/?a=b HTTP/1.1"]


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
async def test_a_proxy_of_the_environment_is_used(serve, monkeypatch, variable):
    """With a proxy in the environment requests go to it, and the client is closed at the end."""
    proxy = await serve()
    monkeypatch.setenv(variable, proxy.url)
    connections = Connections(None)
    assert await fetch(connections, "http://airview.invalid") == []
    await connections.aclose()
    with pytest.raises(RuntimeError, match="closed"):
        await fetch(connections, "http://airview.invalid")
    assert proxy.lines == ["GET http://airview.invalid/environments/?a=b HTTP/1.1"]


async def test_a_host_outside_the_proxy_is_reached_directly(serve, monkeypatch):
    """`NO_PROXY` is honoured though another host would go through the proxy."""
    proxy, server = await serve(), await serve()
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    connections = Connections(None)
    assert await fetch(connections, server.url) == []
    await connections.aclose()
    assert proxy.lines == []
    assert server.lines == ["GET /environments/?a=b HTTP/1.1"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost"])
async def test_this_machine_is_reached_without_a_proxy(serve, monkeypatch, host):
    """A credential may go to this machine without TLS, and so not by way of another one."""
    proxy, server = await serve(), await serve("0.0.0.0")
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    connections = Connections(None)
    token = BearerToken("planted-token")
    assert await fetch(connections, server.url.replace("127.0.0.1", host), token) == []
    await connections.aclose()
    assert proxy.lines == []
    assert server.lines == ["GET /environments/?a=b HTTP/1.1"]


async def test_a_proxy_is_not_forced_upon_a_caller_s_transport(serve, monkeypatch):
    """A backend that the caller brought is used as it is, whatever the environment says."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server = await serve()
    async with PooledTransport() as pool:
        assert await fetch(Connections(pool), server.url) == []
    assert len(server.lines) == 1


async def test_a_refused_connection_is_a_connect_error():
    """Nothing listens: the error says that nothing was sent."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    connections = Connections(None)
    with pytest.raises(ConnectError) as caught:
        await fetch(connections, f"http://127.0.0.1:{port}")
    await connections.aclose()
    assert caught.value.ambiguous is False
