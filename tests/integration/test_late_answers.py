"""A server that answers late, and does what it was asked all the same."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx
import pytest
from stub_server import Response, StubServer

from airview_herald.airview import OutcomeStatus
from airview_herald.errors import RequestTimeoutError
from airview_herald.sandbox import Sandbox

_READ, _SETTLE = 0.5, 2.0
_LANES = 50


class LateFront:
    """Pass requests on to a sandbox; the first PUT of each lane late, after the read timeout."""

    def __init__(self, url, delay, late=1):
        self._client = None
        self._url = url
        self._delay = delay
        self._late = late
        self.seen = {}

    async def __call__(self, request):
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=30, trust_env=False)
        if request.method == "PUT":
            resource = parse_qs(urlsplit(request.target).query)["resourceId"][0]
            self.seen[resource] = self.seen.get(resource, 0) + 1
            if self.seen[resource] <= self._late:
                await asyncio.sleep(self._delay)
        answer = await self._client.request(
            request.method,
            self._url + request.target,
            content=request.body,
            headers={"content-type": "application/json"},
        )
        return Response(answer.status_code, answer.content)

    async def aclose(self):
        if self._client is not None:
            await self._client.aclose()


@pytest.mark.timeout(60)
async def test_a_late_put_never_overtakes_the_next_event(connect, event):
    """In 50 of 50 lanes the next event wins over a first PUT that is processed late, in one row."""
    with Sandbox() as sandbox:
        front = LateFront(sandbox.airview_url, delay=_READ + 0.4 * _SETTLE)
        with StubServer(front) as server:
            timeout = httpx.Timeout(5, read=_READ)
            async with connect(server.url, timeout=timeout, settle=_SETTLE) as airview:
                events = [
                    event(f"i-{n}", state)
                    for state in ("FLAGGED", "MONITORING")
                    for n in range(_LANES)
                ]
                report = await airview.ingest(events)
            await anyio.sleep(0.1)
        rows = sandbox.snapshot()["monitored_resource"]
    assert report.recorded == 2 * _LANES
    assert [row["monitoring_state"] for row in rows] == ["MONITORING"] * _LANES
    # The late one, its replay, and the next event's; more where the machine is slow.
    assert min(front.seen.values()) == 3


async def test_a_call_that_gives_up_leaves_its_lane_closed(connect, event):
    """After an ambiguous end the next event of the lane waits until the first has settled."""
    with Sandbox() as sandbox:
        front = LateFront(sandbox.airview_url, delay=0.8)
        with StubServer(front) as server:
            timeout = httpx.Timeout(5, read=5)
            async with connect(server.url, timeout=timeout, settle=1.0) as airview:
                await airview.backend.system_id
                with anyio.move_on_after(0.4) as scope:
                    await airview.handle_compliance_event(event("i-1", "FLAGGED"))
                await airview.handle_compliance_event(event("i-1", "MONITORING"))
                # Had the second not waited, the first would come after it, now.
                await anyio.sleep(1.0)
        (row,) = sandbox.snapshot()["monitored_resource"]
    assert scope.cancelled_caught
    assert row["monitoring_state"] == "MONITORING"


async def test_an_event_that_cannot_be_settled_is_unknown(connect, event):
    """When the deadline leaves no time to settle, the outcome says that nobody knows."""
    with Sandbox() as sandbox:
        front = LateFront(sandbox.airview_url, delay=0.5)
        with StubServer(front) as server:
            timeout = httpx.Timeout(5, read=0.3)
            async with connect(server.url, timeout=timeout, settle=5.0) as airview:
                report = await airview.ingest([event("i-1")], deadline=2.0)
            await anyio.sleep(0.3)
    (failure,) = report.failures
    assert failure.status is OutcomeStatus.UNKNOWN
    assert failure.error.ambiguous
    assert isinstance(failure.error.__cause__, RequestTimeoutError)
