"""The file of dead letters alone, and how it is read back."""

import io
import json
import subprocess
import sys

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from airview_herald.airview import Outcome, OutcomeStatus, Stage
from airview_herald.airview._dead_letter_file import DeadLetterFile
from airview_herald.airview._dead_letters import dead_letter, recorded
from airview_herald.airview.models import Application, ComplianceEvent, TechnicalControl
from airview_herald.errors import BadRequestError, ConfigurationError, InUseError, RequestFacts
from airview_herald.sources import read_jsonl, write_jsonl

CHECK = TechnicalControl("Check", "check", "LOG")


def make_event(index, lane="a"):
    """Return an event; its index is in its data."""
    return ComplianceEvent(
        f"i-{lane}", Application("Payments", "payments"), CHECK, "FLAGGED", str(index)
    )


def outcome(index, lane="a", *, status=OutcomeStatus.FAILED, event=..., error=None):
    """Return what became of an event."""
    given = make_event(index, lane) if event is ... else event
    return Outcome(given, index, status, Stage.MONITORED_RESOURCE, 1, 1, error)


def letter(index, lane="a", *, run="r", reconciled=False, **more):
    """Return a letter for an event."""
    return dead_letter(outcome(index, lane, **more), run, reconciled=reconciled)


def said(index, lane="a", *, reconciled=False):
    """Return the note that an event was recorded."""
    return recorded(outcome(index, lane), reconciled=reconciled)


@pytest.fixture
def path(tmp_path):
    """Where a file goes."""
    return tmp_path / "dead.jsonl"


@pytest.fixture
def write(path):
    """Write entries as one run does, and close the file."""

    def write(*entries, run="r"):
        file = DeadLetterFile.open(str(path), run)
        file.write(entries)
        file.close()

    return write


def indices(path, **options):
    """Return the indices of the events that a file gives back."""
    return [int(event.additional_data) for event in read_jsonl(path, **options)]


def test_a_letter_says_what_became_of_its_event(path, write):
    """A line is the event with its error: class, message, status, attempts, whether ambiguous."""
    facts = RequestFacts("PUT", "https://a.example/x", 400, attempts=3, ambiguous=True)
    write(letter(7, error=BadRequestError("refused \ud800", facts)))
    (line,) = path.read_text().splitlines()
    row = json.loads(line)
    assert row.pop("dead_letter") == {
        "superseded": 0,
        "index": 7,
        "run": "r",
        "outcome": "failed",
        "stage": "monitored resource",
        "attempts": 1,
        "error": {
            "class": "BadRequestError",
            "message": "refused \\ud800",
            "status": 400,
            "attempts": 3,
            "ambiguous": True,
        },
    }
    written = io.BytesIO()
    write_jsonl([make_event(7)], written)
    assert row == json.loads(written.getvalue())
    assert list(read_jsonl(path)) == [make_event(7)]


def test_a_later_event_of_the_lane_supersedes(path, write):
    """What is recorded makes the older letters of its lane obsolete, and no others."""
    write(letter(1), letter(2, "b"), letter(5), said(3), said(4, "c"))
    source = read_jsonl(path)
    assert [int(event.additional_data) for event in source] == [2, 5]
    assert (source.lines, source.events, source.superseded, source.problem_count) == (3, 2, 1, 0)
    assert indices(path, superseded=True) == [1, 2, 5]


def test_the_events_own_success_supersedes(path, write):
    """An event that is tried again and recorded needs no letter any more."""
    write(letter(1))
    write(said(1))
    assert indices(path) == []


def test_an_event_that_fails_in_every_run_has_one_letter(path, write):
    """The last; and so has what fails again of the letters themselves: it would double."""
    for run in ("monday", "tuesday", "wednesday"):
        letters = [letter(index, event=make_event(index), run=run) for index in (1, 3)]
        write(*letters, letter(5, str(run)), run=run)
    source = read_jsonl(path)
    assert [int(event.additional_data) for event in source] == [5, 5, 1, 3, 5]
    assert source.superseded == 4
    assert path.read_text().count('"superseded":0,"index":3,"run":"wednesday"') == 1


def test_an_event_that_is_twice_in_a_run_has_two_letters(path, write):
    """As what was between them may be sent, too; and what is no event is like no other."""
    write(letter(1), letter(2, event=make_event(9)), letter(3, event=make_event(1)))
    assert indices(path) == [1, 9, 1]
    for run in ("monday", "tuesday"):
        write(letter(4, event="no event", run=run), run=run)
    assert path.read_text().count('"superseded":0') == 5


def test_one_that_fails_again_has_one_letter(path, write):
    """A run that goes on replaces the letters of the run that was cut short."""
    write(letter(1, status=OutcomeStatus.UNKNOWN), letter(2, "b"))
    write(letter(1))
    rows = [json.loads(line)["dead_letter"] for line in path.read_text().splitlines()]
    assert [(row["superseded"], row["index"], row["outcome"]) for row in rows] == [
        (1, 1, "unknown"),
        (0, 2, "failed"),
        (0, 1, "failed"),
    ]


def test_letters_of_a_lane_stand_in_the_order_of_its_events(path, write):
    """An older event that fails late goes before the newer ones: the newest is sent last."""
    write(letter(3), letter(9, "b"), letter(5), letter(2))
    assert indices(path) == [9, 2, 3, 5]
    write(letter(4))
    assert indices(path) == [9, 2, 3, 4, 5]


def test_letters_of_another_run_are_older_than_all_of_this(path, write):
    """Whatever is recorded now is newer than what an earlier run could not record."""
    write(letter(50), letter(60, "b"))
    write(letter(10), run="next")
    assert indices(path) == [50, 60, 10]
    write(said(20), run="next")
    assert indices(path) == [60]


