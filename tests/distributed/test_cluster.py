"""Batches on two worker processes, against the sandbox."""

import os
import signal

import anyio
import clustered
import dask
import dask.bag
import pytest
from distributed import Client, LocalCluster
from distributed.protocol import pickle
from natural_rows import natural_rows

from airview_herald import AirView
from airview_herald.airview import Application, ComplianceEvent, _report_bar
from airview_herald.distributed import ServerSettings, ingest
from airview_herald.errors import ConfigurationError, FinishedError, IngestAborted, InputError
from airview_herald.sandbox import Sandbox
from airview_herald.sources import read_jsonl

pytestmark = [pytest.mark.alone, pytest.mark.timeout(120)]


@pytest.fixture
def anyio_backend():
    """Run on one event loop; `test_both_event_loops_work` runs on both."""
    return "asyncio"


@pytest.fixture(scope="session")
def expected(five_thousand):
    """The rows that one process makes of 5,000 events."""
    import anyio  # noqa: PLC0415 - of this fixture

    async def alone(url):
        settings = {"system_stage": "MONITOR", "referencing_type": "aws"}
        async with AirView(url, system_name="ccf", **settings) as airview:
            report = await airview.ingest(five_thousand)
        assert report.recorded == 5000

    with Sandbox() as sandbox:
        anyio.run(alone, sandbox.airview_url)
        return natural_rows(sandbox.snapshot())


async def test_a_cluster_makes_the_rows_that_one_process_makes(
    client, sandbox, settings, write, tmp_path, five_thousand, expected
):
    """5,000 events in 16 partitions on two processes: equal rows, none of them twice."""
    report = await ingest(
        client, write(five_thousand), settings, state=tmp_path / "state", partitions=16
    )
    rows = natural_rows(sandbox.snapshot())
    assert rows == expected
    assert {count for table in rows.values() for count in table.values()} == {1}
    assert (report.inputs, report.recorded, report.partitions_ended) == (5000, 5000, 16)
    posted = [each.path for each in sandbox.requests if each.method == "POST"]
    assert posted.count("/airview/technical-controls/") == 20
    looks = [each for each in sandbox.requests if each.path == "/airview/technical-controls/"]
    assert len([each for each in looks if each.method == "GET"]) == 20
    assert report.planning_requests < 80
    assert report.requests == len(sandbox.requests)


async def test_a_worker_that_is_killed_costs_nothing(
    client, sandbox, settings, write, tmp_path, five_thousand, expected
):
    """Its partition goes on elsewhere: equal rows, none of them twice."""
    victims = list(client.run(os.getpid).values())

    def kill(report):
        if victims and report.partitions_ended >= 2:
            os.kill(victims.pop(), signal.SIGKILL)
            victims.clear()

    report = await ingest(
        client,
        write(five_thousand),
        settings,
        state=tmp_path / "state",
        partitions=16,
        lease=2.0,
        progress=kill,
    )
    assert victims == []
    rows = natural_rows(sandbox.snapshot())
    # A killed process may leave applications without an environment, which nothing refers to.
    assert rows.pop("application").keys() == expected["application"].keys()
    assert rows == {table: expected[table] for table in rows}
    assert {count for table in rows.values() for count in table.values()} == {1}
    assert report.inputs == report.recorded + report.skipped == 5000
    assert report.partitions_ended == 16


async def test_a_batch_that_was_ended_goes_on_with_the_same_call(
    client, sandbox, settings, write, tmp_path
):
    """What was recorded is skipped; a finished one is refused, and restarted when told to."""
    events = clustered.events(400)
    sources, state = write(events), {"state": tmp_path / "state", "partitions": 8}

    def stop(report):
        if report.partitions_ended == 2:
            raise RuntimeError("enough")

    with pytest.raises(IngestAborted, match="progress callback raised: RuntimeError") as ended:
        await ingest(client, sources, settings, progress=stop, **state)
    first = ended.value.report
    assert first.inputs == first.recorded + first.not_attempted + first.skipped + first.unknown
    report = await ingest(client, sources, settings, **state)
    assert report.inputs == report.recorded + report.skipped == 400
    assert report.skipped >= first.recorded
    assert len(sandbox.snapshot()["monitored_resource"]) == 80
    with pytest.raises(FinishedError, match="a run that has finished; `restart=True`, or another"):
        await ingest(client, sources, settings, **state)
    again = await ingest(client, sources, settings, restart=True, **state)
    assert again.recorded == 400
    with pytest.raises(ConfigurationError, match=r"with the partitions 8, not 9"):
        await ingest(client, sources, settings, state=tmp_path / "state", partitions=9)


