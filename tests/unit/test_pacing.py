"""When a client may send: holds, the gate, the rate, and the clock that stands still."""

import anyio
import pytest
from clock import Clock

from airview_herald.errors import CooldownError, DeadlineError
from airview_herald.transport._gate import Gate
from airview_herald.transport._limiter import Slots
from airview_herald.transport._operation import Operation, Patience
from airview_herald.transport._pacing import Pacing


@pytest.fixture
def time():
    """The clock."""
    return Clock()


@pytest.fixture
def pacing(time):
    """A client's pacing, on that clock."""
    return Pacing(time, time.sleep)


def batch(pacing, limit=900.0, deadline=120.0):
    """Make an account of a batch's event."""
    return Operation(deadline, None, Slots(4), Patience(limit, pacing.active))


def test_a_gate_lets_one_through_each_second():
    """Closed, it lets a probe pass after a second, and the next one a second later."""
    gate = Gate()
    assert gate.take(0.0)
    gate.close(10.0)
    assert (gate.wait(10.0), gate.take(10.9)) == (1.0, False)
    assert gate.take(11.0)
    assert not gate.take(11.5)
    gate.close(11.5)
    assert gate.take(12.0)
    gate.open()
    assert gate.take(12.0)
    assert gate.take(12.0)


async def test_a_hold_keeps_everybody_waiting_for_so_long(time, pacing):
    """Batches and single calls alike wait as long as the server has asked for."""
    for operation in (batch(pacing), Operation(120.0, 4)):
        began = time.now
        pacing.hold(10.0)
        assert not pacing.quiet
        await pacing.admit(operation)
        assert time.now - began == 10.0


async def test_a_longer_hold_extends_a_shorter_one_and_not_the_other_way_round(time, pacing):
    """The latest end counts."""
    pacing.hold(10.0)
    pacing.hold(3.0)
    await pacing.admit(batch(pacing))
    assert time.now == 1010.0


async def test_a_single_call_does_not_wait_beyond_its_deadline(time, pacing):
    """It fails now, and carries the wait."""
    pacing.hold(200.0)
    with pytest.raises(DeadlineError) as caught:
        await pacing.admit(Operation(120.0, 4))
    assert caught.value.retry_after == 200.0
    assert time.now == 1000.0


async def test_the_clock_of_an_event_stands_still_during_cool_down(time, pacing):
    """A hold and a closed gate, overlapping or not, are on no event's clock, but on a call's."""
    event, call = batch(pacing), Operation(120.0, 4)
    assert event.remaining(time) == call.remaining(time) == 120.0
    time.now += 10
    pacing.hold(30.0)
    time.now += 20
    pacing.close_gate()
    time.now += 50
    assert event.remaining(time) == 110.0
    pacing.succeeded()
    time.now += 5
    assert event.remaining(time) == 105.0
    assert call.remaining(time) == 35.0


async def test_a_hold_ends_on_the_clock_when_it_said(time, pacing):
    """However late somebody looks, the clock stood still for the hold and no longer."""
    event = batch(pacing)
    event.remaining(time)
    pacing.hold(30.0)
    time.now += 100
    assert event.remaining(time) == 50.0


async def test_waiting_for_the_rate_is_not_on_an_events_clock(time, pacing):
    """What the server's limit costs in waiting is not the event's fault."""
    for _ in range(20):
        pacing.sending(time.now)
    for _ in range(20):
        pacing.throttled(time.now, asked=False)
    events = [batch(pacing) for _ in range(5)]
    patience = events[0].patience
    for event in events:
        event.patience, event.slots = patience, Slots(9)
        event.remaining(time)
    for event in events:
        await pacing.admit(event)
    assert time.now > 1000.3
    waited = time.now - 1000.0
    assert events[-1].waited > 0
    assert sum(event.waited for event in events) == pytest.approx(waited)


