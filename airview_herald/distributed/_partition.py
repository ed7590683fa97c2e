"""One partition: a batch with a file of state, which goes on wherever its last worker left it."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import anyio
import attrs
from anyio import to_thread

from airview_herald.airview._outcomes import IngestReport, OutcomeStatus
from airview_herald.distributed._board import Board, Done, OvertakenError
from airview_herald.distributed._folder import inherit, letters_file, state_file
from airview_herald.distributed._groundwork import Groundwork
from airview_herald.distributed._holding import Holder, Task, hold, run
from airview_herald.distributed._lease import LeaseLostError, ToldToEndError
from airview_herald.distributed._pieces import Pieces
from airview_herald.errors import (
    AirViewHeraldError,
    ConfigurationError,
    FinishedError,
    IngestAborted,
    InputError,
    InUseError,
)

# How often, and after how many seconds, to try to open files that a lost worker may still hold.
_TRIES = 4
_PAUSE = 0.5
_COUNTS = ("inputs", "requests", "retries", "throttled", *OutcomeStatus)


@attrs.frozen
class Ended:
    """How a partition has ended.

    Attributes:
        partition: Which one.
        report: Its account.
        reason: What ended it early; empty if nothing did.
        cause: The error that did, if it can travel.
        taken_over: Whether another worker had it before, and was lost.
    """

    partition: int
    report: IngestReport
    reason: str = ""
    cause: Exception | None = None
    taken_over: bool = False


def ingest_partition(task: Task, groundwork: Groundwork) -> Ended:
    """Record the events of a partition; runs on a worker.

    Args:
        task: The partition.
        groundwork: What all partitions share.

    Raises:
        LeaseLostError: Another worker holds it now, or the board is out of reach.
        OSError: A piece cannot be read.
    """
    return run(partial(_ingest, task, groundwork))


def done_before(done: Done | None, task: Task) -> IngestReport | None:
    """Return the account of a partition that has come to its end already.

    Args:
        done: What the board says of it.
        task: The partition.

    Raises:
        InputError: It had another input.
    """
    if done is None:
        return None
    if done.digest != task.digest:
        raise _other_input(task)
    if done.call != task.call:
        return IngestReport(inputs=task.inputs, skipped=task.inputs)
    # The partition was finished in this call, but its result was lost with the worker.
    counts = dict(done.counts)
    return IngestReport(errors=Counter(counts.pop("errors")), **counts)


async def _ingest(task: Task, groundwork: Groundwork) -> Ended:
    board = Board(task.folder)
    report = done_before((await to_thread.run_sync(board.done)).get(task.partition), task)
    if report is not None:
        return Ended(task.partition, report)
    try:
        return await hold(task, _Batch(task, groundwork, board).run)
    except (ConfigurationError, InputError, OvertakenError, ToldToEndError) as error:
        return Ended(task.partition, IngestReport(), str(error), error)


class _Batch:
    """The batch of a partition."""

    def __init__(self, task: Task, groundwork: Groundwork, board: Board) -> None:
        self._task = task
        self._groundwork = groundwork
        self._board = board
        self._report = IngestReport()

    async def run(self, holder: Holder) -> Ended:
        """Record what is left of the partition."""
        task = self._task
        await self._groundwork.teach(holder.airview)
        ended = partial(Ended, task.partition, taken_over=holder.claim.wait > 0)
        try:
            with holder.stopping:
                await self._record(holder)
        except FinishedError:
            # A worker was lost after it had finished the state, and before the board was told.
            if holder.claim.digest != task.digest:
                raise _other_input(task) from None
            self._report = IngestReport(inputs=task.inputs, skipped=task.inputs)
        except IngestAborted as aborted:
            cause = aborted.__cause__
            if isinstance(cause, LeaseLostError):
                raise cause from None
            # Other people's errors may not survive pickling; the reason repeats their words.
            ours = cause if isinstance(cause, AirViewHeraldError) else None
            return ended(report=self._report, reason=str(aborted), cause=ours)
        if holder.stopping.cancelled_caught:
            return ended(report=self._report, reason="all partitions were told to end")
        # Unfinished if events are in doubt or the server was restored: the next call goes on.
        if not self._report.unknown and not self._report.server_restored:
            await to_thread.run_sync(self._board.finish, holder.claim, _counts(self._report))
        return ended(report=self._report)

    async def _record(self, holder: Holder) -> None:
        """Record the events; in copies of the files if a lost worker still has them locked."""
        for tries_left in reversed(range(_TRIES)):
            try:
                return await self._record_with(holder, holder.claim.generation)
            except InUseError:
                if tries_left:
                    await anyio.sleep(_PAUSE)
        await to_thread.run_sync(self._inherit, holder)
        return await self._record_with(holder, holder.claim.generation)

    async def _record_with(self, holder: Holder, generation: int) -> None:
        task = self._task
        batch = holder.airview.stream(
            Pieces.of(
                task.partition,
                task.pieces,
                task.sources,
                problems=task.problems,
                inputs=task.inputs,
            ),
            state=state_file(task.folder, task.partition, generation),
            dead_letters=letters_file(task.folder, task.partition, generation),
            **task.limits.batch,
        )
        self._report = batch.report
        async with batch:
            holder.limit(batch)
            async for _ in batch:
                pass

    def _inherit(self, holder: Holder) -> None:
        claim = holder.claim
        inherit(self._task.folder, claim.partition, claim.generation, claim.number)
        holder.claim = self._board.inherit(claim)


def _counts(report: IngestReport) -> dict[str, Any]:
    counts: dict[str, Any] = {name: getattr(report, name) for name in _COUNTS}
    return counts | {"errors": dict(report.errors)}


def _other_input(task: Task) -> InputError:
    rule = f"are not those that partition {task.partition} has the state of"
    return InputError("sources", f"{rule}: `restart=True`, or another `run`, begins anew")
