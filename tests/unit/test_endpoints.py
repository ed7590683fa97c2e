"""Where Herald is for an account, and which hosts may see a token."""

import anyio
import httpx
import pytest
from clock import Clock
from fake_alertlogic import FakeAlertLogic

from airview_herald.auth import AimsAuth
from airview_herald.errors import (
    ConfigurationError,
    ConnectError,
    DecodeError,
    ForbiddenError,
    NotFoundError,
    UnauthorizedError,
)
from airview_herald.herald._calls import read_error
from airview_herald.herald._endpoints import Endpoints, trusted_url
from airview_herald.herald._settings import Settings
from airview_herald.transport._connections import Connections
from airview_herald.transport._options import Options
from airview_herald.transport._retry import Retry
from airview_herald.transport._send import Transport

GLOBAL = "https://api.global-services.global.alertlogic.com"
FOUND = "https://herald.example.alertlogic.com"


class Asker:
    """Asks for Herald's host, as a client does."""

    def __init__(self, **settings):
        self.clock = Clock()
        self.service = FakeAlertLogic()
        self.service.valid.add("token")
        self.settings = Settings.find(environ={"ALERTLOGIC_CONFIG": "none"}, **settings)
        self.endpoints = Endpoints(self.settings, allow_http=False)
        self.transport = Transport(
            Connections(httpx.MockTransport(self.service)),
            AimsAuth(token="token"),
            Options(GLOBAL, {}, httpx.Timeout(5), 60, Retry(attempts=1), settle=0),
            read_error,
            clock=self.clock,
        )

    async def __call__(self, account="1", service="herald"):
        return await self.endpoints.find(
            service, account, self.transport, self.transport.operation()
        )

    def paths(self):
        """Return the paths that were asked for."""
        return [request.url.path for request in self.service.lookups]


async def test_the_endpoints_service_is_asked_under_a_token():
    """The question names account, residency and service; the answer is a bare host."""
    ask = Asker(residency="emea")
    assert await ask("12345678") == FOUND
    (request,) = ask.service.lookups
    assert str(request.url) == (
        f"{GLOBAL}/endpoints/v1/12345678/residency/emea/services/herald/endpoint"
    )
    assert request.headers["x-aims-auth-token"] == "token"
    assert "authorization" not in request.headers


async def test_an_answer_holds_for_fifteen_minutes():
    """It is asked for again after that, and a host that moved is found."""
    ask = Asker()
    await ask()
    ask.clock.now += 899.9
    assert await ask() == FOUND
    assert len(ask.service.lookups) == 1
    ask.service.host = "other.alertlogic.co.uk"
    ask.clock.now += 0.1
    assert [await ask() for _ in range(2)] == ["https://other.alertlogic.co.uk"] * 2
    assert len(ask.service.lookups) == 2


async def test_each_account_and_service_has_an_answer_of_its_own():
    """A look-up for one account says nothing of another."""
    ask = Asker()
    await ask("1")
    ask.service.host = "two.alertlogic.com"
    assert await ask("2") == "https://two.alertlogic.com"
    assert await ask("1") == FOUND
    await ask("1", "connectors")
    assert [path.split("/")[3::4] for path in ask.paths()] == [
        ["1", "herald"],
        ["2", "herald"],
        ["1", "connectors"],
    ]


async def test_one_asks_for_all():
    """A hundred calls at once are one look-up."""
    ask = Asker()
    found = []

    async def call():
        found.append(await ask())

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(call)
    assert found == [FOUND] * 100
    assert len(ask.service.lookups) == 1


