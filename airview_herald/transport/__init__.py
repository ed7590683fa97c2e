"""The one send path: connections, retries, auth, deadlines, redacted logs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airview_herald._lazy import lazily
from airview_herald.transport._call import Reply
from airview_herald.transport._limits import Limits
from airview_herald.transport._retry import Retry

if TYPE_CHECKING:
    from airview_herald.transport._aiohttp import AiohttpTransport
    from airview_herald.transport._pool import PooledTransport
    from airview_herald.transport._tls import tls_context

__all__ = ["AiohttpTransport", "Limits", "PooledTransport", "Reply", "Retry", "tls_context"]

# Loaded on first use: importing httpcore takes longer than all the rest.
__getattr__: Callable[[str], Any] = lazily(
    __name__,
    {
        "AiohttpTransport": "airview_herald.transport._aiohttp",
        "PooledTransport": "airview_herald.transport._pool",
        "tls_context": "airview_herald.transport._tls",
    },
)
