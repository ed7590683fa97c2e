"""What an answer beyond a limit means for what was asked: through ingest, against a real server."""

import httpx
import pytest
from backends import BACKENDS

from airview_herald.airview._outcomes import OutcomeStatus
from airview_herald.errors import LimitError
from airview_herald.transport import Limits, Retry

_LIMITS = Limits(response_bytes=10_000, listing_bytes=10_000)
_CREATES = [
    "/systems/",
    "/environments/",
    "/applications/",
    "/application-environments/",
    "/controls/",
    "/technical-controls/",
    "/resources/",
]
_SAVE = "/monitored-resources/"


class _Endless(httpx.AsyncByteStream):
    """A body without end, instead of one that is read to its own."""

    async def __aiter__(self):
        while True:
            yield bytes(4096)


class TooMuch(httpx.AsyncBaseTransport):
    """Pass requests on, and put a body without end in the place of some answers' own.

    Args:
        inner: What carries the requests.
        method: The method of those whose answers are changed.
        path: Their path.
        status: Instead of carrying it out: what is answered.
        times: How many.
    """

    def __init__(self, inner, method, path, status=None, times=1):
        self._inner = inner
        self._those = (method, path)
        self._status = status
        self._left = times
        self.sent = []

    async def handle_async_request(self, request):
        path = request.url.path.removeprefix("/airview")
        self.sent.append((request.method, path))
        if self._those != (request.method, path) or not self._left:
            return await self._inner.handle_async_request(request)
        self._left -= 1
        if self._status is not None:
            return httpx.Response(self._status, stream=_Endless())
        answered = await self._inner.handle_async_request(request)
        await answered.aread()
        await answered.aclose()
        return httpx.Response(answered.status_code, stream=_Endless())


@pytest.fixture
async def ingest(backend, connect):
    """Record events over a backend some of whose answers are too much; return report and sent."""

    async def run(events, *what, **options):
        async with backend() as inner:
            http = TooMuch(inner, *what)
            settings = {"http": http, "limits": _LIMITS, "settle": 0.2, "retry": Retry(base=0.01)}
            async with connect(**settings) as airview:
                outcomes = []
                report = await airview.ingest(events, on_outcome=outcomes.append, **options)
        return report, outcomes, http.sent

    return run


def _rows(sandbox):
    return {table: len(rows) for table, rows in sandbox.snapshot().items() if rows}


@BACKENDS
@pytest.mark.parametrize("path", _CREATES)
async def test_a_create_is_looked_for(sandbox, ingest, event, path):
    """It was carried out: the row is found and used, and not created again."""
    report, _, sent = await ingest([event("i-1")], "POST", path)
    assert (report.recorded, report.failures) == (1, [])
    assert sent.count(("POST", path)) == 1
    assert set(_rows(sandbox).values()) == {1}


@BACKENDS
async def test_a_save_is_in_doubt(sandbox, ingest, event):
    """It is not sent again; the outcome is unknown, and its lane goes on when it surely ended."""
    events = [event("i-1"), event("i-1", "MONITORING"), event("i-2")]
    report, outcomes, sent = await ingest(events, "PUT", _SAVE)
    assert (report.recorded, report.unknown) == (2, 1)
    [doubtful] = [each for each in outcomes if each.status is OutcomeStatus.UNKNOWN]
    assert isinstance(doubtful.error, LimitError)
    assert (doubtful.error.limit, doubtful.error.status) == ("response_bytes", 204)
    assert doubtful.error.ambiguous
    assert sent.count(("PUT", _SAVE)) == 3
    states = {row["monitoring_state"] for row in sandbox.snapshot()["monitored_resource"]}
    assert states == {"FLAGGED", "MONITORING"}


@BACKENDS
@pytest.mark.parametrize("status", [429, 503])
async def test_a_save_that_was_turned_away_is_sent_again(sandbox, ingest, event, status):
    """However long the page is: the status says that it was refused for now."""
    report, _, sent = await ingest([event("i-1")], "PUT", _SAVE, status)
    assert (report.recorded, report.failures) == (1, [])
    assert sent.count(("PUT", _SAVE)) == 2
    assert _rows(sandbox)["monitored_resource"] == 1


@BACKENDS
@pytest.mark.parametrize(("method", "path"), [("POST", "/resources/"), ("PUT", _SAVE)])
async def test_a_refusal_fails_the_event(sandbox, ingest, event, method, path):
    """A 4xx is the server's verdict; nothing was carried out."""
    report, [outcome], sent = await ingest([event("i-1")], method, path, 418)
    assert (report.failed, outcome.status) == (1, OutcomeStatus.FAILED)
    assert isinstance(outcome.error, LimitError)
    assert (outcome.error.status, outcome.error.ambiguous) == (418, False)
    assert sent.count((method, path)) == 1
    assert "monitored_resource" not in _rows(sandbox)


@BACKENDS
async def test_a_list_that_is_too_long_fails_what_needs_it(ingest, event):
    """A look is a read: it is not asked for again, and nothing is in doubt."""
    report, [outcome], sent = await ingest([event("i-1")], "GET", "/environments/")
    assert (report.failed, outcome.status) == (1, OutcomeStatus.FAILED)
    assert (outcome.error.limit, outcome.error.ambiguous) == ("listing_bytes", False)
    assert sent.count(("GET", "/environments/")) == 1
