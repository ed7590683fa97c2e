"""The file of state alone: what is done stays done, and what cannot be used is left as it is."""

import re
import sqlite3
import subprocess
import sys
import tempfile
from collections import deque
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from airview_herald.airview import _positions, _state
from airview_herald.airview._config import BackendConfig
from airview_herald.airview._known_ids import Ids
from airview_herald.airview._positions import Open, Positions, Step, Verdict, fingerprint
from airview_herald.airview._state import StateFile
from airview_herald.airview.models import Application, ComplianceEvent, TechnicalControl
from airview_herald.errors import ConfigurationError, FinishedError, InUseError

CONFIG = BackendConfig("https://airview.example.com/api", None, "ccf", "MONITOR", "aws_account_id")
NONE = Ids()


def make_event(index, lane="a"):
    """Return an event; its index is in its data."""
    return ComplianceEvent(
        f"i-{lane}",
        Application("Payments", "payments"),
        TechnicalControl("Check", "check", "LOG"),
        "FLAGGED",
        str(index),
    )


def opened(path, *, config=CONFIG, restart=False, run=""):
    """Open a file of state."""
    return StateFile.open(str(path), config, restart=restart, run=run)


def resumed(file, *, overtaking=False):
    """Return the positions with which a run goes on."""
    progress = file.progress()
    return Positions(progress.taken, doubtful=progress.doubtful, overtaking=overtaking)


def take(positions, file, event):
    """Take an event, as a run does."""
    for number in positions.unread(positions.taken + 1):
        positions.expect(number, file.past(number))
    return positions.take(event)


@pytest.fixture
def path(tmp_path):
    """Where a file goes."""
    return tmp_path / "state.db"


@pytest.fixture
def done(path):
    """A file whose run took ten inputs, recorded nine, and was cut short."""
    file = opened(path)
    positions = resumed(file)
    for index in range(10):
        take(positions, file, make_event(index, index))
    for index in range(10):
        if index != 4:
            positions.done(index, recorded=True)
    file.write(positions.step(), Ids(system=1, likelihood=0.5))
    file.close(settled=True, finished=False)
    return path


def test_what_is_open_is_sent_and_the_rest_is_skipped(done):
    """A run that goes on sends what has no outcome, and what comes after what was taken."""
    file = opened(done)
    progress = file.progress()
    assert (progress.taken, progress.open, progress.finished) == (10, 1, False)
    positions = resumed(file)
    verdicts = [take(positions, file, make_event(index, index)) for index in range(12)]
    assert [index for index, each in enumerate(verdicts) if each is Verdict.SEND] == [4, 10, 11]
    file.abandon()


def test_a_file_holds_what_is_open_and_not_what_is_done(path):
    """Ten thousand events that are done leave a row for each thousand, and none in memory."""
    file = opened(path)
    positions = resumed(file)
    for index in range(10_000):
        take(positions, file, make_event(index))
        if index >= 100:
            positions.done(index - 100, recorded=True)
        if index % 50 == 0:
            file.write(positions.step(), NONE)
            assert positions.under_way <= 101
    file.write(positions.step(), NONE)
    assert file.progress().open == 100
    (blocks,) = file._connection.execute("SELECT count(*) FROM block").fetchone()
    assert blocks == 10_000 // _positions.BLOCK
    assert positions._step == Step()
    file.abandon()


class Server:
    """What a server would have, and what may be said of a run against it."""

    def __init__(self, inputs, refused):
        self.inputs = inputs
        self.refused = refused
        self.state = {}
        self.over = set()
        self.kept = set()

    def save(self, index):
        """Save an event's state, unless it is refused."""
        if index not in self.refused:
            self.state[self.inputs[index]] = index


