"""How many requests of a batch may be in flight: a ceiling, and what the server can take below it.

Timeouts and 5xx say that the server has more to do than it can, unless they are few: 15 in a
hundred may come of anything. Where there are more the limit falls to 0.7 of itself, at most once
per round trip: what was sent before the fall says nothing about what holds after it. Answers raise
it again. Below the threshold, 0.7 of what it was when the trouble began, each answer adds one,
which doubles the limit in a round trip (slow start); above it a round trip adds one in all. It
rises only while at least half of it is used.
"""

from __future__ import annotations

import math
from collections import deque

import anyio
import attrs

from airview_herald.transport._share import Share

_FALL = 0.7
_FEW = 0.15
_NONE = 0.001


@attrs.define
class ConcurrencyLaw:
    """The law of the limit, without I/O.

    Attributes:
        ceiling: The most it can be; where it begins.
        limit: What the server can take, as far as is known; a fraction counts towards the next
            whole one. It may be above a ceiling that has come down since.
        threshold: Below it the limit doubles with each round trip.
    """

    ceiling: int
    limit: float = attrs.field(default=attrs.Factory(lambda self: self.ceiling, takes_self=True))
    threshold: float = attrs.field(
        default=attrs.Factory(lambda self: self.ceiling, takes_self=True)
    )
    _fell_at: float = -math.inf
    _falling: bool = False
    _failures: Share = attrs.field(factory=Share)

    @property
    def untroubled(self) -> bool:
        """Whether nothing has failed, or not for long."""
        return self._failures.value < _NONE and self.limit == self.ceiling

    @property
    def allowed(self) -> int:
        """How many requests may be in flight now."""
        return int(min(self.limit, self.ceiling))

    def resize(self, ceiling: int) -> None:
        """Change the ceiling; a limit that is not in trouble goes with it."""
        if self.limit == self.ceiling:
            self.limit = ceiling
        self.ceiling = ceiling

    def failed(self, sent_at: float, now: float) -> None:
        """Note a timeout or a 5xx.

        Args:
            sent_at: When the request was sent, in seconds.
            now: The same clock's time.
        """
        if sent_at < self._fell_at:
            return
        self._failures.count()
        self._failures.spoil()
        if self._failures.value <= _FEW:
            return
        lower = max(1.0, min(self.limit, self.ceiling) * _FALL)
        if not self._falling:
            self.threshold = lower
        self.limit, self._fell_at, self._falling = lower, now, True
        self._failures = Share()

    def succeeded(self, sent_at: float, in_use: int) -> None:
        """Note an answer.

        Args:
            sent_at: When the request was sent, in seconds.
            in_use: How many requests were in flight, this one included.
        """
        if sent_at < self._fell_at:
            return
        self._failures.count()
        self._falling = False
        if self.limit < self.ceiling and 2 * in_use >= int(self.limit):
            rise = 1.0 if self.limit < self.threshold else 1.0 / self.limit
            self.limit = min(self.ceiling, self.limit + rise)


class Slots:
    """How many requests may be in flight at once: first come, first served.

    Args:
        ceiling: The most requests in flight.

    Attributes:
        limit: The limit now.
        extremes: The lowest and the highest it has been.
    """

    __slots__ = ("_event", "_free", "_law", "_released", "_waiting", "extremes", "limit")

    def __init__(self, ceiling: int) -> None:
        self._law = ConcurrencyLaw(ceiling)
        self.limit: int = ceiling
        self.extremes: tuple[int, int] = (ceiling, ceiling)
        # Negative while more are in flight than a lowered limit allows.
        self._free = ceiling
        self._waiting: deque[anyio.Event] = deque()
        self._event: type[anyio.Event] | None = None
        self._released: anyio.Event | None = None

    async def acquire(self) -> None:
        """Take a slot, after those who asked before."""
        if self._free > 0 and self._released is None:
            self._free -= 1
            return
        # Looked up once: finding the running event loop takes longer than the rest of a wait.
        self._event = self._event or type(anyio.Event())
        turn = self._event()
        self._waiting.append(turn)
        try:
            await turn.wait()
            if self._released is not None:
                # The limiter was shut after this one got its turn.
                await anyio.sleep_forever()
        except BaseException:
            if turn.is_set():
                self.release()
            else:
                self._waiting.remove(turn)
            raise

    def release(self) -> None:
        """Give a slot to the one who waits longest, or put it back."""
        self._free += 1
        if self._released is not None:
            self._released.set()
        elif self._waiting and self._free > 0:
            self._free -= 1
            self._waiting.popleft().set()

    def resize(self, ceiling: int) -> None:
        """Change the most requests in flight; those that are beyond it go on to their end."""
        self._law.resize(ceiling)
        self._follow()

    def shut(self) -> None:
        """Give out no slot any more, for good; those that are taken can be given back."""
        self._released = anyio.Event()

    async def released(self) -> None:
        """Wait, once they are shut, until another slot is given back."""
        self._released = anyio.Event()
        await self._released.wait()

    def failed(self, sent_at: float, now: float) -> None:
        """Note a timeout or a 5xx; the slot is still held."""
        self._law.failed(sent_at, now)
        self._follow()

    def succeeded(self, sent_at: float) -> None:
        """Note an answer; the slot is still held."""
        self._law.succeeded(sent_at, self.limit - self._free)
        self._follow()

    @property
    def untroubled(self) -> bool:
        """Whether nobody need tell of answers: nothing has failed, or not for long."""
        return self._law.untroubled

    def _follow(self) -> None:
        limit = self._law.allowed
        if limit == self.limit:
            return
        self._free += limit - self.limit
        self.limit = limit
        lowest, highest = self.extremes
        self.extremes = (min(lowest, limit), max(highest, limit))
        while self._waiting and self._free > 0 and self._released is None:
            self._free -= 1
            self._waiting.popleft().set()