async def test_one_failure_is_told_to_all_and_not_remembered():
    """Each of those who wait gets the error; the next one asks again."""
    ask = Asker()
    ask.service.lookup_answers = [httpx.Response(503)]
    failed = []

    async def call():
        try:
            await ask()
        except Exception as error:  # noqa: BLE001 - collected
            failed.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(call)
    assert [error.status for error in failed] == [503] * 20
    assert len({id(error) for error in failed}) == 20
    assert await ask() == FOUND
    assert len(ask.service.lookups) == 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(403), ForbiddenError),
        (httpx.Response(404), NotFoundError),
        (httpx.ConnectError("no route"), ConnectError),
        (httpx.Response(200, text="herald.alertlogic.com"), DecodeError),
        (httpx.Response(200, json=[]), DecodeError),
        (httpx.Response(200, json={}), DecodeError),
        (httpx.Response(200, json={"herald": None}), DecodeError),
        (httpx.Response(200, json={"herald": ""}), DecodeError),
        (httpx.Response(200, json={"herald": "evil.example"}), DecodeError),
        (httpx.Response(204), DecodeError),
    ],
)
async def test_a_failed_look_up_raises(answer, kind):
    """There is no host to fall back to."""
    ask = Asker()
    ask.service.lookup_answers = [answer]
    with pytest.raises(kind) as caught:
        await ask()
    assert caught.value.operation == "get_endpoint"


async def test_a_refused_token_is_told():
    """A bare token that the Endpoints service refuses is not shown twice."""
    ask = Asker()
    ask.service.valid.clear()
    with pytest.raises(UnauthorizedError):
        await ask()
    assert len(ask.service.lookups) == 1


async def test_what_is_configured_is_not_looked_up():
    """A URL serves everything."""
    ask = Asker(global_endpoint="http://127.0.0.1:1")
    assert await ask() == "http://127.0.0.1:1"
    assert ask.service.lookups == []


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("api.alertlogic.com", "https://api.alertlogic.com"),
        ("API.AlertLogic.co.uk", "https://api.alertlogic.co.uk"),
        ("a.b-c.alertlogic.com:8443", "https://a.b-c.alertlogic.com:8443"),
        ("http.alertlogic.com", "https://http.alertlogic.com"),
        ("https://api.alertlogic.com", "https://api.alertlogic.com"),
        ("https://api.alertlogic.com/", "https://api.alertlogic.com"),
    ],
)
def test_hosts_of_alert_logic_may_see_a_token(host, url):
    """By TLS, in whatever way they are written."""
    assert trusted_url(host, allow_http=False) == url


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "alertlogic.com",
        "evilalertlogic.com",
        "alertlogic.com.evil.example",
        "api.alertlogic.com.",
        "evil.example/.alertlogic.com",
        "evil.example?.alertlogic.com",
        "evil.example#.alertlogic.com",
        "evil.example\\.alertlogic.com",
        "evil.example%2f.alertlogic.com",
        "evil.example;.alertlogic.com",
        "evil example.alertlogic.com",
        "evil.example\n.alertlogic.com",
        "user@api.alertlogic.com",
        "user:pass@api.alertlogic.com",
        "api.alertlogic.com@evil.example",
        "api.alertlogic.com/herald",
        "api.alertlogic.com//",
        "api.alertlogic.com?x=1",
        "api.alertlogic.com#x",
        "127.0.0.1:8080",
        "https://127.0.0.1:8080",
        "http://127.0.0.1:8080",
        "http://localhost:8080",
        "http://[::1]:1",
        "http://api.alertlogic.com",
        "ftp://api.alertlogic.com",
        "//api.alertlogic.com",
        "é.alertlogic.com",
    ],
)
def test_no_other_host_may_see_a_token(host):
    """What is not plainly such a host is refused, however close it looks."""
    with pytest.raises(ConfigurationError, match=r"^the host that the Endpoints service named: "):
        trusted_url(host, allow_http=False)


def test_an_endless_host_is_not_repeated():
    """What the service names may be as long as an answer; a message is not."""
    with pytest.raises(ConfigurationError, match=r"x{253} is not under alertlogic\.com") as caught:
        trusted_url("x" * 20_000, allow_http=False)
    assert len(str(caught.value)) < 500


def test_plain_http_elsewhere_needs_permission():
    """With it, the service may name a plain http host, of Alert Logic's like any other."""
    host = "http://herald.alertlogic.com:8080"
    assert trusted_url(host, allow_http=True) == host
    with pytest.raises(ConfigurationError, match="plain http"):
        trusted_url(host, allow_http=False)
    with pytest.raises(ConfigurationError, match=r"al\.example is not under alertlogic\.com"):
        trusted_url("http://al.example:8080", allow_http=True)
