"""What a caller can change of a client, and see of its answers."""

import threading

import anyio
import httpx
import pytest

from airview_herald import AirView
from airview_herald.airview import Control, ControlSeverity, Mismatch
from airview_herald.auth import ClientCredentials
from airview_herald.errors import ConfigurationError, InternalServerError, RequestTimeoutError
from airview_herald.sandbox import Sandbox
from airview_herald.transport import Retry


async def _awaited(_):
    """A callback that nobody awaits."""


CONTROL = Control("Encrypt", "SECURITY", severity="HIGH")
OTHER = Control("Encrypt", "SECURITY", severity="LOW")


async def test_headers_are_on_every_request(sandbox, connect, event):
    """A gateway's key and our user agent go with every request of every route."""
    async with connect(headers={"X-Key": "k1"}) as airview:
        await airview.handle_compliance_event(event("i-1"))
        await airview.backend.get_environments()
    assert len(sandbox.requests) > 8
    assert {request.headers["x-key"] for request in sandbox.requests} == {"k1"}
    (agent,) = {request.headers["user-agent"] for request in sandbox.requests}
    assert agent.startswith("airview-herald/")


async def test_a_header_of_the_caller_replaces_ours_in_any_case(sandbox, connect):
    """There is one user agent, however its name is spelt."""
    async with connect(headers={"user-agent": "feed/1"}) as airview:
        await airview.with_options(headers={"USER-AGENT": "feed/2"}).backend.get_environments()
        await airview.backend.get_environments()
    assert [request.headers["user-agent"] for request in sandbox.requests] == ["feed/2", "feed/1"]


async def test_a_sibling_has_headers_of_its_own(sandbox, connect):
    """What a sibling adds is on its requests only, over what the client has."""
    async with connect(headers={"X-Key": "k1", "X-Feed": "f"}) as airview:
        sibling = airview.with_options(headers={"x-key": "k2"})
        await sibling.handle_control(CONTROL)
        await airview.backend.get_environments()
    seen = [(r.path, r.headers["x-key"], r.headers["x-feed"]) for r in sandbox.requests]
    assert seen == [
        ("/airview/controls/", "k2", "f"),
        ("/airview/controls/", "k2", "f"),
        ("/airview/environments/", "k1", "f"),
    ]


async def test_a_sibling_shares_memory_lanes_and_connections(sandbox, connect, event):
    """What one has met the other knows, and the order of events holds across both."""
    states = ["FLAGGED", "MONITORING"] * 20
    async with connect() as airview:
        sibling = airview.with_options(timeout=10)
        await airview.handle_compliance_event(event("i-1"))
        before = len(sandbox.requests)
        async with anyio.create_task_group() as tasks:
            for number, state in enumerate(states):
                client = sibling if number % 2 else airview
                tasks.start_soon(client.handle_compliance_event, event("i-1", state))
                await anyio.lowlevel.checkpoint()
    assert len(sandbox.requests) - before == len(states)
    (row,) = sandbox.snapshot()["monitored_resource"]
    assert row["monitoring_state"] == "MONITORING"


async def test_a_sibling_has_a_timeout_and_attempts_of_its_own(sandbox, connect):
    """A call that may not take long says so without a client of its own."""
    sandbox.force("GET", "/environments/", 500)
    async with connect(retry=Retry(attempts=1)) as airview:
        patient = airview.with_options(retry=Retry(attempts=3, base=0))
        with pytest.raises(InternalServerError) as caught:
            await patient.backend.get_environments()
        assert caught.value.attempts == 3
        with pytest.raises(InternalServerError) as caught:
            await airview.backend.get_environments()
        assert caught.value.attempts == 1


async def test_a_sibling_s_timeout_is_kept(connect):
    """The limit reaches the connection that the sibling sends on."""

    async def never(request):
        assert request.extensions["timeout"]["read"] == 0.5
        raise httpx.ReadTimeout("too late", request=request)

    async with connect(http=httpx.MockTransport(never), retry=Retry(attempts=1)) as airview:
        with pytest.raises(RequestTimeoutError):
            await airview.with_options(timeout=0.5).backend.get_environments()


