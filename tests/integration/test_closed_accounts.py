"""Whatever happens to a batch, its account closes and says nothing that is not so."""

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unruly import FAULTS, Unruly

from airview_herald import AirView
from airview_herald.errors import IngestAborted
from airview_herald.transport import Retry

_FAULTS = st.lists(st.sampled_from(FAULTS), min_size=1, max_size=40)


@pytest.mark.timeout(300)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    faults=_FAULTS,
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
            yield event(f"i-{n}", additional_data=str(n))

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
