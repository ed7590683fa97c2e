"""AIMS: an access key pair, or a user's password, for a token of Alert Logic's."""

from __future__ import annotations

import base64
import math
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

import attrs
import httpx

from airview_herald._headers import header_value
from airview_herald._json import dump, parse
from airview_herald._origin import checked_url
from airview_herald._secret import Secret
from airview_herald.auth._asking import ask
from airview_herald.auth._refreshing import RefreshingAuth, Token
from airview_herald.errors import AuthenticationError, ConfigurationError, DecodeError, RequestFacts

PRODUCTION = "https://api.global-services.global.alertlogic.com"
TOKEN_HEADER = "x-aims-auth-token"  # noqa: S105 - a header's name
_SESSION_HEADER = "x-aims-session-token"
_MARGIN = 60.0
# Two of this length fit into one header, however many bytes their characters take.
_LONGEST = 4_000
_MARGIN_SHARE = 0.5
# In practice a number. `.` and `..` would change the path of a URL.
_ACCOUNT = re.compile(r"(?!\.+$)[!-~]{1,100}")
_MORE_THAN_IDS = 2**64
_HALF = re.compile("[\ud800-\udfff]")
_REFUSALS = {
    "account_inactive": "the account is not active",
    "invalid_session_token": "the MFA code came too late; it is awaited for 3 minutes",
    "mfa_code_required": "the user needs an MFA code: pass mfa_code=, which is asked for it",
    "mfa_enrollment_required": "the user must enrol in MFA first, in the console",
    "password_expired": "the password has expired; a new one is set in the console",
}

MfaCode = Callable[[], str | Awaitable[str]]


