"""The README's snippets, run as they stand."""

import subprocess
import sys
import time

import attrs
import pytest
import snippets

from airview_herald.sources import read_jsonl, write_jsonl

_README = snippets.ROOT / "README.md"
_SARIF = """{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "ruff"}}, "results": [
  {"ruleId": "S101", "message": {"text": "Use of assert"}, "locations": [{"physicalLocation":
    {"artifactLocation": {"uri": "src/a.py"}, "region": {"startLine": 1}}}]}, {"message": 5}]}]}"""
# What each has that no other one has.
_WORDS = [
    "anyio.run(main)",
    "ClientCredentials.azure",
    "get_sent_incident_notifications",
    "read_jsonl",
    "read_sarif",
    "record_and_tell",
    "test_my_feed",
]


def _snippet(word, sandbox_url=None):
    assert word in _WORDS
    (found,) = [each for each in snippets.read(_README, sandbox_url) if word in each.text]
    return found


def _defined(word):
    names = {}
    exec(_snippet(word).text, names)  # noqa: S102 - the README's own words
    return names


def test_no_snippet_is_left_out():
    """Each snippet is run by one of the tests below."""
    run = {_snippet(word) for word in _WORDS}
    assert run == set(snippets.read(_README))


def test_the_first_script_prints_what_it_says(sandbox):
    """The script of "Record your own events" runs as it stands, and prints what is shown."""
    script = _snippet("anyio.run(main)", sandbox.url)
    done = subprocess.run(
        [sys.executable, "-c", script.text], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout == script.shown
    assert len(sandbox.snapshot()["monitored_resource"]) == 1000


async def test_findings_from_a_scanner(connect, tmp_path, monkeypatch, capsys):
    """A SARIF report is recorded, and what cannot be read is told."""
    (tmp_path / "report.sarif").write_text(_SARIF)
    monkeypatch.chdir(tmp_path)
    async with connect() as airview:
        await _defined("read_sarif")["record"](airview)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "2 results, 1 recorded"
    assert "results[1]" in printed[1]


async def test_a_night_after_a_night(connect, event, tmp_path, monkeypatch, capsys):
    """Each batch keeps its state and its letters, and closes what it lists no more.

    One that is asked for twice is recorded once, and one of which something fails says so.
    """
    monkeypatch.chdir(tmp_path)
    nightly = _defined("read_jsonl")["nightly"]
    write_jsonl([event("i-1"), event("i-2")], "monday.jsonl")
    write_jsonl([event("i-1")], "tuesday.jsonl")
    write_jsonl([event("i-1"), event("")], "wednesday.jsonl")
    async with connect() as airview:
        await nightly(airview, "monday.jsonl", "monday")
        await nightly(airview, "tuesday.jsonl", "tuesday")
        await nightly(airview, "tuesday.jsonl", "tuesday")
        with pytest.raises(SystemExit, match=r"feed\.dead\.jsonl"):
            await nightly(airview, "wednesday.jsonl", "wednesday")
    assert capsys.readouterr().out.splitlines() == [
        "2 recorded, of which 0 closed",
        "2 recorded, of which 1 closed",
        "tuesday was recorded already",
        "1 recorded, of which 0 closed",
    ]
    assert {each.name for each in tmp_path.iterdir()} >= {"feed.state", "feed.dead.jsonl"}


async def test_telling_people(connect, call_herald, event, capsys):
    """What became FLAGGED of a blocking control is told once, as shown."""
    blocking = attrs.evolve(event("i-1").technical_control, is_blocking=True)
    async with connect() as airview, call_herald() as herald:
        tell = _defined("record_and_tell")["record_and_tell"]
        for _ in range(2):
            await tell(airview, herald, [event("i-1", technical_control=blocking)])
    assert capsys.readouterr().out == ("EC2 patching: 1 resource of Payments newly flagged: i-1\n")


def test_credentials():
    """Every provider is made as shown, and shows no secret."""
    names = _defined("ClientCredentials.azure")
    shown = repr([names["auth"], names["azure"], names["cognito"]])
    assert "login.microsoftonline.com/tenant-id/" in shown
    assert "client-secret" not in shown


def test_testing_your_own_code(connect, event, tmp_path):
    """The test in the README passes for a feed that records a file with one finding."""
    names = _defined("test_my_feed")
    path = tmp_path / "events.jsonl"
    write_jsonl([event("i-1")], path)

    async def feed(url):
        async with connect(url) as airview:
            await airview.ingest(read_jsonl(path))

    names["my_feed"] = feed
    names["test_my_feed"]()


def test_the_script_for_herald_prints_what_became_of_it(sandbox):
    """The script of "Herald" runs as it stands: sent, delivered, listed."""
    sandbox.herald.seed(latest=time.time())
    script = _snippet("get_sent_incident_notifications", sandbox.url)
    done = subprocess.run(
        [sys.executable, "-c", script.text], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    sent, delivered, *listed = done.stdout.splitlines()
    assert sent.endswith(" created")
    assert "robin.vale@example.com SENT" in delivered
    assert listed[0].split() == [sent.split()[0], "incidents/alerts"]
    assert len(listed) > 10
