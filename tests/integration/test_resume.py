"""A batch that was cut short goes on where it was, in another client, as another process would."""

import json
import logging
import threading
from datetime import date
from functools import partial

import anyio
import attrs
import httpx
import pytest

from airview_herald.airview import Reconciliation, State, _journal
from airview_herald.airview._known_ids import Ids
from airview_herald.airview._positions import Step
from airview_herald.airview._state import StateFile
from airview_herald.errors import ConfigurationError, IngestAborted, InputError, RequestTimeoutError
from airview_herald.sources import read_jsonl, write_jsonl


def closed(report):
    """Return whether every input has exactly one outcome."""
    outcomes = (
        report.recorded + report.failed + report.unknown + report.skipped + report.not_attempted
    )
    return report.inputs == outcomes and report.held == 0


def saves(sandbox):
    """Return the data of what was saved, in order."""
    return [
        json.loads(request.body)["additionalData"]
        for request in sandbox.requests
        if request.method == "PUT"
    ]


async def cut_short(airview, events, after, **options):
    """Leave a batch after some outcomes, and return its report."""
    async with airview.stream(events, **options) as run:
        seen = 0
        async for _ in run:
            seen += 1
            if seen == after:
                break
    assert closed(run.report)
    return run.report


async def test_a_batch_goes_on_where_it_was(sandbox, quick, many, state):
    """What is recorded is skipped without a request; the rows are those of a whole run."""
    async with quick() as airview:
        first = await cut_short(airview, many, 120, state=state, concurrency=8)
    assert 0 < first.recorded < 300
    before = saves(sandbox)
    sandbox.requests.clear()
    outcomes = []
    async with quick() as airview:
        report = await airview.ingest(many, state=str(state), on_outcome=outcomes.append)
    assert closed(report)
    assert (report.inputs, report.skipped) == (300, first.recorded)
    assert report.recorded == 300 - first.recorded
    assert sorted(outcome.index for outcome in outcomes) == list(range(300))
    skipped = [outcome for outcome in outcomes if outcome.status == "skipped"]
    assert {(o.requests, o.attempts, o.superseded_by, o.error) for o in skipped} == {
        (0, 0, None, None)
    }
    assert all(outcome.event is many[outcome.index] for outcome in outcomes)
    # What was in flight when the first run was left may have been saved twice.
    assert len(set(before) & set(saves(sandbox))) <= 8
    assert len(sandbox.requests) == report.requests
    rows = sandbox.snapshot()["monitored_resource"]
    assert sorted(int(row["additional_data"]) for row in rows) == list(range(200, 300))


async def test_what_is_known_of_the_server_is_not_asked_for_again(sandbox, quick, many, state):
    """The ids in the file cost one look at each, and at the list of applications."""
    async with quick() as airview:
        await cut_short(airview, many, 150, state=state, concurrency=8)
    sandbox.requests.clear()
    async with quick() as airview:
        await airview.ingest(many, state=state)
    looks = [request.path for request in sandbox.requests if request.method == "GET"]
    assert sorted(path.rpartition("/airview/")[2] for path in looks) == [
        "applications/",
        "controls/",
        "environments/",
        "referenced-application-environments/",
        "resources/",
        "systems/",
        "technical-controls/",
    ]
    assert {request.path for request in sandbox.requests if request.method == "POST"} <= {
        "/airview/resources/"
    }


async def test_a_finished_batch_is_refused_unless_told_to_begin_anew(sandbox, quick, event, state):
    """The same input again is either a mistake or asked for."""
    events = [event(f"i-{n}") for n in range(20)]
    async with quick() as airview:
        await airview.ingest(events, state=state)
        sandbox.requests.clear()
        with pytest.raises(ConfigurationError, match="is of a run that has finished"):
            await airview.ingest(events, state=state)
        with pytest.raises(ConfigurationError, match="is of a run that has finished"):
            async with airview.stream(events, state=State(state)):
                pass
        assert len(sandbox.requests) == 0
    async with quick() as airview:
        other = [event(f"i-{n}", "MONITORING") for n in range(30)]
        report = await airview.ingest(other, state=State(state, restart=True))
    assert (report.recorded, report.skipped) == (30, 0)
    # The ids are kept: ten new resources, thirty saves, and a look at each table.
    assert report.requests == 10 + 30 + 7


