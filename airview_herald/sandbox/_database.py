"""AirView's tables in SQLite, which refuse what PostgreSQL refuses."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any

# Marks a file as a sandbox's: nothing else writes this number into a SQLite header.
_APPLICATION_ID = 0x41565342
_INT32 = range(-(2**31), 2**31)

APPLICATION_TYPES = ("BUSINESS_APPLICATION", "TECHNICAL_SERVICE", "APPLICATION_SERVICE")

Row = dict[str, Any]


class DatabaseError(Exception):
    """The database refused to run a statement; the server answers 500 unless a route knows better.

    Raised as itself for a value that no column of the server can hold: a text too long or with a
    NUL in it, an unknown member of an enumeration, an integer beyond 32 bits.
    """


class IntegrityError(DatabaseError):
    """A duplicate, a parent that does not exist, or a missing column: the server cannot tell."""


def _text(column: str, length: int = 500) -> str:
    return f"{column} TEXT NOT NULL CHECK (length({column}) <= {length})"


def _one_of(column: str, *members: str) -> str:
    return f"{column} TEXT NOT NULL CHECK ({column} IN {members})"


def _parent(table: str) -> str:
    return f"{table}_id INTEGER REFERENCES {table} (id)"


_TABLES = {
    "system": (_text("name"), _one_of("stage", "BUILD", "MONITOR"), "UNIQUE (name)"),
    "environment": (_text("name"), _text("abbreviation", 10), "UNIQUE (abbreviation)"),
    "service": (
        _text("name"),
        _text("reference"),
        _one_of(
            *("type", "UNKNOWN", "VIRTUAL_MACHINE", "CONTAINER", "NETWORK", "REPOSITORY"),
            *("PIPELINE", "OBJECT_STORAGE", "DATABASE", "FUNCTION", "STORAGE"),
        ),
        "UNIQUE (reference)",
    ),
    "resource_type": (
        _text("name"),
        _text("reference"),
        _parent("service"),
        "UNIQUE (reference)",
    ),
    "control": (
        _text("name"),
        _one_of(
            *("quality_model", "LOG_EXCELLENCE", "SECURITY", "RELIABILITY"),
            *("PERFORMANCE_EFFICIENCY", "COST_OPTIMISATION", "PORTABILITY"),
            "USABILITY_AND_COMPATIBILITY",
        ),
        _one_of("severity", "CRITICAL", "HIGH", "MEDIUM", "LOW"),
    ),
    "technical_control": (
        _text("name"),
        _text("reference"),
        _one_of("control_action", "LOG", "INCIDENT", "TASK", "VULNERABILITY"),
        "is_blocking INTEGER NOT NULL",
        "ttl INTEGER",
        _parent("system") + " NOT NULL",
        _parent("control"),
        "UNIQUE (reference, system_id)",
    ),
    "application": (_text("name"), _one_of("application_type", *APPLICATION_TYPES)),
    "application_environment": (
        _parent("application") + " NOT NULL",
        _parent("environment"),
    ),
    "application_environment_reference": (
        _parent("application_environment") + " NOT NULL",
        _text("type"),
        _text("reference"),
        "UNIQUE (reference, type)",
        "UNIQUE (application_environment_id, type)",
    ),
    "resource": (
        _text("name"),
        _text("reference"),
        _parent("resource_type"),
        _parent("application_environment"),
        "UNIQUE (reference, application_environment_id)",
    ),
    "monitored_resource": (
        _parent("technical_control") + " NOT NULL",
        _parent("resource") + " NOT NULL",
        _one_of("monitoring_state", "FLAGGED", "MONITORING", "DELETED", "UNRESPONSIVE"),
        _text("additional_data", 8000),
        "last_modified TEXT NOT NULL",
        "last_seen TEXT NOT NULL",
    ),
}
_INDEXES = {
    "control_by_name": "control (name)",
    "monitored_resource_by_pair": "monitored_resource (technical_control_id, resource_id)",
}


def _null_or(function: Callable[[str], str]) -> Callable[[str | None], str | None]:
    return lambda value: None if value is None else function(value)


class Database:
    """One connection, written by the server's thread and read by any.

    Args:
        path: The file to keep the rows in; in memory without one.

    Raises:
        OSError: The file cannot be used.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._lock = threading.RLock()
        try:
            self._connection = sqlite3.connect(
                ":memory:" if path is None else path, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare()
            except sqlite3.Error:
                self.close()
                raise
        except sqlite3.Error as error:
            name = "memory" if path is None else os.fspath(path)
            raise OSError(f"cannot use {name} as the sandbox's database: {error}") from error

    def _prepare(self) -> None:
        connection = self._connection
        # SQLite's own lower() and upper() leave everything but ASCII alone.
        for name, function in (("lower", str.lower), ("upper", str.upper)):
            connection.create_function(name, 1, _null_or(function), deterministic=True)
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application_id != _APPLICATION_ID:
            raise sqlite3.DatabaseError("it was not made by a sandbox")
        # The rows are as durable as a test needs: they outlive the process, not a power cut.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        with self.transaction():
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            for table, columns in _TABLES.items():
                connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {table} "
                    f"(id INTEGER PRIMARY KEY, {', '.join(columns)})"
                )
            for index, columns_of in _INDEXES.items():
                connection.execute(f"CREATE INDEX IF NOT EXISTS {index} ON {columns_of}")

    def close(self) -> None:
        """Close the connection; every row of a file is on disk then."""
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all or nothing of what is written meanwhile, and out of snapshots until then."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, sql: str, *parameters: object) -> list[Row]:
        """Run a SELECT; the keys of its rows are the names it gives its columns."""
        with self._lock:
            cursor = self._execute(sql, parameters)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def write(self, sql: str, *parameters: object) -> int:
        """Run an INSERT or UPDATE and return the number of rows it wrote."""
        with self._lock:
            return self._execute(sql, parameters).rowcount

    def insert(self, table: str, values: Row) -> int:
        """Add one row and return its id."""
        columns = ", ".join(values) or "id"
        marks = ", ".join("?" * len(values)) or "NULL"
        sql = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - schemas name both
        with self._lock:
            return self._execute(sql, tuple(values.values())).lastrowid or 0

    def snapshot(self) -> dict[str, list[Row]]:
        """Return every row of every table, ordered by id."""
        with self._lock:
            tables = {
                table: self.rows(f"SELECT * FROM {table} ORDER BY id")  # noqa: S608 - ours
                for table in _TABLES
            }
        for row in tables["technical_control"]:
            row["is_blocking"] = bool(row["is_blocking"])
        return tables

    def _execute(self, sql: str, parameters: tuple[object, ...]) -> sqlite3.Cursor:
        for value in parameters:
            if isinstance(value, str):
                storable = "\0" not in value
            else:
                storable = not isinstance(value, int) or value in _INT32
            if not storable:
                raise DatabaseError("a NUL character or an integer beyond 32 bits")
        try:
            return self._connection.execute(sql, parameters)
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_CHECK:
                raise DatabaseError(*error.args) from error
            raise IntegrityError(*error.args) from error
        except UnicodeEncodeError as error:
            raise DatabaseError(*error.args) from error
