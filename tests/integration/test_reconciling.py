"""Records that an input no longer lists are closed."""

from functools import partial

import anyio
import attrs
import httpx
import pytest

from airview_herald.airview import (
    Application,
    Environment,
    Reconciliation,
    TechnicalControl,
)
from airview_herald.errors import ForbiddenError, IngestAborted, InputError
from airview_herald.sandbox import Sandbox
from airview_herald.sources import read_jsonl

PRODUCTION = Environment("Production", "PRD")
PAYMENTS = Application("Payments", "payments", environment=PRODUCTION)
BILLING = Application("Billing", "billing", environment=PRODUCTION)
SCANNING = TechnicalControl("Scanning", "scanning", "TASK")


def states(sandbox):
    """Return the state of each record by application, resource, technical control and system."""
    tables = sandbox.snapshot()
    by_id = {
        table: {row["id"]: row for row in rows if "id" in row} for table, rows in tables.items()
    }
    found = {}
    for row in tables["monitored_resource"]:
        resource = by_id["resource"][row["resource_id"]]
        control = by_id["technical_control"][row["technical_control_id"]]
        (reference,) = [
            each["reference"]
            for each in tables["application_environment_reference"]
            if each["application_environment_id"] == resource["application_environment_id"]
        ]
        system = by_id["system"][control["system_id"]]["name"]
        key = (reference, resource["reference"], control["reference"], system)
        assert key not in found
        found[key] = row["monitoring_state"]
    return found


def of(sandbox, application="payments", system="ccf"):
    """Return the states of one application's records of one technical control by resource."""
    return {
        resource: state
        for (reference, resource, _, name), state in states(sandbox).items()
        if (reference, name) == (application, system)
    }


async def test_what_is_no_longer_listed_becomes_monitoring(sandbox, connect, event):
    """Exactly the records that the new input lacks, in a new client as in the old one."""
    async with connect() as airview:
        await airview.ingest([event(f"i-{number}") for number in range(5)])
        report = await airview.ingest(
            [event(f"i-{number}") for number in (0, 2, 4)], reconcile=True
        )
        assert (report.inputs, report.recorded, report.reconciled) == (5, 5, 2)
    expected = dict.fromkeys(["i-0", "i-2", "i-4"], "FLAGGED")
    expected |= dict.fromkeys(["i-1", "i-3"], "MONITORING")
    assert of(sandbox) == expected
    async with connect() as airview:
        report = await airview.ingest([event("i-0")], reconcile=True)
        assert (report.inputs, report.reconciled) == (3, 2)
    assert of(sandbox) == dict.fromkeys(expected, "MONITORING") | {"i-0": "FLAGGED"}


async def test_without_it_nothing_is_closed(sandbox, connect, event):
    """Reconciling is asked for."""
    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-2")])
        report = await airview.ingest([event("i-1")])
    assert report.reconciled is None
    assert of(sandbox) == {"i-1": "FLAGGED", "i-2": "FLAGGED"}


async def test_the_closing_events_have_outcomes_as_any_other(connect, event):
    """They come after the input's, with the caller's own application and the stored control."""
    outcomes = []
    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-2")])
        given = event("i-1")
        await airview.ingest([given], reconcile=True, on_outcome=outcomes.append)
    first, second = outcomes
    assert first.event is given
    assert (second.index, second.status, second.requests) == (1, "recorded", 1)
    assert second.event.application is given.application
    assert second.event.technical_control.reference == "ec2-patching"
    assert (second.event.resource_reference, second.event.status) == ("i-2", "MONITORING")


async def test_a_second_time_there_is_nothing_to_close(connect, event):
    """What is MONITORING already is left alone."""
    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-2")])
        await airview.ingest([event("i-1")], reconcile=True)
        report = await airview.ingest([event("i-1")], reconcile=True)
    assert (report.inputs, report.reconciled) == (1, 0)


