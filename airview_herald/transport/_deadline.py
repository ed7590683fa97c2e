"""How the time that an operation has left bounds a request."""

from __future__ import annotations

from collections.abc import Mapping


def capped(timeouts: Mapping[str, float | None], remaining: float) -> Mapping[str, float | None]:
    """Return the limits of a request, none of them beyond what remains."""
    if all(seconds is not None and seconds <= remaining for seconds in timeouts.values()):
        return timeouts
    return {
        name: remaining if seconds is None else min(seconds, remaining)
        for name, seconds in timeouts.items()
    }
