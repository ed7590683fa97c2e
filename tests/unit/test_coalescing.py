"""Who is sent and who is not, when events of one lane meet; no requests here."""

from contextlib import asynccontextmanager

import anyio
import pytest

from airview_herald.airview import OutcomeStatus
from airview_herald.airview._coalescing import Coalescing
from airview_herald.airview._held import Held
from airview_herald.airview._lanes import Lanes

LANE = ("payments", "i-1", "patching")


class Lane:
    """A lane, the events of one run in it, and what became of each: `None` is sent."""

    def __init__(self):
        self.lanes = Lanes(lambda: 0.0, anyio.sleep)
        self.coalescing = Coalescing()
        self.count = 0
        self.answers = {}

    def admit(self):
        held = Held(self.count, None, lane=LANE, ticket=self.lanes.join(LANE))
        self.count += 1
        self.coalescing.admit(held, held.ticket)
        return held

    async def ask(self, held):
        newer = await self.coalescing.superseded_by(held, held.ticket)
        self.answers[held.index] = None if newer is None else newer.index
        if newer is not None:
            self.settle(held, OutcomeStatus.SKIPPED)

    def settle(self, held, status):
        self.coalescing.settle(held, held.ticket, status)
        held.ticket.leave()


@asynccontextmanager
async def background():
    """Tasks that end with the block."""
    async with anyio.create_task_group() as group:
        yield group
        group.cancel_scope.cancel()


async def test_an_event_alone_is_sent():
    """Nothing newer, nothing to wait for."""
    async with background() as tasks:
        lane = Lane()
        tasks.start_soon(lane.ask, lane.admit())
        await anyio.wait_all_tasks_blocked()
        assert lane.answers == {0: None}


@pytest.mark.parametrize("status", [OutcomeStatus.RECORDED, OutcomeStatus.UNKNOWN])
async def test_older_events_are_out_of_the_way_of_one_that_may_be_recorded(status):
    """The newest goes first; the others wait for it, and point at it."""
    async with background() as tasks:
        lane = Lane()
        first, second, third = lane.admit(), lane.admit(), lane.admit()
        for held in (first, second, third):
            tasks.start_soon(lane.ask, held)
        await anyio.wait_all_tasks_blocked()
        assert lane.answers == {2: None}
        lane.settle(third, status)
        await anyio.wait_all_tasks_blocked()
        assert lane.answers == {0: 2, 1: 2, 2: None}
        assert len(lane.lanes) == 0


async def test_what_fails_is_replaced_by_the_one_before_it():
    """The newest that can be recorded is, and only that."""
    async with background() as tasks:
        lane = Lane()
        first, second, third = lane.admit(), lane.admit(), lane.admit()
        for held in (first, second, third):
            tasks.start_soon(lane.ask, held)
        await anyio.wait_all_tasks_blocked()
        lane.settle(third, OutcomeStatus.FAILED)
        await anyio.wait_all_tasks_blocked()
        assert lane.answers == {2: None, 1: None}
        lane.settle(second, OutcomeStatus.RECORDED)
        await anyio.wait_all_tasks_blocked()
        assert lane.answers == {0: 1, 1: None, 2: None}
        assert len(lane.lanes) == 0


async def test_an_older_event_keeps_its_place_before_somebody_elses():
    """When the newer one fails, the older one is sent before what others put behind it."""
    async with background() as tasks:
        lane = Lane()
        first, second = lane.admit(), lane.admit()
        elsewhere = lane.lanes.join(LANE)
        turns = []

        async def other():
            await elsewhere.turn()
            turns.append("other")

        for held in (first, second):
            tasks.start_soon(lane.ask, held)
        tasks.start_soon(other)
        await anyio.wait_all_tasks_blocked()
        lane.settle(second, OutcomeStatus.FAILED)
        await anyio.wait_all_tasks_blocked()
        assert (lane.answers, turns) == ({1: None, 0: None}, [])
        lane.settle(first, OutcomeStatus.RECORDED)
        await anyio.wait_all_tasks_blocked()
        assert turns == ["other"]


async def test_an_event_does_not_give_way_over_somebody_elses():
    """What others put in between comes after it, as if all were sent."""
    async with background() as tasks:
        lane = Lane()
        first = lane.admit()
        elsewhere = lane.lanes.join(LANE)
        second = lane.admit()
        for held in (first, second):
            tasks.start_soon(lane.ask, held)
        await anyio.wait_all_tasks_blocked()
        assert lane.answers == {0: None}
        lane.settle(first, OutcomeStatus.RECORDED)
        elsewhere.leave()
        await anyio.wait_all_tasks_blocked()
        assert lane.answers == {0: None, 1: None}


async def test_a_newer_event_that_came_and_went_still_counts():
    """Older ones that waited for another are out of the way of it, too."""
    async with background() as tasks:
        lane = Lane()
        older, newer = lane.admit(), lane.admit()
        tasks.start_soon(lane.ask, older)
        await anyio.wait_all_tasks_blocked()
        newest = lane.admit()
        tasks.start_soon(lane.ask, newer)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(lane.ask, newest)
        await anyio.wait_all_tasks_blocked()
        lane.settle(newest, OutcomeStatus.RECORDED)
        await anyio.wait_all_tasks_blocked()
        assert lane.answers == {0: 2, 1: 2, 2: None}


async def test_nothing_is_remembered_of_a_lane_that_is_through():
    """Memory is in proportion to what is held."""
    lane = Lane()
    for held in [lane.admit() for _ in range(3)]:
        lane.settle(held, OutcomeStatus.RECORDED)
    assert (lane.coalescing._holders, lane.coalescing._waiting, lane.coalescing._sent) == (
        {},
        {},
        {},
    )
    assert len(lane.lanes) == 0