async def test_a_bar_tells_how_far_the_cluster_has_come(
    client, settings, write, tmp_path, monkeypatch
):
    """It knows of how many events once they are split, and is left with the whole account."""
    told, troubles, closed = [], [], []

    class Bar:
        def show(self, standing):
            told.append((standing.done, standing.total, standing.ended))
            troubles.extend(standing.troubles)

        def close(self):
            closed.append(told[-1])

    monkeypatch.setattr(_report_bar, "open_bar", lambda _: Bar())
    sources, state = write(clustered.events(60)), {"state": tmp_path / "state", "partitions": 3}
    report = await ingest(client, sources, settings, progress=True, **state)
    assert report.recorded == 60
    assert told[0] == (0, None, False)
    assert [total for _, total, _ in told if total] == [60] * (len(told) - 2)
    assert len(told) > 4
    assert closed == [(60, 60, True)]
    # The requests in flight are shared out anew as partitions end.
    assert troubles == []


async def test_a_job_of_every_night_says_which_night_it_is(
    client, sandbox, settings, write, tmp_path
):
    """The same night goes on, or has finished; another one begins anew, with other sources too."""
    state = {"state": tmp_path / "state", "partitions": 2}
    events = write(clustered.events(40))
    assert (await ingest(client, events, settings, run="monday", **state)).recorded == 40
    for run in ("monday", None):
        with pytest.raises(FinishedError, match="the run 'monday', which has finished; `restart="):
            await ingest(client, events, settings, run=run, **state)
    events = write(clustered.events(44, first=1))
    assert (await ingest(client, events, settings, run="tuesday", **state)).recorded == 44
    with pytest.raises(InputError, match=r"^run: must be a text, not int$"):
        await ingest(client, events, settings, run=3, **state)


async def test_other_sources_than_those_of_the_state_are_refused(client, settings, write, tmp_path):
    """A partition that is done had other events: nothing is passed over silently."""
    state = {"state": tmp_path / "state", "partitions": 2}
    await ingest(client, write(clustered.events(40)), settings, **state)
    with pytest.raises(InputError, match="are not those that partition"):
        await ingest(client, write(clustered.events(40, first=1)), settings, **state)
    with pytest.raises(IngestAborted, match=r"gone.jsonl cannot be read"):
        await ingest(client, [str(tmp_path / "gone.jsonl")], settings, **state)


async def test_dead_letters_are_gathered(client, sandbox, settings, tmp_path):
    """What any worker could not record is in one file, whose name nothing else had."""
    bad = ComplianceEvent("", Application("A", "a"), clustered.events(1)[0].technical_control, "X")
    letters = tmp_path / "letters.jsonl"
    bag = dask.bag.from_sequence([*clustered.events(20), bad], npartitions=3)
    report = await ingest(client, bag, settings, state=tmp_path / "state", dead_letters=letters)
    assert (report.recorded, report.failed) == (20, 1)
    assert report.failures[0].event == bad
    assert list(read_jsonl(letters)) == [bad]
    with pytest.raises(ConfigurationError, match=r"dead_letters: .* is there already"):
        await ingest(client, bag, settings, state=tmp_path / "other", dead_letters=letters)
    state = {"state": tmp_path / "state", "dead_letters": letters}
    with pytest.raises(ConfigurationError, match=r"dead_letters: .* is there already"):
        await ingest(client, bag, settings, restart=True, **state)
    # What was refused has changed nothing.
    with pytest.raises(ConfigurationError, match="has finished"):
        await ingest(client, bag, settings, **state)


async def test_letters_that_cannot_be_gathered_end_the_batch(client, settings, tmp_path):
    """With its report; they stay in the folder, where the same call gathers them."""
    bad = ComplianceEvent("", Application("A", "a"), clustered.events(1)[0].technical_control, "X")
    place = tmp_path / "letters"
    place.mkdir()
    source = dask.delayed([*clustered.events(20), bad])
    state = {"state": tmp_path / "state", "dead_letters": place / "letters.jsonl"}

    def leave(report):
        if place.exists():
            place.rmdir()

    with pytest.raises(IngestAborted, match=r"cannot be gathered: dead_letters: .* written") as end:
        await ingest(client, source, settings, progress=leave, **state)
    assert (end.value.report.recorded, end.value.report.failed) == (20, 1)
    assert list((tmp_path / "state" / "pieces").iterdir()) == []
    place.mkdir()
    with pytest.raises(ConfigurationError, match="has finished"):
        await ingest(client, source, settings, **state)
    assert list(read_jsonl(place / "letters.jsonl")) == [bad]


