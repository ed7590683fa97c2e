"""The fast connections: aiohttp's parser under our own pool; aiohttp is imported when needed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx

from airview_herald import _extras
from airview_herald.errors import ConfigurationError
from airview_herald.transport._connection_pool import PoolingTransport, close_all
from airview_herald.transport._request_head import head_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from airview_herald.transport._aiohttp_connection import AiohttpConnection
    from airview_herald.transport._connection_pool import Origin


class AiohttpTransport(PoolingTransport["AiohttpConnection"]):
    """Send HTTP/1.1 requests as `PooledTransport` does, at a fraction of the CPU.

    Needs the extra `aiohttp`, and asyncio. Give it to a client as `http=AiohttpTransport()`, and
    close it yourself: `async with AiohttpTransport() as http`.

    The pool, its limits, the exceptions and the promise that a request is written at most once are
    those of `PooledTransport`. A slot is free as soon as the whole response has arrived, read or
    not. respx does not see the requests, and a response has no `network_stream`.

    Proxies are not handled. An instance belongs to the event loop it is first used in.

    Args:
        max_connections: As for `PooledTransport`, like all the others.
        keepalive_expiry: Seconds an idle connection may be used again.
        verify: How to verify servers.
        clock: Monotonic seconds.

    Raises:
        ConfigurationError: If aiohttp is not installed, or is a release that lacks what is used;
            or if `verify` is neither a context nor a bool, or a number is out of its range.
    """

    def __init__(
        self,
        *,
        max_connections: int = 256,
        keepalive_expiry: float = 4.0,
        verify: ssl.SSLContext | bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(
            max_connections=max_connections,
            keepalive_expiry=keepalive_expiry,
            verify=verify,
            clock=clock,
        )
        self._make = _connection_class()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; its slot is freed when the response has arrived, is closed or fails.

        `request.extensions["timeout"]` limits, in seconds, `pool` (the wait at the cap), `connect`
        (TLS included), `write` and `read`.

        Raises:
            httpx.TransportError: As httpx's own transport would.
            ConfigurationError: If it is not asyncio that runs.
            RuntimeError: If the transport is closed, or belongs to another event loop.
        """
        self._check_loop(_asyncio_loop())
        origin = self._origin(request)
        head = head_of(request)
        timeouts = request.extensions.get("timeout", {})
        connection = self._take(origin) or await self._wait(origin, request)
        try:
            if connection.replaces:
                await close_all(connection.replaces)
            while connection.reused and connection.has_expired():
                await close_all([connection])
                connection = self._pick(origin)
                await close_all(connection.replaces)
            if not connection.reused:
                await connection.connect(request, timeouts.get("connect"))
            response, complete = await connection.exchange(request, head, timeouts, self._release)
        except BaseException:
            await self._release(connection)
            raise
        if complete:
            await self._release(connection)
        return response

    def _connection(self, origin: Origin) -> AiohttpConnection:
        return self._make(origin, self._ssl_context)


def _asyncio_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigurationError(
            "http: AiohttpTransport needs asyncio; use PooledTransport here"
        ) from None


def _connection_class() -> type[AiohttpConnection]:
    try:
        import aiohttp  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise ConfigurationError(
            f"http: AiohttpTransport needs aiohttp: {_extras.install('aiohttp')}"
        ) from None
    try:
        from airview_herald.transport._aiohttp_connection import (  # noqa: PLC0415 - an extra
            AiohttpConnection,
        )
        from airview_herald.transport._aiohttp_protocol import (  # noqa: PLC0415 - likewise
            check_release,
        )

        check_release()
    except ImportError as error:
        raise ConfigurationError(
            f"http: AiohttpTransport does not know this release of aiohttp: {error}"
        ) from error
    return AiohttpConnection
