"""Nothing that a caller gives as a secret is shown by anything but the wire."""

import base64
import logging
from urllib.parse import quote

import httpx
import pytest
from planted_secrets import forms, found_in, shown_by

from airview_herald import Herald
from airview_herald._secret import Secret
from airview_herald.auth import AimsAuth
from airview_herald.errors import AirViewHeraldError, ConfigurationError, InputError
from airview_herald.transport import Retry

KEY = "PLANTED/KEY+1"
SECRET = "planted secret%7="
PASSWORD = "planted pässword&9"
TOKEN = "planted-token/+=.8"
API_TOKEN = "planted-api-token?5"
HEADER = "planted header/6"


PLANTED = forms(
    KEY,
    SECRET,
    PASSWORD,
    TOKEN,
    API_TOKEN,
    HEADER,
    f"{KEY}:{SECRET}",
    f"robin:{PASSWORD}",
    f"wrong:{SECRET}",
)


def assert_clean(*texts):
    """Find no planted value in what is shown."""
    assert found_in(PLANTED, texts) == []


@pytest.fixture
def shown(caplog):
    """All that our logger says, to the last detail."""
    caplog.set_level(logging.DEBUG, logger="airview_herald")
    return lambda: [
        f"{record.getMessage()} {record.args!r} {vars(record)!r}"
        for record in caplog.records
        if record.name.startswith("airview_herald")
    ]


def keys(**options):
    """Return the options of a client with the planted key."""
    return {"access_key_id": KEY, "secret_key": SECRET, "headers": {"X-Key": HEADER}} | options


async def use(herald):
    """Call in ways that put secrets on the wire."""
    await herald.get_account_subscriptions()
    await herald.get_notification_types()
    await herald.test_integration(
        "jira",
        {
            "email": "robin@example.com",
            "api_token": Secret(API_TOKEN),
            "reporter_id": "r",
            "jira_domain": "d",
            "project": "p",
        },
    )


async def test_a_run_that_works_shows_no_secret(sandbox, shown):
    """Logs at DEBUG have methods, paths and statuses; the secrets arrive all the same."""
    sandbox.herald.add_user(KEY, SECRET)
    async with Herald(global_endpoint=sandbox.herald_url, **keys()) as herald:
        await use(herald)
        assert_clean(repr(herald), repr(vars(herald)), repr(vars(herald._sender)))
    lines = shown()
    assert_clean(*lines)
    assert len(lines) == len(sandbox.requests) == 4
    assert sandbox.requests[-1].headers["x-key"] == HEADER
    assert API_TOKEN.encode() in sandbox.requests[-1].body
    token = sandbox.requests[-1].headers["x-aims-auth-token"]
    assert not any(token in line for line in lines)


async def test_a_bare_token_is_not_shown(sandbox, shown):
    """A token that is refused is in no word about it."""
    async with Herald(global_endpoint=sandbox.herald_url, aims_token=TOKEN) as herald:
        with pytest.raises(AirViewHeraldError) as caught:
            await herald.get_account_subscriptions()
        assert_clean(repr(herald._sender._auth), repr(vars(herald._sender._auth)))
    assert_clean(*shown_by(caught.value), *shown())
    assert sandbox.requests[-1].headers["x-aims-auth-token"] == TOKEN


@pytest.mark.parametrize(
    "options",
    [keys(), {"username": "robin", "password": PASSWORD}, keys(access_key_id="wrong")],
)
async def test_a_refused_login_shows_no_secret(sandbox, shown, options):
    """What is refused is not repeated."""
    async with Herald(global_endpoint=sandbox.herald_url, **options) as herald:
        with pytest.raises(AirViewHeraldError) as caught:
            await herald.get_account_subscriptions()
    assert_clean(*shown_by(caught.value), *shown())
    assert sandbox.requests[0].headers["authorization"].startswith("Basic ")


def echo(request):
    """Answer everything with what came, as a proxy gone wrong might."""
    said = f"{request.headers} {request.content.decode()} {request.url}"
    return httpx.Response(500, text=said, headers={"x-request-id": "7"})


def refuse_login(request):
    """Repeat the credential in the error code."""
    return httpx.Response(400, json={"error": request.headers["authorization"], "key": KEY})


def break_off(request):
    """Fail as httpx does, with the request in the exception."""
    raise httpx.ReadError(f"broken at {request.url.path}", request=request)


def no_header(request):
    """Fail with a text that quotes a header."""
    raise httpx.LocalProtocolError(f"Illegal header value {dict(request.headers)}")


