"""Who may send for a partition of a cluster's batch, how much, and until when."""

import sqlite3

import clustered
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airview_herald.distributed import _lease
from airview_herald.distributed._board import GROUNDWORK, Board, OvertakenError
from airview_herald.distributed._budget import partition_of, share
from airview_herald.distributed._groundwork import distinct
from airview_herald.distributed._holding import Holder
from airview_herald.distributed._lease import (
    Fence,
    Holding,
    Lease,
    LeaseLostError,
    ToldToEndError,
    guard,
)
from airview_herald.distributed._settings import Limits, ServerSettings
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


@given(st.integers(1, 500), st.integers(1, 80))
def test_shares_add_up_to_the_budget(total, holders):
    """As long as there are no more holders than budget; then each has the least there is."""
    shares = [share(total, holders, rank) for rank in range(holders)]
    assert sum(shares) == max(total, holders)
    assert max(shares) - min(shares) <= 1


def test_a_budget_that_nobody_shares_is_one_holders():
    """Who has just let go is not counted among the holders."""
    assert share(64, 0, 0) == 64


def test_an_application_has_one_partition_in_every_process():
    """The place does not hang on how Python hashes; runs that go on find what they left."""
    assert partition_of("shop", 1000) == 254
    assert partition_of("\ud800", 4) in range(4)


@given(st.integers(1, 64), st.text(max_size=20))
def test_every_application_has_a_partition(partitions, reference):
    """Whatever it is called."""
    assert 0 <= partition_of(reference, partitions) < partitions


class _Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_a_lease_lasts_a_term_from_the_beginning_of_a_look():
    """A look that took long is worth less; an older one takes nothing away."""
    clock = _Clock()
    lease = Lease(10.0, clock)
    assert lease.left == 0
    clock.now = 104.0
    lease.renew(101.0)
    assert lease.left == 7.0
    lease.renew(100.0)
    assert lease.left == 7.0
    clock.now = 111.0
    assert lease.left == 0
    lease.renew(105.0)
    lease.end()
    assert lease.left == 0


def test_the_clock_goes_on():
    """It never goes back."""
    assert _lease.clock() <= _lease.clock()


def test_the_guard_is_longer_than_all_that_a_lost_holder_can_do():
    """Its lease, the end of its batch, and what the server takes with the rest."""
    assert guard(30.0, 2.0, 30.0) == 63.0


async def test_a_fence_lets_nothing_through_once_the_lease_is_over():
    """What is sent before is; the refusal is no error of the library's, so no event fails of it."""
    sent, clock = [], _Clock()

    def answer(request):
        sent.append(request)
        return httpx.Response(200)

    lease = Lease(10.0, clock)
    lease.renew(100.0)
    async with Fence(lease, httpx.MockTransport(answer)) as fence:
        request = httpx.Request("GET", "https://airview.example.com/")
        assert (await fence.handle_async_request(request)).status_code == 200
        clock.now = 110.0
        with pytest.raises(LeaseLostError, match="right to send"):
            await fence.handle_async_request(request)
    assert len(sent) == 1


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


@pytest.fixture
def quick(monkeypatch):
    """Look at the board all the time."""
    monkeypatch.setattr(_lease, "TICK", 0.01)


async def test_a_lost_workers_partition_is_waited_for(board, call, quick):
    """All of the guard, with a look between, before the lease begins."""
    board.claim(call, 3, 1.0, "")
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    holding = Holding(board, board.claim(call, 3, 1.0, ""), Lease(30.0))
    await holding.begin(sleep)
    assert sum(slept) == pytest.approx(1.0)
    assert holding.lease.left > 0


async def test_who_is_overtaken_while_waiting_never_begins(board, call, quick):
    """The one who came later has the partition."""
    board.claim(call, 3, 1.0, "")
    holding = Holding(board, board.claim(call, 3, 1.0, ""), Lease(30.0))

    async def sleep(_):
        board.claim(call, 3, 1.0, "")

    with pytest.raises(LeaseLostError, match="another worker"):
        await holding.begin(sleep)
    assert holding.lease.left == 0


