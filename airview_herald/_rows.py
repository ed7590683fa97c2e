"""Lists of what a service answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from airview_herald._html import ROWS, block, table
from airview_herald._records import records

T = TypeVar("T")


class Rows(list[T]):
    """A list of rows that were read: a list like any other, with a way into data frames.

    ```python
    frame = pandas.DataFrame(groups.to_records())
    frame = polars.DataFrame(groups.to_records())
    ```

    `Rows(items)` makes one of rows that were collected, from a listing's pages say. A notebook
    shows it as a table.
    """

    __slots__ = ()

    def to_records(self) -> list[dict[str, Any]]:
        """Return each row as a flat dictionary; all have the same keys in the same order.

        Returns:
            Fields by their names: those of an object within after its own, as in
            `environment.name`; in what senders chose, the fields without an attribute too.
            Enumerations are texts, tuples are lists, moments are aware datetimes. What may hold a
            credential is left out.
        """
        return records(self)

    def _repr_html_(self) -> str:
        return rows_html(self)


def rows_html(rows: Sequence[Any]) -> str:
    """Return rows as HTML for a notebook."""
    count = f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'}"
    kinds = sorted({type(row).__name__ for row in rows[:ROWS]})
    title = f"{', '.join(kinds)}: {count}" if kinds else count
    shown = records(rows[:ROWS], content=False)
    return block(title, table(shown, len(rows)) if shown else "")
