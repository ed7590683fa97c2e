"""Tokens of AIMS, inside our transport and inside a plain httpx client."""

import base64
import pickle
import traceback

import anyio
import httpx
import pytest
from clock import Clock
from fake_alertlogic import ACCOUNT, PAIR, FakeAlertLogic, second_step, sent

from airview_herald._secret import Secret
from airview_herald.auth import AimsAuth
from airview_herald.errors import (
    AuthenticationError,
    ConfigurationError,
    RequestTimeoutError,
    UnauthorizedError,
)
from airview_herald.transport._call import Call, ErrorBody, RetryClass
from airview_herald.transport._connections import Connections
from airview_herald.transport._options import Options
from airview_herald.transport._retry import Retry
from airview_herald.transport._send import Transport

AIMS = "https://aims.example"
GET = Call("GET", "/herald/v2/x", RetryClass.READ, 200, lambda reply: reply.json())
KEY_WRONG = f"{AIMS}/aims/v1/authenticate answered 401: the access key is wrong"


async def no_wait(seconds):
    """Wait for nothing."""


class PlainClient:
    """Send through a plain `httpx.AsyncClient`."""

    def __init__(self, service, auth):
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(service), auth=auth)

    async def send(self):
        return (await self.client.get("https://herald.example/herald/v2/x")).status_code


class OurTransport:
    """Send through our own send path."""

    def __init__(self, service, auth, attempts=1):
        self.transport = Transport(
            Connections(httpx.MockTransport(service)),
            auth,
            Options("https://herald.example", {}, httpx.Timeout(5), 60, Retry(attempts), settle=0),
            lambda _: ErrorBody(),
            sleep=no_wait,
        )

    async def send(self):
        try:
            await self.transport.send(GET, self.transport.operation())
        except UnauthorizedError as error:
            return error.status
        return 200


def key(**options):
    """Make a provider with the key pair that the fake knows."""
    return AimsAuth(*PAIR, **{"url": AIMS, "clock": lambda: 1000.0} | options)


@pytest.fixture(params=[PlainClient, OurTransport])
def sender(request):
    """Both surroundings that a provider works in."""
    return request.param


@pytest.fixture
def service():
    """The services, which know one key pair."""
    return FakeAlertLogic()


# Logging in


async def test_a_key_pair_is_shown_to_authenticate_and_nowhere_else(sender, service):
    """The Basic header opens the login; every other request has the token in its own header."""
    client = sender(service, key())
    assert [await client.send() for _ in range(3)] == [200] * 3
    (login,) = service.logins
    assert (login.method, str(login.url)) == ("POST", f"{AIMS}/aims/v1/authenticate")
    assert login.headers["authorization"] == (
        "Basic " + base64.b64encode(b"EXAMPLEKEYID:example-secret%").decode()
    )
    assert login.headers["accept"] == "application/json"
    assert login.content == b""
    assert service.shown == ["token-1"] * 3
    assert not any("authorization" in call.headers for call in service.calls)


async def test_a_user_logs_in_with_a_password_of_any_letters(service):
    """Name and password travel in UTF-8."""
    service.login_answers = [make_async(service.login)]
    auth = AimsAuth(username="robin@example.com", password="pä:ss", url=AIMS)
    assert await OurTransport(service, auth).send() == 200
    pair = base64.b64decode(service.logins[0].headers["authorization"].removeprefix("Basic "))
    assert pair == "robin@example.com:pä:ss".encode()


def make_async(answer):
    """Return a function to await that answers."""

    async def answering():
        return answer()

    return answering


async def test_the_account_of_the_login_is_remembered(service):
    """The account is known after the login, and a number counts as text."""
    auth = key()
    assert auth.account_id is None
    await OurTransport(service, auth).send()
    assert auth.account_id == ACCOUNT
    service.valid.add("t")
    service.login_answers = [
        httpx.Response(200, json={"authentication": {"token": "t", "account": {"id": 87654321}}})
    ]
    auth = key()
    await OurTransport(service, auth).send()
    assert auth.account_id == "87654321"


