"""What a caller or a file gave, as a message may quote it: never long, whatever it was."""

from __future__ import annotations

_MOST = 80


def shortened(text: str, most: int) -> str:
    """Return a text, cut after so many characters; what is cut off shows as `…`."""
    return text if len(text) <= most else f"{text[:most]}…"


def quoted(value: object) -> str:
    """Return a value as Python shows it, cut after 80 characters."""
    try:
        shown = repr(value[: _MOST + 1] if isinstance(value, str) else value)
    except Exception:  # noqa: BLE001 - an integer of 5,000 digits has no repr, others' objects may raise
        return f"this {type(value).__name__}"
    return shortened(shown, _MOST)


def printable(text: str, most: int = 2_000) -> str:
    """Return a text that no terminal acts on: what is not printable is escaped.

    Args:
        text: Whatever it is.
        most: How many characters are shown.
    """
    shown = text[: most + 1]
    if not shown.isprintable():
        shown = "".join(each if each.isprintable() else _escaped(each) for each in shown)
    return shortened(shown, most)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
