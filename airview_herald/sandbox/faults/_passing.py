"""How a proxy passes a connection on, and breaks it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from airview_herald.sandbox._server import reset_on_close
from airview_herald.sandbox.faults._schedule import Strike

_CHUNK = 65_536
_LARGEST_SEGMENT = 8


class ProxyFault(StrEnum):
    """What a connection can meet; a plain string of the same text does as well.

    | kind             | what happens                                                             |
    |------------------|--------------------------------------------------------------------------|
    | `reset`          | an RST as soon as it is accepted                                         |
    | `close_request`  | its end on both sides within a request, after so many bytes              |
    | `close_response` | its end on both sides within a response, after so many bytes             |
    | `half_close`     | its end towards the client after so many bytes of responses, while the   |
    |                  | server still gets what the client sends                                  |
    | `delay`          | each piece of data, on the way there and back, comes late                |
    | `segments`       | all data comes in segments of 1 to 8 bytes                               |

    Bytes are counted from the connection's start, over all of its requests or responses.
    """

    RESET = "reset"
    CLOSE_REQUEST = "close_request"
    CLOSE_RESPONSE = "close_response"
    HALF_CLOSE = "half_close"
    DELAY = "delay"
    SEGMENTS = "segments"


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every connection.

    Attributes:
        host: The server's host.
        port: The server's port.
        reach: Within how many bytes a connection ends.
        delay: Seconds by which data comes late.
    """

    host: str
    port: int
    reach: int
    delay: float


class Passing:
    """One connection of a client, and what strikes it.

    Args:
        terms: What holds for every connection.
        strike: What strikes this one.
        count: Called once when it does.
    """

    def __init__(
        self,
        terms: Terms,
        strike: Strike[ProxyFault] | None,
        count: Callable[[ProxyFault], None],
    ) -> None:
        self._terms = terms
        self._kind = None if strike is None else strike.kind
        extent = 0.0 if strike is None else strike.extent
        self._bytes = 1 + int(extent * terms.reach)
        self._segment = 1 + int(extent * _LARGEST_SEGMENT)
        self._count = count

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect the client to the server until both have ended, or the strike ends it."""
        if self._kind is ProxyFault.RESET:
            self._struck()
            reset_on_close(writer.transport)
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(
                self._terms.host, self._terms.port
            )
        except OSError:
            reset_on_close(writer.transport)
            writer.transport.abort()
            return
        try:
            if self._kind in {ProxyFault.DELAY, ProxyFault.SEGMENTS}:
                self._struck()
            await self._both(reader, writer, far_reader, far_writer)
        finally:
            writer.close()
            far_writer.close()

    async def _both(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        ways = {
            asyncio.create_task(self._way(reader, far_writer, ProxyFault.CLOSE_REQUEST)),
            asyncio.create_task(self._way(far_reader, writer, ProxyFault.CLOSE_RESPONSE)),
        }
        try:
            while ways:
                done, ways = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                if not all(way.result() for way in done):
                    return
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _way(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, close: ProxyFault
    ) -> bool:
        """Pass data on until its end; return whether the other way may go on."""
        towards_client = close is ProxyFault.CLOSE_RESPONSE
        ends = self._kind is close or (self._kind is ProxyFault.HALF_CLOSE and towards_client)
        left = self._bytes
        try:
            while data := await source.read(_CHUNK):
                if ends and len(data) >= left:
                    await self._write(sink, data[:left])
                    self._struck()
                    if self._kind is not ProxyFault.HALF_CLOSE:
                        return False
                    break
                left -= len(data)
                await self._write(sink, data)
            sink.write_eof()
            while data:
                data = await source.read(_CHUNK)
        except OSError:
            # The other side is gone.
            return False
        return True

    async def _write(self, sink: asyncio.StreamWriter, data: bytes) -> None:
        if self._kind is ProxyFault.DELAY:
            await asyncio.sleep(self._terms.delay)
        size = self._segment if self._kind is ProxyFault.SEGMENTS else len(data)
        for start in range(0, len(data), size):
            sink.write(data[start : start + size])
            await sink.drain()
            # Lets the kernel send this segment before another could be joined to it.
            await asyncio.sleep(0)

    def _struck(self) -> None:
        if self._kind is not None:
            self._count(self._kind)
