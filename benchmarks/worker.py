"""One stack in a process of its own; it measures its own CPU, so the server's is not in it.

    python benchmarks/worker.py STACK URL

takes orders as JSON lines on standard input: `requests`, `saves`, `ingest`; `fresh` connects anew.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import stacks
from stacks import RequestsThreads, Send, Work

_RESOURCES = 1000
# How many requests a client sends before it is measured: `httpx` takes so many to settle.
_SETTLING = 1000


class Watch:
    """How much CPU of this process and how much time passes in a `with` block, in seconds."""

    cpu: float
    wall: float

    def __enter__(self) -> Watch:
        gc.collect()
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu = time.process_time() - self._cpu
        self.wall = time.perf_counter() - self._wall

    def told(self, **more: Any) -> dict[str, Any]:
        """Return what was measured."""
        return {"cpu": self.cpu, "wall": self.wall, **more}


async def send_all(send: Send, work: Sequence[Work], in_flight: int) -> None:
    """Send all of it with so many requests in flight."""
    shared = iter(work)

    async def one_after_another() -> None:
        for each in shared:
            await send(each)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(in_flight):
            tasks.create_task(one_after_another())


def events(count: int, resources: int, *, first: int = 0) -> Iterable[Any]:
    """Yield varied compliance events, each of its own lane as long as there are resources.

    Args:
        count: How many.
        resources: How many resources they are of.
        first: The number of the first, which varies what it says.
    """
    from airview_herald.airview import (
        Application,
        ComplianceEvent,
        Control,
        ControlSeverity,
        Environment,
        MonitoredResourceState,
        QualityModel,
        TechnicalControl,
        TechnicalControlAction,
    )

    production = Environment("Production", "PRD")
    applications = [Application(f"Service {n}", f"service-{n}", environment=production)
                    for n in range(10)]  # fmt: skip
    control = Control("Encrypt at rest", QualityModel.SECURITY, ControlSeverity.HIGH)
    controls = [
        TechnicalControl(f"Check {n}", f"check-{n}", TechnicalControlAction.TASK, control=control)
        for n in range(20)
    ]
    states = tuple(MonitoredResourceState)
    for n in range(count):
        resource = n % resources
        yield ComplianceEvent(
            application=applications[resource % 10],
            resource_reference=f"i-{resource:08d}",
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
        self.orders: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
            "requests": self.requests,
            "saves": self.saves,
            "ingest": self.ingest,
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

    async def _sending(self) -> Send:
        if self._send is None:
            entered = stacks.ASYNC_STACKS[self._stack](self._url)
            self._send = await self._exit.enter_async_context(entered)
        return self._send

    async def _connected(self) -> Any:
        if self._client is None:
            entered = stacks.connected(self._stack, self._url)
            self._client = await self._exit.enter_async_context(entered)
        return self._client


async def obey(worker: AsyncWorker) -> None:
    """Carry out the orders on standard input until it ends; nothing runs between two of them."""
    say(worker.__class__.__name__)
    for line in sys.stdin:
        order = json.loads(line)
        say(json.dumps(await worker.orders[order.pop("do")](**order)))
    await worker.fresh()


def obey_with_threads(url: str) -> None:
    """As `obey`, for `requests`: the threads of each number in flight stay."""
    say("RequestsThreads")
    crews: dict[int, RequestsThreads] = {}
    for line in sys.stdin:
        order = json.loads(line)
        count, in_flight = order["count"], order["in_flight"]
        crew = crews.get(in_flight) or RequestsThreads(url, in_flight)
        crews[in_flight] = crew
        work = stacks.works(count, _RESOURCES)
        crew.send_all(stacks.works(_SETTLING, _RESOURCES))
        with Watch() as watch:
            crew.send_all(work)
        say(json.dumps(watch.told(requests=count)))
    for crew in crews.values():
        crew.close()


def say(line: str) -> None:
    """Answer with a line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "requests":
        obey_with_threads(sys.argv[2])
    else:
        asyncio.run(obey(AsyncWorker(sys.argv[1], sys.argv[2])))
