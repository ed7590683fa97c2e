"""The command line as such: help, usage, its extra, shells, pipes."""

import os
import re
import shlex
import signal
import subprocess
import sys

import pytest
from command_line import COMMAND, Done

from airview_herald._extras import install
from airview_herald.airview._rules import SELECTABLE
from airview_herald.cli._app import run
from airview_herald.cli._ends import ExitCode
from airview_herald.sources import write_jsonl

COMMANDS = [
    ["check"],
    ["completion"],
    ["compliance"],
    ["exclusions", "list"],
    ["exclusions", "set"],
    ["ingest"],
    ["notifications", "list"],
    ["notifications", "send"],
    ["notifications", "sent"],
    ["notifications", "show"],
    ["notifications", "types"],
    ["sandbox"],
    ["subscriptions", "create"],
    ["subscriptions", "delete"],
    ["subscriptions", "list"],
    ["subscriptions", "show"],
    ["subscriptions", "subscribe"],
    ["subscriptions", "unsubscribe"],
    ["subscriptions", "update"],
    ["whoami"],
]


@pytest.fixture
def here(cli, monkeypatch, capsys):
    """Run commands in this process: quicker than `cli`, for what needs no process to be true."""
    for name, value in cli.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(cli.folder)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def make(*arguments):
        try:
            code = run(arguments)
        except SystemExit as end:  # argparse's, of the sandbox
            code = end.code
        return Done(code, *capsys.readouterr())

    yield make
    # A process that ends ignores further signals.
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help(here, command):
    """Help names the command, and its options say what they do."""
    done = here(*command, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"airview-herald {' '.join(command)}" in done.out
    assert "base_url" not in done.out


@pytest.mark.parametrize("command", [[], ["ingest"], ["notifications", "list"]], ids=" ".join)
def test_help_says_every_exit_code(here, command):
    """And which of them are worth a retry."""
    codes = here(*command, "--help").out.partition("Exit codes: ")[2]
    assert {*map(int, re.findall(r"\d+", codes))} == {*ExitCode}
    assert "retry" in codes


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_shows_nothing_of_python(here, monkeypatch, command):
    """Neither types nor tuples, nor options that do nothing; credentials' variables are named."""
    monkeypatch.setenv("COLUMNS", "300")
    done = here(*command, "--help")
    for noise in ("STR|PATH", "[default: (", '[default: ""]', "--empty-"):
        assert noise not in done.out
    if command[0] in {"notifications", "subscriptions", "whoami"}:
        assert "ALERTLOGIC_ENDPOINT" in done.out


def test_help_names_all_that_compliance_takes(here, monkeypatch):
    """As does the error about what it does not take."""
    monkeypatch.setenv("COLUMNS", "300")
    shown = here("compliance", "--help").out
    assert [name for name in SELECTABLE if name not in shown] == []


def test_the_list_of_commands_is_whole(cli):
    """Each command is listed, and nothing is imported for that."""
    script = (
        "import sys; from airview_herald.cli._app import run; run(['--help']); "
        "print([n for n in ('httpx', 'airview_herald.airview', 'starlette') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=cli.environ
    )
    listed = re.findall(r"^│ ([a-z]+) ", done.stdout, re.MULTILINE)
    assert listed == sorted({command[0] for command in COMMANDS})
    assert done.stdout.endswith("\n[]\n")


def test_of_what_is_logged_warnings_are_told(cli):
    """A library whose loggers have a level of their own, as Dask's, says no more than others."""
    script = (
        "import logging; from airview_herald.cli._app import run; run(['--version']); "
        "log = logging.getLogger('distributed.core'); log.setLevel(logging.INFO); "
        "log.info('Event loop was unresponsive'); log.warning('out of memory')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=cli.environ
    )
    assert done.stderr == "warning: out of memory\n"


def test_the_version_is_the_packages(cli):
    """`--version` prints it."""
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", cli("--version").out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ingst"], 'Unknown command "ingst"'),
        (["ingest", "--nope"], "--nope"),
        (["ingest"], "FILES is missing. See airview-herald ingest --help."),
        (["ingest", "a", "--concurrency", "many"], 'unable to convert "many" into int'),
        (["ingest", "a", "--concurrency", "0"], "there is no such file"),
        (["ingest", "events.jsonl", "--sate", "x"], "--sate: is neither an option nor a file"),
        (["ingest", "events.jsonl", "--concurrency", "0"], "--concurrency: must be"),
        (["ingest", "events.jsonl", "--restart"], "--restart: needs --state"),
        (["ingest", "events.jsonl", "--run", "monday"], "--run: needs --state"),
        (
            ["ingest", "events.jsonl", "--reconcile-application", "shop"],
            "--reconcile-application: needs --reconcile",
        ),
        (["ingest", "events.jsonl", "--reconcile-state", "DELETED"], "state: needs --reconcile"),
        (["ingest", "events.jsonl", "--rate", "10"], "--rate: needs --scheduler"),
        (["ingest", "events.jsonl", "--partitions", "4"], "--partitions: needs --scheduler"),
        (["ingest", "events.jsonl", "--lease", "4"], "--lease: needs --scheduler"),
        (["ingest", "events.jsonl", "--run", ""], "--run: needs --state"),
        (["ingest", "events.jsonl", "--state", "s", "--run", ""], "--run: must not be empty"),
        (["ingest", "events.jsonl", "--state", "."], "--state: . is a folder"),
        (
            ["ingest", "events.jsonl", "--dead-letters", "./events.jsonl"],
            "--dead-letters: must not be",
        ),
        (["ingest", "no*such.jsonl"], "no*such.jsonl: matches no file"),
        (["ingest", "."], ".: is a directory"),
        (["ingest", "-", "-"], "-: stdin can be read once"),
        (["ingest", "-", "--token-file", "-"], "-: stdin has the token already"),
        (["ingest", "events.jsonl", "--application-reference", "x"], "needs --application"),
        (
            ["ingest", "events.jsonl", "--application", "x", "--application-reference", "x y"],
            "--application-reference: may hold A-Z a-z 0-9 _ . ~ / - only, not 'x y'\n",
        ),
        (
            ["ingest", "events.jsonl", "--dead-letters", "nowhere/dead"],
            "--dead-letters: nowhere/dead cannot be used: No such file or directory\n",
        ),
        (["check", "--base-url", "ftp://x"], "--base-url: must start"),
        (
            ["check", "--base-url", "https://u:pw@x"],
            "--base-url: must not carry credentials; a token comes by AIRVIEW_TOKEN",
        ),
        (["check", "--token-file", "nowhere"], "nowhere: cannot be read: No such file"),
        (["check", "--token-file", os.devnull], "has no token"),
        (["compliance", "--select", "nope"], "--select: 'nope' is none of"),
        (["exclusions", "set", "x", "NONE"], 'unable to convert "x" into int'),
        (["exclusions", "list", "--state", "OVER"], "OVER"),
        (["notifications", "list", "x"], "type: must be two parts"),
        (["notifications", "list", "a/b", "--since", "soon"], "--since: must be a date"),
        (["notifications", "list", "a/b", "--max", "0"], "--max: must be 1 or more"),
        (["notifications", "send", "events.jsonl"], "is not JSON"),
        (["notifications", "send", "nowhere"], "nowhere: cannot be read"),
        (["subscriptions", "subscribe", "x"], "--user, --connection: give one of them"),
        (["completion", "tcsh"], "tcsh"),
        (
            ["sandbox", "--port", "many"],
            "error: --port: must be a number from 0 to 65535. See",
        ),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2(cli, here, arguments, message, sandbox):
    """The exit code is 2, the error one line that says what is wrong, and nothing was sent."""
    (cli.folder / "events.jsonl").write_bytes(b'{"a": 1}\n{"a": 1}\n')
    done = here(*arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert re.fullmatch(r"error: .*\n", done.err)
    assert not sandbox.requests


def test_what_an_argument_would_mend_an_option_does(here, monkeypatch):
    """Messages of the library's name what is typed here."""
    monkeypatch.setenv("AIRVIEW_TOKEN", "t")
    done = here("check", "--base-url", "http://airview.example.com")
    assert done.code == 2
    assert done.err.endswith("use https, or pass --allow-http\n")


def test_wrong_usage_of_a_process_is_2(cli):
    """So does the process tell its shell."""
    done = cli("ingst")
    assert (done.code, done.out) == (2, "")
    assert re.fullmatch(r'error: Unknown command "ingst"\. Did you mean "ingest"\?.*\n', done.err)


@pytest.mark.parametrize("variable", ["AIRVIEW_BASE_URL", "AIRVIEW_SYSTEM_NAME"])
def test_what_is_missing_is_told_with_its_variable(cli, variable):
    """A setting that is given nowhere is named as an option and as a variable."""
    done = cli("check", **{variable: None})
    option = variable.removeprefix("AIRVIEW_").replace("_", "-").lower()
    assert done.code == 2
    assert f"error: --{option} or {variable} is missing. See airview-herald check" in done.err


def test_an_error_of_this_package_is_one_line_too(cli):
    """What nobody has thought of is one line, and a traceback only for who asks."""
    script = (
        "import airview_herald.cli._completion as c; from airview_herald.cli._app import run\n"
        "c.application = lambda: 1 / 0\n"
        "raise SystemExit(run(['completion', 'bash']))"
    )
    for debug in ({}, {"AIRVIEW_HERALD_DEBUG": "1"}):
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True, text=True, check=False, env=cli.environ | debug,
        )  # fmt: skip
        assert done.returncode == 1
        assert ("Traceback" in done.stderr) == bool(debug)
        assert "ZeroDivisionError: division by zero" in done.stderr


