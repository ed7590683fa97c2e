"""`airview-herald ingest`: every way in, and every exit code."""

import json
import os
import shlex
import subprocess
import threading
import time

import httpx
import pytest
from command_line import COMMAND

from airview_herald.sandbox import Sandbox
from airview_herald.sources import read_jsonl, write_jsonl

posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
SARIF = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {"driver": {"name": "ruff"}},
            "results": [
                {
                    "ruleId": rule,
                    "message": {"text": "Found"},
                    "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}}}],
                }
                for rule in ("S101", "S102")
                for uri in ("shop/cart.py", "shop/till.py")
            ],
        }
    ],
}


def _numbered(count):
    return [f"i-{number}" for number in range(count)]


def _resources(sandbox):
    return {row["reference"] for row in sandbox.snapshot()["resource"]}


def test_all_recorded_is_0(cli, write, sandbox):
    """One line of JSON in a pipe says how it went."""
    done = cli("ingest", write("events.jsonl", _numbered(50)))
    assert (done.code, done.err) == (0, "")
    [report] = done.rows
    assert (report["kind"], report["inputs"], report["recorded"]) == ("report", 50, 50)
    assert _resources(sandbox) == set(_numbered(50))


def test_some_failed_is_1(cli, write, sandbox):
    """What failed, with field and rule, and what could not be read are lines of their own."""
    write("events.jsonl", ["i-1", "x" * 501, "i-2"])
    with (cli.folder / "events.jsonl").open("a") as file:
        file.write('{"resource": 5}\n')
    done = cli("ingest", "events.jsonl", "--dead-letters", "dead.jsonl")
    assert (done.code, done.err) == (1, "")
    [failure], [problem], [report] = map(done.of, ("failure", "problem", "report"))
    assert (failure["index"], failure["file"], failure["line"]) == (1, "events.jsonl", 2)
    assert failure["message"].startswith("resource_reference: must have at most 500 characters")
    assert (problem["file"], problem["where"]) == ("events.jsonl", "line 4")
    assert (report["recorded"], report["failed"], report["unreadable"]) == (2, 1, 1)
    assert len(list(read_jsonl(cli.folder / "dead.jsonl"))) == 1
    assert _resources(sandbox) == {"i-1", "i-2"}


def test_an_unreadable_line_alone_is_1(cli):
    """What gave no event was not recorded either."""
    assert cli("ingest", "-", stdin=b'{"resource": 5}\n').code == 1


def test_a_table_says_the_same_to_people(cli, write):
    """`--no-json` has failures on stderr, the first ten of them, and the counts on stdout."""
    done = cli(
        "ingest", write("events.jsonl", ["ok", *("x" * 501 for _ in range(12))]), "--no-json"
    )
    assert done.code == 1
    lines = done.err.splitlines()
    assert lines[0].startswith("warning: events.jsonl line 2 failed: xxxx")
    assert "…: resource_reference: must have at most 500" in lines[0]
    assert lines[10:] == ["warning: 2 more failures"]
    assert "recorded    1 of 13\n" in done.out
    assert "InputError  12\n" in done.out


def test_what_has_no_name_is_told_without_one(cli, write):
    """There is nothing to name a resource by whose reference is empty."""
    done = cli("ingest", write("events.jsonl", [""]), "--no-json")
    assert (
        done.err == "warning: events.jsonl line 1 failed: resource_reference: must not be empty\n"
    )


def test_a_refused_credential_is_3(cli, write):
    """What makes every event fail ends the batch, in one line without the secret."""
    with Sandbox(require_token=True) as strict:
        environ = {"AIRVIEW_BASE_URL": strict.airview_url, "AIRVIEW_TOKEN": "not-a-token-of-theirs"}
        done = cli("ingest", write("events.jsonl", _numbered(3)), **environ)
    assert done.code == 3
    assert done.err.startswith("error: no event can be recorded: ")
    assert done.err.count("\n") == 1
    assert "not-a-token-of-theirs" not in done.err + done.out
    [report] = done.of("report")
    assert report["recorded"] == 0
    assert report["inputs"] == report["failed"] + report["not_attempted"]


