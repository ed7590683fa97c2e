"""What carries requests: a backend of our own, or the one that the caller brought."""

from __future__ import annotations

import urllib.request

import httpx

from airview_herald.errors import ConfigurationError


class Connections:
    """Send requests through one backend, and close it if it is ours.

    Without a backend of the caller's, connections come from a `PooledTransport`; where the
    environment names a proxy, from httpx's own client, which knows all about proxies.

    Args:
        http: The caller's transport or client, which the caller closes; or `None`.

    Raises:
        ConfigurationError: `http` is neither.
    """

    def __init__(self, http: httpx.AsyncBaseTransport | httpx.AsyncClient | None) -> None:
        if http is not None and not isinstance(http, httpx.AsyncBaseTransport | httpx.AsyncClient):
            raise ConfigurationError(
                "http: must be an httpx.AsyncBaseTransport or an httpx.AsyncClient"
            )
        self._owned = http is None
        self._http = _default() if http is None else http

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send one request once, and return its response with the body still to be read."""
        if isinstance(self._http, httpx.AsyncClient):
            return await self._http.send(request, stream=True, auth=None, follow_redirects=False)
        return await self._http.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the backend if it is ours."""
        if self._owned:
            await self._http.aclose()


def _default() -> httpx.AsyncBaseTransport | httpx.AsyncClient:
    if _proxied():
        return httpx.AsyncClient(timeout=None)  # noqa: S113 - each request carries its own timeouts
    from airview_herald.transport._pool import PooledTransport  # noqa: PLC0415 - it takes a while

    return PooledTransport()


def _proxied() -> bool:
    return any(scheme in urllib.request.getproxies() for scheme in ("http", "https", "all"))
