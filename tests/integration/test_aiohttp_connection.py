"""`AiohttpTransport` whose connection is lost at awkward moments. White-box: moments are made."""

import socket
import struct

import anyio
import httpx
import pytest
from anyio.abc import SocketAttribute
from counting import OK, reply, serving

from airview_herald.transport import AiohttpTransport
from airview_herald.transport._aiohttp_connection import AiohttpConnection
from airview_herald.transport._aiohttp_protocol import Protocol

pytestmark = pytest.mark.parametrize("anyio_backend", ["asyncio"])


def get(url):
    """Build a request."""
    return httpx.Request("GET", url, extensions={"timeout": {"read": 5}})


async def call(transport, url):
    """Send a request and read its response."""
    response = await transport.handle_async_request(get(url))
    return await response.aread()


async def test_a_connection_lost_before_its_turn_is_replaced(monkeypatch):
    """A picked connection that drops while others are closed carries nothing; another one does."""
    gate = anyio.Event()

    async def held(stream, _served):
        await stream.send(OK[:-1])
        await gate.wait()
        await stream.send(OK[-1:])

    async with serving(held) as server, AiohttpTransport() as transport:
        responses = [await transport.handle_async_request(get(server.url)) for _ in range(3)]
        gate.set()
        for response in responses:
            await response.aread()
        _, second, last = transport._idle
        monkeypatch.setattr(last, "_is_readable", lambda: True)
        close = AiohttpConnection.aclose

        async def lose_another(connection):
            if connection is last:
                await close(second)
            await close(connection)

        monkeypatch.setattr(AiohttpConnection, "aclose", lose_another)
        assert await call(transport, server.url) == b"ok"
        assert (server.requests, server.connections, transport.open_connections) == (4, 3, 1)


async def test_a_connection_lost_before_anything_is_sent_is_a_connect_error(monkeypatch):
    """A server that hangs up at once has surely not carried anything out."""
    made = Protocol.connection_made

    def hang_up(protocol, transport):
        made(protocol, transport)
        transport.close()

    monkeypatch.setattr(Protocol, "connection_made", hang_up)
    async with serving(reply) as server, AiohttpTransport() as transport:
        with pytest.raises(httpx.ConnectError, match="hung up before anything was sent"):
            await call(transport, server.url)
        assert (server.requests, transport.open_connections) == (0, 0)


async def test_a_streamed_body_stops_when_the_server_hangs_up():
    """What the server said before it hung up is the answer; no more of the body is asked for."""
    pieces = 0

    async def endless():
        nonlocal pieces
        while True:
            pieces += 1
            yield b"x" * 100_000

    async def refuse(stream):
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
            await stream.send_eof()
            async for _ in stream:
                pass

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - not Django's
    async with listener, anyio.create_task_group() as group, AiohttpTransport() as transport:
        group.start_soon(listener.serve, refuse)
        request = httpx.Request("PUT", f"http://127.0.0.1:{port}/", content=endless())
        response = await transport.handle_async_request(request)
        assert (response.status_code, await response.aread()) == (413, b"no")
        assert transport.open_connections == 0
        sent = pieces
        await anyio.sleep(0.01)
        assert pieces == sent
        group.cancel_scope.cancel()


async def test_a_reset_after_the_whole_answer_spoils_nothing():
    """An answer that is whole stays so, though its connection breaks before it is read."""

    async def break_off(stream, _served):
        await stream.send(OK[:-1])
        await anyio.sleep(0.02)
        await stream.send(OK[-1:])
        await anyio.sleep(0.02)
        option = struct.pack("ii", 1, 0)
        sock = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - not Django's
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
        return False

    async with serving(break_off) as server, AiohttpTransport() as transport:
        response = await transport.handle_async_request(get(server.url))
        await anyio.sleep(0.1)
        assert await response.aread() == b"ok"
        assert transport.open_connections == 0


async def test_a_closed_body_has_no_more_to_give():
    """A stream that was closed ends; it does not read from a connection that is gone."""

    async def begin(stream, _served):
        await stream.send(OK[:-1])

    async with serving(begin) as server, AiohttpTransport() as transport:
        response = await transport.handle_async_request(get(server.url))
        await response.stream.aclose()
        assert [chunk async for chunk in response.stream] == []
