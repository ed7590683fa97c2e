"""Batches: thousands of events, a bounded window of them at a time, an outcome for each."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import anyio
import anyio.abc

from airview_herald.airview._coalescing import Coalescing
from airview_herald.airview._held import Held
from airview_herald.airview._ingest_settings import Events, IngestSettings
from airview_herald.airview._lanes import Ticket
from airview_herald.airview._notes import Asker, Notes
from airview_herald.airview._outcomes import IngestReport, Outcome, OutcomeStatus
from airview_herald.airview._producer import Producer
from airview_herald.airview._reconciling import Coverage, Reconciler
from airview_herald.airview._recording import Errand, Recorder, is_saving, lane_key, may_be_running
from airview_herald.airview._rules import Rules
from airview_herald.airview._shelter import Shelter
from airview_herald.errors import (
    AirViewHeraldError,
    AuthenticationError,
    ConfigurationError,
    CooldownError,
    ForbiddenError,
    IngestAborted,
    InputError,
    UnauthorizedError,
)
from airview_herald.transport._limiter import Slots
from airview_herald.transport._operation import Operation, Patience

logger = logging.getLogger("airview_herald")

_SYSTEMIC = (AuthenticationError, UnauthorizedError, ForbiddenError, ConfigurationError)
_OUT_OF_PATIENCE = "the server is not to be had"
_PROGRESS_INTERVAL = 0.1


class Run:
    """One batch: pull, record, account.

    Args:
        recorder: Takes events to the server.
        events: The caller's events.
        settings: The settings of the run.
    """

    def __init__(self, recorder: Recorder, events: Events, settings: IngestSettings) -> None:
        self.report = IngestReport(concurrency=(settings.concurrency, settings.concurrency))
        self.cause: Exception | None = None
        self._reason = ""
        self._recorder = recorder
        self._events = events
        self._producer = Producer(events)
        self._settings = settings
        self._coalescing = Coalescing(recorder.lanes) if settings.coalesce else None
        reconcile = settings.reconcile
        self._coverage = None if reconcile is None else Coverage(reconcile.applications)
        self._slots = Slots(settings.concurrency)
        pacing = recorder.sender.transport.pacing
        self._patience = Patience(settings.max_cooldown, pacing.active)
        self._cool_down = partial(pacing.cool_down, self._patience)
        self._notes = Notes()
        self._held: dict[int, Held] = {}
        self._room = anyio.Event()
        self._pulling = anyio.CancelScope()
        self._shelter = Shelter(
            settings.grace, self._begin_nothing, self._awaits_answers, self._slots.released
        )
        self._clock = recorder.sender.transport.clock
        self._began = self._clock()
        self._next_progress = 0.0

    async def execute(self) -> None:
        """Run to the end; afterwards the report is closed and `cause` says what ended it early."""
        self._began = self._clock()
        try:
            await self._shelter.run(self._work)
        finally:
            with anyio.CancelScope(shield=True):
                try:
                    await self._producer.aclose()
                except Exception as error:  # noqa: BLE001 - the caller's producer may raise anything
                    self._blame(error, "closing the producer of events raised")
            self._close()
        if self._settings.progress is not None:
            await self._call(self._settings.progress, self.report, "progress")

    def stop(self) -> None:
        """End the run early; saves that are on the wire have their grace."""
        self._shelter.end()

    def cut(self) -> None:
        """End the run now."""
        self._shelter.cut()

    def aborted(self) -> IngestAborted | None:
        """Return the error of a run that was ended early, its cause set."""
        if self.cause is None:
            return None
        error = IngestAborted(f"{self._reason}: {_told(self.cause)}", self.report)
        error.__cause__ = self.cause
        return error

    async def _work(self) -> None:
        async with anyio.create_task_group() as tasks:
            with self._pulling:
                await self._pump(tasks)
                if self._coverage is not None and self.cause is None:
                    await self._reconcile(tasks, self._coverage)

    def _begin_nothing(self) -> None:
        """Let nothing new begin: take no event, and send no request."""
        self._pulling.cancel()
        self._slots.shut()

    def _awaits_answers(self) -> bool:
        """Whether a save is on the wire."""
        return any(
            held.outcome is None and is_saving(held.errand.operation)
            for held in self._held.values()
        )

    async def _pump(self, tasks: anyio.abc.TaskGroup) -> None:
        """Take events as long as there is room, and start each on its way."""
        while True:
            while len(self._held) >= self._settings.window:
                self._room = anyio.Event()
                await self._room.wait()
            try:
                await self._cool_down()
                events = await self._producer.take(self._settings.window - len(self._held))
            except CooldownError as error:
                self._abort(error, _OUT_OF_PATIENCE)
                return
            except Exception as error:  # noqa: BLE001 - the caller's producer may raise anything
                # What was taken before goes on to its end; nothing more will come.
                self._blame(error, "the producer of events raised")
                return
            if not events:
                return
            for event in events:
                tasks.start_soon(self._carry, self._admit(event))

    async def _reconcile(self, tasks: anyio.abc.TaskGroup, coverage: Coverage) -> None:
        """Close what was recorded before and is no longer listed, by more events."""
        settings = self._settings
        if getattr(self._events, "problems", None):
            coverage.doubt = "some of the source could not be read"
        if coverage.doubt or settings.reconcile is None:
            logger.warning("nothing is reconciled: %s", coverage.doubt)
            return
        reconciler = Reconciler(self._recorder.catalogue, self._reading, settings.concurrency)
        try:
            events = await reconciler.no_longer_listed(coverage, settings.reconcile.state)
        except Exception as error:  # noqa: BLE001 - as for the events themselves
            self._abort(error, "reading back what was recorded before failed")
            return
        self.report.reconciled = len(events)
        self._producer = Producer(events)
        await self._pump(tasks)

    @contextmanager
    def _reading(self) -> Iterator[Asker]:
        """Give an asker for reads, and put what they cost on the run's account."""
        operation = self._operation()
        try:
            yield self._recorder.asker(operation, self._notes)
        finally:
            self._charge(operation)

    def _operation(self) -> Operation:
        return Operation(
            self._settings.deadline, attempts=None, slots=self._slots, patience=self._patience
        )

    def _admit(self, event: Any) -> Held:
        """Take an event into the window, and its place in its lane: here order begins."""
        index = self.report.inputs
        operation = self._operation()
        held = self._held[index] = Held(index, Errand(event, operation))
        self.report.inputs += 1
        self.report.hold(+1)
        try:
            Rules(event).event(event)
        except InputError as error:
            self._settle(held, OutcomeStatus.FAILED, error)
        else:
            held.lane = lane_key(event)
            held.ticket = self._recorder.lanes.join(held.lane)
            if self._coalescing is not None:
                self._coalescing.admit(held)
        if self._coverage is not None:
            self._coverage.note(event, index)
        return held

    async def _carry(self, held: Held) -> None:
        """Take one event to its outcome, and the outcome to the caller."""
        if held.ticket is not None:
            try:
                newer = await self._record(held, held.ticket)
            except CooldownError as error:
                if may_be_running(held.errand.operation, error):
                    self._settle(held, OutcomeStatus.UNKNOWN, error)
                self._abort(error, _OUT_OF_PATIENCE)
                return
            except AirViewHeraldError as error:
                unsure = may_be_running(held.errand.operation, error)
                self._settle(held, OutcomeStatus.UNKNOWN if unsure else OutcomeStatus.FAILED, error)
                if isinstance(error, _SYSTEMIC):
                    self._abort(error, "no event can be recorded")
            except Exception as error:  # noqa: BLE001 - a caller's auth or transport may raise anything
                self._abort(error, "sending an event raised")
                return
            else:
                status = OutcomeStatus.RECORDED if newer is None else OutcomeStatus.SKIPPED
                self._settle(held, status, newer=newer)
        assert held.outcome is not None  # noqa: S101 - for the type checker
        await self._deliver(held.outcome)
        del self._held[held.index]
        self.report.hold(-1)
        self._room.set()

    async def _record(self, held: Held, ticket: Ticket) -> Held | None:
        """Record an event, or return the newer one that is recorded in its place."""
        if self._coalescing is not None:
            newer = await self._coalescing.superseded_by(held)
            if newer is not None:
                return newer
            ticket = held.ticket or ticket
        await self._recorder.record(held.errand, ticket, self._notes)
        return None

    async def _deliver(self, outcome: Outcome) -> None:
        if self._settings.on_outcome is not None:
            await self._call(self._settings.on_outcome, outcome, "on_outcome")
        if self._settings.progress is not None and self.report.elapsed >= self._next_progress:
            self._next_progress = self.report.elapsed + _PROGRESS_INTERVAL
            await self._call(self._settings.progress, self.report, "progress")

    async def _call(self, callback: Callable[[Any], Any], argument: object, name: str) -> None:
        try:
            answer = callback(argument)
            if inspect.isawaitable(answer):
                await answer
        except Exception as error:  # noqa: BLE001 - the caller's callback may raise anything
            self._abort(error, f"the callback {name} raised")

    def _settle(
        self,
        held: Held,
        status: OutcomeStatus,
        error: AirViewHeraldError | None = None,
        newer: Held | None = None,
    ) -> None:
        """Give an event its one outcome, and put its account on the run's."""
        operation = held.errand.operation
        held.outcome = Outcome(
            event=held.errand.event,
            index=held.index,
            status=status,
            stage=held.errand.stage,
            requests=operation.requests,
            attempts=operation.retries + 1 if operation.requests else 0,
            error=error,
            superseded_by=None if newer is None else newer.index,
        )
        if self._coalescing is not None:
            self._coalescing.settle(held)
        self._charge(operation)
        report = self.report
        if len(report.mismatches) < len(self._notes.mismatches):
            report.mismatches = tuple(self._notes.mismatches)
        if report.orphans or self._notes.orphans:
            report.orphans = tuple(self._notes.orphans)
        report.elapsed = self._clock() - self._began
        report.concurrency = self._slots.extremes
        report.add(held.outcome)
        most = self._settings.max_failures
        if most is not None and error is not None and report.failed + report.unknown >= most:
            self._abort(
                error, f"{most} events were not recorded, as many as max_failures; the last"
            )

    def _charge(self, operation: Operation) -> None:
        """Put what an operation has spent on the run's account."""
        self.report.requests += operation.requests
        self.report.retries += operation.retries
        self.report.throttled += operation.throttled

    def _abort(self, error: Exception, reason: str) -> None:
        self._blame(error, reason)
        self._shelter.end()

    def _blame(self, error: Exception, reason: str) -> None:
        if self.cause is None:
            self.cause, self._reason = error, reason

    def _close(self) -> None:
        """Give every event that is left its outcome, and its place in its lane back."""
        for event in self._producer.left_over():
            self._admit(event)
        for held in self._held.values():
            operation = held.errand.operation
            if held.ticket is not None:
                held.ticket.leave(settle=self._recorder.settle(operation))
            if held.outcome is None:
                cut = may_be_running(operation)
                self._settle(held, OutcomeStatus.UNKNOWN if cut else OutcomeStatus.NOT_ATTEMPTED)
        self.report.hold(-len(self._held))
        self._held.clear()
        self.report.elapsed = self._clock() - self._began


def _told(cause: Exception) -> str:
    """Return an error's words; those of other people's errors need the class to be understood."""
    return str(cause) if isinstance(cause, AirViewHeraldError) else repr(cause)
