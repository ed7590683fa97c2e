import random

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from airview_herald.airview._lanes import Lanes


class Time:
    """A clock that moves when it is told to; those who sleep wake when theirs has come."""

    def __init__(self):
        self.now = 1000.0
        self.slept = []
        self._moved = anyio.Event()

    def clock(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        until = self.now + seconds
        while self.now < until:
            await self._moved.wait()

    async def pass_by(self, seconds):
        """Move on, and let everything happen that can."""
        self.now += seconds
        moved, self._moved = self._moved, anyio.Event()
        moved.set()
        await wait_all_tasks_blocked()


@pytest.fixture
def time():
    """Return a clock that stands still."""
    return Time()


@pytest.fixture
def lanes(time):
    """Return lanes on that clock."""
    return Lanes(time.clock, time.sleep)


async def note_turn(ticket, name, turns):
    """Wait for a turn, note it, and keep it."""
    await ticket.turn()
    turns.append(name)


async def test_a_free_lane_is_open_at_once(lanes):
    """The first one waits for nothing, and leaves nothing behind."""
    ticket = lanes.join("a")
    await ticket.turn()
    assert len(lanes) == 1
    ticket.leave()
    assert len(lanes) == 0


async def test_turns_come_in_the_order_of_joining(lanes):
    """One at a time, first in first out, in whatever order the tasks begin to wait."""
    turns, tickets = [], [lanes.join("a") for _ in range(4)]
    async with anyio.create_task_group() as tasks:
        for n in (2, 0, 3, 1):
            tasks.start_soon(note_turn, tickets[n], n, turns)
            await wait_all_tasks_blocked()
        for n, ticket in enumerate(tickets):
            assert turns == list(range(n + 1))
            ticket.leave()
            await wait_all_tasks_blocked()
    assert len(lanes) == 0


async def test_lanes_do_not_wait_for_each_other(lanes):
    """Two keys are two lanes."""
    first, other = lanes.join("a"), lanes.join("b")
    await first.turn()
    await other.turn()
    assert len(lanes) == 2


async def test_a_turn_that_came_early_is_not_missed(lanes):
    """Who joins, and waits only when everything ahead has left, goes on at once."""
    first, second = lanes.join("a"), lanes.join("a")
    first.leave()
    await second.turn()
    second.leave()
    assert len(lanes) == 0


@pytest.mark.parametrize("quitter", [0, 1, 2, 3])
async def test_who_gives_up_holds_up_nobody(lanes, quitter):
    """A ticket given back at the front, in the middle or at the end closes the gap."""
    turns, tickets = [], [lanes.join("a") for _ in range(4)]
    async with anyio.create_task_group() as tasks:
        for n, ticket in enumerate(tickets):
            if n != quitter:
                tasks.start_soon(note_turn, ticket, n, turns)
        await wait_all_tasks_blocked()
        tickets[quitter].leave()
        tickets.append(lanes.join("a"))
        tasks.start_soon(note_turn, tickets[4], 4, turns)
        await wait_all_tasks_blocked()
        left = [n for n in range(5) if n != quitter]
        for count, n in enumerate(left, 1):
            assert turns == left[:count]
            tickets[n].leave()
            await wait_all_tasks_blocked()
    assert len(lanes) == 0


async def test_leaving_twice_is_harmless(lanes):
    """A second `leave`, even with a settle time, neither lets two in nor closes the lane."""
    first, second, third = (lanes.join("a") for _ in range(3))
    first.leave()
    first.leave(settle=30.0)
    await second.turn()
    turns = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(note_turn, third, 3, turns)
        await wait_all_tasks_blocked()
        first.leave()
        await wait_all_tasks_blocked()
        assert turns == []
        second.leave()
    assert turns == [3]
    third.leave()
    third.leave()
    assert len(lanes) == 0


async def test_a_lane_settles_before_the_next_turn(lanes, time):
    """Where a request may still be running, who waits is let in when it has surely ended."""
    turns, first, second = [], lanes.join("a"), lanes.join("a")
    await first.turn()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(note_turn, second, 2, turns)
        await wait_all_tasks_blocked()
        first.leave(settle=30.0)
        await time.pass_by(0.0)
        await time.pass_by(29.9)
        assert turns == []
        await time.pass_by(0.1)
        assert turns == [2]
    assert time.slept == [30.0]


async def test_an_empty_lane_settles_too(lanes, time):
    """Who joins after the last one has left waits for the rest of its time."""
    turns, first = [], lanes.join("a")
    first.leave(settle=30.0)
    assert len(lanes) == 1
    await time.pass_by(10.0)
    second = lanes.join("a")
    assert len(lanes) == 1
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(note_turn, second, 2, turns)
        await wait_all_tasks_blocked()
        assert turns == []
        await time.pass_by(20.0)
    assert turns == [2]
    assert time.slept == [20.0]
    second.leave()
    assert len(lanes) == 0


@pytest.mark.parametrize("waits", [True, False])
async def test_giving_up_does_not_open_a_settling_lane(lanes, time, waits):
    """Who gives up before the lane is open leaves it closed for the next one."""
    turns, first, second = [], lanes.join("a"), lanes.join("a")
    third = lanes.join("a") if waits else None
    first.leave(settle=30.0)
    await time.pass_by(10.0)
    second.leave()
    third = third or lanes.join("a")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(note_turn, third, 3, turns)
        await time.pass_by(19.9)
        assert turns == []
        await time.pass_by(0.1)
    assert turns == [3]


async def test_a_sleep_that_ends_early_opens_nothing(lanes, time):
    """The clock decides, not the timer."""
    lanes.join("a").leave(settle=30.0)
    naps = []

    async def nap(seconds):
        naps.append(seconds)
        time.now += seconds / 2 if len(naps) < 3 else seconds

    lanes.sleep = nap
    await lanes.join("a").turn()
    assert naps == [30.0, 15.0, 7.5]
    assert time.now == 1030.0


async def test_a_lane_past_its_settling_is_open(lanes, time):
    """Who comes when the time is over sleeps not at all."""
    lanes.join("a").leave(settle=30.0)
    time.now += 30.0
    await lanes.join("a").turn()
    assert time.slept == []


def test_closed_lanes_are_dropped_when_their_time_is_over(lanes, time):
    """A lane that nobody comes back to is not kept for ever."""
    for n in range(100):
        lanes.join(n).leave(settle=30.0)
        time.now += 1.0
    assert len(lanes) == 30
    time.now += 30.0
    lanes.join("any").leave()
    assert len(lanes) == 0


@pytest.mark.parametrize("seed", range(4))
async def test_any_storm_of_cancellations_keeps_the_order(lanes, seed):
    """Never two in a lane at once; turns come as joined, but for those that gave up."""
    rng = random.Random(seed)
    inside, turns, joined, gave_up = {}, {}, {}, set()

    async def errand(ticket, lane, n, scope):
        with scope:
            try:
                await ticket.turn()
                assert inside.get(lane) is None
                inside[lane] = n
                turns.setdefault(lane, []).append(n)
                for _ in range(rng.randrange(4)):
                    await checkpoint()
            except BaseException:
                gave_up.add(n)
                raise
            finally:
                if inside.get(lane) == n:
                    inside[lane] = None
                ticket.leave()

    scopes = []
    async with anyio.create_task_group() as tasks:
        for n in range(400):
            lane = rng.randrange(5)
            joined.setdefault(lane, []).append(n)
            scopes.append(anyio.CancelScope())
            tasks.start_soon(errand, lanes.join(lane), lane, n, scopes[-1])
            if rng.random() < 0.3:
                await checkpoint()
            if rng.random() < 0.4:
                rng.choice(scopes).cancel()
    assert gave_up
    for lane, order in joined.items():
        reached = set(turns[lane])
        assert turns[lane] == [n for n in order if n in reached]
        assert set(order) - reached <= gave_up
    assert len(lanes) == 0


class LaneMachine(RuleBasedStateMachine):
    """Any order of joining, leaving and settling against a plain list for each lane.

    Whose turn it is shows in a first step of `turn`: it runs through, sleeps, or waits.
    """

    tickets = Bundle("tickets")

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.lanes = Lanes(lambda: self.now, None)
        self.queues = {"a": [], "b": []}
        self.opens = {"a": 0.0, "b": 0.0}

    @rule(target=tickets, lane=st.sampled_from("ab"))
    def join(self, lane):
        ticket = self.lanes.join(lane)
        self.queues[lane].append(ticket)
        return lane, ticket

    @rule(taken=consumes(tickets), settle=st.sampled_from([0.0, 0.0, 3.0, 10.0]))
    def leave(self, taken, settle):
        lane, ticket = taken
        was_first = self.queues[lane][0] is ticket
        self.queues[lane].remove(ticket)
        if was_first and self.now >= self.opens[lane]:
            ticket.leave(settle=settle)
            self.opens[lane] = self.now + settle
        else:
            ticket.leave()
        ticket.leave(settle=99.0)

    @rule(seconds=st.sampled_from([1.0, 5.0]))
    def wait(self, seconds):
        self.now += seconds

    @invariant()
    def only_the_first_has_its_turn(self):
        for lane, queue in self.queues.items():
            for place, ticket in enumerate(queue):
                expected = "waits" if place else "sleeps" if self.now < self.opens[lane] else "turn"
                assert self.state(ticket) == expected

    @invariant()
    def lanes_in_use_are_counted(self):
        in_use = sum(map(bool, self.queues.values()))
        shut = sum(self.now < self.opens[lane] and not queue for lane, queue in self.queues.items())
        assert in_use + shut <= len(self.lanes) <= 2

    def state(self, ticket):
        """Return what the first step of `turn` would come to, asked without an event loop."""
        if ticket.ahead is not None:
            return "waits"
        self.lanes.sleep = self.refuse
        turn = ticket.turn()
        try:
            turn.send(None)
        except StopIteration:
            return "turn"
        except InterruptedError:
            return "sleeps"
        raise AssertionError("a first in its lane waited for somebody")

    async def refuse(self, seconds):
        assert seconds > 0
        raise InterruptedError


LaneMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestAnyOrder = LaneMachine.TestCase


def test_nobody_gives_way_to_nobody():
    """Giving way is for a ticket with others behind it."""
    lanes = Lanes(lambda: 0.0, anyio.sleep)
    ticket = lanes.join("a")
    with pytest.raises(RuntimeError, match="nothing is behind"):
        ticket.give_way_to(lanes.join("b"))


async def test_a_ticket_that_gave_way_is_the_last_when_nothing_is_behind():
    """Whoever joins next comes behind it, and a lane that is left is gone."""
    lanes = Lanes(lambda: 0.0, anyio.sleep)
    first, second = lanes.join("a"), lanes.join("a")
    first.give_way_to(second)
    third = lanes.join("a")
    assert (second.ahead, first.ahead, third.ahead) == (None, second, first)
    second.leave()
    await first.turn()
    first.leave()
    await third.turn()
    third.leave()
    assert len(lanes) == 0
