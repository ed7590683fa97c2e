"""Applications whose answer is lost: adopted when they are surely ours, else left and reported."""

import anyio
import attrs
import pytest

from airview_herald.airview import Application, Environment, OutcomeStatus, _watermark
from airview_herald.sandbox import Sandbox

_SETTLE = 0.2
_ENVIRONMENT = Environment("Production", "PRD")


def _placed(sandbox):
    """Return the ids of all applications, and of those that have an environment."""
    rows = sandbox.snapshot()
    return (
        [row["id"] for row in rows["application"]],
        [row["application_id"] for row in rows["application_environment"]],
    )


@pytest.mark.parametrize("processed", [True, False])
async def test_a_lost_application_is_adopted_or_made_again(
    sandbox, connect, event, faulty, processed
):
    """One application is left in the end, placed, and none is reported."""
    faulty.order("POST", "/applications/", processed=processed)
    async with connect(http=faulty, settle=_SETTLE) as airview:
        report = await airview.ingest([event(f"i-{n}") for n in range(20)])
    assert (report.recorded, report.orphans) == (20, ())
    assert _placed(sandbox) == ([1], [1])


@pytest.mark.parametrize("processed", [True, False])
async def test_an_older_equal_application_is_not_adopted(
    sandbox, connect, event, faulty, processed
):
    """What was there before the request is somebody else's, though it has no environment."""
    faulty.order("POST", "/applications/", processed=processed)
    given = event("i-1")
    async with connect() as other, connect(http=faulty, settle=_SETTLE) as airview:
        await other.handle_compliance_event(event("i-0", application=_named("Other", "other")))
        theirs = await other.backend.create_application(given.application)
        report = await airview.ingest([given])
    assert (report.recorded, report.orphans) == (1, ())
    everything, placed = _placed(sandbox)
    assert theirs.id not in placed
    assert everything == [1, 2, 3]
    assert placed == [1, 3]


async def test_an_equal_application_that_is_placed_is_not_adopted(sandbox, connect, event, faulty):
    """One that is in an environment when the request has surely ended is somebody else's."""

    async def overtake():
        await other.handle_compliance_event(
            event("i-9", application=_named("Payments", "elsewhere"))
        )

    faulty.order("POST", "/airview/applications/", processed=False, before=overtake)
    async with connect() as other, connect(http=faulty, settle=_SETTLE) as airview:
        report = await airview.ingest([event("i-1")])
    assert (report.recorded, report.orphans) == (1, ())
    assert _placed(sandbox) == ([1, 2], [1, 2])


async def test_two_equal_candidates_are_left_alone(sandbox, connect, event, faulty, caplog):
    """When two may be it, neither is adopted and none is made: the doubt is told, and kept."""

    async def overtake():
        await other.backend.create_application(event("x").application)

    faulty.order("POST", "/airview/applications/", processed=True, before=overtake)
    async with connect() as other, connect(http=faulty, settle=_SETTLE) as airview:
        report = await airview.ingest([event("i-1"), event("i-2")])
        (orphan,) = report.orphans
        assert (orphan.name, orphan.id) == ("Payments", None)
        assert {outcome.status for outcome in report.failures} == {OutcomeStatus.FAILED}
        assert "any of 1, 2 may be it" in str(report.failures[0].error)
        # Somebody places one of them: the other one is ours.
        (environment,) = await other.backend.get_environments()
        placed = attrs.evolve(_named("Payments", "elsewhere"), id=1, environment=environment)
        await other.backend.create_application_environment(placed)
        again = await airview.ingest([event("i-1")])
    assert (again.recorded, again.orphans) == (1, ())
    assert _placed(sandbox) == ([1, 2], [1, 2])
    assert "may be left without an environment" in caplog.text


async def test_equal_applications_of_one_client_are_told_apart(sandbox, connect, event, faulty):
    """One name under many references: each lost answer is settled for itself."""
    faulty.order("POST", "/applications/", processed=True, times=3)
    applications = [_named("Payments", f"payments-{n}") for n in range(4)]
    async with connect(http=faulty, settle=_SETTLE) as airview:
        report = await airview.ingest(
            [event(f"i-{n}", application=each) for n, each in enumerate(applications)]
        )
    assert (report.recorded, report.orphans) == (4, ())
    everything, placed = _placed(sandbox)
    assert sorted(placed) == everything == [1, 2, 3, 4]


async def test_a_doubt_that_outlasts_an_event_is_settled_by_the_next(
    sandbox, connect, event, faulty
):
    """The first event has no time to settle it, and says what may be left; the next one adopts."""
    faulty.order("POST", "/applications/", processed=True)
    async with connect(http=faulty, settle=1.0) as airview:
        report = await airview.ingest([event("i-1")], deadline=0.5)
        (failure,) = report.failures
        (orphan,) = report.orphans
        again = await airview.ingest([event("i-1")])
    assert failure.status is OutcomeStatus.FAILED
    assert not failure.error.ambiguous
    assert (orphan.name, orphan.id) == ("Payments", None)
    assert (again.recorded, again.orphans) == (1, ())
    assert _placed(sandbox) == ([1], [1])


async def test_an_application_that_another_call_knows_is_not_adopted(
    sandbox, connect, event, faulty
):
    """One of the same name that waits for its own reference is no candidate."""
    one, other = _named("Payments", "one"), _named("Payments", "other")
    faulty.order("POST", "/applications/", processed=True)
    async with connect(http=faulty, settle=1.0) as airview:
        late = await airview.ingest([event("i-1", application=one)], deadline=0.5)
        faulty.order("POST", "/application-environments/", processed=False, status=400)
        refused = await airview.ingest([event("i-2", application=other)])
        assert late.failed == refused.failed == 1
        report = await airview.ingest(
            [event("i-1", application=one), event("i-2", application=other)]
        )
    assert (report.recorded, report.orphans) == (2, ())
    assert _placed(sandbox)[0] == sorted(_placed(sandbox)[1]) == [1, 2]


