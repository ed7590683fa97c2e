"""How a batch follows what a server can take, over real sockets."""

import itertools
import time

import anyio
import bare_airview
import pytest
from anyio import to_thread
from limited import Failing, Recording, Throttling
from stub_server import Response, StubServer

from airview_herald.errors import (
    CooldownError,
    DeadlineError,
    IngestAborted,
    InputError,
    TooManyRequestsError,
)
from airview_herald.transport import Retry

# How much is sent in a second tells nothing where other tests take the processor.
pytestmark = pytest.mark.alone

_ALLOWANCE = 100
_WARM_UP = 3.0


async def _load(airview, event, seconds, **options):
    """Record new resources for so many seconds; return the report."""
    events = (event(f"i-{n}") for n in itertools.count())
    async with airview.stream(events, **options) as run:
        with anyio.move_on_after(seconds):
            async for outcome in run:
                assert outcome.error is None
    return run.report


async def _throttled_run(connect, event, retry_after, seconds):
    server = Throttling(_ALLOWANCE, 20, retry_after)
    with StubServer(server) as stub:
        began = time.monotonic()
        async with connect(stub.url) as airview:
            report = await _load(airview, event, seconds)
        answered = server.between(began + _WARM_UP, began + seconds)
    throttled = sum(each.status == 429 for each in answered)
    taken = len(answered) - throttled
    return report, throttled / len(answered), taken / (_ALLOWANCE * (seconds - _WARM_UP))


@pytest.mark.parametrize(("retry_after", "used"), [("", 0.85), ("1", 0.6)])
@pytest.mark.parametrize(
    # A machine that has other things to do uses less: the proof has it for itself, and for longer.
    ("seconds", "share"),
    [
        (7.0, 0.6),
        pytest.param(30.0, 1.0, marks=[pytest.mark.proof, pytest.mark.timeout(120)]),
    ],
)
async def test_the_rate_follows_an_allowance(connect, event, retry_after, used, seconds, share):
    """Of 100 requests a second most are used and few are too many, told how long to wait or not."""
    report, throttled, taken = await _throttled_run(connect, event, retry_after, seconds)
    print(f"{throttled:.1%} throttled, {taken:.0%} of the allowance used")  # noqa: T201 - a proof's result
    assert throttled <= 0.05
    assert taken >= used * share
    assert report.failed == report.unknown == 0
    assert report.throttled > 0


def _full_speed_after(server, returned, normal):
    """Return how many seconds after its return a server got its normal load again."""
    for tick in range(200):
        began = returned + tick / 20
        if len(server.between(began, began + 0.5)) >= 0.7 * normal * 0.5:
            return tick / 20
    raise AssertionError("the load never came back")


@pytest.mark.parametrize(
    "outage", [3.0, pytest.param(30.0, marks=[pytest.mark.proof, pytest.mark.timeout(120)])]
)
@pytest.mark.parametrize("retry_after", ["", "2"])
async def test_a_server_that_is_down_is_waited_for(connect, event, outage, retry_after):
    """No event fails, one probe a second tries, and the load is back soon after the server is."""
    server = Failing()
    server.retry_after = retry_after

    async def fail():
        await anyio.sleep(2.0)
        server.status = 503
        moments.append(time.monotonic())
        await anyio.sleep(outage)
        server.status = None
        moments.append(time.monotonic())

    moments = []
    with StubServer(server) as stub:
        began = time.monotonic()
        async with connect(stub.url) as airview, anyio.create_task_group() as tasks:
            tasks.start_soon(fail)
            report = await _load(airview, event, 2.0 + outage + 5.0, deadline=3.0)
    down, returned = moments
    normal = len(server.between(began + 1.0, down)) / (down - began - 1.0)
    meanwhile = len(server.between(down + 1.5, returned))
    back = _full_speed_after(server, returned, normal)
    print(f"{meanwhile} requests meanwhile, full speed after {back:.1f} s")  # noqa: T201 - a proof's result
    assert report.failed == report.unknown == 0
    assert meanwhile <= outage
    assert back <= 4.0
    lowest, highest = report.concurrency
    # With a pause nothing more begins at the first of them: few have failed.
    assert lowest <= highest == 64
    assert lowest < highest or retry_after


