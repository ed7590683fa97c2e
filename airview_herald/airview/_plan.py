"""What a batch would need: a look without creating anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import attrs
from anyio.lowlevel import checkpoint

from airview_herald import _html as html
from airview_herald._records import records
from airview_herald._shown import Shown
from airview_herald.airview._definitions import Key
from airview_herald.airview._fan_out import for_each
from airview_herald.airview._ingest_settings import Events
from airview_herald.airview._mismatches import Mismatch, mismatches
from airview_herald.airview._notes import Asker, Notes
from airview_herald.airview._outcomes import KEPT_FAILURES, Outcome, OutcomeStatus
from airview_herald.airview._producer import Producer
from airview_herald.airview._recording import Recorder, Stage
from airview_herald.airview._routes import System
from airview_herald.airview._rules import Rules
from airview_herald.airview.models import ComplianceEvent, Control, TechnicalControl
from airview_herald.errors import InputError
from airview_herald.transport._limiter import Slots

_CHUNK = 256


@attrs.frozen
class PlannedDefinition(Shown):
    """A definition that events need.

    Attributes:
        kind: `system`, `environment`, `application`, `control` or `technical_control`.
        key: Its name, abbreviation or reference.
        id: Its id on the server; `None` when it is not there. An application's is that of the
            application itself.
    """

    kind: str
    key: str
    id: int | None


@attrs.frozen
class Plan:
    """What a batch of events would find on the server, and what it would create.

    Attributes:
        events: How many events there are.
        failed: How many of them break a rule, and would not be recorded.
        failures: The first 1,000 of those.
        existing: Definitions that are on the server.
        new: Definitions that would be recorded.
        mismatches: Definitions that exist, or would by then, with other attributes.
        requests: Requests spent on looking.
    """

    events: int
    failed: int
    failures: tuple[Outcome, ...]
    existing: tuple[PlannedDefinition, ...]
    new: tuple[PlannedDefinition, ...]
    mismatches: tuple[Mismatch, ...]
    requests: int

    def to_records(self) -> list[dict[str, Any]]:
        """Return the definitions as flat dictionaries, for a data frame.

        Returns:
            `kind`, `key` and `id`; those that would be recorded come first, and have no `id`.
        """
        return records((*self.new, *self.existing))

    def _repr_html_(self) -> str:
        title = f"{self.events:,} events: {len(self.new):,} definitions to record"
        return html.block(
            f"{title}, {len(self.existing):,} exist, {self.failed:,} events would fail",
            html.part("To record", records(self.new)),
            html.part("Mismatches", records(self.mismatches)),
            html.part("Failures", [each.to_record() for each in self.failures], self.failed),
        )


class Planner:
    """Look up what events need.

    Args:
        recorder: Knows the client's backend and its catalogue.
        concurrency: Requests in flight at most.
    """

    def __init__(self, recorder: Recorder, concurrency: int) -> None:
        self._recorder = recorder
        self._catalogue = recorder.catalogue
        self._config = recorder.sender.config
        self._concurrency = concurrency
        self._slots = Slots(concurrency)
        self._needs = _Needs()
        self._stored: dict[Key, Any] = {}
        self._requests = 0

    async def plan(self, events: Events) -> Plan:
        """Return what a batch of these events would find and create."""
        needs = self._needs
        await needs.collect(events)
        system = await self._find_system()
        # A system that does not exist has no technical controls, and asking would create it.
        keys = [key for key in needs.given if system is not None or key[0] != "technical_control"]
        await for_each(keys, self._look, at_once=self._concurrency)
        needs.fail_what_cannot_be_made(self._stored)
        made = needs.made(self._stored)
        planned = [
            PlannedDefinition(*key, getattr(self._stored.get(key), "id", None))
            for key in needs.given
            if key in self._stored or key in made
        ]
        name = self._config.system_name
        if system is not None or any(kind == "technical_control" for kind, _ in made):
            identifier = None if system is None else system.id
            planned.insert(0, PlannedDefinition("system", name, identifier))
        return Plan(
            events=needs.events,
            failed=needs.failed,
            failures=tuple(needs.failures),
            existing=tuple(each for each in planned if each.id is not None),
            new=tuple(each for each in planned if each.id is None),
            mismatches=tuple(dict.fromkeys(self._mismatches(system, made))),
            requests=self._requests,
        )

    async def _find_system(self) -> System | None:
        with self._asking() as asker:
            return await asker.sender.find_system()

    async def _look(self, key: Key) -> None:
        with self._asking() as asker:
            found = await self._catalogue.look_up(asker, key, _first(self._needs.given[key]))
        if found is not None:
            self._stored[key] = found

    @contextmanager
    def _asking(self) -> Iterator[Asker]:
        operation = self._recorder.sender.transport.operation()
        operation.slots = self._slots
        try:
            yield self._recorder.asker(operation, Notes())
        finally:
            self._requests += operation.requests

    def _mismatches(self, system: System | None, made: set[Key]) -> Iterator[Mismatch]:
        """Yield what differs from the server's definition, or from the one that would be made."""
        stage = self._config.system_stage
        if system is not None and system.stage != stage:
            yield Mismatch("system", system.name, "stage", system.stage, stage)
        for key, variants in self._needs.given.items():
            if key not in self._stored and key not in made:
                continue
            reference = self._stored.get(key, _first(variants))
            for given in variants:
                yield from mismatches(*key, reference, given)
                if isinstance(given, TechnicalControl) and given.control is not None:
                    yield from self._other_parent(key, reference, given.control)

    def _other_parent(
        self, key: Key, reference: TechnicalControl, given: Control
    ) -> Iterator[Mismatch]:
        """Yield the parent control that a technical control does not have, or would not get."""
        parent = self._stored.get(("control", given.name))
        wanted = given.name if parent is None else parent.id
        if key in self._stored:
            if wanted != reference.control_id:
                yield Mismatch(*key, "control_id", reference.control_id, wanted)
        elif reference.control is None or reference.control.name != given.name:
            name = None if reference.control is None else reference.control.name
            yield Mismatch(*key, "control_id", name, wanted)


