"""However a batch ends, its account closes, and nothing is left behind."""

import asyncio
import gc
import socket
import threading
import time

import anyio
import httpx
import pytest
import trio
from anyio import to_thread

from airview_herald.airview import OutcomeStatus, _run
from airview_herald.errors import (
    CooldownError,
    DeadlineError,
    IngestAborted,
    InputError,
    NotFoundError,
    UnauthorizedError,
)
from airview_herald.sandbox import Sandbox
from airview_herald.sources import read_jsonl


def _closed(report):
    outcomes = (
        report.recorded + report.failed + report.unknown + report.skipped + report.not_attempted
    )
    return report.inputs == outcomes and report.held == 0


def _tasks(anyio_backend):
    if anyio_backend == "asyncio":
        return len(asyncio.all_tasks())
    return trio.lowlevel.current_statistics().tasks_living


@pytest.fixture
async def left_clean(anyio_backend):
    """Count tasks before and after; sockets left open show as warnings, which are errors."""
    before = _tasks(anyio_backend)
    yield
    await anyio.lowlevel.checkpoint()
    gc.collect()
    assert _tasks(anyio_backend) <= before


@pytest.fixture
def slow():
    """A sandbox slow enough to be caught midway."""
    with Sandbox(latency=0.005) as running:
        yield running


@pytest.mark.usefixtures("left_clean")
async def test_cancelled_halfway(slow, connect, event):
    """Cancelling a batch leaves each taken event with one outcome and no open connection."""
    events = [event(f"i-{n}") for n in range(500)]
    async with connect(slow.airview_url) as airview:
        with anyio.CancelScope() as scope:
            async with airview.stream(events, concurrency=8) as run:
                async for _ in run:
                    if run.report.recorded >= 100:
                        scope.cancel()
        pool = airview._session.connections._http
        assert pool.in_use == 0
    assert scope.cancelled_caught
    assert _closed(run.report)
    assert run.report.recorded >= 100
    assert run.report.not_attempted + run.report.unknown > 0
    assert run.report.unknown <= 8


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("watched", [True, False])
async def test_cancelled_by_asyncio_itself(slow, connect, event, watched):
    """`Task.cancel` ends a batch as a cancel scope does, and stays a cancellation."""
    under_way = asyncio.Event()
    runs = []

    async def work(airview):
        events = [event(f"i-{n}") for n in range(2000)]
        if not watched:
            await airview.ingest(events, on_outcome=lambda _: under_way.set())
        async with airview.stream(events) as run:
            runs.append(run)
            async for _ in run:
                under_way.set()

    async with connect(slow.airview_url) as airview:
        task = asyncio.ensure_future(work(airview))
        await under_way.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert airview._session.connections._http.in_use == 0
        assert len(airview._recorder.lanes._last) == 0
    if watched:
        assert _closed(runs[0].report)


@pytest.mark.usefixtures("left_clean")
async def test_ingest_cancelled_from_outside(slow, connect, event):
    """A cancelled ingest gives its lanes back: the client goes on working."""
    async with connect(slow.airview_url, settle=0.1) as airview:
        with anyio.move_on_after(0.2) as scope:
            await airview.ingest([event(f"i-{n}") for n in range(5000)], concurrency=8)
        assert scope.cancelled_caught
        again = await airview.ingest([event(f"i-{n}") for n in range(50)], concurrency=8)
        assert again.recorded == 50
        assert len(airview._recorder.lanes) == 0


@pytest.mark.usefixtures("left_clean")
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_producer_that_raises(sandbox, connect, event, asynchronous):
    """What was taken before the producer raised is recorded; the report is in the error."""

    def produce():
        for n in range(40):
            yield event(f"i-{n}")
        raise LookupError("the inventory is gone")

    async def produce_async():
        for each in produce():
            yield each

    async with connect() as airview:
        with pytest.raises(IngestAborted, match="the inventory is gone") as caught:
            await airview.ingest(produce_async() if asynchronous else produce())
    report = caught.value.report
    assert isinstance(caught.value.__cause__, LookupError)
    assert _closed(report)
    assert report.recorded == len(sandbox.snapshot()["monitored_resource"]) == 40


