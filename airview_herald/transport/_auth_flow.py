"""How the flow of an `httpx.Auth` is driven by hand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable

import httpx

from airview_herald.errors import AirViewHeraldError, AuthenticationError, RequestFacts


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
            try:
                response = await errand(outgoing)
            except AirViewHeraldError as error:
                outgoing = await flow.athrow(error)
            else:
                outgoing = await flow.asend(response)
        except StopAsyncIteration:
            raise _gave_up("after", outgoing.method, outgoing.url) from None
    return outgoing


def _gave_up(when: str, method: str, url: httpx.URL) -> AuthenticationError:
    bare = str(url.copy_with(userinfo=b"", query=None, fragment=None))
    return AuthenticationError(
        f"the credential gave up {when} {method} {bare}", RequestFacts(method, bare)
    )
