"""Every operation of Herald over sockets, and the bytes that go out for it."""

import time

import anyio
import httpx
import pytest

from airview_herald import Herald
from airview_herald.auth import AimsAuth
from airview_herald.errors import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    InputError,
    NotFoundError,
    ServerStatusError,
    TransportError,
    UnauthorizedError,
)
from airview_herald.herald import Page
from airview_herald.transport import PooledTransport, Retry

ACCOUNT = "12345678"
A = f"/herald/v2/{ACCOUNT}"
USER = {"subscriber_type": "user"}


def targets(sandbox):
    """Return method and target of each request to Herald."""
    return [
        (request.method, request.target)
        for request in sandbox.requests
        if request.path.startswith("/herald/")
    ]


async def subscribe(herald, name="Critical", **options):
    """Create a subscription."""
    return await herald.create_subscription(
        name=name, class_="event", notification_type="incidents/alerts", **options
    )


# Every operation


async def test_a_notification_is_sent_and_delivered(sandbox, call_herald):
    """What is sent is stored, delivered to who is subscribed, and read back in three ways."""
    async with call_herald() as herald:
        await subscribe(herald, subscribers=[{"subscriber": sandbox.herald.user_id, **USER}])
        sent = await herald.sent_notification(
            type="incidents/alerts",
            notification_data={"class": "brute_force", "threat_level": "high"},
            asset_data={"tags": [{"env": "prod"}]},
            payload={"long_incident_id": "a1b2", "threat": "High", "own": [1]},
            attachments=[{"name": "a.png", "description": "", "url": "https://f.example/a.png"}],
        )
        assert (sent.status, sent.account_id) == ("created", ACCOUNT)
        assert sent.payload.extra["own"] == [1]
        assert await herald.get_notification(sent.id) == sent
        assert await herald.get_account_notification(sent.id) == sent
        page = await herald.get_account_notification_by_type("incidents/alerts")
        assert isinstance(page, Page)
        assert page.items == (sent,)
        (delivery,) = await herald.get_sent_incident_notifications("a1b2")
    assert [(s.destination, s.status) for s in delivery.statuses] == [
        ("robin.vale@example.com", "SENT")
    ]
    assert targets(sandbox) == [
        ("POST", f"{A}/subscriptions"),
        ("POST", f"{A}/notifications"),
        ("GET", f"/herald/v2/notifications/{sent.id}"),
        ("GET", f"{A}/notifications/{sent.id}"),
        ("GET", f"{A}/notifications/incidents/alerts"),
        ("GET", f"{A}/notifications/type/incidents/alerts/a1b2"),
    ]


async def test_the_life_of_a_subscription(sandbox, call_herald):
    """A subscription is created, read, changed, and deleted; so are its subscribers."""
    async with call_herald() as herald:
        made = await subscribe(herald, active=True, options={"email_subject": "x"})
        changed = await herald.update_subscription(
            made.id, name="Other", options={"email_subject": False}
        )
        assert (changed.name, changed.options.email_subject) == ("Other", False)
        someone = await herald.add_subscriber(made.id, subscriber="u-1", subscriber_type="user")
        assert (someone.subscriber, someone.subscription_id) == ("u-1", made.id)
        await herald.batch_update_subscribers(
            made.id,
            [
                {"subscriber": "u-2", "action": "add", **USER},
                {"subscriber": "u-1", "action": "delete", **USER},
            ],
        )
        found = await herald.get_account_subscription_subscribers(made.id)
        assert [each.subscriber for each in found] == ["u-2"]
        whole = await herald.get_account_subscription(made.id, include_subscribers=True)
        assert [each.subscriber for each in whole.subscribers] == ["u-2"]
        await herald.remove_subscriber(made.id, subscriber="u-2", subscriber_type="user")
        listed = await herald.get_account_subscriptions(
            class_="event", notification_type="incidents/alerts", include_subscribers=False
        )
        assert [each.id for each in listed] == [made.id]
        await herald.delete_subscription(made.id)
        more = [(await subscribe(herald, name)).id for name in "ab"]
        await herald.batch_delete_subscriptions(more)
        assert await herald.get_account_subscriptions() == []
    body = next(r for r in sandbox.requests if r.path.endswith("/subscribers")).body
    assert body == (
        b'{"subscriber":"u-1","subscriber_type":"user","account_id":"12345678",'
        b'"subscription_id":"%s"}' % made.id.encode()
    )


