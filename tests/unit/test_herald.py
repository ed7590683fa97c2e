"""Herald's client: how it is made, for which account it calls, where, and for how long."""

import asyncio
import inspect

import anyio
import httpx
import pytest
from fake_alertlogic import ACCOUNT, PAIR, FakeAlertLogic

from airview_herald import Herald
from airview_herald.auth import BearerToken
from airview_herald.errors import ConfigurationError, DecodeError, InputError, UnauthorizedError
from airview_herald.herald import _routes, _undocumented_routes
from airview_herald.transport import Retry

GLOBAL = "https://api.global-services.global.alertlogic.com"
HOST = "https://herald.example.alertlogic.com"
KEYS = dict(zip(("access_key_id", "secret_key"), PAIR, strict=True))


@pytest.fixture
def service():
    """The services, which know one key pair and the token `mine`."""
    fake = FakeAlertLogic()
    fake.valid.add("mine")
    return fake


@pytest.fixture
def client(service):
    """Make clients of the services."""

    def make(**options):
        if not {"access_key_id", "aims_token", "auth", "username"} & options.keys():
            options |= KEYS
        return Herald(http=httpx.MockTransport(service), **options)

    return make


def urls(requests):
    """Return the URLs of requests."""
    return [str(request.url) for request in requests]


# For which account


async def test_a_call_goes_to_the_account_of_the_login(client, service):
    """One login, one look-up for its account, and the call at the host that was found."""
    async with client() as herald:
        await herald.get_account_subscriptions()
        await herald.get_account_subscription("s")
        await herald.get_notification_types()
    assert len(service.logins) == 1
    assert urls(service.logins) == [f"{GLOBAL}/aims/v1/authenticate"]
    assert urls(service.lookups) == [
        f"{GLOBAL}/endpoints/v1/{ACCOUNT}/residency/default/services/herald/endpoint"
    ]
    assert urls(service.calls) == [
        f"{HOST}/herald/v2/{ACCOUNT}/subscriptions",
        f"{HOST}/herald/v2/{ACCOUNT}/subscriptions/s",
        f"{HOST}/herald/v2/notification_types",
    ]


async def test_a_bare_token_is_asked_for_its_account(client, service):
    """The token's own account, asked for once, however many call at once."""
    async with client(aims_token="mine") as herald, anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(herald.get_account_subscriptions)
    assert service.logins == []
    assert urls(service.calls) == [
        f"{GLOBAL}/aims/v1/token_info",
        *[f"{HOST}/herald/v2/{ACCOUNT}/subscriptions"] * 20,
    ]


@pytest.mark.parametrize("account", [True, "", "1\r\nX: y", "..", "1" * 101])
async def test_a_token_of_no_account_is_told(client, service, account):
    """Its id becomes a part of URLs: what cannot be one is an error of decoding."""
    service.token_info = {"account": {"id": account}}
    async with client(aims_token="mine") as herald:
        with pytest.raises(DecodeError, match=r"the token is of no account @ \$\.account\.id"):
            await herald.get_account_subscriptions()


async def test_a_credential_of_another_make_is_asked_for_its_account(client, service):
    """Any `httpx.Auth` will do."""

    class Fixed(httpx.Auth):
        def auth_flow(self, request):
            request.headers["x-aims-auth-token"] = "mine"
            yield request

    async with client(auth=Fixed()) as herald:
        await herald.get_account_subscriptions()
    assert urls(service.calls)[0] == f"{GLOBAL}/aims/v1/token_info"


async def test_a_configured_account_needs_no_asking(client, service):
    """The configured account is for whoever names none; the call's own is above it."""
    async with client(aims_token="mine", account_id="1") as herald:
        await herald.get_account_subscriptions()
        await herald.get_account_subscriptions(account_id="2")
    assert urls(service.calls) == [f"{HOST}/herald/v2/{n}/subscriptions" for n in (1, 2)]
    assert [url.split("/")[5] for url in urls(service.lookups)] == ["1", "2"]


