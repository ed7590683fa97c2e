"""How the flow of an `httpx.Auth` is driven by hand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable

import httpx

from airview_herald.errors import (
    AirViewHeraldError,
    AuthenticationError,
    DecodeError,
    LimitError,
    RequestFacts,
)
from airview_herald.transport._call import Reply
from airview_herald.transport._exchange import bare

_TOKENS_IN_A_ROW = 6
_REFUSALS_OF_A_REQUEST = 6


async def begun(
    request: httpx.Request, flow: AsyncGenerator[httpx.Request, httpx.Response]
) -> httpx.Request:
    """Return what a flow asks for first.

    Args:
        request: What is to be sent in the end.
        flow: The flow.

    Raises:
        AuthenticationError: The flow asks for nothing.
        AirViewHeraldError: What the flow raises.
    """
    try:
        return await anext(flow)
    except StopAsyncIteration:
        raise _gave_up("before", request.method, request.url) from None


async def authorized(
    request: httpx.Request,
    flow: AsyncGenerator[httpx.Request, httpx.Response],
    outgoing: httpx.Request,
    errand: Callable[[httpx.Request], Awaitable[httpx.Response]],
) -> httpx.Request:
    """Send whatever a flow needs first, and return the request with its credential.

    Args:
        request: What is to be sent in the end.
        flow: The flow, which hears of each errand's answer, or of its error.
        outgoing: What the flow asks for now.
        errand: Sends what is not the request itself.

    Raises:
        AuthenticationError: The flow ends without it.
        AirViewHeraldError: What the flow raises, an errand's error say.
    """
    while (outgoing.method, outgoing.url) != (request.method, request.url):
        try:
            answer: httpx.Response | AirViewHeraldError = await errand(outgoing)
        except LimitError as error:
            # As an authentication error, since no later request would get a token either.
            answer = AuthenticationError(error.message, error.request)
            answer.__cause__ = error.with_traceback(None)
        except AirViewHeraldError as error:
            answer = error
        try:
            if isinstance(answer, AirViewHeraldError):
                outgoing = await flow.athrow(answer)
            else:
                outgoing = await flow.asend(answer)
        except StopAsyncIteration:
            raise _gave_up("after", outgoing.method, outgoing.url) from None
    return outgoing


def is_as_asked(request: httpx.Request, reply: Reply) -> bool:
    """Return whether what the answer to an errand holds is JSON, if that is what was asked for.

    Raises:
        LimitError: It is JSON that is nested too deep.
    """
    if not reply.content or request.headers.get("accept") != "application/json":
        return True
    try:
        reply.json()
    except DecodeError:
        return False
    return True


def outlives(auth: httpx.Auth | None, refusals: int) -> bool:
    """Return whether another token is worth a try after a 401 that a renewed one met.

    Tokens may end while they are new: revoked, say. A credential is taken for wrong when too many
    in a row were refused and nothing was accepted, and for lacking a right when one request is
    refused time and again, whatever is accepted meanwhile.

    Args:
        auth: Adds the credential, if any. One that says nothing of its `refusals`, as those of
            `airview_herald.auth` that fetch tokens do, has no other token.
        refusals: How many times the request has met a 401 to the end of the flow.
    """
    in_a_row: int | None = getattr(auth, "refusals", None)
    if in_a_row is None or not getattr(auth, "renewable", False):
        return False
    return in_a_row < _TOKENS_IN_A_ROW and refusals < _REFUSALS_OF_A_REQUEST


def _gave_up(when: str, method: str, url: httpx.URL) -> AuthenticationError:
    shown = bare(url)
    return AuthenticationError(
        f"the credential gave up {when} {method} {shown}", RequestFacts(method, shown)
    )
