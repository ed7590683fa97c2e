"""Medians with their spread, and ratios taken round by round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

Sample = dict[str, Any]


class Spread(NamedTuple):
    """A median between its quartiles."""

    low: float
    median: float
    high: float

    def shown(self, pattern: str) -> str:
        """Return it as text, such as `275 (270-281)`."""
        low, median, high = (format(value, pattern) for value in self)
        return f"{median} ({low}-{high})"


def spread(values: Iterable[float]) -> Spread:
    """Return the median of values, and the quartiles around it."""
    ordered = sorted(values)
    if len(ordered) == 1:
        return Spread(*ordered * 3)
    low, median, high = statistics.quantiles(ordered, n=4, method="inclusive")
    return Spread(low, median, high)


def of(samples: Sequence[Sample], **where: Any) -> dict[int, Sample]:
    """Return the samples that match, by round."""
    return {
        sample["round"]: sample
        for sample in samples
        if all(sample[name] == value for name, value in where.items())
    }


def per_round(
    values: Callable[[Sample], float], over: dict[int, Sample], under: dict[int, Sample]
) -> Spread | None:
    """Return the spread of ratios, each of two samples of one round; `None` if there is none."""
    rounds = over.keys() & under.keys()
    return spread(values(over[n]) / values(under[n]) for n in rounds) if rounds else None