async def test_cancelling_keeps_what_was_done(sandbox, quick, many, state):
    """A cancellation writes what is left: nothing recorded is sent again."""
    async with quick() as airview:
        with anyio.CancelScope() as scope:
            recorded = 0

            def count(_):
                nonlocal recorded
                recorded += 1
                if recorded == 77:
                    scope.cancel()

            await airview.ingest(many, state=state, concurrency=4, on_outcome=count)
        assert scope.cancelled_caught
        report = await airview.ingest(many, state=state)
    assert report.skipped >= 77
    assert closed(report)
    sent = saves(sandbox)
    assert len(sent) - len(set(sent)) <= 4


@pytest.mark.parametrize("ending", ["producer", "callback"])
async def test_however_a_batch_ended_it_goes_on(sandbox, quick, many, state, ending):
    """A producer or callback that raised leaves a file to go on with."""

    def produce():
        yield from many[:150]
        raise LookupError("the inventory is gone")

    def fail(outcome):
        if outcome.index == 150:
            raise LookupError("the screen is gone")

    async with quick() as airview:
        options = {"on_outcome": fail} if ending == "callback" else {}
        with pytest.raises(IngestAborted, match="is gone") as caught:
            await airview.ingest(
                produce() if ending == "producer" else many, state=state, **options
            )
        assert closed(caught.value.report)
        report = await airview.ingest(many, state=state)
    assert report.skipped >= caught.value.report.recorded
    assert closed(report)
    assert len(sandbox.snapshot()["monitored_resource"]) == 100


async def test_a_source_of_files_goes_on(sandbox, quick, many, state, tmp_path):
    """Events that are read from a file are the same ones when they are read again."""
    path = tmp_path / "events.jsonl"
    write_jsonl(many, path)
    async with quick() as airview:
        first = await cut_short(airview, read_jsonl(path), 100, state=state, concurrency=8)
    async with quick() as airview:
        report = await airview.ingest(many, state=state)
    assert report.skipped == first.recorded
    assert closed(report)


async def test_an_input_that_differs_is_refused(sandbox, quick, many, state):
    """Nothing of another input is sent, and what was to be sent of it is told."""
    async with quick() as airview:
        first = await cut_short(airview, many, 200, state=state, concurrency=2)
    sandbox.requests.clear()
    other = [attrs.evolve(many[0], additional_data="other"), *many[1:]]
    async with quick() as airview:
        with pytest.raises(IngestAborted, match=r"this is another input: events: are not") as told:
            await airview.ingest(other, state=state)
        assert isinstance(told.value.__cause__, InputError)
        last = first.inputs - 1
        assert f"some of the inputs 0 to {last} are others" in str(told.value)
        assert told.value.report.not_attempted >= 1
        assert closed(told.value.report)
        with pytest.raises(IngestAborted, match="the input ends after 50 of them"):
            await airview.ingest(many[:50], state=state)
        assert set(saves(sandbox)) <= set(map(str, range(first.inputs)))
        report = await airview.ingest(many, state=state)
    assert report.recorded + report.skipped == 300


async def test_bad_events_and_refusals_are_done(sandbox, quick, event, state):
    """What the rules or the server refuse is refused once."""
    sandbox.force("PUT", "/monitored-resources/", 422, times=1)
    events = [event("i-1"), event(""), "no event", event("i-2"), event("i-3")]

    async def slowly():
        for each in events:
            yield each
        await anyio.sleep_forever()

    async with quick() as airview:
        first = await cut_short(airview, slowly(), 5, state=state, concurrency=1)
        assert (first.failed, first.recorded) == (3, 2)
        report = await airview.ingest(events, state=state)
    assert (report.skipped, report.inputs) == (5, 5)


