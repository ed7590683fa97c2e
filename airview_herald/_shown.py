"""Objects that notebooks show as tables."""

from __future__ import annotations

from airview_herald._html import block, line, pairs
from airview_herald._records import record


class Shown:
    """A row that a notebook shows as a table of its fields."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        there = pairs(record(self, content=False)) or line("no field has a value")
        return block(type(self).__name__, there)
