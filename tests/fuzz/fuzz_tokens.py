"""Targets: what token services and the Endpoints service answer."""

import json
import math
from typing import Any

import httpx
from fuzz_answers import FACTS, run, shown

from airview_herald.auth import AimsAuth, ClientCredentials
from airview_herald.auth._refreshing import Token
from airview_herald.errors import (
    AuthenticationError,
    DecodeError,
    LimitError,
)
from airview_herald.herald._endpoints import _located
from airview_herald.herald._sending import _account
from airview_herald.transport._call import Reply

SECRET = "planted-s3cret/of+the=pair"
_STATUSES = (200, 400, 401, 403, 500)
_LONG_ENOUGH = 8
_LONGEST_ID = 200
_REQUEST = httpx.Request("POST", "https://login.example/token")


def _answer(data: bytes) -> httpx.Response:
    status = _STATUSES[data[0] % len(_STATUSES)] if data else 200
    return httpx.Response(status, content=data[1:], request=_REQUEST)


def _token_in(data: bytes, *path: str) -> str | None:
    """Return the text at a path of an answer, if it is long enough to be a secret."""
    try:
        value: Any = json.loads(data[1:])
        for name in path:
            value = value[name]
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
    # What is elsewhere in the answer too may be said of it.
    alone = isinstance(value, str) and data.count(value.encode(errors="replace")) == 1
    return value if alone and len(value) >= _LONG_ENOUGH else None


def _check(token: Token) -> None:
    assert token.header.reveal().isprintable()
    assert not math.isnan(token.refresh_at)


def _names_an_account(text: str) -> bool:
    # What Python makes of a boolean is no id.
    return text.isprintable() and len(text) < _LONGEST_ID and text not in ("True", "False")


def oauth_replies(data: bytes) -> None:
    """Answers of an OAuth token endpoint; the first byte chooses the status."""
    auth = ClientCredentials("https://login.example/token", "client", SECRET, clock=lambda: 1e9)
    hidden = _token_in(data, "access_token")
    try:
        token = auth.read_token(_answer(data))
    except AuthenticationError as error:
        shown(error, SECRET, hidden)
    else:
        _check(token)


def aims_replies(data: bytes) -> None:
    """Answers of AIMS, one a line: to the password, and to the code."""
    first, _, second = data.partition(b"\n")
    answers = iter((first, second))
    hidden = _token_in(data, "authentication", "token")

    async def code() -> str:
        return "123456"

    auth = AimsAuth(username="user", password=SECRET, mfa_code=code, clock=lambda: 1e9)

    async def log_in() -> None:
        obtaining = auth.obtain()
        step = await anext(obtaining)
        while isinstance(step, httpx.Request):
            step = await obtaining.asend(_answer(next(answers)))
        _check(step)
        await obtaining.aclose()

    try:
        run(log_in)
    except AuthenticationError as error:
        shown(error, SECRET, hidden)
    else:
        assert auth.account_id is None or _names_an_account(auth.account_id)


def endpoints_answers(data: bytes) -> None:
    """Answers of the Endpoints service and of `token_info`."""
    reply = Reply(200, httpx.Headers(), data, FACTS)
    for allow_http in (False, True):
        try:
            url = httpx.URL(_located("herald", reply, allow_http=allow_http))
        except (DecodeError, LimitError) as error:
            shown(error)
        else:
            assert url.scheme == "https" or allow_http
            assert url.host.endswith((".alertlogic.com", ".alertlogic.co.uk"))
            assert not url.userinfo
            assert not url.query
    try:
        assert _names_an_account(_account(reply))
    except (DecodeError, LimitError) as error:
        shown(error)
