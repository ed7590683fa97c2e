"""Any text as an AirView reference, and back.

AirView takes references of applications and technical controls only in the alphabet
`A-Z a-z 0-9 _ . ~ / -`; percent-encoding is no way out, since `%` is refused as well. An ARN, a
path with a space or a rule called `C++/42` needs a mapping, and one that can be undone.
"""

from __future__ import annotations

import re

from airview_herald.errors import InputError

__all__ = ["decode_reference", "encode_reference"]

_TO_ESCAPE = re.compile(r"[^A-Za-z0-9_./-]")
_ESCAPES = re.compile(r"(?:~[0-9A-F]{2})+")


def encode_reference(text: str) -> str:
    """Return a text in the alphabet that AirView takes for references.

    Letters, digits and `_ . / -` stay as they are. Everything else, `~` included, becomes `~` and
    two upper-case hexadecimal digits for each of its UTF-8 bytes: `arn:aws` is `arn~3Aaws`. Two
    texts never share a reference.

    Args:
        text: Any text; lone surrogates, as in undecodable file names, are kept too.

    Returns:
        The reference: up to 12 times as long as the text. AirView takes 500 characters of it;
        that is not checked here.
    """
    return _TO_ESCAPE.sub(_escape, text)


def decode_reference(reference: str) -> str:
    """Return the text that `encode_reference` made a reference of.

    Args:
        reference: What `encode_reference` returned, in full.

    Raises:
        InputError: It is nothing that `encode_reference` returns: a character outside the
            alphabet, a `~` without its digits, bytes that are not UTF-8, or an escape of what is
            never escaped.
    """
    try:
        text = _ESCAPES.sub(_unescape, reference)
    except UnicodeDecodeError:
        text = ""
    if encode_reference(text) != reference:
        raise InputError("reference", "is nothing that encode_reference returns", reference)
    return text


def _escape(match: re.Match[str]) -> str:
    return "".join(f"~{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))


def _unescape(match: re.Match[str]) -> str:
    return bytes.fromhex(match[0].replace("~", "")).decode("utf-8", "surrogatepass")
