"""Events that were not recorded, kept for another time."""

import asyncio
import contextlib
import itertools
import json
import subprocess
import sys

import anyio
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, example, given, settings

from airview_herald.airview import _journal
from airview_herald.errors import (
    BadRequestError,
    ConfigurationError,
    IngestAborted,
    InputError,
    RequestTimeoutError,
)
from airview_herald.sandbox import Sandbox
from airview_herald.sources import read_jsonl
from airview_herald.transport import Retry

STATES = ["FLAGGED", "MONITORING", "UNRESPONSIVE"]


@pytest.fixture
def path(tmp_path):
    """Where the letters go."""
    return tmp_path / "dead.jsonl"


def letters(path):
    """Return what each line says, and its event's data."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [(row["dead_letter"], row.get("additional_data")) for row in rows]


async def test_each_kind_of_failure_has_its_letter(quick, event, path, monkeypatch):
    """Failed, unknown and not attempted events are there with their errors, and no others."""
    told = [anyio.Event() for _ in range(6)]

    async def produce():
        yield event("i-0", additional_data="in doubt")
        await told[0].wait()
        yield event("", additional_data="bad")
        yield "no event"
        yield event("i-1", additional_data="late")
        yield event("i-1", additional_data="under way")
        yield event("i-1", additional_data="later")
        await anyio.sleep_forever()

    def stop(outcome):
        told[outcome.index].set()
        if outcome.index == 3:
            raise ZeroDivisionError

    async with quick() as airview:
        faults, backend = Faults([]), type(airview.backend)
        faults.plan["in doubt"] = ["lost"]
        save = faults.over(backend.save_monitored_resource)
        monkeypatch.setattr(backend, "save_monitored_resource", save)
        with pytest.raises(IngestAborted) as caught:
            await airview.ingest(
                produce(), dead_letters=path, concurrency=1, grace=0, on_outcome=stop
            )
    report = caught.value.report
    found = {letter["index"]: (letter, data) for letter, data in letters(path)}
    assert (report.inputs, sorted(found)) == (6, [0, 1, 2, 4, 5])
    in_doubt, data = found[0]
    assert (in_doubt["outcome"], data) == ("unknown", "in doubt")
    assert (in_doubt["error"]["class"], in_doubt["error"]["ambiguous"]) == (
        "RequestTimeoutError", True
    )  # fmt: skip
    bad, data = found[1]
    assert (bad["outcome"], bad["stage"], bad["attempts"], data) == ("failed", "queued", 0, "bad")
    assert bad["error"]["class"] == "InputError"
    assert found[2][0]["unreadable"] == "'no event'"
    late, data = found[5]
    assert (late["outcome"], late.get("error"), data) == ("not_attempted", None, "later")
    source = read_jsonl(path)
    assert [each.additional_data for each in source] == [
        "in doubt", "bad", "under way", "later"
    ]  # fmt: skip
    assert "input 2 was nothing that JSON holds: 'no event'" in source.problems[0].reason


async def test_letters_are_sent_again(sandbox, quick, event, path, tmp_path):
    """What is read back is recorded in another batch; what that recorded is superseded."""
    sandbox.force("PUT", "/monitored-resources/", 422, times=7)
    events = [event(f"i-{n}", additional_data=str(n)) for n in range(20)]
    async with quick() as airview:
        report = await airview.ingest(events, dead_letters=path)
        assert (report.failed, report.recorded) == (7, 13)
        # A file is not read and written by one batch.
        again = await airview.ingest(list(read_jsonl(path)), dead_letters=path)
    assert (again.recorded, again.inputs) == (7, 7)
    assert len(sandbox.snapshot()["monitored_resource"]) == 20
    source = read_jsonl(path)
    assert list(source) == []
    assert source.superseded == 7


async def test_letters_that_fail_again_do_not_double(quick, event, path):
    """However often they are sent, there is one for each event."""
    bad = [event("", additional_data=str(number)) for number in range(3)]
    async with quick() as airview:
        await airview.ingest(bad, dead_letters=path)
        for _ in range(3):
            again = list(read_jsonl(path))
            assert (await airview.ingest(again, dead_letters=path)).failed == 3
    assert list(read_jsonl(path)) == bad


async def test_a_newer_event_supersedes_as_soon_as_it_is_recorded(sandbox, quick, event, path):
    """The mark is there while the batch goes on: a kill leaves nothing to put things in order."""
    sandbox.force("PUT", "/monitored-resources/", 422, times=1)

    async def produce():
        yield event("i-1", additional_data="old")
        yield event("i-1", "MONITORING", additional_data="new")
        with anyio.fail_after(10):
            while [each["superseded"] for each, _ in letters(path)] != [1]:  # noqa: ASYNC110 - a file has no event to wait for
                await anyio.sleep(0.01)

    async with quick() as airview:
        report = await airview.ingest(produce(), dead_letters=path)
    assert (report.failed, report.recorded) == (1, 1)
    assert list(read_jsonl(path)) == []


async def test_a_cancelled_batch_leaves_its_letters(sandbox, quick, event, path):
    """What was taken and not attempted is kept, in the order of the input."""
    events = [event("i-1", additional_data=str(n)) for n in range(100)]
    async with quick() as airview:
        with anyio.CancelScope() as scope:
            await airview.ingest(events, dead_letters=path, on_outcome=lambda _: scope.cancel())
    kept = [int(each.additional_data) for each in read_jsonl(path)]
    assert kept == sorted(kept)
    assert kept[-1] == 99
    assert len(kept) >= 98


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_program_that_ends_leaves_its_letters(quick, event, path, monkeypatch):
    """`asyncio.run` cancels what is left of a program: each of its tasks, a letter on its way."""
    begun = asyncio.Event()
    write = _journal.Journal._write

    async def writing(journal):
        begun.set()
        await write(journal)

    monkeypatch.setattr(_journal.Journal, "_write", writing)

    async def produce():
        yield event("i-1", "NO STATE")
        await anyio.sleep_forever()

    async with quick() as airview:
        others = asyncio.all_tasks()
        task = asyncio.create_task(airview.ingest(produce(), dead_letters=path))
        await begun.wait()
        for each in asyncio.all_tasks() - others:
            each.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(path.read_text().splitlines()) == 1


async def test_what_a_newer_event_has_overtaken_has_no_letter(sandbox, quick, event, path):
    """A batch that ends before older events have made way says of them that they are needless."""
    events = [event("i-1", additional_data=str(n)) for n in range(5)]

    def fail(outcome):
        assert outcome.index == 4
        raise ZeroDivisionError

    async with quick() as airview:
        with pytest.raises(IngestAborted) as caught:
            await airview.ingest(events, dead_letters=path, coalesce=True, grace=0, on_outcome=fail)
    report = caught.value.report
    assert (report.recorded, report.skipped, report.not_attempted) == (1, 4, 0)
    assert list(read_jsonl(path)) == []
    (row,) = sandbox.snapshot()["monitored_resource"]
    assert row["additional_data"] == "4"


@pytest.mark.parametrize("state", [None, "state.db"])
async def test_events_that_reconciliation_adds_have_letters_too(
    sandbox, quick, event, path, tmp_path, state
):
    """What should be closed and could not be is kept like the input."""
    options = {} if state is None else {"state": tmp_path / state}
    async with quick() as airview:
        await airview.ingest([event("i-1"), event("i-2", additional_data="x")])
        sandbox.force("PUT", "/monitored-resources/", 422)

        def spare(outcome):
            sandbox.unforce()
            sandbox.force("PUT", "/monitored-resources/", 422)

        sandbox.unforce()
        events = [event("i-2", additional_data="x")]
        report = await airview.ingest(
            events, reconcile=True, dead_letters=path, on_outcome=spare, **options
        )
    assert (report.recorded, report.failed, report.reconciled) == (1, 1, 1)
    ((letter, data),) = letters(path)
    assert (letter["reconciled"], letter["index"], data) == (True, 1, "")


async def test_a_file_that_cannot_be_used_is_told_before_anything_is_sent(
    sandbox, quick, event, path, tmp_path
):
    """A mistyped path costs neither a file nor a request, and a state is not left locked."""
    path.write_text("mine\n")
    state = tmp_path / "state.db"
    async with quick() as airview:
        with pytest.raises(ConfigurationError, match="holds something else than dead letters"):
            await airview.ingest([event("i-1")], dead_letters=path, state=state)
        with pytest.raises(ConfigurationError, match="holds something else than dead letters"):
            async with airview.stream([event("i-1")], dead_letters=path, state=state):
                pass
        assert len(sandbox.requests) == 0
        report = await airview.ingest([event("i-1")], state=state)
    assert report.recorded == 1
    assert path.read_text() == "mine\n"


async def test_letters_are_not_added_to_what_is_read(quick, event, path, tmp_path):
    """They would be read, fail again and be added again, for ever."""
    async with quick() as airview:
        await airview.ingest([event("")], dead_letters=path)
        told = "^dead_letters: must not be a file that the events are read from"
        for call in (airview.ingest, airview.stream):
            with pytest.raises(InputError, match=told):
                await call(read_jsonl(f"{tmp_path}/./{path.name}"), dead_letters=path)
        other = tmp_path / "other.jsonl"
        report = await airview.ingest(read_jsonl(path), dead_letters=other)
    assert report.failed == 1
    assert list(read_jsonl(other)) == list(read_jsonl(path)) == [event("")]


class Feed(list):
    """Events of a caller's own class, which has files in a sense of its own."""

    def files(self):
        raise AssertionError("whose are they?")


