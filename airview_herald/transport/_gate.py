"""The gate that batches wait behind while a server fails nearly everything; no I/O."""

from __future__ import annotations

import math

_BETWEEN_PROBES = 1.0


class Gate:
    """Closed when a server is not there, or fails too much; opened by the first real answer.

    While it is closed one request a second may go through, to try.

    Attributes:
        closed: Whether it is closed.
    """

    __slots__ = ("_next_probe", "closed")

    def __init__(self) -> None:
        self.closed: bool = False
        self._next_probe = -math.inf

    def close(self, now: float) -> None:
        """Close it; the first probe is a second away."""
        if not self.closed:
            self.closed, self._next_probe = True, now + _BETWEEN_PROBES

    def open(self) -> None:
        """Open it: all may go on."""
        self.closed = False

    def wait(self, now: float) -> float:
        """Return the seconds until somebody may pass; 0 when somebody may."""
        return max(0.0, self._next_probe - now) if self.closed else 0.0

    def take(self, now: float) -> bool:
        """Pass, as a probe if it is closed; return whether that may be."""
        if not self.closed:
            return True
        if now < self._next_probe:
            return False
        self._next_probe = now + _BETWEEN_PROBES
        return True