def test_too_many_failures_are_3(cli, write):
    """`--max-failures` ends the batch."""
    done = cli("ingest", write("events.jsonl", ["x" * 501] * 9), "--max-failures", "2")
    assert done.code == 3
    assert "as many as --max-failures; the last: " in done.err
    assert done.of("report")[0]["ended"] == done.err.removeprefix("error: ").strip()


@pytest.mark.parametrize("options", [(), ("--no-json",)], ids=["json", "table"])
def test_what_was_left_over_when_too_many_failed_is_told(cli, write, options):
    """Whatever the report counts as failed has a line, and so has what is in the dead letters."""
    write("events.jsonl", ["x" * 501] * 5)
    arguments = ("--max-failures", "1", "--window", "5", "--dead-letters", "dead.jsonl", *options)
    done = cli("ingest", "events.jsonl", *arguments)
    assert done.code == 3
    letters = len(list(read_jsonl(cli.folder / "dead.jsonl")))
    failed = done.err.count(" failed: xxx") if options else len(done.of("failure"))
    assert letters == failed == 5
    assert "error: events not recorded: 1, as many as --max-failures; the last: " in done.err


def test_another_input_under_a_state_that_is_begun_is_2(cli, write, sandbox):
    """A retry would meet the same: nothing of it is sent."""
    first = write("events.jsonl", ["x" * 501, *_numbered(3)])
    options = ("--state", "feed.state", "--concurrency", "1")
    assert cli("ingest", first, *options, "--max-failures", "1").code == 3
    sandbox.requests.clear()
    done = cli("ingest", write("other.jsonl", ["y", "z"]), *options)
    assert done.code == 2, done.err
    assert not any(request.method != "GET" for request in sandbox.requests)


def test_a_server_that_is_not_there_is_3(cli, write):
    """It is waited for, unless it is checked first."""
    arguments = ("ingest", write("events.jsonl", ["i"]), "--check")
    done = cli(*arguments, AIRVIEW_BASE_URL="http://127.0.0.1:1")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("error: GET http://127.0.0.1:1/systems/: ConnectError")
    waited = cli(*arguments[:-1], "--max-cooldown", "0.1", AIRVIEW_BASE_URL="http://127.0.0.1:1")
    assert waited.code == 3
    assert waited.err.count("--max-cooldown") == 2
    assert "max_cooldown" not in waited.err


def test_a_finished_run_is_4(cli, write, sandbox):
    """What is done is not done again, unless it is asked for; a retry sees that it was done."""
    arguments = ("ingest", write("events.jsonl", _numbered(3)), "--state", "feed.state")
    assert cli(*arguments).code == 0
    again = cli(*arguments)
    assert (again.code, again.out) == (4, "")
    assert again.err == (
        "already done: --state: feed.state is of a run that has finished; --restart, or another "
        "--run, begins anew\n"
    )
    assert cli(*arguments, "--restart").code == 0
    assert cli(*arguments, "--run", "tuesday").code == 0
    sent = len(sandbox.requests)
    retried = cli(*arguments, "--run", "tuesday")
    assert retried.code == 4
    assert retried.err.startswith(
        "already done: --state: feed.state is of the run 'tuesday', which"
    )
    assert len(sandbox.requests) == sent


@pytest.mark.parametrize("name", ["report.sarif", "report.json", "-"])
def test_sarif_is_known_by_its_name_or_its_beginning(cli, sandbox, name):
    """A scanner's report is recorded without being told what it is, from stdin too."""
    (cli.folder / "report.json").write_text(json.dumps(SARIF, indent=1))
    (cli.folder / "report.sarif").write_text(json.dumps(SARIF))
    done = cli("ingest", name, stdin=json.dumps(SARIF).encode())
    assert (done.code, done.err) == (0, "")
    assert _resources(sandbox) == {"shop/cart.py", "shop/till.py"}
    [application] = sandbox.snapshot()["application"]
    assert application["name"] == "shop"


