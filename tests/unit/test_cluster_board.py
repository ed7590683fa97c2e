"""The board of a cluster's batch: who has claimed what, and what all have to know."""

import sqlite3

import pytest

from airview_herald.distributed._board import GROUNDWORK, Beginning, Board, OvertakenError
from airview_herald.errors import ConfigurationError

SERVER = ("https://airview.example.com", "ccf", "aws")


def wanted(**changes):
    """Return what a call asks for, of 16 partitions where it does not say."""
    return Beginning(**{"server": SERVER, "default": 16} | changes)


@pytest.fixture
def board(tmp_path):
    """A board with a run of eight partitions."""
    made = Board(str(tmp_path))
    made.begin(wanted(partitions=8))
    return made


@pytest.fixture
def call(board):
    """The call that the board is taken up by."""
    return board.begin(wanted())[0]


def test_the_first_claim_waits_for_nobody(board, call):
    """And neither does one after a holder that has let go."""
    claim = board.claim(call, 3, 20.0, "digest")
    assert (claim.wait, claim.number, claim.digest) == (0.0, 1, None)
    board.release(claim)
    again = board.claim(call, 3, 20.0, "other")
    assert (again.wait, again.number, again.digest) == (0.0, 2, "digest")


def test_a_claim_of_what_is_held_waits_for_its_holder(board, call):
    """As long as that one said; and whoever comes third waits for both."""
    first = board.claim(call, 3, 20.0, "")
    second = board.claim(call, 3, 5.0, "")
    assert second.wait == 20.0
    with pytest.raises(OvertakenError, match="partition 3 was given to another worker"):
        board.look(first)
    assert board.claim(call, 3, 5.0, "").wait == 20.0
    with pytest.raises(OvertakenError):
        board.finish(second, {})
    with pytest.raises(OvertakenError):
        board.slow(first, 1.0)
    board.release(first)
    assert board.held() == 1


def test_files_have_the_generation_of_the_claim_that_copied_them(board, call):
    """Every later claim goes on with those; only the last one copies."""
    first = board.claim(call, 3, 1.0, "")
    second = board.claim(call, 3, 1.0, "")
    assert (first.generation, second.generation) == (0, 0)
    assert board.inherit(second).generation == 2
    with pytest.raises(OvertakenError):
        board.inherit(first)
    assert board.claim(call, 3, 1.0, "").generation == 2
    assert board.generations() == {3: 2}


def test_another_call_overtakes_all_that_are_at_work(board, call):
    """Two clients that work on one folder cannot both send."""
    claim = board.claim(call, 0, 20.0, "")
    other, _ = board.begin(wanted())
    with pytest.raises(OvertakenError, match="another call of ingest"):
        board.look(claim)
    with pytest.raises(OvertakenError, match="another call of ingest"):
        board.claim(call, 1, 20.0, "")
    assert board.claim(other, 0, 20.0, "").wait == 20.0


def test_a_restart_forgets_what_is_done_and_not_who_may_be_sending(board, call):
    """A worker of the run before may be alive; its files are none of the new one's."""
    claim = board.claim(call, 0, 20.0, "digest")
    board.finish(claim, {"inputs": 1})
    assert board.done()[0].counts == {"inputs": 1}
    assert board.is_new(wanted(restart=True))
    other, partitions = board.begin(wanted(restart=True))
    assert board.done() == {}
    assert partitions == 16
    again = board.claim(other, 0, 1.0, "digest")
    assert (again.wait, again.digest) == (20.0, None)
    assert again.generation > claim.generation
    assert board.generations() == {0: again.generation}


@pytest.mark.parametrize("finished", [True, False])
def test_a_run_by_another_name_begins_anew(tmp_path, caplog, finished):
    """The same name goes on, and so does none; what is given up undone is told."""
    board = Board(str(tmp_path))
    call, _ = board.begin(wanted(run="monday", partitions=8, dead_letters="/monday"))
    claim = board.claim(call, 0, 1.0, "digest")
    if finished:
        board.finish(claim, {})
    for name in ("monday", ""):
        assert not board.is_new(wanted(run=name))
        _, partitions = board.begin(wanted(run=name, dead_letters="/monday"))
        assert partitions == 8
    assert "given up" not in caplog.text
    assert board.is_new(wanted(run="tuesday"))
    _, partitions = board.begin(wanted(run="tuesday"))
    assert (partitions, board.done()) == (16, {})
    assert ("a run that was cut short is given up" in caplog.text) is not finished
    caplog.clear()
    board.begin(wanted(run="wednesday"))
    assert caplog.text == ""


def test_holders_are_counted_and_ranked(board, call):
    """The groundwork counts as long as it is held."""
    ground = board.claim(call, GROUNDWORK, 1.0, "")
    one, two = (board.claim(call, number, 1.0, "") for number in (2, 5))
    assert [board.look(each).rank for each in (ground, one, two)] == [0, 1, 2]
    board.release(ground)
    board.finish(board.claim(call, 1, 1.0, ""), {})
    assert board.held() == 2
    standing = board.look(two)
    assert (standing.holders, standing.rank, standing.stopped) == (2, 1, False)
    board.stop(call)
    assert board.look(one).stopped


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"server": ("https://other.example.com", "ccf", "aws")}, "base URL"),
        ({"server": ("https://airview.example.com", "other", "aws")}, "system name"),
        ({"server": ("https://airview.example.com", "ccf", "other")}, "referencing type"),
        ({"server": ("https://airview.example.com", "other", "aws"), "run": "x"}, "system name"),
        ({"server": ("https://airview.example.com", "other", "aws"), "restart": True}, "system"),
        ({"partitions": 9}, "partitions"),
        ({"dead_letters": "/letters"}, "dead letters"),
    ],
)
def test_a_folder_of_another_run_is_refused(board, changes, told):
    """The message names what differs; of another system nothing is begun anew either."""
    with pytest.raises(ConfigurationError, match=f"is of a run with the {told}"):
        board.begin(wanted(**changes))


@pytest.mark.parametrize("content", [b"no database at all, and long enough to be read", None])
def test_a_board_that_is_none_is_refused(tmp_path, content):
    """It is left as it is."""
    file = tmp_path / "run.sqlite"
    if content is None:
        with sqlite3.connect(file) as connection:
            connection.execute("CREATE TABLE other (a)")
        connection.close()
    else:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"state: .*run.sqlite"):
        Board(str(tmp_path)).begin(wanted())
