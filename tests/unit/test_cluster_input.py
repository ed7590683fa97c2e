"""What a batch on a cluster is given, and what becomes of it on its way to the partitions."""

import json
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import clustered
import pytest
import trustme

from airview_herald.airview import Application, IngestReport, Mismatch, Reconciliation, State
from airview_herald.auth import ClientCredentials
from airview_herald.distributed import ServerSettings, ingest
from airview_herald.distributed._board import Done
from airview_herald.distributed._folder import (
    check_letters,
    clear,
    gather_letters,
    inherit,
    letters_file,
    state_file,
)
from airview_herald.distributed._holding import Task
from airview_herald.distributed._partition import done_before
from airview_herald.distributed._pieces import Pieces, Source, digest_of, split
from airview_herald.distributed._report import ClusterReport, add_up
from airview_herald.distributed._settings import Limits
from airview_herald.distributed._sources import single_sources
from airview_herald.errors import ConfigurationError, InputError
from airview_herald.sources import write_jsonl

SERVER = {"base_url": "https://example.com", "system_name": "ccf", "referencing_type": "aws"}


class Delayed:
    """What gives events when it is computed."""

    def __init__(self, events):
        self._events = events

    def compute(self, *, scheduler):
        assert scheduler == "synchronous"
        return self._events


@pytest.mark.parametrize("factory", [lambda: None, type("Local", (), {})().__str__, 5])
def test_a_credential_that_would_travel_is_refused(factory):
    """Only the name of what every process can import is in the settings."""
    with pytest.raises(ConfigurationError, match="credential: must be a function of a module"):
        ServerSettings(**SERVER, credential=factory)


def test_a_credential_travels_as_its_name(monkeypatch, tmp_path):
    """And is made where it is needed."""
    file = tmp_path / "credential.json"
    kept = {"token_url": "https://example.com/t", "client_id": "c", "client_secret": "planted-9e"}
    file.write_text(json.dumps(kept))
    monkeypatch.setenv("CLUSTER_CREDENTIAL", str(file))
    settings = ServerSettings(**SERVER, credential=clustered.kept_credential)
    assert settings.credential == "clustered:kept_credential"
    assert isinstance(settings._auth(), ClientCredentials)


def test_a_private_authority_is_a_file_of_the_workers(tmp_path):
    """It is read where requests are sent, beside what the machine trusts; what is wrong is told."""
    settings = ServerSettings(**SERVER, ca=str(tmp_path / "ca.pem"))
    with pytest.raises(ConfigurationError, match=r"^ca: .*ca\.pem"):
        settings.backend()
    trustme.CA(organization_name="Ours").cert_pem.write_to_path(tmp_path / "ca.pem")
    trusted = settings.backend()._verify.get_ca_certs()
    assert any((("organizationName", "Ours"),) in each["subject"] for each in trusted)


@pytest.mark.parametrize(
    "given", ["json:", ":f", "", "eyJhbGciOi.planted-9e", "planted-9e", "Bearer planted:9e"]
)
def test_a_credential_is_not_taken_for_the_name_of_one(given):
    """Nor is it shown: settings are printed, and travel."""
    with pytest.raises(ConfigurationError, match="credential: must be 'module:function'") as caught:
        ServerSettings(**SERVER, credential=given)
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"base_url": ""}, "base_url: "),
        ({"system_name": ""}, "system_name: must not be empty"),
        ({"system_stage": "X"}, "system_stage: must be one of"),
        ({"referencing_type": 5}, "referencing_type: must be a text, not int"),
    ],
)
def test_a_server_that_cannot_be_is_refused_when_it_is_told(changed, told):
    """And not on the workers."""
    with pytest.raises(ValueError, match=f"^{told}"):
        ServerSettings(**SERVER | changed)


