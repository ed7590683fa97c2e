"""Tables of results: for a terminal, and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Table(NamedTuple):
    """A table of texts; its first column names the rows."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def plain(self) -> str:
        """Return it for a terminal."""
        lines = [self.header, *self.rows]
        widths = [max(len(line[n]) for line in lines) for n in range(len(self.header))]
        drawn = [
            "  ".join(
                cell.ljust(width) if n == 0 else cell.rjust(width)
                for n, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self.title, "", drawn[0], "-" * len(drawn[0]), *drawn[1:], ""])

    def markdown(self) -> str:
        """Return it for a page."""
        rule = ["---", *("---:" for _ in self.header[1:])]
        lines = [f"| {' | '.join(line)} |" for line in (self.header, rule, *self.rows)]
        return "\n".join([f"**{self.title}**", "", *lines, ""])
