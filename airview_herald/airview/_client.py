"""The client: how it is made, and how it lives."""

from __future__ import annotations

import copy
import ssl
from collections.abc import Mapping
from typing import Any, Self

import httpx

from airview_herald._secret import Secret
from airview_herald.airview._backend import Backend
from airview_herald.airview._batches import Batches
from airview_herald.airview._calls import read_error
from airview_herald.airview._check import Check, check
from airview_herald.airview._config import BackendConfig
from airview_herald.airview._notes import OnMismatch
from airview_herald.airview._operations import Operations
from airview_herald.airview._rules import Rules
from airview_herald.airview._sending import Sender
from airview_herald.airview.models import SystemStage
from airview_herald.auth import BearerToken
from airview_herald.errors import ConfigurationError
from airview_herald.telemetry import Telemetry
from airview_herald.transport._connections import Connections
from airview_herald.transport._limits import Limits
from airview_herald.transport._options import TIMEOUT, OnReply, Options
from airview_herald.transport._retry import Retry
from airview_herald.transport._session import Session, SessionClient
from airview_herald.transport._traced import transport_for


class AirView(SessionClient, Batches, Operations):
    """Client of one AirView server, recording as one system; use it as `async with`.

    All that one client sends shares its connections, its memory of ids and its lanes: for each
    (application, resource, technical control) events are sent one at a time, in the order in
    which they were given. Two clients, or two processes, are not protected from each other. A
    client belongs to the event loop that enters it.

    Args:
        base_url: Where the API is, with its prefix if it has one.
        system_name: The name of the system that records, at most 500 characters.
        system_stage: The stage it looks at; counts when the system is first recorded.
        referencing_type: The type under which applications are referenced, such as
            `aws_account_id`.
        auth: Any `httpx.Auth`, or a token with or without `Bearer `; `None` sends none.
        http: What carries requests: an `httpx.AsyncBaseTransport` or an `httpx.AsyncClient`,
            closed by the caller. By default a `PooledTransport` of the client's own, or httpx's
            own client where the environment names a proxy.
        verify: How servers are verified, where `http` is not given: an `ssl.SSLContext`, such as
            `airview_herald.transport.tls_context` makes; true for the system's store of
            certificates; or false to accept any.
        timeout: Limit of connecting, of each read and write, and of waiting for a connection, in
            seconds; by default 5 for connecting and 30 for the others. The requests of one
            operation end within 120 seconds in all.
        retry: How requests are repeated.
        limits: How much of an answer is taken from the server.
        headers: Headers of every request, such as a gateway's subscription key.
        allow_http: Accept a plain http URL of another machine, though credentials travel.
        cache_size: How many ids are remembered, about 260 bytes each.
        settle: Seconds within which the server surely ends or drops a request that it did not
            answer. Order and row counts are exact as long as it does.
        on_reply: Called with each answer of the service as it arrived: status, headers, request
            id, body. Answers that are retried are among them, those of token services are not.
            It only watches: what it raises goes to the log.
        on_mismatch: Called by single calls with each definition that exists with other attributes
            than it is given. The log has a warning of it in any case, once; a batch has them in
            its report.
        telemetry: What it tells of its work; by default an `OpenTelemetry` where that is set up.

    Raises:
        ConfigurationError: A setting cannot work; the message names it.
        InputError: The system's name or stage breaks a rule.
    """

    def __init__(  # noqa: PLR0913 - each is documented above, all but one by keyword
        self,
        base_url: str,
        *,
        system_name: str,
        system_stage: SystemStage | str,
        referencing_type: str,
        auth: httpx.Auth | str | None = None,
        http: httpx.AsyncBaseTransport | httpx.AsyncClient | None = None,
        verify: ssl.SSLContext | bool = True,
        timeout: float | httpx.Timeout = TIMEOUT,
        retry: Retry | None = None,
        limits: Limits | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        allow_http: bool = False,
        cache_size: int = 250_000,
        settle: float = 30.0,
        on_reply: OnReply | None = None,
        on_mismatch: OnMismatch | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        rules = Rules(None)
        rules.system(system_name, system_stage)
        rules.reference("referencing_type", referencing_type)
        rules.integer("cache_size", cache_size)
        auth = BearerToken(auth) if isinstance(auth, str) else auth
        if auth is not None and not isinstance(auth, httpx.Auth):
            raise ConfigurationError("auth: must be an httpx.Auth or a token")
        options = Options.of(
            base_url,
            bare=auth is None,
            timeout=timeout,
            retry=retry,
            limits=limits,
            headers=headers,
            allow_http=allow_http,
            settle=settle,
            on_reply=on_reply,
        )
        config = BackendConfig(options.base_url, None, system_name, system_stage, referencing_type)
        session = Session(Connections(http, verify=verify))
        transport = transport_for(session.connections, auth, options, read_error, telemetry)
        super().__init__(session, Sender(config, transport, session), cache_size, on_mismatch)

    @classmethod
    def from_config(cls, backend_config: BackendConfig, **options: Any) -> Self:
        """Return a client with the documented settings.

        Args:
            backend_config: Where it records, and as which system; its token, if it has one, is
                sent as it is for as long as the client lives.
            **options: As for the class. An `auth` that renews its tokens goes with a
                configuration whose token is `None`.

        Raises:
            ConfigurationError: A setting cannot work, or there are a token and an `auth`.
        """
        if backend_config.token is not None:
            if options.get("auth") is not None:
                raise ConfigurationError("auth: the configuration has a token already")
            options["auth"] = BearerToken(backend_config.token)
        return cls(
            backend_config.base_url,
            system_name=backend_config.system_name,
            system_stage=backend_config.system_stage,
            referencing_type=backend_config.referencing_type,
            **options,
        )

    def __repr__(self) -> str:
        config = self._recorder.sender.config
        return f"AirView({config.base_url!r}, system_name={config.system_name!r})"

    def with_options(  # noqa: PLR0913 - each is documented, all by keyword
        self,
        *,
        timeout: float | httpx.Timeout | None = None,
        retry: Retry | None = None,
        limits: Limits | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        on_reply: OnReply | None = None,
        on_mismatch: OnMismatch | None = None,
    ) -> Self:
        """Return a sibling that sends otherwise: `airview.with_options(timeout=2).handle_...`.

        It is the same client in all else: connections, credential, memory of ids, lanes and life.
        What is left out stays as it is.

        Args:
            timeout: As for the class.
            retry: As for the class.
            limits: As for the class.
            headers: More headers, over those of the same name.
            on_reply: As for the class.
            on_mismatch: As for the class.

        Raises:
            ConfigurationError: A setting cannot work; the message names it.
        """
        sender = self._recorder.sender
        options = sender.transport.options.changed(
            timeout=timeout, retry=retry, limits=limits, headers=headers, on_reply=on_reply
        )
        sender = sender.over(sender.transport.with_options(options))
        sibling = copy.copy(self)
        vars(sibling).update(
            _backend=Backend(sender),
            _recorder=self._recorder.over(sender),
            _warnings=self._warnings.telling(on_mismatch),
        )
        return sibling

    async def check(self) -> Check:
        """Try, before a batch, whether the server is AirView and grants what recording needs.

        A read and a write of each role; what is written is nothing that the server could store.

        Routes: `GET /systems/`, `POST /environments/`, `GET /resource-types/`,
        `PUT /monitored-resources/`.

        Returns:
            What was found.

        Raises:
            ForbiddenError: The credential lacks roles; the message names them all.
            AirViewHeraldError: No credential, no connection, or no AirView at the base URL.
        """
        self._session.check()
        return await check(self._recorder.sender)
