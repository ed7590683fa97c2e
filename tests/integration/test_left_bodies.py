"""An answer that is left half-read leaves no generator to the garbage collector."""

import gc
import sys
from contextlib import AsyncExitStack, contextmanager

import anyio
import httpx
import pytest
from anyio.abc import SocketAttribute

from airview_herald.airview._backend import Backend
from airview_herald.errors import AirViewHeraldError, DeadlineError
from airview_herald.transport import PooledTransport, Retry

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"


@contextmanager
def nothing_left_over():
    """See that no generator is collected before it has ended; what asyncio and trio act upon."""
    names = []
    before = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(finalizer=lambda each: names.append(each.__qualname__))
    try:
        yield
        gc.collect()
    finally:
        sys.set_asyncgen_hooks(*before)
    assert names == []


@pytest.fixture
async def serve():
    """Answer every request with a head and a first chunk, and then drip."""
    async with AsyncExitStack() as opened, anyio.create_task_group() as tasks:

        async def start(head, *chunks, again=b""):
            async def answer(stream):
                try:
                    async with stream:
                        await stream.receive()
                        await stream.send(_HEAD + head + b"\r\n")
                        for chunk in chunks:
                            await stream.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                        while again:
                            await anyio.sleep(0.02)
                            await stream.send(b"%x\r\n%s\r\n" % (len(again), again))
                        await stream.send(b"0\r\n\r\n")
                except (anyio.BrokenResourceError, anyio.EndOfStream):
                    pass

            listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
            await opened.enter_async_context(listener)
            tasks.start_soon(listener.serve, answer)
            return f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"  # noqa: S610 - not Django's

        yield start
        tasks.cancel_scope.cancel()


@pytest.fixture(params=["PooledTransport", "AsyncHTTPTransport", "AsyncClient"])
async def http(request):
    """What may carry requests: our connections, httpx's own, a caller's client."""
    kinds = {
        "PooledTransport": PooledTransport,
        "AsyncHTTPTransport": httpx.AsyncHTTPTransport,
        "AsyncClient": httpx.AsyncClient,
    }
    async with kinds[request.param]() as carrier:
        yield carrier


async def test_at_the_deadline(connect, serve, http):
    """A body that drips beyond it is ended, from its innermost generator outwards."""
    url = await serve(b"", b"[", again=b" ")
    async with connect(url, http=http, timeout=httpx.Timeout(5)) as airview:
        operation = airview._recorder.sender.transport.operation()
        operation.deadline = 0.2
        backend = Backend(airview._recorder.sender.on_account(operation))
        with nothing_left_over(), pytest.raises(DeadlineError, match="still dripping"):
            await backend.get_environments()


async def test_a_body_that_is_not_what_its_encoding_says(connect, serve, http):
    """Bytes that are no gzip are found out when all of them are there."""
    url = await serve(b"Content-Encoding: gzip\r\n", b"no gzip", b"at all")
    async with connect(url, http=http, retry=Retry(attempts=1)) as airview:
        with nothing_left_over(), pytest.raises(AirViewHeraldError, match="DecodingError"):
            await airview.backend.get_environments()


async def test_when_it_is_cancelled(connect, serve, http):
    """A cancellation while a body drips ends it likewise."""
    url = await serve(b"", b"[", again=b" ")
    async with connect(url, http=http) as airview:
        with nothing_left_over(), anyio.move_on_after(0.2) as scope:
            await airview.backend.get_environments()
    assert scope.cancelled_caught


@pytest.mark.parametrize("again", [b"", b" "])
async def test_when_a_reader_of_the_transport_stops(serve, again):
    """Closing a response midway ends its body and frees its slot, whatever is in the buffer."""
    url = await serve(b"", *[b"x"] * 50, again=again)
    async with PooledTransport() as transport:
        with nothing_left_over():
            response = await transport.handle_async_request(httpx.Request("GET", url))
            async for chunk in response.stream:
                assert chunk == b"x"
                break
            await response.aclose()
        assert (transport.in_use, transport.open_connections) == (0, 0)


async def test_a_reader_that_stops_in_time(serve):
    """With httpx's client no generator of ours, or of httpcore's, is left either."""
    url = await serve(b"", b"x", again=b" ")
    async with httpx.AsyncClient(transport=PooledTransport()) as client:
        with nothing_left_over():
            async with client.stream("GET", url) as response:
                await anext(aiter(response.stream._stream))
