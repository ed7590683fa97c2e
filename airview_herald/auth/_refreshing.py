"""A token that is fetched when needed, once for everybody, and replaced when it fails."""

from __future__ import annotations

import copy
import logging
import time
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Generator

import anyio
import attrs
import httpx

from airview_herald._event_loop import running_loop
from airview_herald._secret import Secret
from airview_herald.errors import AirViewHeraldError, CooldownError, DeadlineError

logger = logging.getLogger("airview_herald")

# The name of a request's extension: a function that is called after each request for a token,
# with its error or `None`.
REFRESHED = "airview_herald.refreshed"


@attrs.frozen
class Token:
    """What a token service answered.

    Attributes:
        header: The whole value of the header that carries it.
        refresh_at: When to fetch the next one, in seconds of the provider's clock.
    """

    header: Secret
    refresh_at: float


@attrs.define(eq=False)
class _Flight:
    """A fetch under way, and those who wait for it."""

    landed: anyio.Event = attrs.field(factory=anyio.Event)
    token: Token | None = None
    error: AirViewHeraldError | None = None


class RefreshingAuth(httpx.Auth):
    """Fetch, share, renew.

    A subclass says how a token is obtained. The rest lives here: a fetch is single-flight in each
    event loop, starts before the expiry, and starts over once on a 401, but only when the token
    that failed is still the current one. When the task that fetches is cancelled, or is out of
    time or patience, another takes over; when its fetch fails, each waiter gets a copy of the error
    and the next asker tries again. A request is sent twice at most; `refusals` lets who sends it
    judge whether to go on.

    Args:
        clock: Seconds, monotonic; tests bring their own.
    """

    requires_response_body = True
    renewable: bool = True
    """Whether another token can be had for one that is refused."""
    refusals: int = 0
    """How many tokens in a row were refused, with no request accepted in between."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._token: Token | None = None
        # One for each event loop, since nobody can wait for another loop's.
        self._flights: dict[object, _Flight] = {}

    @abstractmethod
    def obtain(self) -> AsyncGenerator[httpx.Request | Token, httpx.Response]:
        """Yield each request on the way to a token, take its answer in, and yield the token last.

        Raises:
            AuthenticationError: No token could be had.
        """

    def authorize(self, request: httpx.Request, token: Token) -> None:
        """Put a token on a request."""
        request.headers["Authorization"] = token.header.reveal()

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Refuse: tokens are shared between the tasks of an event loop."""
        name = type(self).__name__
        raise RuntimeError(f"{name} needs an async client to authenticate {request.method}")

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send the request under a valid token; see `httpx.Auth.async_auth_flow`."""
        for _ in range(2):
            token = self._usable()
            loop = None if token else running_loop()
            while token is None and loop in self._flights:
                token = await _shared(self._flights[loop])
            if token is None:
                flight = self._flights[loop] = _Flight()
                obtaining = self.obtain()
                try:
                    step = await anext(obtaining)
                    while isinstance(step, httpx.Request):
                        if "timeout" in request.extensions:
                            step.extensions["timeout"] = request.extensions["timeout"]
                        response = yield step
                        await response.aread()
                        step = await obtaining.asend(response)
                    token = flight.token = self._token = step
                    _tell(request, None)
                except (CooldownError, DeadlineError) as error:  # it concerns the leader alone
                    _tell(request, error)
                    raise
                except AirViewHeraldError as error:
                    # A copy without traceback and causes, which hold what was sent for a token and
                    # what came back.
                    flight.error = error.amended()
                    _tell(request, error)
                finally:
                    del self._flights[loop]
                    flight.landed.set()
                    await obtaining.aclose()
                if flight.error is not None:
                    raise flight.error
            assert token is not None  # noqa: S101 - for the type checker
            self.authorize(request, token)
            response = yield request
            if response.status_code != httpx.codes.UNAUTHORIZED or not self.renewable:
                self.refusals = 0 if response.is_success else self.refusals
                return
            self._discard(token)

    def _discard(self, token: Token) -> None:
        """Stop using a token that was refused; only the first of those who say so counts."""
        if self._token is token:
            self._token = None
            self.refusals += 1

    def _usable(self) -> Token | None:
        token = self._token
        return token if token is not None and self.clock() < token.refresh_at else None


async def _shared(flight: _Flight) -> Token | None:
    """Wait for a fetch of another task; return its token, `None` if that task gave up."""
    await flight.landed.wait()
    if flight.error is not None:
        raise copy.copy(flight.error)
    # Used even if it is about to expire, or everybody would fetch for ever.
    return flight.token


def _tell(request: httpx.Request, error: AirViewHeraldError | None) -> None:
    """Tell whoever watches; what that raises is only logged."""
    if (refreshed := request.extensions.get(REFRESHED)) is not None:
        try:
            refreshed(error)
        except Exception:
            logger.warning("what watches the fetching of tokens raised", exc_info=True)