async def test_only_covered_applications_are_closed(sandbox, connect, event):
    """An application that the input does not mention keeps its records, unless it is named."""
    both = [event("i-1", application=each) for each in (PAYMENTS, BILLING)]
    async with connect() as airview:
        await airview.ingest([*both, event("i-2")])
        await airview.ingest([event("i-1")], reconcile=True)
        assert of(sandbox, "billing") == {"i-1": "FLAGGED"}
        report = await airview.ingest([], reconcile=Reconciliation(applications=[BILLING]))
    assert report.reconciled == 1
    assert of(sandbox, "billing") == {"i-1": "MONITORING"}
    assert of(sandbox) == {"i-1": "FLAGGED", "i-2": "MONITORING"}


@pytest.mark.parametrize("named", [PAYMENTS, "payments"])
async def test_a_covered_application_that_is_not_recorded_is_not_made(sandbox, connect, named):
    """Reading back never records anything; the report says that there was nothing to read."""
    nothing = (0, "this system has recorded nothing of payments")
    async with connect() as airview:
        report = await airview.ingest([], reconcile=Reconciliation(applications=[named]))
        assert (report.reconciled, report.unreconciled) == nothing
        await airview.backend.create_system("ccf", "MONITOR")
        report = await airview.ingest([], reconcile=Reconciliation(applications=[named]))
        assert (report.reconciled, report.unreconciled) == nothing
    assert {name for name, rows in sandbox.snapshot().items() if rows} == {"system"}


@pytest.mark.parametrize("mentioned", [True, False])
async def test_an_application_may_be_covered_by_its_reference(sandbox, connect, event, mentioned):
    """Nothing was said of its name or its environment, so that neither can differ."""
    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-2")])
        rest = [event("i-1")] if mentioned else []
        report = await airview.ingest(rest, reconcile=Reconciliation(applications=["payments"]))
    assert (report.reconciled, report.unreconciled) == (1 if mentioned else 2, "")
    assert report.mismatches == ()


@pytest.mark.parametrize("other", ["scanner", "CCF", "a:b 'c'"])
async def test_other_systems_keep_their_records(sandbox, connect, event, other):
    """Another system with the same controls and resources, even of a name that looks the same."""
    for name in ("ccf", other):
        async with connect(system_name=name) as airview:
            await airview.ingest([event("i-1"), event("i-2")])
    for name, rest in ((other, "ccf"), ("ccf", other)):
        before = of(sandbox, system=rest)
        async with connect(system_name=name) as airview:
            report = await airview.ingest([event("i-1")], reconcile=True)
        assert report.reconciled == 1
        assert of(sandbox, system=name) == {"i-1": "FLAGGED", "i-2": "MONITORING"}
        assert of(sandbox, system=rest) == before


async def test_what_only_another_system_recorded_is_not_ours_to_close(sandbox, connect, event):
    """Where the server cannot filter by our name, only what is surely ours is closed."""
    async with connect(system_name="scanner") as airview:
        await airview.ingest([event("i-1"), event("i-2", "UNRESPONSIVE"), event("i-3")])
    async with connect(system_name="a:b") as airview:
        report = await airview.ingest([event("i-1")], reconcile=True)
    assert report.reconciled == 0
    assert of(sandbox, system="a:b") == {"i-1": "FLAGGED"}


async def test_a_control_that_finds_nothing_any_more(sandbox, connect, event):
    """Records of technical controls that the new input does not mention are closed too."""
    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-1", technical_control=SCANNING)])
    async with connect() as airview:
        await airview.ingest([event("i-1")], reconcile=True)
    assert {key[2]: state for key, state in states(sandbox).items()} == {
        "ec2-patching": "FLAGGED",
        "scanning": "MONITORING",
    }


async def test_unresponsive_is_closed_and_deleted_is_not(sandbox, connect, event):
    """MONITORING is for all that counts against an application."""
    async with connect() as airview:
        await airview.ingest(
            [
                event("i-1"),
                event("i-2", "UNRESPONSIVE"),
                event("i-3", "DELETED"),
                event("i-4", "MONITORING"),
            ]
        )
        report = await airview.ingest([event("i-1")], reconcile=True)
    assert report.reconciled == 1
    assert of(sandbox) == {
        "i-1": "FLAGGED",
        "i-2": "MONITORING",
        "i-3": "DELETED",
        "i-4": "MONITORING",
    }


