"""What OpenTelemetry is told, by its own SDK, of clients of the sandbox."""

import subprocess
import sys

import anyio
import httpx
import pytest
from opentelemetry import baggage, context
from opentelemetry.trace import SpanKind, StatusCode
from told import Told

from airview_herald import AirView, Herald
from airview_herald.airview import Environment
from airview_herald.auth import AimsAuth, AzureCredential, ClientCredentials
from airview_herald.errors import (
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConnectError,
    IngestAborted,
    StatusError,
)
from airview_herald.sandbox import Sandbox
from airview_herald.telemetry import OpenTelemetry, Telemetry
from airview_herald.transport import Retry


@pytest.fixture
def told():
    """OpenTelemetry as an application sets it up, and what it is told."""
    return Told()


QUICK = Retry(base=0.01)


async def test_a_call_is_a_span_and_its_request_carries_the_trace(sandbox, connect, told):
    """The span has the method, the route, the server and the status; the request is its child."""
    tracer = told.tracers.get_tracer("application")
    async with connect(telemetry=told.telemetry) as airview:
        with tracer.start_as_current_span("the caller") as caller:
            await airview.backend.get_environments()
    [span] = told.spans("GET /environments/")
    host, _, port = sandbox.url.removeprefix("http://").partition(":")
    assert span.kind is SpanKind.CLIENT
    assert dict(span.attributes) == {
        "http.request.method": "GET",
        "url.full": f"{sandbox.airview_url}/environments/",
        "url.template": "/environments/",
        "server.address": host,
        "server.port": int(port),
        "http.response.status_code": 200,
        "airview_herald.attempts": 1,
    }
    assert span.status.status_code is StatusCode.UNSET
    assert span.parent.span_id == caller.get_span_context().span_id
    header = sandbox.requests[-1].headers["traceparent"]
    assert header[:-2] == f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-"


async def test_ids_and_queries_are_in_no_name(connect, told):
    """Names are few, however many rows there are: ids are left out, and queries are not told."""
    async with connect(telemetry=told.telemetry) as airview:
        await airview.backend.get_application(4711)
        await airview.backend.get_system_id_by_name("kept to itself")
    assert {span.name for span in told.spans()} == {"GET /applications/{id}", "GET /systems/"}
    # That nothing is there is an answer, and no error.
    assert {span.attributes["http.response.status_code"] for span in told.spans()} == {404}
    assert {span.status.status_code for span in told.spans()} == {StatusCode.UNSET}
    assert "kept" not in told.text()


async def test_a_repeated_call_is_one_span_with_its_attempts(sandbox, connect, told):
    """Both requests belong to it, and count as one retry."""
    sandbox.force("GET", "/environments/", 503, times=1)
    async with connect(telemetry=told.telemetry, retry=QUICK) as airview:
        await airview.backend.get_environments()
    [span] = told.spans()
    assert span.attributes["airview_herald.attempts"] == 2
    assert span.attributes["http.request.resend_count"] == 1
    assert span.attributes["http.response.status_code"] == 200
    assert span.status.status_code is StatusCode.UNSET
    parents = {request.headers["traceparent"].split("-")[2] for request in sandbox.requests}
    assert parents == {f"{span.context.span_id:016x}"}
    assert told.count("airview_herald.retries") == 1


async def test_a_refused_call_is_an_error_with_its_status(sandbox, connect, told):
    """It is named; its words, which may quote the service's, are left out."""
    sandbox.force("POST", "/environments/", 400)
    async with connect(telemetry=told.telemetry) as airview:
        with pytest.raises(BadRequestError):
            await airview.backend.create_environment(Environment("Production", "PRD"))
    [span] = told.spans()
    assert span.attributes["error.type"] == "400"
    assert span.attributes["http.response.status_code"] == 400
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "BadRequestError"
    assert "airview_herald.ambiguous" not in span.attributes


async def test_a_call_that_may_have_landed_says_so(sandbox, connect, told):
    """Whoever reads the trace learns what whoever catches the error does."""
    sandbox.force("POST", "/environments/", 502)
    async with connect(telemetry=told.telemetry) as airview:
        with pytest.raises(StatusError):
            await airview.backend.create_environment(Environment("Production", "PRD"))
    [span] = told.spans()
    assert span.attributes["airview_herald.ambiguous"] is True


