"""The default connections: `httpcore.AsyncHTTPConnection`, pooled by ourselves."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Final, cast

import httpcore
import httpx
import sniffio

from airview_herald._event_loop import running_loop
from airview_herald.transport._body import RequestBody, leave
from airview_herald.transport._connection_pool import Connection, PoolingTransport, close_all
from airview_herald.transport._limits import check_awaited
from airview_herald.transport._socket import SocketAround

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable

    from airview_herald.transport._connection_pool import Origin

_ERRORS: Final[dict[type, type[httpx.TransportError]]] = {
    # Raised before anything is written; httpcore lets it out only for new connections.
    httpcore.ConnectionNotAvailable: httpx.ConnectError,
    # On asyncio httpcore does not translate TLS errors after the handshake, such as alerts.
    ssl.SSLError: httpx.ReadError,
    **{
        getattr(httpcore, name): getattr(httpx, name)
        for name in (
            *("TimeoutException", "PoolTimeout", "ConnectTimeout", "ReadTimeout", "WriteTimeout"),
            *("NetworkError", "ConnectError", "ReadError", "WriteError", "ProxyError"),
            *("ProtocolError", "LocalProtocolError", "RemoteProtocolError", "UnsupportedProtocol"),
        )
    },
}


class PooledTransport(PoolingTransport["_Pooled"]):
    """Send HTTP/1.1 requests over kept-alive connections, found in constant time.

    Idle connections wait on a stack per origin. The one used last is used next, so a load that
    shrinks leaves the others to expire. A slot is the right to have one connection open; a request
    holds one until its response is closed, and at the cap the requests wait in the order they came.
    Cancelling a request at any moment gives its slot back.

    A request is written at most once. An answer's head may have 64 KiB, interim answers such as
    `100 Continue` included. If the server drops a reused connection, the error is raised;
    whether to send again is the caller's to decide.

    Proxies are not handled, neither by argument nor from the environment. Behind one, use an
    `httpx.AsyncClient`, or an `httpx.AsyncHTTPTransport(proxy=...)`. An instance belongs to the
    event loop it is first used in.

    Args:
        max_connections: How many connections may be open at once, over all origins.
        keepalive_expiry: Seconds an idle connection may be used again. The default stays below
            the 5 seconds after which uvicorn, Node.js and Apache close theirs, so that a request
            seldom meets a connection that is just being closed.
        verify: How to verify servers: an `ssl.SSLContext`, such as `tls_context` makes; true for
            the system's store, read at the first https request; or false to accept any certificate.
        clock: Monotonic seconds, for `keepalive_expiry`.
        network_backend: What opens sockets; by default httpcore's own for the running event loop.

    Raises:
        ConfigurationError: If `verify` is neither a context nor a bool, `max_connections` no
            integer from 1, or `keepalive_expiry` no seconds from 0.
    """

    def __init__(
        self,
        *,
        max_connections: int = 256,
        keepalive_expiry: float = 4.0,
        verify: ssl.SSLContext | bool = True,
        clock: Callable[[], float] = time.monotonic,
        network_backend: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        super().__init__(
            max_connections=max_connections,
            keepalive_expiry=keepalive_expiry,
            verify=verify,
            clock=clock,
        )
        self._network_backend = network_backend

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; its slot is freed when the response is closed or fails to be read.

        `request.extensions["timeout"]` limits, in seconds, `pool` (the wait at the cap), `connect`,
        `write` and `read`.

        Raises:
            httpx.TransportError: As httpx's own transport would.
            RuntimeError: If the transport is closed, or belongs to another event loop.
        """
        self._check_loop(running_loop())
        origin = self._origin(request)
        url = request.url
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=origin[0], host=origin[1], port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=RequestBody.of(request),
            extensions=request.extensions,
        )
        pooled = self._take(origin) or await self._wait(origin, request)
        try:
            received = None
            while received is None:
                if pooled.replaces:
                    await close_all(pooled.replaces)
                try:
                    received = await pooled.exchange(sent, request)
                except httpcore.ConnectionNotAvailable:
                    if not pooled.reused:
                        raise
                    await close_all([pooled])
                    pooled = self._pick(origin)
            return httpx.Response(
                status_code=received.status,
                headers=received.headers,
                stream=_ResponseStream(received, pooled, self._release, request),
                extensions=received.extensions,
            )
        except BaseException as exc:
            await self._release(pooled)
            if (error := _translate(exc, request)) is not None:
                raise error from exc
            raise

    def _connection(self, origin: Origin) -> _Pooled:
        return _Pooled(origin, _Dialer(self._network_backend), self._ssl_context)