def test_a_base_that_is_none_is_refused(cli, sandbox):
    """Before the first file is read; what is not below one is told and not recorded."""
    (cli.folder / "report.sarif").write_text(json.dumps(SARIF))
    assert (
        cli("ingest", "report.sarif", "--base", "sho").err
        == "error: --base: 'sho' is no directory\n"
    )
    assert not sandbox.requests
    (cli.folder / "report.sarif").write_text(json.dumps(SARIF).replace("shop/", "/elsewhere/"))
    done = cli("ingest", "report.sarif", "--base", ".")
    assert done.code == 1
    assert "'/elsewhere/cart.py' is not below the base" in done.out
    assert _resources(sandbox) == set()


def test_absolute_paths_without_a_base_are_warned_of(cli):
    """The line names the option, and the file."""
    (cli.folder / "report.sarif").write_text(json.dumps(SARIF).replace("shop/", "/home/shop/"))
    done = cli("ingest", "report.sarif")
    assert done.code == 0
    assert done.err == (
        "warning: --base: report.sarif has absolute paths, such as '/home/shop/cart.py', whose "
        "first folder becomes an application, 'home'; name the folder that they are below\n"
    )


def test_sarif_is_read_as_asked(cli, sandbox):
    """One application, and what a breach leads to, are options."""
    (cli.folder / "report.sarif").write_text(json.dumps(SARIF))
    options = ("--application", "The Shop", "--control-action", "INCIDENT")
    assert cli("ingest", "report.sarif", *options).code == 0
    tables = sandbox.snapshot()
    assert {row["name"] for row in tables["application"]} == {"The Shop"}
    assert {row["control_action"] for row in tables["technical_control"]} == {"INCIDENT"}


def test_patterns_and_stdin_are_files_too(cli, write, sandbox):
    """A pattern that no shell has expanded is expanded, sorted; `-` comes where it stands."""
    (cli.folder / "in" / "deep").mkdir(parents=True)
    write("in/b.jsonl", ["b"])
    write("in/deep/a.jsonl", ["a"])
    write("first.jsonl", ["first"])
    piped = (cli.folder / write("piped.txt", ["piped"])).read_bytes()
    done = cli("ingest", "first.jsonl", "in/**/*.jsonl", "-", stdin=piped)
    assert done.of("report")[0]["recorded"] == 4
    assert _resources(sandbox) == {"first", "a", "b", "piped"}


def test_a_dry_run_makes_nothing(cli, write, sandbox):
    """It lists what would be made, what exists, and what would fail."""
    write("events.jsonl", ["i-1", "x" * 501])
    done = cli("ingest", "events.jsonl", "--dry-run")
    assert done.code == 1
    assert {row["definition"]: row["id"] for row in done.of("definition")} == dict.fromkeys(
        ("system", "environment", "application", "control", "technical control")
    )
    assert (done.of("plan")[0]["new"], len(done.of("failure"))) == (5, 1)
    assert sandbox.snapshot()["system"] == []
    write("good.jsonl", ["i-1"])
    assert cli("ingest", "good.jsonl").code == 0
    table = cli("ingest", "good.jsonl", "--dry-run", "--no-json")
    assert table.code == 0
    assert "application         payments" in table.out
    assert "this look   5 requests\n" in table.out