class AimsAuth(RefreshingAuth):
    """Send tokens of AIMS, and renew them by themselves.

    A token is renewed 60 seconds before it expires (at half of its life, if that is earlier), and
    once when a service answers 401. The key pair, or the password, goes to
    `POST /aims/v1/authenticate` and nowhere else; a refusal there is final.

    Args:
        access_key_id: The id of an access key.
        secret_key: The secret of that key.
        username: A user's name, in place of an access key.
        password: That user's password.
        mfa_code: Called, or awaited, for the code when the user needs one; a blocking one, such
            as `input`, runs in a worker thread.
        token: A token that holds already. With credentials beside it, it is replaced when it is
            refused; without, that is final.
        url: Where AIMS is; by default the global host of production.
        allow_http: Accept a plain http URL of another machine.
        clock: Epoch seconds; tests bring their own.

    Raises:
        ConfigurationError: A credential is missing, incomplete or unusable, or the URL is.
    """

    def __init__(  # noqa: PLR0913 - each is documented above, all but two by keyword
        self,
        access_key_id: str | Secret | None = None,
        secret_key: str | Secret | None = None,
        *,
        username: str | None = None,
        password: str | Secret | None = None,
        mfa_code: MfaCode | None = None,
        token: str | Secret | None = None,
        url: str = PRODUCTION,
        allow_http: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self._url = checked_url(url, "url", allow_http=allow_http)
        key = _basic("access_key_id", access_key_id, "secret_key", secret_key)
        user = _basic("username", username, "password", password)
        if key is not None and user is not None:
            raise ConfigurationError("username: give either an access key or a user, not both")
        if mfa_code is not None and not callable(mfa_code):
            raise ConfigurationError("mfa_code: must be callable; it is asked for each new code")
        self._basic = key or user
        self._wrong = (
            f"the {'access key' if user is None else 'user name or the password'} is wrong"
        )
        self._mfa_code = mfa_code
        if token is not None:
            self._token = Token(header_value(token, "token"), math.inf)
        elif self._basic is None:
            raise ConfigurationError(
                "access_key_id: give an access key, a user with a password, or a token"
            )
        self.renewable: bool = self._basic is not None
        self._account_id: str | None = None

    @property
    def account_id(self) -> str | None:
        """The account of the login; `None` before it, and when a token was given."""
        return self._account_id

    def authorize(self, request: httpx.Request, token: Token) -> None:
        """Put a token on a request, in the header of Alert Logic's."""
        request.headers[TOKEN_HEADER] = token.header.reveal()

    async def obtain(self) -> AsyncGenerator[httpx.Request | Token, httpx.Response]:
        """Log in, in two steps when there is MFA.

        Route: `POST /aims/v1/authenticate`.
        """
        response = yield self._request({})
        if self._mfa_code is not None and _answer(response).get("error") == "mfa_code_required":
            session = self._session(response)
            code = await _code(self._mfa_code)
            response = yield self._request({"mfa_code": code}, session)
            yield self._read(response, "the MFA code is wrong")
        else:
            yield self._read(response, self._wrong)

    def _request(self, body: dict[str, str], session: str | None = None) -> httpx.Request:
        """Return a request to authenticate, by the credential or by the session it began."""
        headers = {"Accept": "application/json"}
        if session is not None:
            headers[_SESSION_HEADER] = session
        elif self._basic is not None:
            headers["Authorization"] = self._basic.reveal()
        if body:
            headers["Content-Type"] = "application/json"
        return httpx.Request(
            "POST",
            f"{self._url}/aims/v1/authenticate",
            headers=headers,
            content=dump(body) if body else None,
        )

    def _session(self, response: httpx.Response) -> str | None:
        """Return the session token for the second step, if AIMS sent one."""
        session: str | None = response.headers.get(_SESSION_HEADER)
        try:
            return session and header_value(session).reveal()
        except ConfigurationError:
            facts = RequestFacts("POST", f"{self._url}/aims/v1/authenticate", response.status_code)
            raise AuthenticationError(
                f"{facts.url} answered with a session that no header can carry", facts
            ) from None

    def _read(self, response: httpx.Response, wrong: str) -> Token:
        """Return the token in an answer, or say why there is none."""
        status, answer = response.status_code, _answer(response)
        facts = RequestFacts("POST", f"{self._url}/aims/v1/authenticate", status, attempts=1)
        if status != httpx.codes.OK:
            said = answer.get("error")
            # Only known codes are repeated: anything else may contain a credential.
            code = said if isinstance(said, str) and said in _REFUSALS else None
            why = _REFUSALS[code] if code else wrong if status == httpx.codes.UNAUTHORIZED else ""
            raise AuthenticationError(
                f"{facts.url} answered {status}" + (f": {why}" if why else ""),
                attrs.evolve(facts, code=code, message=why),
            )
        login = answer.get("authentication")
        login = login if isinstance(login, dict) else {}
        try:
            header = header_value(login.get("token", ""))
        except ConfigurationError:
            raise AuthenticationError(
                f"{facts.url} answered without a token that a header can carry", facts
            ) from None
        self._account_id = account_in(login) or self._account_id
        return Token(header, self._refresh_at(login.get("token_expiration")))

    def _refresh_at(self, expiration: object) -> float:
        """Without an expiry to come only a 401 tells that a token is spent."""
        try:
            lifetime = float(expiration) - self.clock()  # type: ignore[arg-type]  # as it may be
        except (TypeError, ValueError, OverflowError):
            return math.inf
        if not lifetime > 0:
            return math.inf
        return self.clock() + lifetime - min(_MARGIN, lifetime * _MARGIN_SHARE)

    def __repr__(self) -> str:
        return f"AimsAuth({self._url!r})"


def _basic(
    name_field: str, name: str | Secret | None, secret_field: str, secret: str | Secret | None
) -> Secret | None:
    """Return the Basic header of a name and a secret, in UTF-8; `None` when neither is given."""
    if name is None and secret is None:
        return None
    if name is None:
        raise ConfigurationError(f"{name_field}: must be given together with {secret_field}")
    if secret is None:
        raise ConfigurationError(f"{secret_field}: must be given together with {name_field}")
    # A secret is never put into a variable, since error reporters show those of a traceback.
    for field, value in ((name_field, name), (secret_field, secret)):
        if not isinstance(_revealed(value), str) or not _revealed(value):
            raise ConfigurationError(f"{field}: must be a text that is not empty")
        length = len(_revealed(value))
        if length > _LONGEST:
            raise ConfigurationError(
                f"{field}: must have at most {_LONGEST} characters, has {length}"
            )
        if _HALF.search(_revealed(value)):
            raise ConfigurationError(f"{field}: cannot be encoded in UTF-8")
    if ":" in _revealed(name):
        raise ConfigurationError(f"{name_field}: must not hold a colon, where the secret begins")
    pair = f"{_revealed(name)}:{_revealed(secret)}".encode()
    return Secret(f"Basic {base64.b64encode(pair).decode('ascii')}")


def _revealed(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def account_in(answer: Mapping[str, Any]) -> str | None:
    """Return the account id that AIMS names, if it can be a part of a URL."""
    account = answer.get("account")
    found = account.get("id") if isinstance(account, dict) else None
    if type(found) is int:
        return str(found) if 0 < found < _MORE_THAN_IDS else None
    return found if isinstance(found, str) and _ACCOUNT.fullmatch(found) else None


def _answer(response: httpx.Response) -> dict[str, Any]:
    """Return the object in an answer; an empty one for anything else."""
    try:
        body = parse(response.content, RequestFacts())
    except DecodeError:
        return {}
    return body if isinstance(body, dict) else {}


async def _code(mfa_code: MfaCode) -> str:
    """Return the code that the caller's function answers."""
    try:
        code = await ask(mfa_code)
    except Exception as error:
        raise AuthenticationError(f"mfa_code gave no code: {type(error).__name__}") from error
    code = code.strip() if isinstance(code, str) else code
    if not isinstance(code, str) or not code:
        raise AuthenticationError("mfa_code gave no code: it must return a text that is not empty")
    return code