@pytest.mark.parametrize("name", ["no_such_module:f", "json:no_such_name"])
def test_a_credential_that_cannot_be_imported_is_named(name):
    """The worker says so before it sends anything."""
    settings = ServerSettings(**SERVER, credential=name)
    with pytest.raises(ConfigurationError, match="cannot be imported here"):
        settings.client()


def test_a_credential_comes_from_the_environment(monkeypatch):
    """As for the command line; half of one is refused."""
    monkeypatch.setenv("AIRVIEW_TOKEN_URL", "https://example.com/t")
    with pytest.raises(ConfigurationError, match="AIRVIEW_CLIENT_ID, AIRVIEW_CLIENT_SECRET: not"):
        ServerSettings(**SERVER).client()
    assert ServerSettings(**SERVER).check() == ("https://example.com", "ccf", "aws")


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("concurrency", 0, "concurrency: must be an integer"),
        ("rate", 0, "rate: must be requests a second"),
        ("rate", "5", "rate: must be requests a second"),
        ("rate", True, "rate: must be requests a second"),
        ("lease", 0, "lease: must be a number of seconds"),
        ("lease", True, "lease: must be a number of seconds"),
        ("deadline", -1, "deadline: must be"),
        ("reconcile", Reconciliation(applications=(Application("A", "a"),)), "reconcile: takes a"),
        ("reconcile", Reconciliation(complete=bool), "reconcile: takes a state only"),
    ],
)
def test_a_limit_out_of_range_is_refused(field, value, told):
    """Before anything is read; the message names it."""
    given = {
        "concurrency": 1, "rate": None, "lease": 1.0, "deadline": 1.0, "max_cooldown": 1.0,
        "max_failures": None, "grace": 1.0, "coalesce": False, "reconcile": False,
    }  # fmt: skip
    Limits(**given).check()
    with pytest.raises(InputError, match=told):
        Limits(**given | {field: value}).check()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"progress": 5}, "progress: must be a callable, True or False"),
        ({"settings": SERVER}, "settings: must be a ServerSettings, not dict"),
        ({"state": State("x", run="monday")}, "state: must be the path of a folder; `run` and"),
        ({"state": 5}, "state: must be the path of a folder"),
        ({"dead_letters": ""}, "dead_letters: must be the path of a file"),
        ({"restart": "no"}, "restart: must be a bool, not str"),
        ({"coalesce": "no"}, "coalesce: must be a bool, not str"),
        ({"run": date(2026, 11, 29)}, r"run: must be a text, not date: its `.isoformat\(\)`, say"),
    ],
)
async def test_an_argument_of_another_kind_is_refused(monkeypatch, tmp_path, given, told):
    """Before anything is asked of the cluster, or made in the folder."""
    monkeypatch.setattr("airview_herald.distributed._ingest.Cluster", lambda _: None)
    call = {"settings": ServerSettings(**SERVER), "state": tmp_path / "state"}
    with pytest.raises(InputError, match=told):
        await ingest(None, "events.jsonl", **call | given)
    assert list(tmp_path.iterdir()) == []


async def test_what_is_no_client_of_a_cluster_is_refused(tmp_path):
    """The first argument is easily given as something else."""
    pytest.importorskip("distributed")
    with pytest.raises(ConfigurationError, match=r"client: must be a distributed\.Client, not str"):
        await ingest("tcp://127.0.0.1:8786", [], ServerSettings(**SERVER), state=tmp_path)


