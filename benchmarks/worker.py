"""One stack in a process of its own; it measures its own CPU, so the server's is not in it.

    python benchmarks/worker.py STACK URL

takes orders as JSON lines on standard input, by the names of the methods of the class that has
the stack, and answers each with a line.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import stacks
from sequential_client import SequentialClient
from stacks import RequestsThreads, Send, Work
from watch import Watch, peak, say

Orders = dict[str, Callable[..., Any]]
_RESOURCES = 1000
# Requests that a client sends before it is measured; `httpx` takes that long to settle.
_SETTLING = 1000


async def send_all(send: Send, work: Sequence[Work], in_flight: int) -> None:
    """Send all of it with so many requests in flight."""
    shared = iter(work)

    async def one_after_another() -> None:
        for each in shared:
            await send(each)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(in_flight):
            tasks.create_task(one_after_another())


def events(count: int, resources: int, *, first: int = 0, prefix: str = "i") -> Iterable[Any]:
    """Yield varied compliance events, each of its own lane as long as there are resources.

    Args:
        count: How many.
        resources: How many resources they are of.
        first: The number of the first, which varies what it says.
        prefix: What their references begin with.
    """
    from airview_herald.airview import (
        Application,
        ComplianceEvent,
        Environment,
        MonitoredResourceState,
        TechnicalControl,
        TechnicalControlAction,
    )

    production = Environment("Production", "PRD")
    applications = [Application(f"Service {n}", f"service-{n}", environment=production)
                    for n in range(10)]  # fmt: skip
    controls = [
        TechnicalControl(f"Check {n}", f"check-{n}", TechnicalControlAction.TASK) for n in range(20)
    ]
    states = tuple(MonitoredResourceState)
    for n in range(count):
        resource = n % resources
        yield ComplianceEvent(
            application=applications[resource % 10],
            resource_reference=f"{prefix}-{resource:08d}",
            technical_control=controls[resource // 10 % 20],
            status=states[(n + first) % len(states)],
            additional_data=f'{{"finding": {n + first}}}',
        )


class AsyncWorker:
    """A stack on asyncio.

    Args:
        stack: Its name.
        url: Where the server is.
    """

    def __init__(self, stack: str, url: str) -> None:
        self._stack, self._url = stack, url
        self._exit = AsyncExitStack()
        self._send: Send | None = None
        self._client: Any = None
        self.orders: Orders = {
            "requests": self.requests,
            "saves": self.saves,
            "ingest": self.ingest,
            "memory": self.memory,
            "fresh": self.fresh,
        }

    async def fresh(self) -> dict[str, Any]:
        """Close what is open; the next order connects anew."""
        await self._exit.aclose()
        self._exit = AsyncExitStack()
        self._send = self._client = None
        return {}

    async def requests(self, count: int, in_flight: int) -> dict[str, Any]:
        """Send varied requests with a new client, once it has settled."""
        await self.fresh()
        send = await self._sending()
        work = stacks.works(count, _RESOURCES)
        await send_all(send, stacks.works(_SETTLING, _RESOURCES), in_flight)
        with Watch() as watch:
            await send_all(send, work, in_flight)
        return watch.told(requests=count)

    async def saves(self, count: int, in_flight: int) -> dict[str, Any]:
        """Send bare saves of the events that `ingest` would send."""
        client = await self._connected()
        send = stacks.over_backend(client.backend)
        work = [
            Work("save", 1, n % _RESOURCES + 1, event.status, event.additional_data)
            for n, event in enumerate(events(count, count))
        ]
        await send_all(send, work[: 2 * in_flight], in_flight)
        with Watch() as watch:
            await send_all(send, work, in_flight)
        return watch.told(requests=count)

    async def ingest(
        self, count: int, resources: int, concurrency: int, first: int = 0
    ) -> dict[str, Any]:
        """Record events; made beforehand, as they are the producer's."""
        client = await self._connected()
        made = list(events(count, resources, first=first))
        with Watch() as watch:
            report = await client.ingest(made, concurrency=concurrency)
        if report.recorded != count:
            raise ValueError(f"not all recorded: {report}")
        return watch.told(events=count, requests=report.requests)

    async def memory(self, count: int, concurrency: int, cache_size: int) -> dict[str, Any]:
        """Record a generator's events, each of a new resource, after a batch that fills the cache.

        The first batch is part of what every client has: its connections, the code it imports.
        """
        client = await self._connected(cache_size=cache_size)
        await client.ingest(events(cache_size, cache_size), concurrency=concurrency)
        before = peak()
        with Watch() as watch:
            report = await client.ingest(events(count, count, prefix="m"), concurrency=concurrency)
        if report.recorded != count:
            raise ValueError(f"not all recorded: {report}")
        return watch.told(events=count, before=before, peak=peak(), held=report.held_peak)

    async def _sending(self) -> Send:
        if self._send is None:
            entered = stacks.ASYNC_STACKS[self._stack](self._url)
            self._send = await self._exit.enter_async_context(entered)
        return self._send

    async def _connected(self, **options: Any) -> Any:
        if self._client is None:
            entered = stacks.connected(self._stack, self._url, **options)
            self._client = await self._exit.enter_async_context(entered)
        return self._client


class ThreadsWorker:
    """`requests`, with a crew of threads for each number in flight."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._crews: dict[int, RequestsThreads] = {}
        self.orders: Orders = {"requests": self.requests}

    def requests(self, count: int, in_flight: int) -> dict[str, Any]:
        """Send varied requests."""
        crew = self._crews.get(in_flight) or RequestsThreads(self._url, in_flight)
        self._crews[in_flight] = crew
        crew.send_all(stacks.works(_SETTLING, _RESOURCES))
        work = stacks.works(count, _RESOURCES)
        with Watch() as watch:
            crew.send_all(work)
        return watch.told(requests=count)

    def fresh(self) -> dict[str, Any]:
        """End the threads."""
        for crew in self._crews.values():
            crew.close()
        return {}


class SequentialWorker:
    """The documented requests, one after another."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: SequentialClient | None = None
        self.orders: Orders = {"ingest": self.ingest, "fresh": self.fresh}

    def ingest(
        self, count: int, resources: int, concurrency: int, first: int = 0
    ) -> dict[str, Any]:
        """Record events."""
        made = list(events(count, resources, first=first))
        client = self._client = self._client or SequentialClient(self._url, stacks.headers())
        with Watch() as watch:
            for event in made:
                client.handle_compliance_event(event)
        return watch.told(events=count, concurrency=concurrency)

    def fresh(self) -> dict[str, Any]:
        """Close what is open; the next order connects anew."""
        if self._client is not None:
            self._client.close()
        self._client = None
        return {}


Worker = AsyncWorker | ThreadsWorker | SequentialWorker


async def obey(worker: Worker) -> None:
    """Carry out the orders on standard input until it ends; nothing runs between two of them."""
    say("ready")
    for line in sys.stdin:
        order = json.loads(line)
        outcome = worker.orders[order.pop("do")](**order)
        say(json.dumps(await outcome if isinstance(outcome, Awaitable) else outcome))
    ended = worker.fresh()
    if isinstance(ended, Awaitable):
        await ended


def main() -> None:
    """Serve the stack that is named."""
    stack, url = sys.argv[1:]
    if stack == "requests":
        asyncio.run(obey(ThreadsWorker(url)))
    elif stack == "sequential":
        asyncio.run(obey(SequentialWorker(url)))
    else:
        asyncio.run(obey(AsyncWorker(stack, url)))


if __name__ == "__main__":
    main()
