"""Which routes faults strike."""

import re
from collections.abc import Mapping

from airview_herald.sandbox._forced import route_pattern
from airview_herald.sandbox.faults._kinds import FaultKind
from airview_herald.sandbox.faults._rates import checked_rates, shares


class Rule:
    """What may strike the requests of a route.

    Args:
        method: The method; `None` for any.
        path: The path, with braces for any one segment; `None` for any.
        rates: The share of requests that each kind strikes, or of those that any one of them
            does, all equally likely.

    Raises:
        ValueError: There is no such kind, or a share is none.
    """

    def __init__(
        self, method: str | None, path: str | None, rates: float | Mapping[str, float]
    ) -> None:
        self._method = method
        self._path: re.Pattern[str] | None = None if path is None else route_pattern(path)
        self._rates = checked_rates(FaultKind, rates)
        self._shares: dict[tuple[FaultKind, ...], list[tuple[FaultKind, float]]] = {}

    def fits(self, method: str, path: str) -> bool:
        """Whether it is about a request."""
        return self._method in {None, method} and (
            self._path is None or self._path.fullmatch(path) is not None
        )

    def shares(self, kinds: tuple[FaultKind, ...]) -> list[tuple[FaultKind, float]]:
        """Return the probability of each kind among those that can strike a request."""
        if kinds not in self._shares:
            self._shares[kinds] = shares(self._rates, kinds)
        return self._shares[kinds]
