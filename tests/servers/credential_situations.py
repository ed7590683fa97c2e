"""What servers and callers may do to a credential; each situation returns what it made visible."""

import json
from functools import partial

import attrs
import httpx
import pytest
from credentials import (
    EVIL,
    GLOBAL,
    PLANTED,
    REGION,
    SERVICE,
    alert_logic,
    repeated,
    well,
)
from named_servers import NamedServers, answered
from planted_secrets import everything, found_in

from airview_herald import AirView
from airview_herald.auth import Secret
from airview_herald.errors import AirViewHeraldError, ConfigurationError, DecodeError
from airview_herald.telemetry import Telemetry

OURS = "airview_herald"
THEIRS = ("aiohttp", "anyio", "asyncio", "httpcore", "httpx", "trio")
SITUATIONS = {}
# Returned by a situation that does not exist for a provider.
ABSENT = None


def situation(name):
    """Put a function into the table: it returns what was shown, or `ABSENT`."""

    def put(function):
        SITUATIONS[name] = function
        return function

    return put


@attrs.define
class Case:
    """A provider in a situation.

    Attributes:
        provider: The provider.
        servers: The hosts.
        backend: The class of the transport.
        folder: For files.
        processes: Whether commands are run, which is the same on every backend.
        lines: What has been logged, as (logger, text).
    """

    provider: object
    servers: NamedServers
    backend: type
    folder: object
    processes: bool
    lines: list

    async def run(self, **options):
        """Use a client; return what it said, or the error."""
        async with (
            self.servers.transport(self.backend) as http,
            self.provider.make(http, **{"telemetry": Telemetry(), **options}) as client,
        ):
            try:
                return await self.provider.use(client)
            except AirViewHeraldError as error:
                return error

    async def failure(self, kind=AirViewHeraldError):
        """Return all that is shown of an error that there has to be."""
        error = await self.run()
        assert isinstance(error, kind), error
        return [*everything(error), *(text for name, text in self.lines if name == OURS)]

    def answer_at(self, answer, *hosts):
        """Have hosts answer in another way."""
        for host in hosts:
            self.servers.answers[host] = answer

    @property
    def services(self):
        """The hosts of the service itself, which a token service may share."""
        return {SERVICE} if self.provider.client is AirView else {REGION}


def moved(_request):
    """Answer that all has moved to where it should not go."""
    return answered(307, location=f"https://{EVIL}/elsewhere")


@situation("redirect")
async def redirected(case):
    """The service sends elsewhere."""
    case.answer_at(moved, *case.services)
    return await case.failure()


@situation("redirect of a login")
async def redirected_login(case):
    """The token service sends elsewhere."""
    if case.provider.login is None:
        return ABSENT
    case.answer_at(moved, case.provider.login)
    return await case.failure()


@situation("absolute URLs given")
async def absolute(case):
    """A value is the URL of another server."""
    url = f"https://{EVIL}/"
    shown = []
    async with case.servers.transport(case.backend) as http, case.provider.make(http) as client:
        if case.provider.client is AirView:
            calls = [partial(client.backend.get_system_id_by_name, url)]
        else:
            page = {"notifications": [], "continuation_id": url}
            case.answer_at(lambda _: answered(200, json.dumps(page).encode()), REGION)
            listing = partial(client.get_account_notification_by_type, "incidents/alerts")
            calls = [
                partial(client.get_account_subscriptions, account_id=url),
                partial(listing, continuation_id=url),
                lambda: anext(aiter(listing())),
            ]
        for call in calls:
            try:
                shown.append(repr(await call()))
            except (AirViewHeraldError, StopAsyncIteration) as error:
                shown += everything(error)
    return shown


@situation("host named by Endpoints")
async def named(case):
    """The Endpoints service names what may not see a token."""
    if case.provider.client is AirView:
        return ABSENT
    shown = []
    for host in (
        *(EVIL, f"https://{EVIL}", f"{REGION}@{EVIL}", f"{EVIL}#.alertlogic.com"),
        *(f"robin:secret@{REGION}", f"http://{REGION}", f"ftp://{REGION}", f"//{EVIL}"),
        *(f"http://{EVIL}", "http://127.0.0.1:8080", f"https://{REGION}.{EVIL}"),
    ):
        case.answer_at(partial(alert_logic, host=host), GLOBAL)
        shown += await case.failure(DecodeError)
    assert case.servers.received(REGION) == ""
    return shown