async def test_what_failed_for_all_is_tried_again(sandbox, quick, many, state):
    """A token that has run out refuses no event in particular."""
    async with quick() as airview:
        sandbox.force("PUT", "/monitored-resources/", 403, body=b'{"code": 403}')
        with pytest.raises(IngestAborted) as caught:
            await airview.ingest(many, state=state, concurrency=4)
        aborted = caught.value.report
        assert (aborted.failed, aborted.not_attempted) == (0, aborted.inputs)
        sandbox.unforce()
        report = await airview.ingest(many, state=state)
    assert report.recorded + report.skipped == 300
    taken = [each for each in sandbox.requests if each.method == "PUT" and each.status == 204]
    assert len({json.loads(each.body)["additionalData"] for each in taken}) == 300


class Losing:
    """Saves of which the answers are lost, whether they land or not.

    Args:
        patch: Puts it in place.
        airview: The client.
    """

    def __init__(self, patch, airview):
        backend = type(airview.backend)
        save = backend.save_monitored_resource
        self.landing = {}

        async def lose(inner, control, resource, status, additional_data=""):
            lands = self.landing.pop(additional_data, None)
            if lands is not False:
                await save(inner, control, resource, status, additional_data)
            if lands is not None:
                raise RequestTimeoutError("no answer").amended(method="PUT", ambiguous=True)

        patch.setattr(backend, "save_monitored_resource", lose)


@pytest.fixture
def losing(monkeypatch):
    """Lose the answers of a client's saves."""
    return lambda airview: Losing(monkeypatch, airview)


async def test_an_event_in_doubt_is_tried_again(sandbox, quick, many, state, losing):
    """What may not have landed is sent by the next run; what landed is sent once more."""
    async with quick() as airview:
        losing(airview).landing |= {"250": True, "260": False}
        first = await airview.ingest(many, state=state)
        assert (first.unknown, first.recorded) == (2, 298)
        report = await airview.ingest(many, state=state)
        assert (report.recorded, report.skipped) == (2, 298)
        with pytest.raises(ConfigurationError, match="finished"):
            await airview.ingest(many, state=state)
    assert len(sandbox.snapshot()["monitored_resource"]) == 100


async def test_an_event_in_doubt_is_left_when_a_newer_one_is_recorded(
    sandbox, quick, many, state, losing
):
    """An older state never goes over a newer one, not in the next run either."""
    async with quick() as airview:
        losing(airview).landing |= {"7": False, "150": True}
        first = await airview.ingest(many, state=state)
        assert first.unknown == 2
    with pytest.raises(ConfigurationError, match="finished"):
        async with quick() as airview:
            await airview.ingest(many, state=state)
    rows = sandbox.snapshot()["monitored_resource"]
    assert sorted(int(row["additional_data"]) for row in rows) == list(range(200, 300))


async def test_a_superseded_event_is_done_with_its_winner(sandbox, quick, event, state, losing):
    """As long as the newest is in doubt, the next run has both; then neither."""
    events = [event("i-0"), *(event("i-1", additional_data=data) for data in ("old", "new"))]
    async with quick() as airview:
        losing(airview).landing |= {"new": False}
        first = await airview.ingest(events, state=state, coalesce=True)
        assert (first.recorded, first.unknown, first.skipped) == (1, 1, 1)
        second = await airview.ingest(events, state=state)
        assert (second.recorded, second.skipped) == (2, 1)
    assert saves(sandbox) == ["", "old", "new"]


async def test_a_superseded_event_is_not_sent_after_its_winner(sandbox, quick, event, state):
    """What was passed over when the run was cut short is not sent by the next."""
    events = [event("i-1", additional_data=str(n)) for n in range(200)]
    async with quick() as airview:
        async with airview.stream(events, state=state, coalesce=True, window=50) as run:
            async for outcome in run:
                if outcome.status == "recorded":
                    break
        newest = outcome.index
        sandbox.requests.clear()
        report = await airview.ingest(events, state=state)
    assert closed(report)
    assert min(map(int, saves(sandbox))) > newest


async def test_events_that_are_coalesced_may_overtake(quick, event, state):
    """The file is told that what waits may be passed over: a white-box look, for want of a kill."""
    async with quick() as airview:
        for coalesce in (False, True):
            options = {"state": State(state, restart=True), "coalesce": coalesce}
            async with airview.stream([event("i-1")], **options) as run:
                await anext(run)
                assert run._run._journal._positions._overtaking is coalesce


