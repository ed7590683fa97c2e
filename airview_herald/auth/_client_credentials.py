"""OAuth 2 client credentials: a client's id and secret, exchanged for a gateway's tokens."""

from __future__ import annotations

import math
import re
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Self

import httpx

from airview_herald._headers import checked_headers, header_value
from airview_herald._json import parse
from airview_herald._origin import checked_url
from airview_herald._quoted import quoted, shortened
from airview_herald._secret import Secret, masked
from airview_herald.auth._refreshing import RefreshingAuth, Token
from airview_herald.errors import AuthenticationError, ConfigurationError, DecodeError, RequestFacts

_LEEWAY = 60.0
_LEEWAY_SHARE = 0.1
_LONGEST_SCOPE = 8_000
_LONGEST_WORDS = 2_000
# Labels of a host's name: a directory's id or domain.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")


class ClientCredentials(RefreshingAuth):
    """Fetch tokens from an OAuth 2 token endpoint, and renew them by themselves.

    A token is renewed 60 seconds before it expires (a tenth of its life, if that is less), and
    once when the service answers 401. The key pair goes to `token_url` and nowhere else.

    Args:
        token_url: The token endpoint.
        client_id: The client's id.
        client_secret: The client's secret.
        scope: The scope to ask for, or `None` to ask for none.
        headers: More headers for the token endpoint, such as a gateway's subscription key.
        allow_http: Accept a plain http endpoint on another machine.
        clock: Seconds, monotonic; tests bring their own.

    Raises:
        ConfigurationError: The URL cannot be used, or a credential is empty or unprintable.
    """

    def __init__(  # noqa: PLR0913 - a token endpoint takes that many
        self,
        token_url: str,
        client_id: str,
        client_secret: str | Secret,
        scope: str | None = None,
        *,
        headers: Mapping[str, str | Secret] | None = None,
        allow_http: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(clock)
        self._url = checked_url(token_url, "token_url", allow_http=allow_http)
        self._client_id = Secret(client_id, "client_id")
        self._client_secret = Secret(client_secret, "client_secret")
        self._scope = None if scope is None else _form_text("scope", scope)
        self._headers = checked_headers(headers or {})

    @classmethod
    def azure(
        cls, client_id: str, client_secret: str | Secret, tenant_id: str, scope: str, **options: Any
    ) -> Self:
        """Return the provider of an Azure AD tenant.

        Args:
            client_id: The application's id.
            client_secret: The application's secret.
            tenant_id: The directory's id.
            scope: The scope, usually `api://<id>/.default`.
            **options: As for the class.

        Raises:
            ConfigurationError: The tenant is none, as for the class too.
        """
        tenant = _name("tenant_id", tenant_id)
        url = f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
        return cls(url, client_id, client_secret, scope, **options)

    @classmethod
    def cognito(
        cls,
        client_id: str,
        client_secret: str | Secret,
        cognito_pool_domain_prefix: str,
        aws_region: str,
        scope: str = "airview/agent_push",
        **options: Any,
    ) -> Self:
        """Return the provider of an AWS Cognito user pool.

        Args:
            client_id: The app client's id.
            client_secret: The app client's secret.
            cognito_pool_domain_prefix: The pool's domain prefix.
            aws_region: The pool's region, such as `eu-west-1`.
            scope: The scope to ask for.
            **options: As for the class.

        Raises:
            ConfigurationError: The prefix or the region is none, as for the class too.
        """
        prefix = _name("cognito_pool_domain_prefix", cognito_pool_domain_prefix)
        region = _name("aws_region", aws_region)
        host = f"{prefix}.auth.{region}.amazoncognito.com"
        return cls(f"https://{host}/oauth2/token", client_id, client_secret, scope, **options)

    async def obtain(self) -> AsyncGenerator[httpx.Request | Token, httpx.Response]:
        """Ask the endpoint once; see `RefreshingAuth.obtain`."""
        response = yield self.token_request()
        yield self.read_token(response)

    def token_request(self) -> httpx.Request:
        """Return the form that asks for a token."""
        form = {
            "client_id": self._client_id.reveal(),
            "client_secret": self._client_secret.reveal(),
            "grant_type": "client_credentials",
        }
        if self._scope is not None:
            form["scope"] = self._scope
        headers = httpx.Headers({"Accept": "application/json"})
        headers.update({name: value.reveal() for name, value in self._headers.items()})
        return httpx.Request("POST", self._url, headers=headers, data=form)

    def read_token(self, response: httpx.Response) -> Token:
        """Return the token in the answer, or say what the endpoint answered instead."""
        facts = RequestFacts(method="POST", url=self._url, status=response.status_code)
        try:
            body = parse(response.content, facts)
        except DecodeError:
            body = None
        answer: dict[str, Any] = body if isinstance(body, dict) else {}
        if response.status_code != httpx.codes.OK:
            said = ": ".join(
                str(answer[key]) for key in ("error", "error_description") if answer.get(key)
            )
            silent = "no error in its body"
            if response.status_code == httpx.codes.NOT_FOUND:
                silent += ", a wrong token_url?"
            raise AuthenticationError(
                f"the token endpoint {self._url} answered {response.status_code}: "
                f"{self._masked(said) or silent}",
                facts,
            )
        token = answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise AuthenticationError("the token endpoint's answer has no access_token", facts)
        try:
            header = header_value(f"Bearer {token}")
        except ConfigurationError:
            raise AuthenticationError(
                "the token endpoint's answer has an access_token that no header can carry", facts
            ) from None
        return Token(header, self._refresh_at(answer))

    def _masked(self, said: str) -> str:
        """Return what the endpoint said, without what was said to it."""
        pair = f"{self._client_id.reveal()}:{self._client_secret.reveal()}"
        secrets: list[str | Secret] = [pair, self._client_secret, *self._headers.values()]
        words = masked(said.encode("utf-8", "replace"), secrets).decode("utf-8", "replace")
        return shortened(words, _LONGEST_WORDS)

    def _refresh_at(self, answer: dict[str, Any]) -> float:
        """Without a usable `expires_in` only a 401 tells that a token is spent."""
        try:
            lifetime = float(answer.get("expires_in", math.inf))
        except (TypeError, ValueError, OverflowError):
            lifetime = math.inf
        if not lifetime > 0:
            lifetime = math.inf
        return self.clock() + lifetime - min(_LEEWAY, lifetime * _LEEWAY_SHARE)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._url!r})"


def _name(field: str, value: str) -> str:
    """Return a part of a token endpoint's URL; another text could lead the secret elsewhere."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ConfigurationError(f"{field}: may hold A-Z a-z 0-9 . - only, not {quoted(value)}")
    return value


def _form_text(field: str, value: str) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{field}: must be a text that is not empty")
    if len(value) > _LONGEST_SCOPE or not value.isprintable():
        rule = f"must have at most {_LONGEST_SCOPE} characters, and all of them printable"
        raise ConfigurationError(f"{field}: {rule}")
    return value
