"""The measured part of `docs/performance.md`: no figure in it is typed by hand."""

from __future__ import annotations

from pathlib import Path

BEGIN = "<!-- measured: begin -->"
END = "<!-- measured: end -->"


def fill(page: Path, measured: str) -> None:
    """Put text between the two markers of a page.

    Raises:
        ValueError: The page has not both of them, once and in order.
    """
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in after or END in after:
        raise ValueError(f"{page}: needs {BEGIN} and {END}, once each")
    page.write_text(f"{before}{BEGIN}\n\n{measured}\n{END}{after}", encoding="utf-8")
