"""Queued events that a newer one of their lane makes needless."""

import math

import anyio
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from airview_herald.airview import OutcomeStatus, _producer
from airview_herald.errors import BadRequestError
from airview_herald.sandbox import Sandbox
from airview_herald.transport import Retry

STATES = ["FLAGGED", "MONITORING", "UNRESPONSIVE"]


def puts(sandbox):
    """Return the states that were sent."""
    return [
        request for request in sandbox.requests if request.path.endswith("/monitored-resources/")
    ]


@pytest.fixture(autouse=True)
def never_long(monkeypatch):
    """Have no event take long to pull, however busy the machine: all of a window come together."""
    monkeypatch.setattr(_producer, "_LONG", math.inf)


async def outcomes_of(airview, events, **options):
    """Ingest, and return the outcomes by index."""
    outcomes = {}

    def keep(outcome):
        outcomes[outcome.index] = outcome

    report = await airview.ingest(events, on_outcome=keep, **options)
    assert report.inputs == len(outcomes) == report.recorded + report.failed + report.skipped
    return [outcomes[index] for index in sorted(outcomes)], report


async def test_only_the_newest_of_a_lane_is_sent(sandbox, connect, event):
    """Two hundred states of one resource are one save, and point at the event that was sent."""
    events = [
        event("i-1", STATES[number % 2], additional_data=str(number)) for number in range(200)
    ]
    async with connect() as airview:
        outcomes, report = await outcomes_of(airview, events, coalesce=True)
    assert [outcome.status for outcome in outcomes] == ["skipped"] * 199 + ["recorded"]
    assert {outcome.superseded_by for outcome in outcomes[:-1]} == {199}
    assert outcomes[-1].superseded_by is None
    assert {outcome.requests for outcome in outcomes[:-1]} == {0}
    assert (report.recorded, report.skipped) == (1, 199)
    (row,) = sandbox.snapshot()["monitored_resource"]
    assert (row["monitoring_state"], row["additional_data"]) == ("MONITORING", "199")
    assert len(puts(sandbox)) == 1


async def test_without_it_every_event_is_sent(sandbox, connect, event):
    """Coalescing is asked for: a history of states is worth something to somebody."""
    async with connect() as airview:
        await airview.ingest([event("i-1", state) for state in STATES * 3])
    assert len(puts(sandbox)) == 9


async def test_other_lanes_are_left_alone(sandbox, connect, event):
    """Only what is about the same resource and control supersedes."""
    async with connect() as airview:
        outcomes, _ = await outcomes_of(
            airview, [event("i-1"), event("i-2"), event("i-1", "MONITORING")], coalesce=True
        )
    assert [(o.status, o.superseded_by) for o in outcomes] == [
        ("skipped", 2),
        ("recorded", None),
        ("recorded", None),
    ]


async def test_what_is_on_its_way_is_not_superseded(sandbox, connect, event):
    """An event whose turn has come is sent, whatever comes behind it."""

    async def slowly():
        yield event("i-1")
        while not puts(sandbox):  # noqa: ASYNC110 - a request log has no event to wait for
            await anyio.sleep(0.01)
        yield event("i-1", "MONITORING")

    async with connect() as airview:
        outcomes, _ = await outcomes_of(airview, slowly(), coalesce=True)
    assert [outcome.status for outcome in outcomes] == ["recorded", "recorded"]


async def test_an_event_that_breaks_a_rule_supersedes_nothing(connect, event):
    """It is failed at once, and has no place in a lane."""
    async with connect() as airview:
        outcomes, _ = await outcomes_of(
            airview, [event("i-1"), event("i-1", "BROKEN")], coalesce=True
        )
    assert [outcome.status for outcome in outcomes] == ["recorded", "failed"]


@pytest.mark.parametrize("refusals", [1, 2, 3])
async def test_when_the_newest_is_refused_the_one_before_it_is_sent(
    sandbox, connect, event, refusals
):
    """The state at the end is the newest that the server takes, as if all had been sent."""
    states = ["FLAGGED", "MONITORING", "UNRESPONSIVE"]
    async with connect(retry=Retry(attempts=1)) as airview:
        await airview.ingest([event("i-0")])
        sandbox.force("PUT", "/monitored-resources/", 422, times=refusals)
        outcomes, _ = await outcomes_of(
            airview, [event("i-1", state) for state in states], coalesce=True
        )
    expected = ["skipped"] * (3 - refusals) + ["failed"] * refusals
    if refusals < 3:
        expected[2 - refusals] = "recorded"
    assert [outcome.status.value for outcome in outcomes] == expected
    rows = {
        r["resource_id"]: r["monitoring_state"] for r in sandbox.snapshot()["monitored_resource"]
    }
    assert rows.get(2) == (states[2 - refusals] if refusals < 3 else None)


async def test_a_newer_event_that_may_have_landed_supersedes(sandbox, connect, event):
    """Behind a save in doubt nothing older may be sent: it points at the one in doubt."""
    async with connect(settle=0.05, retry=Retry(attempts=1, base=0)) as airview:
        await airview.ingest([event("i-1")])
        sandbox.force("PUT", "/monitored-resources/", 504)
        outcomes = {}
        report = await airview.ingest(
            [event("i-1", "MONITORING"), event("i-1", "UNRESPONSIVE")],
            on_outcome=lambda outcome: outcomes.update({outcome.index: outcome}),
            coalesce=True,
            deadline=0.2,
        )
    assert (report.unknown, report.skipped) == (1, 1)
    assert (outcomes[0].superseded_by, outcomes[1].status) == (1, OutcomeStatus.UNKNOWN)


async def test_a_run_that_is_cut_short_leaves_no_lane(connect, event):
    """What waits for a newer one when the run ends was not attempted."""
    events = [event("i-1", state) for state in STATES * 5]
    async with connect() as airview:
        with anyio.move_on_after(1):
            async with airview.stream(events, coalesce=True) as run:
                async for _ in run:
                    break
        report = run.report
        assert len(airview._recorder.lanes) == 0
    assert report.inputs == report.recorded + report.skipped + report.not_attempted


@given(
    lanes=st.lists(st.sampled_from("abc"), min_size=1, max_size=40),
    refused=st.sets(st.integers(0, 39), max_size=12),
    window=st.integers(1, 40),
)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_rows_are_those_of_a_run_that_sends_everything(connect, event, lanes, refused, window):
    """Whatever is refused, whatever the window, the last state of each lane is the same."""

    async def run(url, *, coalesce):
        async with connect(url) as airview:
            backend = airview.backend
            save = type(backend).save_monitored_resource

            async def choosy(self, control, resource, state, additional_data=""):
                if int(additional_data) in refused:
                    raise BadRequestError("refused by the test")
                await save(self, control, resource, state, additional_data)

            type(backend).save_monitored_resource = choosy
            try:
                events = [
                    event(lane, STATES[number % 3], additional_data=str(number))
                    for number, lane in enumerate(lanes)
                ]
                return await airview.ingest(events, coalesce=coalesce, window=window)
            finally:
                type(backend).save_monitored_resource = save

    rows = []
    for coalesce in (False, True):
        with Sandbox() as sandbox:
            report = anyio.run(lambda c=coalesce, s=sandbox: run(s.airview_url, coalesce=c))
            assert report.inputs == report.recorded + report.failed + report.skipped == len(lanes)
            tables = sandbox.snapshot()
            names = {row["id"]: row["reference"] for row in tables["resource"]}
            rows.append(
                {
                    names[row["resource_id"]]: (row["monitoring_state"], row["additional_data"])
                    for row in tables["monitored_resource"]
                }
            )
    assert rows[0] == rows[1]
