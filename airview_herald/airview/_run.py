"""Batches: thousands of events, a bounded window of them at a time, an outcome for each."""

from __future__ import annotations

import inspect
import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.abc
from anyio.lowlevel import checkpoint

from airview_herald.airview._coalescing import Coalescing
from airview_herald.airview._held import Held
from airview_herald.airview._ingest_settings import Events, IngestSettings
from airview_herald.airview._journal import Journal
from airview_herald.airview._lanes import Ticket
from airview_herald.airview._notes import Asker, Notes
from airview_herald.airview._outcomes import SYSTEMIC, IngestReport, Outcome, OutcomeStatus
from airview_herald.airview._positions import Verdict
from airview_herald.airview._producer import Producer
from airview_herald.airview._reconciling import Coverage, Reconciler
from airview_herald.airview._recording import Errand, Recorder, lane_key, may_be_running
from airview_herald.airview._rules import Rules
from airview_herald.errors import (
    AirViewHeraldError,
    ConfigurationError,
    IngestAborted,
    InputError,
)
from airview_herald.transport._operation import Operation, Slots

logger = logging.getLogger("airview_herald")

_PROGRESS_INTERVAL = 0.1
_SKIPPED_AT_ONCE = 64


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
        keeps = settings.state is not None or settings.dead_letters is not None
        self._journal = Journal(recorder, settings) if keeps else None
        self._ended = False
        self._slots = Slots(settings.concurrency)
        self._notes = Notes()
        self._taken: deque[Any] = deque()
        self._held: dict[int, Held] = {}
        self._room = anyio.Event()
        self._scope = anyio.CancelScope()
        self._clock = recorder.sender.transport.clock
        self._began = self._clock()
        self._next_progress = 0.0

    async def open(self) -> None:
        """Open the files of the run, if it has any; before anything is done.

        Raises:
            ConfigurationError: One cannot be used.
        """
        if self._journal is not None:
            await self._journal.open()

    async def execute(self) -> None:
        """Run to the end; afterwards the report is closed and `cause` says what ended it early."""
        self._began = self._clock()
        try:
            async with anyio.create_task_group() as tasks:
                self._scope = tasks.cancel_scope
                if self._journal is not None:
                    tasks.start_soon(self._journal.keep_writing, self._abort)
                    await self._resume(self._journal)
                if self.cause is None:
                    await self._pump(tasks)
                if self._journal is not None and self.cause is None:
                    self._journal.end_input(self.report.inputs)
                    self._refused()
                if self._coverage is not None and self.cause is None:
                    await self._reconcile(tasks, self._coverage)
                if self._journal is not None:
                    while self._held:
                        await self._change()
                    self._ended = self.cause is None
                    self._journal.stop()
        finally:
            with anyio.CancelScope(shield=True):
                try:
                    await self._producer.aclose()
                except Exception as error:  # noqa: BLE001 - the caller's producer may raise anything
                    self._blame(error, "closing the producer of events raised")
                self._close()
                await self._close_files()
        if self._settings.progress is not None:
            await self._call(self._settings.progress, self.report, "progress")

    def aborted(self) -> IngestAborted | None:
        """Return the error of a run that was ended early, its cause set."""
        if self.cause is None:
            return None
        error = IngestAborted(f"{self._reason}: {_told(self.cause)}", self.report)
        error.__cause__ = self.cause
        return error

    async def _pump(self, tasks: anyio.abc.TaskGroup) -> None:
        """Take events as long as there is room, and start each on its way."""
        while True:
            while len(self._held) >= self._settings.window:
                await self._change()
            room = self._settings.window - len(self._held)
            if not await self._reach(room):
                return
            try:
                self._taken.extend(await self._producer.take(room))
            except Exception as error:  # noqa: BLE001 - the caller's producer may raise anything
                # What was taken before goes on to its end; nothing more will come.
                self._blame(error, "the producer of events raised")
                return
            if not self._taken:
                return
            while self._taken:
                held = self._admit(self._taken.popleft())
                if held.ticket is not None:
                    tasks.start_soon(self._carry, held)
                    continue
                await self._finish(held)
                if not held.index % _SKIPPED_AT_ONCE:
                    await checkpoint()
            if self.cause is not None or self._refused():
                return

    async def _close_files(self) -> None:
        """Write what is left to write, and close the files of the run."""
        if self._journal is not None:
            try:
                await self._journal.aclose(ended=self._ended)
            except ConfigurationError as error:
                self._blame(error, "what became of events cannot be kept")
            self.report.server_restored = self._journal.server_restored

    async def _change(self) -> None:
        """Wait until an event is through."""
        self._room = anyio.Event()
        await self._room.wait()

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

    async def _resume(self, journal: Journal) -> None:
        """Take up what an earlier run has left."""
        try:
            await journal.begin(self._reading)
        except Exception as error:  # noqa: BLE001 - as for an event
            self._abort(error, "what was kept of an earlier run cannot be checked")
        self.report.server_restored = journal.server_restored

    async def _reach(self, room: int) -> bool:
        """Wait until the journal is ready for so many more events; `False` if it never will be."""
        try:
            if self._journal is not None:
                await self._journal.reach(room)
        except ConfigurationError as error:
            self._abort(error, "what was kept of an earlier run cannot be read")
            return False
        return True

    def _refused(self) -> bool:
        """Return whether the input is not the one that was begun."""
        mismatch = None if self._journal is None else self._journal.mismatch()
        if mismatch is not None:
            self._blame(mismatch, "this is another input")
        return mismatch is not None

    @contextmanager
    def _reading(self) -> Iterator[Asker]:
        """Give an asker for reads, and put what they cost on the run's account."""
        operation = Operation(self._settings.deadline, attempts=None, slots=self._slots)
        try:
            yield self._recorder.asker(operation, self._notes)
        finally:
            self._charge(operation)

    def _admit(self, event: Any) -> Held:
        """Take an event into the window, and its place in its lane: here order begins."""
        index = self.report.inputs
        operation = Operation(self._settings.deadline, attempts=None, slots=self._slots)
        held = self._held[index] = Held(index, Errand(event, operation))
        if self._journal is not None:
            held.errand.before_save = self._journal.before_save
        self.report.inputs += 1
        self.report.hold(+1)
        if self._coverage is not None:
            self._coverage.note(event, index)
        verdict = Verdict.SEND if self._journal is None else self._journal.take(held)
        if verdict is not Verdict.SEND:
            skipped = verdict is Verdict.SKIP
            self._settle(held, OutcomeStatus.SKIPPED if skipped else OutcomeStatus.NOT_ATTEMPTED)
            return held
        try:
            Rules(event).event(event)
        except InputError as error:
            self._settle(held, OutcomeStatus.FAILED, error)
        else:
            held.lane = lane_key(event)
            held.ticket = self._recorder.lanes.join(held.lane)
            if self._coalescing is not None:
                self._coalescing.admit(held)
        return held

    async def _carry(self, held: Held) -> None:
        """Take one event to its outcome, and the outcome to the caller."""
        assert held.ticket is not None  # noqa: S101 - for the type checker
        try:
            newer = await self._record(held, held.ticket)
        except AirViewHeraldError as error:
            unsure = may_be_running(held.errand.operation, error)
            self._settle(held, OutcomeStatus.UNKNOWN if unsure else OutcomeStatus.FAILED, error)
            if isinstance(error, SYSTEMIC):
                self._abort(error, "no event can be recorded")
        except Exception as error:  # noqa: BLE001 - a caller's auth or transport may raise anything
            self._abort(error, "sending an event raised")
            return
        else:
            status = OutcomeStatus.RECORDED if newer is None else OutcomeStatus.SKIPPED
            self._settle(held, status, newer=newer)
        await self._finish(held)

    async def _finish(self, held: Held) -> None:
        """Take the outcome of an event to the caller, and let the event go."""
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
        if self._journal is not None:
            self._journal.settle(held, newer)
        self._charge(operation)
        report = self.report
        if len(report.mismatches) < len(self._notes.mismatches):
            report.mismatches = tuple(self._notes.mismatches)
        if len(report.orphans) != len(self._notes.orphans):
            report.orphans = tuple(self._notes.orphans)
        report.elapsed = self._clock() - self._began
        report.add(held.outcome)

    def _charge(self, operation: Operation) -> None:
        """Put what an operation has spent on the run's account."""
        self.report.requests += operation.requests
        self.report.retries += operation.retries
        self.report.throttled += operation.throttled

    def _abort(self, error: Exception, reason: str) -> None:
        self._blame(error, reason)
        self._scope.cancel()

    def _blame(self, error: Exception, reason: str) -> None:
        if self.cause is None:
            self.cause, self._reason = error, reason

    def _close(self) -> None:
        """Give every event that is left its outcome, and its place in its lane back."""
        for event in (*self._taken, *self._producer.left_over()):
            self._admit(event)
        self._taken.clear()
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
