"""The law of how many requests may be in flight, and the slots that follow it."""

import random

import anyio
import pytest

from airview_herald.transport._limiter import ConcurrencyLaw, Slots


def _succeed(law, times, *, at, in_use=None):
    for _ in range(times):
        law.succeeded(at, int(law.limit) if in_use is None else in_use)


def _fail(law, *, at):
    """Let it fall once: more requests fail than may come of anything."""
    for _ in range(10):
        law.failed(at, at + 0.5)


def test_it_begins_at_its_ceiling_and_stays_there():
    """Nothing raises the limit above what the caller has set."""
    law = ConcurrencyLaw(8)
    _succeed(law, 100, at=1.0)
    assert law.limit == 8


def test_a_failure_lowers_it_once_in_a_round_trip():
    """Of the requests that were in flight at the fall none lets it fall again."""
    law = ConcurrencyLaw(100)
    for _ in range(50):
        law.failed(sent_at=1.0, now=2.0)
    assert law.limit == pytest.approx(70)
    _fail(law, at=2.5)
    assert law.limit == pytest.approx(49)


def test_a_few_failures_among_many_answers_change_nothing():
    """Of a server that fails now and then, however much is in flight, no less is asked."""
    law, rng = ConcurrencyLaw(64), random.Random(3)
    for now in range(5000):
        if rng.random() < 0.05:
            law.failed(now, now + 0.5)
        else:
            _succeed(law, 1, at=now)
        assert law.limit > 30
    for now in range(5000, 5100):
        if rng.random() < 0.5:
            law.failed(now, now + 0.5)
        else:
            _succeed(law, 1, at=now)
    assert law.limit < 8


def test_a_share_is_counted_from_the_first_failure_on():
    """Four in a row are too many at first, and eleven once more is known; whatever came before."""
    for answers, enough in ((0, 4), (500, 4)):
        law = ConcurrencyLaw(64)
        for now in range(answers):
            assert law.untroubled, now  # so that nobody tells it of these
        fell = _failures_until_it_falls(law)
        assert fell == enough
    law = ConcurrencyLaw(64)
    law.failed(sent_at=1.0, now=2.0)
    _succeed(law, 300, at=3.0)
    assert _failures_until_it_falls(law) == 11


def _failures_until_it_falls(law):
    for count in range(1, 100):
        law.failed(sent_at=4.0, now=5.0)
        if law.limit < 64:
            return count
    return None


def test_it_is_told_of_answers_only_when_something_has_failed():
    """Until then nothing need be noted, and again when it is long ago."""
    law = ConcurrencyLaw(8)
    assert law.untroubled
    law.failed(sent_at=1.0, now=2.0)
    assert not law.untroubled
    _succeed(law, 500, at=3.0)
    assert law.untroubled


def test_its_floor_is_one():
    """However much fails, one request may be in flight."""
    law = ConcurrencyLaw(64)
    for now in range(100):
        _fail(law, at=now)
    assert law.limit == 1.0


def test_answers_to_what_was_sent_before_a_fall_raise_nothing():
    """They say nothing of the load after it."""
    law = ConcurrencyLaw(10)
    _fail(law, at=1.0)
    _succeed(law, 50, at=1.2)
    assert law.limit == pytest.approx(7)


def test_after_an_outage_it_doubles_with_each_round_trip_up_to_the_threshold():
    """The threshold is 0.7 of the limit that the trouble met, however far it fell."""
    law = ConcurrencyLaw(100)
    for now in range(100):
        _fail(law, at=now)
    limits = []
    for _ in range(6):
        _succeed(law, int(law.limit), at=200.0)
        limits.append(int(law.limit))
    assert limits == [2, 4, 8, 16, 32, 64]
    assert law.threshold == pytest.approx(70)


def test_above_the_threshold_a_round_trip_adds_one():
    """A whole round of answers raises the limit by one, up to the ceiling."""
    law = ConcurrencyLaw(20)
    _fail(law, at=1.0)
    _succeed(law, 14, at=3.0)
    assert law.limit == pytest.approx(15, abs=0.1)
    _succeed(law, 1000, at=3.0)
    assert law.limit == 20