@pytest.mark.parametrize("handler", [echo, refuse_login, break_off, no_header])
async def test_an_error_on_the_way_shows_no_secret(shown, handler):
    """Whatever a server or httpx repeats of a login, the error does not."""
    retry = Retry(attempts=2, base=0)
    async with Herald(
        http=httpx.MockTransport(handler), retry=retry, **keys(headers=None)
    ) as herald:
        with pytest.raises(AirViewHeraldError) as caught:
            await herald.get_account_subscriptions()
    assert_clean(*shown_by(caught.value), *shown())


@pytest.mark.parametrize(
    "body",
    [
        {"api_token": API_TOKEN, 7: "key"},
        {"api_token": {API_TOKEN}},
        {"api_token": API_TOKEN.encode()},
        {"nested": {"api_token": API_TOKEN, "more": object()}},
        {"nested": {"api_token": API_TOKEN, 7: "key"}},
        [API_TOKEN],
    ],
)
async def test_a_target_that_is_no_json_shows_no_secret(sandbox, call_herald, shown, body):
    """The field is named, what is in it and beside it is not."""
    async with call_herald() as herald:
        with pytest.raises(InputError, match=r"^body") as caught:
            await herald.test_integration("jira", body)
    assert_clean(*shown_by(caught.value), *shown())
    assert len(sandbox.requests) == 0


@pytest.mark.parametrize("status", [400, 403, 500, 200])
async def test_an_answer_that_repeats_a_target_shows_no_secret(sandbox, call_herald, shown, status):
    """What the target's test repeats is in the body of the error, and in no word of it."""
    body = [{"rawbody": API_TOKEN}] if status == 200 else {"error": "e", "echo": API_TOKEN}
    sandbox.force("POST", "/herald/v2/{account_id}/{kind}/test", status, body=body)
    async with call_herald() as herald:
        with pytest.raises(AirViewHeraldError) as caught:
            await herald.test_integration("jira", {"api_token": API_TOKEN})
    assert_clean(*shown_by(caught.value), *shown())


@pytest.mark.parametrize(
    "options",
    [
        {"access_key_id": KEY},
        {"access_key_id": KEY, "secret_key": f"{SECRET}\n"},
        {"access_key_id": f"{KEY}:", "secret_key": SECRET},
        {"username": "robin", "password": f"{PASSWORD}\ud800"},
        {"aims_token": f"{TOKEN}\n"},
        keys(headers={"X-Key": f"{HEADER}\n"}),
        keys(global_endpoint=f"https://robin:{quote(PASSWORD)}@al.example"),
        keys(global_endpoint="mars"),
        keys(residency="mars"),
    ],
)
def test_a_client_that_cannot_be_made_shows_no_secret(options):
    """A setting is named, its value is not when it is a secret."""
    with pytest.raises(ConfigurationError) as caught:
        Herald(**options)
    assert_clean(*shown_by(caught.value))


def test_a_broken_file_shows_no_secret(tmp_path, monkeypatch):
    """The line is named, what is on it is not."""
    for number, text in enumerate(
        (
            f"secret_key = {SECRET}",
            f"[default]\n{SECRET}",
            f"[default]\nsecret_key = {SECRET}\nsecret_key = {SECRET}",
            f"[default]\nsecret_key = {SECRET}",
            f"[default]\naccess_key_id = x\nsecret_key = ä{SECRET}",
        )
    ):
        file = tmp_path / str(number)
        file.write_text(text, encoding="utf-8")
        monkeypatch.setenv("ALERTLOGIC_CONFIG", str(file))
        with pytest.raises(ConfigurationError, match=str(file)) as caught:
            Herald()
        assert_clean(*shown_by(caught.value))


def test_a_provider_shows_no_secret():
    """Neither printed nor looked into."""
    auth = AimsAuth(KEY, SECRET, token=TOKEN)
    assert_clean(repr(auth), str(auth), repr(vars(auth)))
    assert_clean(repr(vars(AimsAuth(username="robin", password=PASSWORD))))


def test_the_search_finds_what_is_planted():
    """A search that finds nothing anywhere would prove nothing."""
    for text in (
        f"Basic {base64.b64encode(f'{KEY}:{SECRET}'.encode()).decode()}",
        f"?token={quote(TOKEN, safe='')}",
        f"headers: {HEADER}",
        repr(PASSWORD),
    ):
        with pytest.raises(AssertionError):
            assert_clean(text)
