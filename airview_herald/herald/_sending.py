"""How Herald's operations are sent: for which account, and to which host."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Self, TypeVar

import attrs
import httpx

from airview_herald._memory import Memory
from airview_herald.auth._aims import account_in
from airview_herald.errors import DecodeError, InputError
from airview_herald.herald import _rules
from airview_herald.herald._endpoints import Endpoints
from airview_herald.herald._settings import Settings
from airview_herald.transport._call import Call, Reply, RetryClass
from airview_herald.transport._operation import Operation
from airview_herald.transport._options import Options
from airview_herald.transport._send import Transport
from airview_herald.transport._session import Session

T = TypeVar("T")

# Stands in for the account that a login will tell, while arguments are checked before it.
_NOBODY = "0"


class Sender:
    """Send calls to the host of their account.

    Args:
        session: The life of the client.
        settings: What is configured.
        endpoints: Finds the host.
        auth: The credential, or `None` for none.
        transport: Sends; its base URL is the global host.
    """

    def __init__(
        self,
        session: Session,
        settings: Settings,
        endpoints: Endpoints,
        auth: httpx.Auth | None,
        transport: Transport,
    ) -> None:
        self._session = session
        self._settings = settings
        self._endpoints = endpoints
        self._auth = auth
        self._own_account: Memory[str, str] = Memory(1)
        self._send_by(transport)

    @property
    def where(self) -> str:
        """The global host and the account, if it is known: what tells this client from others."""
        account = self._settings.account_id or getattr(self._auth, "account_id", None)
        return f"{self.options.base_url!r}, account_id={account!r}"

    @property
    def options(self) -> Options:
        """How it sends."""
        return self._transport.options

    def with_options(self, options: Options) -> Self:
        """Return a sibling that sends otherwise, and shares all else."""
        sibling = copy.copy(self)
        sibling._send_by(self._transport.with_options(options))  # noqa: SLF001 - its own class
        return sibling

    def _send_by(self, transport: Transport) -> None:
        self._transport = transport
        # The caller asked nothing of the global host, and is not shown its answers.
        self._global = transport.with_options(attrs.evolve(transport.options, on_reply=None))

    def account_of(self, account_id: str | None) -> str | None:
        """Return the account that a call is for, `None` for that of a login still to come."""
        return self._settings.account_id if account_id is None else account_id

    def build(self, route: Callable[[str], Call[T]], account_id: str | None) -> Call[T]:
        """Return the call as far as it is known before a login.

        Raises:
            InputError: What the caller gave breaks a rule.
        """
        account = self.account_of(account_id)
        return route(_NOBODY if account is None else account)

    async def send(self, route: Callable[[str], Call[T]], account_id: str | None) -> T:
        """Send a call for an account: the caller's, else the configured one, else the login's."""
        self._session.check()
        call = self.build(route, account_id)
        account = self.account_of(account_id)
        operation = self._transport.operation()
        if account is None:
            account = await self._login_account(operation)
            call = route(account)
        url = await self._endpoints.find("herald", account, self._global, operation)
        return await self._at(url).send(call, operation)

    async def send_for_all(self, call: Call[T]) -> T:
        """Send a call that is for no account: to the host of the configured one, or the login's."""
        self._session.check()
        operation = self._transport.operation()
        url = self._endpoints.configured("herald")
        if url is None:
            account = self._settings.account_id or await self._login_account(operation)
            _rules.path_value("account_id", account)
            url = await self._endpoints.find("herald", account, self._global, operation)
        return await self._at(url).send(call, operation)

    async def login_account(self) -> str:
        """Return the account of the credential."""
        self._session.check()
        return await self._login_account(self._transport.operation())

    async def _login_account(self, operation: Operation) -> str:
        """Return the account of the credential; asked for once.

        Route: `GET /aims/v1/token_info`, unless a login has told already.
        """
        if self._auth is None:
            raise InputError("account_id", "is needed: without a credential nothing tells of one")

        async def ask(_: bool) -> str:  # noqa: FBT001 - asking again does no harm
            await self._transport.login(operation)
            account: str | None = getattr(self._auth, "account_id", None)
            if account is not None:
                return account
            if "aims" not in self._settings.urls:
                raise InputError(
                    "account_id",
                    f"is needed: {self._settings.urls_from} has no aims that tells of one",
                )
            return await self._global.send(_TOKEN_INFO, operation)

        return await self._own_account.resolve(
            "", ask, lambda: self._transport.time_left(operation)
        )

    def _at(self, url: str) -> Transport:
        return self._transport.with_options(attrs.evolve(self.options, base_url=url))


def _account(reply: Reply) -> str:
    body = reply.json()
    account_id = account_in(body) if isinstance(body, dict) else None
    if account_id is None:
        raise DecodeError("the token is of no account @ $.account.id", reply.facts, "$.account.id")
    return account_id


_TOKEN_INFO = Call(
    "GET",
    "/aims/v1/token_info",
    RetryClass.READ,
    httpx.codes.OK,
    _account,
    operation="get_token_info",
)


class Operations:
    """What groups of Herald's operations have in common.

    Args:
        sender: Sends their calls.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