def carry(server, file, data, *, kill):
    """Run once: take, settle and write in any order that lanes allow; then stop or be killed."""
    positions = resumed(file)
    lanes = {lane: deque() for lane in server.inputs}
    lost = set()
    held = 0
    moves = st.sampled_from(["take", "take", "record", "record", "doubt", "write"])
    while positions.taken < len(server.inputs) or held:
        move = data.draw(moves) if kill else "take"
        busy = [lane for lane, queue in lanes.items() if queue]
        if positions.taken < len(server.inputs) and (move == "take" or not busy) and held < 6:
            index = positions.taken
            lane = server.inputs[index]
            verdict = take(positions, file, make_event(index, lane))
            if verdict is Verdict.SEND:
                assert index not in server.kept
                lanes[lane].append(index)
                held += 1
            else:
                assert verdict is Verdict.SKIP
                assert index in server.over or server.state.get(lane, -1) > index
        elif move == "write":
            file.write(positions.step(), NONE)
            server.kept |= lost
            lost.clear()
            if data.draw(st.booleans()):
                return
        elif busy:
            lane = data.draw(st.sampled_from(busy)) if kill else busy[0]
            index = lanes[lane].popleft()
            held -= 1
            if move == "doubt":
                if data.draw(st.booleans()):
                    server.save(index)
                positions.doubt(index)
            else:
                server.save(index)
                server.over.add(index)
                lost.add(index)
                positions.done(index, recorded=index not in server.refused)
        if kill and data.draw(st.integers(0, 15)) == 0:
            return
    file.write(positions.step(), NONE)
    file.close(settled=True, finished=not kill)


@settings(max_examples=150, deadline=None)
@given(
    inputs=st.lists(st.sampled_from("abc"), min_size=1, max_size=30),
    refused=st.sets(st.integers(0, 29), max_size=8),
    runs=st.integers(0, 6),
    data=st.data(),
)
def test_however_often_it_is_killed_the_newest_state_wins(inputs, refused, runs, data):
    """Whatever was done and kept is never sent again, and each lane ends in its newest state."""
    server = Server(inputs, refused)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        # Blocks so small that the ends of some are met.
        patch.setattr(_positions, "BLOCK", 4)
        patch.setattr(_state, "BLOCK", 4)
        path = Path(folder, "state.db")
        for kill in (*[True] * runs, False):
            file = opened(path)
            try:
                carry(server, file, data, kill=kill)
            finally:
                file.abandon()
        newest = {lane: n for n, lane in enumerate(inputs) if n not in refused}
        assert server.state == newest
        with pytest.raises(FinishedError, match="finished"):
            opened(path)


def changed(index):
    """Take ten inputs again of which one is another, and return what is said."""

    def attempt(file):
        positions = resumed(file)
        for number in range(10):
            event = make_event("other" if number == index else number, number)
            verdict = take(positions, file, event)
            # From the first that is refused on, all are.
            assert (verdict is Verdict.REFUSE) == bool(positions.mismatch)
        return positions.mismatch

    return attempt


@pytest.mark.parametrize(
    ("index", "told"),
    [
        (0, "some of the inputs 0 to 3 are others"),
        (3, "some of the inputs 0 to 3 are others"),
        (4, "input 4 is another one"),
        (5, "some of the inputs 4 to 7 are others"),
        (9, "some of the inputs 8 to 9 are others"),
    ],
)
def test_an_input_that_differs_is_refused_where_it_differs(path, monkeypatch, index, told):
    """The block of the first difference is named, or the event itself if it was to be sent."""
    monkeypatch.setattr(_positions, "BLOCK", 4)
    monkeypatch.setattr(_state, "BLOCK", 4)
    file = opened(path)
    positions = resumed(file)
    for number in range(10):
        take(positions, file, make_event(number, number))
    for number in {*range(10)} - {4}:
        positions.done(number, recorded=True)
    file.write(positions.step(), NONE)
    assert changed(index)(file) == told
    assert not changed(None)(file)
    file.abandon()


def test_an_input_that_is_shorter_is_refused(done):
    """An input that ends before what was taken of it is another one."""
    file = opened(done)
    positions = resumed(file)
    for index in range(9):
        take(positions, file, make_event(index, index))
    positions.ended()
    assert positions.mismatch == "the input ends after 9 of them"
    file.abandon()


@pytest.mark.parametrize("thing", [object(), {"a": 1}, None, "\ud800", 2**80])
def test_what_is_no_event_has_a_fingerprint_too(thing):
    """What is given in place of an event is known again, wherever it is in memory."""
    assert fingerprint(thing) == fingerprint(type(thing)() if type(thing) is object else thing)
    assert len(fingerprint(thing)) == 32


def test_what_is_no_event_has_a_place_and_no_lane(path):
    """Whatever is given in place of an event, and whatever it raises, it is one input."""

    class Shy:
        def __repr__(self):
            raise LookupError

        @property
        def application(self):
            raise LookupError

    file = opened(path)
    positions = resumed(file)
    for thing in (Shy(), object(), "text"):
        assert take(positions, file, thing) is Verdict.SEND
    assert [row.lane for row in positions.step().opened] == ["", "", ""]
    assert fingerprint(Shy()) == fingerprint(Shy())
    file.abandon()