def test_it_rises_only_while_half_of_it_is_used():
    """What is not used proves nothing."""
    law = ConcurrencyLaw(20)
    _fail(law, at=1.0)
    _succeed(law, 100, at=3.0, in_use=6)
    assert law.limit == pytest.approx(14)
    _succeed(law, 1, at=3.0, in_use=7)
    assert law.limit > 14


def test_trouble_while_answers_come_lowers_the_threshold_too():
    """An overloaded server that still answers is not brought back to where it failed."""
    law = ConcurrencyLaw(100)
    _fail(law, at=1.0)
    _succeed(law, 1, at=3.0)
    _fail(law, at=3.0)
    assert law.threshold == law.limit == pytest.approx(49, abs=0.1)


async def test_a_lowered_limit_waits_for_slots_to_come_back():
    """Slots beyond a lowered limit are not given out again."""
    slots, served = Slots(10), []
    for _ in range(10):
        await slots.acquire()
    for _ in range(10):
        slots.failed(1.0, 2.0)
    assert (slots.limit, slots.untroubled, slots.extremes) == (7, False, (7, 10))

    async def ask():
        await slots.acquire()
        served.append(1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        for expected in (0, 0, 0, 1):
            slots.release()
            await anyio.wait_all_tasks_blocked()
            assert len(served) == expected


async def test_a_raised_limit_serves_those_who_wait():
    """A slot that a rise adds goes to the one who waits longest."""
    slots, served = Slots(4), []
    for _ in range(10):
        slots.failed(1.0, 2.0)
    assert slots.limit == 2
    for _ in range(2):
        await slots.acquire()

    async def ask():
        await slots.acquire()
        served.append(1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        for _ in range(10):
            slots.succeeded(3.0)
        await anyio.wait_all_tasks_blocked()
        assert served == [1]
    assert slots.limit == 4


async def test_shut_slots_are_given_to_nobody():
    """After `shut` nobody gets a slot, not even one whose turn had come."""
    slots, served = Slots(1), []
    await slots.acquire()

    async def ask():
        await slots.acquire()
        served.append(1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        slots.release()
        slots.shut()
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        assert served == []
        tasks.cancel_scope.cancel()


async def test_shut_slots_tell_of_each_that_comes_back():
    """Who waits for what is on the wire hears of every slot that is given back."""
    slots, heard = Slots(2), []
    for _ in range(2):
        await slots.acquire()
    slots.shut()

    async def listen():
        for _ in range(2):
            await slots.released()
            heard.append(1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        for expected in (1, 2):
            await anyio.wait_all_tasks_blocked()
            slots.release()
            await anyio.wait_all_tasks_blocked()
            assert len(heard) == expected


def test_a_ceiling_that_moves_takes_the_limit_with_it_unless_there_is_trouble():
    """What the server cannot take it is not asked for because there is more budget."""
    law = ConcurrencyLaw(8)
    law.resize(16)
    assert (law.ceiling, law.limit) == (16, 16)
    law.resize(4)
    assert (law.ceiling, law.limit) == (4, 4)
    law.resize(40)
    _fail(law, at=1.0)
    law.resize(80)
    assert law.limit == pytest.approx(28)
    law.resize(20)
    assert law.allowed == 20
    law.succeeded(2.0, in_use=20)
    law.resize(80)
    assert law.allowed == 28


async def test_slots_that_become_more_go_to_those_who_wait():
    """All of them at once; slots that become fewer are not taken from those who have one."""
    slots = Slots(3)
    began = []

    async def take():
        await slots.acquire()
        began.append(None)

    slots.resize(1)
    assert slots.extremes == (1, 3)
    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(take)
        await anyio.wait_all_tasks_blocked()
        assert len(began) == 1
        slots.resize(3)
        await anyio.wait_all_tasks_blocked()
        assert len(began) == 3
        slots.resize(1)
        for _ in range(2):
            slots.release()
        await anyio.wait_all_tasks_blocked()
        assert len(began) == 3
        slots.release()
        await anyio.wait_all_tasks_blocked()
        assert len(began) == 4