async def test_deleted_when_asked(sandbox, connect, event):
    """DELETED is for all that was recorded and is no longer listed, compliant or not."""
    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-2"), event("i-3", "MONITORING")])
        report = await airview.ingest([event("i-1")], reconcile=Reconciliation(state="DELETED"))
    assert report.reconciled == 2
    assert of(sandbox) == {"i-1": "FLAGGED", "i-2": "DELETED", "i-3": "DELETED"}


async def test_an_event_that_breaks_a_rule_still_lists_its_resource(sandbox, connect, event):
    """Its record is not out of date because its data are too long."""
    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-2"), event("i-3")])
        report = await airview.ingest(
            [event("i-1"), event("i-2", additional_data="x" * 9000)], reconcile=True
        )
    assert (report.failed, report.reconciled) == (1, 1)
    assert of(sandbox) == {"i-1": "FLAGGED", "i-2": "FLAGGED", "i-3": "MONITORING"}


@pytest.mark.parametrize("unknown", ["nonsense", None])
async def test_nothing_is_closed_when_some_of_the_input_is_unknown(
    sandbox, connect, event, caplog, unknown
):
    """What an unreadable event was about might be what would be closed."""
    bad = unknown or attrs.evolve(event("i-2"), resource_reference="")
    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-2")])
        report = await airview.ingest([event("i-1"), bad], reconcile=True)
    assert (report.reconciled, report.inputs, report.failed) == (None, 2, 1)
    assert report.unreconciled == "input 1 does not say which resource it is about"
    assert of(sandbox) == {"i-1": "FLAGGED", "i-2": "FLAGGED"}
    assert "nothing is reconciled: input 1 does not say" in caplog.text


async def test_nothing_is_closed_when_a_source_had_problems(
    sandbox, connect, event, caplog, tmp_path
):
    """A line that cannot be read may be about anything."""
    path = tmp_path / "events.jsonl"
    path.write_text("{broken\n")
    async with connect() as airview:
        await airview.ingest([event("i-1")])
        report = await airview.ingest(
            read_jsonl(path), reconcile=Reconciliation(applications=[PAYMENTS])
        )
    assert report.reconciled is None
    assert of(sandbox) == {"i-1": "FLAGGED"}
    assert "nothing is reconciled: some of the source could not be read" in caplog.text


async def test_nothing_is_closed_when_the_producer_fails(sandbox, connect, event):
    """Half an input lists half of what there is."""

    def half():
        yield event("i-1")
        raise LookupError("the scanner died")

    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-2")])
        with pytest.raises(IngestAborted) as caught:
            await airview.ingest(half(), reconcile=True)
    assert caught.value.report.reconciled is None
    assert of(sandbox) == {"i-1": "FLAGGED", "i-2": "FLAGGED"}


async def test_a_reading_that_fails_aborts_the_run(sandbox, connect, event):
    """The input's own events are recorded; the cause says that the rest was not."""
    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-2")])
        sandbox.force("GET", "/compliance/", 403)
        with pytest.raises(
            IngestAborted, match="reading back what was recorded before failed"
        ) as caught:
            await airview.ingest([event("i-1", "MONITORING")], reconcile=True)
    assert isinstance(caught.value.__cause__, ForbiddenError)
    assert caught.value.report.reconciled is None
    assert of(sandbox)["i-2"] == "FLAGGED"


async def test_an_application_in_two_environments(sandbox, connect, event):
    """A covered environment of an application says nothing of its other one."""
    async with connect() as airview:
        backend = airview.backend
        await airview.ingest([event("i-1", application=PAYMENTS)])
        production = await backend.get_application_environment_by_reference("payments")
        environment = await backend.create_environment(Environment("Test", "TST"))
        elsewhere = attrs.evolve(production, reference="payments-test", environment=environment)
        elsewhere = await backend.create_application_environment(elsewhere)
        await airview.ingest(
            [event("i-1", application=elsewhere), event("i-2", application=elsewhere)]
        )
        report = await airview.ingest([event("i-9", application=PAYMENTS)], reconcile=True)
    assert report.reconciled == 1
    assert of(sandbox, "payments-test") == {"i-1": "FLAGGED", "i-2": "FLAGGED"}
    assert of(sandbox) == {"i-1": "MONITORING", "i-9": "FLAGGED"}


