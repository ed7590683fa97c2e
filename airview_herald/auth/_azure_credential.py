"""Tokens from a credential of the azure-identity package, or anything of its shape."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Protocol

import httpx
from anyio import fail_after

from airview_herald._headers import header_value
from airview_herald._numbers import is_number
from airview_herald._secret import Secret
from airview_herald.auth._asking import ask
from airview_herald.auth._refreshing import RefreshingAuth, Token
from airview_herald.errors import AuthenticationError, ConfigurationError

_LEEWAY = 60.0
_LONGEST = 1_000


class AccessToken(Protocol):
    """What a credential answers, `azure.core.credentials.AccessToken` say."""

    @property
    def token(self) -> str:
        """The token."""
        ...

    @property
    def expires_on(self) -> int:
        """When it expires, in epoch seconds."""
        ...


class TokenCredential(Protocol):
    """A source of tokens: `azure.identity`'s credentials, or `azure.identity.aio`'s."""

    def get_token(self, *scopes: str) -> AccessToken | Awaitable[AccessToken]:
        """Return a token for the scopes, or an awaitable of one."""
        ...


class AzureCredential(RefreshingAuth):
    """Send the tokens of a credential: a managed identity, a workload identity, `az login`.

    The credential is asked once for everybody, 60 seconds before a token expires, and once when
    the service answers 401. A blocking one is asked in a worker thread. An async one is closed by
    whoever made it.

    Args:
        credential: Anything with azure-identity's `get_token(*scopes)`, sync or async, such as
            `azure.identity.DefaultAzureCredential()`.
        scopes: What to ask for, usually one: `api://<id>/.default`.
        timeout: Seconds that the credential may take for a token.
        clock: Epoch seconds; tests bring their own.

    Raises:
        ConfigurationError: The credential has no `get_token`, or there are no scopes.
    """

    def __init__(
        self,
        credential: TokenCredential,
        *scopes: str,
        timeout: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self._get_token: Any = getattr(credential, "get_token", None)
        if not callable(self._get_token):
            raise ConfigurationError("credential: must have a get_token, as azure-identity's have")
        if not scopes or not all(isinstance(scope, str) and scope for scope in scopes):
            raise ConfigurationError("scopes: must be one or more texts that are not empty")
        if not is_number(timeout) or not timeout > 0:
            raise ConfigurationError("timeout: must be more than 0 seconds")
        self._scopes = scopes
        self._timeout = timeout
        self._name = type(credential).__name__

    async def obtain(self) -> AsyncGenerator[httpx.Request | Token, httpx.Response]:
        """Ask the credential, which sends its own requests; see `RefreshingAuth.obtain`."""
        try:
            with fail_after(self._timeout):
                answer = await ask(self._get_token, *self._scopes)
            header = Secret(f"Bearer {header_value(answer.token, 'token').reveal()}")
            expires = float(answer.expires_on)
        except TimeoutError:
            raise AuthenticationError(
                f"{self._name} gave no token within {self._timeout:g} seconds"
            ) from None
        except Exception as error:  # noqa: BLE001 - a credential of any maker may raise anything
            # The error may hold the request that carried the secret, so only its words are kept;
            # not those after "Content:", an answer that may repeat the request.
            words = str(error).partition("\nContent: ")[0][:_LONGEST]
            raise AuthenticationError(
                f"{self._name} gave no token: {type(error).__name__}: {words}"
            ) from None
        yield Token(header, expires - _LEEWAY)

    def __repr__(self) -> str:
        return f"AzureCredential({self._name}, {', '.join(self._scopes)})"
