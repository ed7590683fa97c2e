"""What a command prints: a table on a terminal, JSON Lines elsewhere."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, TypeAlias

import attrs
from cyclopts import Parameter

from airview_herald._open import OpenRow, encode
from airview_herald.cli._ends import give_up, on_one_line

# Wider than any row, so that nothing is wrapped where there is no terminal.
_UNWRAPPED = 10_000
# The end of the year 9999, in epoch seconds.
_LATEST = 253_402_300_800
# Columns whose cells are never wrapped.
_WHOLE = frozenset({"id", "url", "credential"})
# The width of the gap between two columns.
_BETWEEN = 3

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

        described = [_Column.of(rows, column) for column in columns]
        spare = _width() - sum(each.least + _BETWEEN for each in described) + _BETWEEN
        if spare < 0:
            self._one_by_one(rows, columns)
            return
        # rich would narrow all columns alike, and so cut off those that cannot be wrapped.
        widths: dict[str, int] = {}
        for number, each in enumerate(sorted(described, key=_Column.extra)):
            given = min(each.extra(), spare // (len(described) - number))
            widths[each.name] = each.least + given
            spare -= given
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for each in described:
            justify: Literal["left", "right"] = "right" if each.numbers else "left"
            table.add_column(
                each.heading, justify=justify, overflow="fold", width=widths[each.name]
            )
        for row in rows:
            table.add_row(*(_cell(_at(row, column)) for column in columns))
        _print(table)

    def _one_by_one(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Print the rows of a table for which the terminal is too narrow."""
        for number, row in enumerate(rows):
            sys.stdout.write("\n" if number else "")
            self.one({column.rpartition(".")[2]: _at(row, column) for column in columns})


@attrs.frozen
class _Column:
    """A column of a table: what it may not be narrower than, and what it would like to be."""

    name: str
    heading: str
    numbers: bool
    least: int
    most: int

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]], name: str) -> Self:
        """Return a column; its least is what breaks no number, no id and no word of the heading."""
        cells = [_at(row, name) for row in rows]
        numbers = all(isinstance(cell, int | float | None) for cell in cells)
        heading = name.rpartition(".")[2].replace("_", " ")
        most = max(len(heading), *(len(_words(cell)) for cell in cells))
        words = max(map(len, heading.split()))
        whole = max(len(_words(cell)) for cell in cells) if numbers or name in _WHOLE else 0
        return cls(name, heading, numbers, max(words, whole), most)

    def extra(self) -> int:
        """Return by how much it would like to be wider."""
        return self.most - self.least


def _at(row: Any, column: str) -> Any:
    for part in column.split("."):
        row = row.get(part) if isinstance(row, Mapping) else None
    return row


def _cell(value: Any) -> Any:
    from rich.text import Text  # noqa: PLC0415 - a pipe needs no table

    return Text(_words(value))


def _words(value: Any) -> str:
    """Return a value for a person, on one line; `None` is nothing."""
    return "" if value is None else on_one_line(_told(value))


def _told(value: Any) -> str:
    """Return a value for a person: Herald's moments, and whom subscribers name, are read out."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | str():
            return str(value)
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
        case {"at": int() | float() as at} if 0 <= at < _LATEST:
            return _told(datetime.fromtimestamp(at, UTC))
        case [{"subscriber": str()}, *_]:
            return ", ".join(str(_at(each, "subscriber")) for each in value)
    return jsonlib.dumps(value, default=_plain, ensure_ascii=False)


def _width() -> int:
    """Return how many columns a line may have."""
    from rich.console import Console  # noqa: PLC0415 - a pipe needs no table

    return Console().width if sys.stdout.isatty() else _UNWRAPPED


def _print(table: Any) -> None:
    from rich.console import Console  # noqa: PLC0415 - a pipe needs no table

    console = Console(highlight=False, width=_width())
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
