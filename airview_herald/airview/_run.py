"""Batches: thousands of events, a bounded window of them at a time, an outcome for each."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.abc
from anyio.lowlevel import checkpoint

from airview_herald.airview._coverage import Coverage
from airview_herald.airview._held import Held
from airview_herald.airview._ingest_settings import Events, IngestSettings
from airview_herald.airview._journal import Journal
from airview_herald.airview._lanes import Ticket, lane_key
from airview_herald.airview._notes import Asker
from airview_herald.airview._outcomes import OutcomeStatus, is_systemic
from airview_herald.airview._positions import Verdict
from airview_herald.airview._producer import Producer
from airview_herald.airview._reconciling import Reconciler
from airview_herald.airview._recording import Errand, Recorder, is_saving
from airview_herald.airview._rules import Rules
from airview_herald.airview._settling import Settler
from airview_herald.airview._shelter import Shelter
from airview_herald.airview._standing import size
from airview_herald.airview._telling import Teller
from airview_herald.errors import (
    AirViewHeraldError,
    ConfigurationError,
    CooldownError,
    IngestAborted,
)
from airview_herald.transport._limiter import Slots
from airview_herald.transport._operation import Operation, Patience

logger = logging.getLogger("airview_herald")

_OUT_OF_PATIENCE = "the server is not to be had"
_NOTHING_RECORDED = "no event can be recorded"
_AT_ONCE = 64


class Run:
    """One batch: pull, record, account.

    Args:
        recorder: Takes events to the server.
        events: The caller's events.
        settings: The settings of the run.
    """

    def __init__(self, recorder: Recorder, events: Events, settings: IngestSettings) -> None:
        self.cause: Exception | None = None
        self._reason = ""
        self._recorder = recorder
        self._events = events
        self._producer = Producer(events)
        settings.check_source(events)
        self._settings = settings
        self._coverage: Coverage | None = None
        keeps = settings.state is not None or settings.dead_letters is not None
        self._journal = Journal(recorder, settings) if keeps else None
        self._ended = False
        self._slots = Slots(settings.concurrency)
        self._pacing = recorder.sender.transport.pacing
        self._patience = Patience(settings.max_cooldown, self._pacing.active)
        self._settler = Settler(recorder, settings, self._slots, self._journal, self._abort)
        self._notes = self._settler.notes
        self._coalescing = self._settler.coalescing
        self.report = self._settler.report
        self._taken: deque[Any] = deque()
        self._held: dict[int, Held] = {}
        self._room = anyio.Event()
        self._full = False
        self._pulling = anyio.CancelScope()
        self._shelter = Shelter(
            settings.grace, self._begin_nothing, self._awaits_answers, self._slots.released
        )
        self._teller = Teller(settings, self.report, size(events), self._abort)

    async def open(self) -> None:
        """Open the files of the run, if it has any; before anything is done.

        Raises:
            ConfigurationError: One cannot be used.
        """
        if self._journal is not None:
            await self._journal.open()

    async def execute(self) -> None:
        """Run to the end; afterwards the report is closed and `cause` says what ended it early."""
        telemetry = self._recorder.sender.transport.telemetry
        with telemetry.span("ingest", lambda: self._settler.facts(self.cause)):
            await self._execute()

    async def _execute(self) -> None:
        self._settler.begin()
        if self._settings.reconcile is not None:
            self._coverage = self._recorder.coverages.begin(self._settings.reconcile.applications)
        try:
            self._teller.begin()
            await self._shelter.run(self._work, self._wrap_up)
        finally:
            if self._coverage is not None:
                self._recorder.coverages.end(self._coverage)
            self._teller.end()
        await self._teller.progress()

    def limit(self, concurrency: int) -> None:
        """Change how many requests may be in flight, up to the setting."""
        self._slots.resize(min(concurrency, self._settings.concurrency))

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
        # Other people's error messages are often unclear without the class, such as a KeyError's.
        ours = isinstance(self.cause, AirViewHeraldError)
        told = str(self.cause) if ours else f"{type(self.cause).__name__}: {self.cause}"
        error = IngestAborted(f"{self._reason}: {told.removesuffix(': ')}", self.report)
        error.__cause__ = self.cause
        return error

    async def _work(self) -> None:
        async with anyio.create_task_group() as tasks:
            with self._pulling:
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
                    await self._through()
                    self._ended = self.cause is None
            if self._journal is not None:
                self._journal.stop()

    async def _wrap_up(self) -> None:
        """Close the producer, the account and the files; only the first can be cut short."""
        try:
            await self._producer.aclose()
        except Exception as error:  # noqa: BLE001 - the caller's producer may raise anything
            self._blame(error, "closing the producer of events raised")
        finally:
            self._close()
            with anyio.CancelScope(shield=True):
                await self._close_files()

    def _begin_nothing(self) -> None:
        """Let nothing new begin: take no event, and send no request."""
        self._full = False
        self._pulling.cancel()
        self._slots.shut()

    def _awaits_answers(self) -> bool:
        """Whether a save is on the wire."""
        open_ = (held for held in self._held.values() if held.outcome is None)
        return any(is_saving(held.errand.operation) for held in open_)

    async def _pump(self, tasks: anyio.abc.TaskGroup) -> None:
        """Take events as long as there is room, and start each on its way."""
        while self.cause is None and not self._refused():
            await self._wait_for_room()
            room = self._settings.window - len(self._held)
            if not await self._ready(room):
                return
            try:
                self._taken.extend(await self._producer.take(room))
            except Exception as error:  # noqa: BLE001 - the caller's producer may raise anything
                # Events that were taken before are still recorded.
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
                self._room.set()
                if not held.index % _AT_ONCE:
                    await checkpoint()

    async def _wait_for_room(self) -> None:
        """Wait until another event may be held, and let those that are through be followed."""
        self._full = True
        try:
            while len(self._held) >= self._settings.window:
                await self._change()
        finally:
            self._full = False

    async def _next_at_once(self) -> Held | None:
        """Take the event that follows one that is through, if nothing but room was waited for."""
        journal = self._journal
        if not self._full or self.cause is not None or not self._pacing.quiet:
            return None
        if journal is not None and not journal.reaches(1):
            return None
        self._taken.extend(self._producer.take_at_once())
        while self._taken:
            held = self._admit(self._taken.popleft())
            if held.ticket is not None:
                return held
            await self._finish(held)
        return None

    async def _close_files(self) -> None:
        """Write what is left to write, and close the files of the run."""
        if self._journal is not None:
            try:
                await self._journal.aclose(ended=self._ended)
            except ConfigurationError as error:
                self._blame(error, "what became of events cannot be kept")

    async def _through(self) -> None:
        """Wait until all events are through."""
        while self._held:
            await self._change()

    async def _change(self) -> None:
        """Wait until an event is through."""
        self._room = anyio.Event()
        await self._room.wait()

    async def _reconcile(self, tasks: anyio.abc.TaskGroup, coverage: Coverage) -> None:
        """Close what was recorded before and is no longer listed, by more events."""
        settings = self._settings
        reconciliation = settings.reconcile
        assert reconciliation is not None  # noqa: S101 - for the type checker
        # Wait for all events: only then is it known whether the server was restored.
        await self._through()
        try:
            self.report.unreconciled = (
                "the server was restored while the batch ran"
                if self.report.run_again
                else reconciliation.doubt(self._events, coverage)
            )
            if self.report.unreconciled:
                logger.warning("nothing is reconciled: %s", self.report.unreconciled)
                return
            await self._producer.aclose()
            reconciler = Reconciler(
                self._recorder.catalogue,
                self._reading,
                settings.concurrency,
                reconciliation.state,
            )
            events = await reconciler.no_longer_listed(coverage)
            if coverage.missing:
                missing = ", ".join(sorted(coverage.missing))
                self.report.unreconciled = f"this system has recorded nothing of {missing}"
                logger.warning("reconcile: %s", self.report.unreconciled)
        except Exception as error:  # noqa: BLE001 - the caller's producer, auth or transport may raise anything
            # Events under way are still recorded.
            self._blame(error, "reading back what was recorded before failed")
            return
        self.report.reconciled = 0
        self._producer = Producer(events)
        await self._pump(tasks)

    async def _resume(self, journal: Journal) -> None:
        """Take up what an earlier run has left."""
        try:
            await journal.begin(self._reading)
        except Exception as error:  # noqa: BLE001 - as for an event
            self._abort(error, "what was kept of an earlier run cannot be checked")
        self._settler.note_restorations()

    async def _ready(self, room: int) -> bool:
        """Wait until so many more events can be taken; `False` if they never can."""
        try:
            await self._pacing.cool_down(self._patience, lambda: bool(self._held))
            if self._journal is not None:
                await self._journal.reach(room)
        except CooldownError as error:
            self._abort(error, _OUT_OF_PATIENCE)
        except ConfigurationError as error:
            self._abort(error, "what was kept of an earlier run cannot be read")
        else:
            return True
        return False

    def _refused(self) -> bool:
        """Return whether the input is not the one that was begun."""
        mismatch = None if self._journal is None else self._journal.mismatch()
        if mismatch is not None:
            self._blame(mismatch, "this is another input")
        return mismatch is not None

    @contextmanager
    def _reading(self) -> Iterator[Asker]:
        """Give an asker for reads, and put what they cost on the run's account."""
        operation = self._operation()
        try:
            yield self._recorder.asker(operation, self._notes)
        finally:
            self.report.charge(operation)

    def _operation(self) -> Operation:
        return Operation(
            self._settings.deadline, attempts=None, slots=self._slots, patience=self._patience
        )

    def _admit(self, event: Any) -> Held:
        """Take an event into the window, and its place in its lane: here order begins."""
        index = self.report.inputs
        operation = self._operation()
        closing = self.report.reconciled is not None
        held = self._held[index] = Held(index, Errand(event, operation), closing)
        if self._journal is not None:
            held.errand.before_save = self._journal.before_save
        self.report.inputs += 1
        if self.report.reconciled is not None:
            self.report.reconciled += 1
        self.report.hold(+1)
        broken = Rules.broken_by(event)
        if self._coverage is not None:
            self._coverage.note(event, index)
            if broken is None:
                self._coverage.cover(event)
        verdict = Verdict.SEND if self._journal is None else self._journal.take(held)
        if verdict is not Verdict.SEND:
            skipped = verdict is Verdict.SKIP
            status = OutcomeStatus.SKIPPED if skipped else OutcomeStatus.NOT_ATTEMPTED
            self._settler.settle(held, status)
        elif broken is not None:
            self._settler.settle(held, OutcomeStatus.FAILED, broken)
        else:
            held.lane = lane_key(event)
            held.ticket = self._recorder.admit(event)
            if self._coalescing is not None:
                self._coalescing.admit(held, held.ticket)
        return held

    async def _carry(self, held: Held) -> None:
        """Take one event to its end, and then those that follow it at once."""
        following: Held | None = held
        while following is not None:
            await self._bring(following)
            if not following.index % _AT_ONCE:
                # Let others run: with a transport in memory nothing may have been waited for.
                await checkpoint()
            following = await self._next_at_once()
        self._room.set()

    async def _bring(self, held: Held) -> None:
        """Take one event to its outcome, and the outcome to the caller."""
        assert held.ticket is not None  # noqa: S101 - for the type checker
        try:
            newer = await self._record(held, held.ticket)
        except AirViewHeraldError as error:
            patience_ended = isinstance(error, CooldownError)
            if patience_ended or is_systemic(error):
                self._settler.give_up(held, error)
                self._abort(error, _OUT_OF_PATIENCE if patience_ended else _NOTHING_RECORDED)
                return
            self._settler.fail(held, error)
        except Exception as error:  # noqa: BLE001 - a caller's auth or transport may raise anything
            self._abort(error, "sending an event raised")
            return
        else:
            status = OutcomeStatus.RECORDED if newer is None else OutcomeStatus.SKIPPED
            self._settler.settle(held, status, newer=newer)
        await self._finish(held)

    async def _finish(self, held: Held) -> None:
        """Take the outcome of an event to the caller, and let the event go."""
        assert held.outcome is not None  # noqa: S101 - for the type checker
        await self._teller.outcome(held.outcome)
        del self._held[held.index]
        self.report.hold(-1)

    async def _record(self, held: Held, ticket: Ticket) -> Held | None:
        """Record an event, or return the newer one that is recorded in its place."""
        if self._coalescing is not None:
            newer = await self._coalescing.superseded_by(held, ticket)
            if newer is not None:
                return newer
        await self._recorder.record(held.errand, ticket, self._notes)
        return None

    def _abort(self, error: Exception, reason: str) -> None:
        self._blame(error, reason)
        self._shelter.end()

    def _blame(self, error: Exception, reason: str) -> None:
        if self.cause is None:
            self.cause, self._reason = error, reason

    def _close(self) -> None:
        """Give every event that is left its outcome, and its place in its lane back."""
        for event in (*self._taken, *self._producer.left_over()):
            self._admit(event)
        self._taken.clear()
        for held in self._held.values():
            self._settler.leave(held)
        self.report.hold(-len(self._held))
        self._held.clear()
        self._settler.end()
