"""The ways to send AirView requests that are held against one another.

Each is written as one would who uses that library with care: one client or session for all, no
log, answers read, checked and decoded. `httpx` keeps its default limits: with higher ones opening
many connections at once costs it several milliseconds of CPU a request for seconds.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

TOKEN = "benchmark-token"  # noqa: S105 - nothing checks it
OK = frozenset({200, 204})
MOST = 256


class Work(NamedTuple):
    """One request: a save, a look-up of a resource, or the list of environments.

    Attributes:
        kind: `save`, `resource` or `environments`.
        parent: The technical control's id of a save, the application environment's of a look-up.
        resource: The resource's id of a save, its reference of a look-up.
        state: The state that is saved.
        data: What is saved with it.
    """

    kind: str
    parent: int = 0
    resource: int | str = 0
    state: str = ""
    data: str = ""

    @property
    def method(self) -> str:
        """The HTTP method."""
        return "PUT" if self.kind == "save" else "GET"

    def target(self) -> str:
        """Return the path with its query."""
        if self.kind == "save":
            return (
                f"/monitored-resources/?technicalControlId={self.parent}&resourceId={self.resource}"
            )
        if self.kind == "resource":
            return f"/resources/?applicationEnvironmentId={self.parent}&reference={self.resource}"
        return "/environments/"

    def body(self) -> dict[str, str]:
        """Return what a save says."""
        return {"monitoringState": self.state, "additionalData": self.data}


Send = Callable[[Work], Awaitable[Any]]
_STATES = ("FLAGGED", "MONITORING", "DELETED", "UNRESPONSIVE")


def works(count: int, resources: int) -> list[Work]:
    """Return varied requests: of four, two save, one looks a resource up, one lists environments.

    Args:
        count: How many.
        resources: How many resources there are, `i-1` and up, with the ids 1 and up.
    """
    made = []
    for n in range(count):
        resource = n * 7919 % resources + 1
        if n % 2 == 0:
            state = _STATES[n // 2 % 4]
            data = json.dumps({"finding": n, "region": f"eu-west-{n % 3}"})
            made.append(Work("save", 1, resource, state, data))
        elif n % 4 == 1:
            made.append(Work("resource", 1, f"i-{resource}"))
        else:
            made.append(Work("environments"))
    return made


def _checked(status: int, content: bytes) -> Any:
    """Return the decoded answer of a hand-written client; stop at a refusal."""
    if status not in OK:
        raise ValueError(f"unexpected status {status}: {content!r}")
    return json.loads(content) if content else None


@asynccontextmanager
async def _over_httpx(client: Any, url: str) -> AsyncIterator[Send]:
    async with client:

        async def send(work: Work) -> Any:
            if work.method == "PUT":
                response = await client.put(url + work.target(), json=work.body())
            else:
                response = await client.get(url + work.target())
            return _checked(response.status_code, response.content)

        yield send


@asynccontextmanager
async def httpx_client(url: str) -> AsyncIterator[Send]:
    """Send with `httpx.AsyncClient`."""
    import httpx

    async with _over_httpx(httpx.AsyncClient(headers=headers(), timeout=30), url) as send:
        yield send


@asynccontextmanager
async def httpx_over_aiohttp(url: str) -> AsyncIterator[Send]:
    """Send with `httpx.AsyncClient` over the transport of `httpx-aiohttp`."""
    import httpx
    import httpx_aiohttp

    limits = httpx.Limits(max_connections=MOST, max_keepalive_connections=MOST)
    client = httpx_aiohttp.HttpxAiohttpClient(limits=limits, headers=headers(), timeout=30)
    async with _over_httpx(client, url) as send:
        yield send


@asynccontextmanager
async def bare_aiohttp(url: str) -> AsyncIterator[Send]:
    """Send with `aiohttp.ClientSession`, by hand."""
    import aiohttp

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=MOST), headers=headers()
    ) as session:

        async def send(work: Work) -> Any:
            if work.method == "PUT":
                request = session.put(url + work.target(), json=work.body())
            else:
                request = session.get(url + work.target())
            async with request as response:
                return _checked(response.status, await response.read())

        yield send


@asynccontextmanager
async def airview(url: str) -> AsyncIterator[Send]:
    """Send with this package as it comes: `AirView.backend` over a `PooledTransport`."""
    async with _client(url, None) as client:
        yield over_backend(client.backend)


@asynccontextmanager
async def airview_over_aiohttp(url: str) -> AsyncIterator[Send]:
    """Send with this package over its `AiohttpTransport`."""
    async with _aiohttp_transport() as http, _client(url, http) as client:
        yield over_backend(client.backend)


@asynccontextmanager
async def connected(stack: str, url: str, **options: Any) -> AsyncIterator[Any]:
    """Enter an `AirView` client over the transport of a stack of ours."""
    if stack == "airview":
        async with _client(url, None, **options) as client:
            yield client
    else:
        async with _aiohttp_transport() as http, _client(url, http, **options) as client:
            yield client


def _aiohttp_transport() -> Any:
    from airview_herald.transport import AiohttpTransport

    return AiohttpTransport()


def _client(url: str, http: Any, **options: Any) -> Any:
    from airview_herald import AirView

    return AirView(
        url,
        system_name="benchmark",
        system_stage="MONITOR",
        referencing_type="account",
        auth=TOKEN,
        http=http,
        **options,
    )


def over_backend(backend: Any) -> Send:
    """Return what sends through the documented methods: checks, auth, retry policy, decoding."""
    save, look = backend.save_monitored_resource, backend.get_resource_id
    environments = backend.get_environments

    async def send(work: Work) -> Any:
        if work.kind == "save":
            return await save(work.parent, work.resource, work.state, work.data)
        if work.kind == "resource":
            found = await look(work.resource, work.parent)
        else:
            found = await environments()
        if not found:
            raise ValueError(f"nothing found: {work}")
        return found

    return send


def headers() -> dict[str, str]:
    """Return the headers of every request."""
    return {"Authorization": f"Bearer {TOKEN}"}


ASYNC_STACKS = {
    "airview": airview,
    "airview+aiohttp": airview_over_aiohttp,
    "httpx": httpx_client,
    "httpx-aiohttp": httpx_over_aiohttp,
    "aiohttp": bare_aiohttp,
}
OURS = ("airview", "airview+aiohttp")
STACKS = (*ASYNC_STACKS, "requests")


def available(stack: str) -> bool:
    """Return whether this version of the package has what a stack needs; the others always run."""
    import airview_herald.transport

    return stack != "airview+aiohttp" or hasattr(airview_herald.transport, "AiohttpTransport")


class RequestsThreads:
    """Send with `requests`: threads that stay, each with a `Session` of its own.

    Args:
        url: Where the API is.
        threads: How many, and so how many requests in flight.
    """

    def __init__(self, url: str, threads: int) -> None:
        self._url = url
        self._orders: queue.SimpleQueue[Iterator[Work] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._live, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def send_all(self, work: Sequence[Work]) -> None:
        """Send all of it and return when all is answered."""
        shared = iter(work)
        for _ in self._threads:
            self._orders.put(shared)
        failures = [self._done.get() for _ in self._threads]
        for failure in filter(None, failures):
            raise failure

    def close(self) -> None:
        """End the threads."""
        for _ in self._threads:
            self._orders.put(None)
        for thread in self._threads:
            thread.join()

    def _live(self) -> None:
        import requests

        with requests.Session() as session:
            session.headers.update(headers())
            session.trust_env = False
            while (work := self._orders.get()) is not None:
                try:
                    self._send(session, work)
                except BaseException as failure:  # noqa: BLE001 - handed to the caller's thread
                    self._done.put(failure)
                else:
                    self._done.put(None)

    def _send(self, session: Any, shared: Iterator[Work]) -> None:
        # Shared by the threads: a list's iterator gives each element to only one of them.
        for work in shared:
            if work.method == "PUT":
                response = session.put(self._url + work.target(), json=work.body(), timeout=30)
            else:
                response = session.get(self._url + work.target(), timeout=30)
            _checked(response.status_code, response.content)
