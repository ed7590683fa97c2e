"""Providers of credentials, inside our transport and inside a plain httpx client."""

import contextlib
import copy
import itertools
import pickle
import threading
from functools import partial
from urllib.parse import parse_qsl

import anyio
import httpx
import pytest
from anyio import to_thread
from clock import Clock

from airview_herald._secret import Secret
from airview_herald.auth import BearerToken, ClientCredentials
from airview_herald.errors import (
    AirViewHeraldError,
    AuthenticationError,
    ConfigurationError,
    CooldownError,
    DeadlineError,
    UnauthorizedError,
)
from airview_herald.transport._call import Call, ErrorBody, RetryClass
from airview_herald.transport._connections import Connections
from airview_herald.transport._limiter import Slots
from airview_herald.transport._operation import Operation, Patience
from airview_herald.transport._options import Options
from airview_herald.transport._retry import Retry
from airview_herald.transport._send import Transport

TOKENS = "https://login.example/oauth2/token"
SERVICE = "https://airview.example/environments/"
GET = Call("GET", "/environments/", RetryClass.READ, 200, lambda reply: reply.json())


class Gateway:
    """A token endpoint, and a service behind a gateway that knows the valid tokens."""

    def __init__(self):
        self.valid = set()
        self.token_requests = []
        self.requests = []
        self.shown = []
        self.answers = []
        self.expires_in = 3600

    async def __call__(self, request):
        await anyio.lowlevel.checkpoint()
        if str(request.url.copy_with(query=None)) == TOKENS:
            self.token_requests.append(request)
            return await self.answer_token()
        self.requests.append(request)
        # Noted now: a provider may send the same request again with another header.
        shown = request.headers.get("authorization")
        self.shown.append(shown)
        await anyio.lowlevel.checkpoint()
        return httpx.Response(200 if shown in self.valid else 401, json=[])

    async def answer_token(self):
        if self.answers:
            answer = self.answers.pop(0)
            if callable(answer):
                await answer()
            elif isinstance(answer, Exception):
                raise answer
            else:
                return answer
        token = f"token-{len(self.token_requests)}"
        self.valid.add(f"Bearer {token}")
        return httpx.Response(200, json={"access_token": token, "expires_in": self.expires_in})


class PlainClient:
    """Send through a plain `httpx.AsyncClient`."""

    def __init__(self, gateway, auth):
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(gateway), auth=auth)

    async def send(self):
        return (await self.client.get(SERVICE)).status_code


class OurTransport:
    """Send through our own send path."""

    def __init__(self, gateway, auth):
        options = Options(
            "https://airview.example", {}, httpx.Timeout(5), 60, Retry(attempts=1), settle=1
        )
        self.transport = Transport(
            Connections(httpx.MockTransport(gateway)), auth, options, lambda _: ErrorBody()
        )

    async def send(self, operation=None):
        try:
            await self.transport.send(GET, operation or self.transport.operation())
        except UnauthorizedError as error:
            return error.status
        return 200


def credentials(**options):
    """Make a provider for the token endpoint."""
    return ClientCredentials(TOKENS, "my-client", "my-secret", **options)


def answer(status=200, **body):
    """Make a JSON answer of the token endpoint."""
    return httpx.Response(status, json=body)


def read(response, **options):
    """Read an answer of the token endpoint."""
    return credentials(**options).read_token(response)


# BearerToken


@pytest.mark.parametrize(
    "given",
    [
        "abc",
        "Bearer abc",
        "bearer abc",
        "BEARER   abc",
        "Bearer Bearer abc",
        "bearer BEARER bEaReR abc",
        " Bearer abc ",
        Secret("Bearer abc"),
    ],
)
def test_exactly_one_bearer_is_sent(given):
    """A token is sent with one `Bearer `, however many it came with."""
    request = httpx.Request("GET", SERVICE)
    (sent,) = BearerToken(given).auth_flow(request)
    assert sent is request
    assert sent.headers["authorization"] == "Bearer abc"


def test_a_token_that_looks_like_the_scheme_is_a_token():
    """Only `Bearer` as a word of its own is the scheme."""
    (sent,) = BearerToken("Bearer bearerxyz").auth_flow(httpx.Request("GET", SERVICE))
    assert sent.headers["authorization"] == "Bearer bearerxyz"


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "bearer  Bearer", "  "])
def test_a_scheme_without_a_token_is_refused(given):
    """`Bearer` alone would send no credential at all."""
    with pytest.raises(ConfigurationError, match=r"^token: must be a text that is not empty$"):
        BearerToken(given)


