"""A batch that is stopped: what is on the wire may be answered, nothing new is sent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import bare_airview
import pytest
from stub_server import StubServer

from airview_herald.errors import IngestAborted

_SERVERS = Path(bare_airview.__file__).parent


class Slow:
    """Take a while for each save; count what comes in."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.began = []
        self.saved = self.sent = 0
        self.idle = 0.15

    async def __call__(self, request):
        self.began.append(time.monotonic())
        if request.method == "PUT":
            # Some are answered sooner, and their slots are free then.
            await asyncio.sleep(self.seconds * (len(self.began) % 3 + 1) / 3)
            self.saved += 1
        return await bare_airview.answer(request)

    async def under_way(self):
        quiet = 0.0
        while quiet < self.idle:
            await anyio.sleep(self.idle - quiet)
            quiet = time.monotonic() - max(self.began) if self.began else 0.0


@pytest.fixture
def serve():
    """Run a slow server."""
    with_servers = []

    def make(seconds):
        server = Slow(seconds)
        stub = StubServer(server)
        stub.__enter__()
        with_servers.append(stub)
        return server, stub.url

    yield make
    for stub in with_servers:
        stub.__exit__()


def _closed(report):
    outcomes = (
        report.recorded + report.failed + report.unknown + report.skipped + report.not_attempted
    )
    return report.inputs == outcomes and report.held == 0


async def _stop(connect, event, serve, stop, *, takes, **options):
    """Stop a batch while its saves are on the wire; return the report, the server and the time."""
    server, url = serve(takes)
    reports = []

    async def watch(airview):
        async with airview.stream(
            [event(f"i-{n}") for n in range(100)], concurrency=8, **options
        ) as run:
            reports.append(run.report)
            async for _ in run:
                pass

    async with connect(url) as airview:
        took = await stop(lambda: watch(airview), server)
        assert len(airview._recorder.lanes._last) == 0
        assert airview._session.connections._http.in_use == 0
    return reports[0], server, took


async def _by_scope(work, server):
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work)
        await server.under_way()
        server.sent, began = len(server.began), time.monotonic()
        tasks.cancel_scope.cancel()
    return time.monotonic() - began


async def _by_task_cancel(work, server):
    task = asyncio.ensure_future(work())
    await server.under_way()
    server.sent, began = len(server.began), time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.monotonic() - began


async def _by_cancelling_twice(work, server):
    task = asyncio.ensure_future(work())
    await server.under_way()
    server.sent, began = len(server.began), time.monotonic()
    task.cancel()
    await asyncio.sleep(0.1)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.monotonic() - began


_WAYS = [
    pytest.param("asyncio", _by_scope, id="asyncio-scope"),
    pytest.param("trio", _by_scope, id="trio-scope"),
    pytest.param("asyncio", _by_task_cancel, id="asyncio-task"),
]


@pytest.mark.parametrize(("anyio_backend", "stop"), _WAYS)
async def test_saves_on_the_wire_get_their_answer(connect, event, serve, stop):
    """Each save that the server finishes in time is recorded, and nothing new is sent."""
    report, server, took = await _stop(connect, event, serve, stop, takes=1.2)
    assert _closed(report)
    assert (report.recorded, report.unknown) == (8, 0)
    assert server.saved == 8
    assert took < 2.0
    await anyio.sleep(0.2)
    assert len(server.began) == server.sent


@pytest.mark.parametrize(("anyio_backend", "stop"), _WAYS)
async def test_saves_without_an_answer_in_time_are_unknown(connect, event, serve, stop):
    """The grace is short, and over when it says."""
    report, _, took = await _stop(connect, event, serve, stop, takes=3.0, grace=0.4)
    assert _closed(report)
    assert (report.recorded, report.unknown) == (0, 8)
    assert 0.35 < took < 2.0


@pytest.mark.parametrize(("anyio_backend", "stop"), _WAYS)
async def test_without_grace_a_batch_ends_at_once(connect, event, serve, stop):
    """`grace=0` waits for nothing."""
    report, _, took = await _stop(connect, event, serve, stop, takes=3.0, grace=0)
    assert report.unknown == 8
    assert took < 1.0


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_second_cancellation_ends_it_at_once(connect, event, serve):
    """Who cancels again does not want to wait."""
    report, _, took = await _stop(connect, event, serve, _by_cancelling_twice, takes=5.0, grace=4.0)
    assert _closed(report)
    assert report.unknown == 8
    assert took < 2.0


