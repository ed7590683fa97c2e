"""How a worker works on a partition: as its holder, within its share, and heeding the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import Context
from functools import partial
from typing import TypeVar

import anyio
import attrs
from anyio import to_thread

from airview_herald.airview import AirView, IngestStream
from airview_herald.distributed._board import GROUNDWORK, Board, Claim, Standing
from airview_herald.distributed._budget import share
from airview_herald.distributed._fence import Fence, Sockets
from airview_herald.distributed._folder import pieces_folder
from airview_herald.distributed._lease import Holding, Lease, LeaseLostError, guard
from airview_herald.distributed._settings import Limits, ServerSettings
from airview_herald.errors import AirViewHeraldError

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Task:
    """One partition, or the groundwork of them all; what travels to its worker.

    Attributes:
        call: The call of `ingest` that it is part of.
        folder: The folder that all machines share.
        sources: How many sources there are.
        partition: Which partition.
        digest: Of its input.
        inputs: How many events it has.
        problems: How many parts of the sources gave no event.
        settings: The server.
        limits: How far the cluster may go.
    """

    call: str
    folder: str
    sources: int
    partition: int = GROUNDWORK
    digest: str = ""
    inputs: int = 0
    problems: int = 0
    settings: ServerSettings
    limits: Limits

    @property
    def pieces(self) -> str:
        """The folder of the sources' pieces."""
        return pieces_folder(self.folder, self.call)


class Holder:
    """The holder of a partition: keeps a client within its share, and tells what it is told.

    Args:
        airview: Its client.
        holding: Its lease.
        limits: How far the cluster may go.

    Attributes:
        airview: As given.
        claim: The claim that it holds the partition by.
        stopping: Cancelled when all are to end early; what can end in order is done in it.
    """

    def __init__(self, airview: AirView, holding: Holding, claim: Claim, limits: Limits) -> None:
        self.airview = airview
        self.claim = claim
        self.stopping = anyio.CancelScope()
        self._holding = holding
        self._limits = limits
        self._pacing = airview._recorder.sender.transport.pacing  # noqa: SLF001 - a client of this package
        self._run: IngestStream | None = None
        self._slowed = 0 if holding.standing is None else holding.standing.slowed
        self._told = 0
        self._heed(holding.standing)

    def limit(self, run: IngestStream) -> None:
        """Keep a batch within the share, from now on."""
        self._run = run
        self._heed(self._holding.standing)

    async def keep(self) -> None:
        """Keep the lease, and stay within the share.

        Raises:
            LeaseLostError: The lease is over.
        """
        while True:
            await self.look()

    async def look(self) -> None:
        """Wait for a moment, heed what the board says, and tell it what the server has said.

        Raises:
            LeaseLostError: The lease is over.
        """
        self._heed(await self._holding.next_look())
        brakes = self._pacing.brakes
        if brakes > self._told:
            await self._holding.tell(pause=self._pacing.held_for)
            self._told = brakes

    def _heed(self, standing: Standing | None) -> None:
        if standing is None:
            return
        if standing.stopped:
            self.stopping.cancel()
        if self._run is not None:
            self._run.limit(share(self._limits.concurrency, standing.holders, standing.rank))
        if self._limits.rate is not None:
            self._pacing.limit(self._limits.rate / max(1, standing.holders))
        if standing.slowed > self._slowed and not standing.told_here:
            self._pacing.slow(standing.pause)
        self._slowed = standing.slowed


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Run a worker's part in an event loop of its own.

    A worker that is a thread of the client's process has the context of the client's event loop.
    """
    return Context().run(partial(anyio.run, work))


async def hold(task: Task, work: Callable[[Holder], Awaitable[T]]) -> T:
    """Do the work of a partition as its only holder.

    Args:
        task: The partition.
        work: Does it.

    Raises:
        LeaseLostError: Another worker holds it now, or the board is out of reach.
        OvertakenError: Another call has taken up the run.
        Exception: What the work raises.
    """
    board, limits, settings = Board(task.folder), task.limits, task.settings
    term = guard(limits.lease, limits.grace, settings.settle)
    claim = await to_thread.run_sync(board.claim, task.call, task.partition, term, task.digest)
    holding = Holding(board, claim, Lease(limits.lease))
    release = True
    try:
        await holding.begin()
        async with (
            Fence(holding.lease, settings.backend(Sockets(holding.lease))) as fence,
            settings.client(fence) as airview,
        ):
            return await _kept(Holder(airview, holding, claim, limits), work)
    except LeaseLostError:
        release = False
        raise
    except AirViewHeraldError as error:
        # Keep the claim if a request may still be running: the next claimant has to wait.
        release = not error.ambiguous
        raise
    finally:
        if release:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(partial(board.release, claim))


async def _kept(holder: Holder, work: Callable[[Holder], Awaitable[T]]) -> T:
    """Do the work while the lease is kept; losing it cancels the work."""
    lost: LeaseLostError | None = None
    raised: Exception | None = None

    async def keep() -> None:
        nonlocal lost
        try:
            await holder.keep()
        except LeaseLostError as error:
            lost = error
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keep)
        try:
            result = await work(holder)
        except Exception as error:  # noqa: BLE001 - a task group would wrap it
            raised = error
        tasks.cancel_scope.cancel()
    if lost is not None:
        raise lost
    if raised is not None:
        raise raised
    return result
