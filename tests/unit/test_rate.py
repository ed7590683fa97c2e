"""The law of the rate after a 429; time is a number here."""

import heapq
import itertools
import random

import pytest

from airview_herald.transport._rate import AdaptiveRate


def _send(rate, count, *, began=0.0, every=0.01):
    """Count requests that are sent at even times; return the last one's."""
    times = [began + n * every for n in range(count)]
    for now in times:
        rate.meter.send(now)
    return times[-1]


class Bucket:
    """A server's allowance."""

    def __init__(self, per_second, burst):
        self.per_second, self.burst, self.tokens, self.at = per_second, burst, burst, 0.0

    def __call__(self, now):
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.per_second)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def _drive(accepts, *, seconds, pause=0.0, in_flight=64, round_trip=0.005):
    """Send as fast as the law lets one; return when each request was sent, and if it was taken."""
    rate, now, cooled, flying, sent = AdaptiveRate(), 0.0, 0.0, [], []
    while now < seconds:
        while flying and flying[0][0] <= now:
            _, sent_at, taken = heapq.heappop(flying)
            if not taken:
                rate.throttled(sent_at, now - cooled, asked=pause > 0, paused=cooled)
                if pause and sent_at >= now - cooled - 2 * round_trip:
                    rate.resume()
                    # What is in flight is answered meanwhile.
                    for _, at, ok in flying:
                        if not ok:
                            rate.throttled(at, now - cooled, asked=True, paused=cooled)
                    flying.clear()
                    now, cooled = now + pause, cooled + pause
        active = now - cooled
        if len(flying) < in_flight and rate.take(active):
            rate.meter.send(active)
            taken = accepts(now)
            sent.append((now, taken))
            heapq.heappush(flying, (now + round_trip, active, taken))
            now += 0.0003
        else:
            now += 0.001
    return sent


@pytest.mark.parametrize("allowance", [10, 100, 500])
@pytest.mark.parametrize(("pause", "used"), [(0.0, 0.85), (1.0, 0.6)])
def test_most_of_an_allowance_is_used_and_little_is_refused(allowance, pause, used):
    """After some seconds the law stays close below what the server takes."""
    sent = _drive(Bucket(allowance, allowance / 5), seconds=30.0, pause=pause)
    late = [taken for at, taken in sent if at > 5]
    assert sum(late) >= used * allowance * 25
    assert late.count(False) <= 0.05 * len(late)


def test_a_larger_allowance_is_found():
    """When the server takes ten times as much it is sent that after a while."""
    bucket = Bucket(20, 5)
    sent = _drive(
        lambda now: setattr(bucket, "per_second", 20 if now < 10 else 200) or bucket(now),
        seconds=40.0,
    )
    assert sum(taken for at, taken in sent if 35 < at < 40) > 0.8 * 200 * 5


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_a_429_now_and_then_does_not_bring_everything_to_a_halt(share):
    """Where the rate is not what is refused, it stays within reach of what is accepted."""
    rng = random.Random(7)
    sent = _drive(lambda _: rng.random() >= share, seconds=20.0)
    assert sum(taken for at, taken in sent if at > 15) > 5 * 200


def test_the_first_429_of_few_requests_says_nothing():
    """Not even one with a `Retry-After`, whose pause is kept in any case."""
    rate = AdaptiveRate()
    last = _send(rate, 5)
    rate.throttled(last, last, asked=True)
    assert rate.per_second is None


def test_a_429_while_little_is_sent_is_no_matter_of_the_rate():
    """It brings the rate back to half of the best, and for a minute a few more change nothing."""
    rate = AdaptiveRate()
    last = _send(rate, 500)
    rate.throttled(last, last, asked=True)
    fallen = rate.per_second
    slow = _send(rate, 20, began=last + 1, every=0.1)
    rate.throttled(slow, slow, asked=True)
    assert fallen < rate.per_second == rate.meter.best / 2 == pytest.approx(50, rel=0.1)
    fast = _send(rate, 500, began=slow + 1)
    rate.throttled(fast, fast, asked=True)
    assert rate.per_second > 0.9 * rate.meter.best / 2


@pytest.mark.parametrize(("pause", "most"), [(0.0, 0.05), (1.0, 0.07)])
def test_a_smaller_allowance_is_found_all_the_same(pause, most):
    """When the server takes a tenth of what it took, few are refused before long."""
    bucket = Bucket(200, 20)
    sent = _drive(
        lambda now: setattr(bucket, "per_second", 200 if now < 10 else 20) or bucket(now),
        seconds=60.0,
        pause=pause,
    )
    late = [taken for at, taken in sent if at > 30]
    assert sum(late) > 0.6 * 20 * 30
    assert late.count(False) <= most * len(late)