async def test_a_file_that_is_not_there_is_named(connect):
    """The words of the system's own error have its path."""
    async with connect() as airview:
        with pytest.raises(IngestAborted, match=r"raised: FileNotFoundError: .*'nosuch\.jsonl'"):
            await airview.ingest(read_jsonl("nosuch.jsonl"))


@pytest.mark.usefixtures("left_clean")
@pytest.mark.parametrize("name", ["on_outcome", "progress"])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_callback_that_raises(connect, event, name, asynchronous):
    """A callback that raises ends the batch; its error is the cause."""

    def fail(_):
        raise ZeroDivisionError("oops")

    async def fail_async(_):
        await anyio.lowlevel.checkpoint()
        fail(_)

    async with connect() as airview:
        with pytest.raises(
            IngestAborted, match=f"callback {name} raised: ZeroDivisionError"
        ) as caught:
            await airview.ingest(
                [event(f"i-{n}") for n in range(300)],
                **{name: fail_async if asynchronous else fail},
            )
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert _closed(caught.value.report)
    assert caught.value.report.inputs < 300 or caught.value.report.not_attempted


@pytest.mark.usefixtures("left_clean")
async def test_a_watcher_that_leaves_early(slow, connect, event):
    """Leaving a stream stops its batch; the report is readable and closed."""
    async with connect(slow.airview_url) as airview:
        async with airview.stream((event(f"i-{n}") for n in range(5000)), window=16) as run:
            async for outcome in run:
                assert outcome.status is OutcomeStatus.RECORDED
                break
            assert run.report.held > 0
        assert _closed(run.report)
        assert run.report.inputs < 100


@pytest.mark.usefixtures("left_clean")
async def test_a_watcher_that_raises(slow, connect, event):
    """An exception in the watcher's block comes out as it is, and the account is closed."""
    async with connect(slow.airview_url) as airview:
        run = airview.stream([event(f"i-{n}") for n in range(500)])

        async def watch():
            async with run:
                await anext(run)
                raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            await watch()
    assert _closed(run.report)


@pytest.mark.usefixtures("left_clean")
async def test_a_stream_is_watched_to_its_end(connect, event):
    """A stream yields each event's outcome once and ends; callbacks see them too."""
    told = []
    async with (
        connect() as airview,
        airview.stream([event(f"i-{n}") for n in range(200)], on_outcome=told.append) as run,
    ):
        indices = [outcome.index async for outcome in run]
    assert sorted(indices) == list(range(200)) == sorted(outcome.index for outcome in told)
    assert run.report.recorded == 200


async def test_a_stream_is_limited_while_it_runs(connect, event):
    """No more is in flight than that from then on, nor ever more than it was begun with."""
    async with connect() as airview:
        run = airview.stream([event(f"i-{n}") for n in range(50)], concurrency=8)
        with pytest.raises(InputError, match="concurrency: must be an integer from 1"):
            run.limit(0)
        run.limit(2)
        async with run:
            async for _ in run:
                run.limit(100)
    assert run.report.concurrency == (2, 8)


async def test_a_stream_whose_producer_raises(connect, event):
    """The watcher sees every outcome first, then the error with the report."""

    def produce():
        yield event("i-1")
        raise LookupError("gone")

    async with connect() as airview, airview.stream(produce()) as run:
        assert (await anext(run)).index == 0
        with pytest.raises(IngestAborted, match="gone"):
            await anext(run)
    assert run.report.recorded == 1


async def test_a_stream_is_watched_inside_its_block(connect, event):
    """Watching a run before it is entered or after it was left, or entering it twice, fails."""
    async with connect() as airview:
        run = airview.stream([event("i-1")])
        with pytest.raises(RuntimeError, match="is watched inside"):
            await anext(run)
        async with run:
            assert [outcome.index async for outcome in run] == [0]
        with pytest.raises(RuntimeError, match="is watched inside"):
            await anext(run)
        with pytest.raises(RuntimeError, match="entered once"):
            async with run:
                pass


async def test_a_stream_is_not_for_with_nor_for(connect, event):
    """Whoever forgets an `async` is told where it goes."""
    async with connect() as airview:
        run = airview.stream([event("i-1")])
        told = r"^a run is entered by `async with`, not by `with`$"
        with pytest.raises(TypeError, match=told), run:
            pytest.fail("it was entered")
        told = r"^a run is watched by `async for` inside `async with`, not by `for`$"
        with pytest.raises(TypeError, match=told):
            list(run)