async def test_one_account_does_not_redirect_another(client, service):
    """The host that is found for one account is not used for another one."""
    async with client(account_id="1") as herald:
        await herald.get_account_subscriptions()
        service.host = "two.alertlogic.com"
        await herald.get_account_subscriptions(account_id="2")
        await herald.get_account_subscriptions()
    assert [url.split("/")[2] for url in urls(service.calls)] == [
        "herald.example.alertlogic.com",
        "two.alertlogic.com",
        "herald.example.alertlogic.com",
    ]


async def test_a_map_without_aims_needs_a_token_and_an_account(tmp_path, monkeypatch, service):
    """Who has no AIMS to ask says who he is and for whom."""
    folder = tmp_path / ".alertlogic"
    folder.mkdir()
    (folder / "endpoint_map.json").write_text('{"herald": "https://own.example"}')
    monkeypatch.setenv("HOME", str(tmp_path))
    options = {"global_endpoint": "map", "http": httpx.MockTransport(service)}
    with pytest.raises(ConfigurationError) as caught:
        Herald(**KEYS, **options)
    assert str(caught.value) == (
        f"{folder}/endpoint_map.json: has no aims, which gives a token for the credential"
    )
    async with Herald(aims_token="mine", **options) as herald:
        await herald.get_account_subscriptions(account_id="1")
        await herald.get_notification_types()
        with pytest.raises(InputError, match=r"^account_id: is needed: .*json has no aims"):
            await herald.get_account_subscriptions()
    assert urls(service.calls) == [
        "https://own.example/herald/v2/1/subscriptions",
        "https://own.example/herald/v2/notification_types",
    ]


# Credentials


async def test_the_key_pair_goes_to_aims_only(client, service):
    """Neither the Endpoints service nor Herald sees the Basic header."""
    async with client() as herald:
        await herald.get_account_subscriptions()
    assert [r.headers.get("authorization") for r in (*service.lookups, *service.calls)] == [
        None
    ] * 2
    assert "x-aims-auth-token" not in service.logins[0].headers


async def test_the_skip_pair_sends_no_credential(client, service):
    """No header and no login; the call names its account."""
    service.pages = [httpx.Response(200, json={})]
    url = "https://al.example"
    async with client(access_key_id="skip", secret_key="skip", global_endpoint=url) as herald:
        await herald.get_account_subscriptions(account_id="1")
        with pytest.raises(InputError, match=r"^account_id: is needed: without a credential"):
            await herald.get_account_subscriptions()
    assert (service.logins, service.shown) == ([], [None])


async def test_a_bad_token_is_never_a_login_as_nobody(client, service):
    """A bare token that is refused is final, and is checked even when the account is known."""
    async with client(aims_token="spent", account_id="1") as herald:
        with pytest.raises(UnauthorizedError):
            await herald.get_account_subscriptions()
    assert (service.logins, service.shown) == ([], ["spent"])


async def test_a_token_is_not_replaced_by_a_key_that_it_was_not_given_with(
    client, service, monkeypatch
):
    """A key in the environment may be another identity's."""
    for name, value in KEYS.items():
        monkeypatch.setenv(f"ALERTLOGIC_{name.upper()}", value)
    async with client(aims_token="spent") as herald:
        with pytest.raises(UnauthorizedError):
            await herald.get_account_subscriptions(account_id="1")
    assert service.logins == []