@pytest.mark.parametrize("given", ["abc\n", "Bearer a\r\nX: y", "äbc"])
def test_a_token_that_no_header_carries_is_refused(given):
    """A newline read from a file with its token is found before it is sent."""
    with pytest.raises(ConfigurationError, match=r"^token: must be printable ASCII"):
        BearerToken(given)


@pytest.mark.parametrize(
    "provider", [BearerToken("my-secret"), credentials(headers={"k": "my-secret"})]
)
def test_a_provider_hides_its_secrets(provider):
    """A provider shows no secret when printed, and refuses to be pickled."""
    assert "my-secret" not in repr(provider)
    assert "my-secret" not in str(vars(provider))
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(provider)


def show(request):
    """Answer with the credential that came."""
    return httpx.Response(200, text=request.headers["authorization"])


def test_a_fixed_token_works_in_a_sync_client():
    """A fixed token needs no event loop."""
    with httpx.Client(transport=httpx.MockTransport(show), auth=BearerToken("abc")) as client:
        assert client.get(SERVICE).text == "Bearer abc"


async def test_a_fixed_token_works_in_an_async_client():
    """A fixed token works in any async client too."""
    mock = httpx.MockTransport(show)
    async with httpx.AsyncClient(transport=mock, auth=BearerToken("abc")) as client:
        assert (await client.get(SERVICE)).text == "Bearer abc"


# Asking for a token


def test_the_form_asks_for_a_scope():
    """The key pair travels in the form, and nothing of it elsewhere."""
    request = credentials(scope="airview/agent_push").token_request()
    assert (request.method, str(request.url)) == ("POST", TOKENS)
    assert dict(parse_qsl(request.content.decode())) == {
        "client_id": "my-client",
        "client_secret": "my-secret",
        "grant_type": "client_credentials",
        "scope": "airview/agent_push",
    }
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["accept"] == "application/json"
    assert "authorization" not in request.headers
    assert "my-secret" not in str(request.headers)


def test_the_form_without_a_scope_has_none():
    """No scope means no field, not an empty one."""
    form = dict(parse_qsl(credentials().token_request().content.decode(), keep_blank_values=True))
    assert set(form) == {"client_id", "client_secret", "grant_type"}


def test_the_form_is_encoded():
    """A secret with letters of its own meaning arrives as it is."""
    secret = "a&b=c+d%20 e/"
    provider = ClientCredentials(TOKENS, "id", secret)
    form = dict(parse_qsl(provider.token_request().content.decode()))
    assert form["client_secret"] == secret


def test_more_headers_for_the_token_endpoint():
    """A gateway's key goes to the token endpoint, and may replace our own header."""
    request = credentials(headers={"X-Key": "k", "accept": "*/*"}).token_request()
    assert request.headers["x-key"] == "k"
    assert request.headers.get_list("accept") == ["*/*"]


def test_azure():
    """The token endpoint of a directory is the documented one, without a query."""
    provider = ClientCredentials.azure(
        "app", "my-secret", "tenant-1", "api://app/.default", clock=lambda: 7.0
    )
    request = provider.token_request()
    assert str(request.url) == "https://login.microsoftonline.com/tenant-1/oauth2/v2.0/token"
    form = dict(parse_qsl(request.content.decode()))
    assert (form["client_id"], form["scope"]) == ("app", "api://app/.default")
    assert provider.clock() == 7.0


def test_cognito():
    """The token endpoint of a user pool is the documented one, with the documented scope."""
    provider = ClientCredentials.cognito("app", "my-secret", "pool", "eu-west-1")
    request = provider.token_request()
    assert str(request.url) == "https://pool.auth.eu-west-1.amazoncognito.com/oauth2/token"
    form = dict(parse_qsl(request.content.decode()))
    assert (form["client_id"], form["scope"]) == ("app", "airview/agent_push")