@situation("proxy's page repeats it")
async def page(case):
    """What answers in place of the service shows all that it was sent."""

    def html(status):
        def answer(request):
            said = f"<html>{repeated(request)}".encode()
            return answered(status, said, x_request_id=first_secret(request))

        return answer

    shown = []
    for status in (400, 401, 403, 407, 502):
        case.answer_at(html(status), *case.services)
        shown += await case.failure()
    return shown


def first_secret(request):
    """Return a header's value that is one, or the body, to be repeated where it does not belong."""
    head, _, body = request.decode().partition("\r\n\r\n")
    values = [line.partition(": ")[2] for line in head.split("\r\n")[1:]]
    return next((value for value in [*values, body] if found_in(PLANTED, [value])), "none")


@situation("service repeats it")
async def own_words(case):
    """An error in the service's own shape has it in its words."""

    def answer(request):
        said = repeated(request)
        body = {"code": 400, "status": "Bad Request", "message": said, "error": said}
        return answered(400, json.dumps({**body, "details": said, "path": said}).encode())

    case.answer_at(answer, *case.services)
    return await case.failure()


@situation("token service repeats it")
async def login_page(case):
    """A page, or an OAuth error, in place of a token."""
    if case.provider.login is None:
        return ABSENT
    shown = []
    for status in (200, 302, 400, 401, 502):
        for wrap in (
            lambda said: f"<html>{said}",
            lambda said: json.dumps({"error": said, "error_description": said}),
            lambda said: json.dumps({"access_token": said + "\n", "authentication": said}),
            lambda said: json.dumps({"authentication": {"token": said + "\n"}}),
        ):
            case.answer_at(partial(_wrapped, status, wrap), case.provider.login)
            shown += await case.failure()
    return shown


@situation("provider in an httpx client")
async def elsewhere(case):
    """A token service repeats what it was sent to a client that is not this package's."""
    provider = case.provider.options().get("auth")
    if case.provider.login is None or provider is None:
        return ABSENT
    shown = []
    for wrap in (
        lambda said: json.dumps({"error": said, "error_description": said}),
        lambda said: json.dumps({"access_token": said + "\n"}),
        lambda said: json.dumps({"authentication": {"token": said + "\n"}}),
    ):
        for status in (200, 400):
            answer = partial(_wrapped, status, wrap)
            case.answer_at(answer, case.provider.login)
            async with (
                case.servers.transport(case.backend) as http,
                httpx.AsyncClient(transport=http, auth=provider) as client,
            ):
                with pytest.raises(AirViewHeraldError) as caught:
                    await client.get(f"https://{SERVICE}/")
            shown += everything(caught.value)
    return shown


def _wrapped(status, wrap, request):
    return answered(status, wrap(repeated(request)).encode())


@situation("answer is no HTTP")
async def no_http(case):
    """The request comes back, or what is secret in it where an answer has something else."""
    shown = []
    for host in (*case.services, *filter(None, [case.provider.login])):
        for mangle in (
            lambda request: request,
            lambda request: f"{first_secret(request)}\r\n\r\n".encode(),
            lambda request: f"HTTP/1.1 {first_secret(request)}\r\n\r\n".encode(),
            lambda request: f"HTTP/1.1 200 OK\r\n\0{first_secret(request)}\r\n\r\n".encode(),
            lambda request: f"HTTP/1.1 200 OK\r\n{first_secret(request)}\r\n\r\n".encode(),
            lambda request: answered(200, b"", Content_Length=first_secret(request)),
            lambda request: (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                + first_secret(request).encode()
                + b"\r\n\r\n"
            ),
            lambda request: (
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n"
                + first_secret(request).encode()[:9]
            ),
            lambda _: b"",
        ):
            case.servers.answers = well()
            case.answer_at(mangle, host)
            shown += await case.failure()
    return shown


@situation("no connection")
async def unreachable(case):
    """There is no such host."""
    kept = {host: case.servers._servers.pop(host) for host in case.services}
    shown = await case.failure()
    case.servers._servers.update(kept)
    return shown


@situation("setting refused")
async def refused_setting(case):
    """A client cannot be made; its credential is a `Secret` already."""
    options = case.provider.options()
    if case.provider.name in {"token", "BasicAuth"}:
        return ABSENT  # text of the caller's
    options = {
        name: {key: Secret(text) for key, text in value.items()} if name == "headers" else value
        for name, value in options.items()
    }
    options |= {
        name: Secret(options[name]) for name in ("password", "aims_token") if name in options
    }
    with pytest.raises(ConfigurationError) as caught:
        case.provider.make("http", **options)
    return everything(caught.value)
