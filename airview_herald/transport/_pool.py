"""The default connections: a stack of `httpcore.AsyncHTTPConnection` per origin, under one cap."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

import anyio
import httpcore
import httpx
import sniffio

from airview_herald.transport._body import RequestBody, leave

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable

    _Origin = tuple[bytes, bytes, int]

_PORTS: Final = {b"http": 80, b"https": 443}
_SWEEP: Final = 4  # how many stale connections one request closes in passing

_ERRORS: Final[dict[type, type[httpx.TransportError]]] = {
    # Raised before anything is written, and only for a fresh connection does it get this far.
    httpcore.ConnectionNotAvailable: httpx.ConnectError,
    **{
        getattr(httpcore, name): getattr(httpx, name)
        for name in (
            *("TimeoutException", "PoolTimeout", "ConnectTimeout", "ReadTimeout", "WriteTimeout"),
            *("NetworkError", "ConnectError", "ReadError", "WriteError", "ProxyError"),
            *("ProtocolError", "LocalProtocolError", "RemoteProtocolError", "UnsupportedProtocol"),
        )
    },
}


class PooledTransport(httpx.AsyncBaseTransport):
    """Send HTTP/1.1 requests over kept-alive connections, found in constant time.

    Idle connections wait on a stack per origin. The one used last is used next, so a load that
    shrinks leaves the others to expire. A slot is the right to have one connection open; a request
    holds one until its response is closed, and at the cap the requests wait in the order they came.
    Cancelling a request at any moment gives its slot back.

    A request is written at most once. If the server drops a reused connection, the error is raised;
    whether to send again is the caller's to decide.

    Proxies are not handled, neither by argument nor from the environment. Behind one, use an
    `httpx.AsyncClient`, or an `httpx.AsyncHTTPTransport(proxy=...)`. An instance belongs to the
    event loop it is first used in.

    Args:
        max_connections: How many connections may be open at once, over all origins.
        keepalive_expiry: Seconds an idle connection may be used again. The default stays below
            the 5 seconds after which uvicorn, Node.js and Apache close theirs, so that a request
            seldom meets a connection that is just being closed.
        verify: How to verify servers: an `ssl.SSLContext`; true for httpx's default context, made
            at the first https request; or false to accept any certificate.
        clock: Monotonic seconds, for `keepalive_expiry`.
        network_backend: What opens sockets; by default httpcore's own for the running event loop.

    Raises:
        ValueError: If `max_connections` is below 1 or `keepalive_expiry` is negative.
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
        if max_connections < 1 or keepalive_expiry < 0:
            raise ValueError("max_connections must be at least 1, and keepalive_expiry at least 0")
        self._max_connections = max_connections
        self._keepalive_expiry = keepalive_expiry
        self._verify = verify
        self._ssl_context: ssl.SSLContext | None = None
        self._clock = clock
        self._network_backend = network_backend
        self._stacks: dict[_Origin, deque[_Pooled]] = {}
        # The idle connections of all origins, those idle for longest first.
        self._idle: OrderedDict[_Pooled, None] = OrderedDict()
        self._waiters: OrderedDict[_Waiter, None] = OrderedDict()
        self._in_use = 0
        self._closed = False

    @property
    def open_connections(self) -> int:
        """How many slots are taken: idle connections and those in use."""
        return len(self._idle) + self._in_use

    @property
    def idle_connections(self) -> int:
        """How many connections wait to be used again."""
        return len(self._idle)

    @property
    def in_use(self) -> int:
        """How many requests hold a slot: connecting, sending, or with a response not yet closed."""
        return self._in_use

    @property
    def waiting(self) -> int:
        """How many requests wait for a slot."""
        return len(self._waiters)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; its slot is freed when the response is closed or fails to be read.

        `request.extensions["timeout"]` limits, in seconds, `pool` (the wait at the cap), `connect`,
        `write` and `read`.

        Raises:
            httpx.TransportError: As httpx's own transport would.
            RuntimeError: If the transport is closed.
        """
        if self._closed:
            raise RuntimeError("PooledTransport is closed: it cannot send requests any more")
        url = request.url
        scheme, host, port = url.raw_scheme, url.raw_host, url.port
        if scheme not in _PORTS:
            raise httpx.UnsupportedProtocol(
                f"Neither http nor https: {url.scheme!r}", request=request
            )
        if scheme == b"https" and self._ssl_context is None:
            self._ssl_context = httpx.create_ssl_context(self._verify)
        origin = (scheme, host, port or _PORTS[scheme])
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=scheme, host=host, port=port, target=url.raw_path),
            headers=request.headers.raw,
            content=RequestBody.of(request),
            extensions=request.extensions,
        )
        pooled = self._take(origin) or await self._wait(origin, request)
        try:
            received = None
            while received is None:
                if pooled.replaces:
                    await _close(pooled.replaces)
                try:
                    received = await pooled.http.handle_async_request(sent)
                except httpcore.ConnectionNotAvailable:
                    if not pooled.reused:
                        raise
                    await _close([pooled])
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

    async def aclose(self) -> None:
        """Close idle connections, and those in use with their responses; fail who waits."""
        self._closed = True
        idle = [self._forget_idle(pooled) for pooled in list(self._idle)]
        while self._waiters:
            self._waiters.popitem()[0].event.set()
        await _close(idle)

    def _take(self, origin: _Origin) -> _Pooled | None:
        """Take a slot and a connection for it, or return None at the cap."""
        if self._in_use >= self._max_connections:
            return None
        self._in_use += 1
        return self._pick(origin)

    def _pick(self, origin: _Origin) -> _Pooled:
        """Return the connection for a slot already taken: the last one used, or a new one."""
        replaces: list[_Pooled] = []
        now = self._clock()
        stack = self._stacks.get(origin)
        while stack and len(replaces) < _SWEEP:
            if now - stack[-1].idle_since > self._keepalive_expiry:
                break  # Those below are older still: left to the sweep.
            pooled = self._forget_idle(stack[-1])
            if not pooled.http.has_expired():
                pooled.replaces = replaces
                return pooled
            replaces.append(pooled)
        replaces += self._sweep(now)
        if self.open_connections > self._max_connections:
            replaces.append(self._forget_idle(next(iter(self._idle))))
        pooled = _Pooled(origin, _Dialer(self._network_backend), self._ssl_context)
        pooled.replaces = replaces
        return pooled

    def _sweep(self, now: float) -> list[_Pooled]:
        """Forget a few of the connections that have been idle for too long, and return them."""
        stale: list[_Pooled] = []
        while self._idle and len(stale) < _SWEEP:
            oldest = next(iter(self._idle))
            if now - oldest.idle_since <= self._keepalive_expiry:
                break
            stale.append(self._forget_idle(oldest))
        return stale

    def _forget_idle(self, pooled: _Pooled) -> _Pooled:
        """Drop a connection from the idle ones; it is at one of its stack's ends."""
        del self._idle[pooled]
        stack = self._stacks[pooled.origin]
        (stack.pop if stack[-1] is pooled else stack.popleft)()
        if not stack:
            del self._stacks[pooled.origin]
        return pooled

    async def _wait(self, origin: _Origin, request: httpx.Request) -> _Pooled:
        """Wait for a slot that an earlier request gives back."""
        waiter = _Waiter(origin)
        self._waiters[waiter] = None
        try:
            with anyio.move_on_after(request.extensions.get("timeout", {}).get("pool")):
                await waiter.event.wait()
        except BaseException:
            # The slot may have been handed over at the moment of the cancellation.
            if waiter.pooled is not None:
                await self._release(waiter.pooled)
            raise
        finally:
            self._waiters.pop(waiter, None)
        if waiter.pooled is not None:
            return waiter.pooled
        if self._closed:
            raise RuntimeError("PooledTransport was closed while this request waited for a slot")
        raise httpx.PoolTimeout("No connection became free in time", request=request)

    async def _release(self, pooled: _Pooled) -> None:
        """Give a slot back, keeping its connection if that can serve another request."""
        doomed = pooled.replaces
        # Not `is_idle`, which calls a connection idle that failed to connect.
        if pooled.http.is_available() and not self._closed:
            now = pooled.idle_since = self._clock()
            pooled.reused = True
            self._idle[pooled] = None
            self._stacks.setdefault(pooled.origin, deque()).append(pooled)
            self._in_use -= 1
            self._serve_waiters()
            doomed += self._sweep(now)
            if doomed:
                await _close(doomed)
            return
        doomed.append(pooled)
        try:
            await _close(doomed)
        finally:
            self._in_use -= 1
            self._serve_waiters()

    def _serve_waiters(self) -> None:
        while self._waiters and self._in_use < self._max_connections:
            waiter, _ = self._waiters.popitem(last=False)
            waiter.pooled = self._take(waiter.origin)
            waiter.event.set()


