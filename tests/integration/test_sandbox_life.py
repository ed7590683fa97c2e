"""The sandbox's start and stop, its record of requests, and its database."""

import asyncio
import errno
import gc
import os
import socket
import sqlite3
import statistics
import threading
import time
from functools import partial

import anyio
import anyio.to_thread
import httpx
import pytest
import sniffio

from airview_herald import sandbox as package
from airview_herald.sandbox import FaultyProxy, Sandbox

_THREADS = ("airview-sandbox", "faulty-proxy")
SYSTEM = {"name": "s", "stage": "MONITOR"}


def serving():
    """Return the threads of sandboxes."""
    return [thread for thread in threading.enumerate() if thread.name == "airview-sandbox"]


def refused(url):
    """Whether nothing listens at a URL."""
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    return True


def test_the_door_is_sorted():
    """The package exports its public names, sorted."""
    faults = ["FaultKind", "Faults", "FaultyProxy", "ProxyFault"]
    names = [*faults, "RecordedRequest", "RecordedRequests", "Sandbox"]
    assert package.__all__ == sorted(package.__all__) == names


def test_it_starts_and_stops_fast(record_property):
    """Thirty in a row listen within 0.3 s each, and stop as fast with a connection that idles."""
    starts, stops = [], []
    for _ in range(30):
        sandbox = Sandbox()
        began = time.perf_counter()
        sandbox.start()
        starts.append(time.perf_counter() - began)
        with httpx.Client() as client:
            assert client.get(f"{sandbox.airview_url}/services/").status_code == 200
            began = time.perf_counter()
            sandbox.stop()
            stops.append(time.perf_counter() - began)
    record_property("median start, seconds", statistics.median(starts))
    assert statistics.median(starts) <= 0.3
    assert statistics.median(stops) <= 0.3


def test_it_leaves_nothing_behind():
    """After the end there is no thread and no socket, and its URL is gone."""
    with Sandbox() as sandbox:
        url = sandbox.url
        assert sandbox.airview_url == f"{url}/airview"
        assert sandbox.token_url == f"{url}/oauth2/token"
        assert len(serving()) == 1
    gc.collect()
    assert serving() == []
    assert refused(url)


async def test_it_is_entered_on_both_loops(anyio_backend_name):
    """The async form serves the loop that entered it."""
    async with Sandbox() as sandbox, httpx.AsyncClient() as client:
        assert sniffio.current_async_library() == anyio_backend_name
        answer = await client.post(f"{sandbox.airview_url}/systems/", json=SYSTEM)
        assert answer.status_code == 200
        assert sandbox.snapshot()["system"] == [{"id": 1, **SYSTEM}]
    assert serving() == []


async def test_a_cancelled_caller_stops_it():
    """Cancellation inside the block does not leave it running."""
    with anyio.move_on_after(0.05):
        async with Sandbox():
            await anyio.sleep_forever()
    assert serving() == []


async def test_a_caller_cancelled_while_it_starts_stops_it():
    """Cancellation that arrives before the block is entered does not leave it running."""
    with anyio.CancelScope() as scope:
        scope.cancel()
        async with Sandbox():
            pytest.fail("entered although cancelled")
    assert scope.cancelled_caught
    assert serving() == []


async def test_the_callers_loop_goes_on_while_it_stops():
    """Start and stop run in a worker thread."""
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await anyio.sleep(0.01)

    async with anyio.create_task_group() as group:
        group.start_soon(tick)
        async with Sandbox(latency=60) as sandbox:
            group.start_soon(anyio.to_thread.run_sync, unanswered, sandbox.airview_url)
            await anyio.to_thread.run_sync(wait_for_a_request, sandbox)
            before = ticks
        assert ticks - before > 10
        group.cancel_scope.cancel()


def wait_for_a_request(sandbox):
    """Return once the sandbox has recorded a request."""
    while not sandbox.requests:
        time.sleep(0.005)


def unanswered(url):
    """Send a request whose connection is closed before the answer."""
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{url}/services/")


def test_stop_cuts_what_takes_too_long(caplog):
    """Answers get half a second to get done; the rest is dropped without a word."""
    with Sandbox(latency=60) as sandbox:
        thread = threading.Thread(target=unanswered, args=(sandbox.airview_url,))
        thread.start()
        wait_for_a_request(sandbox)
    thread.join()
    assert serving() == []
    assert caplog.records == []


def test_stop_waits_for_what_is_nearly_done():
    """An answer under way when the end comes is finished."""
    statuses = []
    with Sandbox(latency=0.1) as sandbox:
        url = f"{sandbox.airview_url}/services/"
        thread = threading.Thread(target=lambda: statuses.append(httpx.get(url).status_code))
        thread.start()
        wait_for_a_request(sandbox)
    thread.join()
    assert statuses == [200]


def test_stop_while_a_connection_is_accepted():
    """A connection that arrives with the end is closed, not leaked."""
    for _ in range(20):
        sandbox = Sandbox()
        sandbox.start()
        host, _, port = sandbox.url.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port))):
            sandbox.stop()
    gc.collect()


def test_it_starts_again_with_nothing():
    """Each start in memory is a new server, with new tables."""
    sandbox = Sandbox()
    for _ in range(2):
        with sandbox:
            assert httpx.post(f"{sandbox.airview_url}/systems/", json=SYSTEM).status_code == 200
    assert len(sandbox.requests) == 2


