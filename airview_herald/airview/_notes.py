"""What the events of one run have in common, and who asks on their account."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable

import attrs

from airview_herald._memory import Memory
from airview_herald._quoted import printable
from airview_herald._shown import Shown
from airview_herald.airview._backend import Backend
from airview_herald.airview._mismatches import Mismatch
from airview_herald.airview._sending import Sender
from airview_herald.errors import AirViewHeraldError
from airview_herald.transport._observer import checked_observer, show
from airview_herald.transport._operation import Operation

logger = logging.getLogger("airview_herald")

KEPT_NOTES = 1000


@attrs.frozen
class Orphan(Shown):
    """An application that may be left on the server without an environment.

    The server has no route that removes it; nothing refers to it.

    Attributes:
        name: Its name.
        id: Its id, or `None` when the answer that would have told it was lost.
    """

    name: str
    id: int | None


OnMismatch = Callable[[Mismatch], None]


class Notes:
    """What a run has to tell besides its outcomes; 1,000 of each at most.

    Args:
        on_mismatch: Told of each mismatch as it is noted.

    Attributes:
        mismatches: Definitions that exist with other attributes, each noted once.
        orphans: Applications that may be left over.
        sound: Whether a refusal made this run look, and the server had lost nothing.
    """

    def __init__(self, on_mismatch: OnMismatch = lambda _: None) -> None:
        self._on_mismatch = on_mismatch
        self.mismatches: dict[Mismatch, None] = {}
        self.orphans: list[Orphan] = []
        self.sound: bool = False
        self._verdicts: Memory[tuple[str, str], AirViewHeraldError] = Memory(KEPT_NOTES)

    def differ(self, mismatches: Iterable[Mismatch]) -> None:
        """Note definitions that exist with other attributes."""
        for mismatch in mismatches:
            if len(self.mismatches) < KEPT_NOTES and mismatch not in self.mismatches:
                self.mismatches[mismatch] = None
                self._on_mismatch(mismatch)

    def orphan(self, name: str, identifier: int | None) -> str:
        """Note, and log, an application that may be left over; return what there is to say."""
        told = f"application {identifier} ({name!r}) may be left without an environment"
        orphan = Orphan(name, identifier)
        # Without an id, two of one name cannot be told apart: each counts.
        if identifier is None or orphan not in self.orphans:
            logger.warning("%s", printable(told))
            if len(self.orphans) < KEPT_NOTES:
                self.orphans.append(orphan)
        return told

    def placed(self, identifier: int | None) -> None:
        """Note that an application is in an environment after all."""
        self.orphans = [each for each in self.orphans if each.id != identifier]

    def settled(self, name: str) -> None:
        """Note that an application of which only the name was known is no orphan."""
        orphan = Orphan(name, None)
        if orphan in self.orphans:
            self.orphans.remove(orphan)

    def refuse(self, key: tuple[str, str], verdict: AirViewHeraldError) -> None:
        """Remember that the server refuses a definition."""
        self._verdicts.put(key, copy.copy(verdict))

    def forget_verdicts(self) -> None:
        """Forget all refusals: they were of a server that has been restored since."""
        self._verdicts.clear()

    def verdict(self, key: tuple[str, str]) -> AirViewHeraldError | None:
        """Return a fresh copy of the server's refusal of a definition, if it is known."""
        known = self._verdicts.get(key)
        return None if known is None else copy.copy(known)


class Warnings:
    """Tell of the mismatches that a client's single calls meet: each once in the log.

    Args:
        on_mismatch: The caller's callback, told each time.
        logged: What the log has already.
    """

    def __init__(
        self, on_mismatch: OnMismatch | None, logged: Memory[Mismatch, bool] | None = None
    ) -> None:
        self._on_mismatch = checked_observer(on_mismatch, "on_mismatch")
        self._logged: Memory[Mismatch, bool] = Memory(KEPT_NOTES) if logged is None else logged

    def telling(self, on_mismatch: OnMismatch | None) -> Warnings:
        """Return what tells another callback, if there is one, and logs nothing twice."""
        return self if on_mismatch is None else Warnings(on_mismatch, self._logged)

    def __call__(self, mismatch: Mismatch) -> None:
        """Tell of a mismatch."""
        if not self._logged.get(mismatch):
            self._logged.put(mismatch, value=True)
            logger.warning("%s", printable(str(mismatch)))
        show(self._on_mismatch, mismatch, "on_mismatch")


@attrs.frozen(eq=False)
class Asker:
    """Whoever needs a definition or a resource: an event of a batch, or a single call.

    Attributes:
        sender: Sends on their account.
        operation: Their account.
        notes: The notes of their run.
        backend: A method for each route, on their account too.
    """

    sender: Sender
    operation: Operation
    notes: Notes
    backend: Backend = attrs.field(
        init=False, default=attrs.Factory(lambda self: Backend(self.sender), takes_self=True)
    )

    def time_left(self) -> float:
        """Return the seconds for which they may wait; see `Transport.time_left`."""
        return self.sender.transport.time_left(self.operation)
