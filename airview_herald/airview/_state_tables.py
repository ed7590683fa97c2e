"""The tables of a file of state, and how they take in what has happened.

What calls these has a transaction open.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Sequence

import msgspec

from airview_herald.airview._known_ids import Ids
from airview_herald.airview._positions import Step

_SCHEMA = """
CREATE TABLE run (
    base_url TEXT, system_name TEXT, referencing_type TEXT, name TEXT, system_id INTEGER,
    likelihood REAL, taken INTEGER, tail TEXT, alive REAL, settled INTEGER, finished INTEGER,
    looks INTEGER, called TEXT
);
CREATE TABLE block (number INTEGER PRIMARY KEY, digest TEXT);
CREATE TABLE open (position INTEGER PRIMARY KEY, print TEXT, lane TEXT, doubtful INTEGER);
CREATE INDEX doubt ON open (lane) WHERE doubtful;
CREATE TABLE definition (
    kind TEXT, id INTEGER, row TEXT, seen REAL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE TABLE resource (id INTEGER PRIMARY KEY, place INTEGER, reference TEXT);
"""

_GIVEN = """
WITH given (a, b, c, d) AS (
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'),
           json_extract(value, '$[2]'), json_extract(value, '$[3]')
    FROM json_each(?)
)
"""


def make(connection: sqlite3.Connection, key: tuple[str, str, str], called: str) -> None:
    """Make the tables of a run that has taken nothing.

    Args:
        connection: To an empty file.
        key: The server's base URL, the system's name, and the referencing type.
        called: What the run is called.
    """
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(
        "INSERT INTO run VALUES (?, ?, ?, ?, NULL, NULL, 0, '', ?, 1, 0, 0, ?)",
        (*key, uuid.uuid4().hex, time.time(), called),
    )


def adopt(connection: sqlite3.Connection, key: tuple[str, str, str]) -> None:
    """Assign a file to this server if its run never found its system, because of a wrong URL say.

    Args:
        connection: To the file.
        key: The server's base URL, the system's name, and the referencing type.
    """
    connection.execute(
        "UPDATE run SET base_url = ?, system_name = ?, referencing_type = ? "
        "WHERE system_id IS NULL",
        key,
    )


def follow(connection: sqlite3.Connection, step: Step) -> None:
    """Note what became of inputs."""
    if step.reached is not None:
        connection.execute("UPDATE run SET taken = ?, tail = ?", step.reached)
    _each(connection, "INSERT OR REPLACE INTO block SELECT a, b FROM given", step.blocks)
    _each(
        connection,
        "INSERT OR REPLACE INTO open SELECT a, b, c, d FROM given",
        [(row.position, row.print, row.lane, row.doubtful) for row in step.opened],
    )
    _each(
        connection,
        "DELETE FROM open WHERE position IN (SELECT a FROM given)",
        [(position,) for position in step.closed],
    )
    connection.executemany(
        "DELETE FROM open WHERE doubtful AND lane = ? AND position < ?", step.recorded
    )


def keep(connection: sqlite3.Connection, ids: Ids) -> None:
    """Note what was learnt of the server."""
    if ids.system is not None:
        values = (ids.system, ids.likelihood)
        connection.execute("UPDATE run SET system_id = ?, likelihood = ?", values)
    now = time.time()
    definitions = (
        "INSERT INTO definition SELECT a, b, c, d FROM given WHERE true "
        "ON CONFLICT DO UPDATE SET row = excluded.row"
    )
    _each(connection, definitions, [(*each, now) for each in ids.definitions])
    seen = (
        "UPDATE definition SET seen = (SELECT max(c) FROM given) "
        "WHERE (kind, id) IN (SELECT a, b FROM given)"
    )
    _each(connection, seen, [(*each, now) for each in ids.seen])
    connection.execute("UPDATE run SET looks = looks + ?", (ids.looks,))
    resources = "INSERT OR REPLACE INTO resource SELECT a, b, c FROM given"
    _each(connection, resources, ids.resources)


def begin_anew(connection: sqlite3.Connection) -> None:
    """Forget how far the run has come; what is known of the server stays."""
    connection.execute("DELETE FROM open")
    connection.execute("DELETE FROM block")
    connection.execute(
        "UPDATE run SET taken = 0, tail = '', finished = 0, looks = 0, name = ?",
        (uuid.uuid4().hex,),
    )


def forget(connection: sqlite3.Connection) -> None:
    """Forget everything: the server was restored."""
    begin_anew(connection)
    connection.execute("DELETE FROM definition")
    connection.execute("DELETE FROM resource")
    connection.execute("UPDATE run SET system_id = NULL, likelihood = NULL")


def _each(
    connection: sqlite3.Connection, statement: str, rows: Sequence[Sequence[int | float | str]]
) -> None:
    """Run a statement over the columns a to d of rows that are handed over as one value.

    For each step of a statement the interpreter's lock is let go and waited for again, while the
    event loop has it: with a step for each row that takes longer than all the rest.
    """
    if rows:
        given = msgspec.json.encode(rows).decode()
        connection.execute(_GIVEN + statement, (given,))
