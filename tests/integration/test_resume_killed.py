"""A batch that is killed, again and again, comes to the rows of one that is not."""

import itertools
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import resumable

from airview_herald.sandbox import Sandbox
from airview_herald.sources import read_jsonl

_PROGRAM = Path(__file__).parents[1] / "servers" / "resumable.py"


class Batch:
    """The same batch in one process after another, against one sandbox.

    Args:
        sandbox: The server.
        folder: Where the files go.
        size: The size of the batch.
        concurrency: Requests in flight.
        backend: The event loop.
    """

    def __init__(self, sandbox, folder, size, concurrency, backend):
        self.sandbox = sandbox
        self.dead_letters = folder / "dead.jsonl"
        self._command = [
            sys.executable, _PROGRAM, sandbox.airview_url, folder / "state.db", self.dead_letters,
            size, str(concurrency), backend,
        ]  # fmt: skip
        self._seen = 0
        self._saves = []

    def saves(self):
        """Return the indices of the events whose saves the server has met so far, in order."""
        new = self.sandbox.requests[self._seen :]
        self._seen += len(new)
        self._saves += [
            int(json.loads(request.body)["additionalData"])
            for request in new
            if request.method == "PUT"
        ]
        return self._saves

    def start(self):
        return subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def finish(self):
        """Let it come to its end, and return inputs, recorded, failed, unknown and skipped."""
        with self.start() as process:
            told, errors = process.communicate()
        assert process.returncode == 0, errors
        return tuple(map(int, told.split()))

    def kill_after(self, saves):
        """Start it, kill it when the server has met so many saves, and return what it sent."""
        before = len(self.saves())
        with self.start() as process:
            while len(self.saves()) < saves:
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        # What was on its way when it died is carried out all the same.
        time.sleep(0.2)
        return self.saves()[before:]


def rows(sandbox):
    """Return what is recorded, by names in place of ids; and how many rows each table has."""
    tables = sandbox.snapshot()
    places = {row["id"]: row["application_id"] for row in tables["application_environment"]}
    named = {row["id"]: row["name"] for row in tables["application"]}
    resources = {
        row["id"]: (named[places[row["application_environment_id"]]], row["reference"])
        for row in tables["resource"]
    }
    checks = {row["id"]: row["reference"] for row in tables["technical_control"]}
    recorded = [
        (
            *resources[row["resource_id"]],
            checks[row["technical_control_id"]],
            row["monitoring_state"],
            row["additional_data"],
        )
        for row in tables["monitored_resource"]
    ]
    counts = {name: len(table) for name, table in tables.items()}
    # A killed process may leave applications without an environment, which nothing refers to.
    counts["application"] = len(set(places.values()))
    return sorted(recorded), counts


def compare(folder, size, kills, concurrency, backend, seed, more=1.1):
    """Run a batch without a kill and one with many, and compare them."""
    total = len(resumable.events(size))
    (folder / "whole").mkdir()
    (folder / "killed").mkdir()
    with Sandbox() as sandbox:
        whole = Batch(sandbox, folder / "whole", size, concurrency, backend)
        assert whole.finish() == (total, total, 0, 0, 0)
        expected, needed = rows(sandbox), len(sandbox.requests)
        assert len(whole.saves()) == total
    choose = random.Random(seed)
    moments = sorted(choose.sample(range(1, total - 4 * concurrency), kills))
    with Sandbox() as sandbox:
        batch = Batch(sandbox, folder / "killed", size, concurrency, backend)
        runs = [batch.kill_after(moment) for moment in moments]
        before = len(batch.saves())
        inputs, recorded, failed, unknown, skipped = batch.finish()
        runs.append(batch.saves()[before:])
        sent, found = len(sandbox.requests), rows(sandbox)
    assert (inputs, failed, unknown) == (total, 0, 0)
    assert recorded + skipped == total
    # An event is sent again for the kill that ended the run in which it was sent last.
    again, last = [0] * kills, {}
    for number, run in enumerate(runs):
        for index in set(run):
            if index in last:
                again[last[index]] += 1
            last[index] = number
    print(  # noqa: T201 - the figures are the proof
        f"\n{total:,} events, {kills} kills, concurrency {concurrency}, {backend}: sent again "
        f"after each {again}; requests {sent:,}, without a kill {needed:,} ({sent / needed:.3f})"
    )
    assert found == expected
    assert max(again) <= 2 * concurrency
    assert max(Counter(itertools.chain.from_iterable(runs)).values()) <= kills + 1
    assert sent <= more * needed
    assert list(read_jsonl(batch.dead_letters)) == []


@pytest.mark.timeout(180)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_batch_that_is_killed_comes_to_the_same_rows(tmp_path, backend):
    """Three kills: the rows of a run without one, little sent twice, few requests more."""
    # What it takes to see that the server is the same one weighs more where there is less to send.
    compare(tmp_path, "small", 3, 3, backend, random.randrange(10**6), more=1.2)


@pytest.mark.proof
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_batch_that_is_killed_comes_to_the_same_rows_at_full_size(tmp_path, backend):
    """Twenty kills in 10,000 events."""
    compare(tmp_path, "full", 20, 16, backend, random.randrange(10**6))
