"""What the synchronous client that users come from does wrong, and this one does not."""

import json
import time

import anyio
import httpx
import pytest

from airview_herald import Herald
from airview_herald.auth import AimsAuth
from airview_herald.errors import (
    ConfigurationError,
    InputError,
    NotFoundError,
    ServiceUnavailableError,
    TransportError,
    UnauthorizedError,
)
from airview_herald.herald import Notification
from airview_herald.transport import Retry

A = "/herald/v2/12345678"
NOTIFICATIONS = "/herald/v2/{account_id}/notifications"
SUBSCRIPTIONS = "/herald/v2/{account_id}/subscriptions"
SENT = {"type": "a/b", "notification_data": {}, "asset_data": {}, "payload": {}}


async def subscription(herald, **options):
    """Create a subscription and return its id."""
    made = await herald.create_subscription(
        name="Critical", class_="event", notification_type="incidents/alerts", **options
    )
    return made.id


async def test_answers_are_models_and_pages_and_errors_are_typed(call_herald):
    """Defect 1: a raw response, for the caller to look into."""
    async with call_herald() as herald:
        sent = await herald.send_notification(**SENT)
        assert isinstance(sent, Notification)
        assert [each async for each in herald.get_account_notification_by_type("a/b")] == [sent]
        with pytest.raises(NotFoundError):
            await herald.get_notification("none")


async def test_path_values_are_escaped(sandbox, call_herald):
    """Defect 2: `a b/c?d#e` went out as `/a%20b/c?d`, and an e-mail moved the segments."""
    async with call_herald() as herald:
        with pytest.raises(NotFoundError):
            await herald.get_account_notification("a b/c?d#e")
        with pytest.raises(NotFoundError):
            await herald.remove_subscriber(
                "s", subscriber="robin/x@example.com", subscriber_type="user"
            )
    assert [request.target for request in sandbox.requests[1:]] == [
        f"{A}/notifications/a%20b%2Fc%3Fd%23e",
        f"{A}/subscriptions/s/subscribers/user/robin%2Fx%40example.com",
    ]


async def test_a_send_is_sent_once_and_its_error_is_kept(sandbox, call_herald):
    """Defect 3: one send that was answered 503 was six, and the error's body was lost."""
    sandbox.force("POST", NOTIFICATIONS, 503, body={"error": "busy"})
    async with call_herald(retry=Retry(base=0)) as herald:
        with pytest.raises(ServiceUnavailableError) as caught:
            await herald.sent_notification(**SENT)
    assert (caught.value.code, caught.value.body) == ("busy", {"error": "busy"})
    assert [request.method for request in sandbox.requests] == ["POST", "POST"]


@pytest.mark.parametrize("path", ["/aims/v1/authenticate", "/aims/v1/token_info"])
async def test_the_way_to_a_token_has_limits_of_time(sandbox, call_herald, path):
    """Defect 4: neither request to AIMS had a timeout, and the others had one of 300 seconds."""
    async with call_herald() as herald:
        await herald.get_account_subscriptions()
    token = sandbox.requests[-1].headers["x-aims-auth-token"]
    sandbox.force("POST" if path.endswith("authenticate") else "GET", path, delay=20)
    options = {} if path.endswith("authenticate") else {"aims_token": token}
    async with call_herald(timeout=0.1, retry=Retry(attempts=1), **options) as herald:
        with anyio.fail_after(5), pytest.raises(TransportError, match=path):
            await herald.get_account_subscriptions()


async def test_a_token_is_renewed(sandbox, call_herald):
    """Defect 5: the expiry was ignored, and so was a 401."""
    ahead = [0.0]
    auth = AimsAuth(
        sandbox.herald.access_key_id,
        sandbox.herald.secret_key,
        url=sandbox.herald_url,
        clock=lambda: time.time() + ahead[0],
    )
    async with call_herald(auth=auth) as herald:
        await herald.get_account_subscriptions()
        sandbox.expire_tokens()
        await herald.get_account_subscriptions()
        ahead[0] = sandbox.herald.switches.token_lifetime
        await herald.get_account_subscriptions()
    assert sandbox.herald.login_requests == 3


@pytest.mark.parametrize("account_id", [None, "12345678"])
async def test_a_bad_token_is_no_login_as_nobody(sandbox, call_herald, account_id):
    """Defect 5: a bad token led to a login as `None:None`, or was not checked at all."""
    async with call_herald(aims_token="bad", account_id=account_id) as herald:
        with pytest.raises(UnauthorizedError):
            await herald.get_account_subscriptions()
    assert [request.status for request in sandbox.requests] == [401]
    assert "authorization" not in sandbox.requests[0].headers


async def test_the_key_pair_is_shown_at_the_login_only(sandbox, call_herald):
    """Defect 6: the key pair went to every host with every call."""
    sandbox.herald.switches.refuse_authorization = True
    async with call_herald() as herald:
        await herald.get_account_subscriptions()
        await herald.get_notification_types()
    assert [
        ("authorization" in request.headers, "x-aims-auth-token" in request.headers)
        for request in sandbox.requests
    ] == [(True, False), (False, True), (False, True)]


async def test_a_subscriber_can_be_added(sandbox, call_herald):
    """Defect 7: the path used up what the check of the body then missed."""
    async with call_herald() as herald:
        identifier = await subscription(herald)
        await herald.add_subscriber(identifier, subscriber="u", subscriber_type="user")
    assert json.loads(sandbox.requests[-1].body) == {
        "subscriber": "u",
        "subscriber_type": "user",
        "account_id": "12345678",
        "subscription_id": identifier,
    }