def test_a_text_and_its_member_are_the_same_event():
    """An event that was read from a file is the one that was written there."""
    assert fingerprint(make_event(1)) != fingerprint(make_event(2))
    assert fingerprint(make_event(1)) == fingerprint(make_event(1))


def test_an_older_event_in_doubt_is_done_when_a_newer_one_is_recorded(path):
    """Only what is of the same lane, and older, is done with it."""
    file = opened(path)
    positions = resumed(file)
    for index, lane in enumerate("aabab"):
        take(positions, file, make_event(index, lane))
    for index in (0, 2, 4):
        positions.doubt(index)
    positions.done(1, recorded=True)
    file.write(positions.step(), NONE)
    file.abandon()
    file = opened(path)
    positions = resumed(file)
    verdicts = [take(positions, file, make_event(n, lane)) for n, lane in enumerate("aabab")]
    assert [n for n, each in enumerate(verdicts) if each is Verdict.SEND] == [2, 3, 4]
    file.abandon()


def test_what_was_passed_over_is_done_when_a_newer_one_is_recorded(path):
    """Where events may overtake, what is under way is done with the newer one, in one step."""
    file = opened(path)
    positions = resumed(file, overtaking=True)
    for index, lane in enumerate("aabaa"):
        take(positions, file, make_event(index, lane))
    positions.done(3, recorded=True)
    file.write(positions.step(), NONE)
    file.abandon()
    file = opened(path)
    assert dict(file.past(0).open).keys() == {2, 4}
    file.abandon()


def test_one_that_is_refused_leaves_an_older_one_in_doubt_open(path):
    """A newer event that was not recorded says nothing about the older one."""
    file = opened(path)
    positions = resumed(file)
    for index in range(2):
        take(positions, file, make_event(index))
    positions.doubt(0)
    positions.done(1, recorded=False)
    file.write(positions.step(), NONE)
    assert dict(file.past(0).open).keys() == {0}
    file.abandon()


def test_ids_come_back_newest_last_and_no_more_than_asked_for(path):
    """Ids are kept by their tables, and what was learnt later counts; definitions as seen."""
    file = opened(path)
    first, second, third = (f'{{"name":"{name}","id":1}}' for name in "abc")
    ids = Ids(7, 0.25, [("control", 1, first), ("control", 2, second)], [])
    ids.resources += [(n, 1, f"r{n}") for n in (5, 3, 9, 4)]
    file.write(Step(), ids)
    file.write(Step(), Ids(7, 0.5, [("control", 2, third)], [], [("control", 1)], looks=3))
    kept = file.ids(3)
    assert (kept.system, kept.likelihood) == (7, 0.5)
    assert kept.definitions == [("control", 2, third), ("control", 1, first)]
    assert file.progress().looks == 3
    assert [row[0] for row in kept.resources] == [4, 5, 9]
    file.write(None, NONE)
    assert file.ids(3) == Ids()
    file.abandon()


def test_what_was_written_is_there_after_a_kill_and_on_its_own(path):
    """A step is whole or not there: nothing of it is left when one part fails."""
    file = opened(path)
    positions = resumed(file)
    take(positions, file, make_event(0))
    file.write(positions.step(), NONE)
    take(positions, file, make_event(1))
    with pytest.raises(ConfigurationError, match="cannot be used"):
        file.write(positions.step(), Ids(resources=[("not an id", 1, "")]))
    file.abandon()
    file = opened(path)
    assert file.progress().taken == 1
    file.abandon()


def test_a_finished_file_is_refused_unless_told_to_begin_anew(path):
    """A run that has finished says so; beginning anew keeps the ids and nothing else."""
    file = opened(path)
    file.write(Step((0, "")), Ids(7, None, [], [(1, 1, "r")]))
    name = file.progress().name
    file.close(settled=True, finished=True)
    before = path.read_bytes()
    with pytest.raises(
        FinishedError,
        match=r"^state: .*db is of a run that has finished; `State\(path, restart=True\)`, or",
    ):
        opened(path)
    assert path.read_bytes() == before
    file = opened(path, restart=True)
    assert not file.progress().finished
    assert file.progress().name != name
    assert file.ids(9).resources == [(1, 1, "r")]
    file.abandon()