@pytest.mark.parametrize(
    ("arguments", "options", "setting"),
    [
        (("http://login.example/token", "id", "secret"), {}, "token_url"),
        (("https://me:x@login.example/token", "id", "secret"), {}, "token_url"),
        ((TOKENS, "", "secret"), {}, "client_id"),
        ((TOKENS, "id", ""), {}, "client_secret"),
        ((TOKENS, "id", "a\nb"), {}, "client_secret"),
        ((TOKENS, "id", "secret"), {"headers": {"X-Key": ""}}, r"headers\['X-Key'\]"),
        ((TOKENS, "id", "secret"), {"headers": {"X\r\nY": "1"}}, "headers"),
        ((TOKENS, "id", "secret"), {"headers": {"content-length": "1"}}, "headers"),
        ((TOKENS, "id", "s" * 65_537), {}, "client_secret"),
        ((TOKENS, "id", "secret", "half \ud800"), {}, "scope"),
    ],
)
def test_settings_that_cannot_work_are_refused(arguments, options, setting):
    """A bad URL or credential is found when the provider is made, and named."""
    with pytest.raises(ConfigurationError, match=f"^{setting}: "):
        ClientCredentials(*arguments, **options)


@pytest.mark.parametrize(
    "text", ["evil.example/", "a@evil", "a#", "a?b", "..", "a\n", "", "a%2f", 7]
)
def test_a_name_cannot_lead_the_secret_elsewhere(text):
    """What becomes a part of a token endpoint's URL is a part of a name, and no more."""
    with pytest.raises(ConfigurationError, match=r"^tenant_id: may hold"):
        ClientCredentials.azure("id", "secret", text, "scope")
    with pytest.raises(ConfigurationError, match=r"^cognito_pool_domain_prefix: may hold"):
        ClientCredentials.cognito("id", "secret", text, "eu-west-1")
    with pytest.raises(ConfigurationError, match=r"^aws_region: may hold"):
        ClientCredentials.cognito("id", "secret", "pool", text)


def test_plain_http_needs_permission():
    """A token endpoint without TLS on another machine is taken with `allow_http`."""
    url = "http://login.example/token"
    provider = ClientCredentials(url, "id", "secret", allow_http=True)
    assert str(provider.token_request().url) == url


# Reading the answer


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (3600, 3540.0),
        (600, 540.0),
        (100, 90.0),
        ("3600", 3540.0),
        (3600.5, 3540.5),
        (1e-3, 0.9e-3),
    ],
)
def test_a_token_is_renewed_before_it_expires(expires_in, seconds):
    """A minute before the end, or a tenth of its life if that is less."""
    token = read(answer(access_token="abc", expires_in=expires_in), clock=lambda: 1000.0)
    assert token.refresh_at == pytest.approx(1000.0 + seconds)
    assert token.header == Secret("Bearer abc")


@pytest.mark.parametrize(
    "lifetime",
    [
        {},
        *(
            {"expires_in": each}
            for each in (None, 0, -5, "", "soon", "nan", "inf", [], {}, 10**400)
        ),
    ],
    ids=lambda each: str(each)[:24],
)
def test_a_lifetime_that_says_nothing_is_none(lifetime):
    """Without a usable `expires_in` a token is kept until a 401 says that it is spent."""
    body = httpx.Response(200, json={"access_token": "abc", **lifetime})
    assert read(body).refresh_at == float("inf")


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (answer(), "the token endpoint's answer has no access_token"),
        (answer(access_token=None), "the token endpoint's answer has no access_token"),
        (answer(access_token=""), "the token endpoint's answer has no access_token"),
        (answer(access_token=7), "the token endpoint's answer has no access_token"),
        (httpx.Response(200, json=[]), "the token endpoint's answer has no access_token"),
        (httpx.Response(200, text="<html>"), "the token endpoint's answer has no access_token"),
        (
            httpx.Response(200, content=b"[" * 9999),
            "the token endpoint's answer has no access_token",
        ),
        (
            answer(access_token="a\nb"),
            "the token endpoint's answer has an access_token that no header can carry",
        ),
        (
            answer(400, error="invalid_client"),
            "the token endpoint answered 400: invalid_client",
        ),
        (
            answer(401, error="invalid_scope", error_description="No such scope"),
            "the token endpoint answered 401: invalid_scope: No such scope",
        ),
        (
            answer(401, error="e" * 5000),
            f"the token endpoint answered 401: {'e' * 2000}…",
        ),
        (
            answer(400, error={"code": 7}),
            "the token endpoint answered 400: {'code': 7}",
        ),
        (
            answer(400, error="bad", error_description="'my-secret' of my-client is wrong"),
            "the token endpoint answered 400: bad: '**********' of my-client is wrong",
        ),
        (
            answer(400, error="no key k-17"),
            "the token endpoint answered 400: no key **********",
        ),
        (
            answer(400, error="TXktQ2xpZW50 bXktc2VjcmV0 bXktY2xpZW50Om15LXNlY3JldA=="),
            "the token endpoint answered 400: TXktQ2xpZW50 ********** **********==",
        ),
        (
            httpx.Response(500, text="<html>my-secret"),
            "the token endpoint answered 500: no error in its body",
        ),
        (
            httpx.Response(404, text="<html>"),
            "the token endpoint answered 404: no error in its body, a wrong token_url?",
        ),
        (answer(302), "the token endpoint answered 302: no error in its body"),
        (answer(201, access_token="abc"), "the token endpoint answered 201: no error in its body"),
    ],
)
def test_an_answer_without_a_token_is_an_error(response, words):
    """The endpoint's own words are told, a secret that it repeats is not."""
    with pytest.raises(AuthenticationError) as caught:
        read(response, headers={"X-Key": "k-17"})
    assert str(caught.value) == words.replace("endpoint answered", f"endpoint {TOKENS} answered")
    assert (caught.value.method, caught.value.url) == ("POST", TOKENS)
    assert caught.value.status == response.status_code
    assert "my-secret" not in repr(caught.value)


