"""A text that must not be seen: tokens, client secrets, keys."""

from __future__ import annotations

from typing import Never

from airview_herald.errors import ConfigurationError

_MASK = "**********"


class Secret:
    """Hold a credential so that printing, logging or pickling its owner cannot show it.

    Args:
        value: The credential, or a `Secret` that already holds it.
        name: What it is called in an error message.

    Raises:
        ConfigurationError: The value is empty, is not text, or holds a character that no HTTP
            header may carry (a newline, say).
    """

    __slots__ = ("_value",)

    def __init__(self, value: str | Secret, name: str = "secret") -> None:
        text = value.reveal() if isinstance(value, Secret) else value
        if not isinstance(text, str) or not text:
            raise ConfigurationError(f"{name}: must be a text that is not empty")
        if not (text.isascii() and text.isprintable()):
            raise ConfigurationError(
                f"{name}: must be printable ASCII; it holds a newline, a control character or "
                "a letter outside ASCII"
            )
        self._value = text

    def reveal(self) -> str:
        """Return the credential itself."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({_MASK!r})"

    def __str__(self) -> str:
        return _MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> Never:
        raise TypeError("a Secret cannot be pickled: pass credentials by environment or factory")
