"""A server that was set back, or of which rows were replaced, between two runs of one batch."""

import contextlib
import shutil
import sqlite3
from functools import partial

import attrs
import httpx
import pytest

from airview_herald.airview import (
    Application,
    Control,
    Environment,
    QualityModel,
    TechnicalControl,
    _continuity,
)
from airview_herald.airview._continuity import still_there
from airview_herald.airview._looks import LOOKS
from airview_herald.airview._notes import Notes
from airview_herald.airview._state import StateFile
from airview_herald.errors import IngestAborted
from airview_herald.sandbox import Sandbox

_KINDS = LOOKS.keys() - {"service", "resource_type"}
_ENVIRONMENT = Environment("Production", "PRD")


@pytest.fixture
def varied(event):
    """Two hundred events of ten applications and five technical controls."""
    applications = [
        Application(f"App {n}", f"app-{n}", environment=_ENVIRONMENT) for n in range(10)
    ]
    controls = [
        TechnicalControl(
            f"Check {n}", f"check-{n}", "LOG", control=Control(f"Rule {n}", QualityModel.SECURITY)
        )
        for n in range(5)
    ]
    return [
        event(
            f"i-{n}",
            application=applications[n % 10],
            technical_control=controls[n % 5],
            additional_data=str(n),
        )
        for n in range(200)
    ]


async def cut_short(airview, events, after, **options):
    """Leave a batch after some outcomes, and return its report."""
    async with airview.stream(events, **options) as run:
        seen = 0
        async for _ in run:
            seen += 1
            if seen == after:
                break
    return run.report


@pytest.fixture
def restored(tmp_path):
    """A server that can be set back to what it was, at the same address."""

    class Restorable:
        def __init__(self):
            self.database = tmp_path / "server.db"
            self.sandbox = Sandbox(self.database)
            self.sandbox.start()
            self.url = self.sandbox.airview_url

        def set_back(self, backup=None):
            port = httpx.URL(self.url).port
            self.sandbox.stop()
            for file in tmp_path.glob("server.db*"):
                file.unlink()
            if backup is not None:
                shutil.copy(backup, self.database)
            self.sandbox = Sandbox(self.database, port=port)
            self.sandbox.start()

        @contextlib.contextmanager
        def down(self):
            """Stop it, give its database, and start it again."""
            port = httpx.URL(self.url).port
            self.sandbox.stop()
            with contextlib.closing(sqlite3.connect(self.database)) as connection, connection:
                yield connection
            self.sandbox = Sandbox(self.database, port=port)
            self.sandbox.start()

        def back_up(self):
            port = httpx.URL(self.url).port
            self.sandbox.stop()
            shutil.copy(self.database, tmp_path / "backup.db")
            self.sandbox = Sandbox(self.database, port=port)
            self.sandbox.start()
            return tmp_path / "backup.db"

    server = Restorable()
    yield server
    server.sandbox.stop()


@contextlib.contextmanager
def _kept(airview, state):
    """Give what a file keeps, and who asks."""
    recorder = airview._recorder
    file = StateFile.open(str(state), recorder.sender.config, restart=True)
    ids = file.ids(10)
    file.abandon()

    @contextlib.contextmanager
    def reading():
        yield recorder.asker(recorder.sender.transport.operation(), Notes())

    yield ids, reading


@pytest.mark.parametrize("lost", ["nothing", "system", *sorted(_KINDS), "resource"])
async def test_the_newest_of_each_table_is_looked_for(quick, event, state, lost):
    """A server that has another id for what was newest, or none, has lost something."""
    async with quick() as airview:
        await airview.ingest([event(f"i-{n}") for n in range(3)], state=state)
        with _kept(airview, state) as (ids, reading):
            assert {kind for kind, *_ in ids.definitions} == _KINDS
            if lost == "system":
                ids.system += 1
            elif lost == "resource":
                ids.resources.append((99, *ids.resources[-1][1:]))
            ids.definitions = [
                (kind, number + (kind == lost), row) for kind, number, row in ids.definitions
            ]
            seen = await still_there(ids, reading, 0, at_once=2)
    assert (seen is not None) is (lost == "nothing")