def test_what_is_gone_is_closed(cli, write, sandbox):
    """`--reconcile` closes it; when some of the input cannot be read nothing is, and that is 1."""
    cli("ingest", write("events.jsonl", ["i-1", "i-2"]))
    write("events.jsonl", ["i-1"])
    with (cli.folder / "events.jsonl").open("a") as file:
        file.write("broken\n")
    doubtful = cli("ingest", "events.jsonl", "--reconcile")
    assert doubtful.code == 1
    assert doubtful.of("report")[0]["unreconciled"]
    done = cli("ingest", write("events.jsonl", ["i-1"]), "--reconcile")
    assert (done.code, done.of("report")[0]["reconciled"]) == (0, 1)
    assert "reconciled  0\n" in cli("ingest", "events.jsonl", "--reconcile", "--no-json").out
    (cli.folder / "none.jsonl").write_text("")
    empty = cli("ingest", "none.jsonl", "--reconcile")
    assert empty.code == 1
    assert "the input mentions no application" in empty.of("report")[0]["unreconciled"]
    named = cli("ingest", "none.jsonl", "--reconcile", "--reconcile-application", "payments")
    assert (named.code, named.of("report")[0]["reconciled"]) == (0, 1)
    states = [row["monitoring_state"] for row in sandbox.snapshot()["monitored_resource"]]
    assert states == ["MONITORING", "MONITORING"]


def test_an_application_is_named_by_its_reference_alone(cli, write, sandbox):
    """It has no name that could differ; one that the server does not have is told of, and 1."""
    cli("ingest", write("events.jsonl", ["i-1"]))
    (cli.folder / "none.jsonl").write_text("")
    reconcile = ("ingest", "none.jsonl", "--reconcile", "--reconcile-application")
    lost = cli(*reconcile, "paymnets", "--reconcile-application", "payments")
    assert (lost.code, lost.of("report")[0]["reconciled"]) == (1, 1)
    assert lost.of("report")[0]["unreconciled"] == "this system has recorded nothing of paymnets"
    assert lost.err == "warning: --reconcile: this system has recorded nothing of paymnets\n"
    assert not lost.of("mismatch")
    strange = cli(*reconcile, "payments", "--system-name", "nobody")
    assert (strange.code, strange.of("report")[0]["reconciled"]) == (1, 0)


def test_mismatches_are_told(cli, write, event, sandbox):
    """A definition that exists with other attributes is a line, and no failure."""
    cli("ingest", write("events.jsonl", ["i-1"]))
    done = cli("ingest", "events.jsonl", "--system-stage", "BUILD", "--dry-run")
    assert done.code == 0
    [row] = done.of("mismatch")
    assert (row["definition"], row["field"], row["stored"]) == ("system", "stage", "MONITOR")


def test_a_closed_pipe_does_not_end_a_batch(cli, write, sandbox):
    """Nobody has to read what it says for events to be recorded."""
    write("events.jsonl", ["x" * 501, *_numbered(300)])
    with cli.running("ingest", "events.jsonl") as process:
        process.stdout.readline()
        process.stdout.close()
        process.stdout = None
        err = process.communicate(timeout=30)[1]
    assert (process.returncode, err) == (1, b"")
    assert _resources(sandbox) == set(_numbered(300))


@posix
def test_a_batch_that_ends_early_does_not_wait_for_a_pipe(cli, event):
    """Nothing more is wanted of it, and nothing may come for hours."""
    with (
        Sandbox(require_token=True) as strict,
        cli.running("ingest", "-", AIRVIEW_BASE_URL=strict.airview_url) as process,
    ):
        write_jsonl([event("i-1")], process.stdin)
        process.stdin.flush()
        assert process.wait(10) == 3


@posix
def test_a_server_that_is_restored_meanwhile_is_1(cli, event):
    """What was recorded before may be lost, so that it has to be run again."""
    with Sandbox() as first:
        port, url = httpx.URL(first.url).port, first.airview_url
        with cli.running("ingest", "-", AIRVIEW_BASE_URL=url) as process:
            write_jsonl([event("i-1"), event("i-2")], process.stdin)
            process.stdin.flush()
            limit = time.monotonic() + 20
            while len(_resources(first)) < 2 and time.monotonic() < limit:
                time.sleep(0.02)
            first.stop()
            with Sandbox(port=port):
                write_jsonl([event("i-1", "MONITORING")], process.stdin)
                out, err = process.communicate(timeout=30)
    [report] = map(json.loads, out.splitlines())
    assert (report["recorded"], report["run_again"], process.returncode) == (3, True, 1)
    assert b"error: the server was restored meanwhile: it may have lost what was recorded" in err


