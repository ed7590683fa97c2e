"""The decision to retry: pure, so tried without a request."""

import random
from datetime import UTC, datetime

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airview_herald.errors import ConfigurationError
from airview_herald.transport._call import ErrorBody, RetryClass
from airview_herald.transport._retry import (
    Failure,
    Fate,
    Retry,
    RetryBudget,
    backoff,
    delay_before_retry,
    retry_after,
    status_failure,
)

OWN = ErrorBody(own=True)
FOREIGN = ErrorBody()
VAGUE = ErrorBody(vague=True)  # a service that documents nothing of its 5xx
NOON = datetime(2024, 1, 1, 12, 0, 0, tzinfo=UTC)
SETTLE = 30.0
BACKOFF = 0.25  # after the first attempt, without jitter
STOP = None

READ, CREATE, SERIAL, ABSOLUTE, ONCE = RetryClass
ALL = dict.fromkeys(RetryClass, BACKOFF)
NONE = dict.fromkeys(RetryClass, STOP)
DOUBT = {READ: BACKOFF, CREATE: STOP, SERIAL: SETTLE, ABSOLUTE: BACKOFF, ONCE: STOP}
ENDED = {**DOUBT, SERIAL: BACKOFF}
BROKEN = {**NONE, READ: BACKOFF}
TABLE = {
    # status, shape: the delay by class
    ("429", OWN): ALL,
    ("429", FOREIGN): ALL,
    ("429", VAGUE): ALL,
    ("503", OWN): ALL,
    ("503 empty", FOREIGN): ALL,
    ("503", FOREIGN): DOUBT,
    ("503", VAGUE): DOUBT,
    ("503 empty", VAGUE): DOUBT,
    ("500", OWN): ENDED,
    ("500", FOREIGN): DOUBT,
    ("500", VAGUE): BROKEN,
    ("408", FOREIGN): DOUBT,
    ("408", VAGUE): DOUBT,
    ("502", OWN): DOUBT,
    ("502", FOREIGN): DOUBT,
    ("502", VAGUE): DOUBT,
    ("504", FOREIGN): DOUBT,
    ("504", VAGUE): DOUBT,
    **{
        (status, body): NONE
        for status in ("200", "202", "308", "400", "401", "403", "404", "409", "413", "422", "501")
        for body in (OWN, FOREIGN, VAGUE)
    },
}
FATES = {
    Fate.UNPROCESSED: ALL,
    Fate.AMBIGUOUS: DOUBT,
    Fate.ENDED: ENDED,
    Fate.BROKEN: BROKEN,
    Fate.DONE: NONE,
    Fate.VERDICT: NONE,
}


def decide(retry_class, failure, *, attempt=1, attempts=4):
    """Decide on a retry without jitter, by the default policy."""
    return delay_before_retry(
        Retry(),
        retry_class,
        failure,
        attempt=attempt,
        attempts=attempts,
        settle=SETTLE,
        rng=lambda: 1.0,
    )


@pytest.mark.parametrize(
    ("status", "body", "retry_class", "delay"),
    [(*key, kind, delay) for key, row in TABLE.items() for kind, delay in row.items()],
)
def test_a_status_is_retried_by_the_class_of_its_operation(status, body, retry_class, delay):
    """Every status is retried, left to settle or final, as the class of the operation allows."""
    code, _, empty = status.partition(" ")
    failure = status_failure(int(code), body, {}, empty=bool(empty))
    assert decide(retry_class, failure) == delay


@pytest.mark.parametrize(
    ("fate", "retry_class", "delay"),
    [(fate, kind, delay) for fate, row in FATES.items() for kind, delay in row.items()],
)
def test_a_fate_is_retried_by_the_class_of_its_operation(fate, retry_class, delay):
    """What a failure did on the server decides, whatever brought it about."""
    assert decide(retry_class, Failure(fate)) == delay


def test_the_table_is_whole():
    """Every fate and every class is in the table above."""
    assert set(FATES) == set(Fate)
    assert all(set(row) == set(RetryClass) for row in (*TABLE.values(), *FATES.values()))


