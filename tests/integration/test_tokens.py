"""The documented ways in: a handler of a token, and the functions that fetch one."""

from urllib.parse import parse_qsl

import httpx
import pytest
from faulty import Faulty

from airview_herald import AirView
from airview_herald.airview import (
    BackendConfig,
    Control,
    Handler,
    get_aws_cognito_token,
    get_azure_token,
    get_handler,
    get_oauth_token,
)
from airview_herald.auth import ClientCredentials
from airview_herald.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    InputError,
    TransportError,
)
from airview_herald.sandbox import Sandbox
from airview_herald.transport import PooledTransport

ENDPOINT = "https://login.example/oauth2/token"
SETTINGS = ("ccf", "MONITOR", "aws_account_id")


@pytest.fixture
def guarded():
    """A sandbox that asks for its own tokens."""
    with Sandbox(require_token=True) as sandbox:
        yield sandbox


@pytest.fixture
def endpoint():
    """Make token endpoints that answer all alike, and keep what they were sent."""

    def make(status=200, document=None):
        def answer(request):
            transport.sent.append(request)
            return httpx.Response(status, json=document or {"access_token": "abc"})

        transport = httpx.MockTransport(answer)
        transport.sent = []
        return transport

    return make


def form(request):
    """Return the fields of a form."""
    return dict(parse_qsl(request.content.decode(), keep_blank_values=True))


async def test_a_handler_of_a_fetched_token(guarded):
    """The header value of one function is the token of the other: one `Bearer` is sent."""
    token = await get_oauth_token(guarded.token_url, "sandbox-client", "sandbox-secret", "any")
    assert token.startswith("Bearer ")
    assert token.count("Bearer") == 1
    guarded.requests.clear()
    handler = get_handler(guarded.airview_url, *SETTINGS, token)
    async with handler as entered:
        assert entered is handler
        assert (await handler.handle_control(Control("C", "SECURITY"))).id == 1
    assert {each.headers["authorization"] for each in guarded.requests} == {token}


@pytest.mark.parametrize("token", ["abc", "Bearer abc", "bearer  Bearer abc"])
async def test_a_handler_of_any_form_of_token(sandbox, token):
    """With or without its scheme, once or twice, the token is sent under one `Bearer`."""
    async with get_handler(sandbox.airview_url, *SETTINGS, token) as handler:
        await handler.backend.get_environments()
    assert sandbox.requests[-1].headers["authorization"] == "Bearer abc"


def test_the_documented_class_is_the_client():
    """Existing annotations and `isinstance` checks go on working."""
    assert Handler is AirView
    handler = get_handler("https://airview.example/api/", *SETTINGS, "abc")
    assert type(handler) is Handler
    assert "abc" not in repr(vars(handler))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (("", *SETTINGS, "t"), ConfigurationError, "base_url"),
        (("http://airview.example", *SETTINGS, "t"), ConfigurationError, "allow_http"),
        (("https://airview.example", *SETTINGS, ""), ConfigurationError, "token"),
        (("https://airview.example", "", "MONITOR", "t", "t"), InputError, "system_name"),
        (("https://airview.example", "n", "monitor", "t", "t"), InputError, "system_stage"),
        (("https://airview.example", "n", "MONITOR", "a b", "t"), InputError, "referencing_type"),
    ],
)
def test_a_handler_of_bad_settings(settings, error, message):
    """What cannot work is told by name, before anything is opened."""
    with pytest.raises(error, match=message):
        get_handler(*settings)


def test_a_handler_takes_the_options_of_the_client():
    """What a refusal says to pass can be passed."""
    handler = get_handler("http://airview.example", *SETTINGS, "t", allow_http=True, timeout=60)
    assert type(handler) is AirView


async def test_a_token_endpoint_of_plain_http(endpoint):
    """It is told by its documented name, and can be allowed."""
    login = ("http://login.example/token", "id", "secret", None)
    with pytest.raises(ConfigurationError, match=r"^oauth_endpoint: .* pass allow_http=True$"):
        await get_oauth_token(*login)
    assert await get_oauth_token(*login, allow_http=True, http=endpoint()) == "Bearer abc"


async def test_a_client_of_a_configuration(sandbox):
    """The documented settings make a client; every option of the class goes with them."""
    config = BackendConfig(sandbox.airview_url + "/", "Bearer abc", *SETTINGS)
    async with AirView.from_config(config, headers={"X-Key": "k"}, timeout=5.0) as airview:
        assert await airview.backend.system_id == 1
        assert airview.backend.get_url("/systems/") == sandbox.airview_url + "/systems/"
    (row,) = sandbox.snapshot()["system"]
    assert (row["name"], row["stage"]) == ("ccf", "MONITOR")
    headers = sandbox.requests[-1].headers
    assert (headers["authorization"], headers["x-key"]) == ("Bearer abc", "k")


async def test_a_configuration_without_a_token(guarded):
    """An `auth` of its own takes the token's place, or nothing does."""
    config = BackendConfig(guarded.airview_url, None, *SETTINGS)
    auth = ClientCredentials(guarded.token_url, "sandbox-client", "sandbox-secret")
    async with AirView.from_config(config, auth=auth) as airview:
        assert await airview.backend.get_environments() == []
    open_config = BackendConfig("https://airview.example", None, *SETTINGS)
    assert type(AirView.from_config(open_config)) is AirView


