"""One connection over aiohttp's protocol and parser: a request written, its answer read.

`aiohttp.ClientSession` is left out: it sends an idempotent request again when a reused connection
drops, which only a private switch stops. Here nothing else writes, and it costs half as much.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar, cast

import aiohappyeyeballs
import aiohttp
import httpx
from aiohttp.http import HttpProcessingError
from aiohttp.http_exceptions import LineTooLong, TransferEncodingError

from airview_herald.transport._aiohttp_protocol import MORE, MOST_LINES, Protocol
from airview_herald.transport._connection_pool import Connection
from airview_herald.transport._limits import (
    LONGEST_HEAD,
    check_awaited,
    endless_head,
    too_many_lines,
)

if TYPE_CHECKING:
    import ssl

    from aiohttp.http import RawResponseMessage

    from airview_herald.transport._connection_pool import Origin
    from airview_herald.transport._request_head import Head

T = TypeVar("T")
_Timeouts = Mapping[str, float | None]

_TOO_MANY_LINES: Final = "Too many headers"  # as aiohttp says it
_TOGETHER: Final = 65_536  # bytes of a body up to which copying costs less than another write
_LONGEST_REASON: Final = 200
_NEXT_ADDRESS: Final = 0.25  # seconds until another of a host's addresses is tried as well
_SWITCHING: Final = 101
_FINAL: Final = 200
_HTTP_1_1: Final = (1, 1)


class AiohttpConnection(Connection):
    """A connection that writes each request once.

    Args:
        origin: Scheme, host and port.
        tls: The context for https.
    """

    def __init__(self, origin: Origin, tls: ssl.SSLContext | None) -> None:
        super().__init__(origin)
        self._tls = tls if origin[0] == b"https" else None
        self._loop = asyncio.get_running_loop()
        self._protocol = Protocol(self._loop)
        self._is_readable: Callable[[], bool] = bool
        self._reusable = False

    def is_available(self) -> bool:
        """Return whether the request it served is done with, and it can serve another."""
        protocol = self._protocol
        return self._reusable and not protocol.should_close and protocol.is_connected()

    def has_expired(self) -> bool:
        """Return whether the server has closed it, or spoken unasked, while it was idle."""
        # Asks the socket itself, as the event loop may have been too busy to look at it.
        return not self.is_available() or self._is_readable()

    def retire(self) -> None:
        """Let it serve no other request: what is left of an answer would be the next one's."""
        self._reusable = False

    async def aclose(self) -> None:
        """Close it at once, whatever is still to be written or read."""
        transport = self._protocol.transport
        if transport is not None:
            transport.abort()
            await asyncio.sleep(0)  # the event loop closes the socket in its next turn

    async def connect(self, request: httpx.Request, seconds: float | None) -> None:
        """Open it.

        Args:
            request: What it is opened for.
            seconds: How long that may take, TLS included.

        Raises:
            httpx.ConnectTimeout: It took too long.
            httpx.ConnectError: It failed.
        """
        host, port = self.origin[1].decode("ascii"), self.origin[2]
        name = request.extensions.get("sni_hostname") or host
        try:
            async with asyncio.timeout(seconds):
                addresses = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                opened = await aiohappyeyeballs.start_connection(
                    addresses, happy_eyeballs_delay=_NEXT_ADDRESS
                )
                self._is_readable = _readable(opened.fileno())
                await self._loop.create_connection(
                    lambda: self._protocol,
                    sock=opened,
                    ssl=self._tls,
                    server_hostname=name if self._tls else None,
                )
        except TimeoutError as error:
            raise httpx.ConnectTimeout(str(error), request=request) from error
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(str(error), request=request) from error
        if not self._protocol.is_connected():
            raise httpx.ConnectError("The server hung up before anything was sent", request=request)

    async def exchange(
        self,
        request: httpx.Request,
        head: Head,
        timeouts: _Timeouts,
        release: Callable[[AiohttpConnection], Awaitable[None]],
    ) -> tuple[httpx.Response, bool]:
        """Write a request, and read the head of its answer.

        Args:
            request: The request.
            head: Its head.
            timeouts: Seconds; `write` and `read` count.
            release: Called when the answer's body is read to its end, fails or is closed.

        Returns:
            The answer, and whether its body came with it: then `release` is not called.

        Raises:
            httpx.TransportError: As httpx's own transport would.
        """
        self._reusable = False
        protocol = self._protocol
        protocol.set_response_params(
            skip_payload=request.method == "HEAD",
            read_until_eof=True,
            auto_decompress=False,
            max_line_size=LONGEST_HEAD,
            max_field_size=LONGEST_HEAD,
            **MORE,
        )
        protocol.awaits, protocol.received = request, 0
        await self._write(request, head, timeouts.get("write"))
        read = timeouts.get("read")
        while True:
            message, payload = await self.receive(protocol.read(), read, protocol, request)
            if message.code >= _FINAL or message.code == _SWITCHING:
                break
            # Interim answers might never end.
            check_awaited(request, protocol.received)
        protocol.awaits = None
        self._reusable = not head.closes
        stream: httpx.AsyncByteStream
        complete = payload.is_eof()
        if complete:
            self.check_end(message, payload, request)
            stream = httpx.ByteStream(payload.read_nowait())
        else:
            stream = _Body(self, (message, payload), read, request, release)
        version = message.version
        response = httpx.Response(
            message.code,
            headers=message.raw_headers,
            stream=stream,
            extensions={
                "http_version": b"HTTP/1.1" if version == _HTTP_1_1 else b"HTTP/%d.%d" % version,
                "reason_phrase": message.reason.encode("utf-8", "surrogateescape"),
            },
        )
        return response, complete

    async def receive(
        self,
        reading: Awaitable[T],
        seconds: float | None,
        source: Protocol | aiohttp.StreamReader,
        request: httpx.Request,
    ) -> T:
        """Wait for what `source` brings, for so many seconds.

        Raises:
            httpx.ReadTimeout: Nothing came.
            httpx.ReadError: The connection broke.
            httpx.RemoteProtocolError: The answer ended too early, or is none.
        """
        timer = None
        if seconds is not None:
            # Cheaper than a cancel scope, and without effect unless somebody is waiting.
            timer = self._loop.call_later(seconds, _time_out, source, request)
        try:
            return await reading
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
            raise self._translated(error, request) from error
        finally:
            if timer is not None:
                timer.cancel()

    def check_end(
        self,
        message: RawResponseMessage,
        payload: aiohttp.StreamReader,
        request: httpx.Request,
    ) -> None:
        """Refuse the end of a body that ends with its connection, if a fault of that brought it.

        Raises:
            httpx.ReadError: It did.
        """
        fault = self._protocol.fault
        if fault is None or payload is aiohttp.EMPTY_PAYLOAD:
            return
        if message.chunked or "content-length" in message.headers:
            return
        raise httpx.ReadError(str(fault), request=request) from fault

    async def _write(self, request: httpx.Request, head: Head, seconds: float | None) -> None:
        """Write a request; if the server hangs up midway, what it said is still to be read."""
        transport = cast("asyncio.Transport", self._protocol.transport)
        try:
            content = request.content
        except httpx.RequestNotRead:
            await self._write_stream(request, head, seconds)
            return
        if head.length is None:
            content = _chunk(content) + b"0\r\n\r\n" if content else b"0\r\n\r\n"
        elif head.length != len(content):
            raise _wrong_length(request)
        if len(content) <= _TOGETHER:
            transport.write(head.data + content)
        else:
            transport.write(head.data)
            transport.write(content)
        await self._drained(request, seconds)

    async def _write_stream(
        self, request: httpx.Request, head: Head, seconds: float | None
    ) -> None:
        transport = cast("asyncio.Transport", self._protocol.transport)
        transport.write(head.data)
        written = 0
        chunks = aiter(cast("AsyncIterable[bytes]", request.stream))
        try:
            async for chunk in chunks:
                written += len(chunk)
                if head.length is not None and written > head.length:
                    raise _wrong_length(request)
                if chunk:
                    transport.write(_chunk(chunk) if head.length is None else chunk)
                await self._drained(request, seconds)
                if transport.is_closing():
                    return
        finally:
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()
        if head.length is None:
            transport.write(b"0\r\n\r\n")
        elif written != head.length:
            raise _wrong_length(request)

    async def _drained(self, request: httpx.Request, seconds: float | None) -> None:
        """Wait until there is room to write more, or the connection is lost."""
        drained = self._protocol.drained
        if drained is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await drained
        except TimeoutError as error:
            raise httpx.WriteTimeout("", request=request) from error

    def _translated(self, error: Exception, request: httpx.Request) -> httpx.TransportError:
        """Return the exception that httpx's own transport would raise."""
        if isinstance(error, TransferEncodingError):
            # Not the error's message: in one of aiohttp's parsers it is just what the server sent.
            return httpx.RemoteProtocolError("The body's chunks are broken", request=request)
        if isinstance(error, HttpProcessingError):
            if self._protocol.awaits is not None:
                if isinstance(error.__cause__, LineTooLong):
                    return endless_head(request, LONGEST_HEAD)
                if _TOO_MANY_LINES in error.message:
                    return too_many_lines(request, MOST_LINES)
            reason = " ".join(error.message.split())[:_LONGEST_REASON]
            return httpx.RemoteProtocolError(reason, request=request)
        if self._protocol.fault is not None:
            return httpx.ReadError(str(self._protocol.fault), request=request)
        cut = isinstance(error, aiohttp.ClientPayloadError)
        moment = "before the end of the body" if cut else "without sending a response"
        return httpx.RemoteProtocolError(f"Server disconnected {moment}.", request=request)