@pytest.mark.parametrize(
    ("status", "empty"), [(429, False), (503, True), (502, False), (500, False)]
)
def test_retry_after_of_a_vague_service_is_read_too(status, empty):
    """A wait that is asked for counts, whatever else the service leaves open."""
    failure = status_failure(status, VAGUE, {"retry-after": "7"}, empty=empty)
    assert failure.retry_after == 7.0


@pytest.mark.parametrize("status", [200, 202, 204])
def test_another_success_is_done(status):
    """A success that the contract does not know may well have done what was asked for."""
    assert status_failure(status, FOREIGN, {}, empty=True).fate is Fate.DONE


@pytest.mark.parametrize("retry_class", RetryClass)
def test_attempts_are_bounded(retry_class):
    """A failure that could be retried is final at the last attempt."""
    failure = Failure(Fate.UNPROCESSED)
    assert decide(retry_class, failure, attempt=3, attempts=4) is not None
    assert decide(retry_class, failure, attempt=4, attempts=4) is None
    assert decide(retry_class, failure, attempt=4, attempts=None) is not None


@pytest.mark.parametrize(
    ("status", "own", "expected"),
    [(429, False, 7.0), (503, True, 7.0), (503, False, 7.0), (502, False, 7.0), (400, True, None)],
)
def test_retry_after_is_read_where_a_retry_may_follow(status, own, expected):
    """The wait that a server asks for is kept for what may be retried."""
    failure = status_failure(status, ErrorBody(own=own), {"retry-after": "7"}, empty=False)
    assert failure.retry_after == expected


def test_the_longest_wait_wins():
    """The delay is the longest of backoff, `Retry-After` and, for a serial call, settling."""
    assert decide(READ, Failure(Fate.UNPROCESSED, 7.0)) == 7.0
    assert decide(READ, Failure(Fate.UNPROCESSED, 0.0)) == BACKOFF
    assert decide(SERIAL, Failure(Fate.AMBIGUOUS, 7.0)) == SETTLE
    assert decide(SERIAL, Failure(Fate.AMBIGUOUS, 70.0)) == 70.0


@given(
    st.integers(1, 10_000),
    st.floats(0, 1, exclude_max=True),
    st.floats(0.001, 100),
    st.floats(0, 100),
)
def test_backoff_has_full_jitter(attempt, uniform, base, cap):
    """Backoff is uniform between nothing and base times two to the attempt, under the cap."""
    policy = Retry(base=base, cap=cap)
    ceiling = min(cap, base * 2.0 ** min(attempt - 1, 100))
    assert backoff(policy, attempt, lambda: uniform) == pytest.approx(ceiling * uniform)
    assert backoff(policy, attempt, lambda: 0.0) == 0.0


@pytest.mark.parametrize("attempt", [65, 66, 1025, 10**9, 10**400])
def test_a_huge_attempt_does_not_overflow(attempt):
    """Two to a huge attempt is beyond a float; the cap is what counts."""
    assert backoff(Retry(), attempt, lambda: 1.0) == 20.0
    tiny = Retry(base=2.0**-70)
    assert backoff(tiny, attempt, lambda: 1.0) == 2.0**64 * 2.0**-70


