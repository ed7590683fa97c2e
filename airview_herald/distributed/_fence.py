"""The fence: nothing is sent once the lease is over, not even by requests under way.

A process that was frozen goes on in the middle of what it did. So the lease is looked at when a
request begins, and again right before each write to a socket, with nothing to wait for between.
Half a request is none: its connection is closed.
"""

from __future__ import annotations

from collections.abc import Iterable

import httpcore
import httpx

from airview_herald.distributed._lease import Lease
from airview_herald.transport._pool import running_backend
from airview_herald.transport._socket import SocketAround


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


class _Socket(SocketAround):
    """A socket that writes while a lease lasts."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, lease: Lease) -> None:
        super().__init__(stream)
        self._lease = lease

    def _around(self, stream: httpcore.AsyncNetworkStream) -> _Socket:
        return _Socket(stream, self._lease)

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
    ) -> None:
        # Nothing is awaited between this check and the write.
        self._lease.check()
        await self._stream.write(buffer, timeout=timeout)