async def test_a_login_without_a_request(service):
    """A credential can be had ahead of the first request, and is used by it."""
    auth = key()
    client = OurTransport(service, auth)
    await client.transport.login(client.transport.operation())
    assert (len(service.logins), service.calls, auth.account_id) == (1, [], ACCOUNT)
    assert await client.send() == 200
    assert len(service.logins) == 1


@pytest.mark.parametrize(
    "account",
    [
        *({}, {"account": None}, {"account": {}}, {"account": "12"}),
        *(
            {"account": {"id": each}}
            for each in (True, 0, -1, 2**64, 1.5, "", "..", "1\n", "1" * 101)
        ),
    ],
)
async def test_a_login_need_not_name_the_account(service, account):
    """What is missing in the answer, or is no id, is not known; the token counts all the same."""
    service.valid.add("t")
    service.login_answers = [httpx.Response(200, json={"authentication": {"token": "t"} | account})]
    auth = key()
    assert await OurTransport(service, auth).send() == 200
    assert auth.account_id is None


# Refusals


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (httpx.Response(401), None, "401: the access key is wrong"),
        (httpx.Response(401, text="<html>"), None, "401: the access key is wrong"),
        (httpx.Response(401, json=["x"]), None, "401: the access key is wrong"),
        (
            httpx.Response(400, json={"error": "password_expired"}),
            "password_expired",
            "400: the password has expired; a new one is set in the console",
        ),
        (
            httpx.Response(400, json={"error": "account_inactive"}),
            "account_inactive",
            "400: the account is not active",
        ),
        (
            second_step(),
            "mfa_code_required",
            "401: the user needs an MFA code: pass mfa_code=, which is asked for it",
        ),
        (
            second_step("mfa_enrollment_required"),
            "mfa_enrollment_required",
            "401: the user must enrol in MFA first, in the console",
        ),
        (httpx.Response(400, json={"error": f"no key {PAIR[0]}"}), None, "400"),
        (httpx.Response(400, json={"error": {"code": 1}}), None, "400"),
        (httpx.Response(204), None, "204"),
        (httpx.Response(302), None, "302"),
        *(
            (httpx.Response(200, json=body), None, "without a token that a header can carry")
            for body in (
                [],
                {},
                {"authentication": None},
                {"authentication": {}},
                {"authentication": {"token": ""}},
                {"authentication": {"token": 7}},
                {"authentication": {"token": "a\nb"}},
            )
        ),
    ],
)
async def test_a_refused_login_says_why_and_is_final(service, answer, code, words):
    """One request, and an error in words that repeats nothing but known codes."""
    service.login_answers = [answer]
    with pytest.raises(AuthenticationError) as caught:
        await OurTransport(service, key(), attempts=4).send()
    assert str(caught.value) == f"{AIMS}/aims/v1/authenticate answered {words}"
    assert (caught.value.code, caught.value.status) == (code, answer.status_code)
    assert (caught.value.method, caught.value.url) == ("POST", f"{AIMS}/aims/v1/authenticate")
    assert (len(service.logins), service.calls) == (1, [])


async def test_a_wrong_key_is_tried_once_for_all_who_wait(service):
    """Two hundred calls with a wrong key are one request, and each gets the error."""
    client = OurTransport(service, AimsAuth("wrong", "key", url=AIMS), attempts=4)
    said = []

    async def call():
        with pytest.raises(AuthenticationError) as caught:
            await client.send()
        said.append(str(caught.value))

    async with anyio.create_task_group() as group:
        for _ in range(200):
            group.start_soon(call)
    assert said == [KEY_WRONG] * 200
    assert len(service.logins) == 1


