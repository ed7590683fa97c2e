"""`airview-herald ingest --scheduler`."""

import os
import signal

import clustered
import pytest
from command_line import CommandLine

from airview_herald.sources import read_jsonl, write_jsonl

pytestmark = [pytest.mark.alone, pytest.mark.timeout(60)]


@pytest.fixture
def cli(tmp_path, sandbox, measured):
    """The command line, in a folder with two files of events."""
    events = clustered.events(100)
    write_jsonl(events[:50], tmp_path / "a.jsonl")
    write_jsonl(events[50:], tmp_path / "b.txt")
    environ = {
        "AIRVIEW_BASE_URL": sandbox.airview_url,
        "AIRVIEW_SYSTEM_NAME": "ccf",
        "AIRVIEW_REFERENCING_TYPE": "aws",
    }
    return CommandLine(tmp_path, measured | environ)


@pytest.fixture
def cluster(client):
    """The options that name the cluster."""
    server = ("--scheduler", client.scheduler.address, "--settle", "0.5")
    return (*server, "--state", "state", "--partitions", "4")


def test_the_command_line_records_on_a_cluster(cli, cluster, sandbox):
    """Files are told apart on the workers, by how they begin; the report is as for one process."""
    with (cli.folder / "b.txt").open("a") as file:
        file.write('{"resource": 5}\n')
    done = cli("ingest", "a.jsonl", "b.txt", *cluster)
    assert (done.code, done.err) == (1, "")
    [problem], [report] = done.of("problem"), done.of("report")
    assert problem["where"] == "line 51"
    assert (report["inputs"], report["recorded"], report["unreadable"]) == (100, 100, 1)
    assert len(sandbox.snapshot()["monitored_resource"]) == 20
    again = cli("ingest", "a.jsonl", "b.txt", *cluster)
    assert again.code == 4
    assert "is of a run that has finished; --restart, or another --run, begins anew" in again.err
    night = cli("ingest", "a.jsonl", *cluster, "--run", "2026-11-29")
    [report] = night.of("report")
    assert (night.code, report["recorded"]) == (0, 50)


def test_what_fails_is_told_as_for_one_process(cli, cluster):
    """With the letters in the file that was asked for."""
    bad = clustered.events(1)[0].__class__("", *_rest(clustered.events(1)[0]))
    write_jsonl([bad], cli.folder / "bad.jsonl")
    done = cli("ingest", "bad.jsonl", *cluster, "--dead-letters", "dead.jsonl")
    assert done.code == 1
    [failure] = done.of("failure")
    assert failure["message"].startswith("resource_reference: ")
    assert list(read_jsonl(cli.folder / "dead.jsonl")) == [bad]
    again = cli("ingest", "bad.jsonl", *cluster, "--run", "again", "--no-json")
    assert "warning: an event failed: resource_reference: " in again.err


def _rest(event):
    return event.application, event.technical_control, event.status


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["a.jsonl", "--scheduler", "tcp://x"], "--scheduler: needs --state"),
        (
            ["a.jsonl", "--scheduler", "tcp://x", "--state", "s", "--dry-run"],
            "--dry-run, --check: look from here: without --scheduler",
        ),
        (
            ["a.jsonl", "--scheduler", "garbage", "--state", "s"],
            "error: --scheduler: garbage is no address: missing port number in address 'garbage'\n",
        ),
        (
            ["a.jsonl", "--scheduler", "tcp://127.0.0.1:1", "--state", "a.jsonl"],
            "--state: a.jsonl is a file; workers share a folder",
        ),
    ],
)
def test_options_that_do_not_go_with_a_cluster(cli, options, told):
    """One line says which, before anything is connected to."""
    done = cli("ingest", *options)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert done.err.count("\n") == 1


def test_a_scheduler_that_is_not_there_is_one_line(cli):
    """It ends at once, or within the time that Dask's settings give it."""
    done = cli(
        "ingest", "a.jsonl", "--scheduler", "tcp://127.0.0.1:1", "--state", "s",
        DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="1s",
    )  # fmt: skip
    assert done.code == 3
    assert "error: --scheduler: tcp://127.0.0.1:1 cannot be used: " in done.err


@pytest.mark.skipif(os.name != "posix", reason="a terminal of POSIX")
def test_on_a_terminal_it_shows_how_far_it_is(cli, cluster, sandbox):
    """Ctrl-C ends it with its report, and the same command goes on."""
    write_jsonl(clustered.events(1000), cli.folder / "many.jsonl")
    cluster = (*cluster[:-1], "30")
    code, shown = cli.on_a_terminal(
        "ingest", "many.jsonl", *cluster, until=b"1 of 30 partitions", stop=signal.SIGINT
    )
    assert code == 130, shown
    assert "interrupted" in shown
    done = cli("ingest", "many.jsonl", *cluster)
    [report] = done.of("report")
    assert (done.code, report["inputs"]) == (0, 1000)
    assert report["skipped"] > 0
    assert len(sandbox.snapshot()["monitored_resource"]) == 200
