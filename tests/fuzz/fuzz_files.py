"""Targets: files that somebody else wrote, or that a disk has damaged."""

import io
import re
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from fuzz_answers import run, shown

from airview_herald.airview._catalogue import Catalogue
from airview_herald.airview._config import BackendConfig
from airview_herald.airview._continuity import allowance
from airview_herald.airview._dead_letter_file import DeadLetterFile
from airview_herald.airview._known_ids import Ids, remember
from airview_herald.airview._positions import BLOCK, Positions, Step
from airview_herald.airview._rules import Rules
from airview_herald.airview._state import StateFile
from airview_herald.errors import ConfigurationError, InputError
from airview_herald.herald._settings import Settings
from airview_herald.sources import read_jsonl, read_sarif, write_jsonl

CONFIG = BackendConfig("https://airview.example.com", None, "ccf", "MONITOR", "aws_account_id")
_SECRET = re.compile(rb"(?:secret_key|access_key_id|password)\s*[=:]\s*([!-~]{8,})")
_TABLES = {"run": 12, "block": 2, "open": 4, "definition": 4, "resource": 3}


@cache
def _made() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def _file(name: str, content: bytes) -> Path:
    """Return a file with a content, in a folder that goes with the process."""
    path = Path(_made().name, name)
    path.write_bytes(content)
    return path


def _sendable(events: Any) -> None:
    """See that events are refused by a rule, or come back whole out of a file of ours."""
    kept = []
    for event in events:
        broken = Rules.broken_by(event)
        if broken is None:
            kept.append(event)
        else:
            shown(broken)
    file = io.BytesIO()
    write_jsonl(kept, file, max_line_bytes=2**24)
    file.seek(0)
    assert list(read_jsonl(file, max_line_bytes=2**24)) == kept


def jsonl_files(data: bytes) -> None:
    """JSON Lines."""
    source = read_jsonl(io.BytesIO(data), max_line_bytes=20_000)
    try:
        events = list(source)
    except InputError as error:
        shown(error)
        return
    assert len(events) == source.events
    assert source.lines == source.events + source.superseded + source.problem_count
    for problem in source.problems:
        str(problem).encode()
    _sendable(events)


def sarif_reports(data: bytes) -> None:
    """SARIF reports."""
    source = read_sarif(io.BytesIO(data), base="/work", max_bytes=2**20)
    try:
        events = list(source)
    except InputError as error:
        str(error).encode()
        return
    left_out = source.suppressed + source.ignored + source.unassigned + source.malformed
    assert source.results == source.included + left_out
    for problem in source.problems:
        str(problem).encode()
    _sendable(events)


def settings_files(data: bytes) -> None:
    """A file of profiles, and behind a line of `===` an endpoint map."""
    profiles, _, endpoints = data.partition(b"\n===\n")
    environ = {
        "ALERTLOGIC_CONFIG": str(_file("config", profiles)),
        "ALERTLOGIC_ENDPOINT_MAP": str(_file("endpoint_map.json", endpoints)),
    }
    secrets = _SECRET.findall(profiles)
    for profile in (None, "other"):
        for endpoint in (None, "map"):
            try:
                found = Settings.find(profile=profile, global_endpoint=endpoint, environ=environ)
            except ConfigurationError as error:
                # A value may be in a place that is no secret, too.
                shown(error, *(each.decode() for each in secrets if profiles.count(each) == 1))
            else:
                repr(found).encode()
                assert found.urls


def dead_letter_files(data: bytes) -> None:
    """A file of dead letters that a batch goes on with."""
    path = _file("dead-letters.jsonl", data)
    try:
        DeadLetterFile.open(str(path), "run").close()
    except ConfigurationError as error:
        shown(error)
        assert path.read_bytes() == data, "what was refused was changed"
    else:
        assert data.startswith(path.read_bytes())


@cache
def _empty_state() -> bytes:
    path = Path(_made().name, "empty.db")
    StateFile.open(str(path), CONFIG, restart=False).close(settled=True, finished=False)
    return path.read_bytes()


def state_files(data: bytes) -> None:
    """A file of state, byte by byte."""
    _go_on(_file("state.db", data))


def state_tables(data: bytes) -> None:
    """A file of state that SQLite finds whole: rows of its tables as JSON."""
    try:
        tables = msgspec.json.decode(data, type=dict[str, list[list[Any]]])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    path = _file("state.db", _empty_state())
    with closing(sqlite3.connect(path)) as connection, connection:
        for name, columns in _TABLES.items():
            if name in tables:
                connection.execute(f"DELETE FROM {name}")  # noqa: S608 - ours
            for row in tables.get(name, []):
                try:
                    connection.execute(
                        f"INSERT INTO {name} VALUES ({','.join('?' * columns)})",  # noqa: S608
                        row,
                    )
                except (sqlite3.Error, OverflowError):
                    return
    _go_on(path)


def _go_on(path: Path) -> None:
    """Go on with a file of state as a batch does."""
    try:
        file = StateFile.open(str(path), CONFIG, restart=False)
        try:
            progress = file.progress()
            assert isinstance(progress.name, str)
            assert progress.taken >= 0
            ids = file.ids(100)
            assert isinstance(ids.system, int | None)
            for *numbers, reference in ids.resources:
                assert [type(each) for each in (*numbers, reference)] == [int, int, str]
            run(lambda: remember(ids, Catalogue(100)))
            allowance(progress)
            positions = Positions(progress.taken, doubtful=progress.doubtful, overtaking=False)
            for number in positions.unread(min(progress.taken, BLOCK) + 1):
                positions.expect(number, file.past(number))
            positions.take("an event")
            file.write(Step(), Ids())
            file.close(settled=True, finished=True)
        finally:
            file.abandon()
    except ConfigurationError as error:
        shown(error)
    finally:
        for each in Path(path.parent).glob(f"{path.name}*"):
            each.unlink()