# The flow


@pytest.fixture(params=[PlainClient, OurTransport])
def sender(request):
    """Both surroundings that a provider works in."""
    return request.param


async def test_a_token_is_fetched_once(sender):
    """The first request fetches a token, those after it use it."""
    gateway = Gateway()
    client = sender(gateway, credentials())
    assert [await client.send() for _ in range(3)] == [200] * 3
    assert len(gateway.token_requests) == 1
    assert gateway.shown == ["Bearer token-1"] * 3


async def test_a_token_is_renewed_at_its_time(sender):
    """A token is used until shortly before its end and then replaced without a 401."""
    gateway, clock = Gateway(), Clock()
    client = sender(gateway, credentials(clock=clock))
    await client.send()
    clock.now += 3539
    await client.send()
    clock.now += 1
    await client.send()
    assert gateway.shown == ["Bearer token-1"] * 2 + ["Bearer token-2"]


async def test_a_token_that_is_spent_at_once_is_used_once(sender):
    """A life that ends before the token can be used does not ask for tokens for ever."""
    gateway = Gateway()
    gateway.expires_in = 1e-9
    client = sender(gateway, credentials(clock=itertools.count(1000).__next__))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(client.send)
    assert len(gateway.token_requests) == 1
    assert gateway.shown == ["Bearer token-1"] * 5


async def test_a_refused_token_is_replaced_once(sender):
    """A 401 throws the token away and tries again with a new one."""
    gateway = Gateway()
    client = sender(gateway, credentials())
    await client.send()
    gateway.valid.clear()
    assert await client.send() == 200
    assert gateway.shown == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


async def test_a_second_refusal_is_the_answer(sender):
    """When a fresh token is refused too, the 401 is what the caller gets."""
    gateway = Gateway()
    gateway.answers = [answer(access_token="x"), answer(access_token="y")]
    client = sender(gateway, credentials())
    assert await client.send() == 401
    assert gateway.shown == ["Bearer x", "Bearer y"]


async def test_refusals_in_a_row_are_counted(sender):
    """Each token counts once, and one that is accepted ends the row."""
    gateway = Gateway()
    gateway.answers = [answer(access_token=each) for each in "xyz"]
    provider = credentials()
    client = sender(gateway, provider)
    assert await client.send() == 401
    assert provider.refusals == 2
    assert await client.send() == 200
    assert gateway.shown == [*(f"Bearer {each}" for each in "xyz"), "Bearer token-4"]
    assert provider.refusals == 0


async def test_a_token_that_another_renewed_is_not_thrown_away(sender):
    """A 401 to an old token leaves alone the one that somebody else has fetched meanwhile."""
    gateway = Gateway()
    provider = credentials()
    client = sender(gateway, provider)
    await client.send()
    gateway.valid.clear()
    first = provider.async_auth_flow(httpx.Request("GET", SERVICE))
    request = await anext(first)
    assert request.headers["authorization"] == "Bearer token-1"
    assert await client.send() == 200
    request = await first.asend(httpx.Response(401, request=request))
    assert str(request.url) == SERVICE
    assert request.headers["authorization"] == "Bearer token-2"
    await first.aclose()
    assert len(gateway.token_requests) == 2


@pytest.mark.parametrize("expired", ["by the clock", "by a 401"])
async def test_a_hundred_requests_share_one_token_request(sender, expired):
    """However many requests meet an expired token, one new token is asked for."""
    gateway, clock = Gateway(), Clock()
    client = sender(gateway, credentials(clock=clock))
    await client.send()
    if expired == "by a 401":
        gateway.valid.clear()
    else:
        clock.now += 3600
    statuses = []

    async def send():
        statuses.append(await client.send())

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(send)
    assert statuses == [200] * 100
    assert len(gateway.token_requests) == 2