async def test_a_call_without_an_answer_is_an_error_by_its_class(told, connect):
    """There is no status to tell."""
    async with connect("http://127.0.0.1:9", telemetry=told.telemetry, retry=QUICK) as airview:
        with pytest.raises(ConnectError):
            await airview.backend.get_environments()
    [span] = told.spans()
    assert span.attributes["error.type"] == "ConnectError"
    assert span.attributes["airview_herald.attempts"] == 4
    assert "http.response.status_code" not in span.attributes
    [(attributes, point)] = told.points("http.client.request.duration")
    assert (attributes["error.type"], point.count) == ("ConnectError", 4)


async def test_the_words_of_foreign_errors_are_not_told(told, connect):
    """They may hold anything, unlike those of the package's own."""

    class Broken(httpx.AsyncBaseTransport):
        async def handle_async_request(self, _):
            raise LookupError("a-password")

    async with connect(telemetry=told.telemetry, http=Broken()) as airview:
        with pytest.raises(LookupError):
            await airview.backend.get_environments()
    [span] = told.spans()
    assert span.attributes["error.type"] == "LookupError"
    assert span.status.status_code is StatusCode.ERROR
    assert "a-password" not in told.text()


async def test_requests_in_flight_are_counted_and_given_back(sandbox, connect, told):
    """A cancelled one is in flight no longer either, and its span ends."""
    sandbox.force("GET", "/environments/", 200, body=[], delay=30)
    async with connect(telemetry=told.telemetry) as airview, anyio.create_task_group() as tasks:
        tasks.start_soon(airview.backend.get_environments)
        with anyio.fail_after(10):
            while not told.count("http.client.active_requests"):  # noqa: ASYNC110 - it has no event
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    assert [point.value for _, point in told.points("http.client.active_requests")] == [0]
    [span] = told.spans()
    assert span.attributes["error.type"] == "cancelled"
    [(attributes, _)] = told.points("http.client.request.duration")
    assert attributes["error.type"] == "cancelled"


async def test_requests_are_measured_by_method_server_and_status(sandbox, connect, told):
    """As the conventions have it, and so beside all other clients on one dashboard."""
    host, _, port = sandbox.url.removeprefix("http://").partition(":")
    where = {"server.address": host, "server.port": int(port), "http.request.method": "GET"}
    sandbox.force("GET", "/services/", 400)
    async with connect(telemetry=told.telemetry) as airview:
        await airview.backend.get_environments()
        with pytest.raises(BadRequestError):
            await airview.backend.get_services()
    points = told.points("http.client.request.duration")
    assert sorted((own for own, _ in points), key=len) == [
        where | {"http.response.status_code": 200},
        where | {"http.response.status_code": 400, "error.type": "400"},
    ]
    assert {point.count for _, point in points} == {1}
    assert points[0][1].explicit_bounds[:2] == (0.005, 0.01)


async def test_a_batch_is_a_span_over_its_events(sandbox, connect, event, told):
    """It has the counts of its report; each event is a span below it, with its calls."""
    events = [event("i-1"), event("i-2"), event("")]
    async with connect(telemetry=told.telemetry) as airview:
        report = await airview.ingest(events)
    [batch] = told.spans("ingest")
    assert batch.attributes == {
        "airview_herald.inputs": 3,
        "airview_herald.recorded": 2,
        "airview_herald.failed": 1,
        "airview_herald.unknown": 0,
        "airview_herald.skipped": 0,
        "airview_herald.not_attempted": 0,
        "airview_herald.requests": report.requests,
        "airview_herald.retries": 0,
        "airview_herald.throttled": 0,
    }
    records = told.spans("record event")
    assert {span.parent.span_id for span in records} == {batch.context.span_id}
    assert {span.attributes["airview_herald.stage"] for span in records} == {"recorded"}
    assert sum(span.attributes["airview_herald.requests"] for span in records) == report.requests
    saves = told.spans("PUT /monitored-resources/")
    assert {span.parent.span_id for span in saves} == {span.context.span_id for span in records}
    assert told.count("airview_herald.events", airview_herald__outcome="recorded") == 2
    assert told.count("airview_herald.events", airview_herald__outcome="failed") == 1


async def test_a_batch_that_is_watched_is_a_span_of_its_caller(connect, event, told):
    """It runs in the background, and still in the trace of whoever began it."""
    tracer = told.tracers.get_tracer("application")
    async with connect(telemetry=told.telemetry) as airview:
        with tracer.start_as_current_span("the caller") as caller:
            async with airview.stream([event("i-1")]) as run:
                assert len([each async for each in run]) == 1
    [batch] = told.spans("ingest")
    assert batch.parent.span_id == caller.get_span_context().span_id