async def test_a_cancelled_request_is_settled_by_the_next(sandbox, connect, event, faulty):
    """What was cancelled while it was sent may have landed: it is looked for first."""
    faulty.order("POST", "/airview/applications/", processed=True, stalls=True)
    async with connect(http=faulty, settle=_SETTLE) as airview:
        with anyio.move_on_after(0.5) as scope:
            await airview.handle_compliance_event(event("i-1"))
        await airview.handle_compliance_event(event("i-1"))
    assert scope.cancelled_caught
    assert _placed(sandbox) == ([1], [1])


async def test_a_server_that_does_not_list_is_recorded_to(sandbox, connect, event, faulty):
    """Without the ids from before nothing is adopted: a lost answer is told, as an orphan."""
    faulty.order("GET", "/airview/applications/", processed=False, times=9, status=404)
    faulty.order("POST", "/applications/", processed=True)
    async with connect(http=faulty, settle=_SETTLE) as airview:
        report = await airview.ingest([event("i-1")])
        again = await airview.ingest([event("i-1")])
    (orphan,) = report.orphans
    assert (report.failed, orphan.id, again.recorded) == (1, None, 1)
    assert _placed(sandbox) == ([1, 2], [2])


async def test_the_list_is_read_once_for_many_applications(sandbox, connect, event):
    """However many are recorded, one after another too: what each costs does not grow."""
    applications = [_named(f"App {n}", f"app-{n}") for n in range(300)]
    async with connect() as airview:
        report = await airview.ingest(
            [event(f"i-{n}", application=each) for n, each in enumerate(applications)],
            concurrency=4,
        )
    assert report.recorded == 300
    assert 1 <= _listings(sandbox) <= 3


async def test_a_list_that_is_no_news_any_more_is_read_anew(
    sandbox, connect, event, faulty, monkeypatch
):
    """What another client has made since is not adopted, if it is not of this very moment."""
    monkeypatch.setattr(_watermark, "_NEWS", 0.05)
    monkeypatch.setattr(_watermark, "_SHARE", 0.0)
    given = event("i-1")
    async with connect() as other, connect(http=faulty, settle=_SETTLE) as airview:
        await airview.handle_compliance_event(event("i-0", application=_named("Other", "other")))
        theirs = await other.backend.create_application(given.application)
        await anyio.sleep(0.1)
        faulty.order("POST", "/applications/", processed=False)
        report = await airview.ingest([given])
    assert (report.recorded, report.orphans) == (1, ())
    assert theirs.id not in _placed(sandbox)[1]


async def test_what_this_client_has_made_is_news_too(sandbox, connect, event, faulty):
    """An application with a lower id than one of its own is older, though no list had it."""
    given = event("i-1")
    async with connect() as other, connect(http=faulty, settle=_SETTLE) as airview:
        await airview.handle_compliance_event(event("i-0", application=_named("One", "one")))
        theirs = await other.backend.create_application(given.application)
        await airview.handle_compliance_event(event("i-0", application=_named("Two", "two")))
        faulty.order("POST", "/applications/", processed=False)
        report = await airview.ingest([given])
    assert (report.recorded, report.orphans) == (1, ())
    assert theirs.id not in _placed(sandbox)[1]
    assert _listings(sandbox) == 2  # before the first request, and to settle the lost one


async def test_each_type_has_its_own_list(sandbox, connect, event, faulty):
    """The first application of a type is held against a list of that type."""
    given = event("i-1", application=attrs.evolve(_named("Tool", "tool"), type="TECHNICAL_SERVICE"))
    async with connect() as other, connect(http=faulty, settle=_SETTLE) as airview:
        await airview.handle_compliance_event(event("i-0", application=_named("One", "one")))
        theirs = await other.backend.create_application(given.application)
        faulty.order("POST", "/applications/", processed=False)
        report = await airview.ingest([given])
    assert (report.recorded, report.orphans) == (1, ())
    assert theirs.id not in _placed(sandbox)[1]


async def test_a_server_that_lost_applications_is_not_held_against_its_past(
    sandbox, connect, event, faulty
):
    """Its ids are low again: what a lost request has left is told, and not made twice unsaid."""
    with Sandbox() as after:
        async with connect(http=faulty, settle=_SETTLE) as airview:
            for n in range(3):
                await airview.handle_compliance_event(
                    event("i-0", application=_named(f"App {n}", f"app-{n}"))
                )
            sender = airview.backend._sender
            options = attrs.evolve(sender.transport.options, base_url=after.airview_url)
            sender.transport = sender.transport.with_options(options)
            faulty.order("POST", "/applications/", processed=True)
            new = event("i-1", application=_named("New", "new"))
            report = await airview.ingest([new])
            again = await airview.ingest([new])
    assert "the server has lost applications since" in str(report.failures[0].error)
    assert [each.name for each in report.orphans] == ["New"]
    assert again.recorded == 1


async def test_what_was_known_of_a_restored_server_is_forgotten(sandbox, connect, event):
    """When the loss was found out, the next application is held against a new list."""
    async with connect() as airview:
        await airview.handle_compliance_event(event("i-0", application=_named("One", "one")))
        airview._recorder.catalogue.forget()
        await airview.handle_compliance_event(event("i-0", application=_named("Two", "two")))
    assert _listings(sandbox) == 2


def _listings(sandbox):
    """Count how often the list of applications was read."""
    return sum(
        request.method == "GET" and request.path.endswith("/airview/applications/")
        for request in sandbox.requests
    )


def _named(name, reference):
    return Application(name, reference, environment=_ENVIRONMENT)