def test_backoff_uses_random_numbers_by_itself():
    """Without an rng the jitter is Python's own."""
    delays = {backoff(Retry(), 3) for _ in range(20)}
    assert len(delays) > 1
    assert all(0 <= delay < 1 for delay in delays)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Mon, 01 Jan 2024 12:00:30 GMT", 30.0),
        ("Mon, 01 Jan 2024 13:00:30 +0100", 30.0),
        ("Monday, 01-Jan-24 12:00:30 GMT", 30.0),
        ("Mon Jan  1 12:00:30 2024", 30.0),
        ("Mon, 01 Jan 2024 12:00:30 -0000", 30.0),
        ("Mon, 01 Jan 2024 11:59:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("²", None),
        ("Mon, 99 Jan 2024 12:00:30 GMT", None),
        ("Mon, 01 Jan 2024 12:00:30 +99999999999999", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    """Seconds and dates are read, a date in the past means now, and garbage means nothing."""
    assert retry_after(header, lambda: NOON) == seconds


def test_retry_after_knows_the_time():
    """Without a clock a date counts from now."""
    assert retry_after("Fri, 01 Jan 2100 00:00:00 GMT") > 3600
    assert retry_after("Mon, 01 Jan 2024 12:00:30 GMT") == 0.0


def test_an_endless_retry_after_is_a_number():
    """Seconds beyond a float are as good as forever."""
    assert retry_after("9" * 400) == float("inf")


@given(st.text())
def test_no_retry_after_raises(header):
    """Whatever a server sends, it is a number of seconds or nothing."""
    seconds = retry_after(header, lambda: NOON)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"attempts": 0}, "retry.attempts: must be an integer, at least 1"),
        ({"attempts": "3"}, "retry.attempts: must be an integer, at least 1"),
        ({"attempts": 2.5}, "retry.attempts: must be an integer, at least 1"),
        ({"attempts": True}, "retry.attempts: must be an integer, at least 1"),
        ({"base": -0.1}, "retry.base: must be a number, not negative"),
        ({"base": "0.1"}, "retry.base: must be a number, not negative"),
        ({"cap": -1}, "retry.cap: must be a number, not negative"),
        ({"cap": None}, "retry.cap: must be a number, not negative"),
        ({"budget": float("nan")}, "retry.budget: must be a number, not negative"),
        ({"budget": True}, "retry.budget: must be a number, not negative"),
    ],
)
def test_a_policy_that_cannot_work_is_refused(setting, message):
    """A setting that cannot work is refused by its name."""
    with pytest.raises(ConfigurationError) as caught:
        Retry(**setting)
    assert str(caught.value) == message


def test_a_policy_is_frozen():
    """A policy is a value: a client derives another, nobody changes one."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Retry().attempts = 5
    assert attrs.evolve(Retry(), attempts=5) == Retry(attempts=5)


def test_a_budget_is_spent_and_refunded():
    """Each retry takes one, each success gives a quarter back, up to the capacity."""
    budget = RetryBudget(2.0)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    for _ in range(3):
        budget.refund()
    assert not budget.spend()
    budget.refund()
    assert budget.spend()
    for _ in range(100):
        budget.refund()
    assert budget.left == budget.capacity == 2.0


@pytest.mark.parametrize(("faults", "sustained"), [(0.15, True), (0.40, False)])
def test_a_budget_sustains_ordinary_faults(faults, sustained):
    """At 15 % of faults no retry is ever refused; at 40 % the budget runs out."""
    rng = random.Random(7)
    budget = RetryBudget(Retry().budget)
    refused = 0
    for _ in range(20_000):
        while rng.random() < faults:
            if not budget.spend():
                refused += 1
                break
        else:
            budget.refund()
    assert (refused == 0) is sustained


@pytest.mark.parametrize(
    ("status", "kind", "fate"),
    [
        (200, "text/html", Fate.AMBIGUOUS),
        (200, "application/json", Fate.AMBIGUOUS),
        (404, "application/json", Fate.AMBIGUOUS),
        (404, "text/html", Fate.VERDICT),
        (404, "", Fate.VERDICT),
        (400, "application/json", Fate.VERDICT),
    ],
)
def test_a_body_that_cannot_be_read(status, kind, fate):
    """A page in place of a success, and an absence that was garbled, tell nothing."""
    body = ErrorBody(unreadable=True)
    found = status_failure(status, body, {"content-type": kind}, empty=False)
    assert found == Failure(fate)


def test_a_success_that_can_be_read_is_done():
    """Another success than the documented one is the server's own word."""
    found = status_failure(200, ErrorBody(), {"content-type": "application/json"}, empty=False)
    assert found == Failure(Fate.DONE)