async def test_what_gives_no_event_is_told(client, settings, tmp_path):
    """Lines and objects that are no events are problems, as for one process; none is lost."""
    file = tmp_path / "events.jsonl"
    file.write_text("no event\n")
    sources = [file, dask.delayed(lambda: [*clustered.events(4), "no event"])()]
    report = await ingest(
        client, sources, settings, state=tmp_path / "state", reconcile=True, partitions=2
    )
    assert (report.recorded, report.problem_count) == (4, 2)
    assert [each.where for each in report.problems] == ["line 1", "event 5"]
    assert report.reconciled is None
    assert report.unreconciled


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"], indirect=False)
async def test_a_source_that_cannot_be_read_ends_the_batch(
    client, sandbox, settings, tmp_path, anyio_backend
):
    """Before anything is sent; the error names it. On both event loops."""
    with pytest.raises(IngestAborted, match=r"gone.jsonl cannot be read: FileNotFoundError"):
        await ingest(client, [tmp_path / "gone.jsonl"], settings, state=tmp_path / "state")
    assert len(sandbox.requests) == 0


async def test_a_cluster_without_workers_is_waited_for(client, settings, write, tmp_path, caplog):
    """And it says so: it would look like one that hangs."""
    with LocalCluster(n_workers=0, dashboard_address=":0") as empty, Client(empty) as connected:
        with anyio.move_on_after(1):
            await ingest(connected, write(clustered.events(4)), settings, state=tmp_path / "state")
    assert "the cluster has no workers: waiting for one" in caplog.text


class Watched(Client):
    """A client that keeps what it hands to the scheduler, pickled."""

    def submit(self, function, *arguments, **options):
        self.__dict__.setdefault("pickled", []).append(pickle.dumps((function, arguments)))
        return super().submit(function, *arguments, **options)


@pytest.mark.parametrize("where", ["environment", "factory"])
async def test_secrets_stay_where_they_are(client, write, tmp_path, where):
    """Workers find their credential; it is neither in the graph nor in the shared folder."""
    secret = "planted-client-secret-8d1f"
    with Sandbox(require_token=True, client_id="cluster", client_secret=secret) as sandbox:
        if where == "environment":
            credential = None
            variables = {
                "AIRVIEW_TOKEN_URL": sandbox.token_url,
                "AIRVIEW_CLIENT_ID": "cluster",
                "AIRVIEW_CLIENT_SECRET": secret,
            }
        else:
            credential = clustered.kept_credential
            variables = {"CLUSTER_CREDENTIAL": str(tmp_path / "credential.json")}
            (tmp_path / "credential.json").write_text(
                f'{{"token_url": "{sandbox.token_url}", "client_id": "cluster", '
                f'"client_secret": "{secret}"}}'
            )
        client.run(clustered.set_variables, variables)
        settings = ServerSettings(
            base_url=sandbox.airview_url,
            system_name="ccf",
            referencing_type="aws",
            credential=credential,
        )
        try:
            with Watched(client.scheduler.address) as watched:
                report = await ingest(
                    watched, write(clustered.events(40)), settings, state=tmp_path / "state"
                )
        finally:
            client.run(clustered.set_variables, dict.fromkeys(variables))
    assert report.recorded == 40
    assert len(watched.pickled) > 2
    kept = [each.read_bytes() for each in (tmp_path / "state").rglob("*") if each.is_file()]
    assert not any(secret.encode() in each for each in (*watched.pickled, *kept))


async def test_a_credential_that_is_refused_ends_the_batch(client, write, tmp_path):
    """No partition is begun: the first request says so."""
    with Sandbox(require_token=True) as sandbox:
        settings = ServerSettings(
            base_url=sandbox.airview_url, system_name="ccf", referencing_type="aws"
        )
        with pytest.raises(IngestAborted, match="what all partitions share cannot be recorded"):
            await ingest(client, write(clustered.events(8)), settings, state=tmp_path / "state")
