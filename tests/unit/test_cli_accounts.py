"""What the command line says of a batch, in numbers."""

import io

import pytest
from rich.console import Console

from airview_herald.airview import IngestReport
from airview_herald.cli._accounts import in_words, of_report
from airview_herald.cli._display import Display
from airview_herald.cli._ingest import _close, _Teller
from airview_herald.cli._output import Output
from airview_herald.cli._places import Places
from airview_herald.errors import IngestAborted

_SKIPPED = IngestReport(
    inputs=1000, recorded=20, skipped=900, not_attempted=80, elapsed=2.0, concurrency=(8, 8)
)


class _Pipe:
    size, name, problem_count = None, "stdin", 0


def test_what_was_not_sent_is_not_part_of_the_rate():
    """A run that goes on passes over thousands a second, and sends what the server takes."""
    assert in_words(of_report(_SKIPPED, 0, None))["time"] == "2.0 s, 10 events/s"


def test_what_is_passed_over_is_not_part_of_the_rate_that_is_shown():
    """Nor is it while the batch runs."""
    report = IngestReport(inputs=900, skipped=900, concurrency=(8, 8))
    console = Console(file=io.StringIO(), width=100)
    console.print(Display(console, _Pipe(), report, 8).render())
    assert "0 recorded  0 failed  0 events/s" in console.file.getvalue()


def test_one_thing_is_not_called_several():
    """Numbers come without a plural that may be wrong."""
    report = IngestReport(inputs=1, concurrency=(8, 8), mismatches=(object(),), orphans=(object(),))
    words = in_words(of_report(report, 0, None))
    assert words["mismatches"] == "1 in definitions that exist"
    assert words["applications"] == "1 without an environment"


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (FileNotFoundError(2, "No such file", "a.jsonl"), "a.jsonl: No such file"),
        (OSError("stream is closed"), "partition 3 was lost: OSError: stream is closed"),
    ],
)
def test_what_the_system_says_needs_no_more_words(capsys, cause, told):
    """It names the file; what others raise of that class may mean anything."""
    ended = IngestAborted("partition 3 was lost: OSError: stream is closed", _SKIPPED)
    ended.__cause__ = cause
    assert _close(_SKIPPED, 0, _Teller(Output(json=True), Places()), ended) == 3
    assert capsys.readouterr().err == f"error: {told}\n"
