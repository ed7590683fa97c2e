"""What an import costs, each in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

from result_tables import Table
from scale import Scale
from spread import Sample, of, per_round, spread

PACKAGE, CLIENT, BASE = (
    "import airview_herald",
    "from airview_herald import AirView",
    "import httpx",
)
STATEMENTS = (
    PACKAGE,
    CLIENT,
    "from airview_herald import Herald",
    BASE,
    "import aiohttp",
    "import requests",
)

# The interpreter's own start is not in it; nor is httpx's command line, which it imports where
# `click` and `rich` happen to be installed, as a sandbox and a linter have them.
_PROGRAM = """
import sys, time
sys.modules["click"] = None
wall, cpu = time.perf_counter(), time.process_time()
{statement}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print('{{"wall": %.9f, "cpu": %.9f, "modules": %d}}' % (wall, cpu, len(sys.modules)))
"""


def cpu(sample: Sample) -> float:
    """Return the CPU of the import, in milliseconds."""
    return float(sample["cpu"] * 1e3)


def wall(sample: Sample) -> float:
    """Return the time of the import, in milliseconds."""
    return float(sample["wall"] * 1e3)


def measure(scale: Scale) -> list[Sample]:
    """Import each in turn; once before, so that all is compiled and in the page cache."""
    for statement in STATEMENTS:
        _time(statement)
    return [
        {"statement": statement, "round": n, **_time(statement)}
        for n in range(scale.import_rounds)
        for statement in STATEMENTS
    ]


def _time(statement: str) -> Sample:
    command = [sys.executable, "-I", "-c", _PROGRAM.format(statement=statement)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    sample: Sample = json.loads(done.stdout)
    return sample


def tables(samples: Sequence[Sample]) -> list[Table]:
    """Return what is shown of it."""
    rows = []
    for statement in dict.fromkeys(sample["statement"] for sample in samples):
        found = of(samples, statement=statement)
        ratios = (per_round(value, found, of(samples, statement=BASE)) for value in (cpu, wall))
        rows.append(
            [
                statement,
                spread(map(cpu, found.values())).shown(".1f"),
                spread(map(wall, found.values())).shown(".1f"),
                *(ratio.shown(".2f") for ratio in ratios if ratio is not None),
            ]
        )
    header = ["", "ms CPU", "ms", f"CPU against {BASE}", f"time against {BASE}"]
    return [Table("Import time", header, rows)]
