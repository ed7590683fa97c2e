"""Reading what may never come: a pipe or a terminal, until somebody has had enough."""

from __future__ import annotations

import io
import os
import select
import threading
from typing import Any

_PATIENCE = 0.1


class InterruptibleReader(io.RawIOBase):
    """Read from a pipe or a terminal, in a thread that another one may have to end.

    Args:
        descriptor: Of the open file; it stays open.
        name: What to call it in messages.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        self.name = name
        self._descriptor = descriptor
        self._ended = threading.Event()

    def end(self) -> None:
        """End the reading, at once if it waits."""
        self._ended.set()

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what has come, or wait for something.

        Raises:
            InterruptedError: It was ended.
        """
        # Windows can wait for sockets only; there a read is not interrupted.
        while os.name == "posix" and not self._ready():
            if self._ended.is_set():
                raise InterruptedError(0, "reading was interrupted", self.name)
        content = os.read(self._descriptor, len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def _ready(self) -> bool:
        return bool(select.select([self._descriptor], [], [], _PATIENCE)[0])