async def test_what_else_has_files_is_read_as_it_is(quick, event, path):
    """Only of sources that name what they read is it known."""
    async with quick() as airview:
        for _ in range(2):
            report = await airview.ingest(Feed([event("")]), dead_letters=path)
    assert report.failed == 1


async def test_a_name_that_no_file_can_have_is_told(quick, event, tmp_path):
    """Whatever is asked of it first."""
    path = tmp_path / ("x" * 300)
    async with quick() as airview:
        with pytest.raises(ConfigurationError, match=f"^dead_letters: {path} cannot be used: "):
            await airview.ingest([event("i-1")], dead_letters=path)


async def test_two_batches_do_not_share_a_file(quick, event, path):
    """The file of dead letters has one writer."""
    refused = []
    async with quick() as airview:

        async def second(_):
            with pytest.raises(ConfigurationError, match="is in use by another run") as caught:
                await airview.ingest([], dead_letters=path)
            refused.append(caught.value)

        await airview.ingest([event("i-1")], dead_letters=path, on_outcome=second)
    assert len(refused) == 1


def test_a_batch_without_files_loads_no_database():
    """SQLite is loaded by those who use it."""
    script = "import sys, airview_herald.sources, airview_herald.airview as a; a.State('x'); "
    done = subprocess.run(
        [sys.executable, "-c", script + "print('sqlite3' in sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "False\n"


class Faults:
    """Saves that fail by the number of the event and the time it is tried.

    Args:
        plan: For each event what happens to it, one after another: `refused`, `landed` (its
            answer is lost), `lost` (so is the request). After that it is saved.
    """

    def __init__(self, plan):
        self.plan = {str(index): list(fates) for index, fates in enumerate(plan)}

    def over(self, save):
        """Return a save with these faults."""

        async def faulty(backend, control, resource, state, additional_data=""):
            fates = self.plan.get(additional_data)
            fate = fates.pop(0) if fates else "saved"
            if fate == "refused":
                raise BadRequestError("refused by the test")
            if fate != "lost":
                await save(backend, control, resource, state, additional_data)
            if fate in {"lost", "landed"}:
                raise RequestTimeoutError("no answer").amended(method="PUT", ambiguous=True)

        return faulty


class Story:
    """Batches with faults, cut short and gone on with, and their letters sent again.

    Args:
        folder: Where its files are.
        lanes: The lane of each event.
        options: The settings of each of its batches.
    """

    def __init__(self, folder, lanes, **options):
        self.rows = {}
        self._recorded = {}
        self._lanes = lanes
        self._rounds = 0
        self._folder = folder
        self._letters = {"dead_letters": folder / "dead.jsonl"}
        self._options = options | {"on_outcome": self._note}

    async def tell(self, sandbox, airview, batches, stops, replays):
        """Tell it to its end, and see after each step that what is recorded has not gone back.

        Args:
            sandbox: The server.
            airview: The client.
            batches: The inputs, one newer than the other; each is gone on with until it is done.
            stops: After how many outcomes a batch is cut short, each time it begins or goes on.
            replays: Whether letters are sent again after each batch.
        """
        for number, events in enumerate(batches):
            await self._finish(sandbox, airview, events, f"{number}.db", stops)
            if replays[number % len(replays)]:
                await self._send_again(sandbox, airview)
        rounds = 0
        while await self._send_again(sandbox, airview):
            rounds += 1
            assert rounds < 8

    async def _finish(self, sandbox, airview, events, state, stops):
        """Go on with a batch until its file says that it is done."""
        # A run may finish early: an event in doubt is done with when a newer one is recorded.
        with contextlib.suppress(ConfigurationError):
            await self._go_on(sandbox, airview, events, state, (*stops, len(events) + 1))
        with pytest.raises(ConfigurationError, match="has finished"):
            await self._go_on(sandbox, airview, events, state, [len(events) + 1] * 8)

    async def _go_on(self, sandbox, airview, events, state, stops):
        for stop in stops:
            await self._cut_short(airview, events, stop, state=self._folder / state)
            self._look(sandbox)

    async def _send_again(self, sandbox, airview):
        """Send the letters that are there, with a state every other time; return how many."""
        path = self._letters["dead_letters"]
        left = list(read_jsonl(path)) if path.exists() else []
        self._rounds += 1
        state = self._folder / f"again {self._rounds}.db" if self._rounds % 2 else None
        await airview.ingest(left, state=state, **self._letters, **self._options)
        self._look(sandbox)
        return len(left)

    async def _cut_short(self, airview, events, stop, **options):
        """Leave a batch after some outcomes."""
        seen = 0
        async with airview.stream(events, **options, **self._letters, **self._options) as run:
            async for _ in run:
                seen += 1
                if seen == stop:
                    break
        report = run.report
        done = report.recorded + report.failed + report.skipped
        assert report.inputs == done + report.unknown + report.not_attempted

    def _note(self, outcome):
        if outcome.status == "recorded":
            lane, index = outcome.event.resource_reference, int(outcome.event.additional_data)
            self._recorded[lane] = max(index, self._recorded.get(lane, -1))

    def _look(self, sandbox):
        tables = sandbox.snapshot()
        names = {row["id"]: row["reference"] for row in tables["resource"]}
        assert len(tables["monitored_resource"]) <= len(set(self._lanes))
        for row in tables["monitored_resource"]:
            lane, index = names[row["resource_id"]], int(row["additional_data"])
            assert index >= self._recorded.get(lane, -1)
            self.rows[lane] = index


FATES = st.lists(st.sampled_from(["refused", "landed", "lost"]), max_size=2)


@given(
    lanes=st.lists(st.sampled_from("abc"), min_size=1, max_size=24),
    plan=st.lists(FATES, max_size=24),
    cuts=st.lists(st.integers(0, 24), max_size=2),
    stops=st.lists(st.integers(1, 24), max_size=5),
    replays=st.lists(st.booleans(), min_size=1, max_size=3),
    coalesce=st.booleans(),
    window=st.integers(1, 12),
)
@example(
    lanes=[*"baabb"],
    plan=[[], [], ["refused"]],
    cuts=[],
    stops=[2],
    replays=[False],
    coalesce=True,
    window=5,
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_replay_puts_an_older_state_over_a_newer_one(
    connect,
    event,
    tmp_path_factory,
    monkeypatch,
    anyio_backend,
    lanes,
    plan,
    cuts,
    stops,
    replays,
    coalesce,
    window,
):
    """Batches that fail, are cut short and go on, with letters sent again between newer ones."""
    monkeypatch.setattr(_journal, "_INTERVAL", 0.01)
    story = Story(tmp_path_factory.mktemp("story"), lanes, coalesce=coalesce, window=window)

    async def run(sandbox):
        client = connect(sandbox.airview_url, settle=0.01, retry=Retry(attempts=1, base=0))
        async with client as airview:
            backend = type(airview.backend)
            with pytest.MonkeyPatch.context() as patch:
                save = Faults(plan).over(backend.save_monitored_resource)
                patch.setattr(backend, "save_monitored_resource", save)
                events = [
                    event(lane, STATES[number % 3], additional_data=str(number))
                    for number, lane in enumerate(lanes)
                ]
                edges = sorted({0, len(events), *(min(cut, len(events)) for cut in cuts)})
                batches = [events[start:end] for start, end in itertools.pairwise(edges)]
                await story.tell(sandbox, airview, batches, stops, replays)

    with Sandbox(race_window=0) as sandbox:
        anyio.run(run, sandbox, backend=anyio_backend)
    assert story.rows == {lane: index for index, lane in enumerate(lanes)}
