"""How fast a client may send once a server has said that it is too fast: a law, without I/O.

The first 429 turns it on. Each lets it fall to 0.7 of the rate at which requests were sent lately,
and from there it rises along a cubic curve: fast at first, flat where it failed, and faster again
beyond, to find out whether the allowance has grown. The first 429, and one that comes soon after
another one, say that the rate was far off. What was accepted between two of them tells the
allowance, if it was enough; else the rate falls deeper. Requests take tokens that come in at that
rate. When there was no 429 for a minute the rate is forgotten.

Some servers answer 429 now and then, however slowly they are asked. So a few refusals among many
requests change nothing, and while not many are refused the rate does not fall below half of what
was accepted at the best time of the last minute. A 429 with a `Retry-After` counts even where they
are few, for its pause is dear. But one that comes while less than that half is sent is a stray:
the rate goes up to that half again, and for a minute a few of its kind change nothing either.
"""

from __future__ import annotations

import math

from airview_herald.transport._share import Share

_FALL = 0.7
_SOON = 1.5
_DEEP_FALL = 0.4
# Seconds from a fall to the flat part of the curve on which the rate recovers.
_LEVEL_AFTER = 6.0
_SLOWEST = 0.25
# Shares of refused requests, and how many requests make a share meaningful.
_FEW = 0.05
_FEW_STRAYS = 0.07
_NOT_MANY = 0.3
_ENOUGH = 20
_MINUTE = 60.0
# Seconds' worth of tokens that may be saved up, to make up for late timers.
_SAVED = 0.05
# Seconds of a span; rates are measured over one or two of them.
_SPAN = 0.5
_SHORTEST_SPAN = 0.05


class Meter:
    """What is sent, and what of it is refused, in the last span and the one before it.

    Attributes:
        best: The most that was accepted a second, in a span of the last minute; 0 before the
            first one has ended.
        last_ones: The share of the last ones that was refused, however long ago they were.
        total: What was ever sent.
    """

    __slots__ = (
        "_before",
        "_best_at",
        "_refused",
        "_sent",
        "_since",
        "_until",
        "best",
        "last_ones",
        "total",
    )

    def __init__(self) -> None:
        self.total: int = 0
        self.last_ones: Share = Share()
        self._sent = 0
        self._refused = 0
        self._since = -math.inf
        self._until = -math.inf
        # The span before: requests sent, those refused, and seconds.
        self._before = (0, 0, 0.0)
        self.best: float = 0.0
        self._best_at = -math.inf

    def send(self, now: float) -> None:
        """Count a request that is sent."""
        if now - self._since >= _SPAN:
            self._roll(now)
        self._sent += 1
        self.last_ones.count()
        self.total += 1
        self._until = now

    def refuse(self) -> None:
        """Count a request that was refused."""
        self._refused += 1
        self.last_ones.spoil()

    @property
    def per_second(self) -> float:
        """How many requests were sent a second, while there were some to send."""
        sent, _, span = self._before
        return (sent + self._sent) / max(span + self._until - self._since, _SHORTEST_SPAN)

    @property
    def refused_share(self) -> float | None:
        """The share that was refused then, if enough were sent to tell."""
        sent, refused, _ = self._before
        sent += self._sent
        return None if sent < _ENOUGH else (refused + self._refused) / sent

    def _roll(self, now: float) -> None:
        span = now - self._since
        accepted = max(0, self._sent - self._refused) / span
        if accepted >= self.best or now - self._best_at > _MINUTE:
            self.best, self._best_at = accepted, now
        # A span before a pause says nothing about the rate after it.
        self._before = (self._sent, self._refused, span) if span < math.inf else (0, 0, 0.0)
        self._sent, self._refused, self._since = 0, 0, now


