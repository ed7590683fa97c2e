"""What it costs to page through Herald's notifications, against the vendor's client."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from processes import Process
from result_tables import Table
from scale import Scale
from spread import Sample, of, per_round, spread
from stacks import OURS, available

LIMIT = 100
THEIRS = "almdrlib"


def cpu(sample: Sample) -> float:
    """Return the CPU of one notification, in microseconds."""
    return float(sample["cpu"] / sample["notifications"] * 1e6)


def wall(sample: Sample) -> float:
    """Return the time of one notification, in microseconds."""
    return float(sample["wall"] / sample["notifications"] * 1e6)


def measure(scale: Scale, almdrlib: str | None) -> list[Sample]:
    """Read all the notifications with each client in turn.

    Args:
        scale: How many, and how often.
        almdrlib: The interpreter of an environment that has almdrlib; `None` leaves it out.
    """
    samples: list[Sample] = []
    with ExitStack() as running:
        herald = running.enter_context(Process("herald_server.py", str(scale.notifications)))
        readers = {
            stack: running.enter_context(Process("herald_reader.py", stack, herald.greeting))
            for stack in filter(available, OURS)
        }
        if almdrlib is not None:
            readers[THEIRS] = running.enter_context(
                Process("herald_reader.py", THEIRS, herald.greeting, python=almdrlib)
            )
        for n in range(scale.rounds):
            for stack, reader in readers.items():
                told = reader.run(limit=LIMIT)
                if told["notifications"] != scale.notifications:
                    raise ValueError(f"{stack} did not read all: {told}")
                samples.append({"stack": stack, "round": n, **told})
    return samples


def tables(samples: Sequence[Sample]) -> list[Table]:
    """Return what is shown of it."""
    theirs = of(samples, stack=THEIRS)
    rows = []
    for stack in dict.fromkeys(sample["stack"] for sample in samples):
        found = of(samples, stack=stack)
        ratio = per_round(cpu, found, theirs)
        rows.append(
            [
                stack,
                spread(map(cpu, found.values())).shown(".1f"),
                spread(map(wall, found.values())).shown(".1f"),
                "" if ratio is None else ratio.shown(".2f"),
            ]
        )
    header = ["", "CPU, µs", "time with the sandbox's, µs", f"CPU against {THEIRS}"]
    count = max(sample["notifications"] for sample in samples)
    return [Table(f"{count:,} notifications in pages of {LIMIT}, each", header, rows)]