async def test_a_probe_waits_for_no_rate(time, pacing):
    """A gate that closes while the rate is used up lets its probes through all the same."""
    for _ in range(20):
        pacing.sending(time.now)
    for _ in range(20):
        pacing.throttled(time.now, asked=False)
    event = batch(pacing)
    await pacing.admit(event)
    pacing.close_gate()
    closed = time.now
    with anyio.fail_after(5):
        await pacing.admit(event)
    assert time.now == pytest.approx(closed + 1.0)


async def test_a_single_call_waits_for_no_rate_beside_a_closed_gate(time, pacing):
    """Its tokens come by a clock that stands still: the call would fail at its deadline."""
    pacing.limit(2.0)
    await pacing.admit(Operation(120.0, 4))
    pacing.close_gate()
    for _ in range(3):
        await pacing.admit(Operation(120.0, 4))
    assert time.now == 1000.0


async def test_one_probe_a_second_passes_a_closed_gate(time, pacing):
    """A batch's requests go out one a second; a single call knows no gate."""
    pacing.close_gate()
    patience, passed = Patience(900.0, pacing.active), []
    slots = Slots(100)
    for _ in range(5):
        await pacing.admit(Operation(120.0, None, slots, patience))
        passed.append(time.now)
    assert [round(b - a, 3) for a, b in zip([1000.0, *passed], passed, strict=False)] == [1.0] * 5
    await pacing.admit(Operation(120.0, 4))
    assert time.now == passed[-1]


async def test_when_the_gate_opens_all_go_on(time, pacing):
    """A real answer opens it at once for all."""
    pacing.close_gate()
    pacing.succeeded()
    assert pacing.quiet
    await pacing.admit(batch(pacing))
    assert time.now == 1000.0


async def test_no_slot_is_held_while_waiting(pacing, time):
    """Who waits in line leaves the slots to others."""
    operation = batch(pacing)
    taken = []

    async def sleep(seconds):
        await operation.slots.acquire()
        taken.append(seconds)
        operation.slots.release()
        time.now += seconds

    pacing._sleep = sleep
    operation.slots = Slots(1)
    pacing.hold(5.0)
    await pacing.admit(operation)
    assert taken == [5.0]


@pytest.mark.parametrize("seconds", [901.0, 5000.0])
async def test_a_pause_beyond_a_batchs_patience_is_not_waited_for(pacing, time, seconds):
    """A hold that outlasts `max_cooldown` ends the batch now."""
    pacing.hold(seconds)
    with pytest.raises(CooldownError, match="max_cooldown is 900"):
        await pacing.admit(batch(pacing))
    with pytest.raises(CooldownError):
        await pacing.cool_down(Patience(900.0, pacing.active), bool)
    assert time.now == 1000.0


async def test_a_gate_that_stays_closed_outlasts_a_batchs_patience(pacing, time):
    """Probes in vain do not begin the count anew."""
    pacing.close_gate()
    patience = Patience(30.0, pacing.active)

    async def probe_in_vain():
        while True:
            await pacing.admit(Operation(120.0, None, Slots(1), patience))
            pacing.close_gate()

    with pytest.raises(CooldownError):
        await probe_in_vain()
    assert time.now == pytest.approx(1030.0, abs=1.1)


async def test_holds_one_after_the_other_add_up_until_something_succeeds(pacing, time):
    """Only a success says that the server is back; then the count begins anew."""
    event = batch(pacing, limit=25.0)
    for succeeds in (False, True, False):
        pacing.hold(10.0)
        await pacing.admit(event)
        event.slots.release()
        if succeeds:
            pacing.succeeded()
    pacing.hold(10.0)
    await pacing.admit(event)
    event.slots.release()
    pacing.hold(10.0)
    with pytest.raises(CooldownError):
        await pacing.admit(event)
    assert time.now == 1040.0