def test_a_run_by_the_same_name_goes_on(path):
    """And is refused once it has finished."""
    file = opened(path, run="monday")
    name = file.progress().name
    file.write(Step((1, "x")), Ids(7, None, [], []))
    file.close(settled=True, finished=False)
    for run in ("monday", ""):
        file = opened(path, run=run)
        assert (file.progress().name, file.progress().taken) == (name, 1)
        file.close(settled=True, finished=False)
    file = opened(path, run="monday")
    file.close(settled=True, finished=True)
    for run in ("monday", ""):
        with pytest.raises(FinishedError, match=r"db is of the run 'monday', which has finished; "):
            opened(path, run=run)


@pytest.mark.parametrize("finished", [True, False])
def test_a_run_by_another_name_begins_anew(path, caplog, finished):
    """The ids are kept; what was cut short is given up, and told."""
    file = opened(path, run="monday")
    name = file.progress().name
    left = [] if finished else [Open(0, "p", "l", doubtful=False)]
    file.write(Step((1, "x"), opened=left), Ids(7, None, [], [(1, 1, "r")]))
    file.close(settled=True, finished=True)
    file = opened(path, run="tuesday")
    assert file.progress().name != name
    assert (file.progress().taken, file.progress().open) == (0, 0)
    assert file.ids(9).resources == [(1, 1, "r")]
    told = [each.getMessage() for each in caplog.records]
    assert told == ([] if finished else [f"state: {path}: a run that was cut short is given up"])
    file.close(settled=True, finished=True)
    with pytest.raises(FinishedError, match="has finished"):
        opened(path, run="tuesday")
    opened(path, run="monday").abandon()


def test_a_file_with_something_open_is_not_finished(done):
    """The end of the input does not finish a run of which something is to be sent again."""
    file = opened(done)
    file.close(settled=True, finished=True)
    file = opened(done)
    assert not file.progress().finished
    file.abandon()


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("base_url", "base URL 'https://airview.example.com/api', not 'x'"),
        ("system_name", "system name 'ccf', not 'x'"),
        ("referencing_type", "referencing type 'aws_account_id', not 'x'"),
    ],
)
@pytest.mark.parametrize("restart", [False, True])
def test_a_file_of_another_server_or_system_is_refused(done, field, told, restart):
    """Ids and outcomes are one server's and one system's."""
    settings = ("base_url", "token", "system_name", "system_stage", "referencing_type")
    values = {name: getattr(CONFIG, name) for name in settings} | {field: "x"}
    before = done.read_bytes()
    with pytest.raises(ConfigurationError, match="state.db is of the " + told):
        opened(done, config=BackendConfig(**values), restart=restart)
    assert done.read_bytes() == before