async def test_without_distributed_it_says_what_to_install(monkeypatch, tmp_path):
    """The extra is named, not a package."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigurationError, match=r'pip install "\.\[dask\]" in'):
        await ingest(None, [], ServerSettings(**SERVER), state=tmp_path)


def test_the_package_is_imported_without_dask():
    """What is behind an extra is loaded by those who use it."""
    code = "import sys, airview_herald.distributed; print([m for m in sys.modules if 'dask' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_sources_are_files_patterns_and_lists_of_them(tmp_path, monkeypatch):
    """In the order of their names, and of the list; names are made absolute."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.jsonl", "a.jsonl", "c[1].jsonl"):
        (tmp_path / name).touch()
    found = single_sources(["[ab].jsonl", tmp_path / "c[1].jsonl", "gone.jsonl"])
    paths = [str(tmp_path / name) for name in ("a.jsonl", "b.jsonl", "c[1].jsonl", "gone.jsonl")]
    assert [each.path for each in found] == paths


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], "sources: must not be empty"),
        ("*.jsonl", r"sources\[0\]: \*\.jsonl matches no file"),
        (["a", 5], r"sources\[1\]: must be a file, a delayed .* not int"),
        (iter(()), r"sources\[0\]: must be a file"),
    ],
)
def test_what_is_no_source_is_refused(tmp_path, monkeypatch, given, told):
    """The message says which one."""
    pytest.importorskip("dask")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=told):
        single_sources(given)


def test_a_source_is_split_by_application(tmp_path):
    """Each event is in one piece, in its order; each application in one piece only."""
    events = clustered.events(300)
    write_jsonl(events, tmp_path / "events.jsonl")
    folder = str(tmp_path / "pieces" / "0")
    manifest = split(Source("s", path=str(tmp_path / "events.jsonl")), folder, 4)
    counts = [manifest.inputs.get(n, 0) for n in range(4)]
    pieces = str(tmp_path / "pieces")
    read = [list(Pieces.of(n, pieces, 1, inputs=counts[n])) for n in range(4)]
    assert sum(counts) == 300
    assert [len(part) for part in read] == counts
    applications = [{each.application.reference for each in part} for part in read]
    assert sum(map(len, applications)) == 60
    assert all(part == sorted(part, key=lambda e: int(e.additional_data)) for part in read)
    defining = list(Pieces.defining(str(tmp_path / "pieces"), 1))
    assert len(defining) == 20
    assert {each.technical_control.reference for each in defining} == {
        each.technical_control.reference for each in events
    }


def test_a_source_that_was_split_is_not_split_again(tmp_path):
    """Pieces that others may have read never change, whatever a second computation gives."""
    folder = str(tmp_path / "0")
    first = split(Source("s", delayed=Delayed(iter(clustered.events(5)))), folder, 2)
    again = split(Source("s", delayed=Delayed([])), folder, 2)
    assert first == again
    assert sum(again.inputs.values()) == 5
    assert [each.name for each in tmp_path.iterdir()] == ["0"]


def test_a_source_that_fails_leaves_nothing(tmp_path):
    """Half a source is none."""

    def events():
        yield clustered.events(1)[0]
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError, match="gone"):
        split(Source("s", delayed=Delayed(events())), str(tmp_path / "0"), 2)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="s: gives no iterable of events, but int"):
        split(Source("s", delayed=Delayed(5)), str(tmp_path / "0"), 2)


def test_pieces_that_do_not_fit_in_memory_are_written_as_they_come(tmp_path, monkeypatch):
    """The same pieces come out."""
    events = clustered.events(50)
    whole = split(Source("s", delayed=Delayed(events)), str(tmp_path / "a" / "0"), 3)
    monkeypatch.setattr("airview_herald.distributed._pieces._HELD", 100)
    spilt = split(Source("s", delayed=Delayed(events)), str(tmp_path / "b" / "0"), 3)
    assert whole == spilt
    for number in range(3):
        count = whole.inputs.get(number, 0)
        a, b = (list(Pieces.of(number, str(tmp_path / each), 1, inputs=count)) for each in "ab")
        assert a == b


def test_what_gives_no_event_is_a_problem(tmp_path):
    """The first thousand are kept, and all are counted."""
    given = [*clustered.events(2), *range(1500)]
    manifest = split(Source("s", delayed=Delayed(given)), str(tmp_path / "0"), 2)
    assert (sum(manifest.inputs.values()), manifest.problem_count) == (2, 1500)
    assert len(manifest.problems) == 1000
    first = manifest.problems[0]
    assert (first.file, first.where, first.reason) == ("s", "event 3", "is not a ComplianceEvent")


