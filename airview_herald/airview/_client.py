"""The client: how it is made, how it lives, and its batches."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Self

import httpx

from airview_herald.airview._backend import Backend
from airview_herald.airview._calls import read_error
from airview_herald.airview._check import Check, check
from airview_herald.airview._config import BackendConfig
from airview_herald.airview._coverage import Reconciliation
from airview_herald.airview._ingest_settings import (
    Events,
    IngestSettings,
    OnOutcome,
    PathLike,
    Progress,
    State,
)
from airview_herald.airview._notes import OnMismatch
from airview_herald.airview._operations import Operations
from airview_herald.airview._outcomes import IngestReport
from airview_herald.airview._plan import Plan, Planner
from airview_herald.airview._rules import Rules
from airview_herald.airview._run import Run
from airview_herald.airview._sending import Sender
from airview_herald.airview._stream import IngestStream
from airview_herald.airview.models import SystemStage
from airview_herald.auth import BearerToken
from airview_herald.errors import ConfigurationError
from airview_herald.telemetry import Telemetry
from airview_herald.transport._connections import Connections
from airview_herald.transport._options import TIMEOUT, OnReply, Options
from airview_herald.transport._retry import Retry
from airview_herald.transport._session import Session, SessionClient
from airview_herald.transport._traced import transport_for


class AirView(SessionClient, Operations):
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
        timeout: Limit of connecting, of each read and write, and of waiting for a connection, in
            seconds; by default 5 for connecting and 30 for the others. The requests of one
            operation end within 120 seconds in all.
        retry: How requests are repeated.
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
        timeout: float | httpx.Timeout = TIMEOUT,
        retry: Retry | None = None,
        headers: Mapping[str, str] | None = None,
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
            headers=headers,
            allow_http=allow_http,
            settle=settle,
            on_reply=on_reply,
        )
        config = BackendConfig(options.base_url, None, system_name, system_stage, referencing_type)
        session = Session(Connections(http))
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

    def with_options(
        self,
        *,
        timeout: float | httpx.Timeout | None = None,
        retry: Retry | None = None,
        headers: Mapping[str, str] | None = None,
        on_reply: OnReply | None = None,
        on_mismatch: OnMismatch | None = None,
    ) -> Self:
        """Return a sibling that sends otherwise: `airview.with_options(timeout=2).handle_...`.

        It is the same client in all else: connections, credential, memory of ids, lanes and life.
        What is left out stays as it is.

        Args:
            timeout: As for the class.
            retry: As for the class.
            headers: More headers, over those of the same name.
            on_reply: As for the class.
            on_mismatch: As for the class.

        Raises:
            ConfigurationError: A setting cannot work; the message names it.
        """
        sender = self._recorder.sender
        options = sender.transport.options.changed(
            timeout=timeout, retry=retry, headers=headers, on_reply=on_reply
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

    async def plan(self, events: Events, *, concurrency: int = 64) -> Plan:
        """Look what a batch of events would meet and make, and make nothing.

        What is found is remembered, so that a batch that follows need not look again.

        Routes: `GET` of `/systems/`, `/environments/`, `/referenced-application-environments/`,
        `/technical-controls/` and `/controls/`, once for each definition.

        Args:
            events: As for `ingest`. All of them are taken; their definitions are held, not they.
            concurrency: Requests in flight at most.

        Returns:
            The definitions that exist, those that would be recorded, and those that differ from
            what the events say, with the events that break a rule.

        Raises:
            InputError: `concurrency` is out of its range, or `events` is nothing to iterate.
            AirViewHeraldError: A look failed.
            Exception: What the producer of events raised.
        """
        self._session.check()
        Rules(concurrency).integer("concurrency", concurrency)
        return await Planner(self._recorder, concurrency).plan(events)

    async def ingest(  # noqa: PLR0913 - each is documented
        self,
        events: Events,
        *,
        concurrency: int = 64,
        window: int | None = None,
        on_outcome: OnOutcome | None = None,
        progress: Progress | bool | None = None,
        deadline: float = 120.0,
        max_cooldown: float = 900.0,
        max_failures: int | None = None,
        grace: float = 2.0,
        coalesce: bool = False,
        reconcile: bool | Reconciliation = False,
        state: PathLike | State | None = None,
        dead_letters: PathLike | None = None,
    ) -> IngestReport:
        """Record a batch of events concurrently, in order for each resource and control.

        A bad event is a failed outcome, not an exception; only what makes all events fail ends
        the batch. A server that is down, or asks for a pause, is waited for.

        A cancelled batch sends nothing more and takes `grace` seconds at most to end, besides what
        the producer takes to be closed; cancelled by `Task.cancel` once more, it ends at once.

        Args:
            events: A sync or async iterable; any length, since a window of it is held at a time.
                One that blocks between events, on a database or a pipe, is iterated in a worker
                thread if it has a true attribute `blocking`, as this package's sources have.
            concurrency: Requests in flight at most. Timeouts and 5xx lower it for a while, unless
                they are few; 429s limit the rate of all that the client sends instead.
            window: Events held at most; by default 4 for each request in flight.
            on_outcome: Called, or awaited, with each event's `Outcome`. Events left over when a
                run ends early are counted in the report only.
            progress: Called, or awaited, with the live report, at most ten times a second, and
                once at the end. `True` shows a bar instead: under the cell in a notebook, on
                stderr in a terminal if rich or tqdm is installed (the extra `progress`), and
                elsewhere a line on stderr every ten seconds. There is a time left to tell when
                the events are a list, or another sequence.
            deadline: Seconds that an event may take from its first request on. The time that the
                server keeps the whole client waiting does not count.
            max_cooldown: Seconds that the server may keep the batch from all success, by turning
                requests away or by failing them, before it ends the batch. 0 has no patience.
            max_failures: How many outcomes that are `failed` or `unknown` end the batch; `None`:
                none do.
            grace: Seconds that the saves on the wire have to be answered when the batch ends
                early; what is not answered then is `unknown`. Nothing else is waited for.
            coalesce: Send of the events that wait in one lane the newest only. The others are
                `skipped`, and their outcomes name the newest in `superseded_by`; when it fails,
                the one before it is sent.
            reconcile: Close, once the input has ended, what this system recorded before and the
                input no longer lists, within the applications that it covers: such records become
                MONITORING, or what a `Reconciliation` says, by further events of this batch. Their
                `additional_data` is empty. Nothing is closed when some of the input could not be
                read, since that might have listed it; pass a source itself, and not what wraps it.
                What this client is given elsewhere meanwhile is spared; other processes are not,
                so an input has to be all that there is of its applications. Duplicate rows that
                the server has of one record are beyond reach: it updates one of them. About 70
                bytes are held for each event.
            state: A file that keeps what is done. When the batch is cut short, even by a kill, the
                same call with the same input goes on: what was recorded or refused is `skipped`
                and costs no request, and so is what is older than something recorded of its lane;
                the rest is sent. So are events that failed of what ended the batch, and coalesced
                ones whose newest is in doubt; reconciliation counts what is skipped as listed.
                After a kill at most two events for each request in flight are sent again.
                Requests that may still be running are waited for, for as long as `settle`. Input
                that differs, or a file of another server or system, is refused; when the server
                was restored, all is sent again, and the report says so. One batch at a time has
                the file; a finished one takes a `State` that says `restart`.
            dead_letters: A file to which events are added that are `failed`, `unknown` or
                `not_attempted`, as lines that `read_jsonl` gives back as events. One is marked as
                superseded, and passed over then, as soon as a later event of its lane is
                recorded; one in doubt is not. A file of earlier batches is added to. After a kill
                go on with the batch before you send them again.

        Returns:
            The report: every event has exactly one outcome.

        Raises:
            IngestAborted: The producer or a callback raised, or no event can be recorded
                (authentication, authorisation, configuration; a 401 only when token after token
                is refused), `max_cooldown` or `max_failures` is reached, or what was recorded
                before could not be read back. Its `report` is closed.
            InputError: An argument is out of its range.
            ConfigurationError: `state` or `dead_letters` cannot be used; nothing was sent.
        """
        self._session.check()
        run = Run(
            self._recorder,
            events,
            IngestSettings.of(
                concurrency=concurrency,
                window=window,
                on_outcome=on_outcome,
                progress=progress,
                deadline=deadline,
                max_cooldown=max_cooldown,
                max_failures=max_failures,
                grace=grace,
                coalesce=coalesce,
                reconcile=reconcile,
                state=state,
                dead_letters=dead_letters,
            ),
        )
        await run.open()
        await run.execute()
        aborted = run.aborted()
        if aborted is not None:
            raise aborted from aborted.__cause__
        return run.report

    def stream(  # noqa: PLR0913 - as `ingest`
        self,
        events: Events,
        *,
        concurrency: int = 64,
        window: int | None = None,
        on_outcome: OnOutcome | None = None,
        progress: Progress | bool | None = None,
        deadline: float = 120.0,
        max_cooldown: float = 900.0,
        max_failures: int | None = None,
        grace: float = 2.0,
        coalesce: bool = False,
        reconcile: bool | Reconciliation = False,
        state: PathLike | State | None = None,
        dead_letters: PathLike | None = None,
    ) -> IngestStream:
        """Record a batch as `ingest` does, and watch it: `async with` it, `async for` over it.

        Args:
            events: As for `ingest`, like all the others.
            concurrency: Requests in flight at most.
            window: Events held at most.
            on_outcome: Called, or awaited, with each outcome before the watcher sees it.
            progress: Called, or awaited, with the live report; `True` shows a bar.
            deadline: Seconds that an event may take from its first request on.
            max_cooldown: Seconds that the server may keep the batch from all success.
            max_failures: How many outcomes that are `failed` or `unknown` end the batch.
            grace: Seconds that the saves on the wire have when the block is left early.
            coalesce: Send of the events that wait in one lane the newest only.
            reconcile: Close what the input no longer lists.
            state: A file that keeps what is done.
            dead_letters: A file to which events are added that are not recorded.

        Returns:
            The run; its `report` is live, and closed once the block is left.

        Raises:
            InputError: An argument is out of its range.
        """
        self._session.check()
        return IngestStream(
            self._recorder,
            events,
            IngestSettings.of(
                concurrency=concurrency,
                window=window,
                on_outcome=on_outcome,
                progress=progress,
                deadline=deadline,
                max_cooldown=max_cooldown,
                max_failures=max_failures,
                grace=grace,
                coalesce=coalesce,
                reconcile=reconcile,
                state=state,
                dead_letters=dead_letters,
            ),
        )
