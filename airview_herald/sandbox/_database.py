"""The rows in SQLite, which refuses what PostgreSQL refuses or, if told to, little."""

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

# Marks a file as a sandbox's: nothing else writes this number into a SQLite header.
_APPLICATION_ID = 0x41565342
_INT32 = range(-(2**31), 2**31)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """The tables of one service.

    Attributes:
        tables: Their names.
        statements: What creates those of them that are missing.
        booleans: The tables and columns that hold 0 or 1 for a boolean.
        documents: The tables and columns that hold JSON.
    """

    tables: tuple[str, ...]
    statements: tuple[str, ...]
    booleans: tuple[tuple[str, str], ...] = ()
    documents: tuple[tuple[str, str], ...] = ()


class DatabaseError(Exception):
    """The database refused to run a statement; the server answers 500 unless a route knows better.

    Raised as itself for a value that no column of the server can hold: a text too long or with a
    NUL in it, an unknown member of an enumeration, an integer beyond 32 bits.
    """


class IntegrityError(DatabaseError):
    """A duplicate, a parent that does not exist, or a missing column: the server cannot tell."""


def require_members(rows: Iterable[Row], **columns: tuple[str, ...]) -> None:
    """Refuse rows that hold what is no member of an enumeration, as the server does on reading.

    Args:
        rows: The rows.
        columns: The members by column; a null is none of them and passes.

    Raises:
        DatabaseError: A row holds another text.
    """
    for row in rows:
        for column, members in columns.items():
            if row[column] is not None and row[column] not in members:
                raise DatabaseError(f"{row[column]!r} is no {column}")


def _storable(value: object) -> bool:
    """Whether PostgreSQL has a column for a value."""
    if isinstance(value, str):
        return "\0" not in value
    return not isinstance(value, int) or value in _INT32


def _null_or(function: Callable[[str], str]) -> Callable[[str | None], str | None]:
    return lambda value: None if value is None else function(value)


class Database:
    """One connection, written by the server's thread and read by any.

    Args:
        path: The file to keep the rows in; in memory without one.
        layouts: The tables.
        lenient: Whether to hold what SQLite holds: texts of any length and with a NUL in them,
            unknown members of an enumeration, integers of 64 bits.

    Raises:
        OSError: The file cannot be used.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None, *layouts: Layout, lenient: bool = False
    ) -> None:
        self.lenient = lenient
        self._layouts = layouts
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
        # SQLite's own lower() and upper() change only ASCII letters.
        for name, function in (("lower", str.lower), ("upper", str.upper)):
            connection.create_function(name, 1, _null_or(function), deterministic=True)
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application_id != _APPLICATION_ID:
            raise sqlite3.DatabaseError("it was not made by a sandbox")
        # Durable enough for tests: rows outlive the process, though not a power cut.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA ignore_check_constraints = {self.lenient:d}")
        with self.transaction():
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            # Files of older sandboxes lack some of the tables.
            for layout in self._layouts:
                for statement in layout.statements:
                    connection.execute(statement)

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
        """Run an INSERT, UPDATE or DELETE and return the number of rows it wrote."""
        with self._lock:
            return self._execute(sql, parameters).rowcount

    def insert(self, table: str, values: Row) -> int:
        """Add one row and return its id."""
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        what = f"({columns}) VALUES ({marks})" if values else "DEFAULT VALUES"
        sql = f"INSERT INTO {table} {what}"
        with self._lock:
            return self._execute(sql, tuple(values.values())).lastrowid or 0

    def snapshot(self) -> dict[str, list[Row]]:
        """Return every row of every table, ordered by id; booleans and JSON as what they mean."""
        with self._lock:
            tables = {
                table: self.rows(f"SELECT * FROM {table} ORDER BY rowid")  # noqa: S608 - ours
                for layout in self._layouts
                for table in layout.tables
            }
        for layout in self._layouts:
            for columns, read in ((layout.booleans, bool), (layout.documents, json.loads)):
                for table, column in columns:
                    for row in tables[table]:
                        row[column] = None if row[column] is None else read(row[column])
        return tables

    def _execute(self, sql: str, parameters: tuple[object, ...]) -> sqlite3.Cursor:
        if not (self.lenient or all(map(_storable, parameters))):
            raise DatabaseError("a NUL character or an integer beyond 32 bits")
        try:
            return self._connection.execute(sql, parameters)
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_CHECK:
                raise DatabaseError(*error.args) from error
            raise IntegrityError(*error.args) from error
        except (OverflowError, UnicodeEncodeError) as error:
            raise DatabaseError(*error.args) from error
