"""The documented handler: records what it is told, finding or making what that needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from airview_herald._origin import checked_url
from airview_herald.airview._backend import Backend
from airview_herald.airview._calls import read_error
from airview_herald.airview._catalogue import Catalogue
from airview_herald.airview._config import BackendConfig, checked_headers, checked_timeout
from airview_herald.airview._framework_catalogue import FrameworkCatalogue
from airview_herald.airview._ingest import (
    Events,
    IngestSettings,
    IngestStream,
    OnOutcome,
    Progress,
    Run,
)
from airview_herald.airview._lanes import Lanes
from airview_herald.airview._notes import Asker
from airview_herald.airview._outcomes import IngestReport
from airview_herald.airview._recording import Errand, Recorder, lane_key
from airview_herald.airview._rules import Rules
from airview_herald.airview.exclusion_resources import ExclusionResource, ExclusionState
from airview_herald.airview.frameworks import (
    FrameworkControlObjective,
    FrameworkControlObjectiveLink,
)
from airview_herald.airview.models import (
    ComplianceEvent,
    Control,
    Resource,
    ResourceType,
    ResourceTypeControl,
    SystemStage,
    TechnicalControl,
)
from airview_herald.airview.readings import ComplianceGroup
from airview_herald.auth import BearerToken
from airview_herald.errors import ConfigurationError
from airview_herald.transport._connections import Connections
from airview_herald.transport._retry import Retry
from airview_herald.transport._send import TIMEOUT, TOTAL, Options, Transport


class AirView:
    """Client of one AirView server, recording as one system; use it as `async with`.

    All that one client sends shares its connections, its memory of ids and its lanes: for each
    (application, resource, technical control) events are sent one at a time, in the order in
    which they were given. Two clients, or two processes, are not protected from each other.

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
    ) -> None:
        rules = Rules(None)
        rules.system(system_name, system_stage)
        rules.reference("referencing_type", referencing_type)
        rules.integer("cache_size", cache_size)
        if not settle >= 0:
            raise ConfigurationError("settle: must not be negative")
        auth = BearerToken(auth) if isinstance(auth, str) else auth
        if auth is not None and not isinstance(auth, httpx.Auth):
            raise ConfigurationError("auth: must be an httpx.Auth or a token")
        bare = auth is None and not headers
        url = checked_url(base_url, "base_url", allow_http=allow_http or bare)
        self._connections = Connections(http)
        transport = Transport(
            self._connections,
            auth,
            Options(
                base_url=url,
                headers=checked_headers(headers),
                timeout=checked_timeout(timeout),
                total=TOTAL,
                retry=Retry() if retry is None else retry,
                settle=settle,
            ),
            read_error,
        )
        config = BackendConfig(url, None, system_name, system_stage, referencing_type)
        self._backend = Backend(config, transport)
        self._catalogue = Catalogue(cache_size)
        self._frameworks = FrameworkCatalogue(self._catalogue)
        self._recorder = Recorder(
            self._backend, self._catalogue, Lanes(transport.clock, transport.sleep)
        )
        self._entered: bool | None = None

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

    async def __aenter__(self) -> Self:
        if self._entered is not None:
            raise RuntimeError("an AirView client is entered once; make another one")
        self._entered = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._entered = False
        await self._connections.aclose()

    @property
    def backend(self) -> Backend:
        """The low-level client: a documented method for each route."""
        self._check_open()
        return self._backend

    async def handle_compliance_event(self, compliance_event: ComplianceEvent) -> None:
        """Record an event, with whatever it needs that is new.

        Routes: `PUT /monitored-resources/`, and looks and creates on the way to it.

        Raises:
            InputError: The event breaks a rule; nothing was sent.
            AirViewHeraldError: It was not recorded, or, when `ambiguous`, may not have been.
        """
        self._check_open()
        Rules(compliance_event).event(compliance_event)
        asker = self._asker()
        ticket = self._recorder.lanes.join(lane_key(compliance_event))
        await self._recorder.record(Errand(compliance_event, asker.operation), ticket, asker.notes)

    async def handle_control(self, control: Control) -> Control:
        """Return a control with its id, recording it if there is none of its name.

        Routes: `GET /controls/`, `POST /controls/`.
        """
        asker = self._asker()
        Rules(control).control("control", control)
        return await self._catalogue.control(asker, control)

    async def handle_technical_control(
        self, technical_control: TechnicalControl
    ) -> TechnicalControl:
        """Return a technical control with its id, recording it and its parent if it is new.

        The server cannot change one that exists: what is returned is what it has.

        Routes: `GET /technical-controls/`, `POST /technical-controls/`, those of
        `handle_control`, and `GET /systems/`, `POST /systems/`.
        """
        asker = self._asker()
        Rules(technical_control).technical_control("technical_control", technical_control)
        return await self._catalogue.technical_control(asker, technical_control)

    async def handle_resource_type(self, resource_type: ResourceType) -> ResourceType:
        """Return a resource type with its id, recording it and its service if they are new.

        Routes: `GET /resource-types/`, `POST /resource-types/`, `GET /services/`,
        `POST /services/`.
        """
        asker = self._asker()
        Rules(resource_type).resource_type("resource_type", resource_type)
        return await self._catalogue.resource_type(asker, resource_type)

    async def handle_resource_type_control_link(
        self, control: Control, resource_type: ResourceType
    ) -> ResourceTypeControl:
        """Return the link of a control to a resource type, recording whatever is new.

        Routes: `GET` and `POST /resource-types-controls/`, those of `handle_control` and those of
        `handle_resource_type`.
        """
        asker = self._asker()
        Rules(control).control("control", control)
        Rules(resource_type).resource_type("resource_type", resource_type)
        return await self._catalogue.resource_type_control(asker, control, resource_type)

    async def handle_framework_control_objective(
        self, framework_control_objective: FrameworkControlObjective
    ) -> FrameworkControlObjective:
        """Return a control objective with its ids, recording whatever of it is new.

        That is its framework, its section and itself: `GET` and `POST` of `/frameworks/`,
        `/frameworks/{id}/sections/` and `/frameworks/{id}/sections/{id}/control-objectives/`.
        """
        asker = self._asker()
        Rules(framework_control_objective).framework_control_objective(
            "framework_control_objective", framework_control_objective
        )
        return await self._frameworks.objective(asker, framework_control_objective)

    async def handle_framework_control_objective_link(
        self, framework_control_objective: FrameworkControlObjective, control: Control
    ) -> FrameworkControlObjectiveLink:
        """Return the link of a control objective to a control, recording whatever is new.

        Routes: `GET` and `POST /frameworks/framework-control-objective-link/`, those of
        `handle_control` and those of `handle_framework_control_objective`.
        """
        asker = self._asker()
        Rules(framework_control_objective).framework_control_objective(
            "framework_control_objective", framework_control_objective
        )
        Rules(control).control("control", control)
        return await self._frameworks.link(asker, framework_control_objective, control)

    async def handle_resource(self, resource: Resource) -> None:
        """Create or update a resource, with whatever it needs that is new.

        One without a type is recorded bare if it is new, and left as it is otherwise: the
        server cannot update a resource without a type.

        Routes: `PUT /resources/` (bare: `GET` and `POST /resources/`), and looks and creates on
        the way to it.
        """
        asker = self._asker()
        Rules(resource).resource("resource", resource)
        ticket = self._recorder.lanes.join((resource.application.reference, resource.reference))
        await self._recorder.save_resource(resource, ticket, asker)

    async def get_compliance(
        self,
        select: Sequence[str],
        filter: str | None = None,  # noqa: A002 - the route's own word
    ) -> list[ComplianceGroup]:
        """Count what is monitored; see `Backend.get_compliance`."""
        return await self.backend.get_compliance(select, filter)

    async def get_exclusions_by_state(self, state: ExclusionState | str) -> list[ExclusionResource]:
        """Return what is excluded in a state; see `Backend.get_exclusion_resources`."""
        return await self.backend.get_exclusion_resources(state)

    async def set_exclusion_resource_state(
        self,
        id: int,  # noqa: A002 - the documented name
        state: ExclusionState | str,
    ) -> None:
        """Decide on an exclusion resource; see `Backend.set_exclusion_resource_state`."""
        await self.backend.set_exclusion_resource_state(id, state)

    async def ingest(  # noqa: PLR0913 - each is documented
        self,
        events: Events,
        *,
        concurrency: int = 64,
        window: int | None = None,
        on_outcome: OnOutcome | None = None,
        progress: Progress | None = None,
        deadline: float = 120.0,
    ) -> IngestReport:
        """Record a batch of events concurrently, in order for each resource and control.

        A bad event is a failed outcome, not an exception; only what makes all events fail ends
        the batch.

        Args:
            events: A sync or async iterable; any length, since a window of it is held at a time.
            concurrency: Requests in flight at most.
            window: Events held at most; by default 4 for each request in flight.
            on_outcome: Called, or awaited, with each event's `Outcome`. Events left over when a
                run ends early are counted in the report only.
            progress: Called, or awaited, with the live report, at most ten times a second, and
                once at the end.
            deadline: Seconds that an event may take from its first request on.

        Returns:
            The report: every event has exactly one outcome.

        Raises:
            IngestAborted: The producer or a callback raised, or no event can be recorded
                (authentication, authorisation, configuration). Its `report` is closed.
            InputError: An argument is out of its range.
        """
        self._check_open()
        run = Run(
            self._recorder,
            events,
            IngestSettings.of(
                concurrency=concurrency,
                window=window,
                on_outcome=on_outcome,
                progress=progress,
                deadline=deadline,
            ),
        )
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
        progress: Progress | None = None,
        deadline: float = 120.0,
    ) -> IngestStream:
        """Record a batch as `ingest` does, and watch it: `async with` it, `async for` over it.

        Args:
            events: As for `ingest`, like all the others.
            concurrency: Requests in flight at most.
            window: Events held at most.
            on_outcome: Called, or awaited, with each outcome before the watcher sees it.
            progress: Called, or awaited, with the live report.
            deadline: Seconds that an event may take from its first request on.

        Returns:
            The run; its `report` is live, and closed once the block is left.

        Raises:
            InputError: An argument is out of its range.
        """
        self._check_open()
        return IngestStream(
            self._recorder,
            events,
            IngestSettings.of(
                concurrency=concurrency,
                window=window,
                on_outcome=on_outcome,
                progress=progress,
                deadline=deadline,
            ),
        )

    def _asker(self) -> Asker:
        self._check_open()
        return self._recorder.asker(self._backend.transport.operation())

    def _check_open(self) -> None:
        if not self._entered:
            state = "is closed" if self._entered is False else "must be entered first"
            raise RuntimeError(f"this client {state}: use it inside `async with`")