async def test_a_server_that_refuses_connections_is_waited_for(connect, event):
    """A server that is gone for longer than the deadline fails no event."""
    handler, reports, ended = Recording(), [], anyio.Event()

    async def ingest(airview):
        events = (event(f"i-{n}") for n in range(3000))
        reports.append(await airview.ingest(events, deadline=4.0))
        ended.set()

    server = StubServer(handler)
    server.__enter__()
    port = int(server.url.rpartition(":")[2])
    async with connect(server.url, settle=0.1) as airview, anyio.create_task_group() as tasks:
        tasks.start_soon(ingest, airview)
        await anyio.sleep(0.5)
        await to_thread.run_sync(server.__exit__)
        await anyio.sleep(6.0)
        with StubServer(handler, port):
            await ended.wait()
    assert reports[0].recorded == 3000


@pytest.mark.parametrize("after", ["", "3600"])
async def test_max_cooldown_ends_a_batch(connect, event, after):
    """Past it the rest is not attempted; a pause that is asked for beyond it is not waited for."""
    server, taken = Failing(), []
    server.status, server.retry_after = 503, after
    with StubServer(server) as stub:
        async with connect(stub.url, retry=Retry(budget=0)) as airview:
            began = time.monotonic()
            with pytest.raises(IngestAborted, match="max_cooldown is 2 s") as caught:
                await airview.ingest(
                    (taken.append(n) or event(f"i-{n}") for n in range(1000)),
                    window=16,
                    deadline=1.0,
                    max_cooldown=2,
                )
            elapsed = time.monotonic() - began
    report = caught.value.report
    assert isinstance(caught.value.__cause__, CooldownError)
    assert report.not_attempted == report.inputs == len(taken) <= 16
    assert len(server.answered) <= 4
    assert elapsed < (1.0 if after else 4.0)


async def test_nothing_is_pulled_while_the_client_cools_down(connect, event):
    """During a hold the producer is left alone."""
    server, taken = Failing(), []

    async def produce():
        for n in range(40):
            await anyio.sleep(0.02)
            taken.append(time.monotonic())
            yield event(f"i-{n}")

    with StubServer(server) as stub:
        async with connect(stub.url) as airview:
            await airview.handle_compliance_event(event("i-0"))
            server.status, server.retry_after = 503, "2"

            async def recover():
                await anyio.sleep(1.0)
                server.status = None

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(recover)
                began = time.monotonic()
                report = await airview.ingest(produce(), deadline=0.5)
    assert not [at for at in taken if began + 0.2 < at < began + 1.9]
    assert report.recorded == len(taken) == 40


async def test_a_hold_keeps_the_whole_client_waiting(connect, event):
    """Siblings, single calls and batches begin nothing until the pause is over."""
    server = Failing()
    with StubServer(server) as stub:
        async with connect(stub.url) as airview:
            await airview.handle_compliance_event(event("i-0"))
            server.status, server.retry_after = 429, "1"
            with pytest.raises(TooManyRequestsError):
                await airview.with_options(retry=Retry(attempts=1)).backend.get_environments()
            server.status, began = None, time.monotonic()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(airview.ingest, [event("i-1")])
                tasks.start_soon(airview.handle_compliance_event, event("i-2"))
                tasks.start_soon(airview.with_options(timeout=9).backend.get_environments)
            assert min(each.at for each in server.answered if each.at > began) >= began + 0.95