def test_a_damaged_piece_ends_its_partition(tmp_path):
    """What was written here and cannot be read is not passed over."""
    split(Source("s", delayed=Delayed(clustered.events(1))), str(tmp_path / "0"), 1)
    with (tmp_path / "0" / "0.jsonl").open("ab") as piece:
        piece.write(b"{half a line")
    with pytest.raises(OSError, match="line 2 was written here, and is damaged"):
        list(Pieces.of(0, str(tmp_path), 1, inputs=2))


def test_pieces_that_are_gone_end_their_partition(tmp_path):
    """Another call has removed them: what is read is not all, and closes nothing."""
    for number in range(2):
        split(Source("s", delayed=Delayed(clustered.events(3))), str(tmp_path / str(number)), 1)
    pieces = Pieces.of(0, str(tmp_path), 2, inputs=6)
    assert len(list(pieces)) == 6
    events = iter(pieces)
    next(events)
    shutil.rmtree(tmp_path / "1")
    with pytest.raises(OSError, match="has 3 of 6 events that were written"):
        list(events)


def test_the_digest_of_a_partition_tells_inputs_apart(tmp_path):
    """By their content and by their order."""
    a, b = (
        split(Source("s", delayed=Delayed(clustered.events(3, first))), str(tmp_path / name), 1)
        for name, first in (("a", 0), ("b", 1))
    )
    assert digest_of([a, b], 0) != digest_of([b, a], 0)
    assert digest_of([a], 0) != digest_of([b], 0)


def task(**changed):
    """A partition with ten events."""
    given = {"call": "now", "folder": "/shared", "sources": 1, "partition": 4, "digest": "d"}
    return Task(**given | {"inputs": 10, "settings": None, "limits": None} | changed)


def test_a_partition_that_is_done_is_not_sent_again():
    """An earlier call's counts as skipped; a lost result of this one is what it was."""
    counts = {"inputs": 10, "recorded": 9, "failed": 1, "errors": {"InputError": 1}}
    assert done_before(None, task()) is None
    earlier = done_before(Done("d", "before", counts), task())
    assert (earlier.inputs, earlier.skipped, earlier.recorded) == (10, 10, 0)
    lost = done_before(Done("d", "now", counts), task())
    assert (lost.recorded, lost.failed, lost.errors) == (9, 1, {"InputError": 1})
    with pytest.raises(InputError, match="sources: are not those that partition 4"):
        done_before(Done("other", "before", counts), task())


def test_reports_add_up():
    """Counts are sums; a lost partition's events may have been recorded."""
    whole = ClusterReport(partitions=3)
    whole.plan(IngestReport(requests=7))
    whole.concurrency = (0, 0)
    for part in (
        IngestReport(inputs=3, recorded=2, failed=1, requests=9, concurrency=(2, 8), held_peak=4),
        IngestReport(inputs=2, skipped=2, reconciled=1, concurrency=(4, 16), server_restored=True),
        IngestReport(run_again=True),
    ):
        add_up(whole, part)
    whole.lose(5)
    assert (whole.inputs, whole.recorded, whole.failed, whole.skipped) == (10, 2, 1, 2)
    assert (whole.unknown, whole.requests, whole.planning_requests) == (5, 16, 7)
    assert (whole.concurrency, whole.held_peak, whole.reconciled) == ((2, 16), 4, 1)
    assert whole.server_restored
    assert whole.run_again


def test_of_many_mismatches_the_first_are_kept():
    """Each once, and as many as one process keeps, however many partitions there are."""
    whole = ClusterReport(partitions=3)
    for part in range(3):
        noted = [Mismatch("application", f"a-{n}", "name", "x", "y") for n in range(part, 800)]
        noted += [Mismatch("application", f"b-{part}-{n}", "name", "x", "y") for n in range(200)]
        add_up(whole, IngestReport(mismatches=tuple(noted)))
    assert len(whole.mismatches) == len(set(whole.mismatches)) == 1000
    assert whole.mismatches[999].key == "b-0-199"