async def test_subscribers_can_be_updated_in_a_batch(sandbox, call_herald):
    """Defect 8: the call always failed before it was sent."""
    step = {"subscriber": "u", "subscriber_type": "user", "action": "add"}
    async with call_herald() as herald:
        await herald.batch_update_subscribers(await subscription(herald), [step])
    assert json.loads(sandbox.requests[-1].body) == {"subscribers": [step]}


async def test_an_update_takes_what_the_definitions_show_and_no_nothing(sandbox, call_herald):
    """Defect 9: `email_subject: false` was refused, and an empty update was sent."""
    async with call_herald() as herald:
        identifier = await subscription(herald)
        changed = await herald.update_subscription(identifier, options={"email_subject": False})
        assert changed.options.email_subject is False
        count = len(sandbox.requests)
        with pytest.raises(InputError):
            await herald.update_subscription(identifier)
    assert len(sandbox.requests) == count


@pytest.mark.parametrize("options", [{"residency": "us"}, {"timeout": 5}, {"account_id": "1"}])
async def test_statuses_count_whatever_the_options(sandbox, call_herald, options):
    """Defect 10: with any option a 503 came back as a normal answer."""
    sandbox.force("GET", SUBSCRIPTIONS, 503)
    async with call_herald(retry=Retry(attempts=1), **options) as herald:
        with pytest.raises(ServiceUnavailableError):
            await herald.get_account_subscriptions()


class Services(httpx.AsyncBaseTransport):
    """Remember what is asked, and name a host for each account."""

    def __init__(self):
        self.urls = []

    async def handle_async_request(self, request):
        self.urls.append(str(request.url))
        await anyio.lowlevel.checkpoint()
        if request.url.path.startswith("/endpoints/"):
            account = request.url.path.split("/")[3]
            return httpx.Response(200, json={"herald": f"h{account}.alertlogic.com"})
        return httpx.Response(200, json={})


@pytest.mark.parametrize("source", ["variable", "file"])
async def test_the_residency_is_heeded(monkeypatch, tmp_path, source):
    """Defect 11: the variable and the file's `residency` were ignored."""
    if source == "variable":
        monkeypatch.setenv("ALERTLOGIC_RESIDENCY", "emea")
    else:
        (tmp_path / "config").write_text("[default]\nresidency = emea\n")
        monkeypatch.setenv("ALERTLOGIC_CONFIG", str(tmp_path / "config"))
    services = Services()
    async with Herald(aims_token="t", account_id="1", http=services) as herald:
        await herald.get_account_subscriptions()
    assert "/residency/emea/" in services.urls[0]


async def test_a_call_for_one_account_does_not_redirect_others():
    """Defect 12: the host that was found for one account served later calls for another."""
    services = Services()
    async with (
        Herald(aims_token="t", account_id="1", http=services) as herald,
        anyio.create_task_group() as group,
    ):
        for account in (None, "2", "3", None, "2") * 5:
            group.start_soon(lambda a=account: herald.get_account_subscriptions(account_id=a))
    calls = [httpx.URL(url) for url in services.urls if "/endpoints/" not in url]
    assert {(url.host, url.path.split("/")[3]) for url in calls} == {
        (f"h{account}.alertlogic.com", account) for account in "123"
    }
    assert len(services.urls) == 25 + 3


async def test_clients_share_no_headers(sandbox, call_herald):
    """Defect 13: dictionaries of headers were shared by all sessions."""
    given = {"X-Key": "1"}
    first, second = call_herald(headers=given), call_herald()
    given["X-Key"] = "2"
    async with first, second:
        await first.get_account_subscriptions()
        await second.get_account_subscriptions()
    calls = [r for r in sandbox.requests if r.path.startswith("/herald/")]
    assert [r.headers.get("x-key") for r in calls] == ["1", None]
    assert len({r.headers["x-aims-auth-token"] for r in calls}) == 2


async def test_settings_are_read_as_they_are_written(sandbox, monkeypatch, tmp_path):
    """Defect 13: an unknown profile was ignored, and a `%` in a secret broke the parser."""
    sandbox.herald.add_user("PERCENT", "100%(sure)s%")
    config = tmp_path / "config"
    config.write_text("[default]\naccess_key_id = PERCENT\nsecret_key = 100%(sure)s%\n")
    monkeypatch.setenv("ALERTLOGIC_CONFIG", str(config))
    monkeypatch.setenv("ALERTLOGIC_ENDPOINT", sandbox.herald_url)
    async with Herald() as herald:
        await herald.get_account_subscriptions()
    with pytest.raises(ConfigurationError, match=r"^profile: there is no \[stage\] in "):
        Herald(profile="stage")


async def test_a_map_needs_no_file_of_settings(sandbox, monkeypatch, tmp_path):
    """Defect 13: a map without a configuration file failed on `None`, and had no AIMS."""
    folder = tmp_path / ".alertlogic"
    folder.mkdir()
    urls = dict.fromkeys(("herald", "aims"), sandbox.herald_url)
    (folder / "endpoint_map.json").write_text(json.dumps(urls))
    monkeypatch.setenv("HOME", str(tmp_path))
    async with Herald(
        access_key_id=sandbox.herald.access_key_id,
        secret_key=sandbox.herald.secret_key,
        global_endpoint="map",
    ) as herald:
        assert await herald.get_account_subscriptions() == []


async def test_reserved_names_have_an_underscore(sandbox, call_herald):
    """Defect 14: `class` needed `**{"class": ...}`; what is not given is still not sent."""
    async with call_herald() as herald:
        await subscription(herald)
        await herald.get_account_subscriptions(class_="event")
        await herald.get_account_subscriptions()
    created, some, all_of_them = sandbox.requests[1:]
    assert json.loads(created.body) == {
        "name": "Critical",
        "class": "event",
        "notification_type": "incidents/alerts",
    }
    assert (some.query, all_of_them.query) == ("class=event", "")
