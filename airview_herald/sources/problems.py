"""What could not be read, kept beside what could."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from airview_herald._quoted import printable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KEPT_PROBLEMS", "ProblemLog", "SourceProblem"]

KEPT_PROBLEMS = 1000


@attrs.frozen
class SourceProblem:
    """One part of a file that gave no event.

    What `where` and `reason` repeat of the file is cut after 2,000 characters, and what a terminal
    might act on is escaped.

    Attributes:
        file: The file's path or name; `<stream>` for one without a name.
        where: `line 17` in JSON Lines, a JSON path such as `$.runs[0].results[17]` in SARIF.
        reason: Why it could not be read, in words.
    """

    file: str
    where: str
    reason: str


class ProblemLog:
    """The problems of one reading: the first 1,000, and how many there were.

    Args:
        file: The name that every problem carries.
        on_problem: Called with each problem, kept or not.
    """

    def __init__(self, file: str, on_problem: Callable[[SourceProblem], object] | None) -> None:
        self.total: int = 0
        self._file = file
        self._on_problem = on_problem
        self._kept: list[SourceProblem] = []

    @property
    def kept(self) -> tuple[SourceProblem, ...]:
        """The first 1,000 problems."""
        return tuple(self._kept)

    def add(self, where: str, reason: str) -> None:
        """Count a problem, keep it if there is room, and pass it on."""
        problem = SourceProblem(self._file, printable(where), printable(reason))
        self.total += 1
        if self.total <= KEPT_PROBLEMS:
            self._kept.append(problem)
        if self._on_problem is not None:
            self._on_problem(problem)
