"""Order per key: what came first is sent first, and one at a time.

The server keeps neither: concurrent first writes of one monitored resource leave duplicate rows,
and a late state overwrites a later one. So each key has a lane, first in first out. Where a
request may still be running on the server after its task has given up, its lane stays closed
until it has surely ended.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable

import anyio

from airview_herald.airview.models import ComplianceEvent

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


def lane_key(event: ComplianceEvent) -> tuple[str, str, str]:
    """Return what the order of events is kept by."""
    return (
        event.application.reference,
        event.resource_reference,
        event.technical_control.reference,
    )


class Ticket:
    """A place in a lane, taken without waiting; its order is the order of the calls.

    Made by `Lanes.join`, and given back exactly once, by `leave`.
    """

    __slots__ = ("_key", "_lanes", "_left", "_opens_at", "_turn", "ahead", "behind")

    def __init__(self, lanes: Lanes, key: Hashable, ahead: Ticket | None, opens_at: float) -> None:
        self._lanes = lanes
        self._key = key
        self.ahead: Ticket | None = ahead
        self.behind: Ticket | None = None
        self._turn: anyio.Event | None = None
        self._opens_at = opens_at
        self._left = False
        if ahead is not None:
            ahead.behind = self

    async def turn(self) -> None:
        """Wait until everything ahead has left and the lane is open."""
        if self.ahead is not None:
            self._turn = anyio.Event()
            await self._turn.wait()
        while (shut := self._opens_at - self._lanes.clock()) > 0:
            await self._lanes.sleep(shut)

    def leave(self, *, settle: float = 0.0) -> None:
        """Give the place back; a second time does nothing.

        Args:
            settle: How long the lane stays closed to the next one, in seconds.
        """
        if self._left:
            return
        self._left = True
        opens_at = self._opens_at if not settle else self._lanes.clock() + settle
        ahead, behind = self.ahead, self.behind
        if behind is None:
            self._lanes.vacate(self._key, ahead, opens_at)
        else:
            behind.ahead = ahead
        if ahead is not None:
            ahead.behind = behind
        elif behind is not None:
            behind.come_first(opens_at)

    def give_way_to(self, other: Ticket) -> None:
        """Take the place right behind another ticket of the lane; for the one whose turn it is."""
        first, behind = self.behind, other.behind
        if first is None:
            raise RuntimeError("nothing is behind this ticket")
        self.ahead, self.behind, other.behind = other, behind, self
        if behind is None:
            self._lanes.end_with(self._key, self)
        else:
            behind.ahead = self
        first.ahead = None
        first.come_first(self._opens_at)

    def come_first(self, opens_at: float) -> None:
        """Note that nothing is ahead any more; for the `leave` of what was."""
        self._opens_at = opens_at
        if self._turn is not None:
            self._turn.set()


class Lanes:
    """All the lanes of a client.

    Args:
        clock: Seconds, monotonic.
        sleep: Waits that many seconds.
    """

    def __init__(self, clock: Clock, sleep: Sleep) -> None:
        self.clock = clock
        self.sleep = sleep
        self._last: dict[Hashable, Ticket] = {}
        self._shut: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        """Return how many lanes are in use or closed."""
        return len(self._last) + len(self._shut)

    def join(self, key: Hashable) -> Ticket:
        """Take the next place in a lane."""
        ticket = Ticket(self, key, self._last.get(key), self._shut.pop(key, 0.0))
        self._last[key] = ticket
        return ticket

    def end_with(self, key: Hashable, ticket: Ticket) -> None:
        """Note which ticket is the last of a lane; for `Ticket.give_way_to`."""
        self._last[key] = ticket

    def vacate(self, key: Hashable, ahead: Ticket | None, opens_at: float) -> None:
        """Note that the last ticket of a lane has left; for `Ticket.leave`."""
        if ahead is not None:
            self._last[key] = ahead
            return
        del self._last[key]
        now = self.clock()
        while self._shut and next(iter(self._shut.values())) <= now:
            self._shut.popitem(last=False)
        if opens_at > now:
            self._shut[key] = opens_at
