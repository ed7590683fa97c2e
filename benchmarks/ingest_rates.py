"""How many events a second `ingest` records, against the documented requests in sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from processes import Process, Server
from result_tables import Table
from scale import Scale
from spread import Sample, Spread, of, per_round, spread
from stacks import OURS, available

# Only one concurrency where the processor is the limit, as more would change nothing.
CONCURRENCIES = {0.0: (64,), 0.005: (64,), 0.02: (16, 48, 64)}
LATENCIES = tuple(CONCURRENCIES)
PHASES = ("cold", "warm")
SEQUENTIAL = "sequential"


class Case(NamedTuple):
    """What is measured once a round.

    Attributes:
        stack: The client.
        concurrency: Requests in flight.
        latency: Seconds from a request's arrival at the server to its answer.
        phase: One of `PHASES`.
    """

    stack: str
    concurrency: int
    latency: float
    phase: str


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
                    # With the slowest server fewer events are enough.
                    few = scale.sequential_events * (1 if latency == LATENCIES[-1] else 4)
                    count = few if alone else scale.ingest_events
                    for concurrency in (1,) if alone else CONCURRENCIES[latency]:
                        for phase, told in _both(server, worker, latency, count, concurrency):
                            case = Case(stack, concurrency, latency, phase)
                            samples.append({**case._asdict(), "round": n, **told})
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
        # Counted by the server, as clients may count differently.
        told.append((phase, {**sample, "requests": server.count()}))
    return told


def tables(samples: Sequence[Sample]) -> list[Table]:
    """Return what is shown of it: rates, requests, the sequential client's multiples."""
    latencies = sorted({sample["latency"] for sample in samples})
    columns = [(latency, phase) for latency in latencies for phase in PHASES]
    rows = list(dict.fromkeys((sample["stack"], sample["concurrency"]) for sample in samples))
    header = ["", *(f"{latency * 1e3:.0f} ms, {phase}" for latency, phase in columns)]
    multiples = [row for row in rows if row[0] != SEQUENTIAL]

    def table(
        title: str,
        cell: Callable[[Sequence[Sample], Case], str],
        rows: Sequence[tuple[str, int]],
        first: int = 0,
    ) -> Table:
        cells = [
            [_named(*row), *(cell(samples, Case(*row, *column)) for column in columns[first:])]
            for row in rows
        ]
        return Table(title, ["", *header[1 + first :]], cells)

    return [
        table("Events per second", _cell, rows),
        # Without a latency there is no limit to have a share of.
        table("Share of concurrency over requests per event and latency, %", _share, multiples, 2),
        table(
            "Events per second against the sequential client, ratio per round", _ratio, multiples
        ),
        table("Requests per event, as the server counts them", _requests, rows),
    ]


def ideal(samples: Sequence[Sample], case: Case) -> Spread | None:
    """Return the rate in percent of what concurrency and latency allow; `None` if not measured.

    That is concurrency over latency for a warm event, which is one request, and half of it for a
    cold one, which is two.
    """
    most = case.concurrency / case.latency / (2 if case.phase == "cold" else 1)
    found = _found(samples, case)
    return spread(rate(sample) / most * 100 for sample in found.values()) if found else None


def against_sequential(samples: Sequence[Sample], case: Case) -> Spread | None:
    """Return how many times as many events a second as the sequential client's."""
    sequential = case._replace(stack=SEQUENTIAL, concurrency=1)
    return per_round(rate, _found(samples, case), _found(samples, sequential))


def _named(stack: str, concurrency: int) -> str:
    return stack if stack == SEQUENTIAL else f"{stack}, concurrency {concurrency}"


def _found(samples: Sequence[Sample], case: Case) -> dict[int, Sample]:
    return of(samples, **case._asdict())


def _cell(samples: Sequence[Sample], case: Case) -> str:
    found = _found(samples, case)
    return spread(map(rate, found.values())).shown(",.0f") if found else ""


def _share(samples: Sequence[Sample], case: Case) -> str:
    share = ideal(samples, case)
    return "" if share is None else share.shown(".0f")


def _ratio(samples: Sequence[Sample], case: Case) -> str:
    ratio = against_sequential(samples, case)
    return "" if ratio is None else ratio.shown(".0f")


def _requests(samples: Sequence[Sample], case: Case) -> str:
    found = _found(samples, case).values()
    if not found:
        return ""
    return f"{spread(sample['requests'] / sample['events'] for sample in found).median:.2f}"
