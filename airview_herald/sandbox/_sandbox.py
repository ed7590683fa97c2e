"""The sandbox itself: what it is made of, and its life."""

import contextlib
import os
import threading
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import NamedTuple, Self

import anyio
import anyio.to_thread
from starlette.routing import Mount, Route, Router, request_response
from starlette.types import ASGIApp

from airview_herald.sandbox import (
    _aggregations,
    _applications,
    _compliance,
    _definitions,
    _exclusions,
    _frameworks,
    _openapi,
    _resources,
)
from airview_herald.sandbox._answers import plain
from airview_herald.sandbox._database import Database, IntegrityError, Row
from airview_herald.sandbox._forced import (
    Drop,
    Fault,
    ForcedFaults,
    Forcing,
    airview_path,
    as_airview,
    herald_path,
)
from airview_herald.sandbox._http import AirView, Routes, allowed_methods
from airview_herald.sandbox._served import check_route
from airview_herald.sandbox._server import Server, listen, listening_url
from airview_herald.sandbox._tables import AIRVIEW, EXCLUSION_STATES
from airview_herald.sandbox._tokens import Gateway, TokenIssuer
from airview_herald.sandbox._traffic import RecordedRequests, Recorder
from airview_herald.sandbox.faults import Faults
from airview_herald.sandbox.faults._plan import Plan
from airview_herald.sandbox.faults._striking import Service, Striking
from airview_herald.sandbox.herald import HeraldSandbox
from airview_herald.sandbox.herald._answers import empty
from airview_herald.sandbox.herald._http import State
from airview_herald.sandbox.herald._services import PATHS as HERALD_PATHS
from airview_herald.sandbox.herald._services import TOKEN_HEADER, Services
from airview_herald.sandbox.herald._tables import HERALD

_AIRVIEW = "/airview"
_TOKEN = "/oauth2/token"  # noqa: S105 - a path
_TOKEN_SERVICE = Service(herald_path, empty)
_RECORDED = 200_000
_PATHS = (
    _definitions.PATHS
    | _applications.PATHS
    | _resources.PATHS
    | _exclusions.PATHS
    | _frameworks.PATHS
    | _aggregations.PATHS
    | _compliance.PATHS
)


class _Running(NamedTuple):
    url: str
    database: Database
    server: Server


