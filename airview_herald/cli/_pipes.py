"""Reading what may never come: a pipe or a terminal, until somebody has had enough."""

from __future__ import annotations

import io
import os
import selectors
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PATIENCE = 0.1
# `select` takes no descriptors above 1023, and `epoll` no regular files: hence `poll`.
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)


@contextmanager
def opened_pipe(path: str) -> Iterator[int]:
    """Open what may be a named pipe, without waiting for somebody to write to it.

    Args:
        path: Where it is.

    Yields:
        Its descriptor.
    """
    # Windows has only `O_BINARY`, and others only `O_NONBLOCK`.
    flags = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, os.O_RDONLY | flags)
    try:
        if os.name == "posix":
            os.set_blocking(descriptor, True)
        yield descriptor
    finally:
        os.close(descriptor)


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
        # Windows can wait only for sockets, so a read cannot be interrupted there.
        if os.name == "posix":
            self._wait()
        if self._ended.is_set():
            raise self._interrupted()
        content = os.read(self._descriptor, len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def _wait(self) -> None:
        with _Selector() as selector:
            selector.register(self._descriptor, selectors.EVENT_READ)
            while not selector.select(_PATIENCE):
                if self._ended.is_set():
                    raise self._interrupted()

    def _interrupted(self) -> InterruptedError:
        return InterruptedError(0, "reading was interrupted", self.name)
