"""The client: how it is made, and how it lives."""

from __future__ import annotations

import copy
import logging
import ssl
from collections.abc import Mapping
from typing import Self

import httpx

from airview_herald._headers import header_value
from airview_herald._secret import Secret
from airview_herald.auth import AimsAuth
from airview_herald.auth._aims import MfaCode
from airview_herald.errors import ConfigurationError
from airview_herald.herald._calls import read_error
from airview_herald.herald._endpoints import Endpoints
from airview_herald.herald._integration_operations import IntegrationOperations
from airview_herald.herald._notification_operations import NotificationOperations
from airview_herald.herald._sending import Sender
from airview_herald.herald._settings import Settings
from airview_herald.herald._subscription_operations import SubscriptionOperations
from airview_herald.telemetry import Telemetry
from airview_herald.transport._connections import Connections
from airview_herald.transport._limits import Limits
from airview_herald.transport._options import TIMEOUT, OnReply, Options
from airview_herald.transport._retry import Retry
from airview_herald.transport._session import Session, SessionClient
from airview_herald.transport._traced import transport_for

logger = logging.getLogger("airview_herald")


class Herald(SessionClient, NotificationOperations, SubscriptionOperations, IntegrationOperations):
    """Client of Herald; use it as `async with`.

    What is not given is taken from the environment (`ALERTLOGIC_ACCESS_KEY_ID`,
    `ALERTLOGIC_SECRET_KEY`, `ALERTLOGIC_ACCOUNT_ID`, `ALERTLOGIC_PROFILE`, `ALERTLOGIC_ENDPOINT`,
    `ALERTLOGIC_ENDPOINT_MAP`, `ALERTLOGIC_RESIDENCY`), else from the profile in the file
    `~/.alertlogic/config`, or the one that `ALERTLOGIC_CONFIG` names. The two halves of the access
    key are taken from one place, never mixed.

    A client belongs to the event loop that enters it.

    Args:
        access_key_id: The id of an access key. With `skip` for both halves no credential is sent,
            and calls have to name their account.
        secret_key: The secret of that key.
        username: A user's name, in place of an access key.
        password: That user's password.
        mfa_code: Called, or awaited, for a code when a login needs one; it is on the clock of the
            operation that logs in.
        aims_token: A token that holds already. It cannot be renewed, unless credentials are given
            beside it.
        account_id: The account that calls are for when they name none; by default the
            credential's own.
        profile: The section of the file; `default` by default.
        global_endpoint: `production`, `integration`, or the URL of what serves everything, such as
            a sandbox; `map` for the URLs in a file. By default `production`.
        residency: Where the account's data lie: `default`, `us` or `emea`.
        auth: Any `httpx.Auth` in place of the credentials above.
        http: What carries requests: an `httpx.AsyncBaseTransport` or an `httpx.AsyncClient`,
            closed by the caller; as for `AirView`.
        verify: How servers are verified, where `http` is not given: an `ssl.SSLContext`, such as
            `airview_herald.transport.tls_context` makes; true for the system's store of
            certificates; or false to accept any.
        timeout: Limit of connecting, of each read and write, and of waiting for a connection, in
            seconds; by default 5 for connecting and 30 for the others. The requests of one
            operation, those for a token and a host among them, end within 120 seconds in all.
        retry: How requests are repeated.
        limits: How much is taken from the server: of an answer, and of a listing.
        headers: Headers of every request but those for tokens.
        allow_http: Accept plain http URLs of other machines, though credentials travel.
        on_reply: Called with each answer of Herald as it arrived; answers that are retried are
            among them. It only watches: what it raises goes to the log.
        telemetry: What it tells of its work; by default an `OpenTelemetry` where that is set up.

    Raises:
        ConfigurationError: A setting cannot work, or there is no credential; the message names
            the setting and where it is from.
    """

    def __init__(  # noqa: PLR0913 - each is documented above, all by keyword
        self,
        *,
        access_key_id: str | None = None,
        secret_key: str | Secret | None = None,
        username: str | None = None,
        password: str | Secret | None = None,
        mfa_code: MfaCode | None = None,
        aims_token: str | Secret | None = None,
        account_id: str | None = None,
        profile: str | None = None,
        global_endpoint: str | None = None,
        residency: str | None = None,
        auth: httpx.Auth | None = None,
        http: httpx.AsyncBaseTransport | httpx.AsyncClient | None = None,
        verify: ssl.SSLContext | bool = True,
        timeout: float | httpx.Timeout = TIMEOUT,
        retry: Retry | None = None,
        limits: Limits | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        allow_http: bool = False,
        on_reply: OnReply | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        keys = (access_key_id, secret_key)
        others = (username, password, mfa_code, aims_token)
        if auth is not None and not isinstance(auth, httpx.Auth):
            raise ConfigurationError("auth: must be an httpx.Auth")
        if auth is not None and any(each is not None for each in (*keys, *others)):
            raise ConfigurationError("auth: give either auth or credentials, not both")
        has_other = any(each is not None for each in (auth, username, password, aims_token))
        settings = Settings.find(
            access_key_id=access_key_id,
            secret_key=secret_key,
            account_id=account_id,
            profile=profile,
            global_endpoint=global_endpoint,
            residency=residency,
            keyless=has_other and keys == (None, None),
            allow_http=allow_http,
        )
        for each in settings.overruling:
            logger.warning("%s of the environment comes before %s", each, settings.profile)
        if auth is None and not settings.skips:
            if settings.access_key_id is None and not has_other:
                raise ConfigurationError(
                    "access_key_id: there is no credential in the arguments, in "
                    f"ALERTLOGIC_ACCESS_KEY_ID, or in {settings.profile}"
                )
            auth = AimsAuth(
                settings.access_key_id,
                settings.secret_key,
                username=username,
                password=password,
                mfa_code=mfa_code,
                token=None if aims_token is None else header_value(aims_token, "aims_token"),
                url=settings.urls.get("aims") or settings.urls["herald"],
                allow_http=allow_http,
            )
            if auth.renewable and "aims" not in settings.urls:
                raise ConfigurationError(
                    f"{settings.urls_from}: has no aims, which gives a token for the credential"
                )
        options = Options.of(
            settings.urls.get("aims") or settings.urls["herald"],
            bare=auth is None,
            timeout=timeout,
            retry=retry,
            limits=limits,
            headers=headers,
            allow_http=allow_http,
            settle=0.0,
            on_reply=on_reply,
        )
        self._session = Session(Connections(http, verify=verify))
        transport = transport_for(self._session.connections, auth, options, read_error, telemetry)
        endpoints = Endpoints(settings, allow_http=allow_http)
        super().__init__(Sender(self._session, settings, endpoints, auth, transport))

    def __repr__(self) -> str:
        return f"Herald({self._sender.where})"

    def with_options(
        self,
        *,
        timeout: float | httpx.Timeout | None = None,
        retry: Retry | None = None,
        limits: Limits | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        on_reply: OnReply | None = None,
    ) -> Self:
        """Return a sibling that sends otherwise: `herald.with_options(timeout=2).get_...`.

        It is the same client in all else: connections, credential, what it knows of hosts, and
        life. What is left out stays as it is.

        Args:
            timeout: As for the class.
            retry: As for the class.
            limits: As for the class.
            headers: More headers, over those of the same name.
            on_reply: As for the class.

        Raises:
            ConfigurationError: A setting cannot work; the message names it.
        """
        options = self._sender.options.changed(
            timeout=timeout, retry=retry, limits=limits, headers=headers, on_reply=on_reply
        )
        sibling = copy.copy(self)
        sibling._sender = self._sender.with_options(options)  # noqa: SLF001 - its own class
        return sibling

    async def get_login_account_id(self) -> str:
        """Return the account of the credential; logs in, if nothing has yet.

        It is the account that calls are for when neither they nor the settings name one.

        Route: `GET /aims/v1/token_info`, unless a login has told already.

        Raises:
            AuthenticationError: The credential was refused.
            InputError: There is no credential that could tell.
        """
        return await self._sender.login_account()
