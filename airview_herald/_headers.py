"""A caller's own headers, sent with every request and checked once."""

from __future__ import annotations

import re
from collections.abc import Mapping

from airview_herald._quoted import quoted
from airview_herald._secret import Secret
from airview_herald.errors import ConfigurationError

# What HTTP calls a token; no header in use has a longer name.
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
# These say where a body ends: a wrong value would turn one request into two.
_FRAMING = frozenset({"content-length", "transfer-encoding"})


def checked_headers(headers: Mapping[str, str | Secret]) -> dict[str, Secret]:
    """Return headers with their values masked.

    Raises:
        ConfigurationError: It is not a mapping, a name is malformed or set by the client itself, or
            a header cannot carry a value.
    """
    if not isinstance(headers, Mapping):
        raise ConfigurationError(f"headers: must be a mapping, not {type(headers).__name__}")
    for name in headers:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConfigurationError(f"headers: {quoted(name)} is no name of a header")
        if name.lower() in _FRAMING:
            raise ConfigurationError(f"headers: {name} is set by the client, as the body needs it")
    return {name: header_value(value, f"headers[{name!r}]") for name, value in headers.items()}


def header_value(value: str | Secret, name: str = "secret") -> Secret:
    """Return a value that a header can carry unchanged, as a secret.

    Args:
        value: The value.
        name: What it is called in an error message.

    Raises:
        ConfigurationError: It is no `Secret`, or the spaces around it would be lost on the way.
    """
    held = Secret(value, name)
    if held.reveal() != held.reveal().strip():
        raise ConfigurationError(f"{name}: must not begin or end with a space")
    return held