async def test_a_stream_reconciles_too(sandbox, connect, event):
    """The watcher sees the closing events as they come."""
    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-2")])
        async with airview.stream([event("i-1")], reconcile=True) as run:
            seen = [outcome.event.resource_reference async for outcome in run]
    assert seen == ["i-1", "i-2"]
    assert run.report.reconciled == 1


async def test_the_cost_of_reconciling(sandbox, connect, event):
    """A look at system and control, three at an application; a look and a save for each record."""
    async with connect() as airview:
        await airview.ingest([event(f"i-{number}") for number in range(40)])
    async with connect() as airview:
        await airview.ingest([event("i-0")])
        sandbox.requests.clear()
        report = await airview.ingest([event("i-0")], reconcile=True, concurrency=4)
    assert report.requests == len(sandbox.requests) == 1 + (1 + 1 + 3) + (39 + 39)


async def test_what_was_listed_while_running_is_not_closed(sandbox, connect, event):
    """The records of this very run are listed by it."""
    async with connect() as airview:
        report = await airview.ingest(
            (event(f"i-{number}") for number in range(300)), reconcile=True, window=16
        )
    assert (report.inputs, report.reconciled) == (300, 0)
    assert set(of(sandbox).values()) == {"FLAGGED"}


@pytest.mark.parametrize(
    ("reconcile", "field"),
    [
        ("MONITORING", "reconcile"),
        (Reconciliation(state="FLAGGED"), r"reconcile\.state"),
        (Reconciliation(state="UNRESPONSIVE"), r"reconcile\.state"),
        (Reconciliation(applications=[5]), r"reconcile\.applications\[0\]"),
        (Reconciliation(applications=["a b"]), r"reconcile\.applications\[0\]"),
        (Reconciliation(applications="payments"), r"reconcile\.applications"),
        (Reconciliation(applications=PAYMENTS), r"reconcile\.applications"),
        (
            Reconciliation(applications=[PAYMENTS, Application("A", "a b")]),
            r"reconcile\.applications\[1\]\.reference",
        ),
    ],
)
async def test_settings_that_cannot_work_are_refused(sandbox, connect, reconcile, field):
    """The error names the field, before anything is taken or sent."""
    async with connect() as airview:
        with pytest.raises(InputError, match=f"^{field}: "):
            await airview.ingest([], reconcile=reconcile)
    assert len(sandbox.requests) == 0


async def test_a_run_that_is_cancelled_while_reading_back_is_closed(sandbox, connect, event):
    """The account adds up, and nothing is left running."""
    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-2")])
    with_latency = anyio.Event()

    def hold(reply):
        if "/compliance/" in reply.url:
            with_latency.set()

    async with connect(on_reply=hold) as airview, anyio.create_task_group() as tasks:

        async def watch():
            async with airview.stream([event("i-1")], reconcile=True) as run:
                runs.append(run)
                async for _ in run:
                    pass

        runs = []
        tasks.start_soon(watch)
        await with_latency.wait()
        tasks.cancel_scope.cancel()
    report = runs[0].report
    assert report.inputs == report.recorded + report.unknown + report.not_attempted


async def test_an_event_that_breaks_a_rule_covers_no_application(sandbox, connect, event):
    """Its application may not even be one that can be asked for; the others go on."""
    bad = event("i-1", application=Application("Bad", "arn:aws:iam::1"))
    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-2")])
        report = await airview.ingest([event("i-1"), bad], reconcile=True)
    assert (report.recorded, report.failed, report.reconciled) == (2, 1, 1)
    assert of(sandbox) == {"i-1": "FLAGGED", "i-2": "MONITORING"}