async def test_a_server_that_is_not_there_ends_a_batch(connect, event, caplog):
    """It is waited for as long as `max_cooldown` says, told of once, and no event has failed."""
    began = time.monotonic()
    async with connect("http://127.0.0.1:9") as airview:
        with pytest.raises(IngestAborted, match="not to be had") as caught:
            await airview.ingest(
                [event(f"i-{n}") for n in range(60)], deadline=0.5, max_cooldown=1.5
            )
    assert 1.5 <= time.monotonic() - began < 15
    assert isinstance(caught.value.__cause__, CooldownError)
    report = caught.value.report
    assert (report.inputs, report.not_attempted) == (60, 60)
    [told] = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert "127.0.0.1:9" in told
    assert told.endswith("batches wait for the server, up to max_cooldown")


async def test_a_server_that_starts_late_is_waited_for(connect, event):
    """It costs no event, however short the deadline."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    late = Sandbox(port=port)
    reports = []

    async def record():
        async with connect(f"http://127.0.0.1:{port}/airview") as airview:
            reports.append(await airview.ingest([event(f"i-{n}") for n in range(40)], deadline=1.5))

    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(record)
            await anyio.sleep(2)
            await to_thread.run_sync(late.start)
        assert [report.recorded for report in reports] == [40]
        assert len(late.snapshot()["monitored_resource"]) == 40
    finally:
        late.stop()


async def test_a_batch_finds_a_server_that_an_earlier_one_has_not_found(connect, event):
    """It tries by itself, and for as long as its own `max_cooldown` says."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    late = Sandbox(port=port)
    try:
        async with connect(f"http://127.0.0.1:{port}/airview") as airview:
            with pytest.raises(IngestAborted, match="not to be had"):
                await airview.ingest([event("i-1")], max_cooldown=1.5)
            await to_thread.run_sync(late.start)
            report = await airview.ingest([event("i-1"), event("i-2")], max_cooldown=1.5)
        assert report.recorded == 2
    finally:
        late.stop()


async def test_what_is_no_airview_ends_a_batch(sandbox, connect, event, tmp_path):
    """Without its system nothing can be recorded, and the batch can be gone on with."""
    sandbox.force("GET", "/systems/", 404, times=1)
    events = [event(f"i-{n}") for n in range(40)]
    state = tmp_path / "feed.state"
    async with connect() as airview:
        with pytest.raises(IngestAborted, match="wrong base URL") as caught:
            await airview.ingest(events, state=state)
        assert isinstance(caught.value.__cause__, NotFoundError)
        assert caught.value.report.recorded == 0
        assert (await airview.ingest(events, state=state)).recorded == 40


async def test_a_deadline_that_ends_at_the_system_is_the_events_own(sandbox, connect, event):
    """A refusal has the system looked for again: an event without time for it fails alone."""
    refusal = {"code": 400, "errors": {}, "status": "Bad Request"}
    async with connect() as airview:
        await airview.handle_compliance_event(event("i-0"))
        sandbox.force("PUT", "/monitored-resources/", 400, body=refusal, delay=0.7, times=1)
        sandbox.force("GET", "/systems/", delay=2.0, times=1)
        late = [event(f"i-{n}") for n in range(1, 9)]
        report = await airview.ingest(late, deadline=1.0)
    assert (report.recorded, report.failed) == (7, 1)
    [failure] = report.failures
    assert isinstance(failure.error, DeadlineError)
    assert failure.error.url.endswith("/systems/")


async def test_events_that_never_began_give_their_lanes_back(connect, event):
    """A run that is cut while its tasks are still to start leaves no lane behind."""
    async with connect() as airview:
        with anyio.CancelScope() as scope:

            def produce():
                for n in range(20):
                    if n == 10:
                        scope.cancel()
                    yield event(f"i-{n % 3}")

            async with airview.stream(produce(), window=15) as run:
                async for _ in run:
                    pass
        assert _closed(run.report)
        assert len(airview._recorder.lanes) == 0
        await airview.handle_compliance_event(event("i-1"))