async def test_sleeps_wake_at_once(connect, event, serve):
    """A batch of which nothing is on the wire ends without delay, whatever it waits for."""

    class Refusing(Slow):
        async def __call__(self, _):
            self.began.append(time.monotonic())
            return bare_airview.Response(503, b"", retry_after="60")

    server = Refusing(0)
    with StubServer(server) as stub:
        async with connect(stub.url) as airview:
            took = await _by_scope(lambda: airview.ingest([event("i-1")] * 9), server)
    assert took < 1.0


async def test_a_save_that_waits_to_be_sent_again_is_not_waited_for(connect, event):
    """Nothing of it is on the wire: it is unknown at once."""

    class Failing(Slow):
        async def __call__(self, request):
            self.began.append(time.monotonic())
            if request.method != "PUT":
                return await bare_airview.answer(request)
            self.saved += 1
            if self.saved == 1:
                return bare_airview.Response(502, b"<h1>gateway</h1>")
            return bare_airview.Response(503, b"", retry_after="60")

    server, reports = Failing(0), []
    with StubServer(server) as stub:
        async with connect(stub.url, settle=0.05) as airview:

            async def watch():
                async with airview.stream([event("i-1")]) as run:
                    reports.append(run.report)
                    await anext(run)

            server.idle = 0.6
            took = await _by_scope(watch, server)
    assert server.saved == 2
    assert reports[0].unknown == 1
    assert took < 1.0


async def test_an_aborted_batch_lets_saves_finish(connect, event, serve):
    """When a callback raises, what is on the wire is still answered."""
    server, url = serve(0.3)
    async with connect(url) as airview:

        def produce():
            yield from (event(f"i-{n}") for n in range(8))

        def fail(_):
            raise ZeroDivisionError

        with pytest.raises(IngestAborted) as caught:
            await airview.ingest(produce(), on_outcome=fail)
    assert caught.value.report.recorded == server.saved == 8


async def test_leaving_a_stream_lets_saves_finish(connect, event, serve):
    """So does a watcher that leaves early."""
    server, url = serve(0.3)
    async with connect(url) as airview:
        async with airview.stream([event(f"i-{n}") for n in range(50)], concurrency=4) as run:
            await anext(run)
            await anyio.sleep(0.1)
        assert _closed(run.report)
        assert run.report.unknown == 0
        assert run.report.recorded == server.saved >= 5


_PROGRAM = """
import anyio, signal, sys
from airview_herald import AirView
from airview_herald.airview import *

application = Application("Payments", "payments", environment=Environment("Production", "PRD"))
control = TechnicalControl("EC2", "ec2", TechnicalControlAction.VULNERABILITY)
events = [ComplianceEvent(f"i-{n}", application, control, "FLAGGED") for n in range(100)]

async def main():
    async with AirView(
        sys.argv[1], system_name="c", system_stage="MONITOR", referencing_type="a"
    ) as airview:
        async with anyio.create_task_group() as tasks:
            async def stop():
                with anyio.open_signal_receiver(signal.SIGTERM) as signals:
                    async for _ in signals:
                        tasks.cancel_scope.cancel()
            async def work():
                run = airview.stream(events, concurrency=8)
                try:
                    async with run:
                        async for _ in run:
                            pass
                finally:
                    print(run.report.recorded, run.report.unknown, run.report.not_attempted)
            tasks.start_soon(stop)
            tasks.start_soon(work)

anyio.run(main, backend=sys.argv[2])
"""


async def test_a_terminated_program_reports_what_it_saved(serve, anyio_backend):
    """SIGTERM, turned into a cancellation, leaves no save in doubt that the server finishes."""
    server, url = serve(1.2)
    program = [sys.executable, "-c", _PROGRAM, url, anyio_backend]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=environment) as process:  # noqa: ASYNC220 - it starts at once
        await server.under_way()
        process.send_signal(signal.SIGTERM)
        told, _ = await anyio.to_thread.run_sync(process.communicate)
    recorded, unknown, rest = map(int, told.split())
    assert (recorded, unknown) == (8, 0)
    assert rest > 0
