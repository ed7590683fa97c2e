"""The groundwork: definitions that partitions share, looked for and recorded once.

The server lets two partitions record one control twice. So everything that they share is there
before the first of them begins, and each knows its ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import attrs

from airview_herald.airview import AirView, Application, ComplianceEvent, Environment, Plan
from airview_herald.airview._definitions import Key
from airview_herald.airview._event_lines import encode_model
from airview_herald.airview._fan_out import for_each
from airview_herald.airview._known_ids import Ids, remember
from airview_herald.airview._notes import Notes
from airview_herald.airview._outcomes import IngestReport
from airview_herald.airview._routes import System
from airview_herald.distributed._holding import Holder, Task, hold, run
from airview_herald.distributed._lease import ToldToEndError
from airview_herald.distributed._pieces import Pieces
from airview_herald.distributed._settings import Limits
from airview_herald.errors import BadRequestError, ConflictError, InputError, ValidationError
from airview_herald.transport._limiter import Slots
from airview_herald.transport._operation import Operation, Patience

_REFUSED = (BadRequestError, ConflictError, InputError, ValidationError)


@attrs.frozen
class Groundwork:
    """What every partition knows from the beginning.

    Attributes:
        system: The system that records; `None` if it is not there and nothing needs it.
        ids: The definitions.
        report: What it took, and which definitions exist with other attributes.
    """

    system: System | None
    ids: Ids
    report: IngestReport

    async def teach(self, airview: AirView) -> None:
        """Have a client know it."""
        recorder = airview._recorder  # noqa: SLF001 - a client of this package
        if self.system is not None:
            recorder.sender.remember_system(self.system)
        await remember(self.ids, recorder.catalogue)


def lay_groundwork(task: Task) -> Groundwork:
    """Look for what partitions share, and record what is new of it; runs on a worker.

    Raises:
        AirViewHeraldError: The server cannot be asked, or lets no event be recorded.
        LeaseLostError: Another worker has taken this up.
    """
    return run(partial(_lay, task))


async def _lay(task: Task) -> Groundwork:
    events = list(distinct(Pieces.defining(task.pieces, task.sources)))

    async def lay(holder: Holder) -> Groundwork:
        with holder.stopping:
            plan = await holder.airview.plan(events, concurrency=task.limits.concurrency)
            return await _Laying(holder.airview, plan, task.limits).run(events)
        # A definition may be under way, so this is left unfinished: the next claimant waits for it.
        raise ToldToEndError("told to end")

    return await hold(task, lay)


def distinct(events: Iterable[ComplianceEvent]) -> Iterator[ComplianceEvent]:
    """Yield the events that introduce a definition, in as few applications as possible.

    Those are not shared, and are looked for by the partitions.
    """
    met: set[Any] = set()
    applications: dict[Environment, Application] = {}
    for event in events:
        environment = event.application.environment
        definitions = {event.technical_control, environment}
        if not definitions <= met:
            met |= definitions
            application = applications.setdefault(environment, event.application)
            yield attrs.evolve(event, application=application)


class _Laying:
    """The groundwork under way.

    Args:
        airview: The client.
        plan: What there is, and what is new.
        limits: How far the cluster may go.
    """

    def __init__(self, airview: AirView, plan: Plan, limits: Limits) -> None:
        self._recorder = airview._recorder  # noqa: SLF001 - a client of this package
        self._plan = plan
        self._limits = limits
        self._slots = Slots(limits.concurrency)
        self._patience = Patience(
            limits.max_cooldown, self._recorder.sender.transport.pacing.active
        )
        self._notes = Notes()
        self._report = IngestReport(requests=plan.requests)

    async def run(self, events: Iterable[ComplianceEvent]) -> Groundwork:
        """Record what the plan says is new."""
        new = {(each.kind, each.key) for each in self._plan.new}
        wanted: dict[Key, dict[Any, None]] = {}
        for event in events:
            control, environment = event.technical_control, event.application.environment
            for key, definition in (
                (("technical_control", control.reference), control),
                (("environment", environment.abbreviation), environment),
            ):
                if key in new:
                    wanted.setdefault(key, {})[definition] = None
        await for_each(wanted.items(), self._record, at_once=self._limits.concurrency)
        return self._done()

    async def _record(self, wanted: tuple[Key, dict[Any, None]]) -> None:
        """Record a definition as the first event that can has it.

        Where none can, the events will say so themselves.
        """
        (kind, _), variants = wanted
        define: Any = getattr(self._recorder.catalogue, kind)
        for variant in variants:
            operation = Operation(
                self._limits.deadline, None, slots=self._slots, patience=self._patience
            )
            with suppress(*_REFUSED):
                try:
                    await define(self._recorder.asker(operation, self._notes), variant)
                finally:
                    self._report.charge(operation)

    def _done(self) -> Groundwork:
        definitions = []
        for each in (*self._plan.existing, *self._plan.new):
            stored = self._recorder.catalogue.definitions.stored((each.kind, each.key))
            if stored is not None:
                definitions.append((each.kind, stored.id, encode_model(stored).decode()))
        system = self._recorder.sender.known_system()
        ids = Ids(system=None if system is None else system.id, definitions=definitions)
        differing = dict.fromkeys((*self._plan.mismatches, *self._notes.mismatches))
        self._report.mismatches = tuple(differing)
        return Groundwork(system, ids, self._report)
