"""The send path: every request of both services goes through `Transport.send`."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Self, TypeVar

import anyio
import httpx

from airview_herald.errors import (
    AirViewHeraldError,
    DeadlineError,
    DecodeError,
    LimitError,
    RequestFacts,
    UnauthorizedError,
)
from airview_herald.telemetry import Telemetry
from airview_herald.transport._attempts import Attempts
from airview_herald.transport._auth_flow import authorized, begun, is_as_asked, outlives
from airview_herald.transport._call import Call, ErrorBody, Reply, RetryClass
from airview_herald.transport._connections import Connections
from airview_herald.transport._exchange import bare
from airview_herald.transport._failures import (
    HTTPX_ERRORS,
    FailedAttempt,
    from_decoding,
    from_depth,
    from_httpx,
    from_status,
)
from airview_herald.transport._masking import PUBLIC, without_credential
from airview_herald.transport._observer import show
from airview_herald.transport._operation import Operation
from airview_herald.transport._options import Options
from airview_herald.transport._pacing import Pacing
from airview_herald.transport._requests import Requests
from airview_herald.transport._retry import Failure, Fate, RetryBudget

T = TypeVar("T")

_UNSURE = (Fate.AMBIGUOUS, Fate.ENDED, Fate.BROKEN, Fate.DONE)
_SETTLING = frozenset({400, 404, 409, 422})
# After so many unreadable answers the last one is returned as it is.
_UNREADABLE = 5


class Transport(Attempts):
    """Send calls: attempts outside, auth inside, one account for each operation.

    Args:
        connections: What carries requests.
        auth: Adds the credential to each attempt, or `None`.
        options: How to send.
        read_error: Reads the service's error body.
        budget: The retries it may spend; by default its own, as the policy says.
        pacing: When it may send; by default its own.
        clock: Seconds, monotonic; tests bring their own.
        sleep: Waits that many seconds; tests bring their own.
        rng: Uniform numbers in [0, 1), for the jitter.

    Attributes:
        telemetry: What batches tell of themselves; nobody, unless it is a `TracedTransport`.
    """

    telemetry: Telemetry = Telemetry()

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        connections: Connections,
        auth: httpx.Auth | None,
        options: Options,
        read_error: Callable[[Reply], ErrorBody],
        *,
        budget: RetryBudget | None = None,
        pacing: Pacing | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        rng: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(
            connections,
            options,
            budget=RetryBudget(options.retry.budget) if budget is None else budget,
            pacing=Pacing(clock, sleep) if pacing is None else pacing,
            clock=clock,
            sleep=sleep,
            rng=rng,
        )
        self._requests = Requests(options)
        self._auth = auth
        self._anonymous = auth is None and all(name.lower() in PUBLIC for name in options.headers)
        self._flow = (auth or httpx.Auth()).async_auth_flow
        self._read_error = read_error

    def with_options(self, options: Options) -> Self:
        """Return a sibling that sends otherwise, on the same connections and credential.

        What the server says of when to send holds for both. They share the budget of retries too,
        unless the policy is another.
        """
        return type(self)(
            self._connections,
            self._auth,
            options,
            self._read_error,
            budget=self._budget if options.retry == self.options.retry else None,
            pacing=self.pacing,
            clock=self.clock,
            sleep=self.sleep,
            rng=self._rng,
        )

    def operation(self) -> Operation:
        """Return the account of a single call."""
        return Operation(self.options.total, self.options.retry.attempts)

    async def send(self, call: Call[T], operation: Operation) -> T:
        """Send a call until it succeeds, is refused, or may not be sent again.

        Args:
            call: What to send.
            operation: The account that it belongs to.

        Returns:
            What the call's `decode` makes of the answer; `None` for a 404 that says that nothing
            is there, as `Call.is_none` has it.

        Raises:
            AirViewHeraldError: The last attempt's failure. `ambiguous` says whether any attempt
                may have been carried out.
        """
        attempt, unsure, refused = 0, False, 0
        while True:
            attempt += 1
            try:
                result = await self._attempt(call, operation, attempt)
            except FailedAttempt as failed:
                error, failure = failed.error, failed.failure
            else:
                operation.in_flight = None
                return result
            # A verdict on a replay settles the fate of the first copy too, if it is the service's
            # own and not a gateway's or a token service's.
            settled = error.own and error.status in _SETTLING
            unsure = (unsure or failure.fate in _UNSURE) and not settled
            operation.in_flight = call.retry_class if unsure else None
            if error.status == httpx.codes.TOO_MANY_REQUESTS:
                asked = bool(failure.retry_after)
                self.pacing.throttled(operation.sent_at, asked=asked)
            self._heed(error, failure, operation)
            if isinstance(error, UnauthorizedError):
                refused += 1
                if operation.patience is not None and outlives(self._auth, refused):
                    failure = Failure(Fate.UNPROCESSED)
            delay = self._delay(call.retry_class, failure, attempt, operation)
            if delay is None or delay >= operation.remaining(self.clock):
                operation.in_flight = None
                error = error.amended(ambiguous=unsure and call.retry_class is not RetryClass.READ)
                self._give_up(error, delay, operation)
            operation.retries += 1
            await self._pause(delay, operation)

    async def _attempt(self, call: Call[T], operation: Operation, attempt: int) -> T:
        """Send a call once and read its answer, or raise `FailedAttempt`."""
        url = self.options.base_url + call.target.partition("?")[0]
        try:
            reply = await self._authenticated(call, url, operation, attempt)
        except HTTPX_ERRORS as caught:
            facts = RequestFacts(call.method, url, attempts=attempt, operation=call.operation)
            raise from_httpx(caught, facts) from None
        except AirViewHeraldError as caught:
            raise FailedAttempt(caught, Failure(Fate.VERDICT)) from None
        if call.succeeds(reply.status):
            try:
                result = call.decode(reply)
            except DecodeError as caught:
                raise from_decoding(caught) from None
            except LimitError as caught:
                raise from_depth(caught) from None
            self._answered()
            return result
        body = self._read_error(reply)
        if call.is_none(reply.status, body, replayed=operation.in_flight is not None):
            self._answered()
            return None  # type: ignore[return-value]  # such calls decode to `None` or an optional
        raise from_status(reply, body, anonymous=self._anonymous)

    async def _in_time(
        self, step: Awaitable[httpx.Request], request: httpx.Request, operation: Operation
    ) -> httpx.Request:
        """Take a step of a flow, which may wait for a token that another operation fetches.

        Raises:
            DeadlineError: It takes longer than a single call may wait.
        """
        seconds = self.time_left(operation)
        if seconds == math.inf:
            return await step
        with anyio.move_on_after(seconds):
            return await step
        url = bare(request.url)
        raise DeadlineError(
            f"{request.method} {url}: no credential came in the operation's "
            f"{operation.deadline:g} s",
            RequestFacts(request.method, url),
        )

    async def _authenticated(
        self, call: Call[T], url: str, operation: Operation, attempt: int
    ) -> Reply:
        """Send a call under a credential; the flow may ask to send it again with another."""
        request = self._requests.of(call)
        errand = partial(self.errand, operation=operation)
        flow = self._flow(request)
        try:
            # On the clock, since it may wait for a token that another task is fetching.
            outgoing = await self._in_time(begun(request, flow), request, operation)
            while True:
                outgoing = await authorized(request, flow, outgoing, errand)
                response = await self.exchange(
                    outgoing, operation, call.retry_class, attempt, listing=call.listing
                )
                reply = self._reply(response, call.method, url, attempt, call.operation)
                show(self.options.on_reply, reply, "on_reply")
                try:
                    outgoing = await self._in_time(flow.asend(response), request, operation)
                except StopAsyncIteration:
                    return reply if response.is_success else without_credential(reply, outgoing)
                self._answered()
        finally:
            await flow.aclose()

    async def login(self, operation: Operation) -> None:
        """Have a credential at hand, without a request that needs it.

        Args:
            operation: The account that it belongs to.

        Raises:
            AirViewHeraldError: None could be had.
        """
        request = self._requests.base()
        errand = partial(self.errand, operation=operation)
        flow = self._flow(request)
        try:
            outgoing = await self._in_time(begun(request, flow), request, operation)
            await authorized(request, flow, outgoing, errand)
        finally:
            await flow.aclose()

    async def errand(self, request: httpx.Request, operation: Operation) -> httpx.Response:
        """Send what is needed on the way, a token request say: its own origin, its own class.

        No credential is added. Whoever asked judges the last answer, whatever its status.

        Args:
            request: The whole request.
            operation: The account that it belongs to.

        Returns:
            The answer, read to its end.

        Raises:
            AirViewHeraldError: No answer arrived in time.
        """
        attempt = unreadable = 0
        while True:
            attempt += 1
            method, url = request.method, bare(request.url)
            response = None
            try:
                # `in_flight` is passed on: an errand says nothing about the call itself.
                response = await self.exchange(request, operation, operation.in_flight, attempt)
                reply = self._reply(response, method, url, attempt)
                readable = is_as_asked(request, reply)
                unreadable += response.is_success and not readable
                if response.is_success and (readable or unreadable == _UNREADABLE):
                    return response
                failed = from_status(reply, ErrorBody(unreadable=not readable))
            except HTTPX_ERRORS as caught:
                failed = from_httpx(caught, RequestFacts(method, url, attempts=attempt))
            self._heed(failed.error, failed.failure, operation)
            delay = self._delay(RetryClass.READ, failed.failure, attempt, operation)
            if delay is None and response is not None:
                return response
            if delay is None or delay >= operation.remaining(self.clock):
                self._give_up(failed.error, delay, operation)
            operation.retries += 1
            await self._pause(delay, operation)

    def _reply(
        self, response: httpx.Response, method: str, url: str, attempt: int, operation: str = ""
    ) -> Reply:
        status, headers = response.status_code, response.headers
        request_id = headers.get("x-request-id")
        facts = RequestFacts(
            method, url, status, attempts=attempt, request_id=request_id, operation=operation
        )
        return Reply(status, headers, response.content, facts, self._limits.json_depth)
