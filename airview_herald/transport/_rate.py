"""How fast a client may send once a server has said that it is too fast: a law, without I/O.

The first 429 turns it on, at 0.7 of the rate at which requests were taken lately. From there the
rate rises along a cubic curve: fast at first, flat where it failed, and faster again beyond, to
find out whether the allowance has grown. A 429 that comes soon after another one says that the
rate was far off: it falls deeper, and the curve is flat below where it failed. Requests take
tokens that come in at that rate. When there was no 429 for a minute the rate is forgotten.
"""

from __future__ import annotations

import math

_FALL = 0.7
_SOON = 1.5
_DEEP_FALL = 0.4
# Seconds until the rate is back on the flat part of the curve.
_LEVEL_AFTER = 6.0
_SLOWEST = 0.1
_FORGOTTEN_AFTER = 60.0
# Rates are measured over one or two spans of so many seconds.
_SPAN = 0.5
_SHORTEST_SPAN = 0.05
# How many seconds' worth of tokens may be saved up, so that late timers lose nothing.
_SAVED = 0.05


class AdaptiveRate:
    """A token bucket whose rate follows the server's allowance.

    All times are seconds of one clock, which stands still while the client must not send.

    Attributes:
        per_second: The rate, or `None` while there is no limit.
    """

    __slots__ = (
        "_before",
        "_bottom",
        "_counted",
        "_counted_since",
        "_counted_until",
        "_fell_at",
        "_filled_at",
        "_tokens",
        "_top",
        "per_second",
    )

    def __init__(self) -> None:
        self.per_second: float | None = None
        self._top = 0.0
        self._bottom = 0.0
        self._fell_at = -math.inf
        self._tokens = 0.0
        self._filled_at = 0.0
        self._counted = 0
        self._counted_since = -math.inf
        self._counted_until = -math.inf
        self._before = (0, 0.0)

    def count(self, now: float) -> None:
        """Note that a request is sent."""
        span = now - self._counted_since
        if span >= _SPAN:
            # After a pause there is nothing to measure yet.
            paused = span >= 2 * _SPAN and self.per_second is None
            self._before = (0, 0.0) if paused else (self._counted, span)
            self._counted, self._counted_since = 0, now
        self._counted += 1
        self._counted_until = now

    @property
    def measured(self) -> float:
        """How many requests a second were taken lately, when there were some to send."""
        count, span = self._before
        span += self._counted_until - self._counted_since
        return (count + self._counted) / max(span, _SHORTEST_SPAN)

    def throttled(self, sent_at: float, now: float) -> None:
        """Note a 429; those for requests sent before the last one that counted do not count.

        Args:
            sent_at: When the request was sent.
            now: When it was answered.
        """
        if sent_at < self._fell_at:
            return
        rate = self.measured
        fall, top = _FALL, 1.0
        if self.per_second is not None:
            rate = min(rate, self.per_second)
            if now - self._fell_at < _SOON:
                fall, top = _DEEP_FALL, _FALL
        self._top = max(_SLOWEST, rate * top)
        self._bottom = self.per_second = max(_SLOWEST, rate * fall)
        self._fell_at = self._filled_at = now
        self._tokens = 0.0

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
        if self.per_second is None:
            return None
        since = now - self._fell_at
        if since > _FORGOTTEN_AFTER:
            self.per_second = None
            return None
        curve = self._top + (self._top - self._bottom) * (since / _LEVEL_AFTER - 1) ** 3
        # Where less is sent than may be, a high rate would be a guess.
        rate = max(_SLOWEST, min(curve, 2 * self.measured + 1))
        saved = max(1.0, rate * _SAVED)
        self._tokens = min(saved, self._tokens + rate * (now - self._filled_at))
        self._filled_at, self.per_second = now, rate
        return rate
