"""Ctrl-C and SIGTERM: what a command does then, and that none of it can hold one up."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time

import bare_airview
import pytest
from stub_server import StubServer

from airview_herald.sandbox import Sandbox
from airview_herald.sources import write_jsonl

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_is_130(cli, write, number):
    """What is on the wire is answered, the account is closed, and the state goes on from there."""
    with Sandbox(latency=0.02) as slow:
        environ = {"AIRVIEW_BASE_URL": slow.airview_url}
        options = ("--state", "feed.state", "--concurrency", "8", "--settle", "1")
        events = write("events.jsonl", [f"i-{number}" for number in range(200)])
        arguments = ("ingest", events, *options)
        with cli.running(*arguments, **environ) as process:
            while len(slow.requests) < 40:
                time.sleep(0.01)
            process.send_signal(number)
            out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (130, b"interrupted: nothing more was sent\n")
        report = json.loads(out)
        assert report["ended"] == "interrupted"
        assert report["unknown"] == 0
        assert 0 < report["recorded"] == len(slow.snapshot()["monitored_resource"])
        rest = cli(*arguments, **environ).of("report")[0]
        assert rest["skipped"] == report["recorded"]
        assert rest["recorded"] + rest["skipped"] == 200


def test_a_signal_ends_the_wait_for_a_pipe(cli, event, sandbox):
    """A batch that reads what never comes ends too."""
    with cli.running("ingest", "-") as process:
        while not sandbox.snapshot()["monitored_resource"]:
            write_jsonl([event("i-1")], process.stdin)
            process.stdin.flush()
            time.sleep(0.1)
        process.terminate()
        assert process.wait(10) == 130
        assert json.loads(process.stdout.read())["recorded"] > 0


def test_a_signal_during_a_dry_run_is_130(cli):
    """So does a look."""
    with cli.running("ingest", "-", "--dry-run") as process:
        # On a busy machine it may not be there after a second.
        for _ in range(20):
            time.sleep(1.0)
            process.send_signal(signal.SIGINT)
            if process.poll() is not None:
                break
        assert process.wait(1) == 130
        assert process.stderr.read() == b""


def test_a_second_signal_ends_it_at_once(cli, write):
    """Nothing is waited for any more."""
    saving = threading.Event()

    async def hang(request):
        if request.method == "PUT":
            saving.set()
            await asyncio.sleep(60)
        return await bare_airview.answer(request)

    with StubServer(hang) as server:
        arguments = ("ingest", write("events.jsonl", ["i"]), "--grace", "60")
        with cli.running(*arguments, AIRVIEW_BASE_URL=server.url) as process:
            assert saving.wait(20)
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)
            while process.poll() is None:
                # Whoever is impatient still is told how it ended.
                process.terminate()
                time.sleep(0.002)
            assert process.returncode == 130
            report = json.loads(process.stdout.read().splitlines()[-1])
            assert report["unknown"] == 1


def _held_up(process):
    """Wait until a process writes no more, since nobody reads what it has written."""
    waiting = -1
    while (now := _unread(process.stdout)) != waiting or now < 4096:
        waiting = now
        time.sleep(0.3)


def _unread(pipe):
    """Return how many bytes wait in a pipe."""
    import fcntl  # noqa: PLC0415 - Windows has none
    import termios  # noqa: PLC0415 - likewise

    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_a_second_signal_ends_what_nobody_reads(cli, write, sandbox):
    """Held up by a full pipe it ends without its account; what it has done is kept for the next."""
    write("events.jsonl", [*(f"i-{n}" for n in range(20)), *(["x" * 501] * 2000)])
    arguments = ("ingest", "events.jsonl", "--state", "feed.state", "--settle", "0.1")
    with cli.running(*arguments) as process:
        _held_up(process)
        for _ in range(2):
            assert process.poll() is None
            process.terminate()
            time.sleep(0.2)
        assert process.wait(10) == 130
        assert process.stderr.read() == b""
    again = cli(*arguments)
    [report] = again.of("report")
    assert again.code == 1
    assert report["inputs"] == report["recorded"] + report["skipped"] + report["failed"] == 2020
    assert len(sandbox.snapshot()["monitored_resource"]) == 20


THROUGH = """
import sys, threading
from airview_herald.cli import _app

async def command():
    threading.Thread(target=threading.Event().wait).start()
    print("through", flush=True)
    return 0

sys.exit(_app._interruptible(command()))
"""


def test_a_signal_ends_what_is_through_and_does_not_end():
    """A thread that waits for ever keeps no process: nothing is left to be done for it."""
    with subprocess.Popen(
        [sys.executable, "-c", THROUGH], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout.readline() == b"through\n"
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130
            assert process.stderr.read() == b""
        finally:
            process.kill()


def test_a_signal_ends_the_wait_for_somebody_to_write(cli, sandbox):
    """A named pipe that nobody writes to is opened all the same, and left again."""
    os.mkfifo(cli.folder / "feed")
    with cli.running("ingest", "feed", "--format", "jsonl", "--check") as process:
        while len(sandbox.requests) < 4:
            time.sleep(0.05)
        time.sleep(0.5)
        assert process.poll() is None
        process.terminate()
        assert process.wait(10) == 130
        assert json.loads(process.stdout.read())["inputs"] == 0


def test_a_named_pipe_is_read_to_its_end(cli, event, sandbox):
    """Whoever opens it first waits for the other."""
    os.mkfifo(cli.folder / "feed")
    with cli.running("ingest", "feed", "--format", "jsonl") as process:
        with (cli.folder / "feed").open("wb") as feed:
            for number in range(3):
                write_jsonl([event(f"i-{number}")], feed)
                feed.flush()
                time.sleep(0.1)
        assert process.wait(20) == 0
    assert len(sandbox.snapshot()["monitored_resource"]) == 3
