"""Where in its files each input of a batch is."""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter
from typing import NamedTuple


class Place(NamedTuple):
    """Where an input is.

    Attributes:
        file: The name of its file.
        line: Its line, from 1; `None` in a file that is read whole.
    """

    file: str
    line: int | None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file} line {self.line}"


# Beyond so many gaps between the lines of events, only the file's name is told.
_MOST_RUNS = 100_000


class Places:
    """Remember where inputs are: as long as each is a line behind the last one, no more for it."""

    def __init__(self) -> None:
        self._inputs = 0
        # For each run of consecutive lines: the index of its first input, and its place.
        self._runs: list[tuple[int, Place]] = []

    def note(self, place: Place) -> None:
        """Note where the next input is."""
        if len(self._runs) >= _MOST_RUNS:
            place = Place(place.file, None)
        if not self._runs or self._follow(self._inputs) != place:
            self._runs.append((self._inputs, place))
        self._inputs += 1

    def of(self, index: int) -> Place | None:
        """Return where an input is; `None` for what is in no file."""
        return self._follow(index) if 0 <= index < self._inputs else None

    def _follow(self, index: int) -> Place:
        first, place = self._runs[bisect_right(self._runs, index, key=itemgetter(0)) - 1]
        return Place(place.file, None if place.line is None else place.line + index - first)
