"""How one event follows another in the same task."""

import itertools

import anyio
import httpx
import pytest
from anyio.lowlevel import checkpoint


class Instant(httpx.AsyncBaseTransport):
    """Answers saves without waiting for anything, and leaves the rest to the sandbox."""

    def __init__(self):
        self.saves = 0
        self.real = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request):
        if request.method == "PUT":
            self.saves += 1
            return httpx.Response(204)
        return await self.real.handle_async_request(request)

    async def aclose(self):
        await self.real.aclose()


@pytest.mark.timeout(30)
async def test_a_transport_that_never_waits_starves_nobody(sandbox, connect, event):
    """Others have their turn, and a batch without an end can be cancelled."""
    turns = 0

    async def others():
        nonlocal turns
        while True:
            await checkpoint()
            turns += 1

    async with Instant() as http, connect(sandbox.airview_url, http=http) as airview:
        await airview.ingest([event("i-1")])
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(others)
            # A window of one: no other event makes this one wait for its turn.
            endless = (event("i-1") for _ in itertools.count())
            with anyio.move_on_after(0.3):
                await airview.ingest(endless, concurrency=1, window=1)
            tasks.cancel_scope.cancel()
    assert http.saves > 100
    assert turns > 3
