"""Requests through both backends: one call is one request, of the same bytes."""

import socket
import struct

import anyio
import httpx
import pytest
from anyio.abc import SocketAttribute
from backends import BACKENDS
from counting import OK, reply, serving

from airview_herald.transport import AiohttpTransport, PooledTransport

METHODS = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH"]


async def hang_up(_stream):
    """End the connection in order."""


async def reset(stream):
    """Break the connection."""
    option = struct.pack("ii", 1, 0)
    sock = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - not Django's
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)


async def answer_in_part(stream):
    """Begin an answer, and hang up."""
    await stream.send(b"HTTP/1.1 200 OK\r\nContent-Le")


async def answer_nonsense(stream):
    """Say something that is not HTTP."""
    await stream.send(b"220 smtp.test ESMTP\r\n\r\n")


async def pieces():
    """Give a body that is not in memory."""
    yield b"one"
    yield b""
    yield b"two" * 10


def requests(url):
    """Make requests of every shape."""
    odd = "a%20b/%2F/~%7e/*'()/ü?q=a+b%20c&x=%C3%BC&empty=&q=[1]&;=%3B"
    secret = {"Authorization": "Bearer a.b-c", "X-Id": "", "x-ID": b"\xe9\t\xfc"}
    yield from (httpx.Request(method, url) for method in METHODS)
    yield from (
        httpx.Request(method, url, content=b"body") for method in METHODS if method != "HEAD"
    )
    yield from (httpx.Request(method, url + odd) for method in ("GET", "PUT"))
    yield httpx.Request("GET", url.rstrip("/"), headers=secret)
    yield httpx.Request("GET", url + "?", headers=[("Accept", "a"), ("B", "1"), ("accept", "b")])
    yield httpx.Request("PUT", url, json={"state": "FLAGGED ü"}, params={"a": "b c", "d": "/"})
    yield httpx.Request("POST", url, data={"grant_type": "client_credentials", "scope": "a b"})
    form = {"content-type": "multipart/form-data; boundary=between", "cookie": "a=b; c=d"}
    yield httpx.Request("POST", url, files={"f": b"content"}, headers=form)
    yield httpx.Request("POST", url, content=b"x" * 200_000)
    yield httpx.Request("POST", url, content=pieces())
    yield httpx.Request("POST", url, content=b"whole", headers={"transfer-encoding": "chunked"})
    yield httpx.Request("PUT", url, content=b"", headers={"transfer-encoding": "chunked"})
    yield httpx.Request("PUT", url, content=pieces(), headers={"content-length": "33"})
    yield httpx.Request("GET", url, headers={"host": "elsewhere.test"})
    yield httpx.Request("GET", url, headers={"expect": "100-continue", "connection": "close"})
    yield httpx.Request("OPTIONS", url, extensions={"target": b"*"})


def ill_formed(url):
    """Make requests that must not be sent."""
    yield httpx.Request("GET", url, headers={"a": "b\r\nc: d"})
    yield httpx.Request("GET", url, headers={"a": "b\nc"})
    yield httpx.Request("GET", url, headers={"a": "b\x00"})
    yield httpx.Request("GET", url, headers={"a": " b"})
    yield httpx.Request("GET", url, headers={"a": "b\t"})
    yield httpx.Request("GET", url, headers={"a b": "c"})
    yield httpx.Request("GET", url, headers={"a:": "c"})
    yield httpx.Request("GET", url, headers={"": "c"})
    yield httpx.Request("GET /evil HTTP/1.1\r\na: b\r\n", url)
    yield httpx.Request("", url)
    yield httpx.Request("GET", url, extensions={"target": b"/a b"})
    yield httpx.Request("GET", url, headers=[("host", "a"), ("host", "b")])
    yield httpx.Request("PUT", url, content=b"", headers={"content-length": "-1"})
    yield httpx.Request("PUT", url, content=b"a", headers={"content-length": "1_0"})
    yield httpx.Request("PUT", url, content=b"a", headers={"transfer-encoding": "gzip"})
    twice = [("content-length", "1"), ("content-length", "2")]
    yield httpx.Request("PUT", url, content=b"a", headers=twice)


def wrong_lengths(url):
    """Make requests with bodies that are not as long as they say."""
    yield httpx.Request("PUT", url, content=b"longer", headers={"content-length": "3"})
    yield httpx.Request("PUT", url, content=b"short", headers={"content-length": "9"})
    yield httpx.Request("PUT", url, content=pieces(), headers={"content-length": "4"})
    yield httpx.Request("PUT", url, content=pieces(), headers={"content-length": "99"})


async def call(transport, request):
    """Send a request and read its response."""
    response = await transport.handle_async_request(request)
    try:
        return await response.aread()
    finally:
        await response.aclose()