def test_letters_are_gathered_whole(tmp_path):
    """Half a line that a lost worker has left is none; a partition may have no file."""
    (tmp_path / "0").write_bytes(b"one\ntwo\nhal")
    (tmp_path / "2").write_bytes(b"three\n")
    target = tmp_path / "letters"
    gather_letters([str(tmp_path / name) for name in "012"], str(target))
    assert target.read_bytes() == b"one\ntwo\nthree\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["0", "2", "letters"]
    with pytest.raises(ConfigurationError, match="is there already"):
        check_letters(str(target))
    with pytest.raises(ConfigurationError, match="is no folder"):
        check_letters(str(tmp_path / "none" / "letters"))
    check_letters(str(tmp_path / "new"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigurationError, match="folder cannot be written: "):
        gather_letters([str(tmp_path / "0")], str(tmp_path / "folder"))


@pytest.mark.parametrize("anew", [True, False])
def test_what_no_call_needs_any_more_is_removed(tmp_path, anew):
    """Pieces take the room of the input, and a call that was killed has left its own."""
    for name in ("pieces", "state", "dead_letters"):
        (tmp_path / name / "earlier").mkdir(parents=True)
    clear(str(tmp_path), anew=anew)
    assert list((tmp_path / "pieces").iterdir()) == []
    for name in ("state", "dead_letters"):
        assert [each.name for each in (tmp_path / name).iterdir()] == ["earlier"] * (not anew)


@pytest.mark.parametrize(
    ("files", "server", "batch", "told"),
    [
        (["a"], {}, {}, "--scheduler: needs --state"),
        (["-"], {}, {"state": "s"}, "-: workers cannot read stdin"),
        (["a"], {"token_file": "t"}, {"state": "s"}, "--token-file: workers take their"),
        (["a"], {}, {"state": "s", "window": 5}, "--window: does not go with"),
    ],
)
async def test_options_that_do_not_go_with_a_cluster_are_refused(files, server, batch, told):
    """Before anything is connected to; the message names the option."""
    command = pytest.importorskip("airview_herald.cli._cluster")
    options = {
        "system": command.System(**SERVER | server),
        "batch": command.Batch(**batch),
        "cluster": command.Cluster(scheduler="tcp://127.0.0.1:1"),
        "shown": False,
    }
    with pytest.raises(command.UsageError, match=told):
        await command.on_cluster(files, None, **options)


def test_files_that_somebody_has_locked_are_copied(tmp_path):
    """With what SQLite has beside its own; who wakes writes to the old ones."""
    for name in ("state", "dead_letters"):
        (tmp_path / name).mkdir()
    folder = str(tmp_path)
    for suffix in ("", "-wal"):
        Path(state_file(folder, 3, 0) + suffix).write_text(f"state{suffix}")
    Path(letters_file(folder, 3, 0)).write_text("letters")
    inherit(folder, 3, 0, 2)
    assert Path(state_file(folder, 3, 2)).read_text() == "state"
    assert Path(state_file(folder, 3, 2) + "-wal").read_text() == "state-wal"
    assert Path(letters_file(folder, 3, 2)).read_text() == "letters"


def test_files_that_change_all_the_time_are_not_copied(tmp_path, monkeypatch):
    """Half of one state and half of another would be none."""
    (tmp_path / "state").mkdir()
    file = Path(state_file(str(tmp_path), 3, 0))
    file.write_text("")

    def copy(theirs, ours):
        Path(theirs).write_text(Path(theirs).read_text() + "more")

    monkeypatch.setattr("shutil.copyfile", copy)
    with pytest.raises(ConfigurationError, match="is written by a worker that was lost"):
        inherit(str(tmp_path), 3, 0, 2)
