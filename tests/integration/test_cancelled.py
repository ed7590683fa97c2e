"""Batches that are cancelled, again and again, leave nothing behind."""

import asyncio
import contextlib
import gc
import random
import re
import socket
import warnings
from collections import Counter
from functools import partial

import anyio
import httpx
import pytest

from airview_herald.errors import IngestAborted
from airview_herald.transport import PooledTransport, Retry

# The sandbox runs in this process, on the same libraries but for the one that sends.
_OURS = re.compile(r"airview_herald(?!\.sandbox)|httpcore|httpx")
_FAULTS = {"dripped": 0.05, "late": 0.01, "dropped": 0.02, "bad_gateway": 0.02}


def objects():
    """Count the living objects of the library's own types, and of those it sends with."""
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some modules warn of whoever asks for their attributes
        kinds = Counter(map(type, gc.get_objects()))
        return {
            f"{kind.__module__}.{kind.__qualname__}": count
            for kind, count in kinds.items()
            if _OURS.match(str(kind.__module__))
        }


def open_sockets(port):
    """Count this process's open sockets to a port; the server's own ones are from it."""
    count = 0
    for each in gc.get_objects():
        if isinstance(each, socket.socket) and each.fileno() != -1:
            try:
                count += each.getpeername()[1:2] == (port,)
            except OSError:  # a socket that is not connected
                continue
    return count


class Cancelling:
    """Batches of every kind against one sandbox, each cancelled at a moment of its own.

    Args:
        connect: Makes clients of it.
        event: Makes events.
        folder: Where their files go.
        backend: The event loop.
        seed: Chooses their kinds and their moments.
    """

    def __init__(self, connect, event, folder, backend, seed):
        self.cancelled = 0
        self.events = [event(f"i-{n % 30}", additional_data=str(n)) for n in range(40)]
        self._connect = connect
        self._folder = folder
        self._choose = random.Random(seed)
        self._ways = [self._by_scope, self._by_leaving]
        if backend == "asyncio":
            self._ways.append(self._by_task)

    async def one(self, shared):
        """Run a batch on the shared client or on one of its own, and cancel it."""
        choose, moment = self._choose, self._choose.uniform(0, 0.15)
        options = {
            "concurrency": choose.choice([1, 4, 16]),
            "grace": choose.choice([0, 0, 0.01]),
            "coalesce": choose.random() < 0.2,
            "reconcile": choose.random() < 0.2,
            "deadline": choose.choice([0.05, 120.0]),
        }
        if choose.random() < 0.3:
            options["state"] = self._folder / f"{choose.randrange(10**9)}.db"
            options["dead_letters"] = self._folder / f"{choose.randrange(10**9)}.jsonl"
        way = choose.choice(self._ways)
        if choose.random() < 0.5:
            await way(shared, moment, options)
        else:
            async with self._connect() as client:
                await way(client, moment, options)

    async def _by_scope(self, client, moment, options):
        with anyio.move_on_after(moment) as scope:
            await self._ingest(client, options)
        self.cancelled += scope.cancelled_caught

    async def _by_task(self, client, moment, options):
        task = asyncio.create_task(self._ingest(client, options))
        await asyncio.sleep(moment)
        self.cancelled += task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _by_leaving(self, client, _, options):
        last = self._choose.randrange(1, 30)
        try:
            async with client.stream(self._produce(), **options) as run:
                async for outcome in run:
                    if outcome.index >= last:
                        self.cancelled += 1
                        break
        except IngestAborted:
            pass
        report = run.report
        ended = report.recorded + report.failed + report.unknown + report.skipped
        assert report.inputs == ended + report.not_attempted
        assert report.held == 0

    async def _ingest(self, client, options):
        with contextlib.suppress(IngestAborted):
            await client.ingest(self._produce(), **options)

    async def _produce(self):
        for each in self.events:
            await anyio.lowlevel.checkpoint()
            yield each


async def cancel(sandbox, connect, event, folder, backend, times, seed):
    """Cancel so many batches, and compare what lives after a tenth of them and after all.

    Half of them are on a client that lives on, and is brought to the same rest before each count.
    """
    connect = partial(connect, settle=0.05, retry=Retry(base=0.001, cap=0.01))
    port = httpx.URL(sandbox.airview_url).port
    sandbox.faults.configure(seed=seed, read_timeout=0.1, settle=0.05, drip=0.1)
    sandbox.faults.add("*", "*", _FAULTS)
    cancelling = Cancelling(connect, event, folder, backend, seed)
    tasks = len(anyio.get_running_tasks())
    async with PooledTransport(keepalive_expiry=0) as http, connect(http=http) as shared:
        counts = []
        for number in range(1, times + 1):
            await cancelling.one(shared)
            assert len(anyio.get_running_tasks()) == tasks
            assert http.in_use == 0
            assert len(shared._recorder.lanes._last) == 0
            if number in (times // 10, times):
                await shared.ingest(cancelling.events)
                await shared.backend.system_id
                # A fault may have closed the connection that is left, after its last answer.
                while http.idle_connections != 1 or open_sockets(port) != 1:
                    await shared.backend.get_environments()
                counts.append(objects())
    assert open_sockets(port) == 0
    assert len(anyio.get_running_tasks()) == tasks
    early, late = counts
    more = {kind: (early.get(kind, 0), late.get(kind, 0)) for kind in early | late}
    print(  # noqa: T201 - the figures are the proof
        f"\n{times:,} batches, {cancelling.cancelled:,} of them cancelled midway, {backend}: "
        f"{sum(early.values())} objects after {times // 10}, {sum(late.values())} after {times:,}; "
        f"no socket and no task is left"
    )
    assert {kind: pair for kind, pair in more.items() if pair[0] != pair[1]} == {}
    assert cancelling.cancelled > times / 2


async def test_cancelled_batches_leave_nothing_behind(
    sandbox, connect, event, tmp_path, anyio_backend
):
    """No socket, no task, and no object of the library's own."""
    seed = random.randrange(10**6)
    await cancel(sandbox, connect, event, tmp_path, anyio_backend, 30, seed)


@pytest.mark.proof
@pytest.mark.timeout(900)
async def test_a_thousand_cancelled_batches_leave_nothing_behind(
    sandbox, connect, event, tmp_path, anyio_backend
):
    """Nor after a thousand of them."""
    seed = random.randrange(10**6)
    await cancel(sandbox, connect, event, tmp_path, anyio_backend, 1000, seed)
