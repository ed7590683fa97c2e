"""A token that somebody else obtained."""

from __future__ import annotations

import re
from collections.abc import Generator

import httpx

from airview_herald._secret import Secret

_SCHEMES = re.compile(r"\s*(bearer(\s+|$))*", re.IGNORECASE)


def without_scheme(token: str) -> str:
    """Return a token without the `Bearer ` before it."""
    return _SCHEMES.sub("", token, count=1).strip()


class BearerToken(httpx.Auth):
    """Send a fixed token.

    Args:
        token: The token, with or without `Bearer ` before it; exactly one is sent.

    Raises:
        ConfigurationError: The token is empty, or holds a character no header may carry.
    """

    def __init__(self, token: str | Secret) -> None:
        bare = Secret(without_scheme(Secret(token, "token").reveal()), "token")
        self._header = Secret(f"Bearer {bare.reveal()}")

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header; see `httpx.Auth.auth_flow`."""
        request.headers["Authorization"] = self._header.reveal()
        yield request

    def __repr__(self) -> str:
        return "BearerToken(**********)"
