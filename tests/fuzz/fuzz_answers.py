"""Targets: what servers answer, from the bytes on the wire to typed rows."""

import asyncio
import pickle
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx

from airview_herald import AirView
from airview_herald._open import OpenRow, encode
from airview_herald._pagination import Paginator
from airview_herald._records import records
from airview_herald._rows import Rows, rows_html
from airview_herald.airview import _calls as airview_calls
from airview_herald.airview import (
    _exclusion_routes,
    _framework_routes,
    _reading_routes,
    _routes,
)
from airview_herald.airview.frameworks import Framework, FrameworkSection
from airview_herald.airview.models import (
    Application,
    Control,
    Environment,
    ResourceType,
    Service,
    TechnicalControl,
)
from airview_herald.errors import (
    AirViewHeraldError,
    DecodeError,
    InputError,
    LimitError,
    PaginationError,
    RequestFacts,
)
from airview_herald.herald import _calls as herald_calls
from airview_herald.herald import _routes as herald_routes
from airview_herald.herald import _undocumented_routes as herald_types
from airview_herald.herald.notifications import Notification
from airview_herald.transport import Limits, Retry
from airview_herald.transport._aiohttp_connection import AiohttpConnection
from airview_herald.transport._body import read_whole
from airview_herald.transport._call import Call, Reply
from airview_herald.transport._failures import HTTPX_ERRORS, from_httpx
from airview_herald.transport._inflating import inflated
from airview_herald.transport._limits import OverLimitError
from airview_herald.transport._request_head import head_of
from airview_herald.transport._retry import retry_after, status_failure

FACTS = RequestFacts("GET", "https://server.example/rows/", 200)
TOKEN = "planted-t0ken/of+the=client"
_STATUSES = (200, 201, 204, 301, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504)
_ENVIRONMENT = Environment("Production", "PRD", 3)
_FRAMEWORK = Framework("f", "https://x", 1)
_SECTION = FrameworkSection("s", "https://x", _FRAMEWORK, 2)
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
# So small that inputs reach them.
_LIMITS = Limits(response_bytes=20_000, header_bytes=2_000, header_count=20)

AIRVIEW: tuple[Call[Any], ...] = (
    _routes.get_system("ccf"),
    _routes.get_environments(),
    _routes.get_services(),
    _routes.get_resource_type("r"),
    _routes.get_controls("c"),
    _routes.get_resource_type_control_link(1, 2),
    _routes.get_technical_controls(1, "r"),
    _routes.create_application(Application("a", "a")),
    _routes.get_application_environment("t", "r"),
    _routes.get_resource("r", 1),
    _routes.create_environment(_ENVIRONMENT),
    _routes.create_service(Service("s", "s", "VIRTUAL")),
    _routes.create_resource_type(ResourceType("r", "r")),
    _routes.create_control(Control("c")),
    _routes.create_technical_control(1, TechnicalControl("t", "t", "LOG")),
    _reading_routes.get_applications(None),
    _reading_routes.get_application_environments(1),
    _reading_routes.get_quality_models(1),
    _reading_routes.get_control_overviews(1, None),
    _reading_routes.get_flagged(1),
    _reading_routes.get_control_overview_totals(1),
    _reading_routes.get_control_overview_resources(1, 2),
    _reading_routes.get_compliance(["systemName"], None),
    _framework_routes.get_frameworks("f"),
    _framework_routes.get_framework_sections(_FRAMEWORK, "s"),
    _framework_routes.get_framework_control_objectives(_SECTION, "o"),
    _framework_routes.get_framework_control_objective_link(1, 2),
    _exclusion_routes.get_exclusion_resources(1, "PENDING", "aws_account_id"),
)
_PAGE = herald_routes.get_account_notification_by_type("1", "incidents/alerts")
HERALD: tuple[Call[Any], ...] = (
    _PAGE,
    herald_routes.get_notification("1"),
    herald_routes.get_sent_incident_notifications("1", "2"),
    herald_routes.get_account_subscriptions("1"),
    herald_routes.get_account_subscription("1", "2"),
    herald_routes.get_account_subscription_subscribers("1", "2"),
    herald_routes.get_notification_types(),
    herald_routes.get_account_integration("1", "2"),
    herald_routes.get_account_integrations("1"),
    herald_routes.get_integration_types(),
    herald_types.test_integration("1", "webhook", {}),
)


@cache
def _loop() -> asyncio.Runner:
    return asyncio.Runner()


def run(work: Callable[[], Any]) -> Any:
    """Run a coroutine on the loop that all of them share."""
    return _loop().run(work())


def shown(error: AirViewHeraldError, *secrets: str | None) -> None:
    """Show an error in every way in which somebody may: in a log, in another process."""
    assert len(str(error)) < 5_000, "an error repeats an answer without end"
    str(error).encode()
    repr(error).encode()
    pickled = pickle.dumps(error)
    assert str(pickle.loads(pickled)) == str(error)  # noqa: S301 - just written
    for secret in filter(None, secrets):
        assert secret.encode() not in pickled, "an error has a secret"


def used(rows: Any) -> None:
    """Use what was read as a caller may."""
    repr(rows)
    listed = rows if isinstance(rows, list | tuple) else [rows]
    for row in listed:
        hash(row) if hasattr(type(row), "__attrs_attrs__") else None
        for name in ("at_datetime", "sent_at_datetime"):
            getattr(row, name, None)
        for stamp in (getattr(row, "created", None), getattr(row, "modified", None)):
            getattr(stamp, "at_datetime", None)
        if isinstance(row, OpenRow):
            encode(row)
    shown_rows = [row for row in listed if hasattr(type(row), "__attrs_attrs__")]
    records(shown_rows)
    rows_html(Rows(shown_rows)).encode()


