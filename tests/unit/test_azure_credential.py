"""Tokens of azure-identity style credentials."""

import threading
from typing import NamedTuple

import anyio
import httpx
import pytest

from airview_herald.auth import AzureCredential
from airview_herald.errors import AuthenticationError, ConfigurationError

SCOPE = "api://airview/.default"


class AccessToken(NamedTuple):
    """As `azure.core.credentials` has it."""

    token: str
    expires_on: int


class Blocking:
    """A credential that blocks, as `azure.identity` has them."""

    def __init__(self, now=1000.0, lifetime=3600):
        self.now = now
        self.lifetime = lifetime
        self.asked = []
        self.threads = set()

    def get_token(self, *scopes, **_):
        self.asked.append(scopes)
        self.threads.add(threading.get_ident())
        return AccessToken(f"token-{len(self.asked)}", int(self.now + self.lifetime))


class Awaited(Blocking):
    """A credential whose tokens are awaited, as `azure.identity.aio` has them."""

    async def get_token(self, *scopes, **_):
        await anyio.lowlevel.checkpoint()
        return super().get_token(*scopes)


class Wrapped(Blocking):
    """A credential behind a plain function whose answer is awaited."""

    def get_token(self, *scopes, **_):
        async def answer():
            return Blocking.get_token(self, *scopes)

        return answer()


class Failing:
    """A credential that has no token."""

    def __init__(self, error):
        self.error = error

    def get_token(self, *_):
        raise self.error


class Service:
    """Answers 200 to the tokens that it takes, all of them at first, else 401."""

    def __init__(self):
        self.shown = []
        self.refused = set()

    async def __call__(self, request):
        await anyio.lowlevel.checkpoint()
        shown = request.headers["authorization"]
        self.shown.append(shown)
        return httpx.Response(401 if shown in self.refused else 200)


async def get(service, auth):
    """Send one request; return its status."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(service), auth=auth) as client:
        return (await client.get("https://airview.example/environments/")).status_code


@pytest.mark.parametrize("kind", [Blocking, Awaited, Wrapped])
async def test_a_hundred_requests_ask_the_credential_once(kind):
    """Sync and async credentials are asked once for everybody, for their scopes."""
    credential, service = kind(), Service()
    auth = AzureCredential(credential, SCOPE, clock=lambda: credential.now)
    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(get, service, auth)
    assert credential.asked == [(SCOPE,)]
    assert service.shown == ["Bearer token-1"] * 100


async def test_a_blocking_credential_blocks_a_worker_thread_only():
    """What may take seconds, a call to a metadata service say, leaves the event loop alone."""
    credential = Blocking()
    await get(Service(), AzureCredential(credential, SCOPE, clock=lambda: credential.now))
    assert threading.get_ident() not in credential.threads


@pytest.mark.parametrize("kind", [Blocking, Awaited])
async def test_a_token_is_renewed_a_minute_before_it_expires(kind):
    """The credential's own expiry counts, in epoch seconds."""
    credential, service = kind(now=1000.0, lifetime=600), Service()
    auth = AzureCredential(credential, SCOPE, clock=lambda: credential.now)
    await get(service, auth)
    credential.now = 1539.0
    await get(service, auth)
    assert len(credential.asked) == 1
    credential.now = 1541.0
    await get(service, auth)
    assert service.shown[-1] == "Bearer token-2"


async def test_a_refused_token_is_replaced_once():
    """A 401 asks the credential again, and the request goes out again with the new token."""
    credential, service = Blocking(), Service()
    service.refused.add("Bearer token-1")
    assert await get(service, AzureCredential(credential, SCOPE, clock=lambda: 1000.0)) == 200
    assert service.shown == ["Bearer token-1", "Bearer token-2"]


async def test_a_credential_without_a_token_is_an_authentication_error():
    """Whatever it raises comes out as ours, with its words and without its request."""
    auth = AzureCredential(Failing(RuntimeError("no managed identity here")), SCOPE)
    with pytest.raises(
        AuthenticationError,
        match=r"^Failing gave no token: RuntimeError: no managed identity here$",
    ) as caught:
        await get(Service(), auth)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_a_page_in_the_words_of_a_credential_is_left_out():
    """azure-core adds the answer that it got: a proxy's page may repeat the secret in it."""
    words = "Authentication failed: 502\nContent: <html>client_secret=planted-secret"
    auth = AzureCredential(Failing(RuntimeError(words)), SCOPE)
    with pytest.raises(AuthenticationError) as caught:
        await get(Service(), auth)
    assert str(caught.value) == "Failing gave no token: RuntimeError: Authentication failed: 502"
    assert caught.value.__context__ is None


async def test_a_credential_that_takes_too_long_is_an_authentication_error():
    """A request does not wait for a token for ever, and the next one asks again."""

    class Slow(Awaited):
        async def get_token(self, *scopes, **_):
            self.asked.append(scopes)
            await anyio.sleep(60)

    credential = Slow()
    auth = AzureCredential(credential, SCOPE, timeout=0.01)
    for _ in range(2):
        with pytest.raises(AuthenticationError, match=r"^Slow gave no token within 0\.01 seconds$"):
            await get(Service(), auth)
    assert len(credential.asked) == 2


@pytest.mark.parametrize("seconds", [0, "30", None, True])
def test_a_timeout_is_seconds_more_than_none(seconds):
    """The error names the setting."""
    with pytest.raises(ConfigurationError, match=r"^timeout: must be more than 0 seconds$"):
        AzureCredential(Blocking(), SCOPE, timeout=seconds)


@pytest.mark.parametrize("token", ["", None, "two\nlines"])
async def test_a_token_that_no_header_carries_is_an_authentication_error(token):
    """A credential's answer is checked as any other."""

    class Odd:
        def get_token(self, *_):
            return AccessToken(token, 9e9)

    with pytest.raises(AuthenticationError, match="Odd gave no token"):
        await get(Service(), AzureCredential(Odd(), SCOPE))


@pytest.mark.parametrize(
    ("credential", "scopes", "field"),
    [(object(), [SCOPE], "credential"), (Blocking(), [], "scopes"), (Blocking(), [""], "scopes")],
)
def test_settings_that_cannot_work_are_refused(credential, scopes, field):
    """The error names what is wrong, before anything is asked."""
    with pytest.raises(ConfigurationError, match=f"^{field}:"):
        AzureCredential(credential, *scopes)


async def test_it_names_its_credential_and_no_token():
    """The representation helps to tell providers apart."""
    auth = AzureCredential(Blocking(), SCOPE)
    await get(Service(), auth)
    assert repr(auth) == "AzureCredential(Blocking, api://airview/.default)"