class Sandbox:
    """AirView and Herald over real HTTP on this machine, with their rows in SQLite.

    Enter it with `with` or `async with`, or call `start` and `stop`; each start without a
    `database` begins with empty tables. `airview_url` is the base URL of AirView. `herald_url` is
    that of Herald with AIMS and the Endpoints service beside it, all that a client of Alert Logic
    asks of its global endpoint; `herald` has the credentials, and fills and switches that side.

    AirView behaves as AirView on PostgreSQL does unless told
    otherwise: by these arguments, by `force` for a status of your choice on any route, and by
    `faults` for all that goes wrong on a network, as often as you like.

    Args:
        database: A file that keeps the rows; in memory without one.
        host: The address to listen on.
        port: The port to listen on; 0 for any free one.
        race_window: Seconds between the look-up and the insert of a monitored resource's first
            write. First writes of one pair that meet in it insert a row each, as on the server;
            0 serialises them.
        sqlite: Whether to be as lenient as AirView on SQLite. Texts of any length, with a NUL in
            them too, are stored. An unknown member of an enumeration is stored although the
            answer is 500 (on a first write of a monitored resource even 204), and every route
            that reads the row is 500 from then on. Text in place of an id equals none: 404 or an
            empty list instead of 500; so does an unknown type of applications. In filters
            `contains` looks at no case; an unknown field, and an enumeration beside a value,
            match nothing.
        exclusion_resources: Whether to serve the exclusion-resource routes of releases before
            May 2023, which are 404 otherwise. `POST /exclusions/` fills them then, with what it
            names of what is monitored, and so does `add_exclusion_resource`.
        latency: Seconds added before each answer.
        require_token: Whether AirView's routes answer 401 to callers without a token of this
            sandbox that still holds. Herald's always do.
        client_id: What the token endpoint takes.
        client_secret: What the token endpoint takes.
        token_lifetime: Seconds for which a token holds.
    """

    def __init__(  # noqa: PLR0913 - its switches
        self,
        database: str | os.PathLike[str] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        race_window: float = 0.002,
        sqlite: bool = False,
        exclusion_resources: bool = False,
        latency: float = 0.0,
        require_token: bool = False,
        client_id: str = "sandbox-client",
        client_secret: str = "sandbox-secret",  # noqa: S107 - opens nothing but a sandbox
        token_lifetime: float = 3600.0,
    ) -> None:
        self._path = database
        self._host = host
        self._port = port
        self._race_window = race_window
        self._sqlite = sqlite
        self._exclusion_resources = exclusion_resources
        self._latency = latency
        self._require_token = require_token
        self._issuer = TokenIssuer(client_id, client_secret, token_lifetime)
        self._forced = ForcedFaults()
        self._plan = Plan()
        self._faults = Faults(self._plan, self._struck_routes)
        self._requests = RecordedRequests(_RECORDED)
        self._herald_state = State()
        self._herald = HeraldSandbox(
            self._herald_state, lambda: self._run().database, self._requests
        )
        self._lifecycle = threading.Lock()
        self._running: _Running | None = None

    @property
    def url(self) -> str:
        """Where the server listens; no trailing slash."""
        return self._run().url

    @property
    def airview_url(self) -> str:
        """The base URL of AirView; no trailing slash."""
        return self.url + _AIRVIEW

    @property
    def herald_url(self) -> str:
        """The base URL of Herald, AIMS and the Endpoints service: a client's global endpoint."""
        return self.url

    @property
    def herald(self) -> HeraldSandbox:
        """Herald's credentials, rows and switches."""
        return self._herald

    @property
    def faults(self) -> Faults:
        """What goes wrong on the way to the services and back, at random from a seed."""
        return self._faults

    @property
    def token_url(self) -> str:
        """The OAuth 2 token endpoint for client credentials."""
        return self.url + _TOKEN

    @property
    def requests(self) -> RecordedRequests:
        """Every request answered so far (the latest 200,000), those for tokens included."""
        return self._requests

    @property
    def token_requests(self) -> int:
        """How many of `requests` asked for a token."""
        return sum(request.path == _TOKEN for request in self._requests)

    def expire_tokens(self) -> None:
        """Accept none of the tokens issued so far from now on, those of AIMS included."""
        self._issuer.expire()
        self._herald_state.tokens.expire()

    def force(  # noqa: PLR0913 - what a fault is made of
        self,
        method: str,
        path: str,
        status: int | None = None,
        *,
        times: int | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        delay: float = 0.0,
        drop: Drop | None = None,
    ) -> None:
        """Have a route fail instead of serving it; callable from any thread.

        An answer that is forced stores nothing, asks for no token, and is recorded as always.

        Args:
            method: The method, in any case.
            path: The path as sent, slashes included, below `airview_url`, such as `/systems/`, or
                below `herald_url`, such as `/herald/v2/{account_id}/subscriptions`; what is in
                braces stands for any one segment.
            status: The status, 400 to 599, or 200 to 599 with a `body`. Without a body, AirView
                says 500 in its own shape and any other as a gateway's HTML page, and Herald
                nothing.
            times: How many requests get it; all until `unforce` without it. Of several that
                apply the latest one counts, and the one before it once that is used up.
            body: The body of a status: text and bytes go out as they are, as HTML, and anything
                else as JSON.
            headers: Headers of a status, such as `{"Retry-After": "2"}`.
            delay: Seconds before anything happens; alone, the route then serves as always.
            drop: Whether the connection ends without an answer, `before` the route has heard of
                the request or `after` it has carried it out.

        Raises:
            ValueError: The status is no error, the parts do not fit together, or no route of the
                sandbox is of that method and path.
        """
        check_route(method.upper(), path, self._forced_routes())
        self._forced.add(method, path, Fault(status, body, headers, delay, drop), times)

    def unforce(self) -> None:
        """Serve every route as the services do from now on."""
        self._forced.clear()

    def add_exclusion_resource(
        self, technical_control_id: int, resource_id: int, state: str | None = "PENDING"
    ) -> int:
        """Add an item to the retired routes, as an exclusion did then; callable from any thread.

        Its application's references are those of the resource's application, and the
        `_internal_reference` that those releases added.

        Args:
            technical_control_id: The technical control it is excluded from.
            resource_id: The excluded resource.
            state: `NONE`, `PENDING`, `ACTIVE` or null.

        Returns:
            The item's id.

        Raises:
            ValueError: There is no such technical control, resource or state.
            RuntimeError: The sandbox is not running, or serves no `exclusion_resources`.
        """
        if not self._exclusion_resources:
            raise RuntimeError("the retired routes are off: Sandbox(exclusion_resources=True)")
        if state is not None and state not in EXCLUSION_STATES:
            raise ValueError(f"an exclusion is {', '.join(EXCLUSION_STATES)}, not {state}")
        pair = {"technical_control_id": technical_control_id, "resource_id": resource_id}
        try:
            return self._run().database.insert("exclusion_resource", {**pair, "state": state})
        except IntegrityError:
            raise ValueError(
                f"no technical control {technical_control_id} or no resource {resource_id}"
            ) from None

    def snapshot(self) -> dict[str, list[Row]]:
        """Return every row by table, ordered by id; callable from any thread."""
        return self._run().database.snapshot()

    def start(self) -> None:
        """Listen and serve, in a thread of its own.

        Raises:
            OSError: The port or the database cannot be used, or there is no event loop to be had.
            RuntimeError: It is running.
        """
        with self._lifecycle:
            if self._running is not None:
                raise RuntimeError("the sandbox is running already")
            with contextlib.ExitStack() as failed:
                listener = failed.enter_context(listen(self._host, self._port))
                database = Database(self._path, AIRVIEW, HERALD, lenient=self._sqlite)
                failed.callback(database.close)
                # Tokens of an earlier run may be of users who are gone.
                self._herald_state.tokens.expire()
                url = listening_url(listener)
                server = Server(self._application(url, database), listener)
                self._running = _Running(url, database, server)
                failed.pop_all()

    def stop(self) -> None:
        """Close every connection and the database; do nothing when not running."""
        with self._lifecycle:
            if self._running is not None:
                self._running.server.stop()
                self._running.database.close()
                self._running = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    async def __aenter__(self) -> Self:
        """Start while the caller's event loop goes on."""
        try:
            await anyio.to_thread.run_sync(self.start)
        except BaseException:
            await self._stop_soon()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop while the caller's event loop goes on, even when the caller is cancelled."""
        await self._stop_soon()

    async def _stop_soon(self) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.stop)

    def _run(self) -> _Running:
        if self._running is None:
            raise RuntimeError("the sandbox is not running: enter it with `with Sandbox() as ...`")
        return self._running

    def _forced_routes(self) -> list[tuple[str, Collection[str]]]:
        airview = ((path, allowed_methods(found)) for path, found in self._routes().paths.items())
        return [*airview, *HERALD_PATHS.items()]

    def _struck_routes(self) -> list[tuple[str, Collection[str]]]:
        return [*self._forced_routes(), (_TOKEN, {"POST"})]

    def _routes(self) -> Routes:
        paths = _PATHS | (_exclusions.RETIRED_PATHS if self._exclusion_resources else {})
        return Routes(paths | _openapi.paths(paths))

    def _application(self, url: str, database: Database) -> ASGIApp:
        airview: ASGIApp = AirView(self._routes(), database, self._race_window)
        if self._require_token:
            airview = Gateway(airview, self._issuer)
        airview = Forcing(airview, self._forced, airview_path, as_airview)
        services = Services(url, database, self._herald_state)
        herald = Forcing(services, self._forced, herald_path, empty)
        token = request_response(self._issuer.answer)
        mounts = [
            Mount(_AIRVIEW, Striking(airview, self._plan, self._airview_service())),
            Route(_TOKEN, Striking(token, self._plan, _TOKEN_SERVICE), methods=["POST"]),
        ]
        default = Striking(herald, self._plan, self._herald_service())
        router = Router(mounts, redirect_slashes=False, default=default)
        return Recorder(router, self._requests, self._latency)

    def _airview_service(self) -> Service:
        tokens = self._issuer if self._require_token else None
        return Service(
            airview_path, plain, documents_503=True, tokens=tokens, token_header=b"authorization"
        )

    def _herald_service(self) -> Service:
        tokens = self._herald_state.tokens
        return Service(herald_path, empty, tokens=tokens, token_header=TOKEN_HEADER.encode())