@pytest.mark.parametrize("asked", [True, Reconciliation("DELETED")])
async def test_reconciling_knows_what_was_skipped(sandbox, quick, event, state, asked):
    """What an earlier run has recorded is listed by the input all the same."""
    async with quick() as airview:
        await airview.ingest([event(f"i-{n}") for n in range(60)])
        events = [event(f"i-{n}") for n in range(50)]
        await cut_short(airview, events, 30, state=state, concurrency=4)
        report = await airview.ingest(events, state=state, reconcile=asked)
    assert (report.reconciled, report.inputs) == (10, 60)
    assert report.skipped >= 30
    assert closed(report)
    with pytest.raises(ConfigurationError, match="finished"):
        async with quick() as airview:
            await airview.ingest(events, state=state, reconcile=asked)


async def test_reconciling_that_was_cut_short_is_done_again(sandbox, quick, event, state, losing):
    """A batch is finished when its reconciliation is."""
    async with quick() as airview:
        await airview.ingest([event(f"i-{n}") for n in range(20)])
        events = [event(f"i-{n}", additional_data="x") for n in range(10)]
        losing(airview).landing |= {"": False}
        first = await airview.ingest(events, state=state, reconcile=True)
        assert (first.recorded, first.unknown) == (19, 1)
        second = await airview.ingest(events, state=state, reconcile=True)
    assert (second.skipped, second.reconciled, second.recorded) == (10, 1, 1)


async def test_one_batch_at_a_time_has_the_file(sandbox, quick, many, state):
    """A second task is refused, and the first goes on undisturbed."""
    refused = []
    async with quick() as airview:

        async def second(outcome):
            if outcome.index == 100:
                with pytest.raises(ConfigurationError, match="is in use by another run") as caught:
                    await airview.ingest(many, state=state)
                refused.append(caught.value)

        report = await airview.ingest(many, state=state, on_outcome=second)
    assert len(refused) == 1
    assert report.recorded == 300


async def test_a_run_that_is_cancelled_before_it_begins_gives_its_files_back(
    quick, many, state, tmp_path
):
    """A file is not held by a stream that was entered and never came to run."""
    files = {"state": state, "dead_letters": tmp_path / "dead.jsonl"}
    async with quick() as airview:
        with anyio.CancelScope() as scope:
            async with airview.stream(many, **files):
                scope.cancel()
        report = await airview.ingest(many[:3], **files)
    assert report.recorded == 3


async def test_what_is_behind_an_event_that_was_given_up_is_not_overwritten(
    sandbox, quick, event, state
):
    """A newer event that is saved while the batch ends for a refused credential stays."""
    events = [event("i-1", "FLAGGED"), event("i-1", "MONITORING")]
    async with quick() as airview:
        await airview.handle_compliance_event(event("i-1", "DELETED"))
        # Which of them is sent before nothing more may be is for the event loop to say.
        for attempt in range(100):
            one_run = State(state, run=str(attempt))
            sandbox.force("PUT", "/monitored-resources/", 403, body=b'{"code": 403}', times=1)
            with pytest.raises(IngestAborted) as caught:
                await airview.ingest(events, state=one_run)
            if caught.value.report.recorded:
                break
        report = caught.value.report
        assert (report.recorded, report.not_attempted) == (1, 1)
        again = await airview.ingest(events, state=one_run)
    assert again.skipped == 2
    [row] = sandbox.snapshot()["monitored_resource"]
    assert row["monitoring_state"] == "MONITORING"


async def test_a_file_of_a_mistyped_url_is_gone_on_with(sandbox, quick, many, state):
    """Nothing was recorded there, and nothing is known of it."""
    async with quick(f"{sandbox.url}/airveiw") as airview:
        with pytest.raises(IngestAborted):
            await airview.ingest(many, state=state)
    async with quick() as airview:
        assert (await airview.ingest(many, state=state)).recorded == len(many)


