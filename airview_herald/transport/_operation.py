"""The account of one operation: its clock, its slots, and what it has spent."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import attrs

from airview_herald.transport._call import RetryClass
from airview_herald.transport._limiter import Slots


@attrs.define(eq=False)
class Patience:
    """How a batch waits for a server that turns everything away: in line, and not for ever.

    Attributes:
        limit: Seconds for which a batch may meet nothing but refusals.
        active: Turns a moment of the transport's clock into one of the clock that stands still
            while the client cools down.
        line: The line that its requests wait in.
    """

    limit: float
    active: Callable[[float], float]
    line: anyio.Lock = attrs.field(factory=anyio.Lock)
    _met: tuple[float, float] | None = attrs.field(default=None, init=False)

    def tried_since(self, vain_since: float, now: float) -> float:
        """Return when the batch first met a time of refusals: it may be an earlier batch's.

        Args:
            vain_since: When that time began, in seconds of the transport's clock.
            now: The same clock's time.
        """
        if self._met is None or self._met[0] != vain_since:
            self._met = (vain_since, now)
        return self._met[1]


@attrs.define(eq=False)
class Operation:
    """One operation: a single call, or all the requests of one event.

    Its clock starts with its first request. That of a batch's event stands still while the client
    cools down.

    Attributes:
        deadline: Seconds that the operation may take in all.
        attempts: How often each request may be sent, or `None`: until the deadline.
        slots: Where to queue for each request, or `None` for no limit.
        patience: How the batch that it belongs to waits; `None` for a single call.
        started: When the first request was sent, in seconds of its clock.
        sent_at: When the last request was sent, in seconds of the transport's clock.
        waited: Seconds it waited for its turn, because the server limits the rate.
        paused: Whether it waits to send a request again, and nothing of it is on the wire.
        requests: Requests sent, those for tokens included.
        retries: Requests sent again.
        throttled: Answers that said 429.
        in_flight: The class of a request that may still land: one that has not been answered, or
            whose answer left that open and which waits to be sent again. Left behind by a
            cancellation, it says that the request may have landed.
    """

    deadline: float
    attempts: int | None
    slots: Slots | None = None
    patience: Patience | None = None
    started: float | None = None
    sent_at: float = 0.0
    waited: float = 0.0
    paused: bool = False
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    in_flight: RetryClass | None = None

    def remaining(self, clock: Callable[[], float]) -> float:
        """Return the seconds left, starting the clock if nothing has."""
        now = clock()
        if self.patience is not None:
            now = self.patience.active(now)
        if self.started is None:
            self.started = now
        return self.started + self.deadline + self.waited - now
