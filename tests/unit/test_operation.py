"""Slots, in the order in which they were asked for, and an operation's clock."""

import random

import anyio
import pytest
from anyio.lowlevel import checkpoint

from airview_herald.transport._limiter import Slots
from airview_herald.transport._operation import Operation


async def use(slots, name, served, leave):
    """Take a slot, and give it back when told to leave."""
    await slots.acquire()
    served.append(name)
    try:
        await leave.wait()
    finally:
        slots.release()


async def all_free(slots, limit):
    """Whether every slot can be taken at once, and not one more."""
    with anyio.move_on_after(1):
        for _ in range(limit):
            await slots.acquire()
        async with anyio.create_task_group() as tasks:
            extra = []
            tasks.start_soon(use, slots, "extra", extra, anyio.Event())
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        return not extra
    return False


async def test_no_more_than_the_limit_are_in_flight():
    """A slot more than there are has to be waited for."""
    slots, served, leave = Slots(2), [], anyio.Event()
    async with anyio.create_task_group() as tasks:
        for name in "abc":
            tasks.start_soon(use, slots, name, served, leave)
        await anyio.wait_all_tasks_blocked()
        assert len(served) == 2
        leave.set()
    assert len(served) == 3
    assert await all_free(slots, 2)


async def test_the_first_to_ask_is_the_first_to_get():
    """Slots go to the waiters in their order, and nobody overtakes them."""
    slots, served, leave = Slots(1), [], anyio.Event()
    await slots.acquire()
    leave.set()
    async with anyio.create_task_group() as tasks:
        for name in range(20):
            tasks.start_soon(use, slots, name, served, leave)
            await anyio.wait_all_tasks_blocked()
        slots.release()
        tasks.start_soon(use, slots, "late", served, leave)
    assert served == [*range(20), "late"]
    assert await all_free(slots, 1)


async def test_a_cancelled_waiter_is_passed_over():
    """A waiter that is cancelled leaves the queue; those behind it get their turn."""
    slots, served, leave = Slots(1), [], anyio.Event()
    await slots.acquire()
    async with anyio.create_task_group() as tasks:
        scope = anyio.CancelScope()

        async def impatient():
            with scope:
                await use(slots, "impatient", served, leave)

        tasks.start_soon(impatient)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(use, slots, "patient", served, leave)
        await anyio.wait_all_tasks_blocked()
        scope.cancel()
        await anyio.wait_all_tasks_blocked()
        leave.set()
        slots.release()
    assert served == ["patient"]
    assert await all_free(slots, 1)


async def test_a_slot_given_to_a_cancelled_waiter_is_passed_on():
    """A slot handed over in the moment of a cancellation goes to the next waiter."""
    slots, served, leave = Slots(1), [], anyio.Event()
    await slots.acquire()
    leave.set()
    async with anyio.create_task_group() as tasks:
        scope = anyio.CancelScope()

        async def cancelled():
            with scope:
                await use(slots, "cancelled", served, leave)

        tasks.start_soon(cancelled)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(use, slots, "next", served, leave)
        await anyio.wait_all_tasks_blocked()
        scope.cancel()
        slots.release()
    assert "next" in served
    assert await all_free(slots, 1)


@pytest.mark.parametrize("seed", range(8))
async def test_cancelling_at_random_loses_no_slot(seed):
    """Whoever is cancelled, and whenever, all slots are there in the end, and never one more."""
    rng = random.Random(seed)
    limit = rng.randint(1, 4)
    slots = Slots(limit)
    in_use = most = 0

    async def worker(scope):
        nonlocal in_use, most
        with scope:
            await slots.acquire()
            in_use += 1
            most = max(most, in_use)
            try:
                for _ in range(rng.randint(0, 3)):
                    await checkpoint()
            finally:
                in_use -= 1
                slots.release()

    async with anyio.create_task_group() as tasks:
        scopes = []
        for _ in range(150):
            scopes.append(anyio.CancelScope())
            tasks.start_soon(worker, scopes[-1])
            for _ in range(rng.randint(0, 2)):
                await checkpoint()
            if rng.random() < 0.5:
                rng.choice(scopes).cancel()
    assert most == limit
    assert in_use == 0
    assert await all_free(slots, limit)


def test_the_clock_of_an_operation_starts_with_its_first_request():
    """An operation that waits to begin loses no time."""
    now = 1000.0
    operation = Operation(deadline=120.0, attempts=4)
    assert operation.started is None
    assert operation.remaining(lambda: now) == 120.0
    assert operation.started == now
    assert operation.remaining(lambda: now + 50) == 70.0
    assert operation.remaining(lambda: now + 130) == -10.0


def test_a_new_operation_has_spent_nothing():
    """The account starts empty, with nothing in flight."""
    operation = Operation(deadline=120.0, attempts=None)
    assert (operation.requests, operation.retries, operation.throttled) == (0, 0, 0)
    assert operation.in_flight is None
    assert operation.slots is None