async def test_integrations_and_types(sandbox, call_herald):
    """The deprecated reads, the documented types, and what is not documented."""
    with anyio.fail_after(10):
        (hook,) = sandbox.herald.add_integrations(
            [{"type": "webhook", "name": "Hook", "target_url": "https://h.example", "headers": {}}]
        )
        kind = {
            "notification_type": "own/alerts",
            "name": "Own",
            "default_template": "t",
            "templates": ["t"],
            "default_email_subject": "s",
        }
        async with call_herald() as herald:
            assert (await herald.get_account_integration(hook)).name == "Hook"
            assert [each.id for each in await herald.get_account_integrations()] == [hook]
            assert [each.name for each in await herald.get_integration_types()] == ["webhook"]
            assert (await herald.create_notification_type(kind)).name == "Own"
            await herald.update_notification_type(kind | {"name": "Mine"})
            names = {each.name for each in await herald.get_notification_types()}
            assert "Mine" in names
            await herald.delete_notification_type("own/alerts")
            tried = await herald.test_integration(
                "webhook", {"url": "https://h.example", "method": "POST"}
            )
            assert tried.code == 200


async def test_refusals_carry_what_herald_says(sandbox, call_herald):
    """Codes, details, and what a batch left undone."""
    sandbox.herald.refuse_subscriber("nobody")
    async with call_herald() as herald:
        made = await subscribe(herald)
        with pytest.raises(BadRequestError) as caught:
            await herald.batch_delete_subscriptions([made.id, "none"])
        assert (caught.value.code, caught.value.unprocessed_items) == ("delete_failed", ["none"])
        assert caught.value.operation == "batch_delete_subscriptions"
        with pytest.raises(BadRequestError) as caught:
            await subscribe(herald, subscribers=[{"subscriber": "nobody", **USER}])
        assert [each.subscriber for each in caught.value.subscribers_failed] == ["nobody"]
        with pytest.raises(NotFoundError):
            await herald.get_account_subscription("none")
        with pytest.raises(ForbiddenError):
            await herald.get_account_subscriptions(account_id="99")
        first, second = [await subscribe(herald, name) for name in "ab"]
        with pytest.raises(ConflictError):
            await herald.update_subscription(second.id, name=first.name)


async def test_a_child_account_is_called_with_the_parents_token(sandbox, call_herald):
    """A call names the account; the login stays the same."""
    sandbox.herald.add_account("87654321")
    async with call_herald() as herald:
        await herald.get_account_subscriptions()
        await herald.get_account_subscriptions(account_id="87654321")
    assert sandbox.herald.login_requests == 1
    assert targets(sandbox)[1] == ("GET", "/herald/v2/87654321/subscriptions")


async def test_a_send_without_an_answer_is_not_repeated(sandbox, call_herald):
    """The server carried it out; nobody sends it twice."""
    sandbox.force("POST", "/herald/v2/{account_id}/notifications", drop="after", times=1)
    async with call_herald() as herald:
        with pytest.raises(TransportError) as caught:
            await herald.send_notification(
                type="a/b", notification_data={}, asset_data={}, payload={}
            )
        assert caught.value.ambiguous
        page = await herald.get_account_notification_by_type("a/b")
    assert len(page.items) == 1


