"""Where a service is for an account: configured, or asked of the Endpoints service."""

from __future__ import annotations

import re
from functools import partial
from urllib.parse import quote

import attrs
import httpx

from airview_herald._memory import Memory
from airview_herald._origin import checked_url
from airview_herald.errors import ConfigurationError, DecodeError
from airview_herald.herald._settings import Settings
from airview_herald.transport._call import Call, Reply, RetryClass
from airview_herald.transport._operation import Operation
from airview_herald.transport._send import Transport

_LIFETIME = 900.0
_ACCOUNTS = 1_000
_LONGEST_HOST = 253
_HOST = re.compile(r"[a-z0-9.-]+\.alertlogic\.(com|co\.uk)")


@attrs.frozen
class _Found:
    url: str
    until: float


class Endpoints:
    """Find services, and remember for 15 minutes where they are.

    One task asks for everybody who wants to know the same. A failure is not remembered.

    Args:
        settings: Which services are configured, and where the Endpoints service is.
        allow_http: Whether a host that the service names may be a plain http one of another
            machine.
    """

    def __init__(self, settings: Settings, *, allow_http: bool) -> None:
        self._settings = settings
        self._allow_http = allow_http
        self._found: Memory[tuple[str, str, str, str], _Found] = Memory(_ACCOUNTS)

    def configured(self, service: str) -> str | None:
        """Return the URL of a service that needs no look-up, or `None`."""
        return self._settings.urls.get(service)

    async def find(
        self, service: str, account_id: str, transport: Transport, operation: Operation
    ) -> str:
        """Return the URL of a service for an account.

        Route: `GET /endpoints/v1/{account_id}/residency/{residency}/services/{service}/endpoint`.

        Args:
            service: Its name, such as `herald`.
            account_id: Whose data it is asked for.
            transport: Sends to the global host, under a token.
            operation: The account that the request goes on.

        Raises:
            DecodeError: The answer names no host, or one that may not see a token.
            AirViewHeraldError: There was no answer, or a refusal.
        """
        configured = self.configured(service)
        if configured is not None:
            return configured
        residency = self._settings.residency
        key = (transport.options.base_url, account_id, residency, service)
        found = self._found.get(key)
        if found is not None and transport.clock() >= found.until:
            self._found.forget(key)

        async def ask(_: bool) -> _Found:  # noqa: FBT001 - asking again does no harm
            call = lookup(service, account_id, residency, allow_http=self._allow_http)
            url = await transport.send(call, operation)
            return _Found(url, transport.clock() + _LIFETIME)

        found = await self._found.resolve(key, ask, lambda: transport.time_left(operation))
        return found.url


def lookup(service: str, account_id: str, residency: str, *, allow_http: bool) -> Call[str]:
    """Return the call that asks where a service is for an account."""
    account = quote(account_id, safe="")
    return Call(
        "GET",
        f"/endpoints/v1/{account}/residency/{residency}/services/{service}/endpoint",
        RetryClass.READ,
        None,
        partial(_located, service, allow_http=allow_http),
        operation="get_endpoint",
    )


def _located(service: str, reply: Reply, *, allow_http: bool) -> str:
    body = reply.json()
    path = f"$.{service}"
    host = body.get(service) if isinstance(body, dict) else None
    if not isinstance(host, str) or not host:
        raise DecodeError(f"the Endpoints service named no host @ {path}", reply.facts, path)
    try:
        return trusted_url(host, allow_http=allow_http)
    except ConfigurationError as error:
        raise DecodeError(f"{error} @ {path}", reply.facts, path) from None


def trusted_url(host: str, *, allow_http: bool) -> str:
    """Return the URL of a host that the Endpoints service named, if a token may go there.

    Args:
        host: A host, with or without a scheme.
        allow_http: Whether plain http may leave this machine.

    Raises:
        ConfigurationError: It may not: the host is not Alert Logic's, or there is more than it.
    """
    field = "the host that the Endpoints service named"
    named = host if host.startswith(("http://", "https://")) else f"https://{host}"
    url = checked_url(named, field, allow_http=allow_http)
    parsed = httpx.URL(named)
    if parsed.path != "/":
        raise ConfigurationError(f"{field}: must not have a path")
    if not _HOST.fullmatch(parsed.host):
        raise ConfigurationError(
            f"{field}: {parsed.host[:_LONGEST_HOST]} is not under alertlogic.com or "
            "alertlogic.co.uk; it is trusted only as a global_endpoint or in an endpoint map"
        )
    return url
