"""What counts as a number: booleans do not, though Python takes `True` for 1."""

from __future__ import annotations

from typing import TypeGuard


def is_integer(value: object) -> TypeGuard[int]:
    """Return whether a value is an integer."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is an integer or a float."""
    return isinstance(value, int | float) and not isinstance(value, bool)
