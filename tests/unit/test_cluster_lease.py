"""Who may send for a partition of a cluster's batch, how much, and until when."""

import clustered
import httpcore
import httpx
import pytest
from clock import Clock
from hypothesis import given
from hypothesis import strategies as st

from airview_herald.distributed import _lease
from airview_herald.distributed._board import Beginning, Board
from airview_herald.distributed._budget import partition_of, share
from airview_herald.distributed._fence import Fence, Sockets
from airview_herald.distributed._groundwork import distinct
from airview_herald.distributed._holding import Holder
from airview_herald.distributed._lease import (
    Holding,
    Lease,
    LeaseLostError,
    ToldToEndError,
    guard,
)
from airview_herald.distributed._settings import Limits, ServerSettings
from airview_herald.transport import PooledTransport

SERVER = ("https://airview.example.com", "ccf", "aws")


@pytest.fixture
def board(tmp_path):
    """A board with a run of eight partitions."""
    made = Board(str(tmp_path))
    made.begin(Beginning(server=SERVER, default=8))
    return made


@pytest.fixture
def call(board):
    """The call that the board is taken up by."""
    return board.begin(Beginning(server=SERVER, default=8))[0]


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


def test_a_lease_lasts_a_term_from_the_beginning_of_a_look():
    """A look that took long is worth less; an older one takes nothing away."""
    clock = Clock()
    lease = Lease(10.0, clock)
    assert lease.left == 0
    clock.now = 1004.0
    lease.renew(1001.0)
    assert lease.left == 7.0
    lease.renew(1000.0)
    assert lease.left == 7.0
    clock.now = 1011.0
    assert lease.left == 0
    lease.renew(1005.0)
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
    sent, clock = [], Clock()

    def answer(request):
        sent.append(request)
        return httpx.Response(200)

    lease = Lease(10.0, clock)
    lease.renew(1000.0)
    async with Fence(lease, httpx.MockTransport(answer)) as fence:
        request = httpx.Request("GET", "https://airview.example.com/")
        assert (await fence.handle_async_request(request)).status_code == 200
        clock.now = 1010.0
        with pytest.raises(LeaseLostError, match="right to send"):
            await fence.handle_async_request(request)
    assert len(sent) == 1


class _Wire(httpcore.AsyncMockBackend):
    """A socket that answers, and keeps what is written."""

    def __init__(self, then):
        super().__init__([b"HTTP/1.1 204 No Content\r\n\r\n"])
        self.written, self.then = [], then

    async def connect_tcp(self, *args, **options):
        stream = await super().connect_tcp(*args, **options)

        async def write(buffer, timeout=None):  # noqa: ASYNC109 - httpcore's interface
            self.written.append(buffer)
            self.then()

        stream.write = write
        return stream


async def test_a_request_that_was_about_to_be_written_is_not(monkeypatch):
    """Frozen between the head and the body, a process that wakes does not write the rest."""
    clock = Clock()
    lease = Lease(10.0, clock)
    lease.renew(1000.0)
    wire = _Wire(lambda: setattr(clock, "now", 2000.0))
    monkeypatch.setattr("airview_herald.distributed._fence.running_backend", lambda: wire)
    async with PooledTransport(network_backend=Sockets(lease)) as inner:
        request = httpx.Request("PUT", "http://airview.example.com/", content=b"the body")
        with pytest.raises(LeaseLostError):
            await Fence(lease, inner).handle_async_request(request)
    assert [part.partition(b" ")[0] for part in wire.written] == [b"PUT"]
    assert b"the body" not in wire.written[0]


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


async def test_what_cannot_be_told_ends_nothing(board, call, quick, tmp_path):
    """Unless it is that somebody else has the partition."""
    holding = Holding(board, board.claim(call, 3, 1.0, ""), Lease(30.0))
    await holding.begin()
    board.claim(call, 3, 1.0, "")
    with pytest.raises(LeaseLostError, match="another worker"):
        await holding.tell(pause=1.0)
    assert holding.lease.left == 0
    (tmp_path / "run.sqlite").unlink()
    holding.lease.renew(_lease.clock())
    await holding.tell(pause=1.0)
    assert holding.lease.left > 0


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