async def test_a_waiter_takes_over_from_a_cancelled_fetch(sender):
    """When the task that fetches is cancelled another one fetches, and all others succeed."""
    gateway = Gateway()
    asked = anyio.Event()

    async def hang():
        asked.set()
        await anyio.sleep_forever()

    gateway.answers = [hang]
    client = sender(gateway, credentials())
    statuses = []

    async def send():
        statuses.append(await client.send())

    async with anyio.create_task_group() as tasks, anyio.create_task_group() as leaders:
        leaders.start_soon(client.send)
        await asked.wait()
        for _ in range(10):
            tasks.start_soon(send)
        await anyio.wait_all_tasks_blocked()
        assert gateway.requests == []
        leaders.cancel_scope.cancel()
    assert statuses == [200] * 10
    assert len(gateway.token_requests) == 2


async def test_a_cancelled_waiter_disturbs_nobody(sender):
    """A waiter that is cancelled leaves the fetch and the other waiters alone."""
    gateway = Gateway()
    asked, go_on = anyio.Event(), anyio.Event()

    async def hang():
        asked.set()
        await go_on.wait()

    gateway.answers = [hang]
    client = sender(gateway, credentials())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.send)
        await asked.wait()
        async with anyio.create_task_group() as waiters:
            waiters.start_soon(client.send)
            await anyio.wait_all_tasks_blocked()
            waiters.cancel_scope.cancel()
        tasks.start_soon(client.send)
        await anyio.wait_all_tasks_blocked()
        go_on.set()
    assert len(gateway.token_requests) == 1
    assert gateway.shown == ["Bearer token-1"] * 2


@pytest.mark.parametrize("other_backend", ["asyncio", "trio"])
async def test_no_event_loop_waits_for_another(sender, other_backend):
    """Clients of several threads may share a credential: each thread fetches, none waits."""
    asked, answered = threading.Event(), threading.Event()
    auth = credentials()

    async def elsewhere():
        gateway = Gateway()

        async def late():
            asked.set()
            await to_thread.run_sync(answered.wait, 10)

        gateway.answers = [late]
        client = sender(gateway, auth)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.send)
            tasks.start_soon(client.send)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(to_thread.run_sync, partial(anyio.run, elsewhere, backend=other_backend))
        assert await to_thread.run_sync(asked.wait, 10)
        try:
            with anyio.fail_after(5):
                assert await sender(Gateway(), auth).send() == 200
        finally:
            answered.set()


async def test_a_failed_fetch_reaches_every_waiter(sender):
    """Each waiter gets an error of its own, and the next asker tries again."""
    gateway = Gateway()
    gateway.answers = [answer(400, error="invalid_client")]
    client = sender(gateway, credentials())
    errors = []

    async def send():
        try:
            await client.send()
        except AuthenticationError as error:
            errors.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(send)
    assert len(gateway.token_requests) == 1
    assert len({id(error) for error in errors}) == 10
    assert {str(error) for error in errors} == {
        f"the token endpoint {TOKENS} answered 400: invalid_client"
    }
    assert await client.send() == 200
    assert len(gateway.token_requests) == 2


async def test_a_connection_failure_reaches_every_waiter():
    """Inside our transport a token endpoint that is out of reach fails all who wait for it."""
    gateway = Gateway()
    gateway.answers = [httpx.ConnectError("no route")]
    client = OurTransport(gateway, credentials())
    errors = []

    async def send():
        try:
            await client.send()
        except AirViewHeraldError as error:
            errors.append(str(error))

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(send)
    assert errors == [f"POST {TOKENS}: ConnectError: no route"] * 10
    assert len(gateway.token_requests) == 1


async def test_a_fetch_that_fails_outside_our_transport_is_tried_by_the_next():
    """A plain client does not tell a flow what went wrong, so the next waiter tries."""
    gateway = Gateway()
    gateway.answers = [httpx.ConnectError("no route")]
    client = PlainClient(gateway, credentials())
    results = []

    async def send():
        try:
            results.append(await client.send())
        except httpx.ConnectError:
            results.append("failed")

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(send)
    assert sorted(results, key=str) == [200] * 4 + ["failed"]