class _Body(httpx.AsyncByteStream):
    """An answer's body; its end, closing it, or failing to read it gives the slot back."""

    def __init__(
        self,
        connection: AiohttpConnection,
        answer: tuple[RawResponseMessage, aiohttp.StreamReader],
        seconds: float | None,
        request: httpx.Request,
        release: Callable[[AiohttpConnection], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._message, self._payload = answer
        self._seconds = seconds
        self._request = request
        self._release = release
        self._closed = False

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        if self._closed:
            raise StopAsyncIteration
        payload = self._payload
        try:
            chunk = await self._connection.receive(
                payload.readany(), self._seconds, payload, self._request
            )
            if not chunk:
                self._connection.check_end(self._message, payload, self._request)
        except BaseException:
            await self.aclose()
            raise
        if not chunk:
            await self.aclose()
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            if not self._payload.at_eof():
                self._connection.retire()
            await self._release(self._connection)


def _time_out(source: Protocol | aiohttp.StreamReader, request: httpx.Request) -> None:
    source.set_exception(httpx.ReadTimeout("", request=request))


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _wrong_length(request: httpx.Request) -> httpx.LocalProtocolError:
    return httpx.LocalProtocolError(
        "The body is not as long as Content-Length says", request=request
    )


def _readable(descriptor: int) -> Callable[[], bool]:
    """Return a function that tells whether there is something to read on a socket."""
    if not hasattr(select, "poll"):  # Windows
        return lambda: bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return lambda: bool(poll.poll(0))
