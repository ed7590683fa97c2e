import contextlib
import io
import threading
import time
from functools import partial
from pathlib import Path

import anyio
import pytest
from anyio import to_thread, wait_all_tasks_blocked
from anyio.lowlevel import checkpoint

from airview_herald.airview import Application, ComplianceEvent, TechnicalControl
from airview_herald.airview._producer import _CHUNK, _PATIENCE, Producer
from airview_herald.errors import InputError


class Blocking:
    """An iterable that blocks, noting the threads that iterate it."""

    blocking = True

    def __init__(self, count, error=None):
        self.count = count
        self.error = error
        self.threads = set()
        self.pulled = 0
        self.closed = False

    def __iter__(self):
        try:
            for n in range(self.count):
                self.threads.add(threading.get_ident())
                self.pulled += 1
                yield n
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True


def generate(count, error=None, closed=None):
    """Yield numbers, then raise; note when closed."""
    try:
        yield from range(count)
        if error is not None:
            raise error
    finally:
        if closed is not None:
            closed.append(True)


async def generate_async(count, error=None, closed=None):
    """Yield numbers asynchronously, then raise; note when closed."""
    try:
        for n in range(count):
            await checkpoint()
            yield n
        if error is not None:
            raise error
    finally:
        if closed is not None:
            closed.append(True)


class Counting:
    """An async iterable that is no generator and has nothing to close."""

    def __init__(self, count):
        self.left = count

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return self.left


async def everything(producer, room=10):
    """Take until the end, never more than there is room."""
    taken = []
    while events := await producer.take(room):
        assert len(events) <= room
        taken += events
    return taken


@pytest.mark.parametrize("kind", [list, tuple, iter, generate, Blocking])
async def test_any_iterable_is_taken_in_order(kind):
    """Lists, tuples, iterators, generators and blocking sources all come to their end in order."""
    events = kind(3) if kind in {generate, Blocking} else kind(range(3))
    assert await everything(Producer(events)) == [0, 1, 2]


async def test_async_iterables_are_taken_in_order():
    """Asynchronous generators and iterators of any class are taken too."""
    assert await everything(Producer(generate_async(3))) == [0, 1, 2]
    assert await everything(Producer(Counting(3))) == [2, 1, 0]


async def test_the_end_stays_the_end():
    """Taking on after the end gives nothing, and asks the iterator for nothing."""
    for events in ([], generate(0), Blocking(0), Counting(0)):
        producer = Producer(events)
        assert await producer.take(5) == []
        assert await producer.take(5) == []


async def test_a_lazy_producer_is_asked_for_one_at_a_time():
    """A generator is never ahead of what is taken, so its own order of effects stays."""
    asked = []
    producer = Producer(asked.append(n) or n for n in range(5))
    assert await producer.take(5) == [0]
    assert asked == [0]


@pytest.mark.parametrize("room", [1, 7, _CHUNK, 10_000])
async def test_a_blocking_iterable_is_iterated_in_another_thread(room):
    """Its events come in chunks that there is room for, and never of more than some dozens."""
    source = Blocking(200)
    producer = Producer(source)
    assert source.pulled == 0
    first = await producer.take(room)
    assert first == list(range(min(room, _CHUNK)))
    assert source.pulled == len(first)
    assert first + await everything(producer, room) == list(range(200))
    assert threading.get_ident() not in source.threads


async def test_what_does_not_block_stays_in_this_thread():
    """Only a true attribute `blocking` moves an iterable to a worker thread."""
    source = Blocking(3)
    source.blocking = False
    assert await everything(Producer(source)) == [0, 1, 2]
    assert source.threads == {threading.get_ident()}


@pytest.mark.parametrize("kind", [generate, generate_async, Blocking])
async def test_what_came_before_an_error_is_returned_first(kind):
    """A producer that raises midway loses none of its events, and its error is raised again."""
    error = OSError("the disk is gone")
    producer, taken = Producer(kind(5, error)), []
    while len(taken) < 5:
        taken += await producer.take(3)
    assert taken == [0, 1, 2, 3, 4]
    for _ in range(2):
        with pytest.raises(OSError, match="the disk is gone") as caught:
            await producer.take(3)
        assert caught.value is error
    assert producer.left_over() == []


