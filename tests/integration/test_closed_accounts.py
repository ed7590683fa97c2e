"""Whatever happens to a batch, its account closes and says nothing that is not so."""

import json

import anyio
import bare_airview
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stub_server import Request

from airview_herald import AirView
from airview_herald.errors import IngestAborted
from airview_herald.transport import Retry

_FAULTS = st.sampled_from(
    [
        *("none",) * 12,
        *("429", "429 1", "503", "503 1", "500", "502", "400", "401"),
        *("lost", "dropped", "timeout", "slow"),
    ]
)
_OWN = {"429", "503", "500", "400", "401"}


class Unruly:
    """AirView without a memory, which fails as it is told, request by request."""

    def __init__(self, faults):
        self._faults = list(faults)
        self._sent = 0
        self.saved = set()

    async def __call__(self, request):
        await anyio.lowlevel.checkpoint()
        fault = self._faults[self._sent % len(self._faults)] if self._sent < 200 else "none"
        self._sent += 1
        status, _, seconds = fault.partition(" ")
        if fault == "dropped":
            raise httpx.ReadError("dropped")
        if fault == "timeout":
            raise httpx.ConnectTimeout("no route")
        if status in _OWN:
            phrase = httpx.codes.get_reason_phrase(int(status))
            body = {"code": int(status), "status": phrase, "message": "no"}
            after = {"Retry-After": "0"} if seconds else {}
            return httpx.Response(int(status), json=body, headers=after)
        if fault == "502":
            return httpx.Response(502, html="<h1>gateway</h1>")
        if fault == "slow":
            await anyio.sleep(0.005)
        answer = await self._answer(request)
        if fault == "lost":
            raise httpx.ReadError("the answer was lost")
        return answer

    async def _answer(self, request):
        target = request.url.raw_path.decode()
        status, body, *_ = await bare_airview.answer(
            Request(request.method, target, {}, request.content)
        )
        if request.method == "PUT":
            self.saved.add(json.loads(request.content)["resourceId"])
        return httpx.Response(status, content=body)


@pytest.mark.timeout(300)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    faults=st.lists(_FAULTS, min_size=1, max_size=40),
    cancelled_after=st.none() | st.floats(0.0, 0.05),
    raises_at=st.none() | st.integers(0, 40),
    callback_raises_at=st.none() | st.integers(1, 40),
    max_failures=st.none() | st.integers(1, 5),
    coalesce=st.booleans(),
    budget=st.sampled_from([0, 2, 100]),
)
async def test_accounts_close(
    event, faults, cancelled_after, raises_at, callback_raises_at, max_failures, coalesce, budget
):
    """Every event has one outcome, and none that was saved counts as refused or not attempted."""
    told = []

    def produce():
        for n in range(40):
            if n == raises_at:
                raise LookupError("gone")
            yield event(f"i-{n}")

    def tell(outcome):
        told.append(outcome.index)
        if len(told) == callback_raises_at:
            raise ZeroDivisionError

    server = Unruly(faults)
    async with AirView(
        "http://127.0.0.1",
        system_name="ccf",
        system_stage="MONITOR",
        referencing_type="aws_account_id",
        http=httpx.MockTransport(server),
        settle=0.002,
        retry=Retry(base=0.001, cap=0.002, budget=budget),
    ) as airview:
        run = airview.stream(
            produce(),
            concurrency=4,
            window=10,
            on_outcome=tell,
            deadline=0.2,
            max_cooldown=0.3,
            max_failures=max_failures,
            grace=0.01,
            coalesce=coalesce,
        )
        with anyio.move_on_after(cancelled_after):
            try:
                async with run:
                    async for _ in run:
                        pass
            except IngestAborted:
                pass
        report = run.report
        assert len(airview._recorder.lanes._last) == 0
    outcomes = (
        report.recorded + report.failed + report.unknown + report.skipped + report.not_attempted
    )
    assert report.inputs == outcomes
    assert report.held == 0
    assert len(told) == len(set(told)) <= report.inputs
    assert len(server.saved) <= report.recorded + report.unknown
    if cancelled_after is raises_at is callback_raises_at is None and run._run.cause is None:
        assert report.inputs == len(told) == 40
