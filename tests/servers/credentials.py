"""Every way to authenticate, with planted secrets, and the hosts that may hear of each."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote

import attrs
import httpx
from named_servers import answered
from planted_secrets import forms

from airview_herald import AirView, Herald
from airview_herald.auth import AimsAuth, AzureCredential, BearerToken, ClientCredentials
from airview_herald.transport import Retry

SERVICE = "airview.example.com"
OAUTH = "login.example.com"
AZURE = "login.microsoftonline.com"
COGNITO = "planted-pool.auth.eu-west-1.amazoncognito.com"
GLOBAL = "api.global-services.global.alertlogic.com"
REGION = "herald.example.alertlogic.com"
EVIL = "evil.example.net"
ACCOUNT = "12345678"

TOKEN = "planted-token/+=.8~x"
CLIENT_SECRET = "planted client secret%7=&"
KEY, SECRET_KEY = "PLANTED/KEY+1", "planted secret key%9="
USER_PASSWORD = "planted password&9+"
BASIC_PASSWORD = "planted words/5=+"
HEADER = "planted header/6=" + "x"
SESSION = "planted-session/7+"
# What may be sent only to a token service, and what only to the service itself.
KEYS = forms(
    *(CLIENT_SECRET, KEY, SECRET_KEY, f"{KEY}:{SECRET_KEY}", f"client:{CLIENT_SECRET}"),
    *(SESSION, USER_PASSWORD, f"robin:{USER_PASSWORD}"),
)
TOKENS = forms(TOKEN, HEADER, BASIC_PASSWORD, f"basic:{BASIC_PASSWORD}")
PLANTED = KEYS | TOKENS


class AccessToken(NamedTuple):
    """As azure-identity answers."""

    token: str
    expires_on: int


class ManagedIdentity:
    """A credential of azure-identity's shape."""

    def get_token(self, *_, **__):
        return AccessToken(TOKEN, 9_999_999_999)


@attrs.frozen
class Provider:
    """A way to authenticate.

    Attributes:
        name: What it is called in the table.
        client: `AirView` or `Herald`.
        options: Makes what the client is given.
        login: The host of its token service, if it has one.
        environ: Makes what the command line is given, for the URL of a server.
    """

    name: str
    client: type
    options: Callable[[], Mapping[str, Any]]
    login: str | None = None
    environ: Callable[[str], Mapping[str, str]] | None = None

    @property
    def origins(self):
        """The hosts that may see the token."""
        return {SERVICE} if self.client is AirView else {GLOBAL, REGION}

    def make(self, http, **more):
        """Make a client over a transport."""
        settings = {"http": http, "retry": Retry(attempts=2, base=0), **self.options(), **more}
        if self.client is AirView:
            where = {"system_name": "s", "system_stage": "MONITOR", "referencing_type": "r"}
            return AirView(f"https://{SERVICE}/api", **where, **settings)
        return Herald(account_id=ACCOUNT, **settings)

    async def use(self, client):
        """Have a client send something under its credential."""
        if self.client is AirView:
            return await client.backend.get_environments()
        return await client.get_account_subscriptions()


def oauth(**options):
    """Return the provider for any token endpoint."""
    return ClientCredentials(f"https://{OAUTH}/token", "client", CLIENT_SECRET, "s", **options)


PROVIDERS = [
    Provider("BearerToken", AirView, lambda: {"auth": BearerToken(TOKEN)}),
    Provider("token", AirView, lambda: {"auth": TOKEN}, environ=lambda _: {"AIRVIEW_TOKEN": TOKEN}),
    Provider(
        "ClientCredentials",
        AirView,
        lambda: {"auth": oauth()},
        OAUTH,
        lambda url: {
            "AIRVIEW_TOKEN_URL": f"{url}/token",
            "AIRVIEW_CLIENT_ID": "client",
            "AIRVIEW_CLIENT_SECRET": CLIENT_SECRET,
        },
    ),
    Provider(
        ".azure",
        AirView,
        lambda: {"auth": ClientCredentials.azure("client", CLIENT_SECRET, "tenant", "s")},
        AZURE,
    ),
    Provider(
        ".cognito",
        AirView,
        lambda: {
            "auth": ClientCredentials.cognito("client", CLIENT_SECRET, "planted-pool", "eu-west-1")
        },
        COGNITO,
    ),
    Provider(
        "AzureCredential", AirView, lambda: {"auth": AzureCredential(ManagedIdentity(), "scope")}
    ),
    Provider(
        "AimsAuth",
        Herald,
        lambda: {"auth": AimsAuth(KEY, SECRET_KEY)},
        GLOBAL,
        lambda url: {
            "ALERTLOGIC_ENDPOINT": url,
            "ALERTLOGIC_ACCESS_KEY_ID": KEY,
            "ALERTLOGIC_SECRET_KEY": SECRET_KEY,
        },
    ),
    Provider(
        "user, MFA",
        Herald,
        lambda: {"username": "robin", "password": USER_PASSWORD, "mfa_code": lambda: "135790"},
        GLOBAL,
    ),
    Provider("aims_token", Herald, lambda: {"aims_token": TOKEN}),
    Provider("BasicAuth", AirView, lambda: {"auth": httpx.BasicAuth("basic", BASIC_PASSWORD)}),
    Provider("headers=", AirView, lambda: {"headers": {"X-Api-Key": HEADER}}),
]


def well():
    """Return hosts that answer as they should."""
    token = json.dumps({"access_token": TOKEN, "expires_in": 3600}).encode()
    return {
        SERVICE: lambda _: answered(200, b"[]"),
        **dict.fromkeys((OAUTH, AZURE, COGNITO), lambda _: answered(200, token)),
        GLOBAL: alert_logic,
        REGION: lambda _: answered(200, b'{"subscriptions": []}'),
        EVIL: lambda _: answered(200, b"{}"),
    }


def alert_logic(request, host=REGION):
    """Answer as AIMS and the Endpoints service."""
    if not request.startswith(b"POST /aims/v1/authenticate"):
        return answered(200, json.dumps({"herald": host}).encode())
    by_password = base64.b64encode(f"robin:{USER_PASSWORD}".encode())
    if by_password in request:
        refusal = b'{"error": "mfa_code_required"}'
        return answered(401, refusal, x_aims_session_token=SESSION)
    login = {"token": TOKEN, "token_expiration": 9_999_999_999, "account": {"id": ACCOUNT}}
    return answered(200, json.dumps({"authentication": login}).encode())


def repeated(request):
    """Return all that a server can make of a request that it shows, as a proxy gone wrong might."""
    head, _, body = request.decode().partition("\r\n\r\n")
    values = [line.partition(": ")[2] for line in head.split("\r\n")[1:]]
    values += [value for found in parse_qs(body).values() for value in found]
    for value in list(values):
        scheme, _, credential = value.partition(" ")
        values.append(credential)
        if scheme == "Basic":
            pair = base64.b64decode(credential).decode()
            values += [pair, pair.partition(":")[2]]
    encoded = [(quote(v, safe=""), base64.b64encode(v.encode()).decode()) for v in values if v]
    return f"{head}\n{body}\n{values}\n{encoded}"