class Pausing:
    """A pipe: gives some events at once, and the others when it is told to go on."""

    blocking = True

    def __init__(self, first, rest):
        self.first, self.rest = first, rest
        self.paused, self.go_on = threading.Event(), threading.Event()

    def __iter__(self):
        yield from range(self.first)
        self.paused.set()
        self.go_on.wait(5)
        yield from range(self.first, self.first + self.rest)


class Lasting:
    """A blocking iterator that goes on where it was, for whoever asks."""

    blocking = True

    def __init__(self, numbers):
        self._numbers = numbers

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._numbers)


class Ending(Pausing):
    """One that can be told to end."""

    def end(self):
        """End the pause."""
        self.go_on.set()


async def test_a_pipe_that_pauses_holds_back_nothing_that_came_before():
    """Events that came together are all given while the next one is waited for."""
    source = Pausing(3, 2)
    producer = Producer(source)
    taken = []
    while len(taken) < 3:
        taken += await producer.take(10)
    assert taken == [0, 1, 2]
    assert not source.go_on.is_set()
    source.go_on.set()
    assert await everything(producer) == [3, 4]


async def test_a_pipe_that_gives_nothing_for_long_is_waited_for():
    """One thread waits, and its first event is given as it comes."""
    source = Pausing(0, 3)
    producer, taken = Producer(source), []

    async def take():
        taken.extend(await producer.take(10))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        await to_thread.run_sync(source.paused.wait)
        await anyio.sleep(0.3)
        assert taken == []
        source.go_on.set()
    assert taken == [0]
    assert await everything(producer) == [1, 2]


async def test_an_error_after_a_pause_is_raised():
    """It does not pass for the end of what the thread gave before."""

    class Breaking(Pausing):
        def __iter__(self):
            yield from super().__iter__()
            raise OSError("the pipe broke")

    source = Breaking(1, 0)
    producer = Producer(source)
    assert await producer.take(10) == [0]
    source.go_on.set()
    with pytest.raises(OSError, match="the pipe broke"):
        await producer.take(10)


async def test_a_source_is_told_that_no_more_is_wanted():
    """So that whoever closes its producer has not to wait for an event that may never come."""
    source = Ending(1, 1)
    producer = Producer(source)
    with anyio.move_on_after(0.5):
        while True:
            await producer.take(10)
    assert not source.go_on.is_set()
    with anyio.fail_after(2):
        await producer.aclose()
    assert producer.left_over() == [1]


@pytest.mark.parametrize("before", [0, 1])
async def test_nothing_is_lost_when_taking_in_a_thread_is_cancelled(before):
    """What the thread pulled is either returned by `take` or left over, each event once."""
    source = Pausing(before, 4)
    producer, taken = Producer(source), []

    async def take():
        while True:
            taken.extend(await producer.take(3))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        await to_thread.run_sync(source.paused.wait)
        tasks.cancel_scope.cancel()
    source.go_on.set()
    await producer.aclose()
    left = producer.left_over()
    assert taken + left == list(range(len(taken + left)))
    assert len(left) >= 1
    assert producer.left_over() == []


async def test_sources_that_wait_take_no_thread_from_others():
    """However many there are: the caller's own threads, and other sources', go on."""
    to_thread.current_default_thread_limiter().total_tokens = 1
    quiet, others = [Ending(0, 1) for _ in range(3)], Producer(Blocking(3))
    producers = [Producer(source) for source in quiet]
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for producer in producers:
                tasks.start_soon(producer.take, 5)
            await anyio.sleep(5 * _PATIENCE)
            assert all(source.paused.is_set() for source in quiet)
            await to_thread.run_sync(time.monotonic)
            assert await others.take(5) == [0, 1, 2]
            tasks.cancel_scope.cancel()
        for producer in (*producers, others):
            await producer.aclose()


async def test_a_thread_that_comes_late_pulls_nothing(monkeypatch):
    """On a busy machine it may begin when the account is closed: its events would be lost."""
    come, gone = threading.Event(), threading.Semaphore(0)
    pull = Producer._pull

    def pull_late(producer, *arguments, **options):
        come.wait(5)
        pull(producer, *arguments, **options)
        gone.release()

    monkeypatch.setattr(Producer, "_pull", pull_late)
    source = iter(range(5))
    producer = Producer(Lasting(source))
    with anyio.move_on_after(0.02):
        await producer.take(3)
    await producer.aclose()
    assert producer.left_over() == []
    come.set()
    assert await to_thread.run_sync(partial(gone.acquire, timeout=5))
    assert list(source) == [0, 1, 2, 3, 4]


