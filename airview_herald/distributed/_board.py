"""The board: one SQLite file in the shared folder that says who does what.

Each partition has a row, and each claim of it a number one higher than the last: so claims have an
order, whoever makes them, from whatever cluster. All that is said here is said in one transaction.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import attrs

from airview_herald.errors import ConfigurationError

logger = logging.getLogger("airview_herald")

_APPLICATION_ID = 0x41564844
_VERSION = 2
# Seconds to wait for another process's transaction.
_PATIENCE = 20.0
_SCHEMA = """
CREATE TABLE run (
    base_url TEXT, system_name TEXT, referencing_type TEXT, partitions INTEGER,
    dead_letters TEXT, called TEXT, call TEXT,
    stopped INTEGER, slowed INTEGER, pause REAL, teller INTEGER
);
CREATE TABLE partition (
    number INTEGER PRIMARY KEY, claim INTEGER, held INTEGER, guard REAL,
    generation INTEGER, digest TEXT, done TEXT, counts TEXT
);
-- A worker may be lost between the end of a partition and its release.
CREATE VIEW at_work AS SELECT number FROM partition WHERE held AND done IS NULL
"""
# The number of the partition that stands for the definitions, which are made first, once.
GROUNDWORK = -1


class OvertakenError(Exception):
    """Somebody else has claimed what was claimed here."""


@attrs.frozen(kw_only=True)
class Beginning:
    """What a call of `ingest` is to begin, or to go on with.

    Attributes:
        server: Its base URL, the system's name, and the referencing type.
        partitions: How many are asked for.
        default: How many there are if none are asked for, and none are there.
        dead_letters: The file that dead letters are gathered in.
        run: What the run is called; another one than the folder's begins anew.
        restart: Whether to begin anew in any case.
    """

    server: tuple[str, str, str]
    partitions: int | None = None
    default: int
    dead_letters: str | None = None
    run: str = ""
    restart: bool = False


@attrs.frozen
class Claim:
    """A claim of a partition.

    Attributes:
        call: The call of `ingest` that it is made for.
        partition: Which one.
        number: Which claim of it.
        wait: Seconds in which an earlier holder may still be sending.
        digest: Of what it was claimed for before; `None` if it never was.
        generation: Of its files.
    """

    call: str
    partition: int
    number: int
    wait: float
    digest: str | None
    generation: int


@attrs.frozen
class Standing:
    """What a look at the board has shown.

    Attributes:
        holders: How many partitions are held.
        rank: The looker's place among them, from 0.
        stopped: Whether all are to end.
        slowed: How often the server was said to want less.
        pause: For how many seconds it last asked to be left alone; 0 if it did not.
        told_here: Whether it was the looker who said so last.
    """

    holders: int
    rank: int
    stopped: bool
    slowed: int
    pause: float
    told_here: bool


@attrs.frozen
class Done:
    """A partition that has come to its end.

    Attributes:
        digest: Of its input.
        call: The call of `ingest` in which it did.
        counts: What became of its events there.
    """

    digest: str
    call: str
    counts: dict[str, Any]


class Board:
    """The board of a folder; its methods do file I/O, and may be called from any thread.

    Args:
        folder: The folder that all machines share.
    """

    def __init__(self, folder: str) -> None:
        self._path = Path(folder, "run.sqlite")

    def is_new(self, wanted: Beginning) -> bool:
        """Return whether a run would begin anew: there is none, or it would be given up.

        Raises:
            ConfigurationError: The folder is of another server or system, or cannot be used.
        """
        with self._open() as connection:
            return self._found(connection, wanted) is None

    def begin(self, wanted: Beginning) -> tuple[str, int]:
        """Begin a call of `ingest`: of a new run, or of the one that an earlier call has left.

        Returns:
            The name of the call, and the number of partitions.

        Raises:
            ConfigurationError: The folder is of another run, or cannot be used.
        """
        call = uuid.uuid4().hex
        with self._open() as connection:
            found = self._found(connection, wanted)
            count = wanted.partitions or (found[0] if found else wanted.default)
            ours = (count, wanted.dead_letters)
            if found is not None:
                self._compare(("partitions", "dead letters"), found, ours)
            else:
                self._begin_anew(connection)
                connection.execute(
                    "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, '', 0, 0, 0, 0)",
                    (*wanted.server, *ours, wanted.run),
                )
            connection.execute("UPDATE run SET call = ?, stopped = 0", (call,))
        return call, count

    def stop(self, call: str) -> None:
        """Let all that are at work for a call end early."""
        with self._open() as connection:
            connection.execute("UPDATE run SET stopped = 1 WHERE call = ?", (call,))

    def held(self) -> int:
        """Return how many partitions are held."""
        with self._open() as connection:
            (row,) = connection.execute("SELECT count(*) FROM at_work")
        return int(row[0])

    def done(self) -> dict[int, Done]:
        """Return the partitions that have come to their end."""
        query = "SELECT number, digest, done, counts FROM partition WHERE done IS NOT NULL"
        with self._open() as connection:
            rows = connection.execute(query).fetchall()
        return {row[0]: Done(row[1], row[2], json.loads(row[3])) for row in rows}

    def called(self) -> str:
        """Return what the run is called; empty if it has no name."""
        with self._open(write=False) as connection:
            (row,) = connection.execute("SELECT called FROM run")
        return str(row[0])

    def claim(self, call: str, partition: int, guard: float, digest: str) -> Claim:
        """Claim a partition; an earlier holder finds at its next look that it has lost it.

        Args:
            call: The call of `ingest` that it is for.
            partition: Which one.
            guard: For how long the claimant may go on after another claim, in seconds.
            digest: Of the partition's input.

        Raises:
            OvertakenError: Another call has taken up the run.
        """
        with self._open() as connection:
            self._check_call(connection, call)
            row = connection.execute(
                "SELECT claim, held, guard, digest, generation FROM partition WHERE number = ?",
                (partition,),
            ).fetchone()
            number, held, earlier, before, generation = row or (0, 0, 0.0, None, 0)
            # A claimant that was lost while it waited may leave an even earlier one running.
            connection.execute(
                "INSERT OR REPLACE INTO partition VALUES (?, ?, 1, ?, ?, ?, NULL, NULL)",
                (
                    *(partition, number + 1, max(guard, earlier) if held else guard),
                    *(generation, digest),
                ),
            )
        wait = earlier if held else 0.0
        return Claim(call, partition, number + 1, wait, before, generation)

    def look(self, claim: Claim) -> Standing:
        """Look whether a claim is the last, and what there is to heed.

        Raises:
            OvertakenError: It is not.
        """
        with self._open(write=False) as connection:
            self._check(connection, claim)
            holders = connection.execute(
                "SELECT count(*), total(number < ?) FROM at_work",
                (claim.partition,),
            ).fetchone()
            row = connection.execute("SELECT stopped, slowed, pause, teller FROM run").fetchone()
        stopped, slowed, pause, teller = row
        told_here = teller == claim.partition
        return Standing(holders[0], int(holders[1]), bool(stopped), slowed, pause, told_here)

    def slow(self, claim: Claim, pause: float) -> None:
        """Say that the server wants less.

        Raises:
            OvertakenError: The claim is not the last.
        """
        with self._open() as connection:
            self._check(connection, claim)
            connection.execute(
                "UPDATE run SET slowed = slowed + 1, pause = ?, teller = ?",
                (pause, claim.partition),
            )

    def inherit(self, claim: Claim) -> Claim:
        """Note that the files of a claim are of a new generation, and return it with that one.

        Raises:
            OvertakenError: The claim is not the last.
        """
        with self._open() as connection:
            self._check(connection, claim)
            connection.execute(
                "UPDATE partition SET generation = ? WHERE number = ?",
                (claim.number, claim.partition),
            )
        return attrs.evolve(claim, generation=claim.number)

    def generations(self) -> dict[int, int]:
        """Return which generation the files of each partition are of."""
        with self._open(write=False) as connection:
            return dict(connection.execute("SELECT number, generation FROM partition"))

    def finish(self, claim: Claim, counts: dict[str, Any]) -> None:
        """Note that a claimed partition has come to its end.

        Args:
            claim: The claim.
            counts: What became of its events.

        Raises:
            OvertakenError: The claim is not the last.
        """
        with self._open() as connection:
            self._check(connection, claim)
            connection.execute(
                "UPDATE partition SET done = ?, counts = ? WHERE number = ?",
                (claim.call, json.dumps(counts), claim.partition),
            )

    def release(self, claim: Claim) -> None:
        """Give a claim back: nothing is sent for it any more."""
        with self._open() as connection:
            connection.execute(
                "UPDATE partition SET held = 0 WHERE number = ? AND claim = ?",
                (claim.partition, claim.number),
            )

    def _check(self, connection: sqlite3.Connection, claim: Claim) -> None:
        self._check_call(connection, claim.call)
        row = connection.execute(
            "SELECT claim FROM partition WHERE number = ?", (claim.partition,)
        ).fetchone()
        if row != (claim.number,):
            raise OvertakenError(f"partition {claim.partition} was given to another worker")

    def _check_call(self, connection: sqlite3.Connection, call: str) -> None:
        if connection.execute("SELECT call FROM run").fetchone() != (call,):
            raise OvertakenError("another call of ingest has taken up this run")

    def _found(
        self, connection: sqlite3.Connection, wanted: Beginning
    ) -> tuple[int, str | None] | None:
        """Return the partitions and the dead letters of the run to go on with; `None`: of none."""
        self._prepare(connection)
        row = connection.execute(
            "SELECT base_url, system_name, referencing_type, partitions, dead_letters, called "
            "FROM run"
        ).fetchone()
        if row is None:
            return None
        self._compare(("base URL", "system name", "referencing type"), row[:3], wanted.server)
        anew = wanted.restart or wanted.run not in {"", row[5]}
        return None if anew else row[3:5]

    def _begin_anew(self, connection: sqlite3.Connection) -> None:
        """Forget how far a run has come and its files, but not who may be sending."""
        undone = connection.execute(
            "SELECT 1 FROM partition WHERE number >= 0 AND digest IS NOT NULL AND done IS NULL"
        )
        if undone.fetchone():
            logger.warning("state: %s: a run that was cut short is given up", self._path)
        connection.execute("DELETE FROM run")
        connection.execute(
            "UPDATE partition SET digest = NULL, done = NULL, counts = NULL, "
            "claim = claim + 1, generation = claim + 1"
        )

    def _compare(
        self, names: tuple[str, ...], theirs: tuple[Any, ...], ours: tuple[Any, ...]
    ) -> None:
        for name, their, our in zip(names, theirs, ours, strict=True):
            if their != our:
                raise self._refusal(f"is of a run with the {name} {their!r}, not {our!r}")

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        identifiers = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version")
        ]
        if identifiers != [_APPLICATION_ID, _VERSION]:
            raise self._refusal("is another program's, or another release's")

    @contextmanager
    def _open(self, *, write: bool = True) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction, and tell what goes wrong in words of ours."""
        try:
            with closing(
                sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)
            ) as connection:
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                try:
                    yield connection
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._refusal(f"cannot be used: {error}") from error

    def _refusal(self, words: str) -> ConfigurationError:
        return ConfigurationError(f"state: {self._path} {words}")
