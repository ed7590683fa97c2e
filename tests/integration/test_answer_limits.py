"""No answer, however large, deep or endless, takes more than the client's `Limits` allow."""

import gzip
import itertools
import json
import re
import time
import tracemalloc
import zlib
from contextlib import AsyncExitStack

import httpx
import pytest
from raw_server import RawServer, answered

from airview_herald.airview._backend import Backend
from airview_herald.auth import ClientCredentials
from airview_herald.errors import (
    AuthenticationError,
    DecodeError,
    LimitError,
    NotFoundError,
    TransportError,
)
from airview_herald.transport import AiohttpTransport, Limits, PooledTransport, Retry

MIB = 2**20
# Small enough for a machine that is busy, large enough to show which limit it is.
LIMITS = Limits(
    response_bytes=64 * 1024,
    listing_bytes=256 * 1024,
    response_objects=10_000,
    listing_objects=20_000,
    header_bytes=8000,
    header_count=40,
)
BACKENDS = {
    "asyncio-pooled": ("asyncio", PooledTransport),
    "trio-pooled": ("trio", PooledTransport),
    "asyncio-aiohttp": ("asyncio", AiohttpTransport),
    "asyncio-httpx client": ("asyncio", httpx.AsyncClient),
    "trio-httpx client": ("trio", httpx.AsyncClient),
    "asyncio-httpx transport": ("asyncio", httpx.AsyncHTTPTransport),
    "trio-httpx transport": ("trio", httpx.AsyncHTTPTransport),
}
EVERY_BACKEND = pytest.mark.parametrize(
    ("anyio_backend", "backend"), BACKENDS.values(), ids=BACKENDS.keys()
)
BOTH = pytest.mark.parametrize(
    ("anyio_backend", "backend"), list(BACKENDS.values())[:3], ids=list(BACKENDS)[:3]
)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def _zeros(size):
    """Return so many zeros as gzip, made without holding them."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = bytes(MIB)
    return b"".join([*(deflater.compress(piece) for _ in range(size // MIB)), deflater.flush()])


# On the wire within every limit.
BOMB = _zeros(32 * MIB)
DEFLATED = zlib.compress(bytes(32 * MIB))


def encoded(body, coding):
    """Return an answer that says what was done to its body."""
    return answered(body, 200, b"Content-Encoding: " + coding)


def endless(piece, first=b""):
    """Yield a first piece, and then another for ever."""
    yield first
    yield from itertools.repeat(piece)


def objects(count):
    """Return a list of empty objects, which makes so many objects and lists in all."""
    return b"[" + b",".join([b"{}"] * (count - 1)) + b"]"


# What the server answers, and the limit that it goes beyond.
TOO_MUCH = {
    "a length": (lambda: answered(bytes(65_537)), "response_bytes"),
    "chunks without end": (
        lambda: endless(b"1000\r\n" + bytes(4096) + b"\r\n", CHUNKED),
        "response_bytes",
    ),
    "small chunks without end": (
        lambda: endless((b"10\r\n" + bytes(16) + b"\r\n") * 100, CHUNKED),
        "response_bytes",
    ),
    "until it hangs up": (
        lambda: endless(bytes(4096), b"HTTP/1.1 200 OK\r\n\r\n"),
        "response_bytes",
    ),
    "a gzip bomb": (lambda: encoded(BOMB, b"gzip"), "response_bytes"),
    "a bomb of bombs": (lambda: encoded(gzip.compress(BOMB), b"gzip, x-gzip"), "response_bytes"),
    "a deflate bomb": (
        lambda: encoded(DEFLATED, b"deflate"),
        "response_bytes",
    ),
    "a deflate bomb, raw": (
        lambda: encoded(DEFLATED[2:-4], b"deflate"),
        "response_bytes",
    ),
    "a long header": (lambda: answered(b"{}", 200, b"X: " + b"x" * 8000), "header_bytes"),
    "many headers": (lambda: answered(b"{}", 200, *[b"X: x"] * 40), "header_count"),
    "a head without end": (
        lambda: endless((b"X: " + b"x" * 500 + b"\r\n") * 9, b"HTTP/1.1 200 OK\r\n"),
        "header_bytes",
    ),
    "a header without end": (
        lambda: endless(b"x" * 5000, b"HTTP/1.1 200 OK\r\nX: "),
        "header_bytes",
    ),
    "empty objects": (lambda: answered(objects(10_001)), "response_objects"),
    "empty objects in gzip": (
        lambda: encoded(gzip.compress(objects(10_001)), b"gzip"),
        "response_objects",
    ),
    "deep JSON": (lambda: answered(b"[" * 101 + b"]" * 101), "json_depth"),
    "deep JSON, of objects": (lambda: answered(b'{"a":' * 101 + b"1" + b"}" * 101), "json_depth"),
}


@pytest.fixture
async def carried(backend, connect):
    """Make clients over a backend, which is closed at the end."""
    async with AsyncExitStack() as opened:

        async def make(url, **options):
            http = await opened.enter_async_context(backend())
            return await opened.enter_async_context(connect(url, http=http, **options))

        yield make


@EVERY_BACKEND
@pytest.mark.parametrize("case", TOO_MUCH)
async def test_too_much(carried, backend, case):
    """It is an error that names the limit; it is asked for once, and its slot is not lost."""
    pieces, limit = TOO_MUCH[case]
    answers = iter([pieces])
    with RawServer(lambda _: next(answers, lambda: answered(b"null"))()) as server:
        airview = await carried(server.url, limits=LIMITS)
        tracemalloc.start()
        with pytest.raises(LimitError) as caught:
            await airview.backend.get_application(1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        error = caught.value
        # Of a head that does not end, what is read of any.
        limits = Limits() if "does not end" in str(error) else LIMITS
        assert (error.limit, error.allowed) == (limit, getattr(limits, limit))
        assert error.met >= error.allowed
        assert f"limits.{limit} allows {error.allowed}" in str(error)
        assert str(error).startswith(f"GET {server.url}/applications/1: ")
        assert not error.ambiguous
        assert peak < 16 * MIB  # and the bombs have 32
        assert len(server.received) == 1
        with pytest.raises(DecodeError):  # the next one is carried
            await airview.backend.get_application(2)


@EVERY_BACKEND
@pytest.mark.parametrize(
    "pieces",
    [
        answered(b'"' + b"x" * 65_534 + b'"'),
        encoded(gzip.compress(b'"' + b"x" * 65_534 + b'"'), b"gzip"),
        encoded(zlib.compress(b'"' + b"x" * 65_534 + b'"'), b"deflate"),
        encoded(zlib.compress(b'"x"')[2:-4], b"deflate"),
        encoded(gzip.compress(gzip.compress(b'"x"')), b"gzip, identity, X-GZIP"),
        answered(b'"x"', 200, b"X: " + b"x" * 7900),
        answered(b'"x"', 200, *[b"X: x"] * 39),
        answered(b"[" * 100 + b"]" * 100),
        answered(objects(10_000)),
        answered(b'["' + b"{" * 20_000 + b'"]'),
    ],
    ids=[
        *("length", "gzip", "deflate", "raw deflate", "twice", "header", "headers", "depth"),
        *("objects", "braces in a text"),
    ],
)
async def test_as_much_as_is_allowed(carried, backend, pieces):
    """What is just within a limit is read."""
    with RawServer(lambda _: pieces) as server:
        airview = await carried(server.url, limits=LIMITS)
        with pytest.raises(DecodeError, match="expected an object, got"):
            await airview.backend.get_application(1)


@EVERY_BACKEND
async def test_a_listing_may_be_longer(carried, backend):
    """A route that lists rows without pages has a limit of its own."""
    row = b'{"id": 1, "name": "Production", "abbreviation": "PRD"}'
    rows = {b"/environments/": 1000}
    with RawServer(
        lambda request: answered(b"[" + b",".join([row] * rows[request.target]) + b"]")
    ) as server:
        airview = await carried(server.url, limits=LIMITS)
        assert len(await airview.backend.get_environments()) == 1000
        rows[b"/environments/"] = 10_000
        with pytest.raises(LimitError, match=r"limits.listing_bytes allows 262144"):
            await airview.backend.get_environments()


@EVERY_BACKEND
async def test_a_listing_may_have_more_objects(carried, backend):
    """A route that lists rows without pages has a limit of its own for them, too."""
    bodies = iter([objects(20_000), objects(20_001)])
    with RawServer(lambda _: answered(next(bodies))) as server:
        airview = await carried(server.url, limits=LIMITS)
        with pytest.raises(DecodeError, match=r"field missing @ \$\[0\]\.name"):
            await airview.backend.get_environments()
        with pytest.raises(LimitError, match=r"JSON has 20001 objects .* allows 20000"):
            await airview.backend.get_environments()


@EVERY_BACKEND
@pytest.mark.parametrize(
    ("coding", "body", "reason"),
    [
        (b"br", b"x", "encoded otherwise than in gzip or deflate"),
        (b"gzip, gzip, gzip", b"x", "encoded more than twice"),
        (b"gzip", gzip.compress(b"null")[:-1], "no whole gzip: it is cut short"),
        (b"deflate, gzip", gzip.compress(b""), "no whole deflate: it is cut short"),
        (b"gzip", gzip.compress(b"null") + b"x", "no whole gzip: it goes on behind its end"),
        (b"gzip", gzip.compress(bytes(200_000)) * 2, "no whole gzip: it goes on behind its end"),
        (b"gzip", b"no gzip at all", "no whole gzip: Error -3"),
        (b"deflate", zlib.compress(b"null")[:-1], "no whole deflate: it is cut short"),
    ],
    ids=["unknown", "thrice", "cut", "empty", "longer", "two", "none", "cut deflate"],
)
async def test_a_body_that_is_not_what_it_says(carried, backend, coding, body, reason):
    """It is an error that says what is wrong with its encoding."""
    with RawServer(lambda _: encoded(body, coding)) as server:
        airview = await carried(server.url, retry=Retry(attempts=1))
        with pytest.raises(TransportError, match=re.escape(reason)):
            await airview.backend.get_application(1)


def dripping(piece, seconds):
    """Yield a piece again and again, slowly."""
    yield b"HTTP/1.1 100 Continue\r\nX: "
    while True:
        time.sleep(seconds)
        yield piece


@EVERY_BACKEND
@pytest.mark.parametrize("piece", [b"x", b"x\r\n\r\nHTTP/1.1 100 Continue\r\nX: "])
async def test_a_head_that_drips(carried, backend, piece):
    """It ends at the operation's deadline, though each byte comes in time."""
    with RawServer(lambda _: dripping(piece, 0.02)) as server:
        airview = await carried(server.url, retry=Retry(attempts=1))
        sender = airview._recorder.sender
        operation = sender.transport.operation()
        operation.deadline = 0.3
        began = time.monotonic()
        with pytest.raises(TransportError, match=r"head at the deadline|ReadTimeout"):
            await Backend(sender.on_account(operation)).get_application(1)
        assert time.monotonic() - began < 10  # and not 30 a byte