async def test_a_wrong_password_is_called_so(service):
    """A user is told of the password, not of an access key."""
    auth = AimsAuth(username="robin", password="wrong", url=AIMS)
    with pytest.raises(AuthenticationError, match=r"401: the user name or the password is wrong$"):
        await OurTransport(service, auth).send()


@pytest.mark.parametrize(
    "trouble", [httpx.Response(503), httpx.Response(429), httpx.ReadTimeout("slow")]
)
async def test_trouble_on_the_way_to_aims_is_retried(service, trouble):
    """What says nothing of the credential is tried again."""
    service.login_answers = [trouble]
    assert await OurTransport(service, key(), attempts=2).send() == 200
    assert len(service.logins) == 2


async def test_no_answer_of_aims_is_an_error_of_the_transport(service):
    """A login without an answer is told as it is."""
    service.login_answers = [httpx.ReadTimeout("slow")]
    with pytest.raises(RequestTimeoutError):
        await OurTransport(service, key()).send()


# MFA


def codes(value):
    """Return the three kinds of functions that give a code."""

    async def coroutine():
        await anyio.lowlevel.checkpoint()
        return value

    return [lambda: value, coroutine, lambda: coroutine()]  # noqa: PLW0108 - a function that returns an awaitable


@pytest.mark.parametrize("kind", range(3))
async def test_an_mfa_code_completes_the_login(sender, service, kind):
    """The second step shows the code and the session that the first began, and no password."""
    service.login_answers = [second_step(), make_async(service.login)]
    assert await sender(service, key(mfa_code=codes(" 123456 ")[kind])).send() == 200
    first, second = service.logins
    assert first.content == b""
    assert "x-aims-session-token" not in first.headers
    assert sent(second) == {"mfa_code": "123456"}
    assert second.headers["content-type"] == "application/json"
    assert second.headers["x-aims-session-token"] == "session-1"
    assert "authorization" not in second.headers


async def test_without_a_session_the_second_step_shows_the_credential(service):
    """A first answer without a session token is followed by both, credential and code."""
    first = httpx.Response(401, json={"error": "mfa_code_required"})
    service.login_answers = [first, make_async(service.login)]
    assert await OurTransport(service, key(mfa_code=lambda: "123456")).send() == 200
    assert service.logins[1].headers["authorization"].startswith("Basic ")


async def test_each_login_asks_for_a_code_of_its_own(service):
    """A token that is renewed needs another code."""
    service.login_answers = [
        second_step(),
        make_async(service.login),
        second_step(session="session-2"),
        make_async(service.login),
    ]
    given = iter(["111111", "222222"])
    client = OurTransport(service, key(mfa_code=lambda: next(given)))
    await client.send()
    service.valid.clear()
    assert await client.send() == 200
    assert [sent(service.logins[n])["mfa_code"] for n in (1, 3)] == ["111111", "222222"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(401), "401: the MFA code is wrong"),
        (
            httpx.Response(401, json={"error": "invalid_session_token"}),
            "401: the MFA code came too late; it is awaited for 3 minutes",
        ),
    ],
)
async def test_a_refused_code_says_why_and_is_final(service, answer, words):
    """Neither a wrong code nor a late one is tried twice."""
    service.login_answers = [second_step(), answer]
    with pytest.raises(AuthenticationError) as caught:
        await OurTransport(service, key(mfa_code=lambda: "1"), attempts=4).send()
    assert str(caught.value) == f"{AIMS}/aims/v1/authenticate answered {words}"
    assert len(service.logins) == 2


@pytest.mark.parametrize("given", [None, "", "  ", 123456])
async def test_a_callback_without_a_code_is_an_error(service, given):
    """What is no text is no code, and is not sent."""
    service.login_answers = [second_step()]
    with pytest.raises(AuthenticationError, match=r"^mfa_code gave no code: it must return a text"):
        await OurTransport(service, key(mfa_code=lambda: given)).send()
    assert len(service.logins) == 1


