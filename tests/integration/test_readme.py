"""The README's snippets, run as they stand."""

import subprocess
import sys
import time

import attrs
import httpx
import pytest
import snippets
from tables import Tables

from airview_herald import Herald
from airview_herald.airview import Control, ResourceType
from airview_herald.sources import read_jsonl, write_jsonl

_README = snippets.ROOT / "README.md"
_SARIF = """{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "ruff"}}, "results": [
  {"ruleId": "S101", "message": {"text": "Use of assert"}, "locations": [{"physicalLocation":
    {"artifactLocation": {"uri": "src/a.py"}, "region": {"startLine": 1}}}]}, {"message": 5}]}]}"""
# What each has that no other one has.
_WORDS = [
    "FrameworkControlObjective(",
    "airview.check",
    "airview.plan",
    "airview.stream",
    "anyio.run(main)",
    "AiohttpTransport",
    "AsyncExitStack",
    "ClientCredentials.azure",
    "get_flagged",
    "get_sent_incident_notifications",
    "handle_compliance_event",
    "read_sarif",
    "record_and_tell",
    "resume_token",
    'state="feed.state"',
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


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_faster_connections(sandbox, event):
    """A batch goes over aiohttp."""
    record = _defined("AiohttpTransport")["record_fast"]
    report = await record(sandbox.airview_url, [event(f"i-{n}") for n in range(50)])
    assert report.recorded == 50


async def test_a_client_in_the_cells_of_a_notebook(sandbox, connect, event):
    """The snippet runs with `await` at the top level, and makes records of what is there."""
    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-2")])
    names = {}
    await _snippet("AsyncExitStack", sandbox.url).run(names)
    [record] = names["records"]
    assert (record["total"], record["control_name"]) == (2, "Patch R&D servers")


async def test_findings_from_a_scanner(connect, tmp_path, monkeypatch, capsys):
    """A SARIF report is recorded, and what cannot be read is told."""
    (tmp_path / "report.sarif").write_text(_SARIF)
    monkeypatch.chdir(tmp_path)
    async with connect() as airview:
        await _defined("read_sarif")["record"](airview)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "2 results, 1 recorded"
    assert "results[1]" in printed[1]


async def test_watching_a_run(connect, event, capsys):
    """A stream is watched to its end, failures told as they come."""
    async with connect() as airview:
        await _defined("airview.stream")["watch"](airview, [event("i-1"), event("")])
    assert "resource_reference: must not be empty" in (out := capsys.readouterr().out)
    assert out.endswith("1 of 2\n")


async def test_closing_what_was_fixed(connect, event, capsys):
    """A plan, and a batch that closes what it no longer lists, work as shown."""
    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-2")])
        await _defined("airview.plan")["nightly"](airview, [event("i-1"), event("i-1")])
    assert capsys.readouterr().out == (
        "0 definitions to record, 0 that differ\n2 recorded, of which 1 closed\n"
    )


async def test_going_on_after_a_kill(connect, event, tmp_path, monkeypatch, capsys):
    """A finished batch has its state and its dead letters where the README puts them."""
    monkeypatch.chdir(tmp_path)
    write_jsonl([event("i-1"), event("i-2")], "events.jsonl")
    async with connect() as airview:
        await _defined('state="feed.state"')["resumable"](airview, "events.jsonl")
    assert capsys.readouterr().out == "2 recorded, 0 done before\n"
    assert (tmp_path / "feed.state").exists()
    assert (tmp_path / "feed.dead.jsonl").exists()


async def test_ways_to_send(sandbox, connect, capsys):
    """A check, a sibling's headers and its answers are as shown."""
    async with connect() as airview:
        await _defined("airview.check")["careful"](airview, Control("Patch", "SECURITY"))
    checked, looked, made = capsys.readouterr().out.splitlines()
    assert checked == "Check(system_id=None)"
    assert looked == "GET 200 None []"
    assert made.startswith("POST 200 None {")
    assert sandbox.requests[-1].headers["x-trace"] == "42"


async def test_single_calls(sandbox, connect, event, capsys):
    """The documented operations work as shown."""
    async with connect() as airview:
        await _defined("handle_compliance_event")["single_calls"](airview, event("i-1"))
    assert "Production" in capsys.readouterr().out
    assert {row["reference"] for row in sandbox.snapshot()["resource"]} == {"i-1", "i-0001"}


async def test_telling_people(connect, call_herald, event, capsys):
    """What became FLAGGED of a blocking control is told once, as shown."""
    blocking = attrs.evolve(event("i-1").technical_control, is_blocking=True)
    async with connect() as airview, call_herald() as herald:
        tell = _defined("record_and_tell")["record_and_tell"]
        for _ in range(2):
            await tell(airview, herald, [event("i-1", technical_control=blocking)])
    assert capsys.readouterr().out == ("EC2 patching: 1 resource of Payments newly flagged: i-1\n")


async def test_links(connect, capsys):
    """A control is linked to an objective and to a resource type as shown."""
    control, kind = Control("Patch", "SECURITY"), ResourceType("vm", "VM")
    async with connect("https://airview.example", http=httpx.MockTransport(Tables())) as airview:
        await _defined("FrameworkControlObjective(")["links"](airview, control, kind)
    assert capsys.readouterr().out == "1 1\n"


async def test_reading_what_is_flagged(connect, capsys):
    """What is flagged is printed as shown."""
    rows = {
        "/applications/": [{"id": 9, "name": "n", "applicationType": "TECHNICAL_SERVICE"}],
        "/aggregations/compliance/9": [
            {
                "controlId": 12,
                "controlName": "Patch servers",
                "environmentName": "Production",
                "id": 31,
                "raisedDateTime": "2023-09-18T13:21:24",
                "resources": [{"id": 301, "name": "web-1", "status": "none"}],
                "severity": "high",
                "systemName": "ccf",
                "systemStage": "MONITOR",
                "technicalControlName": "EC2 patching",
                "tickets": [],
            }
        ],
    }

    def answer(request):
        return httpx.Response(200, json=rows[request.url.path])

    async with connect("https://airview.example", http=httpx.MockTransport(answer)) as airview:
        await _defined("get_flagged")["flagged"](airview)
    assert capsys.readouterr().out == "2023-09-18 13:21:24+00:00 HIGH web-1\n"


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


async def test_a_listing_is_read_on(sandbox, capsys):
    """What one listing has read the next one does not, and together they read everything."""
    read_on = _defined("resume_token")["read_on"]
    sandbox.herald.seed()
    tokens = []
    async with Herald(
        access_key_id=sandbox.herald.access_key_id,
        secret_key=sandbox.herald.secret_key,
        global_endpoint=sandbox.herald_url,
    ) as herald:
        every = [
            each.id
            async for each in herald.get_account_notification_by_type(
                "incidents/alerts", sort="asc"
            )
        ]
        token = await read_on(herald)
        while token is not None:
            tokens.append(token)
            token = await read_on(herald, token)
    assert capsys.readouterr().out.split() == every
    assert len(tokens) > 1