async def test_a_record_that_cannot_be_asked_for_is_left(sandbox, connect, event, caplog):
    """Other clients record what our rules do not allow; it is told, and the rest goes on."""
    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-2")])
        url = f"{sandbox.airview_url}/resources/"
        nameless = {"name": "", "reference": "", "applicationEnvironmentId": 1}
        async with httpx.AsyncClient() as other:
            made = (await other.post(url, json=nameless)).json()
            where = f"{sandbox.airview_url}/monitored-resources/"
            query = {"technicalControlId": 1, "resourceId": made["id"]}
            await other.put(where, params=query, json={"monitoringState": "FLAGGED"})
        report = await airview.ingest([event("i-1")], reconcile=True)
    assert report.reconciled == 1
    assert of(sandbox) == {"i-1": "FLAGGED", "i-2": "MONITORING", "": "FLAGGED"}
    assert "a record of payments is left: resource_reference: must not be empty" in caplog.text


async def test_a_reading_that_fails_lets_what_is_on_its_way_end(sandbox, connect, event):
    """The events of the input are recorded, though the batch is aborted for the rest."""
    async with connect() as airview:
        await airview.ingest([event("i-0")])
        sandbox.force("GET", "/compliance/", 403)
        with pytest.raises(IngestAborted) as caught:
            await airview.ingest([event(f"i-{n}") for n in range(200)], reconcile=True)
    report = caught.value.report
    assert (report.inputs, report.recorded) == (200, 200)


async def test_what_is_remembered_of_an_application_is_not_trusted(connect, event):
    """Where a reference has moved since, nothing of the one that it had before is closed."""
    moved = anyio.Event()
    with Sandbox() as before, Sandbox() as after:

        async def route(request):
            server = after if moved.is_set() else before
            async with httpx.AsyncClient() as client:
                url = server.url + request.url.raw_path.decode()
                answer = await client.request(
                    request.method, url, content=request.content, headers=request.headers
                )
            return httpx.Response(answer.status_code, content=answer.content)

        async with connect(after.airview_url) as airview:
            await airview.ingest([event(f"i-{n}", application=BILLING) for n in range(3)])
        async with connect(
            "https://airview.example/airview", http=httpx.MockTransport(route)
        ) as airview:
            await airview.ingest([event(f"i-{n}") for n in range(3)])
            moved.set()
            everything = Reconciliation(applications=[PAYMENTS])
            report = await airview.ingest([], reconcile=everything)
            assert report.reconciled == 0
            assert set(of(after, "billing").values()) == {"FLAGGED"}
            await airview.ingest([event("i-9")])
            report = await airview.ingest([], reconcile=everything)
            assert report.reconciled == 1
        assert of(after) == {"i-9": "MONITORING"}
        assert set(of(after, "billing").values()) == {"FLAGGED"}


async def test_two_batches_at_once_close_nothing_of_each_other(sandbox, connect, event):
    """Each lists a part of the application; what the other lists is listed."""

    async def slowly(prefix):
        for number in range(4):
            await anyio.sleep(0.01)
            yield event(f"{prefix}-{number}")

    async with connect() as airview:
        await airview.ingest([event("gone")])
        async with anyio.create_task_group() as tasks:
            for prefix in "ab":
                tasks.start_soon(partial(airview.ingest, slowly(prefix), reconcile=True))
    found = of(sandbox)
    assert found.pop("gone") == "MONITORING"
    assert len(found) == 8
    assert set(found.values()) == {"FLAGGED"}


async def test_what_a_single_call_records_while_others_are_closed_is_spared(
    sandbox, connect, event
):
    """Its turn to be closed has not come yet, and does not come any more."""
    told = []

    async def meanwhile(outcome):
        if outcome.closing and not told:
            closed = {name for name, state in of(sandbox).items() if state == "MONITORING"}
            told.append(min(set(of(sandbox)) - closed - {"i-0", outcome.event.resource_reference}))
            await airview.handle_compliance_event(event(told[0], additional_data="again"))

    async with connect() as airview:
        await airview.ingest([event(f"i-{number}") for number in range(9)])
        report = await airview.ingest(
            [event("i-0")], reconcile=True, concurrency=1, window=1, on_outcome=meanwhile
        )
    assert (report.inputs, report.recorded, report.reconciled) == (8, 8, 7)
    spared = ["i-0", *told]
    assert {name for name, state in of(sandbox).items() if state == "FLAGGED"} == set(spared)