def test_what_reconciliation_adds_is_newer_than_the_input(path, write):
    """Its letters have the index that comes next, and yet no event of the input supersedes them."""
    write(letter(3, reconciled=True), letter(2))
    write(said(9))
    assert indices(path) == [3]
    write(said(0, reconciled=True))
    assert indices(path) == []


@pytest.mark.parametrize(
    "event",
    [
        object(),
        {"resource_reference": "i-a"},
        None,
        make_event("\ud800"),
        ComplianceEvent("i-a", Application("Payments", "payments"), CHECK, 5),
    ],
)
def test_what_json_cannot_hold_is_kept_as_it_shows(path, write, event):
    """It is not lost, and not taken for an event: reading it back is a problem that shows it."""
    write(letter(1, event=event), letter(2))
    write(letter(1, event=event))
    source = read_jsonl(path)
    assert list(source) == [make_event(2)]
    (problem,) = source.problems
    shown = repr(event).encode("utf-8", "backslashreplace").decode()
    assert problem.reason == f"input 1 was nothing that JSON holds: {shown}"
    assert source.superseded == 1


def test_an_object_that_cannot_even_be_shown_is_kept(path, write):
    """An object whose repr raises costs neither the letter nor the run."""

    class Shy:
        def __repr__(self):
            raise LookupError

    write(letter(1, event=Shy()))
    source = read_jsonl(path)
    assert list(source) == []
    assert source.problems[0].reason.endswith("<Shy, whose repr raised LookupError>")


@pytest.mark.parametrize("left", [1, 20, 40, 200])
def test_a_letter_that_was_cut_off_is_removed(path, write, left):
    """What a kill left half written is cut off, and what is written next is whole."""
    write(letter(1), letter(2, "b"))
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:left])
    write(letter(3, "c"))
    assert indices(path) == [1, 3]


@pytest.mark.parametrize(
    "content",
    ["mine\n", "mine", '{"a": 1}\n', '{"dead_letter": {"superseded": 0}}\n', "\n", "\x00\x01"],
)
def test_a_file_that_holds_something_else_is_left_alone(path, content):
    """A path that was mistyped costs nobody's file."""
    path.write_text(content)
    told = "holds something else than dead letters: line 1: "
    with pytest.raises(ConfigurationError, match=rf"^dead_letters: .*dead\.jsonl {told}"):
        DeadLetterFile.open(str(path), "r")
    assert path.read_text() == content


def test_a_letter_in_another_form_is_left_alone(path, write):
    """What another program has written anew cannot be marked in place."""
    write(letter(1))
    path.write_text(json.dumps(json.loads(path.read_text())) + "\n")
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="line 1: its first field is not `dead_letter`"):
        write(said(2))
    assert path.read_bytes() == before
    assert indices(path) == [1]


def test_a_file_of_events_is_left_alone(path):
    """A file that `write_jsonl` wrote is none of dead letters, not even for its last line."""
    write_jsonl([make_event(1)], path)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="line 1: its first field is not `dead_letter`"):
        DeadLetterFile.open(str(path), "r")
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_used_is_told(tmp_path):
    """A folder that is not there, and a folder in place of a file."""
    for path in (tmp_path / "none" / "dead.jsonl", tmp_path):
        with pytest.raises(ConfigurationError, match=f"^dead_letters: {path} cannot be used: "):
            DeadLetterFile.open(str(path), "r")


_HOLD = """
import sys
from airview_herald.airview._dead_letter_file import DeadLetterFile
file = DeadLetterFile.open(sys.argv[1], "r")
print("open", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_is_dead(path):
    """Two writers would mark each other's bytes; the lock ends with its process."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "open\n"
        with pytest.raises(InUseError, match="is in use by another run"):
            DeadLetterFile.open(str(path), "r")
        process.kill()
    file = DeadLetterFile.open(str(path), "r")
    with pytest.raises(InUseError, match="is in use by another run"):
        DeadLetterFile.open(str(path), "r")
    file.close()


@settings(max_examples=100, deadline=None)
@given(
    fates=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.booleans()), max_size=24
    ),
    cut=st.integers(0, 24),
)
def test_letters_never_put_an_older_state_over_a_newer_one(tmp_path_factory, fates, cut):
    """Whatever order events fail in: what is read back is newer than the rows, and in order."""
    path = tmp_path_factory.mktemp("letters") / "dead.jsonl"
    # An event waits for up to two others before it is over; its place in the list is its index.
    order = sorted(range(len(fates)), key=lambda n: n + 1.5 * fates[n][0])
    newest = {}
    for part in (order[:cut], order[cut:]):
        file = DeadLetterFile.open(str(path), "r")
        for index in part:
            _, lane, refused = fates[index]
            if refused:
                file.write([letter(index, lane)])
            else:
                file.write([said(index, lane)])
                newest[lane] = max(index, newest.get(lane, -1))
            assert all(line.endswith(b"\n") for line in path.read_bytes().splitlines(keepends=True))
        file.close()
    back = {}
    for event in read_jsonl(path):
        back.setdefault(event.resource_reference[2:], []).append(int(event.additional_data))
    wanted = {}
    for index, (_, lane, refused) in enumerate(fates):
        over = order.index(index)
        later = any(
            fates[other][1] == lane and not fates[other][2] and other > index
            for other in order[over + 1 :]
        )
        if refused and not later:
            wanted.setdefault(lane, []).append(index)
    assert back == wanted
