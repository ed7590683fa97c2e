"""A text that must not be seen: tokens, client secrets, keys."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Never
from urllib.parse import quote, quote_plus

from airview_herald.errors import ConfigurationError

_MASK = "**********"
# Shorter texts are in other words too.
_LONG_ENOUGH = 4
# Far above any token; what reads a request takes no longer head.
_LONGEST = 65_536


class Secret:
    """Hold a credential so that printing, logging or pickling its owner cannot show it.

    Args:
        value: The credential, or a `Secret` that already holds it.
        name: What it is called in an error message.

    Raises:
        ConfigurationError: The value is empty, is not text, has more than 65,536 characters, or
            holds one that no HTTP header may carry (a newline, say).
    """

    __slots__ = ("_value",)

    def __init__(self, value: str | Secret, name: str = "secret") -> None:
        self._value = value.reveal() if isinstance(value, Secret) else value
        rule = _broken_rule(self._value)
        if rule:
            # What shows the variables of a traceback's frames would show it.
            del value, self._value
            raise ConfigurationError(f"{name}: {rule}")

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


def masked(content: bytes, secrets: Iterable[str | Secret]) -> bytes:
    """Return a content with the secrets that it repeats as asterisks.

    Each is found as it is, in base64, and encoded for a URL, for HTML or for JSON. What is cut in
    two, or encoded together with what is beside it, is not; nor is a secret of a few letters.

    Args:
        content: Text of somebody else's, encoded.
        secrets: What must not show.
    """
    found = {form for secret in secrets for form in _forms(secret) if form in content}
    for form in sorted(found, key=len, reverse=True):
        content = content.replace(form, _MASK.encode())
    return content


def _forms(secret: str | Secret) -> set[bytes]:
    """Return the ways in which a secret may be repeated."""
    import html  # noqa: PLC0415 - for answers that refuse only

    text = secret.reveal() if isinstance(secret, Secret) else secret
    if len(text) < _LONG_ENOUGH:
        return set()
    raw = text.encode()
    texts = (quote(text, safe=""), quote(text), quote_plus(text), html.escape(text))
    return {
        raw,
        json.dumps(text)[1:-1].encode(),
        *(each.encode() for each in texts),
        base64.b64encode(raw).rstrip(b"="),
        base64.urlsafe_b64encode(raw).rstrip(b"="),
    }


def _broken_rule(value: object) -> str:
    """Return the rule for secrets that a value breaks, or nothing."""
    if not isinstance(value, str) or not value:
        return "must be a text that is not empty"
    if len(value) > _LONGEST:
        return f"must have at most {_LONGEST} characters, has {len(value)}"
    if not (value.isascii() and value.isprintable()):
        return (
            "must be printable ASCII; it holds a newline, a control character or a letter "
            "outside ASCII"
        )
    return ""