async def _resume(restored, quick, events, state, change, allowance=None):
    """Cut a batch short, change the server's database, and go on; return the report."""
    async with quick(restored.url) as airview:
        first = await cut_short(airview, events, 120, state=state, concurrency=4)
    assert first.recorded >= 120 - 1
    with restored.down() as connection:
        change(connection)
    with pytest.MonkeyPatch.context() as patch:
        if allowance is not None:
            patch.setattr(_continuity, "_LOOKS_AT_FIRST", allowance)
        async with quick(restored.url) as airview:
            return await airview.ingest(events, state=state)


def _replace_place(number, connection):
    """Delete an application's place with all that hangs on it, and make it again."""
    for table, column in (
        ("monitored_resource", "resource_id"),
        ("resource", "application_environment_id"),
    ):
        inner = "SELECT ?" if column.startswith("app") else (
            "SELECT id FROM resource WHERE application_environment_id = ?"
        )  # fmt: skip
        connection.execute(f"DELETE FROM {table} WHERE {column} IN ({inner})", (number,))  # noqa: S608
    connection.execute("UPDATE application_environment SET id = 9000 WHERE id = ?", (number,))
    connection.execute(
        "UPDATE application_environment_reference SET application_environment_id = 9000 "
        "WHERE application_environment_id = ?",
        (number,),
    )


def _replace_check(number, connection):
    """Delete a technical control with all that hangs on it, and make it again."""
    connection.execute(
        "DELETE FROM monitored_resource WHERE technical_control_id = ?", (number,)
    )  # fmt: skip
    connection.execute("UPDATE technical_control SET id = 9000 WHERE id = ?", (number,))


def _lose_application(number, connection):
    """Have an application's id be another application's."""
    connection.execute("UPDATE application SET id = 9000 WHERE id = ?", (number,))
    connection.execute(
        "UPDATE application_environment SET application_id = 9000 WHERE application_id = ?",
        (number,),
    )


def _rename_environment(_, connection):
    """Have an environment's id be another environment's."""
    connection.execute("UPDATE environment SET abbreviation = 'OLD'")


@pytest.mark.parametrize("number", [1, 3, 5])
@pytest.mark.parametrize("replace", [_replace_place, _replace_check])
async def test_a_row_that_was_replaced_is_found_out(
    restored, quick, varied, state, replace, number
):
    """One row in the middle, whatever its place in the table: everything is sent again."""
    report = await _resume(restored, quick, varied, state, partial(replace, number))
    assert report.server_restored
    assert (report.recorded, report.skipped) == (200, 0)
    rows = restored.sandbox.snapshot()["monitored_resource"]
    assert sorted(int(row["additional_data"]) for row in rows) == list(range(200))


@pytest.mark.parametrize("replace", [_lose_application, _rename_environment])
async def test_lists_tell_of_all_rows_without_an_allowance(restored, quick, varied, state, replace):
    """Environments and applications cost one request each, however many there are."""
    report = await _resume(restored, quick, varied, state, partial(replace, 3), allowance=-99)
    assert report.server_restored
    assert (report.recorded, report.skipped) == (200, 0)


async def test_an_application_that_was_renamed_is_still_there(restored, quick, varied, state):
    """A name may be changed: the application is looked for by its reference."""

    def rename(connection):
        connection.execute("UPDATE application SET name = 'New' WHERE id = 3")

    report = await _resume(restored, quick, varied, state, rename, allowance=-99)
    assert not report.server_restored
    assert report.skipped > 0


async def test_a_list_that_is_not_to_be_had_is_gone_on_without(restored, quick, varied, state):
    """A server that does not list its applications can be recorded to all the same."""
    async with quick(restored.url) as airview:
        await cut_short(airview, varied, 120, state=state, concurrency=4)
    restored.sandbox.force("GET", "/applications/", 404)
    async with quick(restored.url) as airview:
        report = await airview.ingest(varied, state=state)
    assert report.skipped > 0
    assert report.recorded + report.skipped == 200


async def test_a_credential_without_the_list_ends_the_run(restored, quick, varied, state):
    """What no request would be granted is not gone on without."""
    async with quick(restored.url) as airview:
        await cut_short(airview, varied, 120, state=state, concurrency=4)
    restored.sandbox.force("GET", "/applications/", 403, times=1)
    async with quick(restored.url) as airview:
        with pytest.raises(IngestAborted, match="what was kept of an earlier run cannot be"):
            await airview.ingest(varied, state=state)
        report = await airview.ingest(varied, state=state)
    assert report.skipped > 0


