"""How many events a second `ingest` records, against the documented requests in sequence."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from processes import Process, Server
from result_tables import Table
from scale import Scale
from spread import Sample, Spread, of, per_round, spread
from stacks import OURS, available

# Where the processor is the limit, more in flight change nothing.
CONCURRENCIES = {0.0: (64,), 0.005: (64,), 0.02: (16, 48, 64)}
LATENCIES = tuple(CONCURRENCIES)
PHASES = ("cold", "warm")
SEQUENTIAL = "sequential"


def rate(sample: Sample) -> float:
    """Return events per second."""
    return float(sample["events"] / sample["wall"])


def measure(scale: Scale) -> list[Sample]:
    """Record events, new ones and then the same again, in turn with the sequential client."""
    samples: list[Sample] = []
    with ExitStack() as running:
        server = running.enter_context(Server(punctual=True))
        workers = {
            stack: running.enter_context(Process("worker.py", stack, server.url))
            for stack in (SEQUENTIAL, *filter(available, OURS))
        }
        for n in range(scale.rounds):
            for latency in LATENCIES:
                for stack, worker in workers.items():
                    alone = stack == SEQUENTIAL
                    # The slower the server, the fewer of its events tell the same.
                    few = scale.sequential_events * (1 if latency == LATENCIES[-1] else 4)
                    count = few if alone else scale.ingest_events
                    for concurrency in (1,) if alone else CONCURRENCIES[latency]:
                        case = {"stack": stack, "latency": latency, "concurrency": concurrency}
                        for phase, told in _both(server, worker, latency, count, concurrency):
                            samples.append({**case, "phase": phase, "round": n, **told})
    return samples


def _both(
    server: Server, worker: Process, latency: float, count: int, concurrency: int
) -> list[tuple[str, Sample]]:
    """Record events of an empty server with a new client, then the same resources again."""
    server.reset(latency)
    worker.run(do="fresh")
    told = []
    for first, phase in enumerate(PHASES):
        server.count()
        sample = worker.run(
            do="ingest", count=count, resources=count, concurrency=concurrency, first=first
        )
        # As the server counts them, which is what a request is.
        told.append((phase, {**sample, "requests": server.count()}))
    return told


def tables(samples: Sequence[Sample]) -> list[Table]:
    """Return what is shown of it: rates, requests, the sequential client's multiples."""
    latencies = sorted({sample["latency"] for sample in samples})
    cases = [(latency, phase) for latency in latencies for phase in PHASES]
    rows = list(dict.fromkeys((sample["stack"], sample["concurrency"]) for sample in samples))
    header = ["", *(f"{latency * 1e3:.0f} ms, {phase}" for latency, phase in cases)]
    multiples = [row for row in rows if row[0] != SEQUENTIAL]
    return [
        Table(
            "Events per second",
            header,
            [[_named(*row), *(_cell(samples, *row, *case) for case in cases)] for row in rows],
        ),
        Table(
            "Share of concurrency over requests per event and latency, %",
            ["", *header[3:]],
            [
                [_named(*row), *(_share(samples, *row, *case) for case in cases[2:])]
                for row in multiples
            ],
        ),
        Table(
            "Events per second against the sequential client, ratio per round",
            header,
            [
                [_named(*row), *(_ratio(samples, *row, *case) for case in cases)]
                for row in multiples
            ],
        ),
        Table(
            "Requests per event, as the server counts them",
            header,
            [[_named(*row), *(_requests(samples, *row, *case) for case in cases)] for row in rows],
        ),
    ]


def _named(stack: str, concurrency: int) -> str:
    return stack if stack == SEQUENTIAL else f"{stack}, concurrency {concurrency}"


def _found(
    samples: Sequence[Sample], stack: str, concurrency: int, latency: float, phase: str
) -> dict[int, Sample]:
    return of(samples, stack=stack, concurrency=concurrency, latency=latency, phase=phase)


def _cell(
    samples: Sequence[Sample], stack: str, concurrency: int, latency: float, phase: str
) -> str:
    found = _found(samples, stack, concurrency, latency, phase)
    return spread(rate(sample) for sample in found.values()).shown(",.0f") if found else ""


def _share(
    samples: Sequence[Sample], stack: str, concurrency: int, latency: float, phase: str
) -> str:
    if not _found(samples, stack, concurrency, latency, phase):
        return ""
    return ideal(samples, stack, concurrency, latency, phase).shown(".0f")


def ideal(
    samples: Sequence[Sample], stack: str, concurrency: int, latency: float, phase: str
) -> Spread:
    """Return the rate in percent of what concurrency and latency allow.

    That is concurrency over latency for a warm event, which is one request, and half of it for a
    cold one, which is two.
    """
    most = concurrency / latency / (2 if phase == "cold" else 1)
    found = _found(samples, stack, concurrency, latency, phase)
    return spread(rate(sample) / most * 100 for sample in found.values())


def against_sequential(
    samples: Sequence[Sample], stack: str, concurrency: int, latency: float, phase: str
) -> Spread | None:
    """Return how many times as many events a second as the sequential client's."""
    ours = _found(samples, stack, concurrency, latency, phase)
    return per_round(rate, ours, _found(samples, SEQUENTIAL, 1, latency, phase))


def _ratio(
    samples: Sequence[Sample], stack: str, concurrency: int, latency: float, phase: str
) -> str:
    ratio = against_sequential(samples, stack, concurrency, latency, phase)
    return "" if ratio is None else ratio.shown(".0f")


def _requests(
    samples: Sequence[Sample], stack: str, concurrency: int, latency: float, phase: str
) -> str:
    found = _found(samples, stack, concurrency, latency, phase).values()
    if not found:
        return ""
    return f"{spread(sample['requests'] / sample['events'] for sample in found).median:.2f}"
