"""A batch with a state file, in a process of its own that may be killed at any moment.

python resumable.py URL STATE DEAD_LETTERS SIZE CONCURRENCY BACKEND
"""

import random
import sys

import anyio

from airview_herald import AirView
from airview_herald.airview import (
    Application,
    ComplianceEvent,
    Control,
    Environment,
    QualityModel,
    TechnicalControl,
    TechnicalControlAction,
)

# How many applications, technical controls, resources, and further events about them.
SIZES = {"small": (8, 5, 360, 40), "full": (200, 50, 9000, 1000)}
_STATES = ("FLAGGED", "MONITORING", "UNRESPONSIVE")


def events(size):
    """Return the events of a size, the same ones each time; each has its index as its data."""
    applications, controls, resources, repeats = SIZES[size]
    choose = random.Random(20)
    environments = [Environment("Production", "PRD"), Environment("Test", "TST")]
    placed = [
        Application(f"Application {n}", f"app-{n}", environment=environments[n % 2])
        for n in range(applications)
    ]
    checks = [
        TechnicalControl(
            f"Check {n}",
            f"check/{n}",
            TechnicalControlAction.LOG,
            control=Control(f"Rule {n}", QualityModel.SECURITY),
        )
        for n in range(controls)
    ]
    order = [(number, number) for number in range(resources)]
    for _ in range(repeats):
        number = choose.randrange(resources)
        order.append((choose.uniform(number, resources), number))
    order.sort()
    return [
        ComplianceEvent(
            f"i-{number}",
            placed[number % applications],
            checks[number % controls],
            _STATES[index % 3],
            str(index),
        )
        for index, (_, number) in enumerate(order)
    ]


async def main(url, state, dead_letters, size, concurrency):
    """Record the events, and say so."""
    client = AirView(
        url, system_name="ccf", system_stage="MONITOR", referencing_type="aws", settle=0.05
    )
    async with client as airview:
        report = await airview.ingest(
            events(size), state=state, dead_letters=dead_letters, concurrency=int(concurrency)
        )
    outcomes = (report.recorded, report.failed, report.unknown, report.skipped)
    assert report.inputs == sum(outcomes) + report.not_attempted
    sys.stdout.write(" ".join(map(str, (report.inputs, *outcomes))))


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:-1], backend=sys.argv[-1])
