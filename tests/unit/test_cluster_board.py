"""The board of a cluster's batch: who has claimed what, and what all have to know."""

import sqlite3

import pytest

from airview_herald.distributed._board import GROUNDWORK, Board, OvertakenError
from airview_herald.errors import ConfigurationError

SERVER = ("https://airview.example.com", "ccf", "aws")


@pytest.fixture
def board(tmp_path):
    """A board with a run of eight partitions."""
    made = Board(str(tmp_path))
    made.begin(SERVER, 8, 16, None)
    return made


@pytest.fixture
def call(board):
    """The call that the board is taken up by."""
    return board.begin(SERVER, None, 16, None)[0]


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
    other, _ = board.begin(SERVER, None, 16, None)
    with pytest.raises(OvertakenError, match="another call of ingest"):
        board.look(claim)
    with pytest.raises(OvertakenError, match="another call of ingest"):
        board.claim(call, 1, 20.0, "")
    assert board.claim(other, 0, 20.0, "").wait == 20.0


def test_a_restart_forgets_what_is_done_and_not_who_may_be_sending(board, call):
    """A worker of the run before may be alive."""
    claim = board.claim(call, 0, 20.0, "digest")
    board.finish(claim, {"inputs": 1})
    assert board.done()[0].counts == {"inputs": 1}
    board.restart()
    assert board.done() == {}
    other, partitions = board.begin(SERVER, None, 16, None)
    assert partitions == 16
    claim = board.claim(other, 0, 1.0, "digest")
    assert (claim.wait, claim.digest) == (20.0, None)


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
    ("server", "partitions", "letters", "told"),
    [
        (("https://other.example.com", "ccf", "aws"), 8, None, "base URL"),
        (("https://airview.example.com", "other", "aws"), 8, None, "system name"),
        (("https://airview.example.com", "ccf", "other"), 8, None, "referencing type"),
        (SERVER, 9, None, "partitions"),
        (SERVER, 8, "/letters", "dead letters"),
    ],
)
def test_a_folder_of_another_run_is_refused(board, server, partitions, letters, told):
    """The message names what differs."""
    with pytest.raises(ConfigurationError, match=f"is of a run with the {told} "):
        board.begin(server, partitions, 16, letters)


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
        Board(str(tmp_path)).begin(SERVER, 8, 16, None)