def spoil(path, kind):
    """Make something else of a file."""
    if kind == "text":
        path.write_text("not SQLite at all, though long enough to be looked at\n" * 100)
    elif kind == "short":
        path.write_bytes(b"SQLite")
    elif kind == "foreign":
        path.unlink()
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE run (mine)")
        connection.close()
    elif kind == "version":
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
    elif kind == "truncated":
        path.write_bytes(path.read_bytes()[:9000])
    elif kind == "overwritten":
        content = bytearray(path.read_bytes())
        content[4096:] = b"\x55" * (len(content) - 4096)
        path.write_bytes(content)
    elif kind == "page":
        # Of the resources, which are read last.
        content = bytearray(path.read_bytes())
        with sqlite3.connect(path) as connection:
            (root,) = connection.execute(
                "SELECT rootpage FROM sqlite_master WHERE name = 'resource'"
            ).fetchone()
        connection.close()
        content[4096 * (root - 1)] = 0x77
        path.write_bytes(content)
    elif kind == "table":
        with sqlite3.connect(path) as connection:
            connection.execute("DROP TABLE run")
        connection.close()
    elif kind == "row":
        with sqlite3.connect(path) as connection:
            connection.execute("DELETE FROM run")
        connection.close()


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("text", "is another program's, or damaged"),
        ("short", "is another program's, or damaged"),
        ("foreign", "is another program's"),
        ("version", "is of version 99; this release reads 3"),
        ("truncated", "is damaged; remove it to begin anew"),
        ("overwritten", "is damaged; remove it to begin anew"),
        ("page", "is damaged; remove it to begin anew"),
        ("table", "is damaged; remove it to begin anew"),
        ("row", "is damaged: it is of no run, or of several; remove it to begin anew"),
    ],
)
@pytest.mark.parametrize("restart", [False, True])
def test_a_damaged_or_foreign_file_is_named_and_left_alone(done, kind, told, restart):
    """What is not a file of ours is an error, and never overwritten."""
    spoil(done, kind)
    before = done.read_bytes()
    with pytest.raises(ConfigurationError, match=rf"^state: .*state\.db {told}"):
        opened(done, restart=restart)
    assert done.read_bytes() == before
    assert [each.name for each in done.parent.iterdir()] == ["state.db"]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE run SET taken = 'x'", "is damaged: Expected `int`, got `str`"),
        ("UPDATE run SET taken = -1", "is damaged: Expected `int` >= 0"),
        ("UPDATE run SET looks = 'x'", "is damaged: Expected `int`, got `str`"),
        ("UPDATE run SET name = NULL", "is damaged: Expected `str`, got `null`"),
        ("UPDATE run SET system_id = 'x'", "is damaged: Expected `int | null`, got `str`"),
        (
            "INSERT INTO definition VALUES ('nothing', 1, '{}', 0)",
            "is damaged: there is no kind 'nothing'",
        ),
        (
            "INSERT INTO definition VALUES ('control', 1, '{', 0)",
            "is damaged: Input data was trunc",
        ),
        (
            "INSERT INTO definition VALUES ('control', 1, '{\"name\":\"c\"}', 0)",
            "is damaged: it has no id",
        ),
        ("INSERT INTO definition VALUES ('control', 1, x'7b7d', 0)", "is damaged: Expected `str`"),
        ("INSERT INTO resource VALUES (7, 'x', 'i-1')", "is damaged: Expected `int`, got `str`"),
    ],
)
def test_a_row_that_sqlite_takes_and_no_run_wrote_is_damage(done, statement, told):
    """Its columns take anything; what is of another type is told before it is used."""
    with sqlite3.connect(done) as connection:
        connection.execute(statement)
    connection.close()

    def read():
        file = opened(done)
        try:
            file.progress(), file.ids(10)
        finally:
            file.abandon()

    with pytest.raises(ConfigurationError, match=rf"^state: .*state\.db {re.escape(told)}"):
        read()


def test_a_file_of_two_runs_is_damage(done):
    """Nothing tells which of them goes on."""
    with sqlite3.connect(done) as connection:
        connection.execute("INSERT INTO run SELECT * FROM run")
    connection.close()
    with pytest.raises(ConfigurationError, match="is damaged: it is of no run, or of several"):
        opened(done)


def test_what_sqlite_says_of_damage_need_not_be_text(done):
    """It quotes the file's own schema, byte for byte."""
    done.write_bytes(done.read_bytes().replace(b"WITHOUT ROWID", b"WITHOUT \xc1OWID"))
    with pytest.raises(ConfigurationError, match="is damaged: 'utf-8' codec can't decode"):
        opened(done)


def test_a_place_that_cannot_be_used_is_told(tmp_path):
    """A folder that is not there, and a folder in place of a file."""
    for path, told in (
        (tmp_path / "none" / "state.db", "cannot be used: "),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(ConfigurationError, match=f"^state: {path} {told}"):
            opened(path)


def test_an_empty_file_is_a_new_one(path):
    """A file that was made to have a name is as good as none."""
    path.touch()
    file = opened(path)
    assert file.progress().taken == 0
    file.abandon()


def test_a_file_whose_making_was_cut_off_is_made_again(path):
    """A process that was killed while it made its file leaves nothing that has to be removed."""
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA application_id = {_state._APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_state._VERSION}")
    connection.close()
    assert path.stat().st_size > 0
    file = opened(path)
    assert file.progress().taken == 0
    file.abandon()


_HOLD = """
import sys
from airview_herald.airview._config import BackendConfig
from airview_herald.airview._state import StateFile
config = BackendConfig("https://airview.example.com/api", None, "ccf", "MONITOR", "aws_account_id")
StateFile.open(sys.argv[1], config, restart=False)
print("open", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_is_dead(path):
    """The lock is the system's: it holds against another process, and dies with its own."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "open\n"
        for _ in range(2):
            with pytest.raises(InUseError, match="is in use by another run"):
                opened(path)
        process.kill()
    file = opened(path)
    with pytest.raises(InUseError, match="is in use by another run"):
        opened(path)
    # What was refused in this process has not taken its lock away.
    other = subprocess.run(
        [sys.executable, "-c", _HOLD, str(path)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "is in use by another run" in other.stderr
    file.abandon()
    opened(path).abandon()
