"""Batches against the sandbox: what they cost, what they leave, and in which order."""

import anyio
import attrs
import pytest

from airview_herald.airview import OutcomeStatus, Stage
from airview_herald.errors import InputError
from airview_herald.sandbox import Sandbox


def _account(report):
    return report.recorded + report.failed + report.unknown + report.skipped + report.not_attempted


async def test_new_resources_cost_two_requests_and_known_ones_one(sandbox, connect, event):
    """1,000 new resources: at most 2.05 requests per event; again: at most 1.01."""
    events = [event(f"i-{n}") for n in range(1000)]
    async with connect() as airview:
        first = await airview.ingest(events)
        again = await airview.ingest(events)
    assert first.recorded == again.recorded == 1000
    assert first.requests + again.requests == len(sandbox.requests)
    assert first.requests / 1000 <= 2.05
    assert again.requests / 1000 <= 1.01


async def test_known_resources_of_a_new_client_cost_two_requests(sandbox, connect, event):
    """A new client learns within a few events that the resources are known, and looks first."""
    events = [event(f"i-{n}") for n in range(1000)]
    async with connect() as airview:
        await airview.ingest(events)
    async with connect() as airview:
        report = await airview.ingest(events)
    assert report.requests / 1000 <= 2.15


@pytest.mark.parametrize("calls", [1, 2])
async def test_definitions_are_made_once(sandbox, connect, event, calls):
    """1,000 events started at once, in one batch or in two, make each definition once."""
    async with connect() as airview, anyio.create_task_group() as tasks:
        for call in range(calls):
            batch = [event(f"i-{n}") for n in range(call, 1000, calls)]
            tasks.start_soon(airview.ingest, batch)
    rows = sandbox.snapshot()
    counts = {table: len(rows) for table, rows in rows.items()}
    assert counts["resource"] == counts["monitored_resource"] == 1000
    for table in ("application", "environment", "application_environment"):
        assert counts[table] == 1
    assert counts["technical_control"] == counts["control"] == counts["system"] == 1
    assert rows["technical_control"][0]["control_id"] == rows["control"][0]["id"]


async def test_the_last_state_wins_and_one_row_exists(connect, event):
    """200 alternating states of one resource at once, through a wide race window."""
    states = ["FLAGGED", "MONITORING"] * 100
    with Sandbox(race_window=0.01) as sandbox:
        async with connect(sandbox.airview_url) as airview:
            report = await airview.ingest([event("i-1", state) for state in states])
        (row,) = sandbox.snapshot()["monitored_resource"]
    assert report.recorded == 200
    assert row["monitoring_state"] == "MONITORING"


async def test_calls_and_batches_share_the_lanes(connect, event):
    """handle_compliance_event, ingest and stream keep one order on one client."""
    with Sandbox(race_window=0.01) as sandbox:
        async with connect(sandbox.airview_url) as airview, anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(airview.handle_compliance_event, event("i-1", "FLAGGED"))
            tasks.start_soon(airview.ingest, [event("i-1", "MONITORING")] * 20)
        assert len(sandbox.snapshot()["monitored_resource"]) == 1


async def test_a_bad_event_is_a_failed_outcome(sandbox, connect, event):
    """Bad events come back with their error; the good ones beside them are recorded."""
    good, bad = event("i-1"), event("i" * 501)
    outcomes = []
    async with connect() as airview:
        report = await airview.ingest([good, bad, None, good], on_outcome=outcomes.append)
    by_index = {outcome.index: outcome for outcome in outcomes}
    assert (report.inputs, report.recorded, report.failed) == (4, 2, 2)
    assert by_index[1].event is bad
    assert by_index[1].error.field == "resource_reference"
    assert by_index[1].stage is Stage.QUEUED
    assert by_index[1].requests == by_index[1].attempts == 0
    assert by_index[2].error.field == "event"
    assert report.errors == {"InputError": 2}
    assert [outcome.index for outcome in report.failures] == [1, 2]


async def test_a_refused_definition_is_asked_for_once(sandbox, connect, event):
    """A verdict that survives a look is remembered for the run, a fresh copy for each event."""
    orphan = attrs.evolve(event("x").technical_control, control=None, control_id=999)
    async with connect() as airview:
        batch = [event(f"i-{n}", technical_control=orphan) for n in range(50)]
        report = await airview.ingest(batch, window=1)
    posts = [r for r in sandbox.requests if r.method == "POST" and "technical" in r.path]
    assert report.failed == 50
    assert len(posts) == 1
    errors = {id(outcome.error) for outcome in report.failures}
    assert len(errors) == 50


