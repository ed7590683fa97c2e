"""What a batch lists, and what it does about the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import attrs

from airview_herald.airview import enumerations
from airview_herald.airview._lanes import lane_key
from airview_herald.airview.enumerations import MonitoredResourceState
from airview_herald.airview.models import Application, ComplianceEvent


def _tuple(values: Any) -> Any:
    """Return what can be iterated as a tuple; anything else is refused when it is used."""
    return tuple(values) if isinstance(values, Iterable) and not isinstance(values, str) else values


@attrs.frozen
class Reconciliation:
    """What a batch does about records of its system that its input does not list any more.

    Attributes:
        state: What they become. MONITORING is for what is FLAGGED or UNRESPONSIVE; DELETED for
            whatever the server still counts. UNRESPONSIVE ones are left alone where nothing tells
            that they are this system's: the application is in several environments of one name,
            or another system's name differs in its capitals only, or this system's name holds
            other characters than `A-Z a-z 0-9 _ . / -` and space.
        applications: Applications that the input covers besides those of its events, or their
            references. One whose last finding was fixed appears in no event, and is left alone
            unless it is here. What the server does not have is in the report's `unreconciled`.
        complete: Asked when the input has ended, whether all of it could be read; nothing is
            closed unless it says so. For a source that is wrapped, since `problems` are looked for
            on the source itself: `lambda: not source.problems`.
    """

    state: MonitoredResourceState | str = attrs.field(
        default=MonitoredResourceState.MONITORING, converter=enumerations.monitoring_state
    )
    applications: tuple[Application | str, ...] = attrs.field(default=(), converter=_tuple)
    complete: Callable[[], bool] | None = None

    def doubt(self, source: object, coverage: Coverage) -> str:
        """Return why nothing is to be closed once an input has ended; empty if nothing is against.

        Args:
            source: The input.
            coverage: What it lists.
        """
        if coverage.doubt:
            return coverage.doubt
        if getattr(source, "problems", None):
            return "some of the source could not be read"
        if self.complete is not None and not self.complete():
            return "the input is not complete"
        if not coverage.applications:
            return "the input mentions no application, and none is named"
        return ""


class Coverage:
    """What an input lists, and what the client was given elsewhere meanwhile.

    Args:
        named: Applications that it covers from the beginning, or their references.
        listed: What others list already.

    Attributes:
        named: Their references.
        applications: By reference; `None` where no more than that is known.
        missing: References of those named that the server does not have.
        doubt: Why some of the input is not known; empty as long as all of it is.
    """

    def __init__(self, named: Iterable[Application | str], listed: Iterable[int]) -> None:
        self.applications: dict[str, Application | None] = dict(map(_by_reference, named))
        self.named: frozenset[str] = frozenset(self.applications)
        self.missing: list[str] = []
        self.doubt: str = ""
        # 64-bit hashes in place of three texts: the lanes of a million events take some 60 MB.
        self.listed: set[int] = set(listed)

    def cover(self, event: ComplianceEvent) -> None:
        """Note an event that breaks no rule: its application is covered."""
        if self.applications.get(event.application.reference) is None:
            self.applications[event.application.reference] = event.application

    def note(self, event: Any, index: int) -> None:
        """Note an event, even one that breaks a rule: its record is not out of date for that."""
        try:
            key = lane_key(event)
            named = all(isinstance(part, str) and part for part in key)
        except AttributeError:
            named = False
        if named:
            self.listed.add(hash(key))
        elif not self.doubt:
            self.doubt = f"input {index} does not say which resource it is about"

    def miss(self, reference: str) -> None:
        """Note that the server does not have an application; of one that was named it should."""
        if reference in self.named:
            self.missing.append(reference)

    def lists(self, application: str, resource: str, technical_control: str) -> bool:
        """Return whether an event was about this."""
        return hash((application, resource, technical_control)) in self.listed


def _by_reference(named: Application | str) -> tuple[str, Application | None]:
    return (named, None) if isinstance(named, str) else (named.reference, named)


class Coverages:
    """The coverages of all the batches that a client runs now."""

    def __init__(self) -> None:
        self._running: list[Coverage] = []

    def begin(self, named: Iterable[Application | str]) -> Coverage:
        """Begin a coverage; what the others list is listed."""
        others = (key for other in self._running for key in other.listed)
        coverage = Coverage(named, others)
        self._running.append(coverage)
        return coverage

    def end(self, coverage: Coverage) -> None:
        """End a coverage; ending it twice is fine."""
        if coverage in self._running:
            self._running.remove(coverage)

    def note(self, event: ComplianceEvent) -> None:
        """Note an event that the client is given, by a batch or by a single call."""
        if self._running:
            key = hash(lane_key(event))
            for coverage in self._running:
                coverage.listed.add(key)
