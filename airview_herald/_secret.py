"""A text that must not be seen: tokens, client secrets, keys."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterable
from typing import Never
from urllib.parse import quote_plus

from airview_herald.errors import ConfigurationError

_MASK = "**********"
# Anything shorter also turns up inside ordinary words.
_LONG_ENOUGH = 4
_PLAIN = re.compile("[A-Za-z0-9]+")
# How many characters have to match, in order, before a secret counts as found.
_HEAD = 32
# Far longer than any token; servers read no request head as long as this.
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
            # Error reporters show the variables of a traceback's frames.
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

    Each is found as it is, in base64, and encoded for a URL, for HTML or for JSON, whichever of
    its characters the encoder takes for special. What is cut in two, or encoded together with
    what is beside it, is not; nor is a secret of a few letters.

    Args:
        content: Text of somebody else's, encoded.
        secrets: What must not show.
    """
    forms = {form for secret in secrets for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):
        # No encoding changes letters and digits, so this cheap test rules out most secrets.
        if max(_PLAIN.findall(form), key=len, default="").encode() in content:
            content = _encoded(form).sub(_MASK.encode(), content)
    return content


def _forms(secret: str | Secret) -> set[str]:
    """Return a secret as it is and in base64, with both alphabets."""
    text = secret.reveal() if isinstance(secret, Secret) else secret
    if len(text) < _LONG_ENOUGH:
        return set()
    raw = text.encode()
    encoded = (base64.b64encode(raw), base64.urlsafe_b64encode(raw))
    return {text, *(each.rstrip(b"=").decode("ascii") for each in encoded)}


def _encoded(text: str) -> re.Pattern[bytes]:
    """Return a pattern of a text in all the ways in which its characters may be encoded.

    Of a long text only the head is compared. What follows is as many of the characters of its rest
    as there are, in whatever order: a text that repeats itself may begin at each of its characters,
    and would be read to its end each time.
    """
    head = b"".join(map(_any_of, text[:_HEAD]))
    rest = _any_of(set(text[_HEAD:]))
    return re.compile(b"%b%b{0,%d}+" % (head, rest, len(text[_HEAD:])))


def _any_of(characters: Collection[str]) -> bytes:
    """Return a pattern of one of some characters, as it is or encoded."""
    plain = set(filter(_PLAIN.match, characters))
    ways = {way for each in characters if each not in plain for way in _ways(each)}
    patterns = [f"[{''.join(plain)}]".encode()] if plain else []
    if ways:
        longest_first = sorted(map(re.escape, ways), key=len, reverse=True)
        patterns.append(b"(?i:" + b"|".join(longest_first) + b")")
    return b"(?:" + b"|".join(patterns) + b")"


def _ways(character: str) -> set[bytes]:
    """Return a character as it is, and as it may be encoded for a URL, for HTML or for JSON."""
    import html  # noqa: PLC0415 - for answers that refuse only

    code, raw = ord(character), character.encode()
    escaped = json.dumps(character)[1:-1]
    ways = {
        *(character, escaped, f"\\{character}", quote_plus(character, safe="")),
        *("".join(f"%{byte:02x}" for byte in raw), f"\\u{code:04x}"),
        *(html.escape(character), f"&#{code};", f"&#x{code:x};", f"&#x{code:02x};"),
    }
    return {way.encode() for way in ways}


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
