import itertools
import math

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from airview_herald._memory import Memory
from airview_herald.errors import BadRequestError, CooldownError, DeadlineError, RequestFacts

REFUSAL = BadRequestError("no", RequestFacts("POST", "http://airview/systems/", 400))


class Finder:
    """Finds when told to, and counts; `inherited` is what each call was told."""

    def __init__(self, *answers):
        self.answers = itertools.chain(answers, itertools.repeat("found"))
        self.inherited = []
        self.go = anyio.Event()

    async def __call__(self, inherited):
        self.inherited.append(inherited)
        await self.go.wait()
        answer = next(self.answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer


async def ask(memory, find, into):
    """Ask for the one key of these tests, and keep what comes."""
    try:
        into.append(await memory.resolve("key", find))
    except Exception as error:  # noqa: BLE001 - kept for the test to judge
        into.append(error)


def test_values_are_remembered_and_forgotten():
    """A value is there until it is forgotten, and forgetting twice is fine."""
    memory = Memory(2)
    memory.put("a", 1)
    assert (memory.get("a"), memory.get("b"), len(memory)) == (1, None, 1)
    memory.put("a", 2)
    assert (memory.get("a"), len(memory)) == (2, 1)
    memory.forget("a")
    memory.forget("a")
    assert (memory.get("a"), len(memory)) == (None, 0)


def test_the_least_recently_used_goes_first():
    """Reading and writing a value both make it the last one to go."""
    memory = Memory(3)
    for key in "abc":
        memory.put(key, key)
    memory.get("a")
    memory.put("d", "d")
    assert [memory.get(key) for key in "abcd"] == ["a", None, "c", "d"]
    memory.put("a", "A")
    memory.put("e", "e")
    assert [memory.get(key) for key in "acde"] == ["A", None, "d", "e"]


@given(
    st.integers(1, 4),
    st.lists(
        st.tuples(st.sampled_from(["get", "put", "forget"]), st.sampled_from("abcdef")), max_size=60
    ),
)
def test_any_use_keeps_the_most_recent(capacity, steps):
    """After any steps the memory holds what a list of keys by recency holds, and no more."""
    memory, recent = Memory(capacity), []
    for step, key in steps:
        was_known = key in recent
        if was_known:
            recent.remove(key)
        if step == "put":
            memory.put(key, key)
            recent = [*recent, key][-capacity:]
        elif step == "forget":
            memory.forget(key)
        else:
            assert memory.get(key) == (key if was_known else None)
            recent += [key] * was_known
    assert len(memory) == len(recent)
    assert [key for key in "abcdef" if memory.get(key)] == sorted(recent)


async def test_a_thousand_askers_are_one_find():
    """One task finds, all the others get its value, and later ones get it at once."""
    memory, find, answers = Memory(10), Finder(), []
    async with anyio.create_task_group() as tasks:
        for _ in range(1000):
            tasks.start_soon(ask, memory, find, answers)
        await wait_all_tasks_blocked()
        find.go.set()
    assert answers == ["found"] * 1000
    assert find.inherited == [False]
    assert await memory.resolve("key", find) == "found"
    assert find.inherited == [False]
    assert memory._flights == {}


async def test_keys_are_found_apart():
    """A look-up of one key holds up no other."""
    memory, slow, fast = Memory(10), Finder(), Finder("other")
    fast.go.set()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(memory.resolve, "slow", slow)
        await wait_all_tasks_blocked()
        assert await memory.resolve("fast", fast) == "other"
        slow.go.set()


async def test_a_value_evicted_at_once_still_reaches_its_waiters():
    """Waiters get what was found, whether or not there was room to remember it."""
    memory, find, answers = Memory(1), Finder(), []

    async def ask_and_push_out():
        await ask(memory, find, answers)
        memory.put("another", "pushed")

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(ask_and_push_out)
        await wait_all_tasks_blocked()
        find.go.set()
    assert answers == ["found"] * 3
    assert find.inherited == [False]
    assert memory.get("another") == "pushed"


async def test_each_waiter_gets_a_copy_of_a_failure():
    """No two askers share an exception, and the next asker tries again."""
    memory, find, answers = Memory(10), Finder(REFUSAL), []
    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(ask, memory, find, answers)
        await wait_all_tasks_blocked()
        find.go.set()
    assert find.inherited == [False]
    assert {type(error) for error in answers} == {BadRequestError}
    assert {(error.message, error.request) for error in answers} == {("no", REFUSAL.request)}
    assert len({id(error) for error in answers}) == 10
    assert memory._flights == {}
    assert await memory.resolve("key", find) == "found"
    assert find.inherited == [False, False]


@pytest.mark.parametrize("waiters", [1, 5])
async def test_a_waiter_takes_over_from_a_cancelled_leader(waiters):
    """When the task that finds is cancelled, one other looks for what it may have left."""
    memory, find, answers = Memory(10), Finder(), []
    scope = anyio.CancelScope()

    async def lead():
        with scope:
            await memory.resolve("key", find)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lead)
        await wait_all_tasks_blocked()
        for _ in range(waiters):
            tasks.start_soon(ask, memory, find, answers)
        await wait_all_tasks_blocked()
        scope.cancel()
        await wait_all_tasks_blocked()
        assert find.inherited == [False, True]
        find.go.set()
    assert answers == ["found"] * waiters
    assert find.inherited == [False, True]
    assert memory._flights == {}


