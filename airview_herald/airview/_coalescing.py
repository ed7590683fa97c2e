"""Events that a newer one of their lane makes needless: only the newest state is sent.

What is kept is the state at the end, exactly as if all had been sent. So an older event gives way
to a newer one and stays behind it: once that is recorded, or may be, the older is out of the way;
when it fails, the older is sent in its place. What others have put in between keeps its place.
"""

from __future__ import annotations

from collections.abc import Hashable

from airview_herald.airview._held import Held
from airview_herald.airview._lanes import Ticket
from airview_herald.airview._outcomes import OutcomeStatus


class Coalescing:
    """The held events of a run, by their places in lanes."""

    def __init__(self) -> None:
        self._holders: dict[Ticket, Held] = {}
        self._waiting: dict[Hashable, int] = {}
        # The newest event sent in each lane, kept while older events of the lane may be waiting.
        self._sent: dict[Hashable, Held] = {}

    def admit(self, held: Held, ticket: Ticket) -> None:
        """Note an event that was just given its place in its lane."""
        self._holders[ticket] = held
        self._waiting[held.lane] = self._waiting.get(held.lane, 0) + 1

    async def superseded_by(self, held: Held, ticket: Ticket) -> Held | None:
        """Wait for an event's turn.

        Returns:
            The newer event that was sent in its place, or `None`: it is to be sent now.
        """
        while True:
            await ticket.turn()
            sent = self._sent.get(held.lane)
            if sent is not None and sent.index > held.index:
                ticket.leave()
                return sent
            newest = self._newest_behind(held, ticket)
            if newest is None:
                return None
            ticket.give_way_to(newest)

    def overtaken_by(self, held: Held) -> Held | None:
        """Return the newer event that is recorded in the place of one that is left over."""
        sent = self._sent.get(held.lane)
        if sent is None or sent.index <= held.index or sent.outcome is None:
            return None
        return sent if sent.outcome.status is OutcomeStatus.RECORDED else None

    def settle(self, held: Held, ticket: Ticket, status: OutcomeStatus) -> None:
        """Note that an event has its outcome."""
        del self._holders[ticket]
        if status in (OutcomeStatus.RECORDED, OutcomeStatus.UNKNOWN):
            before = self._sent.get(held.lane)
            if before is None or before.index < held.index:
                self._sent[held.lane] = held
        self._waiting[held.lane] -= 1
        if not self._waiting[held.lane]:
            del self._waiting[held.lane]
            self._sent.pop(held.lane, None)

    def _newest_behind(self, held: Held, ticket: Ticket) -> Ticket | None:
        """Return the place of the newest event of this run behind one, up to somebody else's."""
        newest, newest_index = None, held.index
        behind = ticket.behind
        while behind is not None and (other := self._holders.get(behind)) is not None:
            if other.index > newest_index:
                newest, newest_index = behind, other.index
            behind = behind.behind
        return newest