async def test_a_sibling_lives_as_long_as_its_client(connect):
    """It is the same client: entered once, closed with it."""
    airview = connect()
    sibling = airview.with_options(timeout=1)
    with pytest.raises(RuntimeError, match="must be entered first"):
        await sibling.handle_control(CONTROL)
    async with airview:
        assert (await sibling.handle_control(CONTROL)).id == 1
        with pytest.raises(RuntimeError, match="is entered already, and with it"):
            await sibling.__aenter__()
    with pytest.raises(RuntimeError, match="is closed"):
        await sibling.handle_control(CONTROL)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"timeout": 0}, "timeout"),
        ({"headers": {"X-Key": "a\nb"}}, r"headers\['X-Key'\]"),
        ({"headers": {"X-Key": ""}}, r"headers\['X-Key'\]"),
        ({"headers": {"X Key": "k"}}, "headers"),
        ({"headers": {7: "k"}}, "headers"),
        ({"headers": ["X-Key"]}, "headers"),
        ({"timeout": "5"}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"retry": 3}, "retry"),
        ({"on_reply": 5}, "on_reply"),
        ({"on_reply": _awaited}, "on_reply"),
        ({"on_mismatch": 5}, "on_mismatch"),
        ({"on_mismatch": _awaited}, "on_mismatch"),
    ],
)
def test_options_that_cannot_work_are_refused(connect, options, field):
    """The error names the setting, of a client as of its sibling."""
    with pytest.raises(ConfigurationError, match=f"^{field}: "):
        connect().with_options(**options)
    with pytest.raises(ConfigurationError, match=f"^{field}: "):
        connect(**options)


def test_a_header_over_plain_http_needs_permission(connect):
    """A sibling's header may be a credential: it obeys the rule that the client's own obey."""
    airview = connect("http://airview.example")
    with pytest.raises(ConfigurationError, match=r"^base_url: plain http"):
        airview.with_options(headers={"X-Key": "k"})
    connect("http://airview.example", allow_http=True).with_options(headers={"X-Key": "k"})


async def test_every_answer_can_be_seen_as_it_arrived(sandbox, connect):
    """Status, headers, request id and JSON of each answer of a call, absence included."""
    replies = []
    async with connect() as airview:
        await airview.with_options(on_reply=replies.append).handle_control(CONTROL)
        await airview.backend.get_environments()
    looked, made = replies
    assert (looked.method, looked.status, looked.json()) == ("GET", 200, [])
    assert (made.method, made.status) == ("POST", 200)
    assert made.url == f"{sandbox.airview_url}/controls/"
    assert made.json()["qualityModel"] == "SECURITY"
    assert made.headers["content-type"] == "application/json"
    assert made.request_id is None
    assert repr(made) == f"Reply(status=200, method='POST', url={made.url!r})"


async def test_the_answers_of_failed_attempts_can_be_seen(sandbox, connect):
    """What is retried, and what ends in an error, is shown too."""
    sandbox.force("GET", "/environments/", 503, times=1)
    replies = []
    async with connect(on_reply=replies.append, retry=Retry(base=0)) as airview:
        await airview.backend.get_environments()
        assert await airview.backend.get_system_id_by_name("nobody") is None
    assert [reply.status for reply in replies] == [503, 200, 404]


async def test_a_callback_that_raises_changes_nothing(connect, event, caplog):
    """A watcher's mistake, asking a 204 for its JSON say, is in the log; the event is recorded."""
    async with connect(on_reply=lambda reply: reply.status == 204 and reply.json()) as airview:
        report = await airview.ingest([event("i-1")])
        await airview.handle_compliance_event(event("i-1", "MONITORING"))
    assert (report.recorded, report.unknown) == (1, 0)
    told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert told == ["the callback on_reply raised"] * 2