async def test_a_replayed_delete_that_finds_nothing_is_done(sandbox, call_herald):
    """The first copy deleted it, though nobody heard."""
    path = "/herald/v2/{account_id}/subscriptions/{subscription_id}"
    async with call_herald(retry=Retry(base=0)) as herald:
        made = await subscribe(herald)
        sandbox.force("DELETE", path, drop="after", times=1)
        await herald.delete_subscription(made.id)
        with pytest.raises(NotFoundError):
            await herald.delete_subscription(made.id)


async def test_one_call_is_one_operation(sandbox, call_herald):
    """Login and call end within the time of one operation, whatever stage is slow."""
    sandbox.force("POST", "/aims/v1/authenticate", delay=5, times=1)
    async with call_herald(timeout=0.2, retry=Retry(attempts=1)) as herald:
        with anyio.fail_after(4), pytest.raises(TransportError, match="authenticate"):
            await herald.get_account_subscriptions()


# The bytes on the wire

VALUES = {
    "..x/.y.": "..x%2F.y.",
    "a/b": "a%2Fb",
    "ü %?#": "%C3%BC%20%25%3F%23",
    "robin+al@example.com": "robin%2Bal%40example.com",
    "a;b=c,d&e:f": "a%3Bb%3Dc%2Cd%26e%3Af",
    "%2e%2e": "%252e%252e",
    "~._-": "~._-",
}
PATHS = [
    (lambda h, v: h.get_notification(v), "/herald/v2/notifications/{}"),
    (lambda h, v: h.get_account_notification(v), A + "/notifications/{}"),
    (
        lambda h, v: h.get_sent_incident_notifications(v),
        A + "/notifications/type/incidents/alerts/{}",
    ),
    (lambda h, v: h.get_account_subscription(v), A + "/subscriptions/{}"),
    (lambda h, v: h.get_account_subscription_subscribers(v), A + "/subscriptions/{}/subscribers"),
    (lambda h, v: h.update_subscription(v, active=False), A + "/subscriptions/{}"),
    (lambda h, v: h.delete_subscription(v), A + "/subscriptions/{}"),
    (
        lambda h, v: h.add_subscriber(v, subscriber="s", subscriber_type="user"),
        A + "/subscriptions/{}/subscribers",
    ),
    (
        lambda h, v: h.remove_subscriber("s", subscriber=v, subscriber_type="user"),
        A + "/subscriptions/s/subscribers/user/{}",
    ),
    (
        lambda h, v: h.remove_subscriber("s", subscriber="x", subscriber_type=v),
        A + "/subscriptions/s/subscribers/{}/x",
    ),
    (
        lambda h, v: h.batch_update_subscribers(
            v, [{"subscriber": "s", "subscriber_type": "user", "action": "add"}]
        ),
        A + "/subscriptions/{}/subscribers/batch/update",
    ),
    (lambda h, v: h.get_account_integration(v), A + "/integrations/{}"),
    (lambda h, v: h.get_account_subscriptions(account_id=v), "/herald/v2/{}/subscriptions"),
]


@pytest.mark.parametrize("number", range(len(PATHS)))
async def test_path_values_are_one_segment(sandbox, call_herald, number):
    """Whatever a value holds, it arrives as the bytes of one segment, escaped once."""
    call, path = PATHS[number]
    async with call_herald() as herald:
        for value in VALUES:
            with pytest.raises((NotFoundError, ForbiddenError)):
                await call(herald, value)
    assert [target for _, target in targets(sandbox)] == [
        path.format(escaped) for escaped in VALUES.values()
    ]


@pytest.mark.parametrize("number", range(len(PATHS)))
@pytest.mark.parametrize("value", ["", ".", "..", "../x", "x/./y", "x\\.."])
async def test_values_that_would_address_something_else_are_not_sent(
    sandbox, call_herald, number, value
):
    """An empty segment or a dotted one is refused before anything is sent."""
    async with call_herald() as herald:
        with pytest.raises(InputError):
            await PATHS[number][0](herald, value)
    assert len(sandbox.requests) == 0