@BACKENDS
@pytest.mark.parametrize("fail", [hang_up, reset, answer_in_part, answer_nonsense])
async def test_one_call_is_one_request_on_a_connection_that_drops(backend, fail):
    """Whatever the method, a request on a reused connection that drops is not sent again."""

    async def drop_the_second(stream, served):
        if served == 1:
            await stream.send(OK)
            return True
        await fail(stream)
        return False

    async with serving(drop_the_second) as server, backend() as transport:
        for calls, method in enumerate(METHODS, 1):
            await call(transport, httpx.Request("GET", server.url))
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                await call(transport, httpx.Request(method, server.url, content=b""))
            # Time for a second copy to arrive, were there one.
            await call(transport, httpx.Request("GET", server.url, headers={"connection": "close"}))
            assert server.requests == 3 * calls
            assert server.received[-2].startswith(method.encode() + b" / HTTP/1.1\r\n")
        assert transport.open_connections == 0


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_both_backends_send_the_same_bytes():
    """Requests of every shape arrive byte for byte as httpcore and h11 send them."""

    async def say_nothing(stream, _served):
        await stream.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with serving(say_nothing) as server:
        sent = []
        for backend in (PooledTransport, AiohttpTransport):
            async with backend() as transport:
                for request in requests(server.url):
                    await call(transport, request)
            sent.append(server.received[:])
            server.received.clear()
        assert sent[0] == sent[1]
        assert len(sent[0]) == len(list(requests(server.url)))


@BACKENDS
async def test_an_ill_formed_request_is_not_sent(backend):
    """What would not be HTTP is a LocalProtocolError, names no value, and frees its slot."""
    async with serving(reply) as server:
        for request in ill_formed(server.url):
            async with backend() as transport:
                with pytest.raises(httpx.LocalProtocolError) as caught:
                    await call(transport, request)
                assert caught.value.request is request
                assert transport.open_connections == 0
        await anyio.sleep(0.01)
        assert server.requests == 0


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_body_of_another_length_than_it_says_is_not_sent_whole():
    """A body that is not as long as Content-Length says is a LocalProtocolError."""
    async with serving(reply) as server, AiohttpTransport() as transport:
        for request in wrong_lengths(server.url):
            with pytest.raises(httpx.LocalProtocolError, match="not as long as Content-Length"):
                await call(transport, request)
            assert transport.open_connections == 0
        await anyio.sleep(0.01)
        assert server.requests == 0


@BACKENDS
async def test_a_connection_said_to_close_is_not_used_again(backend):
    """`Connection: close` in a request or in an answer ends the connection."""
    closing = OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)

    async def answer(stream, _served):
        await stream.send(closing if server.requests == 2 else OK)

    async with serving(answer) as server, backend() as transport:
        await call(transport, httpx.Request("GET", server.url, headers={"Connection": "close"}))
        assert transport.open_connections == 0
        await call(transport, httpx.Request("GET", server.url))
        assert transport.open_connections == 0
        await call(transport, httpx.Request("GET", server.url))
        assert (transport.open_connections, server.connections) == (1, 3)


@BACKENDS
async def test_a_server_that_takes_nothing_is_a_write_timeout(backend):
    """A body that does not leave in time is a WriteTimeout, and its connection is closed."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        timeouts = {"timeout": {"write": 0.05, "read": 5}}
        request = httpx.Request("PUT", url, content=b"x" * 30_000_000, extensions=timeouts)
        async with backend() as transport:
            with pytest.raises(httpx.WriteTimeout) as caught:
                await call(transport, request)
            assert caught.value.request is request
            assert transport.open_connections == 0


@BACKENDS
async def test_an_answer_before_the_end_of_a_body_is_heard(backend):
    """A server may refuse a body before it has read it, and hang up."""

    async def refuse(stream):
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
            await stream.send_eof()
            # Hanging up at once would reset the connection, which might overtake the answer.
            async for _ in stream:
                pass

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - not Django's
    async with listener, anyio.create_task_group() as group, backend() as transport:
        group.start_soon(listener.serve, refuse)
        request = httpx.Request("PUT", f"http://127.0.0.1:{port}/", content=b"x" * 30_000_000)
        response = await transport.handle_async_request(request)
        assert (response.status_code, await response.aread()) == (413, b"no")
        assert transport.in_use == 0
        group.cancel_scope.cancel()


@BACKENDS
async def test_an_error_of_the_body_passes_unchanged(backend):
    """What a caller's own body raises comes out as it is, and frees the slot."""

    async def broken():
        yield b"one"
        raise FileNotFoundError

    async with serving(reply) as server, backend() as transport:
        with pytest.raises(FileNotFoundError):
            await call(transport, httpx.Request("PUT", server.url, content=broken()))
        assert (transport.open_connections, server.requests) == (0, 0)
