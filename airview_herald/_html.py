"""HTML for notebooks: tables that fit any theme, in which every text is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airview_herald._quoted import shortened

# How many rows a table shows; to see more, make a data frame.
ROWS = 20
_CHARACTERS = 120
_LINE = 40

_CELL = "text-align:left;vertical-align:top;padding:2px 10px 2px 0"
_FAINT = "opacity:.65"


def text(value: Any) -> str:
    """Return a value as text for a page: escaped, and cut when it is long."""
    return html.escape(shortened(_words(value), _CHARACTERS))


def _words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_words(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "; ".join(map(_words, value))
    return str(value)


def block(title: str, *parts: str) -> str:
    """Return a title above parts that are HTML; empty ones are left out."""
    head = f"<div><strong>{text(title)}</strong></div>"
    return f'<div style="margin-top:.5em">{head}{"".join(parts)}</div>'


def line(words: str) -> str:
    """Return a line of less weight."""
    return f'<div style="{_FAINT}">{text(words)}</div>'


def pairs(record: Mapping[str, Any]) -> str:
    """Return a record as a table of names and values, without those that are not there."""
    rows = [
        f'<tr><th scope="row" style="{_CELL};font-weight:normal;{_FAINT}">{text(name)}</th>'
        f"{_cells([value])}</tr>"
        for name, value in record.items()
        if _there(value)
    ]
    return _table("".join(rows)) if rows else ""


def table(records: Sequence[Mapping[str, Any]], total: int) -> str:
    """Return records as a table, without the columns in which none has a value.

    Args:
        records: Have the same keys; the first 20 are shown.
        total: How many there are, when these are the first of them.
    """
    shown = records[:ROWS]
    names = [
        name for name in (shown[0] if shown else ()) if any(_there(each[name]) for each in shown)
    ]
    head = "".join(f'<th scope="col" style="{_CELL}">{text(name)}</th>' for name in names)
    rows = "".join(f"<tr>{_cells(each[name] for name in names)}</tr>" for each in shown)
    more = line(f"the first {len(shown)} of {total:,}") if total > len(shown) else ""
    return _table(f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>") + more


def part(title: str, records: Sequence[Mapping[str, Any]], total: int | None = None) -> str:
    """Return a titled table; nothing when there is nothing to show."""
    if not records:
        return ""
    return block(title, table(records, len(records) if total is None else total))


def _cells(values: Iterable[Any]) -> str:
    return "".join(_cell(text(value)) for value in values)


def _cell(shown: str) -> str:
    # Without this, ids are broken at their hyphens.
    wrap = "" if len(shown) > _LINE else ";white-space:nowrap"
    return f'<td style="{_CELL}{wrap}">{shown}</td>'


def _there(value: Any) -> bool:
    return value not in (None, [], {}, "")


def _table(rows: str) -> str:
    return f'<div style="overflow-x:auto"><table>{rows}</table></div>'
