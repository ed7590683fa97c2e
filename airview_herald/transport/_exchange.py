"""One request on the wire: its turn, its slot, its time, and its answer read to the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import httpx

from airview_herald.errors import CooldownError, DeadlineError, RequestFacts
from airview_herald.transport._body import read_whole
from airview_herald.transport._call import RetryClass
from airview_herald.transport._connections import Connections
from airview_herald.transport._failures import HTTPX_ERRORS
from airview_herald.transport._limiter import Slots
from airview_herald.transport._limits import EXPIRED, Limits
from airview_herald.transport._operation import Operation
from airview_herald.transport._pacing import Pacing

logger = logging.getLogger("airview_herald")

_SERVER_ERRORS = 500


class Exchange:
    """Put requests on the wire, each exactly once.

    Args:
        connections: What carries them.
        timeouts: The limits of one that brings none of its own, in seconds.
        limits: How much of an answer is read.
        pacing: When they may be sent.
        clock: Seconds, monotonic.

    Attributes:
        pacing: As given.
        clock: As given.
    """

    def __init__(
        self,
        connections: Connections,
        timeouts: Mapping[str, float | None],
        limits: Limits,
        pacing: Pacing,
        clock: Callable[[], float],
    ) -> None:
        self._connections = connections
        self._timeouts = timeouts
        self._limits = limits
        self.pacing = pacing
        self.clock = clock

    async def exchange(
        self,
        request: httpx.Request,
        operation: Operation,
        retry_class: RetryClass | None,
        attempt: int,
        *,
        listing: bool = False,
    ) -> httpx.Response:
        """Put a request on the wire and read its answer to the end.

        Args:
            request: The whole request.
            operation: The account that it belongs to.
            retry_class: What is in flight meanwhile.
            attempt: How often the request is sent with this, for the log.
            listing: Whether the answer lists every row, and so may be longer than others.

        Raises:
            DeadlineError: There is no time left for it.
            CooldownError: The server kept the batch waiting for too long.
            httpx.HTTPError: No whole answer arrived.
        """
        slots = operation.slots
        if slots is not None:
            await slots.acquire()
        if not self.pacing.quiet:
            await self._await_turn(request, operation, attempt)
        try:
            remaining = operation.remaining(self.clock)
            if remaining <= 0:
                url = bare(request.url)
                raise DeadlineError(
                    f"{request.method} {url}: the operation's {operation.deadline:g} s are used up",
                    RequestFacts(request.method, url, attempts=attempt - 1),
                )
            timeouts = request.extensions.get("timeout", self._timeouts)
            request.extensions["timeout"] = _capped(timeouts, remaining)
            operation.requests += 1
            before, operation.in_flight = operation.in_flight, retry_class
            operation.paused = False
            began = operation.sent_at = self.clock()
            self.pacing.sending(began)
            outcome: int | str = "unanswered"
            try:
                response = await self._receive(request, operation, listing=listing)
            except HTTPX_ERRORS as error:
                outcome = type(error).__name__
                operation.in_flight = before
                if slots is not None and isinstance(error, httpx.TimeoutException):
                    slots.failed(began, self.clock())
                raise
            else:
                outcome = response.status_code
                operation.in_flight = before
                if slots is not None and (not slots.untroubled or outcome >= _SERVER_ERRORS):
                    self._learn(slots, outcome, began)
                operation.throttled += outcome == httpx.codes.TOO_MANY_REQUESTS
                return response
            finally:
                self._log(request, outcome, began, attempt)
        finally:
            if slots is not None:
                slots.release()

    async def _await_turn(self, request: httpx.Request, operation: Operation, attempt: int) -> None:
        """Give the slot of a request back, and take another when the client may send."""
        if operation.slots is not None:
            operation.slots.release()
        try:
            await self.pacing.admit(operation)
        except (CooldownError, DeadlineError) as error:
            facts = {"method": request.method, "url": bare(request.url), "attempts": attempt - 1}
            raise error.amended(**facts) from None

    def _learn(self, slots: Slots, status: int, began: float) -> None:
        """Let the limit of requests in flight follow an answer."""
        if status >= _SERVER_ERRORS:
            slots.failed(began, self.clock())
        elif status != httpx.codes.TOO_MANY_REQUESTS:
            slots.succeeded(began)

    async def _receive(
        self, request: httpx.Request, operation: Operation, *, listing: bool
    ) -> httpx.Response:
        def expired() -> bool:
            return operation.remaining(self.clock) <= 0

        request.extensions[EXPIRED] = expired
        response = await self._connections.send(request, lambda: operation.remaining(self.clock))
        response.request = request
        await read_whole(response, expired, self._limits, listing=listing)
        return response

    def _log(self, request: httpx.Request, outcome: int | str, began: float, attempt: int) -> None:
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug(
                "%s %s %s %.1f ms attempt %d",
                request.method,
                request.url.raw_path.partition(b"?")[0].decode("ascii"),
                outcome,
                (self.clock() - began) * 1000,
                attempt,
            )


def _capped(timeouts: Mapping[str, float | None], remaining: float) -> Mapping[str, float | None]:
    """Return the limits of a request, none of them beyond what remains."""
    if all(seconds is not None and seconds <= remaining for seconds in timeouts.values()):
        return timeouts
    return {
        name: remaining if seconds is None else min(seconds, remaining)
        for name, seconds in timeouts.items()
    }


def bare(url: httpx.URL) -> str:
    """Return a URL as errors may show it."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))
