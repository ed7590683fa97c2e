"""`python -m airview_herald.sandbox`, as a process and, for its errors, in this one."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest

from airview_herald.sandbox import Sandbox
from airview_herald.sandbox.__main__ import main

posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@contextlib.contextmanager
def process(*arguments):
    """Run the command and give it with the lines it printed."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "airview_herald.sandbox", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            yield running, running.stdout.readline() + running.stdout.readline()
        finally:
            running.kill()


def ended(running, number):
    """Send a signal and return exit code and the rest of what was printed."""
    running.send_signal(number)
    rest = running.communicate(timeout=10)
    return running.returncode, *rest


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly(number):
    """Ctrl-C and SIGTERM exit with 0 and say nothing."""
    with process("--port", "0", "--require-token") as (running, line):
        url = re.fullmatch(
            r"AirView (http://127\.0\.0\.1:\d+/airview)  "
            r"tokens http://127\.0\.0\.1:\d+/oauth2/token  database in memory\n"
            r"Herald http://127\.0\.0\.1:\d+  account 12345678"
            r"  key SANDBOXKEYID  secret sandbox-secret-key\n",
            line,
        )[1]
        assert httpx.get(f"{url}/services/").status_code == 401
        assert ended(running, number) == (0, "", "")


@posix
def test_the_switches_reach_the_sandbox():
    """Leniency, the retired routes and forced statuses are options."""
    forced = [("GET", "/services/", "503"), ("PUT", "/resources/", "429")]
    arguments = [word for route in forced for word in ("--force", *route)]
    with process("--port", "0", "--sqlite", "--exclusion-resources", *arguments) as (_, line):
        url = line.split()[1]
        assert httpx.get(f"{url}/technical-controls/one").status_code == 404
        assert httpx.get(f"{url}/systems/1/exclusion-resources/").content == b"[]\n"
        assert httpx.get(f"{url}/services/").status_code == 503
        assert httpx.put(f"{url}/resources/").status_code == 429


@pytest.mark.parametrize("status", ["204", "many"])
def test_forced_statuses_are_checked(capsys, status):
    """What cannot be forced is one line, with exit code 2."""
    assert main(["--port", "0", "--force", "GET", "/services/", status]) == 2
    assert re.fullmatch(r"error: .*\n", capsys.readouterr().err)


@posix
def test_a_database_file_persists(tmp_path):
    """Rows outlive the process."""
    path = tmp_path / "airview.db"
    environment = {"name": "Production", "abbreviation": "PRD"}
    with process("--port", "0", "--db", os.fspath(path), "--no-race-window") as (running, line):
        assert f"  database {path}\n" in line
        url = f"{line.split()[1]}/environments/"
        assert httpx.post(url, json=environment).status_code == 200
        assert ended(running, signal.SIGINT)[0] == 0
    with process("--port", "0", "--db", os.fspath(path)) as (_, line):
        answer = httpx.get(f"{line.split()[1]}/environments/")
        assert answer.json() == [{**environment, "id": 1}]


@posix
def test_herald_is_served_and_seeded(tmp_path):
    """The second line has what a client of Herald needs; a seeded file stays as it is."""
    path = os.fspath(tmp_path / "rows.db")
    for arguments in (["--seed-herald", "2"], ["--seed-herald"], []):
        with process("--port", "0", "--db", path, *arguments) as (running, lines):
            words = lines.split()
            url, account, key, secret = (
                words[words.index(name) + 1] for name in ("Herald", "account", "key", "secret")
            )
            login = httpx.post(f"{url}/aims/v1/authenticate", auth=(key, secret)).json()
            answer = httpx.get(
                f"{url}/herald/v2/{account}/notifications/incidents/alerts",
                headers={"x-aims-auth-token": login["authentication"]["token"]},
            )
            page = answer.json()
            assert page["total_count"] > 50
            ages = [time.time() - each["created"]["at"] for each in page["notifications"]]
            assert 0 <= min(ages) < 7 * 86400
            assert ended(running, signal.SIGINT)[0] == 0


def test_a_taken_port_is_one_line(capsys):
    """The error goes to stderr, with exit code 1."""
    with Sandbox() as sandbox:
        port = sandbox.url.rpartition(":")[2]
        assert main(["--port", port]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"error: cannot listen on 127\.0\.0\.1:{port}: .* in use\n", err)


def test_an_unusable_database_is_one_line(capsys, tmp_path):
    """So does a database that is none."""
    assert main(["--port", "0", "--db", os.fspath(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"error: cannot use .* as the sandbox's database: .*\n", err)


def test_signal_handlers_are_put_back():
    """A run in the caller's process leaves its signal handlers alone."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Sandbox() as sandbox:
        main(["--port", sandbox.url.rpartition(":")[2]])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("port", ["65536", "-1", "http"])
def test_ports_are_checked(capsys, port):
    """What is no port is argparse's error, with exit code 2."""
    with pytest.raises(SystemExit) as exit_info:
        main([f"--port={port}"])
    assert exit_info.value.code == 2
    assert "--port" in capsys.readouterr().err


@posix
def test_main_serves_until_it_is_told_to_end(capsys):
    """Within this process a signal ends it with 0, too."""

    def interrupt():
        while not any(thread.name == "airview-sandbox" for thread in threading.enumerate()):
            time.sleep(0.005)
        # One that the main thread is not woken by.
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    threading.Thread(target=interrupt).start()
    assert main(["--port", "0", "--latency", "0.01"]) == 0
    assert capsys.readouterr().out.startswith("AirView http://127.0.0.1:")
