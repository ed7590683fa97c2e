"""What a batch would need: a look without creating anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs

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
from airview_herald.airview.models import Application, ComplianceEvent, TechnicalControl
from airview_herald.errors import InputError
from airview_herald.transport._limiter import Slots

_CHUNK = 256


@attrs.frozen
class PlannedDefinition:
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
    """What a batch of events would meet and make.

    Attributes:
        events: How many events there are.
        failed: How many of them break a rule, and would not be sent.
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
        self._events = 0
        self._failures: list[Outcome] = []
        self._failed = 0
        # Each definition with all its variants, the first of which would be recorded.
        self._given: dict[Key, dict[Any, None]] = {}
        self._stored: dict[Key, Any] = {}
        self._requests = 0

    async def plan(self, events: Events) -> Plan:
        """Return what a batch of these events would meet and make."""
        await self._collect(events)
        system = await self._find_system()
        # Without a system there are no technical controls of it, and to ask would be to make it.
        keys = [key for key in self._given if system is not None or key[0] != "technical_control"]
        await for_each(keys, self._look, at_once=self._concurrency)
        name, stage = self._config.system_name, self._config.system_stage
        planned = [PlannedDefinition("system", name, None if system is None else system.id)]
        planned += [
            PlannedDefinition(*key, getattr(self._stored.get(key), "id", None))
            for key in self._given
            if key in self._stored or self._would_be_made(key)
        ]
        differing = list(self._mismatches())
        if system is not None and system.stage != stage:
            differing.insert(0, Mismatch("system", name, "stage", system.stage, stage))
        return Plan(
            events=self._events,
            failed=self._failed,
            failures=tuple(self._failures),
            existing=tuple(each for each in planned if each.id is not None),
            new=tuple(each for each in planned if each.id is None),
            mismatches=tuple(differing),
            requests=self._requests,
        )

    async def _collect(self, events: Events) -> None:
        producer = Producer(events)
        try:
            while taken := await producer.take(_CHUNK):
                for event in taken:
                    self._note(event)
        finally:
            await producer.aclose()

    def _note(self, event: ComplianceEvent) -> None:
        index = self._events
        self._events += 1
        try:
            Rules(event).event(event)
        except InputError as error:
            self._failed += 1
            if len(self._failures) < KEPT_FAILURES:
                status = OutcomeStatus.FAILED
                self._failures.append(Outcome(event, index, status, Stage.QUEUED, error=error))
            return
        for kind, key, definition in _needs(event):
            self._given.setdefault((kind, key), {})[definition] = None

    async def _find_system(self) -> System | None:
        with self._asking() as asker:
            return await asker.sender.find_system()

    async def _look(self, key: Key) -> None:
        with self._asking() as asker:
            found = await self._catalogue.look_up(asker, key, _first(self._given[key]))
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

    def _would_be_made(self, key: Key) -> bool:
        """Whether something new needs it: parents and environments are made for that only."""
        kind, name = key
        new = (_first(given) for other, given in self._given.items() if other not in self._stored)
        if kind == "control":
            controls = (each.control for each in new if isinstance(each, TechnicalControl))
            return any(control is not None and control.name == name for control in controls)
        if kind == "environment":
            environments = (each.environment for each in new if isinstance(each, Application))
            return any(environment.abbreviation == name for environment in environments)
        return True

    def _mismatches(self) -> Iterator[Mismatch]:
        """Yield what differs from the server's definition, or from the one that would be made."""
        for key, variants in self._given.items():
            stored = self._stored.get(key)
            for given in variants:
                yield from mismatches(*key, stored or _first(variants), given)
                if isinstance(given, TechnicalControl) and stored is not None:
                    yield from self._other_parent(key, stored, given)

    def _other_parent(
        self, key: Key, stored: TechnicalControl, given: TechnicalControl
    ) -> Iterator[Mismatch]:
        """Yield the parent control that an existing technical control does not have."""
        if given.control is not None:
            parent = self._stored.get(("control", given.control.name))
            if parent is None or parent.id != stored.control_id:
                other = given.control.name if parent is None else parent.id
                yield Mismatch(*key, "control_id", stored.control_id, other)


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
