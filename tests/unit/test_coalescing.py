"""Who is sent and who is not, when events of one lane meet; no requests here."""

import anyio
import pytest

from airview_herald.airview import Outcome, OutcomeStatus, Stage
from airview_herald.airview._coalescing import Coalescing
from airview_herald.airview._held import Held
from airview_herald.airview._lanes import Lanes

LANE = ("payments", "i-1", "patching")


class Lane:
    """Events of one lane, admitted in order."""

    def __init__(self):
        self.lanes = Lanes(lambda: 0.0, anyio.sleep)
        self.coalescing = Coalescing(self.lanes)
        self.held = []

    def admit(self):
        held = Held(len(self.held), None, LANE, self.lanes.join(LANE))
        self.coalescing.admit(held)
        self.held.append(held)
        return held

    def settle(self, held, status):
        held.outcome = Outcome(None, held.index, status, Stage.QUEUED)
        held.ticket.leave()
        self.coalescing.settle(held)


async def resolved(function, *arguments):
    """Run until everything else waits; return the result, or `...` if it waits too."""
    results = [...]

    async def run():
        results[0] = await function(*arguments)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    return results[0]


async def test_an_event_alone_is_sent():
    """Nothing newer, nothing to wait for."""
    lane = Lane()
    assert await lane.coalescing.superseded_by(lane.admit()) is None


async def test_an_older_event_waits_for_the_newer_one():
    """It gives its place up at once, and its answer comes with the newer one's outcome."""
    lane = Lane()
    older, newer = lane.admit(), lane.admit()
    answers = []

    async def ask():
        answers.append(await lane.coalescing.superseded_by(older))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        assert older.ticket.left
        assert await resolved(lane.coalescing.superseded_by, newer) is None
        lane.settle(newer, OutcomeStatus.RECORDED)
    assert answers == [newer]


async def test_an_older_event_queues_again_when_the_newer_one_failed():
    """It is sent in a lane that is its own for as long."""
    lane = Lane()
    older, newer = lane.admit(), lane.admit()
    answers = []

    async def ask():
        answers.append(await lane.coalescing.superseded_by(older))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        lane.settle(newer, OutcomeStatus.FAILED)
    assert answers == [None]
    assert not older.ticket.left
    behind = lane.lanes.join(LANE)
    assert await resolved(behind.turn) is ...
    older.ticket.leave()
    assert await resolved(behind.turn) is None


@pytest.mark.parametrize("status", [OutcomeStatus.RECORDED, OutcomeStatus.UNKNOWN])
async def test_a_newest_event_that_is_through_already_still_counts(status):
    """An older one whose newer one fails looks for what came after both, sent or not."""
    lane = Lane()
    older, newer = lane.admit(), lane.admit()
    answers = []

    async def ask():
        answers.append(await lane.coalescing.superseded_by(older))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        newest = lane.admit()
        lane.settle(newest, status)
        lane.settle(newer, OutcomeStatus.FAILED)
    assert answers == [newest]


async def test_a_lane_is_forgotten_with_its_last_event():
    """Memory is in proportion to what is held."""
    lane = Lane()
    for held in [lane.admit() for _ in range(3)]:
        lane.settle(held, OutcomeStatus.RECORDED)
    assert lane.coalescing._held == {}
    assert len(lane.lanes) == 0
