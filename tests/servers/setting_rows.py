"""Every setting of clients and of providers that is a text, in whole sets that work."""

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import attrs
import httpx
from call_rows import ACCOUNT
from raw_server import answered
from unstocked import ABSENT

from airview_herald import AirView, Herald
from airview_herald.airview import (
    BackendConfig,
    get_aws_cognito_token,
    get_azure_token,
    get_oauth_token,
)
from airview_herald.auth import AimsAuth, AzureCredential, BearerToken, ClientCredentials

AIRVIEW = "https://airview.example.com"
TOKENS = "https://login.example.com/token"
GLOBAL = "https://aims.example.com"
# Settings that are not texts or are not sent; or, as MFA codes, only in a login's second step.
NOT_TEXT = {
    *("http", "verify", "timeout", "retry", "limits", "share", "allow_http", "cache_size"),
    *("settle", "on_reply", "on_mismatch", "telemetry", "clock", "options", "mfa_code", "scopes"),
    "self",
}
# Other names that messages use for a setting.
ALSO = {"auth": "token", "additional_headers": "headers", "credential": "token"}
ALSO |= {"oauth_endpoint": "token_url"}


@attrs.frozen
class Credential:
    """A credential of azure-identity's shape, whose token is anything."""

    token: str
    expires_on: int = 9_999_999_999

    def get_token(self, *_):
        return self


class Diverted(httpx.AsyncBaseTransport):
    """Carry what is for any host to one server; who it was for stays in the header `Host`."""

    def __init__(self, http, url):
        self._http = http
        self._url = httpx.URL(url)

    async def handle_async_request(self, request):
        raw_path = request.url.raw_path
        request.url = self._url.copy_with(raw_path=raw_path)
        return await self._http.handle_async_request(request)


class Setting(NamedTuple):
    """A set of settings, and how it is used.

    Attributes:
        made: What takes them.
        given: All of them that are texts.
        use: Sends something under what was made of them, given what carries it.
        beside: Settings that cannot be given together with these, and have a row of their own.
    """

    made: Callable[..., Any]
    given: Mapping[str, Any]
    use: Callable[[Callable[..., Any], Mapping[str, Any], Any], Any]
    beside: frozenset[str] = frozenset()

    @property
    def missing(self):
        """The parameters that are neither given nor known to be something else."""
        return set(inspect.signature(self.made).parameters) - {*self.given, *self.beside, *NOT_TEXT}


async def _recorded(airview):
    async with airview:
        await airview.backend.get_technical_control("tech-ref")
        await airview.backend.get_application_environment_by_reference("ref")


async def _read(herald):
    async with herald:
        await herald.get_notification_types()
        await herald.get_account_subscriptions()


async def _airview(made, given, http):
    await _recorded(made(**given, http=http))


async def _herald(made, given, http):
    await _read(made(**given, http=http))


async def _configured(made, given, http):
    await _recorded(AirView.from_config(made(**given), http=http))


async def _derived(made, given, http):
    options = {"auth": "a-token", "http": http, **SYSTEM}
    async with AirView(**options) as airview:
        await made(airview, **given).backend.get_environments()


async def _derived_herald(made, given, http):
    async with Herald(aims_token="a-token", account_id=ACCOUNT, http=http) as herald:
        await made(herald, **given).get_account_subscriptions()


async def _authenticated(made, given, http):
    await _recorded(AirView(**SYSTEM, auth=made(**given), http=http))


async def _by_credential(made, given, http):
    await _recorded(AirView(**SYSTEM, auth=made(given["credential"], "scope"), http=http))


async def _authenticated_herald(made, given, http):
    await _read(Herald(auth=made(**given), account_id=ACCOUNT, http=http))


async def _fetched(made, given, http):
    await made(**given, http=http)


SYSTEM = {
    "base_url": AIRVIEW,
    "system_name": "system",
    "system_stage": "MONITOR",
    "referencing_type": "type",
}
HEADERS = {"headers": {"X-Key": "value"}}
CLIENT = {"client_id": "client", "client_secret": "secret"}
AZURE = {"tenant_id": "tenant", "scope": "scope"}
COGNITO = {"cognito_pool_domain_prefix": "pool", "aws_region": "eu-west-1", "scope": "scope"}
KEY = {"access_key_id": "key", "secret_key": "secret"}
USER = {"username": "robin", "password": "password"}
_WHERE = {"account_id": ACCOUNT, "residency": "default", **HEADERS}
_WAYS = frozenset({*KEY, *USER, "aims_token", "auth", "profile", "global_endpoint"})

SETTINGS = [
    Setting(AirView, {**SYSTEM, "auth": "a-token", **HEADERS}, _airview),
    Setting(BackendConfig, {**SYSTEM, "token": "a-token"}, _configured),
    Setting(AirView.with_options, HEADERS, _derived),
    Setting(Herald, {**KEY, **_WHERE}, _herald, _WAYS),
    Setting(Herald, {**USER, **_WHERE}, _herald, _WAYS),
    Setting(Herald, {"aims_token": "a-token", **_WHERE}, _herald, _WAYS),
    Setting(Herald, {"profile": "default"}, _herald, _WAYS | _WHERE.keys()),
    Setting(Herald, {**KEY, "global_endpoint": "production"}, _herald, _WAYS | _WHERE.keys()),
    Setting(Herald.with_options, HEADERS, _derived_herald),
    Setting(BearerToken, {"token": "a-token"}, _authenticated),
    Setting(
        ClientCredentials,
        {"token_url": TOKENS, **CLIENT, "scope": "scope", **HEADERS},
        _authenticated,
    ),
    Setting(ClientCredentials.azure, {**CLIENT, **AZURE}, _authenticated),
    Setting(ClientCredentials.cognito, {**CLIENT, **COGNITO}, _authenticated),
    Setting(AzureCredential, {"credential": Credential("a-token")}, _by_credential),
    Setting(AimsAuth, {**KEY, "url": GLOBAL}, _authenticated_herald, frozenset({*USER, "token"})),
    Setting(AimsAuth, USER, _authenticated_herald, frozenset({*KEY, "token", "url"})),
    Setting(AimsAuth, {"token": "t"}, _authenticated_herald, frozenset({*KEY, *USER, "url"})),
    Setting(
        get_oauth_token,
        {
            "oauth_endpoint": TOKENS,
            **CLIENT,
            "scope": "scope",
            "additional_headers": HEADERS["headers"],
        },
        _fetched,
    ),
    Setting(get_azure_token, {**CLIENT, **AZURE}, _fetched),
    Setting(get_aws_cognito_token, {**CLIENT, **COGNITO}, _fetched),
]


_LOGIN = {"token": "t", "token_expiration": 9_999_999_999, "account": {"id": ACCOUNT}}
# By a part of the path, the first that fits, since a base URL may begin with anything.
_ANSWERS = {
    b"/endpoints/v1/": {"herald": "herald.example.alertlogic.com"},
    b"/aims/v1/authenticate": {"authentication": _LOGIN},
    b"/herald/v2/": {},
    b"/systems/": {"id": 1, "name": "ccf", "stage": "MONITOR"},
    b"/technical-controls/": [],
    b"/environments/": [],
}


def serve(request):
    """Answer as token services, the Endpoints service, and servers that have nothing, anywhere."""
    path = request.target.partition(b"?")[0]
    if path.endswith(b"/referenced-application-environments/"):
        return answered(ABSENT, 404)
    found = (body for part, body in _ANSWERS.items() if part in path)
    token = {"access_token": "t", "expires_in": 3600}
    return answered(json.dumps(next(found, token)).encode())