async def test_credentials_of_the_environment(service, monkeypatch):
    """Nothing has to be given."""
    for name, value in KEYS.items():
        monkeypatch.setenv(f"ALERTLOGIC_{name.upper()}", value)
    async with Herald(http=httpx.MockTransport(service)) as herald:
        await herald.get_account_subscriptions()
    assert len(service.logins) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "access_key_id: there is no credential in the arguments, in ALERTLOGIC_ACCESS_KEY_ID"),
        ({"auth": "token"}, "auth: must be an httpx.Auth"),
        ({"auth": BearerToken("x"), "aims_token": "y"}, "auth: give either auth or credentials"),
        ({"auth": BearerToken("x"), "username": "y"}, "auth: give either auth or credentials"),
        ({"username": "y"}, "password: must be given together with username"),
        ({"password": "y"}, "username: must be given together with password"),
        ({**KEYS, "username": "y", "password": "z"}, "username: give either an access key or a"),
        ({"access_key_id": "y"}, "secret_key: must be given together with access_key_id"),
        ({"aims_token": "y", "mfa_code": "123456"}, "mfa_code: must be callable"),
        ({**KEYS, "residency": "mars"}, "residency: must be one of"),
        ({**KEYS, "profile": "none"}, "profile: there is no [none] in "),
        ({**KEYS, "global_endpoint": "http://al.example"}, "global_endpoint: plain http would"),
        ({**KEYS, "timeout": 0}, "timeout: must be more than 0 seconds"),
        ({**KEYS, "headers": {"X-Key": ""}}, "headers['X-Key']: must be a text"),
        ({**KEYS, "http": 7}, "http: must be an httpx.AsyncBaseTransport or"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(options, words):
    """A client that cannot work is not made; the message names the setting."""
    with pytest.raises(ConfigurationError) as caught:
        Herald(**options)
    assert str(caught.value).startswith(words)


# What is given is checked before anything is sent


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda herald: herald.get_account_notification(""), "notification_id"),
        (lambda herald: herald.get_account_notification(".."), "notification_id"),
        (lambda herald: herald.get_account_subscription("."), "subscription_id"),
        (lambda herald: herald.get_account_subscriptions(account_id=".."), "account_id"),
        (lambda herald: herald.get_account_subscriptions(account_id=""), "account_id"),
        (lambda herald: herald.get_account_subscriptions(account_id=7), "account_id"),
        (lambda herald: herald.get_account_notification_by_type("incidents"), "type"),
        (lambda herald: herald.get_account_notification_by_type("a/b", limit="x"), "limit"),
        (lambda herald: herald.update_subscription("s"), "changes"),
        (lambda herald: herald.batch_delete_subscriptions([]), "ids"),
        (
            lambda herald: herald.remove_subscriber("s", subscriber="..", subscriber_type="user"),
            "subscriber",
        ),
    ],
)
async def test_bad_input_sends_nothing(client, service, call, field):
    """Not even a login is sent for what breaks a rule."""
    async with client() as herald:
        with pytest.raises(InputError) as caught:
            await call(herald)
    assert caught.value.field == field
    assert service.logins == service.shown == []


# Its life


def test_a_client_is_not_for_with(client):
    """Who comes from a synchronous client is told of the other one."""
    told = r"^Herald is entered by `async with`, not by `with`$"
    with pytest.raises(TypeError, match=told), client():
        pytest.fail("it was entered")


async def test_a_client_is_entered_first(client):
    """Outside its block a client sends nothing."""
    herald = client()
    with pytest.raises(RuntimeError, match="must be entered first"):
        await herald.get_account_subscriptions()
    with pytest.raises(RuntimeError, match="must be entered first"):
        await herald.get_account_notification_by_type("a/b")
    with pytest.raises(RuntimeError, match="must be entered first"):
        await herald.get_notification_types()
    async with herald:
        await herald.get_account_subscriptions()
    with pytest.raises(RuntimeError, match="is closed"):
        await herald.get_account_subscriptions()
    with pytest.raises(RuntimeError, match="is entered once"):
        await herald.__aenter__()


def test_a_listing_is_made_anywhere(client):
    """Nothing is asked of the event loop before a page is; a wrong argument is told at once."""
    herald = client()
    assert repr(herald.get_account_notification_by_type("a/b")).startswith("Paginator('/herald/v2/")
    with pytest.raises(InputError, match=r"^type: "):
        herald.get_account_notification_by_type("incidents")


def test_a_client_outside_any_event_loop_says_so(client):
    """Words of ours, and not of a package that tells event loops apart."""
    herald = client()

    async def enter():
        await herald.__aenter__()

    anyio.run(enter)
    with pytest.raises(RuntimeError, match="make one client for each event loop"):
        herald.get_account_subscriptions().send(None)
    anyio.run(herald.__aexit__, None, None, None)