async def test_a_file_of_another_system_is_refused(sandbox, quick, many, state):
    """The file is bound to the server, the system and the referencing type."""
    async with quick() as airview:
        await cut_short(airview, many, 10, state=state)
    async with quick(system_name="other") as airview:
        with pytest.raises(ConfigurationError, match="is of the system name 'ccf', not 'other'"):
            await airview.ingest(many, state=state)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"state": ""}, "state: must be the path of a file"),
        ({"state": 5}, "state: must be the path of a file"),
        ({"dead_letters": b"x"}, "dead_letters: must be the path of a file"),
        ({"dead_letters": "a\0b"}, "dead_letters: must be the path of a file"),
        ({"coalesce": "no"}, "coalesce: must be a bool, not str"),
    ],
)
async def test_what_cannot_be_kept_or_sent_so_is_refused(quick, options, told):
    """What is no path, no name and no answer is named before anything is opened."""
    async with quick() as airview:
        with pytest.raises(InputError, match=told):
            await airview.ingest([], **options)
        with pytest.raises(InputError, match=told):
            airview.stream([], **options)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"path": ""}, "state: must be the path of a file"),
        ({"path": 5}, "state: must be the path of a file"),
        ({"run": ""}, "state.run: must not be empty"),
        ({"run": 5}, "state.run: must be a text, not int"),
        ({"run": date(2026, 11, 29)}, "state.run: must be a text, not date: its"),
        ({"run": "\ud800"}, "state.run: must not hold a NUL or half of a surrog"),
        ({"restart": "yes"}, "state.restart: must be a bool"),
        ({"restart": 1}, "state.restart: must be a bool"),
    ],
)
def test_a_state_that_cannot_be_is_refused_when_it_is_made(given, told):
    """The error is where the mistake is, and not where the batch is."""
    with pytest.raises(InputError, match=f"^{told}"):
        State(**{"path": "x", **given})


async def test_an_empty_batch_finishes(quick, state):
    """Nothing to do is done at once."""
    async with quick() as airview:
        report = await airview.ingest([], state=state)
        assert (report.inputs, report.requests) == (0, 0)
        with pytest.raises(ConfigurationError, match="finished"):
            await airview.ingest([], state=state)


async def test_a_server_that_cannot_be_asked_costs_nothing_that_is_kept(
    sandbox, quick, many, state
):
    """When what is kept cannot be checked, the run ends before it begins, and the file stays."""
    async with quick() as airview:
        first = await cut_short(airview, many, 100, state=state, concurrency=4)
    sandbox.force("GET", "/systems/", 401, times=1)
    async with quick() as airview:
        with pytest.raises(IngestAborted, match="what was kept of an earlier run cannot be"):
            await airview.ingest(many, state=state)
        report = await airview.ingest(many, state=state)
    assert report.skipped == first.recorded


class Disk:
    """A disk that is slow, or full, when it is told to.

    Args:
        patch: Puts it in place.
    """

    def __init__(self, patch):
        write = StateFile.write
        self.free = threading.Event()
        self.full = 0
        self.free.set()
        self.written = threading.Event()

        def slowly(file, step, ids):
            assert self.free.wait(20)
            if self.full:
                self.full -= 1
                raise ConfigurationError("state: no space left")
            write(file, step, ids)
            self.written.set()

        patch.setattr(StateFile, "write", slowly)


@pytest.fixture
def disk(monkeypatch):
    """The disk of the files of state."""
    return Disk(monkeypatch)


async def test_saves_wait_for_what_is_not_written(sandbox, quick, many, state, disk):
    """However slow the disk, no more outcomes than two for each request can be lost."""
    found = []

    async def hold():
        """Stop the disk once the batch is under way, and look how far the batch comes."""
        while not saves(sandbox):  # noqa: ASYNC110 - a request log has no event to wait for
            await anyio.sleep(0.005)
        disk.free.clear()
        before, stalled = len(saves(sandbox)), 0
        while stalled < 30:
            await anyio.sleep(0.01)
            now = len(saves(sandbox))
            stalled = stalled + 1 if now == before else 0
            before = now
        found.append(before)
        disk.free.set()

    async with quick() as airview, anyio.create_task_group() as tasks:
        tasks.start_soon(hold)
        report = await airview.ingest(many, state=state, concurrency=8)
    assert report.recorded == 300
    # Those that were written before the disk stopped, and two for each request.
    assert found[0] <= 2 * 8 + 2 * 8