async def test_a_waiter_takes_over_from_a_leader_out_of_time():
    """A deadline is the leader's own affair: it raises there, and another goes on."""
    memory, answers = Memory(10), []
    find = Finder(DeadlineError("late"), DeadlineError("late too"), "found at last")
    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(ask, memory, find, answers)
        await wait_all_tasks_blocked()
        find.go.set()
    assert sorted(map(str, answers)) == ["found at last", "found at last", "late", "late too"]
    assert find.inherited == [False, True, True]
    assert memory._flights == {}


async def test_a_waiter_takes_over_from_a_leader_out_of_patience():
    """`max_cooldown` is one batch's: another batch, or a single call, has its own."""
    memory, answers = Memory(10), []
    find = Finder(CooldownError("tired"), "found at last")
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(ask, memory, find, answers)
        await wait_all_tasks_blocked()
        find.go.set()
    assert sorted(map(str, answers)) == ["found at last", "found at last", "tired"]
    assert find.inherited == [False, True]
    assert memory._flights == {}


async def test_a_leader_that_is_alone_leaves_nothing_behind():
    """After a cancelled find the next asker starts afresh, with nothing to inherit."""
    memory, find = Memory(10), Finder()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await memory.resolve("key", find)
    assert memory._flights == {}
    find.go.set()
    assert await memory.resolve("key", find) == "found"
    assert find.inherited == [False, False]


async def test_a_cancelled_waiter_disturbs_nobody():
    """The one who finds and the other waiters go on."""
    memory, find, answers = Memory(10), Finder(), []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, memory, find, answers)
        await wait_all_tasks_blocked()
        async with anyio.create_task_group() as impatient:
            impatient.start_soon(ask, memory, find, answers)
            await wait_all_tasks_blocked()
            impatient.cancel_scope.cancel()
        tasks.start_soon(ask, memory, find, answers)
        await wait_all_tasks_blocked()
        find.go.set()
    assert answers == ["found"] * 2
    assert find.inherited == [False]


async def test_a_foreign_exception_is_not_handed_around():
    """What is no error of this package's is raised where it arose, and a waiter tries itself."""
    memory, find, answers = Memory(10), Finder(ZeroDivisionError()), []
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(ask, memory, find, answers)
        await wait_all_tasks_blocked()
        find.go.set()
    assert [type(answer) for answer in answers] == [ZeroDivisionError, str, str]
    assert find.inherited == [False, True]


async def test_a_find_may_ask_for_another_key():
    """Definitions are found while others wait for them: an application needs its environment."""
    memory = Memory(10)

    async def inner(_):
        await checkpoint()
        return "environment"

    async def outer(_):
        return "application in " + await memory.resolve("inner", inner)

    assert await memory.resolve("outer", outer) == "application in environment"
    assert len(memory) == 2


async def test_a_waiter_whose_time_is_up_takes_over_no_more():
    """Waiting is on the asker's clock: it is asked before the wait, and after a late leader."""
    memory, asked, finds = Memory(9), [], []

    def time_left():
        asked.append(len(finds))
        return 0.0 if len(finds) == 1 and released.is_set() else math.inf

    async def find(_):
        finds.append(1)
        await released.wait()
        raise DeadlineError("out of time")

    async def ask():
        with pytest.raises(DeadlineError):
            await memory.resolve("k", find, time_left)

    released = anyio.Event()
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        assert asked == [1, 1]
        released.set()
    assert len(finds) == 1


async def test_a_waiter_waits_no_longer_than_it_has_time():
    """A batch may look for a quarter of an hour, and who waits beside it has a deadline."""
    memory, find, answers = Memory(9), Finder(), []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, memory, find, answers)
        await wait_all_tasks_blocked()
        with anyio.fail_after(5), pytest.raises(DeadlineError, match="another operation looks up"):
            await memory.resolve("key", find, lambda: 0.01)
        find.go.set()
    assert answers == ["found"]
    assert find.inherited == [False]


@pytest.mark.parametrize("answer", [REFUSAL, "old"])
async def test_what_was_under_way_when_all_was_forgotten_tells_only_who_began_it(answer):
    """A waiter looks again, and the stale answer is not remembered."""
    memory, find = Memory(2), Finder(answer, "new")
    first, second = [], []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, memory, find, first)
        await wait_all_tasks_blocked()
        tasks.start_soon(ask, memory, find, second)
        await wait_all_tasks_blocked()
        memory.clear()
        find.go.set()
    assert first == [answer]
    assert second == ["new"]
    assert find.inherited == [False, True]
    assert memory.get("key") == "new"
