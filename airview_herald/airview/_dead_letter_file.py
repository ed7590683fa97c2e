"""The file of dead letters: events that were not recorded, as lines that can be sent again.

A letter is superseded once a later event of its lane was recorded: to send it again would put an
older state over a newer one. That is said by one byte of its line, overwritten in place, so that
the file is whole at any moment and nothing has to be rewritten. Letters of one lane stand in the
order of their events, since that is the order in which they will be read. An event that fails again
in a later run, of every night say or of the letters themselves, has its last letter only.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from io import FileIO
from typing import Any, Self

from airview_herald.airview._dead_letters import DeadLetter, Entry, Recorded, letter_of, rank_of
from airview_herald.airview._event_lines import DEAD_LETTER, LineError, decode_letter
from airview_herald.airview._file_lock import try_lock
from airview_herald.errors import ConfigurationError, InUseError

_SUPERSEDED = b"1"
_EARLIER_RUN = -1
_CHUNK = 1024 * 1024


class DeadLetterFile:
    """A file of dead letters, open and locked.

    Every method does file I/O. They may be called from any thread, one at a time.

    Args:
        path: Where it is.
        file: The open file.
    """

    def __init__(self, path: str, file: FileIO) -> None:
        self._path = path
        self._file = file
        self._end = 0
        # Offsets of the letters not yet superseded. An unnamed SQLite database spills to disk.
        self._index = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._letters = 0

    @classmethod
    def open(cls, path: str, run: str) -> Self:
        """Open a file, or make it, and lock it.

        Args:
            path: Where it is. Letters that are there already stay, and are superseded by what is
                recorded from now on.
            run: Names the run. Of its own letters only those are superseded that are older.

        Raises:
            ConfigurationError: It cannot be opened, is in use, or holds something else.
        """
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        try:
            file = FileIO(os.open(path, flags, 0o666), "r+")
        except OSError as error:
            raise _refusal(path, f"cannot be used: {error.strerror}") from error
        opened = cls(path, file)
        try:
            opened._prepare(run)
        except BaseException:
            opened.close()
            raise
        return opened

    def write(self, entries: Iterable[Entry]) -> None:
        """Take in what has happened, in its order.

        Raises:
            ConfigurationError: The file cannot be written.
        """
        try:
            for entry in entries:
                if isinstance(entry, DeadLetter):
                    self._add(entry)
                else:
                    self._supersede(entry)
        except (OSError, sqlite3.Error) as error:
            raise _refusal(self._path, f"cannot be written: {error}") from error

    def close(self) -> None:
        """Close the file, which another process may open from then on."""
        self._index.close()
        self._file.close()

    def _prepare(self, run: str) -> None:
        if not try_lock(self._file):
            raise InUseError(f"dead_letters: {self._path} is in use by another run")
        self._index.execute("PRAGMA journal_mode = OFF")
        self._index.execute(
            "CREATE TABLE letter (lane TEXT, rank INTEGER, print TEXT, place INTEGER, size INTEGER)"
        )
        self._index.execute("CREATE INDEX lanes ON letter (lane, rank)")
        self._index.execute("CREATE INDEX places ON letter (place)")
        self._read(run)

    def _read(self, run: str) -> None:
        """Find the letters that are not superseded; cut off one that was being written."""
        with open(self._file.fileno(), "rb", buffering=_CHUNK, closefd=False) as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n") and DEAD_LETTER.startswith(line[: len(DEAD_LETTER)]):
                    self._file.truncate(self._end)
                    return
                try:
                    letter = decode_letter(line)
                except LineError as error:
                    raise self._foreign(number, str(error)) from None
                if letter is None or not line.startswith(DEAD_LETTER):
                    raise self._foreign(number, "its first field is not `dead_letter`")
                if not letter.superseded:
                    rank = rank_of(letter.index, reconciled=letter.reconciled)
                    rank = rank if letter.run == run else _EARLIER_RUN
                    self._note(letter_of(line, letter.index, rank), self._end)
                self._end += len(line)

    def _foreign(self, number: int, why: str) -> ConfigurationError:
        return _refusal(self._path, f"holds something else than dead letters: line {number}: {why}")

    def _supersede(self, entry: Recorded) -> None:
        if self._letters:
            for place, *_ in self._found("lane = ? AND rank <= ?", entry.lane, entry.rank):
                self._strike(place)

    def _add(self, letter: DeadLetter) -> None:
        """Append a letter, and behind it the later ones of its lane that are there already.

        One of the same event that an earlier run has left is of no use besides it.
        """
        before = behind = []
        if self._letters:
            before = self._found(
                "lane = ? AND (rank = ? OR rank = ? AND print = ?)",
                *(letter.lane, letter.rank, _EARLIER_RUN, letter.print),
            )
            behind = self._found("lane = ? AND rank > ?", letter.lane, letter.rank)
        self._append(letter)
        for place, size, rank, event in behind:
            self._file.seek(place)
            self._append(DeadLetter(letter.lane, rank, event, self._file.read(size)))
        for place, *_ in (*before, *behind):
            self._strike(place)

    def _append(self, letter: DeadLetter) -> None:
        place = self._file.seek(self._end)
        rest = memoryview(letter.line)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._end += len(letter.line)
        self._note(letter, place)

    def _strike(self, place: int) -> None:
        self._file.seek(place + len(DEAD_LETTER))
        self._file.write(_SUPERSEDED)
        self._index.execute("DELETE FROM letter WHERE place = ?", (place,))
        self._letters -= 1

    def _note(self, letter: DeadLetter, place: int) -> None:
        values = (letter.lane, letter.rank, letter.print, place, len(letter.line))
        self._index.execute("INSERT INTO letter VALUES (?, ?, ?, ?, ?)", values)
        self._letters += 1

    def _found(self, condition: str, *values: Any) -> list[tuple[int, int, int, str | None]]:
        query = (
            f"SELECT place, size, rank, print FROM letter WHERE {condition} ORDER BY rank, place"  # noqa: S608 - the condition is ours
        )
        return self._index.execute(query, values).fetchall()


def _refusal(path: str, words: str) -> ConfigurationError:
    return ConfigurationError(f"dead_letters: {path} {words}")
