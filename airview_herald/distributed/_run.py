"""One call of `ingest`: its sources split, its partitions handed out, and their ends taken in."""

from __future__ import annotations

import inspect
import logging
import shutil
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal, TypeAlias

import anyio
import attrs
from anyio import to_thread

from airview_herald.airview._report_bar import ReportBar
from airview_herald.airview._state import finished_error
from airview_herald.distributed._board import Board
from airview_herald.distributed._cluster import Cluster
from airview_herald.distributed._folder import gather_letters, letters_file
from airview_herald.distributed._groundwork import Groundwork, lay_groundwork
from airview_herald.distributed._holding import Task
from airview_herald.distributed._lease import TICK
from airview_herald.distributed._partition import Ended, done_before, ingest_partition
from airview_herald.distributed._pieces import Manifest, Source, digest_of, split
from airview_herald.distributed._report import ClusterReport
from airview_herald.errors import AirViewHeraldError, ConfigurationError, IngestAborted

Progress: TypeAlias = Callable[[ClusterReport], Awaitable[None] | None]

logger = logging.getLogger("airview_herald")


class Run:
    """One call of `ingest`, under way.

    Args:
        cluster: Does the tasks.
        sources: What has the events.
        task: What all partitions have in common.
        partitions: How many there are.
        progress: Told of the report as partitions end; `True` shows a bar.

    Attributes:
        report: The live report.
    """

    def __init__(
        self,
        cluster: Cluster,
        sources: list[Source],
        task: Task,
        partitions: int,
        progress: Progress | Literal[True] | None,
    ) -> None:
        self.report = ClusterReport(partitions=partitions)
        self._cluster = cluster
        self._sources = sources
        self._task = task
        self._board = Board(task.folder)
        self._progress = None if progress is True else progress
        self._bar = ReportBar(self.report, None) if progress is True else None
        self._began = time.monotonic()
        self._futures: list[Any] = []
        self._aborted: IngestAborted | None = None

    async def execute(self, dead_letters: str | None) -> ClusterReport:
        """Do it all.

        Args:
            dead_letters: Where to gather them, or `None`.
        """
        if self._bar is not None:
            self._bar.open()
        try:
            await self._tell()
            await self._work()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._stop()
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._clear, dead_letters)
            self.report.elapsed = time.monotonic() - self._began
            if self._bar is not None:
                self._bar.close()
        if self._aborted is not None:
            raise self._aborted from self._aborted.__cause__
        return self.report

    async def _work(self) -> None:
        manifests = await self._split()
        if self._aborted is not None:
            return
        tasks = await to_thread.run_sync(self._partitions, manifests)
        if not tasks:
            return
        groundwork = self._submit("groundwork", 0, lay_groundwork, self._task)
        try:
            laid: Groundwork = await self._cluster.result(groundwork, keep=True)
        except Exception as error:  # noqa: BLE001 - a worker may raise anything
            self._abort(error, "what all partitions share cannot be recorded")
            return
        self.report.plan(laid.report)
        futures = {
            number: self._submit("ingest", number, ingest_partition, each, groundwork)
            for number, each in tasks.items()
        }
        async with aclosing(self._cluster.ended(futures)) as endings:
            async for number, future in endings:
                await self._take(tasks[number], future)
                await self._tell()

    async def _split(self) -> list[Manifest]:
        """Have every source split; return what they hold, in their order."""
        pieces = self._task.pieces
        partitions = self.report.partitions
        futures = {
            number: self._submit(
                "split", number, split, source, str(Path(pieces, str(number))), partitions
            )
            for number, source in enumerate(self._sources)
        }
        manifests: dict[int, Manifest] = {}
        async with aclosing(self._cluster.ended(futures)) as endings:
            async for number, future in endings:
                try:
                    manifests[number] = await self._cluster.result(future)
                except Exception as error:  # noqa: BLE001 - a source may raise anything
                    self._abort(error, f"{self._sources[number].name} cannot be read")
                    await self._cluster.cancel(futures.values())
                    return []
        ordered = [manifests[number] for number in range(len(manifests))]
        self.report.split(ordered)
        if self._bar is not None:
            self._bar.expect(sum(sum(each.inputs.values()) for each in ordered))
        return ordered

    def _partitions(self, manifests: list[Manifest]) -> dict[int, Task]:
        """Return the partitions that are left to do; those that are done are counted."""
        done = self._board.done()
        tasks: dict[int, Task] = {}
        for number in range(self.report.partitions):
            task = attrs.evolve(
                self._task,
                partition=number,
                digest=digest_of(manifests, number),
                inputs=sum(each.inputs.get(number, 0) for each in manifests),
                problems=self.report.problem_count,
            )
            before = done_before(done.get(number), task)
            if before is not None:
                self.report.end(Ended(number, before))
            elif task.inputs:
                tasks[number] = task
            else:
                self.report.partitions_ended += 1
        if done and not tasks:
            raise finished_error(self._task.folder, self._board.called(), "`restart=True`")
        return tasks

    async def _take(self, task: Task, future: Any) -> None:
        """Take in the end of a partition."""
        try:
            ended: Ended = await self._cluster.result(future)
        except Exception as error:  # noqa: BLE001 - a cluster may raise anything
            self.report.lose(task.inputs)
            await self._end(error, f"partition {task.partition} was lost")
            return
        self.report.end(ended)
        cause, reason = ended.cause, ended.reason
        most = task.limits.max_failures
        if not reason and most is not None and self.report.failed + self.report.unknown >= most:
            reason = "max_failures; that many events failed"
        if reason:
            await self._end(cause, f"partition {task.partition}: {reason}")

    def _submit(self, what: str, number: int, function: Callable[..., Any], *arguments: Any) -> Any:
        key = f"airview-{what}-{self._task.call}-{number}"
        future = self._cluster.submit(key, function, *arguments)
        self._futures.append(future)
        return future

    def _abort(self, cause: Exception | None, reason: str) -> None:
        told = ""
        if cause is not None and str(cause) not in reason:
            ours = isinstance(cause, AirViewHeraldError)
            told = f": {cause}" if ours else f": {type(cause).__name__}: {cause}"
        self._aborted = IngestAborted(reason + told, self.report)
        self._aborted.__cause__ = cause

    async def _end(self, cause: Exception | None, reason: str) -> None:
        """Have all partitions end early, unless that has been asked for already."""
        if self._aborted is None:
            self._abort(cause, reason)
            await to_thread.run_sync(self._board.stop, self._task.call)

    async def _stop(self) -> None:
        """Have everything end, and wait until nothing is sent any more."""
        await to_thread.run_sync(self._board.stop, self._task.call)
        await self._cluster.cancel(self._futures)
        with anyio.move_on_after(self._task.limits.grace + self._task.limits.lease):
            while await to_thread.run_sync(self._board.held):  # noqa: ASYNC110 - of others
                await anyio.sleep(TICK)

    def _clear(self, dead_letters: str | None) -> None:
        """Gather the dead letters, and remove what is of no use any more."""
        shutil.rmtree(self._task.pieces, ignore_errors=True)
        if dead_letters is None:
            return
        try:
            kept = sorted(self._board.generations().items())
            gather_letters([letters_file(self._task.folder, *of) for of in kept], dead_letters)
        except ConfigurationError as error:
            logger.warning("%s", error)
            if self._aborted is None:
                self._abort(error, "what was not recorded cannot be gathered")

    async def _tell(self) -> None:
        self.report.elapsed = time.monotonic() - self._began
        if self._bar is not None:
            self._bar.show()
        try:
            answer = None if self._progress is None else self._progress(self.report)
            if inspect.isawaitable(answer):
                await answer
        except Exception as error:  # noqa: BLE001 - the caller's callback may raise anything
            await self._end(error, "the progress callback raised")
