"""What a batch writes down as it goes, off the event loop: its state, and its dead letters."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
import attrs
from anyio import to_thread

from airview_herald.airview._continuity import allowance, still_there
from airview_herald.airview._dead_letters import Entry, dead_letter, recorded
from airview_herald.airview._held import Held
from airview_herald.airview._ingest_settings import IngestSettings
from airview_herald.airview._known_ids import Ids, KnownIds, remember
from airview_herald.airview._outcomes import Outcome, OutcomeStatus
from airview_herald.airview._positions import Positions, Step, Verdict
from airview_herald.airview._reconciling import Reading
from airview_herald.airview._recording import Errand, Recorder
from airview_herald.errors import ConfigurationError, InputError
from airview_herald.transport._call import RetryClass
from airview_herald.transport._limiter import Slots

if TYPE_CHECKING:
    from airview_herald.airview._dead_letter_file import DeadLetterFile
    from airview_herald.airview._state import Progress, StateFile

T = TypeVar("T")

logger = logging.getLogger("airview_herald")

# Seconds between two writes. What a kill can lose is at most so old; permits bound how much.
_INTERVAL = 0.25
_PERMITS = 2
_LETTERS = (OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN, OutcomeStatus.NOT_ATTEMPTED)


@attrs.define
class _Pending:
    """What is to be written next.

    Attributes:
        outcomes: How many outcomes it holds.
        permits: How many permits to give back once it is written.
        entries: For the dead letters.
    """

    outcomes: int = 0
    permits: int = 0
    entries: list[Entry] = attrs.field(factory=list)


class Journal:
    """The files of one run.

    With a state, a save needs a permit before it begins, and gives it back when its outcome is
    written: so a kill loses no more outcomes than there are permits, twice `concurrency`.

    Args:
        recorder: Knows the client's server, its catalogue and its clock.
        settings: The settings of the run, with a `state` or `dead_letters`.
    """

    def __init__(self, recorder: Recorder, settings: IngestSettings) -> None:
        concurrency = settings.concurrency
        self._recorder = recorder
        self._settings = settings
        self._permits = Slots(_PERMITS * concurrency)
        self._due = max(1, concurrency // 2)
        self._most = 4 * settings.window
        self._positions = Positions()
        self._ids = KnownIds(recorder)
        self._pending = _Pending()
        self._wake = anyio.Event()
        self._written = anyio.Event()
        self._inputs: int | None = None
        self._in_doubt = False
        self._restorations = 0
        self._state: StateFile | None = None
        self._letters: DeadLetterFile | None = None
        self._run = ""
        self._files = threading.Lock()
        self._begun = False
        self._stopped = False
        self._left_over = False
        self._lost = False

    async def open(self) -> None:
        """Open the files.

        Raises:
            ConfigurationError: One cannot be used; the message names it. None is changed.
        """
        self._limiter = anyio.CapacityLimiter(1)
        try:
            await self._in_thread(self._open)
        except BaseException:
            await self._let_go()
            raise

    async def begin(self, reading: Reading) -> None:
        """Take up what an earlier run has left, unless the server has lost it.

        Args:
            reading: Gives who asks.

        Raises:
            AirViewHeraldError: The server cannot be asked.
        """
        state = self._state
        if state is None:
            return
        progress = await self._in_thread(state.progress)
        await self._wait_for_the_last(progress)
        catalogue = self._recorder.catalogue
        ids = await self._in_thread(partial(state.ids, catalogue.resources.capacity))
        seen = await still_there(
            ids, reading, allowance(progress), at_once=self._settings.concurrency
        )
        if seen is not None:
            await remember(ids, catalogue)
        else:
            logger.warning(
                "%s: the server was restored: all is sent again from the beginning", state.path
            )
            catalogue.forget()
            await self._in_thread(partial(state.write, None, Ids()))
            progress = await self._in_thread(state.progress)
        if progress.taken:
            logger.info(
                "%s: %d inputs were taken before, %d of them are open",
                state.path, progress.taken, progress.open,
            )  # fmt: skip
        self._restorations = catalogue.restorations
        self._positions = Positions(
            progress.taken, doubtful=progress.doubtful, overtaking=self._settings.coalesce
        )
        # From here on the file tells a later run that requests may still be running.
        await self._in_thread(partial(state.write, Step(), seen or Ids()))
        self._begun = True

    def reaches(self, room: int) -> bool:
        """Return whether so many more events can be taken now."""
        if self._pending.outcomes >= self._most:
            return False
        reads = self._state is not None and self._inputs is None
        return not (reads and self._positions.unread(self._positions.taken + room))

    async def reach(self, room: int) -> None:
        """Wait until so many more events can be taken.

        Args:
            room: How many at most.
        """
        while self._pending.outcomes >= self._most:
            self._written = anyio.Event()
            await self._written.wait()
        state = self._state
        if state is not None and self._inputs is None:
            for number in self._positions.unread(self._positions.taken + room):
                past = await self._in_thread(partial(state.past, number))
                self._positions.expect(number, past)

    def take(self, held: Held) -> Verdict:
        """Take the next event, and return what is to be done with it."""
        if self._state is None or self._inputs is not None:
            return Verdict.SEND
        return self._positions.take(held.errand.event)

    def end_input(self, inputs: int) -> None:
        """Note that the input has ended: what is taken from here on is reconciliation's.

        Args:
            inputs: How many events it had.
        """
        if self._state is not None:
            self._positions.ended()
        self._inputs = inputs

    def mismatch(self) -> InputError | None:
        """Return the error of an input that is not the one that the state is of."""
        state, why = self._state, self._positions.mismatch
        if state is None or not why:
            return None
        rule = (
            f"are not those that {state.path} was begun with ({why}): give those again, or let "
            "`State(path, restart=True)`, or another `run`, begin anew"
        )
        return InputError("events", rule)

    async def before_save(self, errand: Errand) -> None:
        """Note an event's ids, and wait until its save may begin."""
        if self._state is None:
            return
        self._ids.note(errand.event)
        if self._ids.noted > self._permits.limit:
            self._wake.set()
        if not errand.permitted:
            await self._permits.acquire()
            errand.permitted = True

    def settle(self, held: Held, newer: Held | None) -> None:
        """Note an event's outcome.

        Args:
            held: The event.
            newer: The event that was sent in its place.
        """
        outcome = _outcome(held)
        if outcome.status is OutcomeStatus.SKIPPED and newer is None:
            return
        self._pending.outcomes += 1
        self._pending.permits += held.errand.permitted
        left = held.errand.operation.in_flight
        self._in_doubt |= outcome.status is OutcomeStatus.UNKNOWN
        self._in_doubt |= left is not None and left is not RetryClass.READ
        if self._state is not None:
            self._place(held, newer)
        if self._letters is not None:
            added = self._is_added(held)
            if outcome.status is OutcomeStatus.RECORDED:
                self._pending.entries.append(recorded(outcome, reconciled=added))
            elif outcome.status in _LETTERS and not self._positions.mismatch:
                self._pending.entries.append(dead_letter(outcome, self._run, reconciled=added))
        if self._pending.outcomes >= self._due:
            self._wake.set()

    def stop(self) -> None:
        """End `keep_writing`; what is left `aclose` writes."""
        self._stopped = True
        self._wake.set()

    async def keep_writing(self, failed: Callable[[Exception, str], None]) -> None:
        """Write whenever enough is due, and soon in any case; until `stop`.

        Args:
            failed: Told of an error, after which nothing more is written.
        """
        while not self._stopped:
            with anyio.move_on_after(_INTERVAL):
                await self._wake.wait()
            self._wake = anyio.Event()
            if self._pending.outcomes or self._positions.under_way:
                try:
                    await self._write()
                except ConfigurationError as error:
                    failed(error, "what became of events cannot be kept")
                    return

    async def aclose(self, *, ended: bool = False) -> None:
        """Write what is left and close the files.

        Args:
            ended: Whether the run came to the end of its input, and of reconciling.

        Raises:
            ConfigurationError: Something could not be written.
        """
        try:
            await self._write()
            finished = ended and not (self._left_over or self._lost)
            await self._surely(partial(self._close, finished=finished))
        finally:
            await self._let_go()

    def _open(self) -> None:
        # Imported here, so that only batches with such files load SQLite.
        from airview_herald.airview._dead_letter_file import DeadLetterFile  # noqa: PLC0415
        from airview_herald.airview._state import StateFile  # noqa: PLC0415

        state, dead_letters = self._settings.state, self._settings.dead_letters
        self._run = uuid.uuid4().hex
        if state is not None:
            config = self._recorder.sender.config
            self._state = StateFile.open(
                state.path, config, restart=state.restart, run=state.run or ""
            )
            self._run = self._state.progress().name
        if dead_letters is not None:
            self._letters = DeadLetterFile.open(dead_letters, self._run)

    async def _wait_for_the_last(self, progress: Progress) -> None:
        """Wait until requests that an earlier run has left have surely ended."""
        settle = self._recorder.sender.transport.options.settle + _INTERVAL
        left = min(progress.alive + settle - time.time(), settle)
        if left > 0 and not progress.settled:
            # A warning shows even where no logging is set up; this long silence looks like a hang.
            logger.warning("requests of an earlier run may be running: waiting for %.1f s", left)
            await self._recorder.sender.transport.sleep(left)

    def _place(self, held: Held, newer: Held | None) -> None:
        """Note what has become of an input."""
        status, positions = _outcome(held).status, self._positions
        if self._is_added(held):
            self._left_over |= status in (OutcomeStatus.UNKNOWN, OutcomeStatus.NOT_ATTEMPTED)
        elif status is OutcomeStatus.RECORDED:
            held.final = True
            positions.done(held.index, recorded=True)
        elif status is OutcomeStatus.FAILED:
            positions.done(held.index, recorded=False)
        elif status is OutcomeStatus.SKIPPED and newer is not None and newer.final:
            held.final = True
            positions.done(held.index, recorded=False)
        elif status is not OutcomeStatus.NOT_ATTEMPTED or _outcome(held).error is not None:
            # Nobody knows whether this event, or the newer one that replaced it, has landed: the
            # next run sends both, or the newer one alone.
            positions.doubt(held.index)

    def _is_added(self, held: Held) -> bool:
        return self._inputs is not None and held.index >= self._inputs

    async def _write(self) -> None:
        pending, self._pending = self._pending, _Pending()
        ids, step = self._ids.new(), self._positions.step()
        catalogue = self._recorder.catalogue
        if self._begun and catalogue.restorations != self._restorations:
            if not self._lost:
                logger.warning("the server was restored: the next run sends all again")
            self._lost = True
        try:
            await self._surely(partial(self._hand_over, pending, step, ids))
        except BaseException:
            # Later steps build on this one: written without it they would claim too much.
            self._begun = False
            raise
        for _ in range(pending.permits):
            self._permits.release()
        self._written.set()

    def _hand_over(self, pending: _Pending, step: Step, ids: Ids) -> None:
        # Letters first: an event that the state counts as done, and no letter holds, would be lost.
        if self._letters is not None:
            self._letters.write(pending.entries)
        if self._state is not None and self._begun:
            self._state.write(None if self._lost else step, ids)

    def _close(self, *, finished: bool) -> None:
        if self._state is not None and self._begun:
            self._state.close(settled=not self._in_doubt, finished=finished)

    async def _let_go(self) -> None:
        def let_go() -> None:
            if self._state is not None:
                self._state.abandon()
            if self._letters is not None:
                self._letters.close()

        await self._surely(let_go)

    async def _surely(self, work: Callable[[], None]) -> None:
        """Do what has to be done in any case, off the event loop."""
        begun = threading.Lock()

        def once() -> None:
            if begun.acquire(blocking=False):
                work()

        with anyio.CancelScope(shield=True):
            try:
                await self._in_thread(once)
            except anyio.get_cancelled_exc_class():
                # asyncio's `Task.cancel` ignores shields, and may come before a thread has begun.
                await self._in_thread(once)
                raise

    async def _in_thread(self, work: Callable[[], T]) -> T:
        def alone() -> T:
            # After asyncio's `Task.cancel` an abandoned thread may still be at work.
            with self._files:
                return work()

        return await to_thread.run_sync(alone, limiter=self._limiter)


def _outcome(held: Held) -> Outcome:
    assert held.outcome is not None  # noqa: S101 - for the type checker
    return held.outcome