async def test_differing_definitions_are_reported(connect, event):
    """What exists with other attributes stays, and is in the report once for each field."""
    first = event("i-1")
    control = attrs.evolve(first.technical_control.control, severity="HIGH")
    other = attrs.evolve(first.technical_control, name="Renamed", control=control)
    async with connect() as airview:
        await airview.ingest([first])
        report = await airview.ingest([event(f"i-{n}", technical_control=other) for n in range(9)])
    assert report.recorded == 9
    assert [attrs.astuple(each) for each in report.mismatches] == [
        ("technical_control", "ec2-patching", "name", "EC2 patching", "Renamed"),
        ("control", "Patch R&D servers", "severity", "LOW", "HIGH"),
    ]


async def test_a_differing_stage_is_reported(connect, event):
    """The system's stage on the server stays; another one in the settings is a mismatch."""
    async with connect() as airview:
        await airview.ingest([event("i-1")])
    async with connect(system_stage="BUILD") as airview:
        report = await airview.ingest([event("i-1"), event("i-2")])
    (mismatch,) = report.mismatches
    assert (mismatch.kind, mismatch.key, mismatch.stored, mismatch.given) == (
        "system",
        "ccf",
        "MONITOR",
        "BUILD",
    )


async def test_outcomes_carry_the_callers_own_objects(connect, event):
    """Each input has one outcome, with the object itself and its position."""
    events = [event(f"i-{n % 7}") for n in range(100)]
    outcomes = {}
    async with connect() as airview:
        report = await airview.ingest(events, on_outcome=lambda o: outcomes.update({o.index: o}))
    assert len(outcomes) == report.inputs == _account(report) == 100
    assert all(outcomes[n].event is each for n, each in enumerate(events))
    assert {o.status for o in outcomes.values()} == {OutcomeStatus.RECORDED}
    assert sum(o.requests for o in outcomes.values()) == report.requests


async def test_async_iterables_and_async_callbacks(connect, event):
    """Events may come from an async generator, outcomes and progress may be awaited."""
    seen, progress = [], []

    async def produce():
        for n in range(30):
            await anyio.lowlevel.checkpoint()
            yield event(f"i-{n}")

    async def on_outcome(outcome):
        await anyio.lowlevel.checkpoint()
        seen.append(outcome.index)

    async def on_progress(report):
        progress.append(report.recorded)

    async with connect() as airview:
        await airview.ingest(produce(), on_outcome=on_outcome, progress=on_progress)
    assert sorted(seen) == list(range(30))
    assert progress[-1] == 30


async def test_the_window_bounds_what_is_held(connect, event):
    """Never more than a window of events is between the producer and the end."""
    taken = done = most = 0

    def produce():
        nonlocal taken, most
        for n in range(300):
            taken += 1
            most = max(most, taken - done)
            yield event(f"i-{n}")

    def on_outcome(_):
        nonlocal done
        done += 1

    async with connect() as airview:
        report = await airview.ingest(produce(), concurrency=4, window=10, on_outcome=on_outcome)
    assert report.recorded == 300
    # The event that is being delivered is counted by neither.
    assert most <= 11
    assert report.held_peak == 10
    assert report.held == 0


async def test_requests_in_flight_stay_within_the_concurrency(connect, event):
    """However many events are held, the slots bound the requests in flight."""
    with Sandbox(latency=0.005) as sandbox:
        async with connect(sandbox.airview_url) as airview:
            await airview.ingest([event(f"i-{n}") for n in range(100)], concurrency=3)
            assert airview._session.connections._http.open_connections <= 3


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"concurrency": 0}, "concurrency"),
        ({"window": 0}, "window"),
        ({"deadline": 0}, "deadline"),
        ({"deadline": True}, "deadline"),
        ({"grace": True}, "grace"),
        ({"deadline": "5"}, "deadline"),
        ({"concurrency": "64"}, "concurrency"),
        ({"events": "text"}, "events"),
        ({"events": 5}, "events"),
    ],
)
async def test_arguments_out_of_range(connect, options, field):
    """An argument out of its range is an error that names it."""
    async with connect() as airview:
        with pytest.raises(InputError) as caught:
            await airview.ingest(**{"events": [], **options})
    assert caught.value.field == field


async def test_nothing_to_do(connect):
    """An empty input is an empty report."""
    async with connect() as airview:
        report = await airview.ingest([])
    assert (report.inputs, report.requests) == (0, 0)