async def test_a_slow_watcher_slows_the_producer(connect, event):
    """No more than a window is taken while nobody looks."""
    async with connect() as airview:
        events = (event(f"i-{n}") for n in range(5000))
        async with airview.stream(events, concurrency=2, window=10) as run:
            await anyio.sleep(0.3)
            assert run.report.inputs == run.report.held == 10


@pytest.mark.usefixtures("left_clean")
async def test_a_systemic_error_ends_the_batch(connect, event):
    """When the credential is refused no further events are tried."""
    events, told = [event(f"i-{n}") for n in range(1000)], []
    with Sandbox(require_token=True) as sandbox:
        async with connect(sandbox.airview_url, auth="forged") as airview:
            with pytest.raises(IngestAborted, match="no event can be recorded") as caught:
                await airview.ingest(events, on_outcome=told.append)
    assert isinstance(caught.value.__cause__, UnauthorizedError)
    report = caught.value.report
    assert _closed(report)
    assert report.inputs < 1000
    assert len(sandbox.requests) < 100
    # It is told once, by the error, and not for each event.
    assert report.not_attempted == report.inputs == report.errors["UnauthorizedError 401"]
    assert not report.failures
    assert not told


async def test_the_last_progress_is_the_closed_report(connect, event):
    """However a run ends, progress is told its closed report at the end."""
    seen = []

    def produce():
        yield event("i-1")
        raise LookupError("gone")

    async with connect() as airview:
        with pytest.raises(IngestAborted):
            await airview.ingest(
                produce(), progress=lambda report: seen.append((report.held, _closed(report)))
            )
    assert seen[-1] == (0, True)


async def test_an_auth_that_raises_ends_the_batch(connect, event):
    """Whatever a caller's auth raises is the cause of an aborted batch, the report in hand."""

    class Broken(httpx.Auth):
        def auth_flow(self, request):
            raise LookupError("no key store")
            yield request

    async with connect(auth=Broken()) as airview:
        with pytest.raises(IngestAborted, match="sending an event raised: LookupError") as caught:
            await airview.ingest([event(f"i-{n}") for n in range(100)])
    assert _closed(caught.value.report)


async def test_a_producer_that_cannot_be_closed(connect, event):
    """An error in closing the producer is the cause; the report is in hand."""

    def produce():
        try:
            for n in range(100):
                yield event(f"i-{n}")
        finally:
            raise RuntimeError("close failed")

    def fail(_):
        raise ZeroDivisionError

    async with connect() as airview:
        with pytest.raises(IngestAborted) as caught:
            await airview.ingest(produce(), on_outcome=fail)
    assert _closed(caught.value.report)


async def test_a_stream_that_was_given_stays_open(connect, event):
    """What is no generator belongs to its maker: a memory stream is not closed by a batch."""
    send, receive = anyio.create_memory_object_stream(5)
    async with send, receive, connect() as airview:
        await send.send(event("i-1"))
        async with airview.stream(receive) as run:
            await anext(run)
        await send.send(event("i-2"))
        assert (await receive.receive()).resource_reference == "i-2"


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_blocking_source_is_cancelled_by_asyncio_itself(connect, event):
    """A time-out around a batch of a slow, blocking source stays a time-out."""

    class Slow:
        blocking = True
        closed = False

        def __iter__(self):
            try:
                for n in range(100):
                    time.sleep(0.02)
                    yield event(f"i-{n}")
            finally:
                Slow.closed = True

    async with connect() as airview:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await airview.ingest(Slow(), window=5)
        # What the thread had pulled and nobody took has given its places back.
        assert len(airview._recorder.lanes._last) == 0
    assert Slow.closed


async def closing_slowly(event, closing, seconds):
    """Yield events; say when this is closed, which takes so long."""
    try:
        for n in range(20):
            yield event(f"i-{n}")
    finally:
        closing.set()
        await asyncio.sleep(seconds)


