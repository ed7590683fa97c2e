"""Reconciling what a real scanner finds in Python's own standard library."""

import random
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path

import pytest

from airview_herald.sources import read_sarif

LIBRARY = Path(sysconfig.get_path("stdlib"))


@pytest.fixture
def findings(tmp_path):
    """Have ruff scan packages of the standard library; return the events of its report."""

    def scan(*packages):
        report = tmp_path / "ruff.sarif"
        subprocess.run(
            [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--exit-zero",
             "--quiet", "--select", "S,B,BLE,TRY,PL,ERA", "--exclude", "site-packages",
             "--no-respect-gitignore", "--output-format", "sarif", "--output-file", str(report),
             *(str(LIBRARY / package) for package in packages)],
            check=True,
        )  # fmt: skip
        return list(read_sarif(report, base=LIBRARY))

    return scan


def pair(event):
    """Return what a record is about."""
    return (event.application.reference, event.resource_reference, event.technical_control.name)


def fixed_by(events, count):
    """Return some events of applications that have others left."""
    left = Counter(event.application.reference for event in events)
    fixed = []
    for event in random.Random(7).sample(events, len(events)):
        if len(fixed) < count and left[event.application.reference] > 1:
            left[event.application.reference] -= 1
            fixed.append(event)
    assert len(fixed) == count
    return fixed


async def _compare(sandbox, connect, events, count):
    async with connect(system_stage="BUILD") as airview:
        await airview.ingest(events)
    fixed = fixed_by(events, count)
    gone = set(map(pair, fixed))
    rest = [event for event in events if pair(event) not in gone]
    before = sandbox.snapshot()
    closed = []
    async with connect(system_stage="BUILD") as airview:
        report = await airview.ingest(
            rest,
            reconcile=True,
            on_outcome=lambda o: closed.append(o.event) if o.index >= len(rest) else None,
        )
    print(  # noqa: T201 - the figures are the proof
        f"\n{len(events):,} findings, {count} of them fixed: {report.reconciled} closed, "
        f"{report.requests:,} requests for {report.inputs:,} events "
        f"({report.requests / report.inputs:.2f} an event)"
    )
    assert {pair(event) for event in closed} == gone
    assert (report.inputs, report.recorded, report.reconciled) == (len(events), len(events), count)
    after = sandbox.snapshot()
    changed = [
        (old["monitoring_state"], new["monitoring_state"])
        for old, new in zip(before["monitored_resource"], after["monitored_resource"], strict=True)
        if old["monitoring_state"] != new["monitoring_state"]
    ]
    assert changed == [("FLAGGED", "MONITORING")] * count
    assert {k: v for k, v in before.items() if k != "monitored_resource"} == {
        k: v for k, v in after.items() if k != "monitored_resource"
    }


@pytest.mark.timeout(120)
async def test_exactly_the_fixed_findings_become_monitoring(sandbox, connect, findings):
    """Twenty findings that are gone from the next report are closed, and nothing else."""
    await _compare(sandbox, connect, findings("json", "logging", "wsgiref", "unittest"), 20)


@pytest.mark.proof
async def test_a_hundred_of_the_whole_library(sandbox, connect, findings):
    """The demo's findings with a hundred removed: exactly those become MONITORING."""
    await _compare(sandbox, connect, findings("."), 100)
