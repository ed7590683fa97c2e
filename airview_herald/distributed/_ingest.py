"""A batch on a cluster, from its sources to its report."""

from __future__ import annotations

import inspect
import logging
import shutil
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal

import anyio
import attrs
from anyio import to_thread

from airview_herald.airview import Reconciliation, State
from airview_herald.airview._ingest_settings import (
    PathLike,
    check_progress,
    check_run,
    path_of,
)
from airview_herald.airview._report_bar import ReportBar
from airview_herald.airview._rules import Rules
from airview_herald.airview._state import finished_error
from airview_herald.distributed._board import Beginning, Board
from airview_herald.distributed._cluster import Cluster
from airview_herald.distributed._folder import (
    check_letters,
    clear,
    gather_letters,
    letters_file,
)
from airview_herald.distributed._groundwork import Groundwork, lay_groundwork
from airview_herald.distributed._holding import Task
from airview_herald.distributed._lease import TICK
from airview_herald.distributed._partition import Ended, done_before, ingest_partition
from airview_herald.distributed._pieces import Manifest, Source, digest_of, split
from airview_herald.distributed._report import ClusterReport
from airview_herald.distributed._settings import Limits, ServerSettings, check_partitions
from airview_herald.distributed._sources import single_sources
from airview_herald.errors import AirViewHeraldError, ConfigurationError, IngestAborted, InputError

Progress = Callable[[ClusterReport], Awaitable[None] | None]

logger = logging.getLogger("airview_herald")

# Partitions for each thread of the workers, so that they end at about the same time.
_FOR_EACH_THREAD = 4
_LEAST = 16


async def ingest(  # noqa: PLR0913 - each is documented, all but three by keyword
    client: Any,
    sources: Any,
    settings: ServerSettings,
    *,
    state: PathLike,
    partitions: int | None = None,
    restart: bool = False,
    run: str | None = None,
    dead_letters: PathLike | None = None,
    concurrency: int = 64,
    rate: float | None = None,
    lease: float = 30.0,
    progress: Progress | bool | None = None,
    deadline: float = 120.0,
    max_cooldown: float = 900.0,
    max_failures: int | None = None,
    grace: float = 2.0,
    coalesce: bool = False,
    reconcile: bool | Reconciliation = False,
) -> ClusterReport:
    """Record a batch of events on the workers of a Dask cluster.

    The sources are split on the workers by application, so that the events of one resource and
    control are sent in order, by one worker. What partitions share is found and recorded once.
    Then each partition is a batch of `AirView.ingest`, with a file of state of its own. A partition
    whose worker is lost goes on elsewhere, once that worker has surely sent its last.

    Args:
        client: A `distributed.Client`, of either kind.
        sources: What has the events, in their order: files or patterns of them, JSON Lines, or
            SARIF if `.sarif` is in their names; `dask.delayed` calls that give iterables of
            events; a Dask bag of events; or a list of those.
        settings: The server; workers find their credential themselves.
        state: A folder that the workers and this process share, by the same path, with locks that
            work. It keeps what is done: when the batch is cut short, the same call goes on.
        partitions: Into how many parts applications are put; by default 4 for each thread of the
            workers, at least 16. A call that goes on takes what the first one took.
        restart: Begin anew, whatever the folder's run has come to.
        run: What this run is called, for a job of every night: its date as a text, say. The same
            name goes on; another one begins anew, and what the folder's run has left undone is not
            sent.
        dead_letters: A file for what was not recorded, made at the end; one that is there already
            is refused, unless this run has made it.
        concurrency: Requests in flight at most, on all workers together; shared out to the
            partitions that are at work, each of which has at least 1.
        rate: Requests a second at most, likewise; `None` is no limit.
        lease: Seconds for which a worker may go on when it cannot renew its right to a partition.
            Together with `grace` and `settle`, what a lost worker's partition waits for.
        progress: Called, or awaited, with the report as partitions end; `True` shows a bar, as for
            `AirView.ingest`, that moves as they do.
        deadline: As for `AirView.ingest`, like all below.
        max_cooldown: Seconds that the server may keep a partition from all success.
        max_failures: How many outcomes that are `failed` or `unknown` end the batch; counted as
            partitions end, and in each of them.
        grace: Seconds that the saves on the wire have when the batch ends early.
        coalesce: Send of the events that wait in one lane the newest only.
        reconcile: Close what the input no longer lists; a `Reconciliation` may say as what.

    Returns:
        The report: every event that was taken has exactly one outcome.

    Raises:
        IngestAborted: As for `AirView.ingest`; or a source could not be read, or a partition was
            lost again and again. Its `report` is closed, and the same call goes on.
        InputError: An argument is out of its range, or the sources are not those of the state.
        FinishedError: The run of the folder was recorded before.
        ConfigurationError: `distributed` is not installed, the folder cannot be used, or is of
            another run.
    """
    cluster = Cluster(client)
    limits = Limits(
        concurrency=concurrency, rate=rate, lease=lease, deadline=deadline,
        max_cooldown=max_cooldown, max_failures=max_failures, grace=grace, coalesce=coalesce,
        reconcile=reconcile,
    )  # fmt: skip
    limits.check()
    check_progress(progress)
    check_partitions(partitions)
    check_run("run", run)
    Rules(settings).kind("settings", settings, ServerSettings)
    Rules(restart).kind("restart", restart, bool)
    found = single_sources(sources)
    folder = _folder(state)
    letters = None if dead_letters is None else _absolute(path_of("dead_letters", dead_letters))
    threads = await cluster.threads()
    if not threads:
        logger.warning("the cluster has no workers: waiting for one")
    wanted = Beginning(
        server=settings.check(),
        partitions=partitions,
        default=max(_LEAST, _FOR_EACH_THREAD * threads),
        dead_letters=letters,
        run=run or "",
        restart=restart,
    )
    call, count = await to_thread.run_sync(_begin, folder, wanted)
    task = Task(call=call, folder=folder, sources=len(found), settings=settings, limits=limits)
    return await _Run(cluster, found, task, count, progress or None).execute(letters)


def _folder(state: PathLike) -> str:
    if isinstance(state, State):
        rule = "must be the path of a folder; `run` and `restart` are arguments of their own here"
        raise InputError("state", rule, state)
    return _absolute(path_of("state", state, "a folder"))


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


class _Run:
    """One call of `ingest`, under way."""

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
        """Have all that is at work end early, if this is the first reason for it."""
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


def _begin(folder: str, wanted: Beginning) -> tuple[str, int]:
    """Begin a run in its folder, or go on with the one that is there."""
    board = Board(folder)
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        anew = board.is_new(wanted)
        if anew and wanted.dead_letters is not None:
            check_letters(wanted.dead_letters)
        begun = board.begin(wanted)
        clear(folder, anew=anew)
    except OSError as error:
        raise ConfigurationError(f"state: {folder} cannot be used: {error}") from error
    return begun