async def test_a_type_is_two_segments_and_a_query_is_escaped(sandbox, call_herald):
    """The slash of a type goes as it is in a path, and escaped in a query."""
    async with call_herald() as herald:
        await herald.get_account_notification_by_type(
            "ü %/a+b", sort="asc", since=1, until=2, limit=3
        )
        await herald.get_account_subscriptions(
            notification_type="a/b", external_id="a&b=c+d/é", include_subscribers=True
        )
    listing, subscriptions = [target for _, target in targets(sandbox)]
    assert listing == f"{A}/notifications/%C3%BC%20%25/a%2Bb?sort=asc&since=1&until=2&limit=3"
    assert subscriptions == (
        f"{A}/subscriptions?external_id=a%26b%3Dc%2Bd%2F%C3%A9&notification_type=a%2Fb"
        "&include_subscribers=true"
    )


# Tokens


async def test_two_hundred_calls_at_expiry_are_one_login(sandbox, call_herald):
    """A token is renewed once, whoever asks; the tokens' end is the server's word."""
    ahead = [0.0]
    credential = AimsAuth(
        sandbox.herald.access_key_id,
        sandbox.herald.secret_key,
        url=sandbox.herald_url,
        clock=lambda: time.time() + ahead[0],
    )
    async with call_herald(auth=credential) as herald:
        await herald.get_account_subscriptions()
        ahead[0] = sandbox.herald.switches.token_lifetime - 60
        async with anyio.create_task_group() as group:
            for _ in range(200):
                group.start_soon(herald.get_account_subscriptions)
    assert sandbox.herald.login_requests == 2
    assert len(targets(sandbox)) == 201
    assert {r.status for r in sandbox.requests} == {200}


async def test_a_token_revoked_mid_run_is_one_login(sandbox, call_herald):
    """Every call of the run succeeds, those that were under way too."""
    answers = []

    def revoke(reply):
        answers.append(reply.status)
        if len(answers) == 100:
            sandbox.expire_tokens()

    limit = anyio.CapacityLimiter(32)

    async def call():
        async with limit:
            await herald.get_account_subscriptions()

    async with call_herald(on_reply=revoke) as herald:
        await herald.get_account_subscriptions()
        async with anyio.create_task_group() as group:
            for _ in range(300):
                group.start_soon(call)
    assert sandbox.herald.login_requests == 2
    assert [status for status in answers if status != 401] == [200] * 301
    refused = [r for r in sandbox.requests if r.status == 401]
    assert len({r.headers["x-aims-auth-token"] for r in refused}) <= 1


async def test_a_wrong_key_is_one_request(sandbox, call_herald):
    """One login for two hundred calls, and the reason in words."""
    said = set()

    async def call():
        with pytest.raises(AuthenticationError) as caught:
            await herald.get_account_subscriptions()
        said.add(str(caught.value))

    async with call_herald(secret_key="wrong") as herald, anyio.create_task_group() as group:
        for _ in range(200):
            group.start_soon(call)
    url = f"{sandbox.herald_url}/aims/v1/authenticate"
    assert said == {f"{url} answered 401: the access key is wrong"}
    assert len(sandbox.requests) == 1


async def test_a_login_with_an_mfa_code(sandbox, call_herald):
    """A user with a second step logs in by name and password, and by the code of the moment."""
    sandbox.herald.add_user("robin", "pässword:1", email="r@example.com", mfa_code="123456")
    async with call_herald(
        username="r@example.com", password="pässword:1", mfa_code=lambda: "123456"
    ) as herald:
        assert await herald.get_account_subscriptions() == []
    assert [request.status for request in sandbox.requests] == [401, 200, 200]