async def test_nobody_waits_for_what_was_told_to_end(board, call, quick):
    """And the claim is kept, so that the next one waits in its place."""
    board.claim(call, 3, 20.0, "")
    holding = Holding(board, board.claim(call, 3, 1.0, ""), Lease(30.0))
    board.stop(call)
    with pytest.raises(ToldToEndError, match="told to end"):
        await holding.begin()
    assert board.claim(call, 3, 1.0, "").wait == 20.0


async def _look_on(holding):
    while True:
        await holding.next_look()


async def test_a_lease_survives_a_board_that_is_away_for_a_moment(board, call, quick, tmp_path):
    """And not one that is away for longer than the lease lasts."""
    holding = Holding(board, board.claim(call, 3, 1.0, ""), Lease(0.5))
    await holding.begin()
    (tmp_path / "run.sqlite").rename(tmp_path / "away.sqlite")
    standing = await holding.next_look()
    assert standing.holders == 1
    (tmp_path / "run.sqlite").unlink()
    (tmp_path / "away.sqlite").rename(tmp_path / "run.sqlite")
    await holding.next_look()
    (tmp_path / "run.sqlite").unlink()
    with pytest.raises(LeaseLostError, match=r"cannot be renewed|has run out"):
        await _look_on(holding)
    assert holding.lease.left == 0


def limits(**changed):
    """Limits of a cluster."""
    given = {
        "concurrency": 64, "rate": None, "lease": 30.0, "deadline": 120.0, "max_cooldown": 900.0,
        "max_failures": None, "grace": 2.0, "coalesce": False, "reconcile": False,
    }  # fmt: skip
    return Limits(**given | changed)


@pytest.fixture
def holders(board, call):
    """Make the holders of two partitions, each with a client of its own, and their pacing."""

    async def make(**changed):
        made = []
        for number in (0, 1):
            claim = board.claim(call, number, 1.0, "")
            holding = Holding(board, claim, Lease(30.0))
            await holding.begin()
            settings = ServerSettings(base_url=SERVER[0], system_name="ccf", referencing_type="aws")
            airview = settings.client(httpx.MockTransport(lambda _: httpx.Response(200)))
            made.append(Holder(airview, holding, claim, limits(**changed)))
        return made, [each.airview._recorder.sender.transport.pacing for each in made]

    return make


@pytest.mark.parametrize("pause", [3.0, 0.0])
async def test_what_one_worker_is_told_all_heed(holders, quick, pause):
    """A pause holds the others too; without one they send more slowly, and tell nobody."""
    (one, other), (here, there) = await holders()
    if pause:
        here.hold(pause)
    else:
        here._rate.falls += 1
    await one.look()
    await other.look()
    assert here.brakes == 1
    assert there.held_for == pytest.approx(pause, abs=0.5)
    assert there._rate.per_second is None or not pause
    assert (there._rate.per_second is not None) == (not pause)
    assert not there.quiet
    assert there.brakes == 0
    before = here._rate.per_second
    await one.look()
    assert here._rate.per_second == before


async def test_a_rate_is_shared_out_and_grows_as_partitions_end(holders, board, quick):
    """Each has its part of it; the last one has all."""
    (one, other), (here, there) = await holders(rate=100.0)
    await one.look()
    await other.look()
    assert (here._rate.ceiling, there._rate.ceiling) == (50.0, 50.0)
    board.release(other.claim)
    await one.look()
    assert here._rate.ceiling == 100.0
    assert not here.quiet


def test_events_that_define_are_few_and_of_few_applications():
    """Each technical control and environment is shown; applications are the partitions' own."""
    events = clustered.events(3000)
    few = list(distinct(events))
    assert len(few) == 20
    assert {each.technical_control for each in few} == {e.technical_control for e in events}
    assert len({each.application for each in few}) == 2
