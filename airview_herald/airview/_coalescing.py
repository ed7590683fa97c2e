"""Events that a newer one of their lane makes needless: only the newest state is sent.

What is kept is the state at the end, exactly as if all had been sent. So an older event is out of
the way only once the newer one is recorded, or may be: when that one fails, the older is sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

import anyio

from airview_herald.airview._held import Held
from airview_herald.airview._lanes import Lanes
from airview_herald.airview._outcomes import OutcomeStatus


class Coalescing:
    """The held events of a run by lane, oldest first.

    Args:
        lanes: The client's lanes.
    """

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._held: dict[Hashable, deque[Held]] = {}

    def admit(self, held: Held) -> None:
        """Note an event that was just given its place in its lane."""
        held.settled = anyio.Event()
        self._held.setdefault(held.lane, deque()).append(held)

    async def superseded_by(self, held: Held) -> Held | None:
        """Wait for an event's turn.

        Returns:
            The newer event that was sent in its place, or `None`: it is to be sent now.
        """
        while held.ticket is not None:
            await held.ticket.turn()
            while (newer := self._newest_after(held)) is not None:
                held.ticket.leave()
                if newer.settled is not None:
                    await newer.settled.wait()
                if not _failed(newer):
                    return newer
            if not held.ticket.left:
                return None
            held.ticket = self._lanes.join(held.lane)
        return None

    def settle(self, held: Held) -> None:
        """Note that an event has its outcome; newer ones stay known while an older one waits."""
        if held.settled is None:
            return
        held.settled.set()
        lane = self._held[held.lane]
        while lane and lane[0].outcome is not None:
            lane.popleft()
        if not lane:
            del self._held[held.lane]

    def _newest_after(self, held: Held) -> Held | None:
        for other in reversed(self._held[held.lane]):
            if other is held:
                return None
            if not _failed(other):
                return other
        return None


def _failed(held: Held) -> bool:
    return held.outcome is not None and held.outcome.status is OutcomeStatus.FAILED
