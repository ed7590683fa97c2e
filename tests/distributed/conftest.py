"""A cluster of two processes, shared by the tests of a file, and a sandbox that they record in."""

import logging

import clustered
import pytest
from distributed import Client, LocalCluster

from airview_herald.distributed import ServerSettings
from airview_herald.sandbox import Sandbox
from airview_herald.sources import write_jsonl


# Not for the session: as long as it is there it keeps what is logged from other tests.
@pytest.fixture(scope="module")
def client():
    """A client of the cluster; a worker that is killed is followed by another one."""
    options = {"dashboard_address": ":0", "silence_logs": logging.CRITICAL}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster,
        Client(cluster) as connected,
    ):
        yield connected


@pytest.fixture
def sandbox():
    """A sandbox with its race window open, as on the server."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def settings(sandbox):
    """A server that is done with what it did not answer within a moment."""
    return ServerSettings(
        base_url=sandbox.airview_url, system_name="ccf", referencing_type="aws", settle=0.5
    )


@pytest.fixture
def write(tmp_path):
    """Write events into files; return the pattern of their names."""

    def written(events, files=4):
        each = -(-len(events) // files)
        for number in range(files):
            part = events[number * each : (number + 1) * each]
            write_jsonl(part, tmp_path / f"events-{number}.jsonl")
        return str(tmp_path / "events-*.jsonl")

    return written


@pytest.fixture(scope="session")
def five_thousand():
    """5,000 events."""
    return clustered.events(5000)