def test_wrong_order_is_a_clear_error():
    """What needs a running sandbox says so, starting twice too; stopping twice is fine."""
    sandbox = Sandbox()
    for attribute in ("url", "airview_url", "token_url"):
        with pytest.raises(RuntimeError, match="the sandbox is not running"):
            getattr(sandbox, attribute)
    with pytest.raises(RuntimeError, match="the sandbox is not running"):
        sandbox.snapshot()
    with sandbox, pytest.raises(RuntimeError, match="running already"):
        sandbox.start()
    sandbox.stop()


def test_a_taken_port_is_an_error_before_anything_starts():
    """The error names the address, and no thread was started for it."""
    with Sandbox() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: .*in use"):
            Sandbox(port=port).start()
        assert len(serving()) == 1


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
@pytest.mark.parametrize("kind", [Sandbox, partial(FaultyProxy, "127.0.0.1:1", 0)])
def test_a_thread_that_cannot_serve_is_an_error(kind, monkeypatch):
    """Whoever starts it is told of what went wrong there, and does not wait for ever."""
    told = OSError(errno.EMFILE, "Too many open files")

    def fail():
        raise told

    started = kind()
    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "SelectorEventLoop", fail)
        with pytest.raises(OSError, match="Too many open files") as caught:
            started.start()
    assert caught.value is told
    assert not [each for each in threading.enumerate() if each.name in _THREADS]
    gc.collect()  # a socket that is left open would be a warning, which is an error
    with started:
        assert started.url


def test_it_listens_on_ipv6():
    """An IPv6 address is bracketed in the URLs."""
    try:
        sandbox = Sandbox(host="::1")
        sandbox.start()
    except OSError as error:
        pytest.skip(str(error))
    assert sandbox.url.startswith("http://[::1]:")
    assert httpx.get(f"{sandbox.airview_url}/services/").status_code == 200
    sandbox.stop()


def test_requests_are_recorded_as_sent():
    """A record has the raw target, the headers by lower-case name, the body and the status."""
    with Sandbox() as sandbox:
        url = f"{sandbox.airview_url}/systems/?name=a%20b+%FF"
        httpx.get(url, headers={"Authorization": "Bearer x"})
        httpx.post(f"{sandbox.airview_url}/systems/", json=SYSTEM)
        first, second = sandbox.requests
        assert (first.method, first.path, first.query) == (
            "GET",
            "/airview/systems/",
            "name=a%20b+%FF",
        )
        assert first.target == "/airview/systems/?name=a%20b+%FF"
        assert first.headers["authorization"] == "Bearer x"
        assert (first.body, first.status) == (b"", 404)
        assert second.target == "/airview/systems/"
        assert (second.body, second.status) == (b'{"name":"s","stage":"MONITOR"}', 200)
        assert sandbox.requests[-1] is second
        assert sandbox.requests[:1] == [first]
        sandbox.requests.clear()
        assert len(sandbox.requests) == 0


def test_a_file_keeps_its_rows(tmp_path):
    """Rows written to a file are there for the next sandbox, and for SQLite."""
    path = tmp_path / "airview.db"
    with Sandbox(path) as sandbox:
        httpx.post(f"{sandbox.airview_url}/systems/", json=SYSTEM)
    with Sandbox(os.fspath(path)) as sandbox:
        assert sandbox.snapshot()["system"] == [{"id": 1, **SYSTEM}]
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_an_older_sandbox_opens(tmp_path):
    """Tables that an older file lacks are created, and its rows stay."""
    path = tmp_path / "airview.db"
    with Sandbox(path) as sandbox:
        httpx.post(f"{sandbox.airview_url}/systems/", json=SYSTEM)
    connection = sqlite3.connect(path)
    for table in (
        *("exclusion_resource", "excluded_resource", "exclusion", "resource_type_control"),
        *("framework_control_objective_link", "framework_control_objective"),
        *("framework_section", "framework"),
    ):
        connection.execute(f"DROP TABLE {table}")
    connection.close()
    with Sandbox(path) as sandbox:
        body = {"name": "NIST", "link": "/nist"}
        assert httpx.post(f"{sandbox.airview_url}/frameworks/", json=body).status_code == 200
        tables = sandbox.snapshot()
    assert tables["system"] == [{"id": 1, **SYSTEM}]
    assert tables["framework"] == [{"id": 1, **body}]


def test_snapshots_have_every_table():
    """Tables are singular, and empty at first."""
    with Sandbox() as sandbox:
        assert sandbox.snapshot() == {
            table: []
            for table in (
                *("system", "environment", "service", "resource_type", "control"),
                *("technical_control", "application", "application_environment"),
                *("application_environment_reference", "resource", "monitored_resource"),
                *("resource_type_control", "framework", "framework_section"),
                *("framework_control_objective", "framework_control_objective_link"),
                *("exclusion", "excluded_resource", "exclusion_resource"),
                *("account", "user", "notification_type", "notification", "sent_notification"),
                *("subscription", "subscriber", "integration_type", "integration"),
            )
        }


@pytest.mark.parametrize("kind", ["directory", "junk", "other", "missing"])
def test_an_unusable_database_is_a_clear_error(tmp_path, kind):
    """A directory, junk, another program's file and a missing folder are named in the error."""
    path = tmp_path / "airview.db"
    if kind == "directory":
        path.mkdir()
    elif kind == "junk":
        path.write_bytes(b"junk " * 1000)
    elif kind == "other":
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE system (id)")
        connection.close()
    else:
        path = tmp_path / "missing" / "airview.db"
    with pytest.raises(OSError, match=r"cannot use .*airview\.db as the sandbox's database: "):
        Sandbox(path).start()
    assert serving() == []
