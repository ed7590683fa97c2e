"""Who may have a connection: kept-alive ones on a stack per origin, under one cap."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Generic, Self, TypeVar

import anyio
import httpx

from airview_herald._numbers import is_integer, is_number
from airview_herald._origin import PORTS
from airview_herald.errors import ConfigurationError
from airview_herald.transport._tls import checked_verify, context_for

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    Origin = tuple[bytes, bytes, int]

_SWEEP: Final = 4  # how many stale connections one request closes in passing


class Connection(ABC):
    """One connection, from the moment its slot is taken.

    Args:
        origin: Scheme, host and port.

    Attributes:
        origin: As given.
        reused: Whether it has served a request.
        idle_since: When it last became idle, on the transport's clock.
        replaces: The connections to close before it is used.
    """

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.reused = False
        self.idle_since = 0.0
        self.replaces: list[Self] = []

    @abstractmethod
    def is_available(self) -> bool:
        """Return whether the request it served is done with, and it can serve another."""

    @abstractmethod
    def has_expired(self) -> bool:
        """Return whether the server has closed it, or spoken unasked, while it was idle."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close it, in whatever state it is."""


C = TypeVar("C", bound=Connection)


class PoolingTransport(httpx.AsyncBaseTransport, ABC, Generic[C]):
    """Hand out connections in constant time, at most so many at once; see `PooledTransport`."""

    def __init__(
        self,
        *,
        max_connections: int = 256,
        keepalive_expiry: float = 4.0,
        verify: ssl.SSLContext | bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not is_integer(max_connections) or max_connections < 1:
            raise ConfigurationError("max_connections: must be an integer, at least 1")
        if not is_number(keepalive_expiry) or not keepalive_expiry >= 0:
            raise ConfigurationError("keepalive_expiry: must be seconds, not negative")
        self._max_connections = max_connections
        self._keepalive_expiry = keepalive_expiry
        self._verify = checked_verify(verify)
        self._ssl_context: ssl.SSLContext | None = None
        self._clock = clock
        self._stacks: dict[Origin, deque[C]] = {}
        # The idle connections of all origins, those idle for longest first.
        self._idle: OrderedDict[C, None] = OrderedDict()
        self._waiters: OrderedDict[_Waiter[C], None] = OrderedDict()
        self._in_use = 0
        self._loop: object = None
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
        """How many requests hold a slot: connecting, sending, or with a response not yet done."""
        return self._in_use

    @property
    def waiting(self) -> int:
        """How many requests wait for a slot."""
        return len(self._waiters)

    async def aclose(self) -> None:
        """Close idle connections, and those in use with their responses; fail who waits."""
        self._closed = True
        idle = [self._forget_idle(connection) for connection in list(self._idle)]
        while self._waiters:
            self._waiters.popitem()[0].event.set()
        await close_all(idle)

    @abstractmethod
    def _connection(self, origin: Origin) -> C:
        """Return a new connection, not yet open."""

    def _check_loop(self, running: object) -> None:
        """Refuse another event loop than that of the first request: connections wait in that one.

        Raises:
            RuntimeError: It is another one.
        """
        if running is not self._loop:
            if self._loop is not None:
                name = type(self).__name__
                raise RuntimeError(
                    f"this {name} belongs to the event loop that it was first used in, "
                    "which is not the one that runs here: make one for each event loop"
                )
            self._loop = running

    def _origin(self, request: httpx.Request) -> Origin:
        """Return where a request goes; refuse it if the transport cannot send it there.

        Raises:
            ConfigurationError: The environment names a store of certificates that is none.
            RuntimeError: The transport is closed.
            httpx.UnsupportedProtocol: The URL is neither http nor https.
        """
        if self._closed:
            name = type(self).__name__
            raise RuntimeError(f"{name} is closed: it cannot send requests any more")
        url = request.url
        scheme = url.scheme
        if scheme not in PORTS:
            raise httpx.UnsupportedProtocol(f"Neither http nor https: {scheme!r}", request=request)
        if scheme == "https" and self._ssl_context is None:
            self._ssl_context = context_for(self._verify)
        return (url.raw_scheme, url.raw_host, url.port or PORTS[scheme])

    def _take(self, origin: Origin) -> C | None:
        """Take a slot and a connection for it, or return None at the cap."""
        if self._in_use >= self._max_connections:
            return None
        self._in_use += 1
        return self._pick(origin)

    def _pick(self, origin: Origin) -> C:
        """Return the connection for a slot already taken: the last one used, or a new one."""
        replaces: list[C] = []
        now = self._clock()
        stack = self._stacks.get(origin)
        while stack and len(replaces) < _SWEEP:
            if now - stack[-1].idle_since > self._keepalive_expiry:
                break  # those below have been idle for longer: the sweep closes them
            connection = self._forget_idle(stack[-1])
            if not connection.has_expired():
                connection.replaces = replaces
                return connection
            replaces.append(connection)
        replaces += self._sweep(now)
        if self.open_connections > self._max_connections:
            replaces.append(self._forget_idle(next(iter(self._idle))))
        connection = self._connection(origin)
        connection.replaces = replaces
        return connection

    def _sweep(self, now: float) -> list[C]:
        """Forget a few of the connections that have been idle for too long, and return them."""
        stale: list[C] = []
        while self._idle and len(stale) < _SWEEP:
            oldest = next(iter(self._idle))
            if now - oldest.idle_since <= self._keepalive_expiry:
                break
            stale.append(self._forget_idle(oldest))
        return stale

    def _forget_idle(self, connection: C) -> C:
        """Drop a connection from the idle ones; it is at one of its stack's ends."""
        del self._idle[connection]
        stack = self._stacks[connection.origin]
        (stack.pop if stack[-1] is connection else stack.popleft)()
        if not stack:
            del self._stacks[connection.origin]
        return connection

    async def _wait(self, origin: Origin, request: httpx.Request) -> C:
        """Wait for a slot that an earlier request gives back."""
        waiter = _Waiter[C](origin)
        self._waiters[waiter] = None
        try:
            with anyio.move_on_after(request.extensions.get("timeout", {}).get("pool")):
                await waiter.event.wait()
        except BaseException:
            # A connection may have been handed over just before the cancellation.
            if waiter.connection is not None:
                await self._release(waiter.connection)
            raise
        finally:
            self._waiters.pop(waiter, None)
        if waiter.connection is not None:
            return waiter.connection
        if self._closed:
            name = type(self).__name__
            raise RuntimeError(f"{name} was closed while this request waited for a slot")
        raise httpx.PoolTimeout("No connection became free in time", request=request)

    async def _release(self, connection: C) -> None:
        """Give a slot back, keeping its connection if that can serve another request."""
        doomed = connection.replaces
        if connection.is_available() and not self._closed:
            now = connection.idle_since = self._clock()
            connection.reused = True
            self._idle[connection] = None
            self._stacks.setdefault(connection.origin, deque()).append(connection)
            self._in_use -= 1
            self._serve_waiters()
            doomed += self._sweep(now)
            if doomed:
                await close_all(doomed)
            return
        doomed.append(connection)
        try:
            await close_all(doomed)
        finally:
            self._in_use -= 1
            self._serve_waiters()

    def _serve_waiters(self) -> None:
        while self._waiters and self._in_use < self._max_connections:
            waiter, _ = self._waiters.popitem(last=False)
            waiter.connection = self._take(waiter.origin)
            waiter.event.set()


class _Waiter(Generic[C]):
    """A request that waits for a slot, and the connection it is given with it."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.event = anyio.Event()
        self.connection: C | None = None


async def close_all(connections: list[C]) -> None:
    """Close connections nobody will use again, and empty the list."""
    try:
        with anyio.CancelScope(shield=True):
            while connections:
                with suppress(Exception):  # it is thrown away, whatever its state
                    await connections.pop().aclose()
    finally:
        if connections:  # asyncio's `Task.cancel` heeds no shield
            await close_all(connections)