async def test_an_aborted_batch_is_an_error(sandbox, connect, event, told):
    """What ended it is told by its class, and so is what an event failed of."""
    sandbox.force("GET", "/systems/", 403)
    async with connect(telemetry=told.telemetry) as airview:
        with pytest.raises(IngestAborted):
            await airview.ingest([event("i-1")])
    [batch] = told.spans("ingest")
    assert batch.attributes["error.type"] == "ForbiddenError"
    assert batch.status.status_code is StatusCode.ERROR
    [record] = told.spans("record event")
    assert record.attributes["error.type"] == "403"
    assert record.attributes["airview_herald.stage"] == "definitions"


async def test_a_single_event_is_a_span_over_its_calls(connect, event, told):
    """Whoever records one event finds one trace."""
    async with connect(telemetry=told.telemetry) as airview:
        await airview.handle_compliance_event(event("i-1"))
    [record] = told.spans("record event")
    calls = [span for span in told.spans() if span is not record]
    assert record.attributes["airview_herald.requests"] == len(calls) > 1
    assert {span.context.trace_id for span in calls} == {record.context.trace_id}


async def test_throttles_are_counted(sandbox, connect, told):
    """Each answer that says 429 counts, though the call goes on to its end."""
    sandbox.force("GET", "/environments/", 429, times=2)
    async with connect(telemetry=told.telemetry, retry=QUICK) as airview:
        await airview.backend.get_environments()
    assert told.count("airview_herald.throttles", http__request__method="GET") == 2


async def test_herald_is_told_by_its_operations(sandbox, told):
    """Its spans have the documented names; a login on the way is counted."""
    keys = (sandbox.herald.access_key_id, sandbox.herald.secret_key)
    async with Herald(
        access_key_id=keys[0],
        secret_key=keys[1],
        global_endpoint=sandbox.herald_url,
        telemetry=told.telemetry,
    ) as herald:
        await herald.get_notification_types()
        sandbox.expire_tokens()
        await herald.get_notification_types()
    spans = told.spans("GET get_notification_types")
    assert len(spans) == 2
    assert spans[0].attributes["airview_herald.operation"] == "get_notification_types"
    assert {span.attributes["http.response.status_code"] for span in spans} == {200}
    assert told.count("airview_herald.token_refreshes") == 2


async def test_a_token_that_is_refused_is_a_refresh_with_an_error(sandbox, connect, told):
    """It counts apart from those that were had."""
    auth = ClientCredentials(sandbox.token_url, "sandbox-client", "not-the-secret")
    async with connect(telemetry=told.telemetry, auth=auth) as airview:
        with pytest.raises(AuthenticationError):
            await airview.backend.get_environments()
    [(attributes, point)] = told.points("airview_herald.token_refreshes")
    assert (attributes, point.value) == ({"error.type": "401"}, 1)


@pytest.mark.parametrize("raised", [RuntimeError, ConfigurationError])
async def test_a_token_is_had_though_it_cannot_be_told_of(sandbox, connect, caplog, raised):
    """What the telling raises goes to the log; neither a token nor an error is lost for it."""

    class Full(OpenTelemetry):
        def token_refreshed(self, error):
            raise raised(f"no space left for {error}")

    for secret, outcome in (("sandbox-secret", []), ("not-the-secret", AuthenticationError)):
        auth = ClientCredentials(sandbox.token_url, "sandbox-client", secret)
        async with connect(telemetry=Full(), auth=auth) as airview:
            if outcome == []:
                assert await airview.backend.get_environments() == outcome
            else:
                with pytest.raises(outcome):
                    await airview.backend.get_environments()
    assert [request.path for request in sandbox.requests].count("/oauth2/token") == 2
    assert "what watches the fetching of tokens raised" in caplog.text


async def test_tokens_of_a_credential_count_and_those_given_do_not(connect, told):
    """What asks elsewhere for its tokens is seen too; what is handed over is not asked for."""

    class Credential:
        def get_token(self, *_):
            return type("AccessToken", (), {"token": "an-access-token", "expires_on": 2**40})

    http = httpx.MockTransport(lambda _: httpx.Response(200, json=[]))
    for auth in (AimsAuth(token="a-given-token"), AzureCredential(Credential(), "api://x")):
        async with connect(telemetry=told.telemetry, auth=auth, http=http) as airview:
            await airview.backend.get_environments()
    assert told.count("airview_herald.token_refreshes") == 1


