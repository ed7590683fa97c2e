"""Batches: thousands of events, a bounded window of them at a time, an outcome for each."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.abc
import attrs

from airview_herald.airview._lanes import Ticket
from airview_herald.airview._notes import Notes
from airview_herald.airview._outcomes import IngestReport, Outcome, OutcomeStatus
from airview_herald.airview._producer import Producer
from airview_herald.airview._recording import Errand, Recorder, lane_key, may_be_running
from airview_herald.airview._rules import Rules
from airview_herald.airview.models import ComplianceEvent
from airview_herald.errors import (
    AirViewHeraldError,
    AuthenticationError,
    ConfigurationError,
    ForbiddenError,
    IngestAborted,
    InputError,
    UnauthorizedError,
)
from airview_herald.transport._operation import Operation, Slots

Events = Iterable[ComplianceEvent] | AsyncIterable[ComplianceEvent]
OnOutcome = Callable[[Outcome], Awaitable[None] | None]
Progress = Callable[[IngestReport], Awaitable[None] | None]

_SYSTEMIC = (AuthenticationError, UnauthorizedError, ForbiddenError, ConfigurationError)
_PROGRESS_INTERVAL = 0.1


@attrs.frozen(kw_only=True)
class IngestSettings:
    """The settings of a run; see `AirView.ingest`."""

    concurrency: int = 64
    window: int
    on_outcome: OnOutcome | None = None
    progress: Progress | None = None
    deadline: float = 120.0

    @classmethod
    def of(cls, *, concurrency: int, window: int | None, deadline: float, **callbacks: Any) -> Self:
        """Return checked settings.

        Raises:
            InputError: A number is out of its range.
        """
        Rules(concurrency).integer("concurrency", concurrency)
        if window is not None:
            Rules(window).integer("window", window)
        if not isinstance(deadline, int | float) or not deadline > 0:
            raise InputError("deadline", "must be a number of seconds, more than 0", deadline)
        return cls(
            concurrency=concurrency,
            window=4 * concurrency if window is None else window,
            deadline=deadline,
            **callbacks,
        )


@attrs.define(eq=False)
class _Held:
    """An event within the window."""

    index: int
    errand: Errand
    ticket: Ticket | None = None
    outcome: Outcome | None = None


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
        self._producer = Producer(events)
        self._settings = settings
        self._slots = Slots(settings.concurrency)
        self._notes = Notes()
        self._held: dict[int, _Held] = {}
        self._room = anyio.Event()
        self._scope = anyio.CancelScope()
        self._clock = recorder.backend.transport.clock
        self._began = self._clock()
        self._next_progress = 0.0

    async def execute(self) -> None:
        """Run to the end; afterwards the report is closed and `cause` says what ended it early."""
        self._began = self._clock()
        try:
            async with anyio.create_task_group() as tasks:
                self._scope = tasks.cancel_scope
                await self._pump(tasks)
        finally:
            with anyio.CancelScope(shield=True):
                try:
                    await self._producer.aclose()
                except Exception as error:  # noqa: BLE001 - the caller's producer may raise anything
                    self._blame(error, "closing the producer of events raised")
            self._close()
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
                self._room = anyio.Event()
                await self._room.wait()
            try:
                events = await self._producer.take(self._settings.window - len(self._held))
            except Exception as error:  # noqa: BLE001 - the caller's producer may raise anything
                # What was taken before goes on to its end; nothing more will come.
                self._blame(error, "the producer of events raised")
                return
            if not events:
                return
            for event in events:
                tasks.start_soon(self._carry, self._admit(event))

    def _admit(self, event: Any) -> _Held:
        """Take an event into the window, and its place in its lane: here order begins."""
        index = self.report.inputs
        operation = Operation(self._settings.deadline, attempts=None, slots=self._slots)
        held = self._held[index] = _Held(index, Errand(event, operation))
        self.report.inputs += 1
        self.report.hold(+1)
        try:
            Rules(event).event(event)
        except InputError as error:
            self._settle(held, OutcomeStatus.FAILED, error)
        else:
            held.ticket = self._recorder.lanes.join(lane_key(event))
        return held

    async def _carry(self, held: _Held) -> None:
        """Take one event to its outcome, and the outcome to the caller."""
        if held.ticket is not None:
            try:
                await self._recorder.record(held.errand, held.ticket, self._notes)
            except AirViewHeraldError as error:
                unsure = may_be_running(held.errand.operation, error)
                self._settle(held, OutcomeStatus.UNKNOWN if unsure else OutcomeStatus.FAILED, error)
                if isinstance(error, _SYSTEMIC):
                    self._abort(error, "no event can be recorded")
            except Exception as error:  # noqa: BLE001 - a caller's auth or transport may raise anything
                self._abort(error, "sending an event raised")
                return
            else:
                self._settle(held, OutcomeStatus.RECORDED)
        assert held.outcome is not None  # noqa: S101 - for the type checker
        await self._deliver(held.outcome)
        del self._held[held.index]
        self.report.hold(-1)
        self._room.set()

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
        self, held: _Held, status: OutcomeStatus, error: AirViewHeraldError | None = None
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
        )
        report = self.report
        report.requests += operation.requests
        report.retries += operation.retries
        report.throttled += operation.throttled
        if len(report.mismatches) < len(self._notes.mismatches):
            report.mismatches = tuple(self._notes.mismatches)
        if len(report.orphans) != len(self._notes.orphans):
            report.orphans = tuple(self._notes.orphans)
        report.elapsed = self._clock() - self._began
        report.add(held.outcome)

    def _abort(self, error: Exception, reason: str) -> None:
        self._blame(error, reason)
        self._scope.cancel()

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


class IngestStream:
    """A batch that is watched: `async with airview.stream(events) as run`.

    Iterate it for the outcomes, in the order in which they come. The batch runs in the
    background and waits for its watcher: at most a window of events is between the producer and
    the watcher. Leaving the block early stops it; `report` is closed then, and says what became
    of every event that was taken.
    """

    def __init__(self, recorder: Recorder, events: Events, settings: IngestSettings) -> None:
        watched = settings.on_outcome

        async def tell(outcome: Outcome) -> None:
            if watched is not None:
                answer = watched(outcome)
                if inspect.isawaitable(answer):
                    await answer
            await self._to_watcher.send(outcome)

        self._run = Run(recorder, events, attrs.evolve(settings, on_outcome=tell))
        self._tasks = anyio.create_task_group()
        self._open: bool | None = None

    @property
    def report(self) -> IngestReport:
        """The account of the batch: live, and closed once the block is left."""
        return self._run.report

    async def __aenter__(self) -> Self:
        if self._open is not None:
            raise RuntimeError("a run is entered once; call airview.stream again")
        self._open = True
        self._to_watcher, self._outcomes = anyio.create_memory_object_stream[Outcome](0)
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._pump)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        self._open = False
        try:
            # A cancellation from outside reaches the batch by itself, and comes out as it is.
            if isinstance(error, anyio.get_cancelled_exc_class()):
                return await self._tasks.__aexit__(kind, error, traceback)
            # So does any other error: the task group would wrap it.
            self._tasks.cancel_scope.cancel()
            await self._tasks.__aexit__(None, None, None)
            return None
        finally:
            self._outcomes.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        """Return the next outcome.

        Raises:
            IngestAborted: The run ended before its input did.
            RuntimeError: The run was not entered, or was left.
        """
        if not self._open:
            raise RuntimeError("a run is watched inside `async with airview.stream(...) as run`")
        try:
            return await self._outcomes.receive()
        except anyio.EndOfStream:
            aborted = self._run.aborted()
            if aborted is not None:
                raise aborted from aborted.__cause__
            raise StopAsyncIteration from None

    async def _pump(self) -> None:
        with self._to_watcher:
            await self._run.execute()
