"""AIMS, the Endpoints service and Herald as one server: who may call, and how much at once."""

import logging

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from airview_herald.sandbox._answers import Answer, RefusalError, send_answer
from airview_herald.sandbox._database import Database
from airview_herald.sandbox._http import parse_query
from airview_herald.sandbox.herald import (
    _aims,
    _endpoints,
    _integrations,
    _listing,
    _notification_types,
    _notifications,
    _subscribers,
    _subscriptions,
)
from airview_herald.sandbox.herald._answers import bare_refusal, empty, refusal
from airview_herald.sandbox.herald._http import AUTHENTICATE, Call, Routes, State

_logger = logging.getLogger("airview_herald.sandbox")
TOKEN_HEADER = "x-aims-auth-token"  # noqa: S105 - a header's name
_LARGEST_BODY = 1024 * 1024
_PHRASES = {404: "Not Found", 405: "Method Not Allowed"}
PATHS = {
    **_aims.PATHS,
    **_endpoints.PATHS,
    **_notifications.PATHS,
    **_listing.PATHS,
    **_subscriptions.PATHS,
    **_subscribers.PATHS,
    **_notification_types.PATHS,
    **_integrations.PATHS,
}


class Services:
    """The ASGI application that serves AIMS, the Endpoints service and Herald."""

    def __init__(self, url: str, database: Database, state: State) -> None:
        self._routes = Routes(PATHS)
        self._url = url
        self._database = database
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await send_answer(self._answer(scope, await Request(scope, receive).body()), send)

    def _answer(self, scope: Scope, body: bytes) -> Answer:
        try:
            return self._handle(scope, body)
        except RefusalError as error:
            return error.answer
        except Exception:
            _logger.exception("the sandbox failed")
            return empty(500)

    def _handle(self, scope: Scope, body: bytes) -> Answer:
        path = scope["raw_path"].decode("latin-1")
        found = self._routes.find(scope["method"], path)
        if isinstance(found, int):
            return Answer.of(found, "text/plain; charset=utf-8", _PHRASES[found])
        handler, variables = found
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        bearer = self._state.tokens.bearer(headers.get(TOKEN_HEADER, ""))
        query = parse_query(scope["query_string"].decode("latin-1"))
        call = Call(self._url, self._database, self._state, variables, query, headers, body, bearer)
        if path != AUTHENTICATE:
            self._admit(call)
        if len(body) > _LARGEST_BODY:
            return empty(413)
        return handler(call)

    def _admit(self, call: Call) -> None:
        """Refuse who has no token, or no access to the account that the path names."""
        if self._state.switches.refuse_authorization and "authorization" in call.headers:
            raise refusal("credentials_misplaced")
        if call.bearer is None:
            raise bare_refusal(401)
        if "account_id" in call.path and not call.may_use(call.account_id):
            raise bare_refusal(403)