@BOTH
async def test_interim_answers_without_end(carried, backend):
    """However many a server sends, they are a head that does not end."""
    with RawServer(lambda _: endless(b"HTTP/1.1 103 X\r\nX: x\r\n\r\n" * 99)) as server:
        airview = await carried(server.url)
        with pytest.raises(LimitError, match="head does not end within") as caught:
            await airview.backend.get_application(1)
        assert caught.value.limit == "header_bytes"
        assert len(server.received) == 1


@BOTH
async def test_short_lines_without_end(carried, backend):
    """Lines of a head are counted, or its bytes are, whichever ends it first."""
    with RawServer(lambda _: endless(b"X:\r\n" * 999, b"HTTP/1.1 200 OK\r\n")) as server:
        airview = await carried(server.url)
        with pytest.raises(LimitError) as caught:
            await airview.backend.get_application(1)
        assert caught.value.limit in {"header_bytes", "header_count"}
        assert caught.value.met >= caught.value.allowed


@pytest.mark.parametrize(
    ("status", "requests", "error"),
    [(200, 1, None), (404, 1, 404), (503, 4, 503), (429, 4, 429), (500, 4, 500)],
)
async def test_a_refusal_is_one_however_long_its_page_is(connect, status, requests, error):
    """The status decides whether a read is repeated; a success is not asked for again."""
    retry = Retry(base=0, cap=0)
    with RawServer(lambda _: answered(bytes(70_000), status)) as server:
        async with connect(server.url, limits=LIMITS, retry=retry) as airview:
            with pytest.raises(LimitError) as caught:
                await airview.backend.get_application(1)
        assert caught.value.status == status
        assert len(server.received) == requests


