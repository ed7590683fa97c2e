"""The right to send for a partition, for a limited time and until somebody else claims it.

A worker that the scheduler has lost may be alive, and sending. So the right ends by itself: the
holder looks at the board every half second, each look that finds its claim to be the last one is
good for a term from its beginning on, and without one it sends nothing more. Who claims a
partition that another one holds waits until that one's last look is out of date for sure, and what
it had sent by then is settled. Nobody's clock is compared with anybody else's.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
from anyio import to_thread

from airview_herald.distributed._board import Board, Claim, OvertakenError, Standing
from airview_herald.errors import ConfigurationError

logger = logging.getLogger("airview_herald")

# Seconds between two looks at the board.
TICK = 0.5
# Seconds that a cancelled run and its connections may take to close.
_MARGIN = 1.0


class LeaseLostError(Exception):
    """The right to send is gone. A fence raises it, and no event is counted as failed for it."""


class ToldToEndError(LeaseLostError):
    """Told to end before it began; an earlier holder may still be sending."""


def clock() -> float:
    """Return seconds that go on while the machine sleeps, where there is such a clock."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Lease:
    """A right to send.

    Args:
        term: For how many seconds a look is good.
        clock: Seconds; those of `clock`, unless a test brings its own.
    """

    def __init__(self, term: float, clock: Callable[[], float] = clock) -> None:
        self._term = term
        self._clock = clock
        self._until = -math.inf

    def renew(self, asked_at: float) -> None:
        """Note a look that found the claim to be the last.

        Args:
            asked_at: When the look began.
        """
        self._until = max(self._until, asked_at + self._term)

    def check(self) -> None:
        """See that it lasts.

        Raises:
            LeaseLostError: It is over.
        """
        if not self.left:
            raise LeaseLostError("the right to send for this partition is over")

    @property
    def left(self) -> float:
        """Seconds until it is over; 0 when it is."""
        return max(0.0, self._until - self._clock())

    def end(self) -> None:
        """End it now."""
        self._until = -math.inf


def guard(term: float, grace: float, settle: float) -> float:
    """Return for how many seconds after another claim a holder may have requests under way.

    Args:
        term: Of its lease.
        grace: What its batch takes to end.
        settle: What the server takes with what it did not answer.
    """
    return term + grace + settle + _MARGIN


class Holding:
    """One partition's lease, kept by looking at the board.

    Args:
        board: The board.
        claim: Which partition is claimed, and as which claim.
        lease: The lease.

    Attributes:
        lease: As given.
        standing: What the last look has shown.
    """

    def __init__(self, board: Board, claim: Claim, lease: Lease) -> None:
        self._board = board
        self._claim = claim
        self.lease = lease
        self.standing: Standing | None = None

    async def begin(self, sleep: Callable[[float], Awaitable[None]] = anyio.sleep) -> None:
        """Wait until an earlier holder has surely ended, and take the lease.

        Args:
            sleep: Waits so many seconds.

        Raises:
            LeaseLostError: Somebody else has claimed it meanwhile.
            ToldToEndError: There is no use in waiting any more.
        """
        left = self._claim.wait
        if left:
            logger.warning(
                "partition %d: its worker was lost, and may be sending: waiting for %.1f s",
                self._claim.partition, left,
            )  # fmt: skip
        standing = await self._look()
        while left > 0:
            if standing.stopped:
                raise ToldToEndError("all partitions were told to end")
            await sleep(min(TICK, left))
            left -= TICK
            standing = await self._look()

    async def next_look(self) -> Standing:
        """Wait for a moment, and look at the board.

        Raises:
            LeaseLostError: The lease is over.
        """
        await anyio.sleep(min(TICK, self.lease.left))
        if not self.lease.left:
            raise LeaseLostError("the right to send has run out: this process was held up")
        return await self._look()

    async def tell(self, *, pause: float) -> None:
        """Tell the other holders that the server wants less.

        Args:
            pause: For how many seconds it asked to be left alone; 0 if it did not.

        Raises:
            LeaseLostError: Somebody else has claimed the partition.
        """
        slow = partial(self._board.slow, self._claim, pause)
        try:
            with anyio.move_on_after(self.lease.left):
                await to_thread.run_sync(slow, abandon_on_cancel=True)
        except OvertakenError as error:
            self.lease.end()
            raise LeaseLostError(str(error)) from None
        except ConfigurationError as error:
            # Not fatal: the server will tell the others itself.
            logger.warning("other workers are not told to send less: %s", error)

    async def _look(self) -> Standing:
        asked_at, standing = clock(), self.standing
        look = partial(self._board.look, self._claim)
        try:
            # If a shared folder hangs, the lease cannot be renewed, and its holder has to stop.
            with anyio.fail_after(self.lease.left or None):
                standing = await to_thread.run_sync(look, abandon_on_cancel=True)
        except OvertakenError as error:
            self.lease.end()
            raise LeaseLostError(str(error)) from None
        except (ConfigurationError, TimeoutError) as error:
            if not self.lease.left or standing is None:
                raise LeaseLostError(f"the right to send cannot be renewed: {error}") from None
            logger.warning("the right to send is not renewed yet: %s", error)
        else:
            self.lease.renew(asked_at)
            self.standing = standing
        return standing
