"""Answers through both backends: read alike, refused alike, timed alike."""

import errno
import gzip
import os
import socket
import ssl
import struct
import traceback
import zlib

import anyio
import httpx
import pytest
from anyio.abc import SocketAttribute
from backends import BACKENDS
from counting import serving

from airview_herald.errors import RequestFacts
from airview_herald.transport._failures import from_httpx

HEAD = b"HTTP/1.1 200 OK\r\n"
ZIPPED = gzip.compress(b'{"id": 1}')
DEFLATED = zlib.compress(b'{"id": 2}')
LONG = b"x" * 300_000

# What the server sends; then status, raw headers, body and reason, and whether it is the last.
ANSWERS = {
    "plain": (HEAD + b"Content-Length: 2\r\n\r\nok", 200, b"ok", False),
    "empty": (HEAD + b"Content-Length: 0\r\n\r\n", 200, b"", False),
    "no content": (b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n", 204, b"", False),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b"", False),
    "cookies": (
        HEAD + b"Set-Cookie: a=b\r\nset-cookie: c=d; Path=/\r\nX-Empty:\r\nx-ODD: \xe9 \xfc\r\n"
        b"Content-Length: 2\r\n\r\nok", 200, b"ok", False,
    ),
    "no reason": (b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    "odd reason": (b"HTTP/1.1 299 I am fine\r\nContent-Length: 2\r\n\r\nok", 299, b"ok", False),
    "redirect": (b"HTTP/1.1 307 T\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n", 307, b"", False),
    "chunked": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        200, b"abcde", False,
    ),
    "trailers": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: 1\r\n\r\n", 200, b"a", False,
    ),
    "gzip": (
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED) + ZIPPED,
        200, b'{"id": 1}', False,
    ),
    "deflate": (
        HEAD + b"Content-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(DEFLATED)
        + DEFLATED, 200, b'{"id": 2}', False,
    ),
    "long": (HEAD + b"Content-Length: %d\r\n\r\n" % len(LONG) + LONG, 200, LONG, False),
    "informational": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
        + HEAD + b"Content-Length: 2\r\n\r\nok", 200, b"ok", False,
    ),
    "to the end": (HEAD + b"X-A: b\r\n\r\nto the end", 200, b"to the end", True),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nX-A: b\r\n\r\nold", 200, b"old", True),
    "closing": (HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
    "long header": (
        HEAD + b"X-Long: " + b"y" * 60_000 + b"\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False,
    ),
}  # fmt: skip

NONSENSE = {
    "nothing": b"",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "status": b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
    "header": HEAD + b"no colon\r\nContent-Length: 0\r\n\r\n",
    "lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "length": HEAD + b"Content-Length: two\r\n\r\nok",
    "line": HEAD + b"X-Long: " + b"x" * 200_000,
    "cut head": HEAD + b"Content-Le",
    "cut body": HEAD + b"Content-Length: 9\r\n\r\npart",
    "chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n",
    "cut chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    "no last chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
}

ECHO = b"Authorization: Bearer s3cret\x1b[2J\r\n"
ECHOES = {
    "status": ECHO,
    "status in quotes": b'HTTP/1.1 200" ' + ECHO,
    "header": HEAD + b"X " + ECHO,
    "value": HEAD + b"Content-Length: " + ECHO + b"\r\n",
    "chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + ECHO + b"\r\n",
}

BEGINNINGS = {
    "nothing": b"",
    "cut head": HEAD + b"Content-Le",
    "cut body": HEAD + b"Content-Length: 9\r\n\r\npart",
    "cut chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    "to the end": HEAD + b"X-A: b\r\n\r\nnot the end",
}


def get(url, **timeouts):
    """Build a request, with timeouts in seconds."""
    return httpx.Request("GET", url, extensions={"timeout": timeouts})


async def call(transport, request):
    """Send a request and read its response."""
    response = await transport.handle_async_request(request)
    try:
        await response.aread()
    finally:
        await response.aclose()
    return response