async def test_a_callback_that_fails_is_the_cause(service):
    """What the callback raises comes with the error."""

    def ask():
        raise EOFError("nobody there")

    service.login_answers = [second_step()]
    with pytest.raises(AuthenticationError, match=r"^mfa_code gave no code: EOFError$") as caught:
        await OurTransport(service, key(mfa_code=ask)).send()
    assert isinstance(caught.value.__cause__, EOFError)


# Renewal


@pytest.mark.parametrize(
    ("lifetime", "seconds"), [(3600, 3540), (120, 60), (100, 50), (10, 5), (21600.5, 21540.5)]
)
async def test_a_token_is_renewed_before_it_expires(service, lifetime, seconds):
    """A minute before its end, or at half of the life it had at login if that is later."""
    clock = service.clock = Clock()
    service.lifetime = lifetime
    client = OurTransport(service, key(clock=clock))
    await client.send()
    clock.now += seconds - 0.25
    await client.send()
    assert len(service.logins) == 1
    clock.now += 0.25
    assert await client.send() == 200
    assert service.shown == ["token-1", "token-1", "token-2"]


@pytest.mark.parametrize("expiration", [None, "soon", 0, 999, 1000, "nan", [], {}, 10**400])
async def test_an_expiry_that_says_nothing_is_none(service, expiration):
    """Without a time to come only a 401 tells that a token is spent, whatever the clocks say."""
    clock = Clock()
    service.login_answers = [
        httpx.Response(200, json={"authentication": {"token": "t", "token_expiration": expiration}})
    ]
    service.valid.add("t")
    client = OurTransport(service, key(clock=clock))
    await client.send()
    clock.now += 10**9
    assert await client.send() == 200
    assert len(service.logins) == 1


async def test_an_expired_token_is_renewed_once_for_all(sender, service):
    """Two hundred calls at the moment of expiry are one login."""
    clock = service.clock = Clock()
    client = sender(service, key(clock=clock))
    await client.send()
    clock.now += 3540
    answers = []

    async def call():
        answers.append(await client.send())

    async with anyio.create_task_group() as group:
        for _ in range(200):
            group.start_soon(call)
    assert answers == [200] * 200
    assert len(service.logins) == 2
    assert service.shown[1:] == ["token-2"] * 200


async def test_a_revoked_token_is_replaced_once_for_all(sender, service):
    """Two hundred calls with a revoked token are one login, and each succeeds."""
    client = sender(service, key())
    await client.send()
    service.valid.clear()
    answers = []

    async def call():
        answers.append(await client.send())

    async with anyio.create_task_group() as group:
        for _ in range(200):
            group.start_soon(call)
    assert answers == [200] * 200
    assert len(service.logins) == 2


async def test_a_fresh_token_that_is_refused_is_final(service):
    """A call is replayed once with a new token, and then it is refused."""
    service.valid = frozenset()
    service.login_answers = [
        httpx.Response(200, json={"authentication": {"token": name}}) for name in "ab"
    ]
    assert await OurTransport(service, key(), attempts=4).send() == 401
    assert service.shown == ["a", "b"]


# Tokens that were given


async def test_a_bare_token_is_sent_as_it_is(sender, service):
    """A token of the caller's needs no login."""
    service.valid.add("mine")
    client = sender(service, AimsAuth(token="mine"))
    assert [await client.send() for _ in range(2)] == [200, 200]
    assert (service.shown, service.logins) == (["mine", "mine"], [])


async def test_a_bare_token_that_is_refused_is_final(sender, service):
    """No login as nobody, and no replay."""
    client = sender(service, AimsAuth(token="mine"))
    assert await client.send() == 401
    assert (service.shown, service.logins) == (["mine"], [])


async def test_a_token_with_credentials_is_replaced_when_it_is_refused(sender, service):
    """A token to begin with saves a login for as long as it holds."""
    service.valid.add("mine")
    client = sender(service, key(token=Secret("mine")))
    await client.send()
    assert service.logins == []
    service.valid.clear()
    assert [await client.send() for _ in range(2)] == [200, 200]
    assert service.shown == ["mine", "mine", "token-1", "token-1"]
    assert len(service.logins) == 1


