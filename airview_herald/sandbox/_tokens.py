"""The OAuth 2 token endpoint, and the gateway that asks AirView's callers for its tokens."""

import base64
import secrets
import time
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send


class TokenIssuer:
    """Issues tokens for client credentials and knows which of them still hold."""

    def __init__(self, client_id: str, client_secret: str, lifetime: float) -> None:
        self._client = (client_id, client_secret)
        self._lifetime = float(lifetime)
        self._expiries: dict[str, float] = {}

    def expire(self) -> None:
        """Accept none of the tokens issued so far from now on."""
        self._expiries = {}

    def revoke(self, authorization: str) -> None:
        """Accept the token of an Authorization header no more."""
        self._expiries.pop(authorization.partition(" ")[2], None)

    def accepts(self, authorization: str) -> bool:
        """Whether an Authorization header carries a token that holds."""
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and time.monotonic() < self._expiries.get(token, 0.0)

    async def answer(self, request: Request) -> Response:
        """Serve `POST /oauth2/token`: form or Basic credentials, client_credentials only."""
        form = dict(parse_qsl((await request.body()).decode("latin-1"), keep_blank_values=True))
        client = (form.get("client_id", ""), form.get("client_secret", ""))
        if self._client not in (client, *_basic(request.headers.get("authorization", ""))):
            challenge = {"www-authenticate": 'Basic realm="sandbox"'}
            return JSONResponse({"error": "invalid_client"}, 401, challenge)
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        token = secrets.token_urlsafe(24)
        self._expiries[token] = time.monotonic() + self._lifetime
        lifetime = int(self._lifetime) if self._lifetime.is_integer() else self._lifetime
        body = {"access_token": token, "expires_in": lifetime, "token_type": "Bearer"}
        return JSONResponse(body, headers={"cache-control": "no-store"})


class Gateway:
    """Wraps an application: lets only callers with a token of `issuer` through."""

    def __init__(self, app: ASGIApp, issuer: TokenIssuer) -> None:
        self._app = app
        self._issuer = issuer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or answer 401 in a shape that is not AirView's."""
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if self._issuer.accepts(authorization):
            await self._app(scope, receive, send)
        else:
            refusal = HTMLResponse(
                "<html><body><h1>401 Authorization Required</h1></body></html>\n",
                401,
                {"www-authenticate": "Bearer"},
            )
            await refusal(scope, receive, send)


def _basic(authorization: str) -> list[tuple[str, str]]:
    """Read Basic credentials both as sent and form-decoded, as RFC 6749 wants them sent."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return []
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return []
    return [(name, secret), (unquote_plus(name), unquote_plus(secret))]
