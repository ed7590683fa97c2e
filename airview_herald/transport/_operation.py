"""The account of one operation: its clock, its slots, and what it has spent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import anyio
import attrs

from airview_herald.transport._call import RetryClass


class Slots:
    """How many requests may be in flight at once: first come, first served.

    Args:
        limit: The most requests in flight.
    """

    __slots__ = ("_free", "_waiting", "limit")

    def __init__(self, limit: int) -> None:
        self.limit: int = limit
        self._free = limit
        self._waiting: deque[anyio.Event] = deque()

    async def acquire(self) -> None:
        """Take a slot, after those who asked before."""
        if self._free:
            self._free -= 1
            return
        turn = anyio.Event()
        self._waiting.append(turn)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set():
                self.release()
            else:
                self._waiting.remove(turn)
            raise

    def release(self) -> None:
        """Give a slot to the one who waits longest, or put it back."""
        if self._waiting:
            self._waiting.popleft().set()
        else:
            self._free += 1


@attrs.define(eq=False)
class Operation:
    """One operation: a single call, or all the requests of one event.

    Its clock starts with its first request.

    Attributes:
        deadline: Seconds that the operation may take in all.
        attempts: How often each request may be sent, or `None`: until the deadline.
        slots: Where to queue for each request, or `None` for no limit.
        started: When the first request was sent, in seconds of the transport's clock.
        requests: Requests sent, those for tokens included.
        retries: Requests sent again.
        throttled: Answers that said 429.
        in_flight: The class of a request that may still land: one that has not been answered, or
            whose answer left that open and which waits to be sent again. Left behind by a
            cancellation, it says that the request may have landed.
    """

    deadline: float
    attempts: int | None
    slots: Slots | None = None
    started: float | None = None
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    in_flight: RetryClass | None = None

    def remaining(self, clock: Callable[[], float]) -> float:
        """Return the seconds left, starting the clock if nothing has."""
        now = clock()
        if self.started is None:
            self.started = now
        return self.started + self.deadline - now