class _Dialer(httpcore.AsyncNetworkBackend):
    """Remember the socket, which httpcore loses when its TLS handshake is cancelled."""

    def __init__(self, network_backend: httpcore.AsyncNetworkBackend | None) -> None:
        self._network_backend = network_backend
        self.stream: httpcore.AsyncNetworkStream | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        backend = self._network_backend or _running_backend()
        # No socket options: asyncio and trio both set TCP_NODELAY themselves.
        self.stream = await backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return self.stream


class _Pooled:
    """A connection, and the connections to close before it is used."""

    def __init__(self, origin: _Origin, dialer: _Dialer, tls: ssl.SSLContext | None) -> None:
        self._dialer = dialer
        self.origin = origin
        self.http = httpcore.AsyncHTTPConnection(
            httpcore.Origin(*origin), ssl_context=tls, network_backend=dialer
        )
        self.reused = False
        self.idle_since = 0.0
        self.replaces: list[_Pooled] = []

    async def aclose(self) -> None:
        try:
            await self.http.aclose()
        finally:
            if self._dialer.stream is not None:
                await self._dialer.stream.aclose()


class _Waiter:
    """A request that waits for a slot, and the connection it is given with it."""

    def __init__(self, origin: _Origin) -> None:
        self.origin = origin
        self.event = anyio.Event()
        self.pooled: _Pooled | None = None


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


def _running_backend() -> httpcore.AsyncNetworkBackend:
    trio = sniffio.current_async_library() == "trio"
    backend = httpcore.TrioBackend() if trio else httpcore.AnyIOBackend()
    # httpcore's stand-ins for missing packages hide the base class from type checkers.
    return cast("httpcore.AsyncNetworkBackend", backend)


async def _close(connections: list[_Pooled]) -> None:
    """Close connections nobody will use again, and empty the list."""
    try:
        with anyio.CancelScope(shield=True):
            while connections:
                with suppress(Exception):  # whatever state it is in, it is thrown away
                    await connections.pop().aclose()
    finally:
        if connections:  # asyncio's `Task.cancel` heeds no shield
            await _close(connections)


def _translate(exc: BaseException, request: httpx.Request) -> httpx.TransportError | None:
    """Return the httpx exception that an httpcore exception stands for, if it is one."""
    for kind in type(exc).__mro__:
        if kind in _ERRORS:
            return _ERRORS[kind](str(exc), request=request)
    return None
