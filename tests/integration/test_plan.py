"""Looking what a batch would need, without creating anything."""

import threading
import time

import anyio
import attrs
import pytest
from anyio import to_thread

from airview_herald.airview import (
    Application,
    Control,
    Environment,
    Mismatch,
    PlannedDefinition,
    TechnicalControl,
)
from airview_herald.airview._plan import _Needs
from airview_herald.errors import ForbiddenError, InputError

PRODUCTION = Environment("Production", "PRD")
TEST = Environment("Test", "TST")
PATCHING = TechnicalControl(
    "Patching", "patching", "TASK", control=Control("Patch", "SECURITY", severity="HIGH")
)


def keys(definitions):
    """Return kinds and keys."""
    return [(each.kind, each.key) for each in definitions]


async def test_an_empty_server_has_nothing(sandbox, connect, event):
    """All definitions are new, each once, and the server is as empty as before."""
    async with connect() as airview:
        plan = await airview.plan([event(f"i-{number}") for number in range(100)])
    assert (plan.events, plan.failed, plan.existing, plan.mismatches) == (100, 0, (), ())
    assert plan.new == (
        PlannedDefinition("system", "ccf", None),
        PlannedDefinition("environment", "PRD", None),
        PlannedDefinition("application", "payments", None),
        PlannedDefinition("control", "Patch R&D servers", None),
        PlannedDefinition("technical_control", "ec2-patching", None),
    )
    assert not any(sandbox.snapshot().values())
    assert {request.method for request in sandbox.requests} == {"GET"}
    assert plan.requests == len(sandbox.requests) == 4


async def test_what_is_there_is_found_and_remembered(sandbox, connect, event):
    """A batch after its plan looks for nothing again."""
    async with connect() as airview:
        await airview.ingest([event("i-1")])
    async with connect() as airview:
        plan = await airview.plan([event("i-1"), event("i-2")])
        assert plan.new == ()
        assert [each.id for each in plan.existing] == [1] * 5
        assert plan.requests == 5
        report = await airview.ingest([event("i-2")])
    assert report.requests == 2
    assert len(sandbox.snapshot()["resource"]) == 2


async def test_parents_and_environments_are_made_for_what_is_new_only(connect, event):
    """An existing technical control gets no new parent, an existing application no environment."""
    async with connect() as airview:
        bare = attrs.evolve(PATCHING, control=None)
        there = Application("A", "a", environment=PRODUCTION)
        await airview.ingest([event("i-1", application=there, technical_control=bare)])
        plan = await airview.plan(
            [
                event("i-1", application=attrs.evolve(there, environment=TEST)),
                event("i-2", application=there, technical_control=PATCHING),
            ]
        )
    assert keys(plan.new) == [
        ("control", "Patch R&D servers"),
        ("technical_control", "ec2-patching"),
    ]
    assert ("environment", "TST") not in keys(plan.existing)
    assert set(plan.mismatches) == {
        Mismatch("application", "a", "environment.abbreviation", "PRD", "TST"),
        Mismatch("technical_control", "patching", "control_id", None, "Patch"),
    }


async def test_mismatches_are_those_of_the_batch(connect, event):
    """What the plan says differs is what the report of the batch says."""
    other = attrs.evolve(
        PATCHING, name="Other", ttl=5, control=Control("Patch", "RELIABILITY", severity="LOW")
    )
    application = Application("Renamed", "payments", environment=PRODUCTION)
    events = [event("i-1", technical_control=other, application=application)]
    async with connect(system_stage="BUILD") as airview:
        await airview.ingest([event("i-1", technical_control=PATCHING)])
    async with connect() as airview:
        plan = await airview.plan(events)
    async with connect() as airview:
        report = await airview.ingest(events)
    assert Mismatch("control", "Patch", "severity", "HIGH", "LOW") in report.mismatches
    assert Mismatch("system", "ccf", "stage", "BUILD", "MONITOR") in plan.mismatches
    assert set(report.mismatches) == set(plan.mismatches)


async def test_what_contradicts_itself_is_a_mismatch_too(connect, event):
    """Of two new definitions under one key the first would be recorded."""
    first, second = (Application(name, "a", environment=PRODUCTION) for name in ("A", "B"))
    async with connect() as airview:
        plan = await airview.plan(
            [event("i-1", application=first), event("i-1", application=second)]
        )
    assert plan.mismatches == (Mismatch("application", "a", "name", "A", "B"),)


async def test_events_that_break_a_rule_are_listed(sandbox, connect, event):
    """They come back with the rule, and need no definitions."""
    bad = event("i-1", status="BROKEN", application=Application("B", "b"))
    async with connect() as airview:
        plan = await airview.plan([event("i-0"), bad, "nonsense"])
    assert (plan.events, plan.failed) == (3, 2)
    assert [(each.index, each.event, each.error.field) for each in plan.failures] == [
        (1, bad, "status"),
        (2, "nonsense", "event"),
    ]
    assert ("application", "b") not in keys(plan.new)


async def test_an_async_source_is_planned_too(connect, event):
    """Whatever `ingest` takes, a plan takes."""

    async def source():
        for number in range(3):
            await anyio.lowlevel.checkpoint()
            yield event(f"i-{number}")

    async with connect() as airview:
        assert (await airview.plan(source())).events == 3


