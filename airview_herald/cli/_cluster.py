"""`airview-herald ingest --scheduler`: the same batch on the workers of a Dask cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs

from airview_herald import _extras
from airview_herald.cli._airview_options import System
from airview_herald.cli._ends import UsageError
from airview_herald.cli._file_names import STDIN
from airview_herald.cli._ingest_options import Batch, Cluster
from airview_herald.cli._inputs import Inputs, Reading
from airview_herald.distributed import ClusterReport, ServerSettings, ingest
from airview_herald.errors import ConfigurationError, ConnectError, IngestAborted


async def on_cluster(  # noqa: PLR0913 - what `ingest` was told
    files: Sequence[str],
    reading: Reading,
    *,
    system: System,
    batch: Batch,
    cluster: Cluster,
    shown: bool,
) -> tuple[ClusterReport, BaseException | None]:
    """Record the events in files on a cluster.

    Args:
        files: Their names.
        reading: How they are read.
        system: The server, and the system that records.
        batch: How the batch is sent.
        cluster: The cluster.
        shown: Whether to show progress on stderr.

    Returns:
        The report, and what ended the batch early, if anything did.

    Raises:
        UsageError: An option does not go with a cluster.
        ConnectError: There is no scheduler.
        AirViewHeraldError: As `ingest` of `airview_herald.distributed`.
    """
    _check(files, system, batch)
    distributed, delayed = _dask()
    # The workers read it, and their working directory is another one.
    if reading.base is not None:
        reading = attrs.evolve(reading, base=_absolute(reading.base))
    sources = [delayed(Inputs)([_absolute(file)], reading) for file in files]
    try:
        # Checked here, because Dask's client leaves coroutines behind when an address is wrong.
        import_module("distributed.comm").get_address_host_port(cluster.scheduler)
    except ValueError as error:
        raise UsageError("--scheduler", f"{cluster.scheduler} is no address: {error}") from None
    try:
        client = await distributed.Client(cluster.scheduler, asynchronous=True)
    except (OSError, ValueError) as error:
        raise ConnectError(f"--scheduler: {cluster.scheduler} cannot be used: {error}") from None
    async with client:
        with _progress(shown=shown) as progress:
            latest: list[ClusterReport] = []

            def follow(report: ClusterReport) -> None:
                latest[:] = [report]
                progress(report)

            try:
                report = await ingest(
                    client,
                    sources,
                    _settings(system),
                    state=batch.state or "",
                    restart=batch.restart,
                    run=batch.run,
                    dead_letters=batch.dead_letters,
                    partitions=cluster.partitions,
                    rate=cluster.rate,
                    lease=cluster.lease,
                    progress=follow,
                    concurrency=batch.concurrency,
                    deadline=batch.deadline,
                    max_cooldown=batch.max_cooldown,
                    max_failures=batch.max_failures,
                    grace=batch.grace,
                    coalesce=batch.coalesce,
                    reconcile=batch.reconciliation(),
                )
            except IngestAborted as error:
                return error.report, error
            except asyncio.CancelledError as error:
                if not latest:
                    raise
                return latest[0], error
            return report, None


def _check(files: Sequence[str], system: System, batch: Batch) -> None:
    if batch.state is None:
        raise UsageError("--scheduler", "needs --state, a folder that the workers share")
    if Path(batch.state).is_file():
        raise UsageError("--state", f"{batch.state} is a file; workers share a folder")
    if STDIN in files:
        raise UsageError(STDIN, "workers cannot read stdin")
    if system.token_file is not None:
        raise UsageError("--token-file", "workers take their credential from their environment")
    if batch.window is not None:
        raise UsageError("--window", "does not go with --scheduler")


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def _dask() -> tuple[Any, Any]:
    try:
        return import_module("distributed"), import_module("dask").delayed
    except ImportError:
        raise ConfigurationError(
            f"--scheduler: distributed is not installed: {_extras.install('dask')}"
        ) from None


def _settings(system: System) -> ServerSettings:
    return ServerSettings(
        base_url=system.base_url,
        system_name=system.system_name,
        system_stage=system.system_stage,
        referencing_type=system.referencing_type,
        timeout=30.0 if system.timeout is None else system.timeout,
        allow_http=system.allow_http,
        settle=system.settle,
        ca=_found(system.ca),
        cert=_found(system.cert),
        key=_found(system.key),
    )


def _found(file: str | None) -> str | None:
    return None if file is None else _absolute(file)


@contextmanager
def _progress(*, shown: bool) -> Iterator[Any]:
    """Give what shows how many partitions have ended, and how many events were recorded."""
    if not shown:
        yield lambda _: None
        return
    # Imported only where there is a terminal to draw on.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("reading", total=None)

        def show(report: ClusterReport) -> None:
            told = f"{report.partitions_ended} of {report.partitions} partitions"
            failed = report.failed + report.unknown
            bars.update(
                task,
                total=report.partitions,
                completed=report.partitions_ended,
                description=f"{told}  {report.recorded:,} recorded  {failed:,} failed",
            )

        yield show