async def test_what_a_single_call_records_meanwhile_is_spared(sandbox, connect, event):
    """A finding of this minute is no finding of before."""

    async def events(airview):
        yield event("i-1")
        await airview.handle_compliance_event(event("found-meanwhile"))

    async with connect() as airview:
        await airview.ingest([event("i-2")])
        report = await airview.ingest(events(airview), reconcile=True)
        assert len(airview._recorder.coverages._running) == 0
    assert report.reconciled == 1
    assert of(sandbox)["found-meanwhile"] == "FLAGGED"


async def test_environments_of_one_name_are_told_apart(sandbox, connect, event):
    """What nothing confirms to be of the covered environment is left alone."""
    async with connect() as airview:
        backend = airview.backend
        await airview.ingest([event("i-2", "MONITORING", additional_data="keep me")])
        placed = await backend.get_application_environment_by_reference("payments")
        again = await backend.create_application_environment(
            attrs.evolve(placed, reference="payments-2")
        )
        await airview.ingest(
            [
                event(f"i-{n}", state, application=again)
                for n, state in enumerate(["FLAGGED", "UNRESPONSIVE", "FLAGGED", "UNRESPONSIVE"])
            ]
        )
        before = sandbox.snapshot()["monitored_resource"]
        report = await airview.ingest([], reconcile=Reconciliation(applications=[PAYMENTS]))
        assert report.reconciled == 0
        assert sandbox.snapshot()["monitored_resource"] == before
        await airview.ingest([event("i-0")])
        report = await airview.ingest([], reconcile=Reconciliation(applications=[PAYMENTS]))
    assert report.reconciled == 1
    assert of(sandbox) == {"i-2": "MONITORING", "i-0": "MONITORING"}


async def test_unresponsive_records_of_a_name_twin_are_left(sandbox, connect, event):
    """Two systems that differ in capitals cannot be told apart by the server's filter."""
    async with connect(system_name="CCF") as airview:
        await airview.ingest([event("i-1"), event("i-2", "UNRESPONSIVE")])
    async with connect(system_name="ccf") as airview:
        await airview.ingest([event("i-1"), event("i-3", "UNRESPONSIVE")])
        report = await airview.ingest([event("i-1")], reconcile=True)
    assert report.reconciled == 0
    assert of(sandbox, system="ccf") == {"i-1": "FLAGGED", "i-3": "UNRESPONSIVE"}


async def test_a_source_that_is_wrapped_says_whether_it_is_complete(sandbox, connect, event):
    """Whoever wraps a source hands its completeness on."""
    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-2")])
        for complete in (False, True):
            report = await airview.ingest(
                (each for each in [event("i-1")]),
                reconcile=Reconciliation(complete=lambda answer=complete: answer),
            )
            assert report.reconciled == (1 if complete else None)
            assert report.unreconciled == ("" if complete else "the input is not complete")


async def test_the_producer_is_closed_before_reading_back(sandbox, connect, event):
    """What is read again is not the caller's input, which is let go of."""

    class Closing:
        """An iterable whose iterator wants to be closed."""

        def __init__(self):
            self.closed = False

        def __iter__(self):
            try:
                yield event("i-1")
                yield event("i-2")
            finally:
                self.closed = True

    events = Closing()
    async with connect() as airview:
        await airview.ingest(events, reconcile=True)
    assert events.closed


async def test_closing_events_are_told_from_the_callers(connect, event):
    """They have a mark, and are counted whatever becomes of them."""
    outcomes = []
    async with connect() as airview:
        await airview.ingest([event("i-1"), event("i-2")])
        report = await airview.ingest([event("i-1")], reconcile=True, on_outcome=outcomes.append)
    assert [outcome.closing for outcome in outcomes] == [False, True]
    assert (report.reconciled, report.unreconciled) == (1, "")