@posix
def test_letters_are_not_added_to_stdin(cli, write):
    """Which may be a file of letters, too."""
    write("dead.jsonl", [""])
    with (cli.folder / "dead.jsonl").open() as letters:
        done = subprocess.run(
            [*COMMAND, "ingest", "-", "--dead-letters", "dead.jsonl"],
            stdin=letters, cwd=cli.folder, env=cli.environ, capture_output=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: --dead-letters: must not be a file that the events")


def test_closed_errors_do_not_end_a_batch(cli, write, sandbox):
    """Nor have its warnings to be read, as of `2>&1 | head -1`."""
    write("events.jsonl", ["x" * 501, *_numbered(300)])
    with cli.running("ingest", "events.jsonl", "--no-json") as process:
        process.stderr.close()
        process.stderr = None
        out = process.communicate(timeout=30)[0]
    assert process.returncode == 1
    assert b"300 of 301" in out
    assert _resources(sandbox) == set(_numbered(300))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")  # noqa: PTH110 - asked when the tests are found
def test_errors_on_a_full_disk_do_not_end_a_batch(cli, write, sandbox):
    """A job whose log has no room records all the same."""
    command = shlex.join([*COMMAND, "ingest", write("e.jsonl", ["x" * 501, *_numbered(300)])])
    done = subprocess.run(
        ["sh", "-c", f"{command} --no-json 2>/dev/full"],  # noqa: S607 - whichever the shell is
        cwd=cli.folder, env=cli.environ, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert b"300 of 301" in done.stdout
    assert _resources(sandbox) == set(_numbered(300))


@posix
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_batch_needs_no_streams(cli, write, sandbox, closed):
    """A job may be started without them."""
    command = shlex.join([*COMMAND, "ingest", write("events.jsonl", _numbered(20))])
    done = subprocess.run(
        ["sh", "-c", f"{command} {closed}"],  # noqa: S607 - whichever the shell is
        cwd=cli.folder, env=cli.environ, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert _resources(sandbox) == set(_numbered(20))


@posix
def test_no_secret_is_in_the_list_of_processes(cli, write):
    """While it runs, its arguments hold no credential, and its output never does."""
    with Sandbox(require_token=True, latency=0.02) as strict:
        environ = {
            "AIRVIEW_BASE_URL": strict.airview_url,
            "AIRVIEW_TOKEN_URL": strict.token_url,
            "AIRVIEW_CLIENT_ID": "sandbox-client",
            "AIRVIEW_CLIENT_SECRET": "sandbox-secret",
        }
        arguments = ("ingest", write("events.jsonl", _numbered(60)), "--no-json", "--progress")
        seen = []
        with cli.running(*arguments, **environ) as process:
            reader = threading.Thread(target=lambda: seen.append(process.communicate(timeout=30)))
            reader.start()
            listed = ""
            while not strict.requests:
                time.sleep(0.01)
            if os.path.exists(f"/proc/{process.pid}/cmdline"):  # noqa: PTH110 - procfs
                with open(f"/proc/{process.pid}/cmdline") as file:  # noqa: PTH123 - likewise
                    listed = file.read()
            reader.join()
        assert process.returncode == 0
        [(out, err)] = seen
        tokens = [each.headers.get("authorization", "") for each in strict.requests]
        secrets = {"sandbox-secret"} | {each.removeprefix("Bearer ") for each in tokens if each}
        for secret in secrets:
            assert secret not in listed + out.decode() + err.decode()
        assert len(secrets) > 1