def _decoded(calls: tuple[Call[Any], ...], data: bytes) -> None:
    call = calls[data[0] % len(calls)] if data else calls[0]
    try:
        rows = call.decode(Reply(200, httpx.Headers(), data[1:], FACTS))
    except (DecodeError, LimitError) as error:
        shown(error)
    else:
        used(rows)


def airview_replies(data: bytes) -> None:
    """The answers of AirView's routes; the first byte chooses one."""
    _decoded(AIRVIEW, data)


def herald_replies(data: bytes) -> None:
    """The answers of Herald's routes; the first byte chooses one."""
    _decoded(HERALD, data)


def refusals(data: bytes) -> None:
    """Error bodies of both services; the first byte chooses the status."""
    status = _STATUSES[data[0] % len(_STATUSES)] if data else 500
    headers = httpx.Headers({"content-type": "application/json"})
    reply = Reply(status, headers, data[1:], FACTS)
    for read_error in (airview_calls.read_error, herald_calls.read_error):
        body = read_error(reply)
        status_failure(status, body, headers, empty=not reply.content)
        body.message.encode()
        assert isinstance(body.code, int | str | None)
        hash(body.code)


def retry_after_headers(data: bytes) -> None:
    """`Retry-After`."""
    seconds = retry_after(data.decode("latin-1"), lambda: _NOW)
    assert seconds is None or seconds >= 0


def bodies(data: bytes) -> None:
    """Bodies that are compressed; the first line names the codings."""
    codings, _, content = data.partition(b"\n")
    headers = [(b"content-encoding", codings)]
    request = httpx.Request("GET", "https://server.example/")
    most = 100_000

    def grown(size: int) -> None:
        assert size <= most + 65_536
        if size > most:
            raise OverLimitError("too much", "response_bytes", most, size)

    with suppress(httpx.DecodingError, OverLimitError):
        inflated(content, httpx.Response(200, headers=headers, request=request), grown)


def heads(data: bytes) -> None:
    """The bytes of a connection over aiohttp; the first byte says where they are cut in two."""
    run(lambda: _over_a_socket(data[1:], data[0] if data else 0))


async def _over_a_socket(data: bytes, cut: int) -> None:
    request = httpx.Request("GET", "http://server.example/rows/")
    ours, theirs = socket.socketpair()
    connection = AiohttpConnection((b"http", b"server.example", 80), None)
    with theirs:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: connection._protocol, sock=ours)
        theirs.sendall(data[:cut])
        answer = asyncio.ensure_future(_read(connection, request))
        await asyncio.sleep(0)
        with suppress(OSError):
            theirs.sendall(data[cut:])
            theirs.shutdown(socket.SHUT_WR)
        try:
            response = await answer
        except HTTPX_ERRORS as error:
            shown(from_httpx(error, FACTS).error)
        else:
            assert len(response.content) <= _LIMITS.response_bytes
        finally:
            await connection.aclose()


async def _read(connection: AiohttpConnection, request: httpx.Request) -> httpx.Response:
    async def release(_: AiohttpConnection) -> None:
        pass

    timeouts = {"read": 5.0, "write": 5.0}
    response, _ = await connection.exchange(request, head_of(request), timeouts, release)
    response.request = request
    await read_whole(response, lambda: False, _LIMITS)
    return response


def pages(data: bytes) -> None:
    """A listing whose pages are lines, the last of which repeats; the first is a resume token."""
    token, *lines = data.split(b"\n")
    fetched = 0

    async def fetch(cursor: str | None) -> Any:
        nonlocal fetched
        fetched += 1
        line = lines[min(fetched, len(lines)) - 1] if lines else b""
        call = herald_routes.get_account_notification_by_type("1", "a/b", continuation_id=cursor)
        httpx.URL(f"https://server.example{call.target}")
        return call.decode(Reply(200, httpx.Headers(), line, FACTS))

    def listing(resume: str | None) -> Paginator[Notification]:
        return Paginator(
            fetch, query="q", identify=lambda item: item.id, resume=resume, most_pages=30
        )

    async def read_through(resume: str | None) -> None:
        reading = listing(resume)
        async for _ in reading:
            place = reading.resume_token
            if place is not None:
                listing(place)

    for resume in (None, token.decode("latin-1")):
        reading = read_through(resume)
        try:
            reading.send(None)
        except StopIteration:
            pass
        except (DecodeError, LimitError, PaginationError, InputError) as error:
            shown(error)
    assert fetched <= 60


def clients(data: bytes) -> None:
    """A client's whole way: status, headers and body, of an answer that may repeat its token."""
    head, _, body = data[1:].partition(b"\n\n")
    status = _STATUSES[data[0] % len(_STATUSES)] if data else 500
    lines = [line.partition(b":") for line in head.split(b"\n")[:30]]
    headers = [(name.strip() or b"x", value.strip()) for name, _, value in lines]

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))

    async def ask() -> None:
        async with AirView(
            "https://server.example",
            system_name="ccf",
            system_stage="MONITOR",
            referencing_type="name",
            auth=TOKEN,
            http=httpx.MockTransport(answer),
            retry=Retry(attempts=1),
            limits=_LIMITS,
        ) as airview:
            await airview.backend.get_environments()

    try:
        run(ask)
    except AirViewHeraldError as error:
        shown(error, TOKEN)
