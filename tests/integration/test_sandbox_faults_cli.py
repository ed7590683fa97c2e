"""Faults as options of `python -m airview_herald.sandbox`."""

import contextlib
import os
import re
import signal
import subprocess
import sys

import httpx
import pytest

from airview_herald.sandbox import FaultKind
from airview_herald.sandbox.__main__ import main

posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@contextlib.contextmanager
def serving(*arguments):
    """Run the command and give AirView's URL; it has to end well and say nothing."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "airview_herald.sandbox", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            yield running.stdout.readline().split()[1]
            running.send_signal(signal.SIGTERM)
            assert running.communicate(timeout=10)[1] == ""
            assert running.returncode == 0
        finally:
            running.kill()


def met(url, number=80):
    """Return what so many requests that differ get."""
    answers = []
    with httpx.Client(base_url=url, timeout=1.0) as client:
        for n in range(number):
            try:
                answers.append(client.get(f"/services/?n={n}").status_code)
            except httpx.TransportError as error:
                answers.append(type(error).__name__)
    return answers


@posix
def test_a_seed_is_a_schedule():
    """The same seed strikes the same requests in another run, and another seed others."""
    options = ("--faults", "0.3", "--fault-timing", "1", "0.1")
    runs = []
    for seed in ("7", "7", "8"):
        with serving(*options, "--fault-seed", seed) as url:
            runs.append(met(url, 50))
    assert runs[0] == runs[1] != runs[2]
    assert 25 <= runs[0].count(200) <= 48


@posix
def test_kinds_can_be_chosen():
    """Only those are met, together at the rate."""
    kinds = ("--fault-kind", "bad_gateway", "--fault-kind", "gateway_timeout")
    with serving("--faults", "0.5", *kinds) as url:
        answers = met(url)
    assert set(answers) == {200, 502, 504}
    assert 20 <= answers.count(200) <= 60


@posix
def test_without_a_rate_there_are_none():
    """A seed alone does nothing."""
    with serving("--fault-seed", "7") as url:
        assert set(met(url, 20)) == {200}


@pytest.mark.parametrize(
    "arguments", [("--faults", "15"), ("--faults", "0.1", "--fault-timing", "-1", "2")]
)
def test_numbers_are_checked(capsys, arguments):
    """What cannot be is one line, with exit code 2."""
    assert main(["--port", "0", *arguments]) == 2
    assert re.fullmatch(r"error: .*\n", capsys.readouterr().err)


def test_kinds_are_checked(capsys):
    """What is no kind is argparse's error, which names them all."""
    with pytest.raises(SystemExit) as exit_info:
        main(["--faults", "0.1", "--fault-kind", "later"])
    assert exit_info.value.code == 2
    error = capsys.readouterr().err
    assert all(kind in error for kind in FaultKind)
