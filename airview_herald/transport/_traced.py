"""The send path that tells OpenTelemetry what it does; without it nothing of this is run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Self, TypeVar

import httpx

from airview_herald._origin import same_origin
from airview_herald.auth._refreshing import REFRESHED
from airview_herald.telemetry import OpenTelemetry, Telemetry
from airview_herald.transport._call import Call, ErrorBody, Reply
from airview_herald.transport._connections import Connections
from airview_herald.transport._operation import Operation
from airview_herald.transport._options import Options
from airview_herald.transport._send import Transport

T = TypeVar("T")


def transport_for(
    connections: Connections,
    auth: httpx.Auth | None,
    options: Options,
    read_error: Callable[[Reply], ErrorBody],
    telemetry: Telemetry | None,
) -> Transport:
    """Return a client's transport, one that tells what it does if anybody listens.

    Args:
        connections: As for `Transport`, like the next three.
        auth: The credential.
        options: How to send.
        read_error: Reads the service's error body.
        telemetry: What the caller of the client gave.

    Raises:
        ConfigurationError: That is no `Telemetry`.
    """
    found = Telemetry.of(telemetry)
    if not isinstance(found, OpenTelemetry):
        return Transport(connections, auth, options, read_error)
    return TracedTransport(connections, auth, options, read_error).telling(found)


class TracedTransport(Transport):
    """A `Transport` each of whose steps is told, as what it is a step of."""

    telemetry: OpenTelemetry

    def telling(self, telemetry: OpenTelemetry) -> Self:
        """Have what this transport does told from now on; return it."""
        flow = self._flow

        def watched(request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
            request.extensions[REFRESHED] = telemetry.token_refreshed
            return flow(request)

        self.telemetry, self._flow = telemetry, watched
        return self

    def with_options(self, options: Options) -> Self:
        """Return a sibling that tells too; see `Transport.with_options`."""
        return super().with_options(options).telling(self.telemetry)

    async def send(self, call: Call[T], operation: Operation) -> T:
        """Send a call in a span of its own; see `Transport.send`."""
        base_url = self.options.base_url
        with self.telemetry.call(call.method, base_url, call.target, call.operation):
            return await super().send(call, operation)

    async def _authenticated(
        self, call: Call[T], url: str, operation: Operation, attempt: int
    ) -> Reply:
        self.telemetry.attempted(attempt)
        reply = await super()._authenticated(call, url, operation, attempt)
        self.telemetry.attempted(attempt, reply.status)
        return reply

    async def _receive(
        self, request: httpx.Request, operation: Operation, *, listing: bool
    ) -> httpx.Response:
        carries = same_origin(request.url, self._requests.base_url)
        with self.telemetry.request(request, carries=carries) as answered:
            response = await super()._receive(request, operation, listing=listing)
            answered(response.status_code)
            return response

    async def _pause(self, seconds: float, operation: Operation) -> None:
        self.telemetry.retried()
        await super()._pause(seconds, operation)
