"""The one send path: connections, retries, auth, deadlines, redacted logs."""

from airview_herald.transport._call import Reply
from airview_herald.transport._pool import PooledTransport
from airview_herald.transport._retry import Retry

__all__ = ["PooledTransport", "Reply", "Retry"]