def raw_headers(data):
    """Return the headers of the last head in what a server sends."""
    head = data[: data.rindex(b"\r\n\r\n")] if data.count(b"HTTP/") > 1 else data
    lines = head[head.rindex(b"HTTP/") :].split(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    return [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]


@BACKENDS
@pytest.mark.parametrize("pace", ["whole", "in pieces"])
@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_is_read_as_it_was_sent(backend, pace, name):
    """Status, headers, reason and body come as sent, and only the codings are httpx's to undo."""
    data, status, body, last = ANSWERS[name]

    async def answer(stream, _served):
        if pace == "whole" or len(data) > 1_000:
            await stream.send(data)
        else:
            for at in range(0, len(data), 7):
                await stream.send(data[at : at + 7])
                await anyio.lowlevel.checkpoint()
        return not last

    async with serving(answer) as server, backend() as transport:
        for _ in range(2):
            response = await call(transport, get(server.url, read=5))
            assert (response.status_code, response.content) == (status, body)
            assert response.headers.raw == raw_headers(data)
            first_line = data[data.rindex(b"HTTP/") :].split(b"\r\n")[0]
            version, _, reason = (part.encode() for part in first_line.decode().split(" ", 2))
            assert response.extensions["http_version"] == version
            assert response.extensions["reason_phrase"] == reason
            assert transport.in_use == 0
        assert server.connections == (2 if last else 1)


@BACKENDS
async def test_an_answer_to_head_has_no_body(backend):
    """The length that an answer to HEAD names is that of another answer."""

    async def answer(stream, _served):
        await stream.send(HEAD + b"Content-Length: 9\r\n\r\n")

    async with serving(answer) as server, backend() as transport:
        for _ in range(2):
            response = await call(transport, httpx.Request("HEAD", server.url))
            assert (response.content, response.headers["content-length"]) == (b"", "9")
        assert server.connections == 1


@BACKENDS
@pytest.mark.parametrize("name", NONSENSE)
async def test_an_answer_that_is_none_is_a_protocol_error(backend, name):
    """What is not HTTP, or ends too early, is a RemoteProtocolError, and frees its slot."""

    async def answer(stream, _served):
        await stream.send(NONSENSE[name])
        return False

    async with serving(answer) as server, backend() as transport:
        request = get(server.url, read=5)
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            await call(transport, request)
        assert caught.value.request is request
        assert (server.requests, transport.open_connections) == (1, 0)


@BACKENDS
@pytest.mark.parametrize("name", ECHOES)
async def test_an_error_repeats_nothing_of_an_answer_that_is_none(backend, name):
    """What a gateway says may be the request itself, with its token, or not fit to be shown."""

    async def answer(stream, _served):
        await stream.send(ECHOES[name])
        return False

    async with serving(answer) as server, backend() as transport:
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            await call(transport, get(server.url, read=5))
    error = from_httpx(caught.value, RequestFacts(method="GET", url=server.url)).error
    told = "".join(traceback.format_exception(error))
    assert "RemoteProtocolError: " in str(error)
    assert "s3cret" not in told
    assert "\x1b" not in told


@BACKENDS
@pytest.mark.parametrize("name", BEGINNINGS)
async def test_a_connection_that_breaks_is_a_read_error(backend, name):
    """A reset within an answer is a ReadError, even where the end of the connection is the end."""

    async def answer(stream, _served):
        if BEGINNINGS[name]:
            await stream.send(BEGINNINGS[name])
            await anyio.sleep(0.02)  # a reset overtakes what was sent before it
        option = struct.pack("ii", 1, 0)
        sock = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - not Django's
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
        return False

    async with serving(answer) as server, backend() as transport:
        request = get(server.url, read=5)
        with pytest.raises(httpx.ReadError) as caught:
            await call(transport, request)
        assert caught.value.request is request
        assert (server.requests, transport.open_connections) == (1, 0)


@BACKENDS
async def test_what_follows_an_answer_unasked_is_nobodys(backend):
    """A connection on which a server speaks unasked is not used again."""

    async def answer(stream, served):
        await stream.send(HEAD + b"Content-Length: 1\r\n\r\n%d" % server.requests)
        await sent.wait()
        if served == 1:
            await stream.send(HEAD + b"Content-Length: 4\r\n\r\nevil")
            spoken.set()

    async with serving(answer) as server, backend() as transport:
        sent, spoken = anyio.Event(), anyio.Event()
        assert (await call(transport, get(server.url))).content == b"1"
        sent.set()
        await spoken.wait()
        await anyio.sleep(0.01)
        assert (await call(transport, get(server.url))).content == b"2"
        assert server.connections == 2


@BACKENDS
@pytest.mark.parametrize("begun", [b"", HEAD, HEAD + b"Content-Length: 9\r\n\r\npart"])
async def test_silence_in_an_answer_is_a_read_timeout(backend, begun):
    """The read timeout limits each wait: for the head, and between the parts of the body."""

    async def answer(stream, _served):
        if begun:
            await stream.send(begun)
        await anyio.sleep_forever()

    async with serving(answer) as server, backend() as transport:
        request = get(server.url, read=0.03)
        with pytest.raises(httpx.ReadTimeout) as caught:
            await call(transport, request)
        assert caught.value.request is request
        assert (server.requests, transport.open_connections) == (1, 0)


@BACKENDS
async def test_only_waiting_is_timed(backend):
    """Neither a slow but steady answer nor a slow reader meets the read timeout."""

    async def answer(stream, _served):
        await stream.send(HEAD + b"Content-Length: 10\r\n\r\n")
        for _ in range(10):
            await anyio.sleep(0.02)
            await stream.send(b"x")

    async with serving(answer) as server, backend() as transport:
        response = await transport.handle_async_request(get(server.url, read=0.15))
        await anyio.sleep(0.3)
        assert await response.aread() == b"x" * 10


@BACKENDS
async def test_a_handshake_that_does_not_come_is_a_connect_timeout(backend):
    """The connect timeout covers TLS; nothing of the request was sent."""

    async def never_shake(stream, _served):
        await stream.send(b"")

    async with serving(never_shake) as server, backend(verify=False) as transport:
        request = get(server.url.replace("http:", "https:"), connect=0.05)
        with pytest.raises(httpx.ConnectTimeout) as caught:
            await call(transport, request)
        assert caught.value.request is request
        assert (server.requests, transport.open_connections) == (0, 0)


@BACKENDS
async def test_an_error_says_why_there_is_no_connection(backend):
    """What the system says, and not only that all attempts failed."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        async with backend() as transport:
            with pytest.raises(httpx.ConnectError) as caught:
                await call(transport, get(url))
    error = from_httpx(caught.value, RequestFacts(method="GET", url=url)).error
    assert str(error) == f"GET {url}: ConnectError: {os.strerror(errno.ECONNREFUSED)}"


@pytest.mark.parametrize(
    "cause",
    [ssl.SSLEOFError(8, "EOF occurred"), socket.gaierror(8, "nodename nor servname provided")],
    ids=lambda cause: type(cause).__name__,
)
def test_numbers_that_are_not_the_systems_are_not_read_as_its_own(cause):
    """Eight is no end of a TLS handshake there, and no missing name, but a bad executable."""
    caught = httpx.ConnectError(str(cause))
    caught.__cause__ = cause
    error = from_httpx(caught, RequestFacts(method="GET", url="https://host/")).error
    assert str(error) == f"GET https://host/: ConnectError: {cause}"


@BACKENDS
async def test_a_host_that_is_not_known_is_a_connect_error(backend):
    """A name that cannot be resolved is a ConnectError."""
    async with backend() as transport:
        with pytest.raises(httpx.ConnectError):
            await call(transport, get("http://airview.invalid/"))
        assert transport.open_connections == 0


@BACKENDS
async def test_a_body_is_streamed(backend):
    """A body is read as it comes; at most a little of it waits in memory."""
    sent = 0

    async def answer(stream, _served):
        nonlocal sent
        await stream.send(HEAD + b"Content-Length: %d\r\n\r\n" % (200 * len(LONG)))
        for _ in range(200):
            await stream.send(LONG)
            sent += len(LONG)

    async with serving(answer) as server, backend() as transport:
        response = await transport.handle_async_request(get(server.url, read=5))
        await anyio.sleep(0.1)
        assert sent < 100 * len(LONG)
        received = 0
        async for chunk in response.aiter_raw():
            received += len(chunk)
        assert received == 200 * len(LONG)
        assert (transport.in_use, transport.idle_connections) == (0, 1)
