"""What a command prints: a table on a terminal, JSON Lines elsewhere."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

import attrs
from cyclopts import Parameter

from airview_herald._open import OpenRow, encode
from airview_herald.cli._ends import give_up, on_one_line

# Wider than any row: what is no terminal wraps nothing.
_UNWRAPPED = 10_000

Json: TypeAlias = Annotated[
    bool | None,
    Parameter(
        help="JSON Lines, or with `--no-json` a table; by default a table on a terminal only.",
        show_default=False,
    ),
]


def as_row(value: object) -> dict[str, Any]:
    """Return a typed row as JSON has it: Herald's as received, AirView's by their field names."""
    if isinstance(value, OpenRow):
        return encode(value)
    return {
        field.name: getattr(value, field.name)
        for field in attrs.fields(type(value))  # type: ignore[arg-type]
    }


class Output:
    """Print rows to stdout.

    Args:
        json: Whether as JSON Lines; `None` leaves it to where stdout leads.

    Attributes:
        json: Whether rows are JSON Lines.
    """

    def __init__(self, json: bool | None) -> None:  # noqa: FBT001 - the option as it is
        self.json: bool = not sys.stdout.isatty() if json is None else json
        self._read = True

    def line(self, row: Mapping[str, Any]) -> None:
        """Print a row as one line of JSON.

        Raises:
            BrokenPipeError: Nobody reads any more.
        """
        sys.stdout.write(jsonlib.dumps(row, default=_plain) + "\n")

    def line_if_read(self, row: Mapping[str, Any]) -> None:
        """Print a row at once; when nobody reads any more, go on without."""
        if self._read:
            try:
                self.line(row)
                sys.stdout.flush()
            except BrokenPipeError:
                self._read = False
                give_up(sys.stdout)

    def rows(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
        """Print rows.

        Args:
            rows: What to print.
            columns: The columns of a table, dotted for what is inside; all of the first row by
                default. JSON has everything.
        """
        if self.json:
            for row in rows:
                self.line(row)
            return
        every = list(rows)
        if not every:
            sys.stdout.write("nothing\n")
            return
        self._table(every, columns or list(every[0]))

    def one(self, row: Mapping[str, Any]) -> None:
        """Print one row: on a terminal a line for each of its fields."""
        if self.json:
            self.line(row)
            return
        from rich.table import Table  # noqa: PLC0415 - a pipe needs no table

        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        for name, value in row.items():
            table.add_row(on_one_line(name), _cell(value))
        _print(table)

    def _table(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        from rich import box  # noqa: PLC0415 - a pipe needs no table
        from rich.table import Table  # noqa: PLC0415

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for column in columns:
            numbers = all(isinstance(_at(row, column), int | float | None) for row in rows)
            heading = column.rpartition(".")[2].replace("_", " ")
            table.add_column(
                heading,
                justify="right" if numbers else "left",
                overflow="fold",
                min_width=max(map(len, heading.split())),
                no_wrap=column == "id",
            )
        for row in rows:
            table.add_row(*(_cell(_at(row, column)) for column in columns))
        _print(table)


def _at(row: Any, column: str) -> Any:
    for part in column.split("."):
        row = row.get(part) if isinstance(row, Mapping) else None
    return row


def _cell(value: Any) -> Any:
    from rich.text import Text  # noqa: PLC0415 - a pipe needs no table

    if value is None:
        return Text("")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, int):
        return Text(str(value))
    if isinstance(value, str):
        return Text(on_one_line(value))
    if isinstance(value, datetime):
        return Text(f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}")
    return Text(on_one_line(jsonlib.dumps(value, default=_plain, ensure_ascii=False)))


def _print(table: Any) -> None:
    from rich.console import Console  # noqa: PLC0415 - a pipe needs no table

    width = None if sys.stdout.isatty() else _UNWRAPPED
    console = Console(highlight=False, width=width)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        sys.stdout.write(line.rstrip() + "\n")


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if attrs.has(type(value)):
        return as_row(value)
    return str(value)
