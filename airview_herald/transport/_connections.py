"""What carries requests: a backend of our own, or the one that the caller brought."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio
import httpx

from airview_herald._origin import is_loopback
from airview_herald.errors import ConfigurationError
from airview_herald.transport._connection_pool import PoolingTransport

if TYPE_CHECKING:
    import httpcore

    from airview_herald.transport._tls import Verify


class Connections:
    """Send requests through one backend, and close it if it is ours.

    Without a backend of the caller's, connections come from a `PooledTransport`; where the
    environment names a proxy, from httpx's own client, which knows all about proxies.

    Args:
        http: The caller's transport or client, which the caller closes; or `None`.
        verify: How servers are verified if the backend is ours; see `PooledTransport`.

    Raises:
        ConfigurationError: `http` is neither, or does not go with a `verify`.
    """

    def __init__(
        self,
        http: httpx.AsyncBaseTransport | httpx.AsyncClient | None,
        *,
        verify: Verify = True,
    ) -> None:
        if http is not None and not isinstance(http, httpx.AsyncBaseTransport | httpx.AsyncClient):
            raise ConfigurationError(
                "http: must be an httpx.AsyncBaseTransport or an httpx.AsyncClient"
            )
        if http is not None and verify is not True:
            raise ConfigurationError(
                "verify: give it to what is given as http=, which opens connections"
            )
        self._owned = http is None
        self._http = default_backend(verify=verify) if http is None else http
        # Checked once, as `isinstance` costs more here than the rest of `send`.
        self._pool = self._http if isinstance(self._http, PoolingTransport) else None

    async def send(self, request: httpx.Request, remaining: Callable[[], float]) -> httpx.Response:
        """Send one request once, and return its response with the body still to be read.

        Args:
            request: The request. Its extensions tell a backend of ours when the time is up.
            remaining: Seconds that a head may take to arrive, however it drips.

        Raises:
            httpx.HTTPError: What the backend raised.
            httpx.ReadTimeout: The time is up.
        """
        if self._pool is not None:
            return await self._pool.handle_async_request(request)
        with anyio.move_on_after(remaining()):
            if isinstance(self._http, httpx.AsyncClient):
                return await self._http.send(
                    request, stream=True, auth=None, follow_redirects=False
                )
            return await self._http.handle_async_request(request)
        raise httpx.ReadTimeout("the answer has no head at the deadline", request=request)

    async def aclose(self) -> None:
        """Close the backend if it is ours."""
        if self._owned:
            await self._http.aclose()


def default_backend(
    *, verify: Verify = True, network_backend: httpcore.AsyncNetworkBackend | None = None
) -> httpx.AsyncBaseTransport:
    """Return what carries requests where the caller brought nothing.

    Args:
        verify: How servers are verified.
        network_backend: What opens sockets; proxies' are opened by httpx.
    """
    from airview_herald.transport._pool import PooledTransport  # noqa: PLC0415 - it takes a while

    pooled = PooledTransport(verify=verify, network_backend=network_backend)
    return _ByProxies(pooled, verify) if _proxied() else pooled


def _proxied() -> bool:
    return any(scheme in urllib.request.getproxies() for scheme in ("http", "https", "all"))


class _ByProxies(httpx.AsyncBaseTransport):
    """Send requests by the proxies of the environment, but for those to this machine.

    A proxy is another machine: a credential that may go to this one without TLS would reach it
    in plain text.
    """

    def __init__(self, direct: httpx.AsyncBaseTransport, verify: Verify) -> None:
        from airview_herald.transport._tls import context_for  # noqa: PLC0415 - likewise

        self._direct = direct
        # Each request carries its own timeouts.
        self._client = httpx.AsyncClient(timeout=None, verify=context_for(verify))  # noqa: S113

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if is_loopback(request.url.host):
            return await self._direct.handle_async_request(request)
        return await self._client.send(request, stream=True, auth=None, follow_redirects=False)

    async def aclose(self) -> None:
        await self._client.aclose()
        await self._direct.aclose()