# What it takes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "access_key_id: give an access key, a user with a password, or a token"),
        ({"access_key_id": "a"}, "secret_key: must be given together with access_key_id"),
        ({"secret_key": "b"}, "access_key_id: must be given together with secret_key"),
        ({"username": "a"}, "password: must be given together with username"),
        ({"password": "b"}, "username: must be given together with password"),
        ({"access_key_id": "", "secret_key": "b"}, "access_key_id: must be a text that is"),
        ({"access_key_id": "a", "secret_key": 7}, "secret_key: must be a text that is"),
        ({"access_key_id": "a:b", "secret_key": "c"}, "access_key_id: must not hold a colon"),
        ({"username": "a", "password": "\ud800"}, "password: cannot be encoded in UTF-8"),
        ({"token": ""}, "token: must be a text that is not empty"),
        ({"token": "a\n"}, "token: must be printable ASCII"),
        ({"token": "t", "mfa_code": "123456"}, "mfa_code: must be callable"),
        ({"token": "t", "url": "http://aims.example"}, "url: plain http would show"),
        (
            {"access_key_id": "a", "secret_key": "b", "username": "c", "password": "d"},
            "username: give either an access key or a user, not both",
        ),
    ],
)
def test_credentials_that_cannot_work_are_refused(options, words):
    """What is missing, empty or unusable is named when the provider is made."""
    with pytest.raises(ConfigurationError) as caught:
        AimsAuth(**options)
    assert str(caught.value).startswith(words)


def test_a_sync_client_is_refused():
    """Tokens are shared between the tasks of an event loop."""
    mock = httpx.MockTransport(lambda _: httpx.Response(200))
    with (
        httpx.Client(transport=mock, auth=key()) as client,
        pytest.raises(RuntimeError, match=r"^AimsAuth needs an async client"),
    ):
        client.get(AIMS)


def test_a_provider_hides_its_secrets():
    """A provider shows neither key nor token when printed, and refuses to be pickled."""
    auth = AimsAuth(*PAIR, token="mine", url=AIMS)
    assert repr(auth) == f"AimsAuth({AIMS!r})"
    shown = str(vars(auth))
    for secret in (*PAIR, "mine", base64.b64encode(":".join(PAIR).encode()).decode()):
        assert secret not in shown
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(auth)


@pytest.mark.parametrize("session", [b"\xe2\x82\xac", b"a\tb"])
async def test_a_session_that_no_header_can_carry_ends_the_login(service, session):
    """It is what the second step would be sent with."""
    headers = [(b"x-aims-session-token", session)]
    service.login_answers = [
        httpx.Response(401, headers=headers, json={"error": "mfa_code_required"})
    ]
    with pytest.raises(AuthenticationError) as caught:
        await OurTransport(service, key(mfa_code=lambda: "123456")).send()
    assert str(caught.value) == (
        f"{AIMS}/aims/v1/authenticate answered with a session that no header can carry"
    )


@pytest.mark.parametrize(
    "given",
    [
        {"access_key_id": Secret("a:planted-key"), "secret_key": Secret("planted-secret")},
        {"access_key_id": "a-key", "username": Secret("robin"), "password": None},
        {"username": "robin:planted", "password": Secret("planted-secret")},
    ],
)
def test_a_refused_key_is_in_no_variable(given):
    """What is given as a `Secret` stays one in every frame of a traceback."""
    with pytest.raises(ConfigurationError) as caught:
        AimsAuth(**given)
    for frame, _ in traceback.walk_tb(caught.value.__traceback__):
        if frame.f_code.co_name != "test_a_refused_key_is_in_no_variable":
            assert "planted-secret" not in repr(frame.f_locals)