def test_a_client_belongs_to_one_event_loop(client):
    """Another loop is refused in words."""
    herald = client()

    async def enter():
        await herald.__aenter__()

    async def use():
        await herald.get_account_subscriptions()

    asyncio.run(enter())
    with pytest.raises(RuntimeError, match="make one client for each event loop"):
        asyncio.run(use())


async def test_a_transport_of_the_callers_stays_open(service):
    """Who opened it closes it."""
    closed = []

    class Theirs(httpx.MockTransport):
        async def aclose(self):
            closed.append(self)

    async with Herald(**KEYS, http=Theirs(service)) as herald:
        await herald.get_account_subscriptions()
    assert closed == []


# How it sends


async def test_options_of_one_call(client, service):
    """A sibling sends otherwise over the same credential and the same hosts."""
    seen = []
    async with client(headers={"X-Key": "1"}) as herald:
        await herald.get_account_subscriptions()
        other = herald.with_options(headers={"X-Key": "2"}, on_reply=seen.append)
        await other.get_account_subscriptions()
        await herald.get_account_subscriptions()
    assert [call.headers["x-key"] for call in service.calls] == ["1", "2", "1"]
    assert [reply.url for reply in seen] == [f"{HOST}/herald/v2/{ACCOUNT}/subscriptions"]
    assert (len(service.logins), len(service.lookups)) == (1, 1)


async def test_answers_of_herald_are_shown_and_no_others(client, service):
    """The login, the look-up and what tells of the account are not the caller's calls."""
    seen = []
    async with client(aims_token="mine", on_reply=seen.append) as herald:
        await herald.get_account_subscriptions()
    assert [reply.url for reply in seen] == [f"{HOST}/herald/v2/{ACCOUNT}/subscriptions"]
    assert len(service.shown) == 3


async def test_a_send_is_not_repeated(client, service):
    """One send that is answered 503 is one request; a read is repeated."""
    service.pages = [httpx.Response(503)]
    retry = Retry(base=0)
    async with client(retry=retry) as herald:
        with pytest.raises(Exception, match="answered 503") as caught:
            await herald.sent_notification(
                type="a/b", notification_data={}, asset_data={}, payload={}
            )
        assert caught.value.ambiguous
        assert len(service.calls) == 1
        service.pages = [httpx.Response(503)] * 3
        await herald.get_account_subscriptions()
    assert len(service.calls) == 5


# Names


ROUTES = {
    name: route
    for module in (_routes, _undocumented_routes)
    for name, route in inspect.getmembers(module, inspect.isfunction)
    if route.__module__ == module.__name__ and not name.startswith("_")
}


def test_every_route_is_a_method_by_its_name():
    """Twelve documented operations, seven later ones, and four that are undocumented."""
    assert len(ROUTES) == 23
    public = {
        name
        for name, value in inspect.getmembers(Herald, inspect.isfunction)
        if not name.startswith("_")
    }
    assert public == {*ROUTES, "get_login_account_id", "send_notification", "with_options"}
    assert Herald.send_notification is Herald.sent_notification


@pytest.mark.parametrize("name", ROUTES)
def test_a_method_takes_what_its_route_takes(name):
    """The parameters are the documented ones, in their order, and the account is optional."""
    route = dict(inspect.signature(ROUTES[name]).parameters)
    method = dict(inspect.signature(getattr(Herald, name)).parameters)
    takes_account = route.pop("account_id", None) is not None
    account = method.pop("account_id", None)
    assert (account is not None) is takes_account
    if account is not None:
        assert (account.default, account.kind) == (None, account.KEYWORD_ONLY)
    del method["self"]
    method.pop("resume", None)
    assert [(p.name, p.default) for p in method.values()] == [
        (p.name, p.default) for p in route.values()
    ]


@pytest.mark.parametrize("name", [n for n, r in ROUTES.items() if "undocumented" in r.__module__])
def test_undocumented_operations_say_so(name):
    """Whoever relies on one knows what it is."""
    assert "; undocumented" in getattr(Herald, name).__doc__.partition("\n")[0]