async def test_what_is_left_over_is_given_once():
    """Events pulled and not returned are there for the account, and then gone."""
    producer = Producer(generate(5))
    producer._pull(3)
    assert producer.left_over() == [0, 1, 2]
    assert producer.left_over() == []
    assert await producer.take(1) == [3]


async def test_a_cancelled_async_producer_is_left_alone():
    """Cancelling `take` while the producer waits is no error of the producer's."""
    closed = []

    async def endless():
        try:
            yield 0
            await anyio.sleep_forever()
        finally:
            closed.append(True)

    producer = Producer(endless())
    assert await producer.take(5) == [0]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(producer.take, 5)
        await wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert closed == [True]
    assert producer.left_over() == []
    assert await producer.take(5) == []


@pytest.mark.parametrize("kind", [generate, generate_async])
async def test_generators_are_closed(kind):
    """Closing runs what a generator has in its `finally`."""
    closed = []
    producer = Producer(kind(5, None, closed))
    await producer.take(1)
    assert closed == []
    await producer.aclose()
    assert closed == [True]
    await producer.aclose()


async def test_a_blocking_source_is_closed():
    """A source that was not read to its end is closed with the producer."""
    source = Blocking(1000)
    producer = Producer(source)
    await producer.take(1)
    await producer.aclose()
    assert source.closed


async def test_what_does_not_close_is_left_as_it_is():
    """Iterators without a `close` need none."""
    for events in ([1], Counting(1)):
        producer = Producer(events)
        await producer.aclose()
        assert len(await producer.take(1)) == 1


async def _events():
    yield 1


_EVENT = ComplianceEvent("i-1", Application("A", "a"), TechnicalControl("T", "t", "LOG"), "FLAGGED")


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ("text", r"must be events, not str; read_jsonl\(path\) and read_sarif\(path\) read a file"),
        (Path("a.jsonl"), r"must be events, not \w+Path; read_jsonl\(path\) and read_.*"),
        (io.StringIO("{}"), r"must be events, not StringIO; read_jsonl\(path\) and read_.*"),
        (io.BytesIO(b"{}"), r"must be events, not BytesIO; read_jsonl\(path\) and read_.*"),
        (anyio.AsyncFile(io.StringIO("{}")), r"must be events, not AsyncFile; read_jsonl\(pa.*"),
        (_EVENT, "must be events, not one ComplianceEvent: give a list"),
        (_events, "must be events, not a function: call it"),
        (b"bytes", "must be an iterable or an async iterable of events, not bytes"),
        ({"resource_reference": "x"}, "must be an iterable or an async .*, not dict"),
        (None, "must be an iterable or an async .*, not NoneType"),
        (5, "must be an iterable or an async .*, not int"),
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_can_hold_no_events_is_refused(events, told):
    """Before anything is sent; the message says what was given, and what would do."""
    with pytest.raises(InputError, match=f"^events: {told}$") as caught:
        Producer(events)
    assert caught.value.subject is events


def test_what_is_still_to_be_awaited_is_refused():
    """A function that returns events when it is awaited."""

    async def fetch():
        return [1]

    waiting = fetch()
    with pytest.raises(InputError, match=r"^events: must be events, not a coroutine: await it$"):
        Producer(waiting)
    waiting.close()


async def test_an_interrupt_is_not_kept_for_later():
    """What is no `Exception` passes through as it comes."""

    def interrupted():
        yield 1
        raise KeyboardInterrupt

    producer = Producer(interrupted())
    assert await producer.take(1) == [1]
    with contextlib.suppress(KeyboardInterrupt):
        await producer.take(1)
        pytest.fail("the interrupt was swallowed")


async def test_a_generator_that_blocks_lets_others_run():
    """What it gave is on its way before it gives more."""
    order = []

    def slowly():
        for number in range(3):
            time.sleep(0.002)
            yield number

    async def other():
        while True:
            order.append("other")
            await checkpoint()

    producer = Producer(slowly())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        while taken := await producer.take(5):
            order.extend(taken)
        tasks.cancel_scope.cancel()
    assert "other" in order[: order.index(2)]