class _Dialer(httpcore.AsyncNetworkBackend):
    """Open sockets that give up on an answer whose head does not end.

    It remembers the socket, which httpcore loses when its TLS handshake is cancelled.

    Attributes:
        stream: The socket.
        awaits: The request whose answer's head is to come.
        received: The bytes of it so far, or of interim answers.
    """

    def __init__(self, network_backend: httpcore.AsyncNetworkBackend | None) -> None:
        self._network_backend = network_backend
        self.stream: httpcore.AsyncNetworkStream | None = None
        self.awaits: httpx.Request | None = None
        self.received = 0

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        backend = self._network_backend or running_backend()
        # No TCP_NODELAY is added, as asyncio and trio both set it themselves.
        opened = await backend.connect_tcp(host, port, timeout, local_address, socket_options)
        self.stream = _Stream(opened, self)
        return self.stream


class _Stream(SocketAround):
    """A socket, counted while a head is awaited."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, dialer: _Dialer) -> None:
        super().__init__(stream)
        self._dialer = dialer

    def _around(self, stream: httpcore.AsyncNetworkStream) -> _Stream:
        return _Stream(stream, self._dialer)

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
    ) -> bytes:
        dialer = self._dialer
        if dialer.awaits is None:
            return await self._stream.read(max_bytes, timeout=timeout)
        if dialer.received:
            check_awaited(dialer.awaits, dialer.received)
        data = await self._stream.read(max_bytes, timeout=timeout)
        dialer.received += len(data)
        return data


class _Pooled(Connection):
    """A connection of httpcore's."""

    def __init__(self, origin: Origin, dialer: _Dialer, tls: ssl.SSLContext | None) -> None:
        super().__init__(origin)
        self._dialer = dialer
        self.http = httpcore.AsyncHTTPConnection(
            httpcore.Origin(*origin), ssl_context=tls, network_backend=dialer
        )

    async def exchange(self, sent: httpcore.Request, request: httpx.Request) -> httpcore.Response:
        """Send a request, and read the head of its answer."""
        self._dialer.awaits, self._dialer.received = request, 0
        received = await self.http.handle_async_request(sent)
        self._dialer.awaits = None
        return received

    def is_available(self) -> bool:
        # Not `is_idle`, which is true of a connection that failed to connect.
        return self.http.is_available()

    def has_expired(self) -> bool:
        return self.http.has_expired()

    async def aclose(self) -> None:
        try:
            await self.http.aclose()
        finally:
            if self._dialer.stream is not None:
                await self._dialer.stream.aclose()


class _ResponseStream(httpx.AsyncByteStream):
    """A response's body; closing it, or failing to read it, gives the slot back."""

    def __init__(
        self,
        received: httpcore.Response,
        pooled: _Pooled,
        release: Callable[[_Pooled], Awaitable[None]],
        request: httpx.Request,
    ) -> None:
        self._received = received
        self._pooled = pooled
        self._release = release
        self._request = request
        self._chunks: AsyncIterator[bytes] | None = None
        self._closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._chunks = aiter(cast("AsyncIterable[bytes]", self._received.stream))
        return self

    async def __anext__(self) -> bytes:
        if self._chunks is None:
            raise StopAsyncIteration
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            self._chunks = None
            raise
        except BaseException as exc:
            self._chunks = None
            await self.aclose()
            if (error := _translate(exc, self._request)) is not None:
                raise error from exc
            raise

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        chunks, self._chunks = self._chunks, None
        try:
            if chunks is not None:
                await leave(chunks)
            await self._received.aclose()
        finally:
            await self._release(self._pooled)


def running_backend() -> httpcore.AsyncNetworkBackend:
    """Return what opens sockets in the event loop that runs."""
    trio = sniffio.current_async_library() == "trio"
    backend = httpcore.TrioBackend() if trio else httpcore.AnyIOBackend()
    # httpcore's stand-ins for missing packages hide the base class from type checkers.
    return cast("httpcore.AsyncNetworkBackend", backend)


def _translate(exc: BaseException, request: httpx.Request) -> httpx.TransportError | None:
    """Return the httpx exception that an httpcore exception stands for, if it is one."""
    for kind in type(exc).__mro__:
        if kind in _ERRORS:
            return _ERRORS[kind](str(exc), request=request)
    return None