def test_a_token_and_an_auth_are_one_too_many():
    """Which of two credentials is meant is not guessed."""
    config = BackendConfig("https://airview.example", "abc", *SETTINGS)
    with pytest.raises(ConfigurationError, match="auth: the configuration has a token already"):
        AirView.from_config(config, auth="def")


async def test_what_a_token_endpoint_is_asked(endpoint):
    """A form of the four fields, with the caller's headers and no query."""
    http = endpoint()
    token = await get_oauth_token(
        ENDPOINT, "id", "secret", "scope", {"Ocp-Apim-Subscription-Key": "k"}, http=http
    )
    assert token == "Bearer abc"
    (request,) = http.sent
    assert (request.method, str(request.url)) == ("POST", ENDPOINT)
    assert request.headers["ocp-apim-subscription-key"] == "k"
    assert form(request) == {
        "client_id": "id",
        "client_secret": "secret",
        "grant_type": "client_credentials",
        "scope": "scope",
    }


async def test_no_scope_is_asked_for(endpoint):
    """`None` leaves the scope to the endpoint."""
    http = endpoint()
    await get_oauth_token(ENDPOINT, "id", "secret", None, http=http)
    assert "scope" not in form(http.sent[0])


async def test_an_azure_token(endpoint):
    """The documented arguments, in their order, name the tenant's endpoint."""
    http = endpoint()
    token = await get_azure_token("id", "secret", "tenant", "api://x/.default", http=http)
    assert token == "Bearer abc"
    assert str(http.sent[0].url) == "https://login.microsoftonline.com/tenant/oauth2/v2.0/token"
    assert form(http.sent[0])["scope"] == "api://x/.default"


@pytest.mark.parametrize(("scope", "asked"), [((), "airview/agent_push"), (("s",), "s")])
async def test_a_cognito_token(endpoint, scope, asked):
    """The documented arguments, in their order, name the pool's endpoint."""
    http = endpoint()
    arguments = ("id", "secret", "pool", "eu-west-1", *scope)
    assert await get_aws_cognito_token(*arguments, http=http) == "Bearer abc"
    url = "https://pool.auth.eu-west-1.amazoncognito.com/oauth2/token"
    assert str(http.sent[0].url) == url
    assert form(http.sent[0])["scope"] == asked


@pytest.mark.parametrize(
    ("status", "document", "message"),
    [
        (401, {"error": "invalid_client", "error_description": "no"}, "401: invalid_client: no"),
        (302, {"x": 1}, "302: no error in its body"),
        (200, {"token_type": "Bearer"}, "has no access_token"),
        (200, {"access_token": None}, "has no access_token"),
        (200, {"access_token": "a\nb"}, "no header can carry"),
    ],
)
async def test_a_refused_token(endpoint, status, document, message):
    """What the endpoint says is the error, and `Bearer None` is never a token."""
    with pytest.raises(AuthenticationError, match=message) as caught:
        await get_oauth_token(ENDPOINT, "id", "s3cret", "scope", http=endpoint(status, document))
    assert "s3cret" not in str(caught.value)


async def test_a_token_endpoint_that_stumbles_is_asked_again(guarded):
    """A lost answer and a gateway's 502 are repeated: asking for a token changes nothing."""
    async with Faulty(PooledTransport()) as faulty:
        faulty.order("POST", "/token", processed=True)
        faulty.order("POST", "/token", processed=False, status=502)
        token = await get_oauth_token(
            guarded.token_url, "sandbox-client", "sandbox-secret", "any", http=faulty
        )
    assert token.startswith("Bearer ")


@pytest.mark.parametrize(
    ("raised", "ours"),
    [
        (httpx.UnsupportedProtocol("no such scheme"), ConnectError),
        (httpx.LocalProtocolError("no such header"), TransportError),
    ],
)
async def test_a_token_endpoint_that_cannot_be_asked(raised, ours):
    """The error is of our tree, and names the endpoint."""

    def refuse(request):
        raise raised

    with pytest.raises(ours) as caught:
        await get_oauth_token(ENDPOINT, "id", "secret", "s", http=httpx.MockTransport(refuse))
    assert (caught.value.method, caught.value.url) == ("POST", ENDPOINT)


@pytest.mark.parametrize(
    ("arguments", "setting"),
    [
        (("http://login.example/token", "id", "secret", "s"), "oauth_endpoint"),
        ((ENDPOINT, "", "secret", "s"), "client_id"),
        ((ENDPOINT, "id", "", "s"), "client_secret"),
    ],
)
async def test_bad_credentials_send_nothing(endpoint, arguments, setting):
    """A key pair goes to no plain http endpoint, and an empty one nowhere."""
    http = endpoint()
    with pytest.raises(ConfigurationError, match=setting):
        await get_oauth_token(*arguments, http=http)
    assert http.sent == []


async def test_the_callers_transport_is_left_open():
    """What the caller brought is the caller's to close."""

    class Closing(httpx.MockTransport):
        closed = False

        async def aclose(self):
            self.closed = True

    http = Closing(lambda _: httpx.Response(200, json={"access_token": "abc"}))
    await get_oauth_token(ENDPOINT, "id", "secret", "s", http=http)
    assert not http.closed
