"""Faults by the clock: a throttle, and an outage."""

from collections.abc import Callable
from dataclasses import dataclass

from airview_herald.sandbox.faults._kinds import FaultKind

Clock = Callable[[], float]


class Throttle:
    """A token bucket.

    Args:
        rate: Requests a second.
        burst: Requests at once after a pause.
        retry_after: Seconds for the refused; `None` leaves the header out.
        clock: Monotonic seconds.

    Raises:
        ValueError: A number is out of range.
    """

    def __init__(self, rate: float, burst: int, retry_after: float | None, clock: Clock) -> None:
        if not rate > 0:
            raise ValueError(f"a throttle lets some requests a second through, not {rate}")
        if burst < 1:
            raise ValueError(f"a burst is at least 1 request, not {burst}")
        if retry_after is not None and retry_after < 0:
            raise ValueError(f"retry_after is not negative, as {retry_after} is")
        self.retry_after = retry_after
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._tokens = self._burst
        self._at = clock()

    def admits(self) -> bool:
        """Whether a request that comes now is let through."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@dataclass(frozen=True, slots=True)
class Outage:
    """What every request meets until a moment of the clock."""

    until: float
    kind: FaultKind
