"""Objects that notebooks show as tables."""

from __future__ import annotations

from airview_herald._html import block, pairs
from airview_herald._records import record


class Shown:
    """A row that a notebook shows as a table of its fields."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return block(type(self).__name__, pairs(record(self, content=False)))
