"""AIMS: credentials against tokens, in one step or two, and what a token says."""

import base64
import secrets
from typing import Any

from airview_herald.sandbox._answers import Answer, RefusalError
from airview_herald.sandbox._database import Row
from airview_herald.sandbox.herald import _bodies
from airview_herald.sandbox.herald._accounts import prepare
from airview_herald.sandbox.herald._answers import bare_refusal, refusal, reply
from airview_herald.sandbox.herald._http import AUTHENTICATE, Call, Paths
from airview_herald.sandbox.herald._tables import ACCOUNT, USER

_SESSION_HEADER = "x-aims-session-token"
_PRIVATE = ("access_key_id", "secret_key", "password_expired", "mfa_code", "managed_by")
_BODY = _bodies.shape(known={"mfa_code": _bodies.text})


def _authenticate(call: Call) -> Answer:
    code = call.load(_BODY).get("mfa_code") if call.body else None
    prepare(call.database)
    session = call.headers.get(_SESSION_HEADER)
    user = _user_of_session(call, session) if session is not None else _user_of_key(call)
    if user["password_expired"]:
        raise refusal("password_expired")
    account = _account(call, user["account_id"])
    if not account["active"]:
        raise refusal("account_inactive")
    if user["mfa_enabled"]:
        if user["mfa_code"] is None:
            return _second_step(call, user, "mfa_enrollment_required")
        if code is None and session is None:
            return _second_step(call, user, "mfa_code_required")
        if code is None or not secrets.compare_digest(code.encode(), user["mfa_code"].encode()):
            raise bare_refusal(401)
    if session is not None:
        call.state.tokens.revoke(session)
    token, bearer = call.state.tokens.issue(
        user["id"], user["account_id"], call.state.switches.token_lifetime
    )
    authentication = {
        "user": _public(USER.wire(user)),
        "account": _public(ACCOUNT.wire(account)),
        "token": token,
        "token_expiration": bearer.token_expiration,
    }
    return reply({"authentication": authentication})


def _second_step(call: Call, user: Row, error: str) -> Answer:
    session = call.state.tokens.open_session(user["id"])
    return reply({"error": error}, 401, (_SESSION_HEADER, session))


def _user_of_session(call: Call, session: str) -> Row:
    user_id = call.state.tokens.session(session)
    rows = call.database.rows("SELECT * FROM user WHERE id = ?", user_id)
    if not rows:
        raise RefusalError(reply({"error": "invalid_session_token"}, 401))
    return rows[0]


def _user_of_key(call: Call) -> Row:
    name, secret = _basic(call.headers.get("authorization", ""))
    for user in call.database.rows(
        "SELECT * FROM user WHERE secret_key IS NOT NULL AND ? IN (access_key_id, email)", name
    ):
        if secrets.compare_digest(secret.encode(), user["secret_key"].encode()):
            return user
    raise bare_refusal(401)


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        name, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        raise bare_refusal(401) from None
    if scheme.lower() != "basic" or not colon or "\0" in name:
        raise bare_refusal(401)
    return name, secret


def _token_info(call: Call) -> Answer:
    caller = call.caller
    user = call.one("SELECT * FROM user WHERE id = ?", caller.user_id)
    account = _public(ACCOUNT.wire(_account(call, caller.account_id)))
    role = {
        "id": "2A33175D-86EF-44B5-AA39-C9549F6306DF",
        "account_id": "*",
        "name": "Administrator",
        "permissions": {"*:own:*:*": "allowed", "*:managed:*:*": "allowed"},
        "legacy_permissions": [],
        "version": 1,
        "created": account["created"],
        "modified": account["modified"],
    }
    return reply(
        {
            "account": account,
            "user": _public(USER.wire(user)),
            "roles": [role],
            "entity_id": caller.user_id,
            "entity_type": "user",
            "requester_id": f"{caller.account_id}:user:{caller.user_id}",
            "token_expiration": caller.token_expiration,
        }
    )


def _account(call: Call, account_id: str) -> Row:
    return call.one("SELECT * FROM account WHERE id = ?", account_id)


def _public(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in _PRIVATE}


PATHS: Paths = {
    AUTHENTICATE: {"POST": _authenticate},
    "/aims/v1/token_info": {"GET": _token_info},
}
