"""What the package promises of its speed, held against what was measured."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import import_times
import ingest_rates
import memory_growth
import request_costs
from result_tables import Table
from spread import Sample, Spread, of, per_round

Samples = Sequence[Sample]
_IN_FLIGHT = 64
_FEWEST_EVENTS = 10_000


class Figure(NamedTuple):
    """A promise and what became of it.

    Attributes:
        name: Its letter.
        what: What is measured.
        target: The limit.
        measured: The median with its quartiles; `None` if it was not measured.
        high: Whether the limit is a lower one.
        pattern: How the measured is shown.
    """

    name: str
    what: str
    target: float
    measured: Spread | None
    high: bool = False
    pattern: str = ".2f"

    @property
    def held(self) -> str:
        """Whether the median keeps to the limit: `yes`, `NO` or `not measured`."""
        if self.measured is None:
            return "not measured"
        keeps = operator.ge if self.high else operator.le
        return "yes" if keeps(self.measured.median, self.target) else "NO"

    def row(self) -> list[str]:
        """Return it as texts."""
        target = f"{'≥' if self.high else '≤'} {self.target:g}"
        measured = "" if self.measured is None else self.measured.shown(self.pattern)
        return [f"{self.name} {self.what}", target, measured, self.held]


def table(promises: Sequence[Figure]) -> Table:
    """Return the promises as a table."""
    rows = [figure.row() for figure in promises]
    return Table("What is promised", ["", "target", "measured", "held"], rows)


def figures(parts: Mapping[str, Samples]) -> Iterator[Figure]:
    """Yield the promises.

    Args:
        parts: The samples of each part that was measured.
    """
    yield from _requests(parts.get("requests", ()))
    yield from _ingest(parts.get("ingest", ()))
    for stack in ("airview", "airview+aiohttp"):
        events = parts.get("events", ())
        ratio = _ratio(events, request_costs.cpu, {"kind": "event"}, {"kind": "save"}, stack=stack)
        yield Figure("e", f"{stack}: CPU of a warm event over a bare save", 1.35, ratio)
    yield _memory(parts.get("memory", ()))
    for statement in (import_times.PACKAGE, import_times.CLIENT):
        ratio = _ratio(
            parts.get("imports", ()),
            import_times.cpu,
            {"statement": statement},
            {"statement": import_times.BASE},
        )
        yield Figure("g", f"CPU of {statement} over {import_times.BASE}", 2.0, ratio)


def _requests(samples: Samples) -> Iterator[Figure]:
    def against(stack: str, other: str) -> Spread | None:
        case = {"in_flight": _IN_FLIGHT, "latency": request_costs.FAST}
        return _ratio(samples, request_costs.cpu, {"stack": stack}, {"stack": other}, **case)

    stock = request_costs.STOCK
    yield Figure(
        "a", f"CPU of a request over stock {stock}, 64 in flight", 0.35, against("airview", stock)
    )
    case = {"stack": "airview", "latency": request_costs.FAST}
    slower = _ratio(samples, request_costs.wall, {"in_flight": 256}, {"in_flight": 16}, **case)
    yield Figure("a", "time of a request, 256 in flight over 16", 1.15, slower)
    yield Figure(
        "b",
        "AiohttpTransport: CPU of a request over bare aiohttp, 64 in flight",
        2.3,
        against("airview+aiohttp", "aiohttp"),
    )


def _ingest(samples: Samples) -> Iterator[Figure]:
    samples = [
        sample
        for sample in samples
        if sample["stack"] == ingest_rates.SEQUENTIAL or sample["events"] >= _FEWEST_EVENTS
    ]
    for stack, concurrency in (("airview", 16), ("airview+aiohttp", 48)):
        for phase in ingest_rates.PHASES[::-1]:
            case = ingest_rates.Case(stack, concurrency, 0.02, phase)
            share = ingest_rates.ideal(samples, case)
            what = f"{stack}: {phase}, % of what {concurrency} in flight and 20 ms allow"
            yield Figure("c", what, 90, share, high=True, pattern=".0f")
    for stack, latency in (
        ("airview", 0.02),
        ("airview+aiohttp", 0.02),
        ("airview+aiohttp", 0.005),
    ):
        case = ingest_rates.Case(stack, _IN_FLIGHT, latency, "warm")
        times = ingest_rates.against_sequential(samples, case)
        what = f"{stack}: events/s over the sequential client's, {latency * 1e3:.0f} ms"
        yield Figure("d", what, 100, times, high=True, pattern=".0f")


def _memory(samples: Samples) -> Figure:
    peaks = {sample["events"]: sample["peak"] for sample in samples}
    measured = None
    if {100_000, 1_000_000} <= peaks.keys():
        measured = Spread(*[(peaks[1_000_000] / peaks[100_000] - 1) * 100] * 3)
    ids = memory_growth.CACHE
    what = f"peak memory of 10⁶ events over 10⁵, % more, {ids:,} ids remembered"
    return Figure("f", what, 10, measured, pattern=".1f")


def _ratio(
    samples: Samples,
    value: Callable[[Sample], float],
    over: Mapping[str, Any],
    under: Mapping[str, Any],
    **both: Any,
) -> Spread | None:
    return per_round(value, of(samples, **over, **both), of(samples, **under, **both))
