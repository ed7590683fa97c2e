"""aiohttp's protocol, of which what is used here is in no documentation of its own."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, Final, cast

import httpx
from aiohttp.client_proto import ResponseHandler

from airview_herald.transport._limits import LONGEST_HEAD, endless_head

MOST_LINES: Final = 1_024  # of an answer's head
_USED: Final = ("is_connected", "read", "set_exception", "set_response_params", "should_close")


def _counting_lines() -> dict[str, Any]:
    """Return the parameter that limits a head's lines; older releases do not count them."""
    setter = getattr(ResponseHandler, "set_response_params", check_release)
    counts = "max_headers" in inspect.signature(setter).parameters
    return {"max_headers": MOST_LINES} if counts else {}


def check_release() -> None:
    """Refuse a release of aiohttp whose protocol lacks a part that is used.

    Raises:
        ImportError: It does.
    """
    missing = [name for name in _USED if not hasattr(ResponseHandler, name)]
    if missing:
        raise ImportError(f"its protocol has no {', '.join(missing)}")


# With an older aiohttp only `LONGEST_HEAD` limits a head.
MORE: Final = _counting_lines()


class Protocol(ResponseHandler):
    """aiohttp's protocol, which also tells when there is room to write, and what broke it.

    It gives up on an answer whose head does not end.

    Attributes:
        awaits: The request whose answer's head is to come.
        received: The bytes of it so far, or of interim answers.
        drained: Done when there is room again; `None` while there is.
        fault: What the connection was lost by, unless it was closed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.awaits: httpx.Request | None = None
        self.received = 0
        self.drained: asyncio.Future[None] | None = None
        self.fault: BaseException | None = None

    def data_received(self, data: bytes) -> None:
        if self.awaits is not None:
            # While a parsed answer waits to be read (`len`), these bytes are not part of a head.
            if self.received >= LONGEST_HEAD and not len(self):
                self.set_exception(endless_head(self.awaits, self.received))
                cast("asyncio.Transport", self.transport).abort()
                return
            self.received += len(data)
        super().data_received(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._let_write()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.fault = exc
        self._let_write()
        super().connection_lost(exc)

    def _let_write(self) -> None:
        drained, self.drained = self.drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)
