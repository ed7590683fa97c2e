"""How a batch on a cluster grows with its workers, on one machine.

    python benchmarks/cluster_scaling.py [--events N] [--workers 1 2] [--latency SECONDS] [--check]

Each case records the same events in an empty server that answers after `--latency`, with
`--in-flight` requests in flight for each worker, which is a process of its own. `--check` exits
with 1 unless the last case is 1.7 times as fast as the first and both have planned alike.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import machine
from distributed import Client, LocalCluster
from processes import Server
from result_tables import Table

from airview_herald.airview import (
    Application,
    ComplianceEvent,
    Control,
    QualityModel,
    TechnicalControl,
)
from airview_herald.distributed import ClusterReport, ServerSettings, ingest
from airview_herald.sources import write_jsonl

_PARTITIONS = 64
_FILES = 8
_APPLICATIONS = 640
_CHECKS = 50
_CONTROLS = 10
_ENOUGH = 1.7


def main() -> int:
    """Measure what is asked for and return the exit code."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="cluster-scaling-"))
    try:
        _write(folder, options.events)
        with Server() as server:
            cases = {
                workers: _measure(folder, server, workers, options) for workers in options.workers
            }
    finally:
        shutil.rmtree(folder)
    print(" · ".join(f"{name} {value}" for name, value in machine.described().items()))
    print(f"dask {version('dask')} · distributed {version('distributed')}")
    print(f"load average {os.getloadavg()[0]:.1f} at the end")
    _show(cases)
    first, *_, last = cases.values()
    planned = {each.planning_requests for each in cases.values()}
    return int(options.check and (first.elapsed / last.elapsed < _ENOUGH or len(planned) > 1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--in-flight", type=int, default=16)
    parser.add_argument("--latency", type=float, default=0.02)
    parser.add_argument("--check", action="store_true")
    return parser.parse_args()


def _events(first: int, count: int) -> Iterator[ComplianceEvent]:
    controls = [Control(f"Control {n}", QualityModel.SECURITY) for n in range(_CONTROLS)]
    checks = [
        TechnicalControl(f"Check {n}", f"check-{n}", "LOG", control=controls[n % _CONTROLS])
        for n in range(_CHECKS)
    ]
    applications = [Application(f"Application {n}", f"app-{n}") for n in range(_APPLICATIONS)]
    for n in range(first, first + count):
        yield ComplianceEvent(
            f"i-{n}", applications[n % _APPLICATIONS], checks[n % _CHECKS], "FLAGGED"
        )


def _write(folder: Path, events: int) -> None:
    each = events // _FILES
    for number in range(_FILES):
        write_jsonl(_events(number * each, each), folder / f"events-{number}.jsonl")


def _measure(
    folder: Path, server: Server, workers: int, options: argparse.Namespace
) -> ClusterReport:
    settings = ServerSettings(
        base_url=server.url, system_name="benchmark", referencing_type="account"
    )
    server.reset(options.latency)
    cluster = LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        dashboard_address=":0",
        silence_logs=logging.ERROR,
    )
    with cluster, Client(cluster) as client:
        report = asyncio.run(
            ingest(
                client,
                str(folder / "events-*.jsonl"),
                settings,
                state=folder / f"state-{workers}-{time.time_ns()}",
                partitions=_PARTITIONS,
                concurrency=options.in_flight * workers,
            )
        )
    answered = server.count()
    if report.recorded != report.inputs or answered != report.requests:
        raise RuntimeError(f"{report}: the server has answered {answered} requests")
    return report


def _show(cases: dict[int, ClusterReport]) -> None:
    first = next(iter(cases.values()))
    rows = [
        [
            str(workers),
            f"{report.inputs:,}",
            f"{report.elapsed:.1f}",
            f"{report.inputs / report.elapsed:,.0f}",
            f"{report.requests / report.inputs:.2f}",
            str(report.planning_requests),
            f"{first.elapsed / report.elapsed:.2f}",
        ]
        for workers, report in cases.items()
    ]
    columns = ["workers", "events", "seconds", "events/s", "requests/event", "planning", "times"]
    print(Table("A batch by its workers", columns, rows).plain())


if __name__ == "__main__":
    raise SystemExit(main())