class AdaptiveRate:
    """A token bucket whose rate follows the server's allowance.

    All times are seconds of one clock, which stands still while the client must not send.

    Attributes:
        per_second: The rate, or `None` while there is no limit.
        ceiling: What it never exceeds, and the limit while there is no other; or `None`.
        falls: How often 429s have let it fall.
        meter: What was sent.
    """

    __slots__ = (
        "_accepted_from",
        "_bottom",
        "_fell_at",
        "_filled_at",
        "_paused",
        "_strays_until",
        "_tokens",
        "_top",
        "ceiling",
        "falls",
        "meter",
        "per_second",
    )

    def __init__(self) -> None:
        self.per_second: float | None = None
        self.ceiling: float | None = None
        self.falls: int = 0
        self.meter: Meter = Meter()
        self._top = 0.0
        self._bottom = 0.0
        self._fell_at = -math.inf
        # The total at the last fall, plus what was refused since: the rest has been accepted.
        self._accepted_from = 0
        self._paused = 0.0
        self._strays_until = -math.inf
        self._tokens = 0.0
        self._filled_at = 0.0

    def throttled(
        self, sent_at: float, now: float, *, asked: bool = False, paused: float = 0.0
    ) -> None:
        """Note a 429; those for requests sent before the last one that counted do not count.

        Args:
            sent_at: When the request was sent.
            now: When it was answered.
            asked: Whether the server asked for a pause with it.
            paused: How many seconds this clock has stood still in all.
        """
        self.meter.refuse()
        if sent_at < self._fell_at:
            return
        self._accepted_from += 1
        if self._is_nothing(now, paused, asked=asked):
            return
        rate, fall, top = self.meter.per_second, _FALL, 1.0
        limit = rate if self.per_second is None else self.per_second
        rate = min(rate, limit)
        least = _SLOWEST
        share = None if asked else self.meter.refused_share
        if share is not None and share < _NOT_MANY:
            least = max(least, min(limit, self.meter.best / 2))
        if self.per_second is None or now - self._fell_at < _SOON:
            allowance = self._allowance(now, paused)
            if allowance is None:
                fall, top = _DEEP_FALL, _FALL
            else:
                rate = min(rate, allowance)
        bottom = max(least, rate * fall)
        self._begin(bottom, max(bottom, rate * top), now, paused)
        self.falls += 1

    def slow(self, now: float, paused: float = 0.0) -> None:
        """Fall because another client was told to, unless it has fallen just now.

        Args:
            now: The time.
            paused: How many seconds this clock has stood still in all.
        """
        if now - self._fell_at < _SOON:
            return
        rate = self.meter.per_second
        if self.per_second is not None:
            rate = min(rate, self.per_second)
        bottom = max(_SLOWEST, rate * _FALL)
        self._begin(bottom, max(bottom, rate), now, paused)

    def _begin(self, bottom: float, top: float, now: float, paused: float) -> None:
        """Begin the curve, at its bottom."""
        self._bottom = self.per_second = bottom
        self._top = top
        self._fell_at = self._filled_at = now
        self._accepted_from, self._paused = self.meter.total, paused
        self._tokens = 0.0

    def _is_nothing(self, now: float, paused: float, *, asked: bool) -> bool:
        """Return whether a 429 says nothing of the rate, or only that it is too low."""
        meter = self.meter
        if not asked:
            lately = meter.refused_share
            share = meter.last_ones.value if lately is None else lately
            return share < (_FEW if meter.best else _NOT_MANY)
        if meter.last_ones.value >= (_FEW_STRAYS if now < self._strays_until else _NOT_MANY):
            return False
        least = meter.best / 2
        if meter.per_second < least:
            self._strays_until = now + _MINUTE
            if self.per_second is not None and self.per_second < least:
                self._begin(least, meter.best, now, paused)
        return now < self._strays_until or meter.total < _ENOUGH

    def _allowance(self, now: float, paused: float) -> float | None:
        """Return what the server has accepted a second since the last fall, if that was enough.

        A bucket was empty then and is empty now. What came into it during a pause may have run
        over: the truth lies between counting the pause and not, and is taken in the middle.
        """
        accepted, seconds = self.meter.total - self._accepted_from, now - self._fell_at
        if accepted < _ENOUGH or not 0 < seconds < math.inf:
            return None
        return accepted / math.sqrt(seconds * (seconds + paused - self._paused))

    def resume(self) -> None:
        """Let one request go at once: a pause that the server asked for will be over."""
        self._tokens = 1.0

    def wait(self, now: float) -> float:
        """Return the seconds until there is a token; 0 when there is one."""
        rate = self._rise(now)
        return 0.0 if rate is None else max(0.0, (1.0 - self._tokens) / rate)

    def take(self, now: float) -> bool:
        """Take a token; return whether there was one."""
        if self._rise(now) is None:
            return True
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _rise(self, now: float) -> float | None:
        """Return the rate as it is by now, its tokens filled up."""
        self.per_second = self._adapted(now)
        limits = [each for each in (self.per_second, self.ceiling) if each is not None]
        if not limits:
            return None
        rate = min(limits)
        saved = max(1.0, rate * _SAVED)
        self._tokens = min(saved, self._tokens + rate * (now - self._filled_at))
        self._filled_at = now
        return rate

    def _adapted(self, now: float) -> float | None:
        """Return where the curve is by now; `None` when there is none, or it is over."""
        since = now - self._fell_at
        if self.per_second is None or since > _MINUTE:
            return None
        curve = self._top + (self._top - self._bottom) * (since / _LEVEL_AFTER - 1) ** 3
        # Not far above what is really sent: a higher rate has not been tried.
        return max(_SLOWEST, min(curve, 2 * self.meter.per_second + 1))
