"""`airview-herald ingest` of files that it cannot use, or not now."""

import bz2
import gzip
import lzma
import time

import pytest

from airview_herald.sandbox import Sandbox


def _numbered(count):
    return [f"i-{number}" for number in range(count)]


def test_a_file_that_is_none_of_these_is_2(cli, sandbox):
    """Nothing was sent, and the error says what it was taken for."""
    (cli.folder / "notes.txt").write_text("no events")
    done = cli("ingest", "notes.txt")
    assert done.code == 2
    assert "notes.txt: is not SARIF" in done.err
    assert not sandbox.requests


@pytest.mark.parametrize("name", ["empty", "-"])
def test_an_empty_file_of_no_kind_is_2(cli, name):
    """A scanner that died leaves nothing, so nothing is no input unless that is said."""
    (cli.folder / "empty").write_bytes(b"")
    done = cli("ingest", name)
    assert done.code == 2
    called = "stdin" if name == "-" else name
    rule = "is empty: if that is no events, say --format jsonl"
    assert done.err == f"error: {called}: {rule}\n"
    assert cli("ingest", name, "--format", "jsonl").code == 0
    report = cli("ingest", name, "--format", "sarif")
    assert (report.code, report.err) == (2, f"error: {called}: is empty\n")


@pytest.mark.parametrize(
    ("name", "compress"),
    [
        ("events.jsonl.gz", gzip.compress),
        ("events.jsonl", bz2.compress),
        ("report.sarif", lzma.compress),
    ],
)
def test_a_compressed_file_is_2(cli, name, compress):
    """It is told as what it is, whatever its name promises."""
    (cli.folder / name).write_bytes(compress(b"{}"))
    done = cli("ingest", name)
    assert done.code == 2
    assert done.err == f"error: {name}: is compressed: pipe what it holds into `ingest -`\n"


def test_a_state_file_that_another_run_has_is_5(cli, write):
    """The same command does its work once that has ended."""
    with Sandbox(latency=0.5) as slow:
        arguments = ("ingest", write("events.jsonl", _numbered(300)), "--state", "feed.state")
        environ = {"AIRVIEW_BASE_URL": slow.airview_url}
        with cli.running(*arguments, "--concurrency", "1", **environ) as process:
            while not slow.requests:
                time.sleep(0.01)
            done = cli(*arguments, **environ)
            process.kill()
    assert (done.code, done.out) == (5, "")
    assert done.err == "error: --state: feed.state is in use by another run\n"


def test_a_damaged_state_file_is_2(cli, write):
    """It may be anything, so whoever knows what it is has to remove it."""
    arguments = ("ingest", write("events.jsonl", _numbered(3)), "--state", "feed.state")
    assert cli(*arguments).code == 0
    content = (cli.folder / "feed.state").read_bytes()
    (cli.folder / "feed.state").write_bytes(content[:4096])
    done = cli(*arguments, "--restart")
    assert done.code == 2
    assert done.err == "error: --state: feed.state is damaged; remove it to begin anew\n"
