"""What a worker does that was taken for dead."""

import contextlib
import logging
import os
import signal
import subprocess
import sys

import anyio
import clustered
import dask
import pytest
from anyio import to_thread
from distributed import Client, LocalCluster
from natural_rows import natural_rows

from airview_herald.distributed import ingest
from airview_herald.distributed._board import Board

pytestmark = [pytest.mark.alone, pytest.mark.proof, pytest.mark.timeout(180)]


@pytest.fixture
def anyio_backend():
    """Run on one event loop."""
    return "asyncio"


@contextlib.contextmanager
def unguarded_workers(address, count):
    """Run workers that nobody restarts, each with one thread; yield their processes."""
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address]
    command += ["--no-nanny", "--nthreads", "1", "--no-dashboard"]
    with contextlib.ExitStack() as stack:
        workers = []
        for _ in range(count):
            process = stack.enter_context(
                subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
            stack.callback(process.kill)
            workers.append(process)
        yield workers


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
async def test_a_worker_that_was_frozen_sends_nothing_when_it_wakes(
    sandbox, settings, write, tmp_path
):
    """Its partition went on elsewhere: its fence is shut, and the rows are those of one process."""
    settled = {"dashboard_address": ":0", "silence_logs": logging.CRITICAL}
    reports = []

    async def record(client):
        reports.append(
            await ingest(
                client,
                write(clustered.events(3000)),
                settings,
                state=tmp_path / "state",
                partitions=2,
                lease=2.0,
            )
        )

    with (
        dask.config.set({"distributed.scheduler.worker-ttl": "3s"}),
        LocalCluster(n_workers=0, **settled) as cluster,
        Client(cluster) as client,
        unguarded_workers(cluster.scheduler_address, 2) as workers,
    ):
        client.wait_for_workers(2)
        frozen = workers[0]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(record, client)
            board = Board(str(tmp_path / "state"))
            # Each of the two has a partition then, and much of it to go.
            while len(sandbox.requests) < 1000 or board.held() < 2:  # noqa: ASYNC110 - of others
                await anyio.sleep(0.01)
            frozen.send_signal(signal.SIGSTOP)
        [report] = reports
        rows, requests = natural_rows(sandbox.snapshot()), len(sandbox.requests)
        frozen.send_signal(signal.SIGCONT)
        # It finds that the scheduler has given it up.
        await to_thread.run_sync(frozen.wait, 60)
        assert len(sandbox.requests) == requests
    assert natural_rows(sandbox.snapshot()) == rows
    assert {count for table in rows.values() for count in table.values()} == {1}
    assert report.inputs == report.recorded + report.skipped == 3000
    assert report.taken_over == 1
    assert len(sandbox.snapshot()["monitored_resource"]) == 600
