"""Bodies: sent from memory; read whole, or left midway with nothing for the garbage collector.

A generator that is left half-read is the collector's to close: trio warns of it, asyncio makes a
task for it that nobody waits for. Closing one leaves those that it reads from to the collector.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import suppress
from typing import cast

import anyio
import httpx

from airview_herald.transport._inflating import inflated
from airview_herald.transport._limits import (
    Limits,
    OverLimitError,
    check_head,
    check_objects,
)

# The most chunks in the buffer of one read: each may be a single byte.
_BUFFERED = 65_536


class RequestBody:
    """A body in memory; cancelled, it needs no closing, unlike the generator httpx would give.

    Args:
        content: The whole body.
    """

    def __init__(self, content: bytes) -> None:
        self._chunks = iter((content,) if content else ())

    @classmethod
    def of(cls, request: httpx.Request) -> AsyncIterable[bytes]:
        """Return the body of a request; the request's own stream if it is not in memory."""
        try:
            return cls(request.content)
        except httpx.RequestNotRead:
            return cast("AsyncIterable[bytes]", request.stream)

    def __aiter__(self) -> RequestBody:
        return self

    async def __anext__(self) -> bytes:
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration


async def read_whole(
    response: httpx.Response,
    expired: Callable[[], bool],
    limits: Limits,
    *,
    listing: bool = False,
) -> None:
    """Read an answer to its end and close it, whatever happens.

    Args:
        response: The answer; its content is there afterwards.
        expired: Whether the time is up. Asked for each chunk, however slowly they drip.
        limits: How much of it is read.
        listing: Whether it lists every row.

    Raises:
        httpx.ReadTimeout: The time is up.
        OverLimitError: It goes beyond a limit. No more was read or decompressed.
        httpx.HTTPError: The body broke off, or cannot be decoded.
    """
    name = "listing_bytes" if listing else "response_bytes"
    most = limits.listing_bytes if listing else limits.response_bytes

    def grown(size: int) -> None:
        if size > most:
            what = f"the answer's body has {size} bytes or more"
            raise OverLimitError(what, name, most, size, response=response)

    if response.is_closed:
        check_head(response, limits)
        grown(len(response.content))
        check_objects(response.content, limits, response, listing=listing)
        return
    body = cast("httpx.AsyncByteStream", response.stream)
    content = bytearray()
    try:
        check_head(response, limits)
        chunks = aiter(body)
        async for chunk in chunks:
            content += chunk
            try:
                grown(len(content))
                if expired():
                    raise httpx.ReadTimeout(
                        "the answer is still dripping at the deadline", request=response.request
                    )
            except httpx.HTTPError:
                await leave(chunks)
                raise
    finally:
        # After a failed read it is for the reader to close the stream, and with it the connection.
        await body.aclose()
    # Not decoded by httpx, which has no limit and may leave asynchronous generators unclosed.
    whole = inflated(bytes(content), response, grown)
    check_objects(whole, limits, response, listing=listing)
    response.stream = httpx.ByteStream(whole)
    if not whole:
        response.read()
        return
    received, response.headers = response.headers, httpx.Headers()
    response.read()
    response.headers = received


async def leave(chunks: AsyncIterator[bytes]) -> None:
    """End a body that is not read to its end, and every generator that it is made of.

    It is read on under a cancelled scope: what the innermost one waits for raises, and all end from
    the inside out. What is in a buffer comes first.
    """
    if not isinstance(chunks, AsyncGenerator):
        return
    with suppress(StopAsyncIteration, Exception):
        with anyio.CancelScope(shield=True) as scope:
            scope.cancel()
            for _ in range(_BUFFERED):
                await anext(chunks)
        await chunks.aclose()
