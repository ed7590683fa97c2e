"""Which requests are struck: decided by the seed and the requests, and nothing else."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airview_herald.sandbox.faults._kinds import FaultKind
from airview_herald.sandbox.faults._limits import Throttle
from airview_herald.sandbox.faults._rates import checked_rates, shares
from airview_herald.sandbox.faults._schedule import Schedule

HALF = [("a", 0.25), ("b", 0.25)]


def decisions(schedule, requests, rates=HALF):
    """Return what each request meets, in the order in which they come."""
    return [schedule.strike((b"%d" % request,), rates) for request in requests]


def by_request(requests, met):
    """Return what each of the requests met, first time first."""
    return {
        request: [m for r, m in zip(requests, met, strict=True) if r == request]
        for request in set(requests)
    }


@given(st.lists(st.integers(0, 9), max_size=60), st.randoms(use_true_random=False))
def test_the_order_does_not_matter(requests, rng):
    """However requests interleave, the n-th time of each meets the same."""
    shuffled = rng.sample(requests, len(requests))
    first = by_request(requests, decisions(Schedule(1, 3), requests))
    assert by_request(shuffled, decisions(Schedule(1, 3), shuffled)) == first


def test_another_seed_decides_otherwise():
    """The same seed gives the same, any other one something else."""
    requests = range(100)
    met = [decisions(Schedule(seed, 3), requests) for seed in (1, 1, 2, -1, 10**40)]
    assert met[0] == met[1]
    assert all(met[0] != other for other in met[2:])


@pytest.mark.parametrize("rate", [0.02, 0.15, 0.6])
def test_rates_hold(rate):
    """Each kind strikes its share of 20,000 requests, within five standard deviations."""
    met = decisions(Schedule(7, 3), range(20_000), [("a", rate / 4), ("b", 3 * rate / 4)])
    counts = Counter(strike and strike.kind for strike in met)
    for kind, share in [("a", rate / 4), ("b", 3 * rate / 4), (None, 1 - rate)]:
        deviation = math.sqrt(20_000 * share * (1 - share))
        assert abs(counts[kind] - 20_000 * share) <= 5 * deviation


def test_extents_are_spread_evenly():
    """They fill [0, 1), whatever the kind."""
    extents = [strike.extent for strike in decisions(Schedule(7, 3), range(4_000)) if strike]
    tenths = Counter(int(extent * 10) for extent in extents)
    assert sorted(tenths) == list(range(10))
    assert min(tenths.values()) > len(extents) / 10 * 0.7


@pytest.mark.parametrize("in_a_row", [0, 1, 3])
def test_nothing_is_struck_too_often_in_a_row(in_a_row):
    """At a rate of 1 equal requests get through once after so many strikes."""
    met = decisions(Schedule(1, in_a_row), [5] * 40, [("a", 1.0)])
    assert [strike is not None for strike in met] == ([True] * in_a_row + [False]) * (
        40 // (in_a_row + 1)
    )


def test_the_limit_is_each_requests_own():
    """Others in between do not count."""
    met = decisions(Schedule(1, 2), [1, 2, 1, 2, 1, 2], [("a", 1.0)])
    assert [strike is not None for strike in met] == [True] * 4 + [False] * 2


def test_parts_are_not_run_together():
    """Requests whose parts only joined are equal are not."""
    schedule = Schedule(1, 1)
    for request in [(b"a", b"bc"), (b"ab", b"c"), (b"abc",), (b"", b"abc"), (b"a\0b", b"c")]:
        assert schedule.strike(request, [("a", 1.0)]) is not None


def test_one_rate_is_for_all_kinds_that_can():
    """It is divided among them; a kind's own rate is not."""
    can = (FaultKind.RESET, FaultKind.LATE)
    assert shares(checked_rates(FaultKind, 0.5), can) == [("reset", 0.25), ("late", 0.25)]
    own = checked_rates(FaultKind, {"late": 0.5, "revoked": 0.5})
    assert shares(own, can) == [("late", 0.5)]


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        (1.5, "a rate is a share, 0 to 1, not 1.5"),
        (-0.1, "a rate is a share, 0 to 1, not -0.1"),
        (math.nan, "a rate is a share, 0 to 1, not nan"),
        ({"late": 2}, "a rate is a share, 0 to 1, not 2"),
        ({"late": 0.6, "reset": 0.6}, "the rates of one route add up to more than 1"),
        ({"later": 0.1}, "a kind of fault is one of bad_gateway, .*, not 'later'"),
    ],
)
def test_rates_that_cannot_be(rates, message):
    """The error says what is wrong."""
    with pytest.raises(ValueError, match=message):
        checked_rates(FaultKind, rates)


def test_a_throttle_is_a_token_bucket():
    """A burst passes at once, and then so many a second, whatever is refused in between."""
    now = 100.0
    throttle = Throttle(10, 5, None, lambda: now)
    assert [throttle.admits() for _ in range(7)] == [True] * 5 + [False] * 2
    now += 0.25
    assert [throttle.admits() for _ in range(3)] == [True, True, False]
    now += 60
    assert [throttle.admits() for _ in range(6)] == [True] * 5 + [False]


def test_a_throttle_keeps_its_rate():
    """Over a minute of requests at random as many pass as the rate says."""
    rng = random.Random(1)
    now = 0.0
    throttle = Throttle(20, 1, None, lambda: now)
    admitted = 0
    while now < 60:
        now += rng.expovariate(200)
        admitted += throttle.admits()
    assert 0.9 * 1200 <= admitted <= 1201


@pytest.mark.parametrize(
    ("rate", "burst", "message"),
    [
        (0, 1, "a throttle lets some requests a second through, not 0"),
        (math.nan, 1, "a throttle lets some requests a second through, not nan"),
        (1, 0, "a burst is at least 1 request, not 0"),
    ],
)
def test_throttles_that_cannot_be(rate, burst, message):
    """The error says what is wrong."""
    with pytest.raises(ValueError, match=message):
        Throttle(rate, burst, None, lambda: 0.0)