async def test_saves_do_not_wait_for_the_clock(sandbox, quick, many, state, monkeypatch):
    """When enough is due it is written at once, and saves that wait for that go on."""
    monkeypatch.setattr(_journal, "_INTERVAL", 3600)
    async with quick(settle=0.0) as airview:
        with anyio.fail_after(30):
            report = await airview.ingest(many, state=state, concurrency=4)
    assert report.recorded == 300


async def test_what_is_handed_over_while_the_files_are_busy_is_not_lost(quick, event, state):
    """A run that is cancelled while a step waits for the files writes that step: white-box."""
    released = threading.Event()
    async with quick() as airview:
        run = airview.stream([event("i-1")], state=state)._run
        journal = run._journal
        await journal.open()
        await journal.begin(run._reading)
        run._admit(event("i-1"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(journal._in_thread, lambda: released.wait(10))
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(journal._write)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
            released.set()
        assert journal._state.progress().taken == 1
        await journal.aclose()


async def test_what_is_done_is_written_soon(sandbox, quick, event, state, disk):
    """An outcome is written though no other follows it."""

    async def slowly():
        yield event("i-1")
        while not saves(sandbox):  # noqa: ASYNC110 - a request log has no event to wait for
            await anyio.sleep(0.005)
        disk.written.clear()
        assert await anyio.to_thread.run_sync(disk.written.wait, 10)

    async with quick() as airview:
        report = await airview.ingest(slowly(), state=state)
    assert report.recorded == 1


@pytest.mark.parametrize("times", [1, 1000])
async def test_a_disk_that_is_full_ends_the_batch(sandbox, quick, many, state, disk, times):
    """What cannot be kept is not gone on with, not even when there is room again."""

    def fill(outcome):
        if outcome.index == 50:
            disk.full = times

    async with quick() as airview:
        with pytest.raises(IngestAborted, match="cannot be kept: state: no space left") as caught:
            await airview.ingest(many, state=state, on_outcome=fill, concurrency=4)
        assert closed(caught.value.report)
        assert caught.value.report.not_attempted > 0 or caught.value.report.inputs < 300
        disk.full = 0
        report = await airview.ingest(many, state=state)
    assert 0 < report.skipped <= caught.value.report.recorded
    assert report.recorded + report.skipped == 300
    assert set(map(int, saves(sandbox))) == set(range(300))


class Hanging(httpx.AsyncBaseTransport):
    """Pass requests on, but never answer those of one method and path.

    Args:
        method: The method.
        path: The end of the path.
    """

    def __init__(self, method, path):
        self.met = anyio.Event()
        self._what = (method, path)
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request):
        if request.method == self._what[0] and request.url.path.endswith(self._what[1]):
            self.met.set()
            await anyio.sleep_forever()
        return await self._inner.handle_async_request(request)

    async def aclose(self):
        await self._inner.aclose()


@pytest.mark.parametrize(
    ("method", "path", "settled"),
    [
        ("GET", "/controls/", True),
        ("POST", "/controls/", False),
        ("PUT", "/monitored-resources/", False),
    ],
)
async def test_a_file_says_whether_requests_may_be_running(
    sandbox, quick, event, state, method, path, settled
):
    """A create or a save that was cut off may be running still; a look does not matter."""
    async with Hanging(method, path) as http, quick(http=http, settle=0.0) as airview:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(airview.ingest, [event("i-1")], state=state))
            await http.met.wait()
            tasks.cancel_scope.cancel()
        file = StateFile.open(str(state), airview._recorder.sender.config, restart=False)
        assert file.progress().settled is settled
        file.abandon()


async def test_a_run_waits_for_what_the_last_one_has_left(sandbox, quick, event, state, caplog):
    """Requests of a run that was killed may still be running: lanes stay closed until then."""
    caplog.set_level(logging.INFO)
    events = [event("i-1")]
    async with quick(settle=0.3) as airview:
        file = StateFile.open(str(state), airview._recorder.sender.config, restart=False)
        file.write(Step(), Ids())
        file.abandon()
        with anyio.fail_after(10):
            began = anyio.current_time()
            await airview.ingest(events, state=state)
            assert anyio.current_time() - began >= 0.3
        assert "requests of an earlier run may be running" in caplog.text
        caplog.clear()
        await airview.ingest(events, state=State(state, restart=True))
        assert "may be running" not in caplog.text
