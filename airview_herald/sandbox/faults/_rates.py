"""How often each kind of fault strikes."""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

_Kind = TypeVar("_Kind", bound=StrEnum)


def checked_rates(
    kind: type[_Kind], rates: float | Mapping[str, float]
) -> float | dict[_Kind, float]:
    """Return one rate, or a rate for each of some kinds, once it is known to be right.

    Raises:
        ValueError: There is no such kind, or a rate or their sum is out of range.
    """
    if not isinstance(rates, Mapping):
        return _checked(rates)
    for name in rates:
        if name not in set(kind):
            raise ValueError(f"a kind of fault is one of {', '.join(sorted(kind))}, not {name!r}")
    checked = {kind(name): _checked(rate) for name, rate in rates.items()}
    if math.fsum(checked.values()) > 1:
        raise ValueError("the rates of one route add up to more than 1")
    return checked


def shares(
    rates: float | Mapping[_Kind, float], kinds: Sequence[_Kind]
) -> list[tuple[_Kind, float]]:
    """Return the probability of each kind: its own, or an equal part of one rate for them all."""
    if isinstance(rates, Mapping):
        return [(kind, rate) for kind, rate in rates.items() if kind in kinds]
    return [(kind, rates / len(kinds)) for kind in kinds]


def _checked(rate: float) -> float:
    if not 0 <= rate <= 1:
        raise ValueError(f"a rate is a share, 0 to 1, not {rate}")
    return float(rate)
