"""A batch on a cluster: what it is told, checked before anything is begun."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from anyio import to_thread

from airview_herald.airview import Reconciliation, State
from airview_herald.airview._ingest_settings import (
    PathLike,
    check_progress,
    check_run,
    path_of,
)
from airview_herald.airview._rules import Rules
from airview_herald.distributed._board import Beginning, Board
from airview_herald.distributed._cluster import Cluster
from airview_herald.distributed._folder import (
    check_letters,
    clear,
)
from airview_herald.distributed._holding import Task
from airview_herald.distributed._report import ClusterReport
from airview_herald.distributed._run import Progress, Run
from airview_herald.distributed._settings import Limits, ServerSettings, check_partitions
from airview_herald.distributed._sources import single_sources
from airview_herald.errors import ConfigurationError, InputError

logger = logging.getLogger("airview_herald")

# Several partitions for each thread of the workers, so that all end at about the same time.
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
    return await Run(cluster, found, task, count, progress or None).execute(letters)


def _folder(state: PathLike) -> str:
    if isinstance(state, State):
        rule = "must be the path of a folder; `run` and `restart` are arguments of their own here"
        raise InputError("state", rule, state)
    return _absolute(path_of("state", state, "a folder"))


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


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
