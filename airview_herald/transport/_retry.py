"""Whether and when a request is sent again: a pure decision.

| class    | surely unprocessed | ambiguous                                                  |
|----------|--------------------|------------------------------------------------------------|
| read     | retry              | retry                                                      |
| create   | retry              | stop: the caller looks whether it landed                   |
| serial   | retry              | retry once the first copy has surely ended (`settle`)      |
| absolute | retry              | retry, but for a 500 of Herald's; a 404 on a replayed      |
|          |                    | DELETE is done                                             |
| once     | retry              | stop: nothing tells whether it landed                      |

*Surely unprocessed* is a connection that was not made, a 429, and a 503 in AirView's own shape or
without a body. *Ambiguous* is an answer that did not arrive whole, and a 408, 500, 502, 504 or
another 503: every 503 of Herald's, which documents none. So are a page in place of a success, and a
404 whose JSON cannot be read. Another success that the contract does not know is final, though what
was asked for may be done. Everything else is the server's verdict and final.
"""

from __future__ import annotations

import email.utils
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum

import attrs
import httpx

from airview_herald._numbers import is_integer, is_number
from airview_herald.errors import ConfigurationError
from airview_herald.transport._call import ErrorBody, RetryClass

_AMBIGUOUS_STATUSES = frozenset({408, 500, 502, 503, 504})
_TOO_MANY = 429
_UNAVAILABLE = 503
_INTERNAL = 500


def _not_negative(_: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not is_number(value) or not value >= 0:
        raise ConfigurationError(f"retry.{attribute.name}: must be a number, not negative")


def _at_least_one(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if not is_integer(value) or value < 1:
        raise ConfigurationError(f"retry.{attribute.name}: must be an integer, at least 1")


@attrs.frozen
class Retry:
    """How a client repeats requests.

    Attributes:
        attempts: How often a single call is sent at most. A batch goes on to its deadline.
        base: Backoff before the second attempt, at most, in seconds; it doubles with each.
        cap: The longest backoff, in seconds.
        budget: Retries the client may spend in a row; each answer that tells that the server is
            there gives a quarter back, which sustains one failure in five.
    """

    attempts: int = attrs.field(default=4, validator=_at_least_one)
    base: float = attrs.field(default=0.25, validator=_not_negative)
    cap: float = attrs.field(default=20.0, validator=_not_negative)
    budget: float = attrs.field(default=100.0, validator=_not_negative)


class Fate(Enum):
    """What a failed attempt did on the server."""

    UNPROCESSED = "surely unprocessed"
    AMBIGUOUS = "may have been processed, or still be"
    ENDED = "may have been processed; the server is done with it"
    BROKEN = "may have been processed; another write would break too"
    DONE = "processed, but the answer cannot be read"
    VERDICT = "refused"


_FINAL = (Fate.VERDICT, Fate.DONE)
_NEVER_TWICE = (RetryClass.CREATE, RetryClass.ONCE)


@attrs.frozen
class Failure:
    """A failed attempt.

    Attributes:
        fate: What it did on the server.
        retry_after: Seconds the server asked to wait, when it did.
    """

    fate: Fate
    retry_after: float | None = None


def status_failure(
    status: int, body: ErrorBody, headers: Mapping[str, str], *, empty: bool
) -> Failure:
    """Return what a status that is not the documented success means.

    Args:
        status: The HTTP status.
        body: What the body says.
        headers: The answer's headers.
        empty: Whether the body is empty.
    """
    turned_away = status == _UNAVAILABLE and (body.own or empty) and not body.vague
    if status == _TOO_MANY or turned_away:
        return Failure(Fate.UNPROCESSED, retry_after(headers.get("retry-after")))
    if status == _INTERNAL and body.vague:
        return Failure(Fate.BROKEN, retry_after(headers.get("retry-after")))
    if status == _INTERNAL and body.own:
        return Failure(Fate.ENDED)
    if status in _AMBIGUOUS_STATUSES:
        return Failure(Fate.AMBIGUOUS, retry_after(headers.get("retry-after")))
    success = httpx.codes.is_success(status)
    says_json = "json" in headers.get("content-type", "")
    if body.unreadable and (success or (status == httpx.codes.NOT_FOUND and says_json)):
        return Failure(Fate.AMBIGUOUS)
    return Failure(Fate.DONE if success else Fate.VERDICT)


def retry_after(
    value: str | None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> float | None:
    """Return a `Retry-After` header, seconds or a date, in seconds from now; `None` if unusable."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - now()).total_seconds())


def backoff(policy: Retry, attempt: int, rng: Callable[[], float] = random.random) -> float:
    """Return the full-jitter backoff after an attempt (counted from 1), in seconds."""
    # 2 ** 64 times any base exceeds any cap; much larger exponents overflow a float.
    ceiling = min(policy.cap, policy.base * 2.0 ** min(attempt - 1, 64))
    return ceiling * rng()


def delay_before_retry(  # noqa: PLR0913 - the decision's inputs, named
    policy: Retry,
    retry_class: RetryClass,
    failure: Failure,
    *,
    attempt: int,
    attempts: int | None,
    settle: float,
    rng: Callable[[], float] = random.random,
) -> float | None:
    """Return the seconds to wait before the next attempt, or `None` to stop.

    Args:
        policy: The client's policy.
        retry_class: What sending the request twice would do.
        failure: What went wrong.
        attempt: Attempts made so far.
        attempts: The most attempts there may be, or `None` for no limit but the deadline.
        settle: How long the server may still be working on an unanswered request, in seconds.
        rng: Uniform numbers in [0, 1).
    """
    fate = failure.fate
    if fate in _FINAL or (attempts is not None and attempt >= attempts):
        return None
    if retry_class in _NEVER_TWICE and fate is not Fate.UNPROCESSED:
        return None
    if retry_class is not RetryClass.READ and fate is Fate.BROKEN:
        return None
    delay = max(backoff(policy, attempt, rng), failure.retry_after or 0.0)
    if retry_class is RetryClass.SERIAL and fate is Fate.AMBIGUOUS:
        delay = max(delay, settle)
    return delay


@attrs.define
class RetryBudget:
    """Retries that the whole client may still spend; successes refund it.

    Attributes:
        capacity: The most that it holds.
        left: What it holds now.
    """

    capacity: float
    left: float = attrs.field(default=attrs.Factory(lambda self: self.capacity, takes_self=True))

    _REFUND = 0.25

    def spend(self) -> bool:
        """Take one retry; return whether there was one."""
        if self.left < 1:
            return False
        self.left -= 1
        return True

    def refund(self) -> None:
        """Give back a part of a retry, after a success."""
        self.left = min(self.capacity, self.left + self._REFUND)