async def test_looks_go_round(restored, quick, varied, state, monkeypatch):
    """With an allowance for some, those that were seen longest ago are looked at, resume by resume.

    So however often a run is killed, looking costs no more than the allowance, and everything is
    looked at in time.
    """
    monkeypatch.setattr(_continuity, "_LOOKS_AT_FIRST", 0)
    monkeypatch.setattr(_continuity, "_INPUTS_FOR_A_LOOK", 10)
    looked = set()
    spent = []
    for number in range(1, 8):
        before = len(restored.sandbox.requests)
        async with quick(restored.url) as airview:
            await cut_short(airview, varied, 25 * number, state=state, concurrency=1)
            looks = [
                request.query
                for request in restored.sandbox.requests[before:]
                if request.path.endswith(("referenced-application-environments/", "l-controls/"))
                and request.method == "GET"
            ]
        if number > 1:
            looked.update(looks)
            spent.append(len(looks))
    assert len(looked) == 15
    assert max(spent) <= 2 + 4


@pytest.mark.parametrize("with_backup", [False, True])
async def test_a_restored_server_gets_everything_again(
    restored, quick, event, many, state, caplog, with_backup
):
    """Ids and outcomes of a server that has lost rows are dropped, and that is said."""
    async with quick(restored.url) as airview:
        await airview.ingest([event("i-0"), event("i-1")])
    backup = restored.back_up() if with_backup else None
    async with quick(restored.url) as airview:
        first = await cut_short(airview, many, 200, state=state, concurrency=8)
        assert not first.server_restored
    restored.set_back(backup)
    async with quick(restored.url) as airview:
        report = await airview.ingest(many, state=state)
    assert report.server_restored
    assert (report.recorded, report.skipped) == (300, 0)
    assert f"{state}: the server was restored" in caplog.text
    rows = restored.sandbox.snapshot()["monitored_resource"]
    assert len(rows) == 100
    assert {int(row["additional_data"]) for row in rows} == set(range(200, 300))


async def test_a_server_that_is_restored_meanwhile_gets_everything_with_the_next_run(
    quick, many, state, caplog
):
    """What a run had recorded before the server was restored is not taken for recorded."""
    with Sandbox() as before, Sandbox() as after:
        async with quick(before.airview_url) as airview:
            await cut_short(airview, many, 150, state=state, concurrency=4)
            sender = airview.backend._sender
            options = attrs.evolve(sender.transport.options, base_url=after.airview_url)
            elsewhere = sender.transport.with_options(options)

            def move(outcome):
                if outcome.status == "recorded":
                    sender.transport = elsewhere

            report = await airview.ingest(many, state=state, on_outcome=move)
            assert report.server_restored
            assert report.run_again
            assert report.inputs == 300
            assert "the next run sends all again" in caplog.text
            again = await airview.ingest(many, state=state)
        assert again.recorded == 300
        assert not again.run_again
        rows = after.snapshot()["monitored_resource"]
        assert sorted(int(row["additional_data"]) for row in rows) == list(range(200, 300))


async def test_without_a_file_too_a_batch_asks_to_be_run_again(quick, many):
    """What it recorded before the server was restored may be lost, and nothing is reconciled."""
    with Sandbox() as before, Sandbox() as after:
        async with quick(before.airview_url) as airview:
            sender = airview.backend._sender
            options = attrs.evolve(sender.transport.options, base_url=after.airview_url)
            elsewhere = sender.transport.with_options(options)

            def move(outcome):
                if outcome.index == 100:
                    sender.transport = elsewhere

            lost = await airview.ingest(many, reconcile=True, on_outcome=move)
            again = await airview.ingest(many, reconcile=True)
    assert (lost.server_restored, lost.run_again) == (True, True)
    assert lost.reconciled is None
    assert lost.unreconciled == "the server was restored while the batch ran"
    assert (again.recorded, again.reconciled) == (300, 0)
    assert (again.server_restored, again.run_again) == (False, False)


async def test_a_server_that_was_restored_between_batches_asks_for_nothing(quick, many):
    """A client that finds it out with the first event of a batch records all of that batch."""
    with Sandbox() as before, Sandbox() as after:
        async with quick(before.airview_url) as airview:
            await airview.ingest(many)
            sender = airview.backend._sender
            options = attrs.evolve(sender.transport.options, base_url=after.airview_url)
            sender.transport = sender.transport.with_options(options)
            report = await airview.ingest(many, concurrency=1)
        assert len(after.snapshot()["monitored_resource"]) == 100
    assert (report.recorded, report.server_restored, report.run_again) == (300, True, False)
