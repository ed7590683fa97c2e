"""What batches of a generator's events cost in memory, each in a fresh process."""

from __future__ import annotations

from collections.abc import Sequence

from processes import Process, Server
from result_tables import Table
from scale import Scale
from spread import Sample
from stacks import OURS, available

# Small enough to be full in every batch, so that it does not grow with the batch.
CACHE = 5000
CONCURRENCY = 64


def measure(scale: Scale) -> list[Sample]:
    """Record batches of new resources, with the faster backend where it is there."""
    samples = []
    stack = next(filter(available, reversed(OURS)))
    for count in scale.memory_events:
        with Server() as server, Process("worker.py", stack, server.url) as worker:
            server.reset()
            told = worker.run(do="memory", count=count, concurrency=CONCURRENCY, cache_size=CACHE)
        samples.append({"round": 0, **told})
    return samples


def tables(samples: Sequence[Sample]) -> list[Table]:
    """Return what is shown of it."""
    rows = [
        [
            f"{sample['events']:,} events",
            f"{sample['before'] / 1e6:.1f}",
            f"{sample['peak'] / 1e6:.1f}",
            f"{(sample['peak'] - sample['before']) / 1e6:.1f}",
            f"{sample['held']:,}",
            f"{sample['events'] / sample['wall']:,.0f}",
        ]
        for sample in samples
    ]
    header = ["", "before, MB", "peak, MB", "growth, MB", "events held", "events/s"]
    title = f"Peak memory of a batch of new resources; {CACHE:,} ids are remembered"
    return [Table(title, header, rows)]