async def test_a_bare_token(sandbox, call_herald):
    """A token of another login is used as it is, and its account is asked for."""
    async with call_herald() as herald:
        await herald.get_account_subscriptions()
    token = sandbox.requests[-1].headers["x-aims-auth-token"]
    sandbox.requests.clear()
    async with call_herald(aims_token=token) as herald:
        await herald.get_account_subscriptions()
        sandbox.herald.revoke(token)
        with pytest.raises(UnauthorizedError):
            await herald.get_account_subscriptions()
    assert [(r.path, r.status) for r in sandbox.requests] == [
        ("/aims/v1/token_info", 200),
        (f"{A}/subscriptions", 200),
        (f"{A}/subscriptions", 401),
    ]


# Hosts


class Rerouted(httpx.AsyncBaseTransport):
    """Carry what is meant for Alert Logic's hosts to the sandbox, which names one of them."""

    def __init__(self, url):
        self._url = httpx.URL(url)
        self._transport = PooledTransport()

    async def handle_async_request(self, request):
        if request.url.host.endswith(".alertlogic.com"):  # unless it is sent once more
            request.url = request.url.copy_with(
                scheme="http", host=self._url.host, port=self._url.port
            )
        response = await self._transport.handle_async_request(request)
        if not (request.url.path.startswith("/endpoints/") and response.is_success):
            return response
        await response.aread()
        return httpx.Response(200, json={"herald": "herald.example.alertlogic.com"})

    async def aclose(self):
        await self._transport.aclose()


async def test_the_endpoints_service_tells_the_host(sandbox, monkeypatch):
    """Login, look-up, and then calls at the host that was named; a failed look-up raises."""
    monkeypatch.setenv("ALERTLOGIC_ACCESS_KEY_ID", sandbox.herald.access_key_id)
    monkeypatch.setenv("ALERTLOGIC_SECRET_KEY", sandbox.herald.secret_key)
    monkeypatch.setenv("ALERTLOGIC_RESIDENCY", "emea")
    path = "/endpoints/v1/{account_id}/residency/{residency}/services/{service_name}/endpoint"
    sandbox.force("GET", path, 404, times=1)
    transport = Rerouted(sandbox.herald_url)
    async with Herald(http=transport) as herald:
        with pytest.raises(NotFoundError) as caught:
            await herald.get_account_subscriptions()
        assert caught.value.operation == "get_endpoint"
        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(herald.get_account_subscriptions)
    await transport.aclose()
    lookup = f"/endpoints/v1/{ACCOUNT}/residency/emea/services/herald/endpoint"
    assert [r.path for r in sandbox.requests][:3] == ["/aims/v1/authenticate", lookup, lookup]
    assert {r.path for r in sandbox.requests[3:]} == {f"{A}/subscriptions"}
    assert sandbox.herald.endpoint_requests == 2


async def test_a_refused_token_at_the_endpoints_service_is_renewed(sandbox):
    """A look-up under a spent token logs in once more."""
    transport = Rerouted(sandbox.herald_url)
    keys = {
        "access_key_id": sandbox.herald.access_key_id,
        "secret_key": sandbox.herald.secret_key,
    }
    async with Herald(http=transport, aims_token="spent", account_id=ACCOUNT, **keys) as herald:
        assert await herald.get_account_subscriptions() == []
    await transport.aclose()
    assert [(r.path.split("/")[1], r.status) for r in sandbox.requests] == [
        ("endpoints", 401),
        ("aims", 200),
        ("endpoints", 200),
        ("herald", 200),
    ]


async def test_a_server_error_is_told_as_it_is(sandbox, call_herald):
    """A read is tried again; what stays broken is said to be."""
    sandbox.force("GET", "/herald/v2/{account_id}/subscriptions", 500, body="<html>")
    async with call_herald(retry=Retry(attempts=3, base=0)) as herald:
        with pytest.raises(ServerStatusError) as caught:
            await herald.get_account_subscriptions()
    assert (caught.value.status, caught.value.attempts) == (500, 3)