@pytest.mark.parametrize("share", [0.01, 0.02])
def test_a_pause_now_and_then_costs_its_time_and_little_more(share):
    """Where the rate is not what is refused, much is sent between the pauses."""
    rng = random.Random(7)
    sent = _drive(lambda _: rng.random() >= share, seconds=60.0, pause=1.0)
    pauses = sum(not taken for _, taken in sent)
    assert pauses > 40
    assert len(sent) > 200 * (60.0 - pauses)


def test_without_a_429_there_is_no_limit():
    """Whatever is sent, nobody waits."""
    rate = AdaptiveRate()
    _send(rate, 1000, every=0.0001)
    assert rate.per_second is None
    assert all(rate.take(0.1) for _ in range(1000))
    assert rate.wait(0.1) == 0.0


def test_only_one_429_of_a_round_trip_counts():
    """Those for requests sent before the fall do not let it fall again."""
    rate = AdaptiveRate()
    last = _send(rate, 100)
    rate.throttled(last, last + 0.1, asked=True)
    fallen = rate.per_second
    for _ in range(50):
        rate.throttled(last, last + 0.2, asked=True)
    assert rate.per_second == fallen


def test_the_rate_rises_fast_then_flat_then_fast():
    """The curve is cubic: flat around where it failed, after six seconds."""
    rate = AdaptiveRate()
    now = _send(rate, 2000, every=0.01)
    rate.throttled(now, now, asked=True)
    for tick in itertools.count(1):
        # Later 429s are no longer soon, and the rate is what was sent: about 100.
        at = now + tick * 0.01
        rate.meter.send(at)
        rate.wait(at)
        if tick == 1000:
            break
    rate.throttled(at, at, asked=True)
    bottom = rate.per_second
    risen = []
    for tick in range(1, 1201):
        rate.meter.send(at + tick * 0.01)
        rate.wait(at + tick * 0.01)
        if tick % 200 == 0:
            risen.append(rate.per_second)
    steps = [b - a for a, b in itertools.pairwise([bottom, *risen])]
    assert steps[0] > steps[1] > steps[2]
    assert steps[3] < steps[4] < steps[5]


def test_a_minute_without_a_429_ends_the_limit():
    """The limit is forgotten."""
    rate = AdaptiveRate()
    last = _send(rate, 50)
    rate.throttled(last, last, asked=True)
    assert rate.wait(last + 0.0) > 0
    rate.wait(last + 59)
    assert rate.per_second is not None
    assert rate.take(last + 61)
    assert rate.per_second is None


def test_tokens_are_saved_up_for_a_moment_only():
    """After a long silence no burst goes out."""
    rate = AdaptiveRate()
    last = _send(rate, 100)
    rate.throttled(last, last, asked=True)
    now = last + 20
    taken = sum(rate.take(now) for _ in range(1000))
    assert taken <= max(1, 0.05 * rate.per_second)


def test_one_may_go_at_once_when_a_pause_is_over():
    """A pause that was asked for is itself the wait of the next request."""
    rate = AdaptiveRate()
    last = _send(rate, 20)
    rate.throttled(last, last, asked=True)
    assert rate.wait(last) > 0
    rate.resume()
    assert rate.take(last)
    assert not rate.take(last)


def test_a_ceiling_limits_the_rate_before_any_429_and_beyond_them():
    """And is all there is once the rest is forgotten."""
    rate = AdaptiveRate()
    rate.ceiling = 10.0
    taken = [now / 1000 for now in range(3000) if rate.take(now / 1000)]
    assert len(taken) == pytest.approx(30, abs=1)
    last = _send(rate, 100, began=3.0)
    rate.throttled(last, last, asked=True)
    assert rate.falls == 1
    assert rate.per_second == pytest.approx(70, rel=0.5)
    assert rate.wait(last) <= 0.1
    assert rate.wait(100.0) == 0
    assert rate.per_second is None
    rate.ceiling = None
    assert all(rate.take(100.0) for _ in range(1000))


def test_it_falls_with_another_client_once():
    """Told again right after, or fallen by itself just now, it stays where it is."""
    rate = AdaptiveRate()
    last = _send(rate, 100)
    rate.slow(last)
    assert rate.per_second == pytest.approx(70, rel=0.1)
    assert rate.falls == 0
    rate.slow(last + 1.0)
    assert rate.per_second == pytest.approx(70, rel=0.1)
    last = _send(rate, 100, began=last + 1.6)
    rate.wait(last)
    before = rate.per_second
    rate.slow(last)
    assert rate.per_second < before
