"""Whether and when a request goes out again, and what others hear of a failure."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import Never

import httpx

from airview_herald._quoted import printable
from airview_herald.errors import AirViewHeraldError, DeadlineError
from airview_herald.transport._call import RetryClass
from airview_herald.transport._connections import Connections
from airview_herald.transport._exchange import Exchange
from airview_herald.transport._operation import Operation
from airview_herald.transport._options import Options
from airview_herald.transport._pacing import Pacing
from airview_herald.transport._retry import Failure, Fate, RetryBudget, delay_before_retry

logger = logging.getLogger("airview_herald")

_ANSWERED = (Fate.VERDICT, Fate.DONE)


class Attempts(Exchange):
    """Judge what became of an attempt, for the request's own sake and for all that is sent.

    Args:
        connections: What carries requests.
        options: How to send.
        budget: The retries that may be spent.
        pacing: When requests may be sent.
        clock: Seconds, monotonic.
        sleep: Waits that many seconds.
        rng: Uniform numbers in [0, 1), for the jitter.

    Attributes:
        options: As given.
        sleep: As given.
    """

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        connections: Connections,
        options: Options,
        *,
        budget: RetryBudget,
        pacing: Pacing,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        rng: Callable[[], float],
    ) -> None:
        super().__init__(connections, options.timeout.as_dict(), options.limits, pacing, clock)
        self.options = options
        self.sleep = sleep
        self._budget = budget
        self._rng = rng

    def time_left(self, operation: Operation) -> float:
        """Return the seconds for which an operation may wait for another, starting its clock.

        Without end while a batch's event has any time: its clock may stand still.
        """
        remaining = operation.remaining(self.clock)
        return remaining if operation.patience is None or remaining <= 0 else math.inf

    def settled_at(self) -> float:
        """Return when a request that is given up now has surely ended on the server."""
        return self.clock() + self.options.settle

    async def wait_until(self, when: float, operation: Operation) -> None:
        """Wait on an operation's account for what an unanswered request may still do.

        Args:
            when: A moment of the transport's clock.
            operation: The account.

        Raises:
            DeadlineError: The operation has not that much time left.
        """
        seconds = when - self.clock()
        if seconds >= operation.remaining(self.clock):
            raise DeadlineError(
                f"waiting {seconds:.1f} s for an unanswered request to end would exceed the "
                f"operation's {operation.deadline:g} s"
            )
        if seconds > 0:
            await self.sleep(seconds)

    def _answered(self) -> None:
        """Note that the service is there: it granted a request, or said no for a reason."""
        self._budget.refund()
        if not self.pacing.quiet:
            self.pacing.succeeded()

    def _heed(self, error: AirViewHeraldError, failure: Failure, operation: Operation) -> None:
        """Heed what a failure says of when to send, for all that the client sends."""
        throttled = error.status == httpx.codes.TOO_MANY_REQUESTS
        if failure.fate in _ANSWERED:
            if error.status is not None:
                self._answered()
            return
        pause = failure.retry_after if failure.fate is Fate.UNPROCESSED else None
        if pause:
            self.pacing.hold(pause)
        # After a 429 the rate slows down instead.
        if operation.patience is None or throttled:
            return
        connected = error.status is not None or failure.fate is not Fate.UNPROCESSED
        missed = self.pacing.missed(connected=connected)
        # Also after a `Retry-After`: with the gate closed a single request tries first.
        if (missed or pause or not self._budget.spend()) and not self.pacing.gate_closed:
            # A warning shows even where no logging is set up; minutes of silence look like a hang.
            told = printable(str(error))
            logger.warning("%s; batches wait for the server, up to max_cooldown", told)
            self.pacing.close_gate()

    def _delay(
        self, retry_class: RetryClass, failure: Failure, attempt: int, operation: Operation
    ) -> float | None:
        rng = self._rng
        if operation.patience is not None:
            # Pauses of the whole client are waited for in `pacing`, off the event's clock.
            if failure.fate is Fate.UNPROCESSED:
                failure = Failure(failure.fate)
            if self.pacing.gate_closed:
                rng = _zero
        delay = delay_before_retry(
            self.options.retry,
            retry_class,
            failure,
            attempt=attempt,
            attempts=operation.attempts,
            settle=self.options.settle,
            rng=rng,
        )
        if delay is not None and operation.attempts is not None and not self._budget.spend():
            return None
        return delay

    async def _pause(self, seconds: float, operation: Operation) -> None:
        """Wait before a request is sent again."""
        operation.paused = True
        await self.sleep(seconds)

    def _give_up(
        self, error: AirViewHeraldError, delay: float | None, operation: Operation
    ) -> Never:
        """Raise the last attempt's error, or say that there is no time for the next one."""
        if delay is None:
            raise error
        raise DeadlineError(
            f"{error.message}; the next attempt in {delay:.1f} s would exceed the operation's "
            f"{operation.deadline:g} s",
            error.request,
        ) from error


def _zero() -> float:
    return 0.0