async def test_a_deadline_is_nobody_else_s():
    """When the fetching operation runs out of time, those with time left take over."""
    gateway = Gateway()
    go_on = anyio.Event()
    clock = Clock()
    client = OurTransport(gateway, credentials())
    client.transport.clock = clock

    async def hang():
        await go_on.wait()
        clock.now += 50
        raise httpx.ReadError("reset")

    gateway.answers = [hang]
    results = []

    async def send(deadline):
        try:
            results.append(await client.send(Operation(deadline, attempts=4)))
        except DeadlineError:
            results.append("late")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send, 40.0)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(send, 400.0)
        await anyio.wait_all_tasks_blocked()
        go_on.set()
    assert sorted(results, key=str) == [200, "late"]
    assert len(gateway.token_requests) == 2


async def test_a_batchs_patience_is_nobody_else_s():
    """When a batch gives up a token endpoint, a single call that waits beside it goes on."""
    gateway, go_on, results = Gateway(), anyio.Event(), []
    client = OurTransport(gateway, credentials())

    async def fail():
        await go_on.wait()
        raise httpx.ConnectError("no route")

    gateway.answers = [fail]
    patience = Patience(-1.0, client.transport.pacing.active)
    of_a_batch = Operation(400.0, None, Slots(1), patience)

    async def send(operation):
        try:
            results.append(await client.send(operation))
        except CooldownError:
            results.append("out of patience")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send, of_a_batch)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(send, Operation(400.0, attempts=4))
        await anyio.wait_all_tasks_blocked()
        go_on.set()
    assert sorted(results, key=str) == [200, "out of patience"]


async def test_a_token_that_another_fetches_is_waited_for_until_the_deadline():
    """A batch may wait for the endpoint for long; a single call has its own time."""
    gateway, go_on = Gateway(), anyio.Event()
    client = OurTransport(gateway, credentials())
    gateway.answers = [go_on.wait]
    patience = Patience(900.0, client.transport.pacing.active)
    of_a_batch = Operation(400.0, None, Slots(1), patience)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.send, of_a_batch)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(5), pytest.raises(DeadlineError, match="no credential came in"):
            await client.send(Operation(0.01, attempts=4))
        go_on.set()
    assert len(gateway.token_requests) == 1


async def test_a_token_request_has_the_timeout_of_its_request():
    """In a plain client a token is fetched under the timeouts of the request that needs it."""
    gateway = Gateway()
    client = PlainClient(gateway, credentials())
    await client.client.get(SERVICE, timeout=7)
    assert gateway.token_requests[0].extensions["timeout"]["read"] == 7


async def test_a_token_goes_to_the_service_only():
    """The token endpoint sees no token, and the service sees nothing of the key pair."""
    gateway = Gateway()
    client = PlainClient(gateway, credentials())
    await client.send()
    gateway.valid.clear()
    await client.send()
    assert all("authorization" not in request.headers for request in gateway.token_requests)
    assert all("my-secret" not in str(request.headers) for request in gateway.requests)


def test_a_sync_client_is_refused():
    """Tokens are shared by the tasks of an event loop: a sync client is told so."""
    gateway = httpx.MockTransport(lambda _: httpx.Response(200))
    with (
        httpx.Client(transport=gateway, auth=credentials()) as client,
        pytest.raises(RuntimeError, match=r"^ClientCredentials needs an async client"),
    ):
        client.get(SERVICE)


def test_a_provider_names_its_endpoint():
    """The repr tells providers apart by their endpoint."""
    assert repr(credentials()) == f"ClientCredentials({TOKENS!r})"
    assert repr(BearerToken("abc")) == "BearerToken(**********)"
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.deepcopy(credentials())


# Credentials of others


class GivesUp(httpx.Auth):
    """Asks for a token, and ends without one."""

    async def async_auth_flow(self, request):
        with contextlib.suppress(AirViewHeraldError):
            yield httpx.Request("POST", f"{TOKENS}?for={request.url.host}")


@pytest.mark.parametrize("trouble", [None, httpx.ConnectError("no route")])
async def test_a_flow_that_ends_without_the_request_is_an_error(trouble):
    """What was never sent has no answer; the error names the last errand, without its query."""
    gateway = Gateway()
    client = OurTransport(gateway, GivesUp())
    for attempt in (client.send, lambda: client.transport.login(client.transport.operation())):
        gateway.answers = [trouble or answer(400)]
        with pytest.raises(AuthenticationError) as caught:
            await attempt()
        assert str(caught.value) == f"the credential gave up after POST {TOKENS}"
    assert gateway.requests == []
