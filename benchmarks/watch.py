"""A process that measures itself, so that the server's share is not in it."""

from __future__ import annotations

import gc
import sys
import time
from typing import Any, Self


class Watch:
    """How much CPU of this process and how much time passes in a `with` block, in seconds."""

    cpu: float
    wall: float

    def __enter__(self) -> Self:
        gc.collect()
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu = time.process_time() - self._cpu
        self.wall = time.perf_counter() - self._wall

    def told(self, **more: Any) -> dict[str, Any]:
        """Return what was measured."""
        return {"cpu": self.cpu, "wall": self.wall, **more}


def peak() -> float:
    """Return the most memory that this process had so far, in bytes."""
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(most if sys.platform == "darwin" else most * 1024)


def say(line: str) -> None:
    """Answer with a line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