@pytest.mark.parametrize("missing", ["cyclopts", "rich"])
def test_without_its_extra_it_says_what_to_install(missing):
    """The message names the extra, not a package; the exit code is 2."""
    script = (
        "import importlib.util as util; real = util.find_spec\n"
        f"util.find_spec = lambda name: None if name == {missing!r} else real(name)\n"
        "from airview_herald.__main__ import main; raise SystemExit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        2, "", f"error: the command line needs its extra: {install('cli')}\n"
    )  # fmt: skip


def test_the_sandbox_without_its_extra_says_so(cli):
    """The one command that needs another extra names that."""
    script = (
        "import importlib.util as util; real = util.find_spec\n"
        "util.find_spec = lambda name, *a: None if name == 'uvicorn' else real(name, *a)\n"
        "from airview_herald.cli._app import run; raise SystemExit(run(['sandbox']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == (f"error: sandbox: the sandbox needs its extra: {install('sandbox')}\n")


def test_importing_the_package_imports_no_command_line():
    """Who uses a client does not load what only the command line needs."""
    code = (
        "import sys, airview_herald; from airview_herald import AirView, Herald; "
        "print([n for n in ('cyclopts', 'airview_herald.cli') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_sandbox_is_the_same_one(cli):
    """`airview-herald sandbox` serves, and ends on a signal with 0."""
    with cli.running("sandbox", "--port", "0") as process:
        first = process.stdout.readline().decode()
        assert first.startswith("AirView http://127.0.0.1:")
        process.terminate()
        assert process.wait(10) == 0
    assert "usage: airview-herald sandbox" in cli("sandbox", "--help").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_shells_are_given_their_completion(here, shell):
    """The script has commands, and options of commands inside others."""
    done = here("completion", shell)
    assert done.code == 0
    assert "--dead-letters" in done.out
    assert "unsubscribe" in done.out


def test_a_closed_pipe_ends_a_reading_silently(cli, sandbox):
    """`| head` gets its lines, and the command ends as a shell says of such: 141."""
    sandbox.herald.seed()
    with cli.running("notifications", "list", "incidents/alerts", "--page-size", "5") as process:
        assert process.stdout.readline().startswith(b"{")
        process.stdout.close()
        process.stdout = None
        err = process.communicate(timeout=30)[1]
    assert (process.returncode, err) == (141, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_a_terminal_cannot_encode_is_escaped(cli, event, encoding):
    """A table with such a name is printed to its end."""
    write_jsonl([event("i-…"), event("z")], cli.folder / "events.jsonl")
    assert cli("ingest", "events.jsonl").code == 0
    done = cli(
        "compliance", "--select", "resourceReference", "--no-json", PYTHONIOENCODING=encoding
    )
    assert (done.code, done.err) == (0, "")
    assert r"\u2026" in done.out
    assert len(done.out.splitlines()) == 4


@pytest.mark.skipif(os.name != "posix", reason="a shell of POSIX")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("ingest -", "stdin: is empty"),
        ("ingest - --format jsonl", ""),
        ("notifications send -", "stdin: is not JSON"),
        ("check --token-file -", "stdin: has no token"),
    ],
)
def test_a_stdin_that_is_not_there_is_empty(cli, arguments, message):
    """Where a program was started without, its number is soon that of another file."""
    command = f"exec {shlex.join(COMMAND)} {arguments} <&-"
    done = subprocess.run(
        ["sh", "-c", command],  # noqa: S607 - whichever the shell is
        cwd=cli.folder,
        env=cli.environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode == 0) is (message == "")
    assert message in done.stderr