async def test_a_mismatch_callback_that_raises_changes_nothing(connect, caplog):
    """Nor does one that is told of mismatches."""

    def fail(_):
        raise LookupError

    async with connect(on_mismatch=fail) as airview:
        await airview.handle_control(CONTROL)
        assert (await airview.handle_control(OTHER)).severity is ControlSeverity.HIGH
    assert "the callback on_mismatch raised" in caplog.text


async def test_the_refusal_of_a_token_can_be_seen(connect):
    """A 401 that leads to a new token is an answer of the service; the token service's is not."""
    replies = []
    with Sandbox(require_token=True) as sandbox:
        auth = ClientCredentials(sandbox.token_url, "sandbox-client", "sandbox-secret")
        async with connect(sandbox.airview_url, auth=auth, on_reply=replies.append) as airview:
            await airview.backend.get_environments()
            sandbox.expire_tokens()
            await airview.backend.get_environments()
    assert [(reply.method, reply.status) for reply in replies] == [
        ("GET", 200),
        ("GET", 401),
        ("GET", 200),
    ]


async def test_mismatches_of_single_calls_are_told(connect, caplog):
    """A definition that exists with other attributes is a warning, once, and a callback's."""
    told, told_elsewhere = [], []
    async with connect(on_mismatch=told.append) as airview:
        await airview.handle_control(CONTROL)
        assert told == []
        for _ in range(2):
            stored = await airview.handle_control(OTHER)
            assert stored.severity is ControlSeverity.HIGH
        await airview.with_options(on_mismatch=told_elsewhere.append).handle_control(OTHER)
    expected = Mismatch("control", "Encrypt", "severity", "HIGH", "LOW")
    assert (told, told_elsewhere) == ([expected, expected], [expected])
    assert [(r.levelname, r.message) for r in caplog.records if r.levelname == "WARNING"] == [
        ("WARNING", "control 'Encrypt': severity is HIGH on the server, not LOW")
    ]


async def test_mismatches_of_a_batch_are_in_its_report(connect, event, caplog):
    """A batch of thousands does not fill the log."""
    told = []
    async with connect(on_mismatch=told.append) as airview:
        await airview.handle_control(Control("Patch R&D servers", "RELIABILITY"))
        report = await airview.ingest([event("i-1"), event("i-2")])
    assert [mismatch.field for mismatch in report.mismatches] == ["quality_model"]
    assert told == []
    assert [r for r in caplog.records if r.levelname == "WARNING"] == []


@pytest.mark.parametrize("elsewhere", ["asyncio", "trio"])
async def test_a_client_belongs_to_the_event_loop_that_entered_it(connect, event, elsewhere):
    """Use from another loop is a clear error, of every operation, whatever that loop is."""
    errors = []
    async with connect() as airview:
        backend = airview.backend

        async def use():
            for call in (
                lambda: airview.handle_control(CONTROL),
                lambda: airview.handle_compliance_event(event("i-1")),
                lambda: airview.ingest([event("i-1")]),
                backend.get_environments,
                airview.check,
            ):
                try:
                    await call()
                except RuntimeError as error:
                    errors.append(str(error))

        thread = threading.Thread(target=anyio.run, args=(use,), kwargs={"backend": elsewhere})
        thread.start()
        await anyio.to_thread.run_sync(thread.join)
        assert await backend.get_environments() == []
    assert len(errors) == 5
    assert all("make one client for each event loop" in error for error in errors)


def test_the_old_way_of_two_runs_is_a_clear_error(connect, event):
    """A client kept across two `anyio.run` says what is wrong with it."""
    airview = connect()

    async def enter():
        await airview.__aenter__()

    async def use():
        await airview.handle_compliance_event(event("i-1"))

    async def leave():
        await airview.__aexit__(None, None, None)

    anyio.run(enter)
    with pytest.raises(RuntimeError, match="make one client for each event loop"):
        anyio.run(use)
    anyio.run(leave)


def test_a_client_is_made_outside_any_loop():
    """Settings are checked at construction, which needs no event loop."""
    assert AirView(
        "https://airview.example", system_name="s", system_stage="BUILD", referencing_type="t"
    )