async def test_a_producer_that_raises_ends_the_plan(connect, event):
    """Its own exception comes out."""

    def source():
        yield event("i-1")
        raise LookupError("no more")

    async with connect() as airview:
        with pytest.raises(LookupError, match="no more"):
            await airview.plan(source())


async def test_a_plan_that_is_cancelled_closes_its_source(connect):
    """Even one that waits in a thread for what may never come."""
    told, waiting, closed = threading.Event(), threading.Event(), []

    class Pipe:
        blocking = True

        def end(self):
            told.set()

        def __iter__(self):
            try:
                waiting.set()
                told.wait(10)
                yield None
            finally:
                closed.append(True)

    async with connect() as airview, anyio.create_task_group() as tasks:
        tasks.start_soon(airview.plan, Pipe())
        await to_thread.run_sync(waiting.wait)
        tasks.cancel_scope.cancel()
    assert closed == [True]


async def test_a_look_that_fails_ends_the_plan(sandbox, connect, event):
    """A plan is whole or none; the error is the look's own."""
    sandbox.force("GET", "/environments/", 403)
    async with connect() as airview:
        with pytest.raises(ForbiddenError):
            await airview.plan([event("i-1")])


async def test_the_requests_of_a_plan_are_bounded(connect, event):
    """No more are in flight than the caller allows."""
    applications = [Application(f"A{n}", f"a{n}", environment=PRODUCTION) for n in range(30)]
    async with connect() as airview:
        plan = await airview.plan(
            [event("i", application=each) for each in applications], concurrency=3
        )
        assert airview._session.connections._http.open_connections <= 3
        with pytest.raises(InputError, match=r"^concurrency: "):
            await airview.plan([], concurrency=0)
    assert len(plan.new) == 34


async def test_an_event_that_will_fail_is_counted(connect, event):
    """A new parent control without a quality model is refused: nothing is made for its events."""
    bare = attrs.evolve(PATCHING, control=Control("New"))
    billing = Application("B", "b", environment=TEST)
    events = [event(f"i-{n}", technical_control=bare, application=billing) for n in range(3)]
    events.insert(1, event("i-9"))
    async with connect() as airview:
        plan = await airview.plan(events)
        report = await airview.ingest(events)
        assert (plan.failed, [each.index for each in plan.failures]) == (3, [0, 2, 3])
        assert [each.error.field for each in plan.failures] == [
            outcome.error.field for outcome in report.failures
        ]
        assert {("application", "b"), ("control", "New"), ("environment", "TST")}.isdisjoint(
            keys(plan.new)
        )
        assert (report.failed, report.recorded) == (3, 1)


async def test_a_quality_model_of_another_event_will_do(connect, event):
    """One event of a control that says its quality model is enough for the others."""
    bare = attrs.evolve(PATCHING, reference="other", control=Control("Patch"))
    async with connect() as airview:
        plan = await airview.plan(
            [event("i-1", technical_control=PATCHING), event("i-2", technical_control=bare)]
        )
    assert plan.failed == 0
    assert ("technical_control", "other") in keys(plan.new)


async def test_a_new_technical_control_with_two_parents(connect, event):
    """The first parent would be recorded; the other one is a mismatch, and is not made."""
    other = attrs.evolve(PATCHING, control=Control("Other", "SECURITY"))
    async with connect() as airview:
        plan = await airview.plan(
            [event("i-1", technical_control=each) for each in (PATCHING, other, other)]
        )
    assert plan.mismatches == (
        Mismatch("technical_control", "patching", "control_id", "Patch", "Other"),
    )
    assert ("control", "Other") not in keys(plan.new)


async def test_what_would_not_be_made_differs_from_nothing(connect, event):
    """Two variants of a control that nobody needs contradict each other to no effect."""
    async with connect() as airview:
        await airview.ingest([event("i-1", technical_control=attrs.evolve(PATCHING, control=None))])
        variants = [Control("New", "SECURITY", severity=each) for each in ("HIGH", "LOW")]
        plan = await airview.plan(
            [
                event("i-1", technical_control=attrs.evolve(PATCHING, control=each))
                for each in variants
            ]
        )
    assert plan.mismatches == (
        Mismatch("technical_control", "patching", "control_id", None, "New"),
    )


async def test_other_tasks_run_while_events_are_collected(connect, event):
    """A long list in memory does not silence the event loop."""
    turns = 0

    async def count():
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    events = [event("i-1")] * 5000
    async with connect() as airview, anyio.create_task_group() as tasks:
        tasks.start_soon(count)
        await airview.plan(events)
        tasks.cancel_scope.cancel()
    assert turns > 15


async def test_a_plan_of_many_technical_controls_is_quick(event):
    """The time grows with the number of definitions, not with its square."""
    events = [
        event("i-1", technical_control=attrs.evolve(PATCHING, reference=f"t-{n}"))
        for n in range(4000)
    ]
    needs = _Needs()
    await needs.collect(events)
    began = time.process_time()
    assert len(needs.made({})) == 4003
    assert time.process_time() - began < 0.5
