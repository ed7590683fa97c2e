"""The fence: nothing is sent once the lease is over, not even what was about to be.

A process that was frozen goes on in the middle of what it did. So the lease is looked at when a
request begins, and again right before each write to a socket, with nothing to wait for between.
Half a request is none: its connection is closed.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from airview_herald.distributed._lease import Lease
from airview_herald.transport._pool import running_backend


class Fence(httpx.AsyncBaseTransport):
    """Send while a lease lasts, and nothing after it.

    Args:
        lease: The lease.
        inner: What sends.
    """

    def __init__(self, lease: Lease, inner: httpx.AsyncBaseTransport) -> None:
        self._lease = lease
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request.

        Raises:
            LeaseLostError: The lease is over.
        """
        self._lease.check()
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close what sends."""
        await self._inner.aclose()


class Sockets(httpcore.AsyncNetworkBackend):
    """Open sockets that write while a lease lasts.

    Args:
        lease: The lease.
    """

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        opened = await running_backend().connect_tcp(
            host, port, timeout, local_address, socket_options
        )
        return _Socket(opened, self._lease)


class _Socket(httpcore.AsyncNetworkStream):
    """A socket that writes while a lease lasts."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, lease: Lease) -> None:
        self._stream = stream
        self._lease = lease

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
    ) -> bytes:
        return await self._stream.read(max_bytes, timeout=timeout)

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
    ) -> None:
        # What follows waits for nothing before it has written.
        self._lease.check()
        await self._stream.write(buffer, timeout=timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._stream.start_tls(
            ssl_context=ssl_context, server_hostname=server_hostname, timeout=timeout
        )
        return _Socket(stream, self._lease)
