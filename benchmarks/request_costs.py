"""What a request costs: this package's full stack, and the libraries by hand."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from processes import Process, Server
from result_tables import Table
from scale import Scale
from spread import Sample, of, per_round, spread
from stacks import STACKS, available

RESOURCES = 1000
STOCK = "httpx"
# A server that answers at once, and one that takes its time.
FAST, SLOW = 0.0, 0.02
SLOW_IN_FLIGHT = 64


def cpu(sample: Sample) -> float:
    """Return the CPU of one request, in microseconds."""
    return float(sample["cpu"] / sample["requests"] * 1e6)


def wall(sample: Sample) -> float:
    """Return the time of one request, in microseconds: 1e6 over requests per second."""
    return float(sample["wall"] / sample["requests"] * 1e6)


def measure(scale: Scale) -> list[Sample]:
    """Send the same requests through each stack in turn, for each number in flight."""
    samples: list[Sample] = []
    with ExitStack() as running:
        server = running.enter_context(Server())
        server.reset()
        server.fill(RESOURCES)
        workers = {
            stack: running.enter_context(Process("worker.py", stack, server.url))
            for stack in filter(available, STACKS)
        }
        cases = [*((FAST, level) for level in scale.in_flight), (SLOW, SLOW_IN_FLIGHT)]
        for n in range(scale.rounds):
            for latency, in_flight in cases:
                server.ask(f"latency {latency}")
                for stack, worker in workers.items():
                    case = {"stack": stack, "in_flight": in_flight, "latency": latency, "round": n}
                    told = worker.run(do="requests", count=scale.requests, in_flight=in_flight)
                    samples.append({**case, **told})
    return samples


def tables(samples: Sequence[Sample]) -> list[Table]:
    """Return what is shown of it: CPU, time, and CPU against the stock client's."""
    stacks = list(dict.fromkeys(sample["stack"] for sample in samples))
    cases = list(dict.fromkeys((sample["latency"], sample["in_flight"]) for sample in samples))
    header = ["", *(_named(*case) for case in cases)]

    def rows(show: str) -> list[list[str]]:
        return [
            [stack, *(_cell(samples, show, stack, *case) for case in cases)] for stack in stacks
        ]

    return [
        Table("CPU per request, µs", header, rows("cpu")),
        Table("Time per request, µs (a second over requests per second)", header, rows("wall")),
        Table(f"CPU per request against {STOCK}, ratio per round", header, rows("ratio")),
    ]


def _named(latency: float, in_flight: int) -> str:
    return f"{in_flight} in flight" + (f", {latency * 1e3:.0f} ms" if latency else "")


def _cell(samples: Sequence[Sample], show: str, stack: str, latency: float, level: int) -> str:
    found = of(samples, stack=stack, in_flight=level, latency=latency)
    if show == "ratio":
        ratio = per_round(cpu, found, of(samples, stack=STOCK, in_flight=level, latency=latency))
        return "" if ratio is None else ratio.shown(".2f")
    measured = cpu if show == "cpu" else wall
    return spread(measured(sample) for sample in found.values()).shown(".0f")