async def test_a_single_call_does_not_wait_beyond_its_time(connect, event):
    """A pause beyond the deadline of a call fails it now, and the error carries the wait."""
    server = Failing()
    server.status, server.retry_after = 429, "500"
    with StubServer(server) as stub:
        async with connect(stub.url) as airview:
            for _ in range(2):
                with pytest.raises(DeadlineError) as caught:
                    await airview.backend.get_environments()
                assert caught.value.retry_after == pytest.approx(500, abs=2)
                assert caught.value.url.endswith("/environments/")
    assert len(server.answered) == 1


async def test_max_failures_ends_a_batch(connect, event):
    """When as many events have failed, the rest is not attempted."""
    refusing = Failing()
    with StubServer(refusing) as stub:
        async with connect(stub.url) as airview:
            await airview.handle_compliance_event(event("i-0"))
            refusing.status, refusing.body = 400, b'"Bad Request"'
            refusing.spares_system = True
            with pytest.raises(IngestAborted, match="as many as max_failures"):
                await airview.ingest(
                    [event("i-0") for n in range(100)], concurrency=1, max_failures=3
                )
            events = [event("") if n % 2 else event("i-0") for n in range(100)]
            with pytest.raises(IngestAborted) as caught:
                await airview.ingest(events, window=8, max_failures=10)
    report = caught.value.report
    assert report.failed >= 10
    assert report.inputs == report.failed + report.not_attempted <= 30


async def test_concurrency_falls_where_a_server_fails_and_rises_again(connect, event):
    """A server that fails beyond 8 requests at once is sent fewer, and more when it can again."""
    limit, in_flight, peaks = 8, 0, []

    async def answer(request):
        nonlocal in_flight
        in_flight += 1
        peaks.append(in_flight)
        try:
            await anyio.sleep(0.01)
            if in_flight > limit:
                return Response(500, b'{"code":500,"status":"Internal Server Error"}')
            return await bare_airview.answer(request)
        finally:
            in_flight -= 1

    with StubServer(answer) as stub:
        async with connect(stub.url, settle=0.2) as airview:
            report = await airview.ingest([event(f"i-{n}") for n in range(200)], concurrency=32)
            limit = 100
            peaks.clear()
            again = await airview.ingest([event(f"i-{n}") for n in range(300)], concurrency=32)
    assert report.recorded == 200
    assert again.recorded == 300
    assert report.concurrency[0] <= 8
    assert again.concurrency == (32, 32)
    assert max(peaks) > 16


async def test_timeouts_lower_the_concurrency_of_a_batch(connect, event):
    """A server that hangs for a while is sent less, then as much as before; nothing fails."""
    hangs, peaks, in_flight = False, [], 0

    async def answer(request):
        nonlocal in_flight
        in_flight += 1
        peaks.append((time.monotonic(), in_flight))
        try:
            await anyio.sleep(0.5 if hangs else 0.02)
            return await bare_airview.answer(request)
        finally:
            in_flight -= 1

    async def hang():
        nonlocal hangs
        await anyio.sleep(0.5)
        hangs = True
        await anyio.sleep(1.0)
        hangs = False

    with StubServer(answer) as stub:
        async with (
            connect(stub.url, settle=0.6, timeout=0.2) as airview,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(hang)
            report = await _load(airview, event, 5.0, concurrency=16)
        ended = time.monotonic()
    assert report.failed == 0
    assert report.concurrency[0] <= 8
    assert max(count for at, count in peaks if at > ended - 1.0) >= 14


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_cooldown", -1),
        ("max_cooldown", float("nan")),
        ("grace", "2"),
        ("grace", -0.1),
        ("max_failures", 0),
        ("max_failures", 1.5),
    ],
)
async def test_settings_that_cannot_work_are_refused(connect, name, value):
    """Before anything is sent, with their names."""
    async with connect() as airview:
        with pytest.raises(InputError, match=name):
            await airview.ingest([], **{name: value})
        with pytest.raises(InputError, match=name):
            airview.stream([], **{name: value})