async def test_a_success_during_a_hold_does_not_end_it(pacing, time):
    """What was under way may be answered; nothing new goes out."""
    pacing.hold(10.0)
    pacing.succeeded()
    assert not pacing.quiet
    await pacing.admit(batch(pacing))
    assert time.now == 1010.0


async def test_cooling_down_ends_with_the_hold(pacing, time):
    """Who wants to begin something new waits for the end, and for nothing when there is none."""
    await pacing.cool_down(Patience(900.0, pacing.active), bool)
    assert time.now == 1000.0
    pacing.hold(10.0)
    await pacing.cool_down(Patience(900.0, pacing.active), bool)
    assert time.now == 1010.0


async def test_what_an_earlier_batch_has_met_is_not_on_a_later_ones_patience(pacing, time):
    """It has not tried yet: the count begins where it does."""
    pacing.close_gate()
    time.now += 5000
    later = batch(pacing, limit=30.0)
    for _ in range(31):
        await pacing.admit(later)
        later.slots.release()
    with pytest.raises(CooldownError, match=r"for 30\.\d s"):
        await pacing.admit(later)


async def test_a_batch_that_tries_nothing_may_begin_when_a_probe_may(pacing, time):
    """Nobody else may be there to open the gate; who tries already waits until it is open."""
    pacing.close_gate()
    patience = Patience(900.0, pacing.active)
    await pacing.cool_down(patience, lambda: False)
    assert time.now == pytest.approx(1001.0)
    assert pacing.gate_closed
    with pytest.raises(CooldownError):
        await pacing.cool_down(patience, lambda: True)


async def test_cancelled_in_line_nothing_is_kept(pacing, time):
    """The line goes on without the one that was cancelled."""
    pacing._sleep = anyio.sleep
    pacing.hold(1000.0)
    event = batch(pacing)
    event.patience.limit = 5000.0
    with anyio.move_on_after(0.01):
        await pacing.admit(event)
    pacing._sleep = time.sleep
    with anyio.fail_after(5):
        await pacing.admit(event)
    assert time.now == 2000.0


async def test_a_pause_that_begins_while_a_slot_is_awaited_is_heeded(pacing, time):
    """The slot is given back meanwhile, and taken once."""
    event = batch(pacing)
    event.slots = slots = Slots(1)
    await slots.acquire()
    pacing.hold(1.0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pacing.admit, event)
        await anyio.wait_all_tasks_blocked()
        assert time.now == 1001.0
        pacing.hold(10.0)
        slots.release()
    assert time.now == 1011.0
    slots.release()
    with anyio.fail_after(5):
        await slots.acquire()


async def test_a_limit_is_heeded_without_any_429(time, pacing):
    """Success does not lift it; `None` does."""
    pacing.limit(2.0)
    began = time.now
    for _ in range(5):
        await pacing.admit(batch(pacing))
        pacing.sending(time.now)
        pacing.succeeded()
    assert not pacing.quiet
    assert time.now - began == pytest.approx(2.0, abs=0.2)
    pacing.limit(None)
    pacing.succeeded()
    assert pacing.quiet


async def test_what_another_client_was_told_is_no_brake_of_ones_own(time, pacing):
    """So that two clients do not tell each other for ever."""
    pacing.slow(5.0)
    assert pacing.held_for == 5.0
    time.now += 6
    assert pacing.held_for == 0.0
    pacing.slow(0.0)
    assert pacing.brakes == 0
    pacing.hold(5.0)
    assert pacing.brakes == 1


def test_a_server_is_not_there_when_nobody_reaches_it_for_a_second(time, pacing):
    """An answer that is a failure has reached it; one before the first success has not."""
    assert pacing.missed(connected=True)
    pacing.succeeded()
    assert not pacing.missed(connected=True)
    assert not pacing.missed(connected=False)
    time.now += 60
    assert not pacing.missed(connected=True)
    assert not pacing.missed(connected=False)
    time.now += 0.9
    assert not pacing.missed(connected=False)
    time.now += 0.2
    assert pacing.missed(connected=False)
