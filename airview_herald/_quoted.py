"""What a caller gave, as a message may quote it: never long, whatever it was."""

from __future__ import annotations

_MOST = 80


def quoted(value: object) -> str:
    """Return a value as Python shows it, cut after 80 characters."""
    try:
        shown = repr(value[: _MOST + 1] if isinstance(value, str) else value)
    except Exception:  # noqa: BLE001 - an integer of 5,000 digits has no repr, others' objects may raise
        return f"this {type(value).__name__}"
    return shown if len(shown) <= _MOST else f"{shown[:_MOST]}…"