async def test_the_words_of_a_refusal_are_cut(connect):
    """An error that a report keeps holds 2,000 characters of what the server said."""
    body = json.dumps({"code": 404, "status": "Not Found", "message": "x" * 50_000}).encode()
    with RawServer(lambda _: answered(body, 404)) as server:
        async with connect(server.url) as airview:
            with pytest.raises(NotFoundError) as caught:
                await airview.backend.get_environments()
    assert caught.value.request.message == "x" * 2000 + "…"


async def test_a_deep_refusal_is_no_json(connect, call_herald):
    """An error's body that is nested too deep is its text: the status is the error all the same."""
    deep = b'{"error":' * 101 + b"1" + b"}" * 101
    with RawServer(lambda _: answered(deep, 404)) as server:
        async with connect(server.url) as airview:
            with pytest.raises(NotFoundError) as caught:
                await airview.backend.get_environments()
            assert not caught.value.own
        async with call_herald(
            global_endpoint=server.url, aims_token="t", account_id="1"
        ) as herald:
            with pytest.raises(NotFoundError) as caught:
                await herald.get_account_integrations()
            assert caught.value.body == deep.decode()


async def test_another_limit_for_one_call(connect):
    """A sibling of a client reads more, or less."""
    with RawServer(lambda _: answered(b"[" + b" " * 1000 + b"]")) as server:
        async with connect(server.url) as airview:
            narrow = airview.with_options(limits=Limits(listing_bytes=1000))
            with pytest.raises(LimitError, match=r"has 1002 bytes or more, and .* allows 1000"):
                await narrow.backend.get_environments()
            assert list(await airview.backend.get_environments()) == []
            assert (
                narrow.with_options(
                    timeout=3
                )._recorder.sender.transport.options.limits.listing_bytes
                == 1000
            )


async def test_a_token_service_has_them_too(connect):
    """What it answers beyond a limit is no token, and the batch does not ask it for each event."""
    deep = b'{"access_token":' + b"[" * 101 + b"]" * 101 + b"}"
    for body, limit in ((bytes(70_000), "response_bytes"), (deep, "json_depth")):
        with RawServer(lambda _, body=body: answered(body)) as server:
            auth = ClientCredentials(f"{server.url}/token", "id", "planted-secret")
            async with connect(server.url, auth=auth, limits=LIMITS) as airview:
                with pytest.raises(AuthenticationError, match=rf"limits\.{limit} allows"):
                    await airview.backend.get_environments()
            assert len(server.received) == 1


async def test_herald_has_them(call_herald):
    """The other client takes the same setting."""
    with RawServer(lambda _: answered(bytes(70_000))) as server:
        async with call_herald(
            global_endpoint=server.url, aims_token="t", account_id="1", limits=LIMITS
        ) as herald:
            with pytest.raises(LimitError, match=r"limits\.response_bytes allows 65536"):
                await herald.get_account_integrations()
            wide = herald.with_options(limits=Limits())
            with pytest.raises(DecodeError, match="not JSON"):
                await wide.with_options(retry=Retry(attempts=1)).get_account_integrations()
