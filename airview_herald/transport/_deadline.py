"""How the time that an operation has left bounds a request."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

import httpx


class WatchedStream(httpx.AsyncByteStream):
    """A body that stops when the operation's time is up, however slowly it drips."""

    def __init__(self, stream: httpx.AsyncByteStream, expired: Callable[[], bool]) -> None:
        self._stream = stream
        self._expired = expired

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._stream)
        async for chunk in chunks:
            if self._expired():
                # Left half-read, a generator would be the garbage collector's, which trio reports.
                if isinstance(chunks, AsyncGenerator):
                    await chunks.aclose()
                raise httpx.ReadTimeout("the answer is still dripping at the deadline")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def capped(timeouts: Mapping[str, float | None], remaining: float) -> dict[str, float | None]:
    """Return the limits of a request, none of them beyond what remains."""
    return {
        name: remaining if seconds is None else min(seconds, remaining)
        for name, seconds in timeouts.items()
    }
