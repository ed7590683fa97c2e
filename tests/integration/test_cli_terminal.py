"""What a terminal shows: a table, and a batch while it runs."""

import os
import re
import signal

import pytest

from airview_herald.cli._output import Output
from airview_herald.sandbox import Sandbox
from airview_herald.sources import write_jsonl

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a terminal of POSIX")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def _plain(shown):
    return _ESCAPES.sub("", shown)


def test_a_terminal_gets_a_table(cli, event):
    """Rows are a table, without what a resource's name tells a terminal to do."""
    write_jsonl([event("i-\x1b[31m1")], cli.folder / "events.jsonl")
    code, shown = cli.on_a_terminal("ingest", "events.jsonl")
    assert code == 0
    assert "recorded" in _plain(shown)
    code, shown = cli.on_a_terminal("compliance", "--select", "resourceReference")
    assert code == 0
    assert "resource reference" in _plain(shown)
    assert "\x1b[31m1" not in shown
    assert not shown.startswith("{")


def test_a_batch_is_shown_while_it_runs(cli, event):
    """How far, how fast, what failed, how many in flight; Ctrl-C leaves the account."""
    events = [event("x" * 501 if number == 9 else f"i-{number}") for number in range(2000)]
    write_jsonl(events, cli.folder / "events.jsonl")
    with Sandbox(latency=0.02) as slow:
        code, shown = cli.on_a_terminal(
            "ingest", "events.jsonl", "--concurrency", "16",
            until=b" left", stop=signal.SIGINT, AIRVIEW_BASE_URL=slow.airview_url,
        )  # fmt: skip
    assert code == 130
    plain = _plain(shown)
    assert re.search(r"events\.jsonl +[━╸╺]+ +\d+%  0:\d\d, 0:\d\d left", plain)
    assert re.search(r"\d+ recorded  1 failed  \d+ events/s  16 in flight at most", plain)
    assert "line 10 failed: xxx" in plain
    assert "interrupted: nothing more was sent" in plain
    assert re.search(r"not attempted +\d+", plain)


def test_what_to_go_on_with_is_below_the_table(cli, sandbox):
    """Where whoever has read it looks next."""
    sandbox.herald.seed()
    _, shown = cli.on_a_terminal("notifications", "list", "incidents/alerts", "--max", "2")
    *_, last = _plain(shown).splitlines()
    assert last.startswith("go on with: --max 2 --resume ")


@pytest.mark.parametrize("columns", range(36, 80, 3))
def test_a_narrow_terminal_loses_no_column(monkeypatch, capsys, columns):
    """What is too wide for it as a table is a line for each field of each row."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    row = {
        "application_name": "Payments", "control_name": "Patch R&D servers",
        "control_severity": "LOW", "total": 1_234_567, "is_compliant": 89,
    }  # fmt: skip
    Output(json=False).rows([row, row])
    shown = _plain(capsys.readouterr().out)
    for part in ("application", "name", "severity", "total", "compliant", "1234567", "89"):
        assert part in shown
    assert max(map(len, shown.splitlines())) <= columns


@pytest.mark.parametrize("columns", [60, 80])
def test_whoami_breaks_no_url(monkeypatch, capsys, columns):
    """Where the table does not fit there is a line for each field."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    row = {
        "service": "AirView", "url": "https://airview.example.com/api",
        "credential": "AIRVIEW_TOKEN_FILE, /run/secrets/airview", "system": "nightly-scan",
        "system_id": 12,
    }  # fmt: skip
    Output(json=False).rows([row], tuple(row))
    shown = _plain(capsys.readouterr().out)
    assert "url         https://airview.example.com/api\n" in shown
    assert "credential  AIRVIEW_TOKEN_FILE, /run/secrets/airview\n" in shown


def test_json_on_a_terminal_is_asked_for(cli):
    """`--json` is lines of JSON there, too."""
    code, shown = cli.on_a_terminal("check", "--json")
    assert code == 0
    assert shown.startswith('{"base_url"')
