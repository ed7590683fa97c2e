"""AIMS tokens, and the session tokens between the two steps of a login."""

import secrets
import threading
import time
from dataclasses import dataclass

# Seconds for which a session token is valid.
_SESSION = 180.0


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a token was issued to.

    Attributes:
        user_id: The user.
        account_id: The user's account.
        token_expiration: When the token stops to hold, in whole epoch seconds.
    """

    user_id: str
    account_id: str
    token_expiration: int


class Tokens:
    """Every token that holds; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bearers: dict[str, tuple[float, Bearer]] = {}
        self._sessions: dict[str, tuple[float, str]] = {}

    def issue(self, user_id: str, account_id: str, lifetime: float) -> tuple[str, Bearer]:
        """Issue a token for a number of seconds."""
        token = secrets.token_urlsafe(48)
        bearer = Bearer(user_id, account_id, int(time.time() + lifetime))
        with self._lock:
            self._bearers[token] = (time.monotonic() + lifetime, bearer)
        return token, bearer

    def bearer(self, token: str) -> Bearer | None:
        """Return whom a token was issued to, if it holds."""
        with self._lock:
            expiry, bearer = self._bearers.get(token, (0.0, None))
        return bearer if time.monotonic() < expiry else None

    def open_session(self, user_id: str) -> str:
        """Issue a session token to a user who has not yet given a code."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._sessions[token] = (time.monotonic() + _SESSION, user_id)
        return token

    def session(self, token: str) -> str | None:
        """Return the user of a session token, if it holds."""
        with self._lock:
            expiry, user_id = self._sessions.get(token, (0.0, None))
        return user_id if time.monotonic() < expiry else None

    def revoke(self, token: str) -> None:
        """Accept a token or session token no more."""
        with self._lock:
            self._bearers.pop(token, None)
            self._sessions.pop(token, None)

    def expire(self) -> None:
        """Accept none of the tokens and session tokens issued so far from now on."""
        with self._lock:
            self._bearers.clear()
            self._sessions.clear()
