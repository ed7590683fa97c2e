"""What a warm event costs, against one bare save through the same backend."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from processes import Process, Server
from request_costs import RESOURCES, cpu
from result_tables import Table
from scale import Scale
from spread import Sample, of, per_round, spread
from stacks import OURS, available

IN_FLIGHT = 64


def measure(scale: Scale) -> list[Sample]:
    """Record events whose ids are known, and send bare saves, in turn and in one process."""
    samples: list[Sample] = []
    size = scale.save_events
    with ExitStack() as running:
        server = running.enter_context(Server())
        server.reset()
        server.fill(RESOURCES)
        for stack in filter(available, OURS):
            worker = running.enter_context(Process("worker.py", stack, server.url))
            ingest = {"do": "ingest", "count": size, "resources": size, "concurrency": IN_FLIGHT}
            worker.run(**ingest)
            for n in range(scale.rounds):
                saves = worker.run(do="saves", count=size, in_flight=IN_FLIGHT)
                samples.append({"stack": stack, "kind": "save", "round": n, **saves})
                events = worker.run(**ingest, first=n + 1)
                if events["requests"] != size:
                    raise ValueError(f"not warm: {events}")
                samples.append({"stack": stack, "kind": "event", "round": n, **events})
    return samples


def tables(samples: Sequence[Sample]) -> list[Table]:
    """Return what is shown of it."""
    stacks = list(dict.fromkeys(sample["stack"] for sample in samples))
    rows = []
    for stack in stacks:
        save, event = (of(samples, stack=stack, kind=kind) for kind in ("save", "event"))
        ratio = per_round(cpu, event, save)
        assert ratio is not None  # noqa: S101 - each round measures both
        costs = (spread(map(cpu, found.values())).shown(".0f") for found in (save, event))
        rows.append([stack, *costs, ratio.shown(".2f")])
    header = ["", "bare save, µs CPU", "warm event, µs CPU", "ratio per round"]
    return [Table(f"A warm event against a bare save, {IN_FLIGHT} in flight", header, rows)]
