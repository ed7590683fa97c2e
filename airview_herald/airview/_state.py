"""The file in which a batch keeps what is done: one SQLite file, one run, one process at a time.

Each step is one transaction in write-ahead mode: a process that is killed loses the steps that it
had not handed over, and those are done again. The exclusive lock is SQLite's own, and ends with
its process.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Self, TypeAlias

import attrs
import msgspec

from airview_herald._quoted import quoted
from airview_herald.airview import _state_tables as tables
from airview_herald.airview._config import BackendConfig
from airview_herald.airview._event_lines import LineError, plain
from airview_herald.airview._known_ids import Ids, definition_of
from airview_herald.airview._positions import BLOCK, Past, Step
from airview_herald.errors import ConfigurationError, FinishedError, InUseError

logger = logging.getLogger("airview_herald")

# Marks a file as a state of a batch: nothing else writes this number into a SQLite header.
_APPLICATION_ID = 0x41564853
_VERSION = 3
_LONGEST_REASON = 200
# The types of the columns, which SQLite itself does not enforce.
_COUNT = Annotated[int, msgspec.Meta(ge=0)]
_RUN = tuple[str, _COUNT, float, _COUNT, _COUNT, _COUNT]
_CALLED = tuple[_COUNT, _COUNT, str]
_OF_SYSTEM = tuple[int | None, float | None]
_DEFINITION: TypeAlias = tuple[str, int, str]
_RESOURCE: TypeAlias = tuple[int, int, str]


@attrs.frozen
class Progress:
    """How far the run of a file has come.

    Attributes:
        name: Names the run, in its dead letters too.
        taken: How many inputs were taken.
        open: How many of those are not done.
        doubtful: Whether later events of their lanes may be recorded before some of those.
        alive: When it was last heard of, in seconds since the epoch.
        settled: Whether it ended with no request that may still be running.
        finished: Whether its input ended and all of it is done.
        looks: How many looks its ids have cost.
    """

    name: str
    taken: int
    open: int
    doubtful: bool
    alive: float
    settled: bool
    finished: bool
    looks: int


class StateFile:
    """A file of state, open and locked.

    Every method does file I/O. They may be called from any thread, one at a time.

    Args:
        path: Where it is.
        connection: The open file.
    """

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def open(cls, path: str, config: BackendConfig, *, restart: bool, run: str = "") -> Self:
        """Open a file, or make it, and lock it.

        Args:
            path: Where it is.
            config: The server, and the system that records.
            restart: Whether to begin anew, whatever the file has come to; ids are kept.
            run: What the run is called; another one than the file's begins anew too.

        Raises:
            ConfigurationError: It cannot be opened, is in use, is finished, or is not a file of
                this server and system; it is left as it is.
        """
        with _told(path):
            _refuse_others(path)
            connection = sqlite3.connect(
                _uri(path), uri=True, timeout=0, isolation_level=None, check_same_thread=False
            )
        opened = cls(path, connection)
        try:
            with _told(path):
                opened._prepare(config, restart=restart, run=run)
        except BaseException:
            connection.close()
            raise
        return opened

    def progress(self) -> Progress:
        """Return how far the run has come."""
        with self._using() as connection:
            (row,) = connection.execute(
                "SELECT name, taken, alive, settled, finished, looks FROM run"
            )
            (counts,) = connection.execute("SELECT count(*), total(doubtful) FROM open")
            name, taken, alive, settled, finished, looks = msgspec.convert(row, _RUN)
        return Progress(
            name=name,
            taken=taken,
            open=counts[0],
            doubtful=counts[1] > 0,
            alive=alive,
            settled=bool(settled),
            finished=bool(finished),
            looks=looks,
        )

    def past(self, number: int) -> Past:
        """Return what is known of a block of the input."""
        first = number * BLOCK
        with self._using() as connection:
            found = connection.execute("SELECT digest FROM block WHERE number = ?", (number,))
            digest = found.fetchone() or connection.execute("SELECT tail FROM run").fetchone()
            rows = connection.execute(
                "SELECT position, print FROM open WHERE position BETWEEN ? AND ?",
                (first, first + BLOCK - 1),
            ).fetchall()
        return Past(digest[0], dict(rows))

    def write(self, step: Step | None, ids: Ids) -> None:
        """Take in what has happened, at once or not at all.

        Args:
            step: What became of inputs; `None` empties the file, since the server was restored.
            ids: What was learnt of the server.
        """
        with self._using() as connection, _transaction(connection):
            if step is None:
                tables.forget(connection)
            else:
                tables.follow(connection, step)
                tables.keep(connection, ids)
            connection.execute("UPDATE run SET alive = ?, settled = 0", (time.time(),))

    def ids(self, capacity: int) -> Ids:
        """Return the ids that are kept, of resources the newest only, the newest last.

        Definitions come in the order in which they were seen.

        Args:
            capacity: How many of resources.
        """
        with self._using() as connection:
            definitions = connection.execute(
                "SELECT kind, id, row FROM definition ORDER BY seen, id"
            )
            resources = connection.execute(
                "SELECT id, place, reference FROM resource ORDER BY id DESC LIMIT ?", (capacity,)
            )
            found = connection.execute("SELECT system_id, likelihood FROM run").fetchone()
            system, likelihood = msgspec.convert(found, _OF_SYSTEM)
            kept = msgspec.convert(definitions.fetchall(), list[_DEFINITION])
            for kind, _, row in kept:
                definition_of(kind, row)
            newest_first = msgspec.convert(resources.fetchall(), list[_RESOURCE])
            return Ids(system, likelihood, kept, newest_first[::-1])

    def close(self, *, settled: bool, finished: bool) -> None:
        """Close the file, which another process may open from then on.

        Args:
            settled: Whether no request may still be running.
            finished: Whether the input has ended, so that it is finished if nothing is open.
        """
        with self._using() as connection, closing(connection):
            connection.execute(
                "UPDATE run SET alive = ?, settled = ?, "
                "finished = ? AND NOT EXISTS (SELECT 1 FROM open)",
                (time.time(), settled, finished),
            )

    def abandon(self) -> None:
        """Close the file as a killed process would have left it."""
        with _told(self.path):
            self._connection.close()

    def _prepare(self, config: BackendConfig, *, restart: bool, run: str) -> None:
        """Lock the file and see that it may go on."""
        connection = self._connection
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA synchronous = NORMAL")
        key = (config.base_url, config.system_name, config.referencing_type)
        with _transaction(connection):
            # The transaction keeps others from making the file; one left half made is empty again.
            if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                tables.make(connection, key, run)
                connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {_VERSION}")
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise _damaged(self.path)
        with _transaction(connection):
            tables.adopt(connection, key)
        finished, taken, called = self._checked(key)
        anew = restart or run not in ("", called)
        if finished and not anew:
            raise finished_error(self.path, called, "`State(path, restart=True)`")
        connection.execute("PRAGMA journal_mode = WAL")
        with _transaction(connection):
            if anew:
                if taken and not finished:
                    logger.warning("state: %s: a run that was cut short is given up", self.path)
                tables.begin_anew(connection)
                connection.execute("UPDATE run SET called = ?", (run,))

    def _checked(self, key: tuple[str, str, str]) -> tuple[bool, int, str]:
        """Return what the run of this server and system has come to, and what it is called."""
        rows = self._connection.execute(
            "SELECT base_url, system_name, referencing_type, finished, taken, called FROM run"
        ).fetchall()
        if len(rows) != 1:
            raise _damaged(self.path, "it is of no run, or of several")
        [row] = rows
        names = ("base URL", "system name", "referencing type")
        for name, theirs, ours in zip(names, row[:3], key, strict=True):
            if theirs != ours:
                words = f"is of the {name} {quoted(theirs)}, not {ours!r}"
                raise _error(self.path, f"{words}: name another file, or remove this one")
        finished, taken, called = msgspec.convert(row[3:], _CALLED)
        return bool(finished), taken, called

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with _told(self.path):
            yield self._connection


def _uri(path: str, options: str = "") -> str:
    return Path(path).absolute().as_uri() + options


def _refuse_others(path: str) -> None:
    """See that a file that is there is ours, without changing it.

    SQLite looks, and not `open`: closing a file here would give away the lock that another run of
    this process has on it.
    """
    file = Path(path)
    if file.is_dir():
        raise _error(path, "is a folder")
    if not file.exists() or not file.stat().st_size:
        return
    with closing(sqlite3.connect(_uri(path, "?mode=ro&immutable=1"), uri=True)) as connection:
        identifiers = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version")
        ]
    if identifiers[0] != _APPLICATION_ID:
        raise _error(path, "is another program's")
    if identifiers[1] != _VERSION:
        raise _error(path, f"is of version {identifiers[1]}; this release reads {_VERSION}")


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Tell what SQLite and the system say of a file in words of ours."""
    try:
        yield
    except (LineError, UnicodeDecodeError, msgspec.ValidationError) as error:
        # The reason of a `LineError` may quote the file.
        raise _damaged(path, plain(str(error))[:_LONGEST_REASON]) from None
    except (sqlite3.Error, OSError) as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise InUseError(f"state: {path} is in use by another run") from None
        if name.startswith("SQLITE_NOTADB"):
            raise _error(path, "is another program's, or damaged") from None
        if name.startswith("SQLITE_CORRUPT") or "no such " in str(error):
            raise _damaged(path) from None
        raise _error(path, f"cannot be used: {error}") from error


def finished_error(path: str, called: str, restart: str) -> FinishedError:
    """Return the error of a run that is done already.

    Args:
        path: Where its state is.
        called: What it is called; empty if it has no name.
        restart: How to ask for it once more.
    """
    run = f"the run {quoted(called)}, which" if called else "a run that"
    return FinishedError(
        f"state: {path} is of {run} has finished; {restart}, or another `run`, begins anew"
    )


def _damaged(path: str, reason: str = "") -> ConfigurationError:
    why = f": {reason}" if reason else ""
    return _error(path, f"is damaged{why}; remove it to begin anew")


def _error(path: str, words: str) -> ConfigurationError:
    return ConfigurationError(f"state: {path} {words}")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