async def test_a_token_endpoint_elsewhere_is_sent_no_trace(sandbox, connect, told):
    """A trace goes where the token goes; a login at the service's own origin is part of it."""
    with Sandbox() as elsewhere:
        auth = ClientCredentials(elsewhere.token_url, "sandbox-client", "sandbox-secret")
        async with connect(telemetry=told.telemetry, auth=auth) as airview:
            await airview.backend.get_environments()
        [login] = elsewhere.requests
    assert "traceparent" not in login.headers
    assert "traceparent" in sandbox.requests[-1].headers
    # It is told all the same.
    assert len(told.points("http.client.request.duration")) == 2


async def test_a_sibling_tells_too(connect, told):
    """`with_options` changes what it is told to change."""
    async with connect(telemetry=told.telemetry) as airview:
        await airview.with_options(timeout=5).backend.get_environments()
    assert [span.name for span in told.spans()] == ["GET /environments/"]


async def test_nothing_secret_is_told(sandbox, event, told):
    """Neither credentials nor what is recorded show in spans or metrics; baggage stays here."""
    auth = ClientCredentials(sandbox.token_url, "sandbox-client", "sandbox-secret")
    packed = context.attach(baggage.set_baggage("customer", "packed-for-others"))
    try:
        async with AirView(
            sandbox.airview_url,
            system_name="a-system-of-ours",
            system_stage="MONITOR",
            referencing_type="aws_account_id",
            auth=auth,
            headers={"Ocp-Apim-Subscription-Key": "a-subscription-key"},
            telemetry=told.telemetry,
        ) as airview:
            await airview.ingest([event("a-resource", additional_data="a-finding")])
    finally:
        context.detach(packed)
    issued = sandbox.requests[-1].headers["authorization"].removeprefix("Bearer ")
    text = told.text()
    assert "PUT /monitored-resources/" in text
    planted = ("sandbox-secret", "sandbox-client", issued, "a-subscription-key", "a-system-of-ours")
    assert [each for each in (*planted, "a-resource", "a-finding") if each in text] == []
    assert not any("baggage" in request.headers for request in sandbox.requests)


async def test_a_client_tells_nobody_unless_there_is_somebody(sandbox, connect):
    """OpenTelemetry's interface alone takes no time: until it is set up nothing is handed to it."""
    async with connect() as airview:
        await airview.backend.get_environments()
    assert "traceparent" not in sandbox.requests[-1].headers


SET_UP = """
import anyio
from airview_herald import AirView
from airview_herald.sandbox import Sandbox
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

where = {"system_name": "s", "system_stage": "MONITOR", "referencing_type": "n"}


async def main(**options):
    with Sandbox() as sandbox:
        async with AirView(sandbox.airview_url, **where, **options) as airview:
            await airview.backend.get_environments()
        print("traceparent" in sandbox.requests[-1].headers)
"""


SWITCHED_OFF = """
from functools import partial
from airview_herald.telemetry import Telemetry

quiet = partial(main, telemetry=Telemetry())
"""


@pytest.mark.parametrize(
    ("lines", "tells"),
    [
        ("trace.set_tracer_provider(TracerProvider())\nanyio.run(main)", "True"),
        ("metrics.set_meter_provider(MeterProvider())\nanyio.run(main)", "False"),
        (f"{SWITCHED_OFF}trace.set_tracer_provider(TracerProvider())\nanyio.run(quiet)", "False"),
    ],
    ids=["tracers", "meters alone", "switched off"],
)
def test_a_client_tells_what_is_set_up(lines, tells):
    """The global providers are found by themselves, and can be left out."""
    command = [sys.executable, "-W", "error", "-c", SET_UP + lines]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (tells, "")


MISSING = """
import sys
sys.modules["opentelemetry"] = None
from airview_herald.telemetry import OpenTelemetry, Telemetry
assert type(Telemetry.of(None)) is Telemetry
OpenTelemetry()
"""


def test_without_the_extra_there_is_nobody_to_tell():
    """Clients work; whoever asks for OpenTelemetry learns what to install."""
    done = subprocess.run(
        [sys.executable, "-c", MISSING], capture_output=True, text=True, check=False
    )
    assert done.stderr.endswith(
        'OpenTelemetry needs its extra: pip install ".[otel]" in the folder of airview-herald\n'
    )


@pytest.mark.parametrize("client", ["airview", "herald"])
def test_what_is_no_telemetry_is_refused(client, connect, call_herald):
    """A provider in its place is a mistake that would show nowhere."""
    make = connect if client == "airview" else call_herald
    with pytest.raises(ConfigurationError, match=r"^telemetry: must be a Telemetry, not str$"):
        make(telemetry="otel")


def test_nobody_is_told_by_default():
    """What tells nobody listens to nothing."""
    assert not Telemetry.of(None).listens
    assert OpenTelemetry().listens