def fail(_):
    """End a batch by its callback."""
    raise ZeroDivisionError


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_batch_that_is_being_closed_is_not_cut_short(quick, event, tmp_path):
    """A time-out while a producer is closed loses no letter, and lets go of the files."""
    closing = asyncio.Event()
    files = {"state": tmp_path / "state", "dead_letters": tmp_path / "letters"}

    async with quick() as airview:
        events = closing_slowly(event, closing, 0.05)
        task = asyncio.create_task(airview.ingest(events, concurrency=1, on_outcome=fail, **files))
        await closing.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [each.resource_reference for each in read_jsonl(files["dead_letters"])] == [
            "i-1", "i-2", "i-3"
        ]  # fmt: skip
        report = await airview.ingest([event(f"i-{n}") for n in range(20)], **files)
    assert (report.skipped, report.recorded) == (1, 19)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_files_that_are_being_closed_are_closed(quick, event, tmp_path):
    """A time-out right before the last letter is written does not lose it."""
    letters = tmp_path / "letters"

    class Events:
        def __iter__(self):
            return Few()

    class Few:
        def __init__(self):
            self._events = iter([event("i-1", "NO STATE")])

        def __iter__(self):
            return self

        def __next__(self):
            return next(self._events)

        def close(self):
            task.cancel()

    async with quick() as airview:
        task = asyncio.create_task(airview.ingest(Events(), dead_letters=letters))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(list(read_jsonl(letters, on_problem=print))) == 1
        await airview.ingest([], dead_letters=letters)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("blocking", [False, True])
async def test_a_producer_that_does_not_close_is_not_waited_for_twice(
    quick, event, tmp_path, blocking
):
    """Who cancels again does not want to wait for it; the account is closed all the same."""
    closing, closed = threading.Event(), threading.Event()
    letters = tmp_path / "letters"

    class Blocking:
        blocking = True

        def __iter__(self):
            try:
                for n in range(20):
                    yield event(f"i-{n}")
            finally:
                closing.set()
                closed.wait()

    async with quick() as airview:
        events = Blocking() if blocking else closing_slowly(event, closing, 60)
        task = asyncio.create_task(
            airview.ingest(events, concurrency=1, on_outcome=fail, dead_letters=letters)
        )
        assert await to_thread.run_sync(closing.wait, 10)
        for _ in range(2):
            await asyncio.sleep(0.05)
            assert not task.done()
            task.cancel()
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 1
        assert len(list(read_jsonl(letters))) >= 3
        assert len(airview._recorder.lanes._last) == 0
        closed.set()


@pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited:RuntimeWarning")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("watched", [True, False])
async def test_a_program_may_end_before_a_batch_has_begun(quick, event, tmp_path, watched):
    """`asyncio.run` cancels what is left of a program, tasks that wait for their first step too."""
    others, letters = asyncio.all_tasks(), tmp_path / "letters"

    def end():
        for each in asyncio.all_tasks() - others:
            each.cancel()

    async def watch(airview):
        async with airview.stream([event("i-1")], dead_letters=letters):
            end()
            await asyncio.sleep(0)

    async def ingest(airview):
        opened = _run.Run.open

        async def open_and_end(run):
            await opened(run)
            asyncio.get_running_loop().call_soon(end)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(_run.Run, "open", open_and_end)
            await airview.ingest([event("i-1")], dead_letters=letters)

    async with quick() as airview:
        task = asyncio.create_task((watch if watched else ingest)(airview))
        done, _ = await asyncio.wait([task], timeout=5)
        assert done
        assert task.cancelled()
        assert (await airview.ingest([event("i-1")], dead_letters=letters)).recorded == 1
    del done, task
    gc.collect()  # the coroutines that were never awaited warn here, and not in another test


async def test_a_slow_blocking_source_is_not_held_back(connect, event):
    """Events of a slow source are recorded as they come, not sixty-four at a time."""

    class Slow:
        blocking = True

        def __iter__(self):
            for n in range(40):
                time.sleep(0.02)
                yield event(f"i-{n}")

    began, first = time.monotonic(), []
    async with connect() as airview:
        await airview.ingest(
            Slow(), on_outcome=lambda _: first.append(time.monotonic()) if not first else None
        )
    assert first[0] - began < 0.5


async def test_progress_is_told_at_most_ten_times_a_second(slow, connect, event):
    """However fast outcomes come, progress is called every 0.1 s, and once at the end."""
    calls = []
    began = time.monotonic()
    async with connect(slow.airview_url) as airview:
        await airview.ingest(
            [event(f"i-{n}") for n in range(600)], concurrency=8, progress=lambda _: calls.append(1)
        )
    assert 2 <= len(calls) <= 10 * (time.monotonic() - began) + 2
