"""A socket around another one, to which it passes everything on."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    import ssl


class SocketAround(httpcore.AsyncNetworkStream):
    """A socket that does what another one does.

    Args:
        stream: The other one.
    """

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    @abstractmethod
    def _around(self, stream: httpcore.AsyncNetworkStream) -> SocketAround:
        """Return what this one is, around what TLS has made of the other one."""

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
        return self._around(stream)