class _Needs:
    """What the events of an input need.

    Attributes:
        events: How many there are.
        failed: How many cannot be recorded.
        failures: The first of those.
        given: Each definition with all its variants, the first of which would be recorded.
    """

    def __init__(self) -> None:
        self.events = 0
        self.failed = 0
        self.failures: list[Outcome] = []
        self.given: dict[Key, dict[Any, None]] = {}
        self._uses: Counter[str] = Counter()
        # Events whose control has no quality model, by application, technical control, control.
        self._unmodelled: Counter[tuple[str, str, str]] = Counter()
        self._first_unmodelled: dict[tuple[str, str, str], list[tuple[int, ComplianceEvent]]] = {}

    async def collect(self, events: Events) -> None:
        """Take all the events, and let other tasks run meanwhile."""
        producer = Producer(events)
        try:
            while taken := await producer.take(_CHUNK):
                for event in taken:
                    self._note(event)
                    if self.events % _CHUNK == 0:
                        await checkpoint()
        finally:
            with anyio.CancelScope(shield=True):
                await producer.aclose()

    def _note(self, event: ComplianceEvent) -> None:
        index = self.events
        self.events += 1
        broken = Rules.broken_by(event)
        if broken is not None:
            self._fail(event, index, broken)
            return
        for kind, key, definition in _needs(event):
            self.given.setdefault((kind, key), {})[definition] = None
        self._uses[event.application.reference] += 1
        control = event.technical_control.control
        if control is not None and control.quality_model is None:
            use = (event.application.reference, event.technical_control.reference, control.name)
            self._unmodelled[use] += 1
            first = self._first_unmodelled.setdefault(use, [])
            if len(first) < KEPT_FAILURES:
                first.append((index, event))

    def _fail(self, event: ComplianceEvent, index: int, error: InputError) -> None:
        self.failed += 1
        if len(self.failures) < KEPT_FAILURES:
            status = OutcomeStatus.FAILED
            self.failures.append(Outcome(event, index, status, Stage.QUEUED, error=error))

    def fail_what_cannot_be_made(self, stored: dict[Key, Any]) -> None:
        """Count the events whose control is new and has no quality model in any of them."""
        for key, count in self._unmodelled.items():
            application, reference, name = key
            if ("technical_control", reference) in stored or self._has_model(name, stored):
                continue
            self._uses[application] -= count
            self.failed += count - len(self._first_unmodelled[key])
            for index, event in self._first_unmodelled[key]:
                rule = "is needed for a control that does not exist yet"
                error = InputError("technical_control.control.quality_model", rule, event)
                self._fail(event, index, error)

    def _has_model(self, name: str, stored: dict[Key, Any]) -> bool:
        key = ("control", name)
        return key in stored or any(each.quality_model is not None for each in self.given[key])

    def made(self, stored: dict[Key, Any]) -> set[Key]:
        """Return what would be recorded: parents and environments for what is new only."""
        made: set[Key] = set()
        for key, variants in self.given.items():
            kind, name = key
            if key in stored:
                continue
            if kind == "application" and self._uses[name]:
                made |= {key, ("environment", _first(variants).environment.abbreviation)}
            if kind == "technical_control":
                parents = [each.control and each.control.name for each in variants]
                fit = [each for each in parents if each is None or self._has_model(each, stored)]
                if fit:
                    made.add(key)
                    made |= {("control", each) for each in fit[:1] if each is not None}
        return made - stored.keys()


def _first(variants: dict[Any, None]) -> Any:
    return next(iter(variants))


def _needs(event: ComplianceEvent) -> Iterator[tuple[str, str, Any]]:
    """Yield the definitions of an event: kind, key and the caller's object."""
    application, technical_control = event.application, event.technical_control
    yield "environment", application.environment.abbreviation, application.environment
    yield "application", application.reference, application
    if technical_control.control is not None:
        yield "control", technical_control.control.name, technical_control.control
    yield "technical_control", technical_control.reference, technical_control
