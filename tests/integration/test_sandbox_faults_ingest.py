"""Batches through one kind of the sandbox's faults at a time, and through a faulty proxy."""

import anyio.to_thread
import httpx
import pytest
from natural_rows import natural_rows

from airview_herald import AirView
from airview_herald.airview import (
    Application,
    ComplianceEvent,
    Control,
    Environment,
    QualityModel,
    TechnicalControl,
    TechnicalControlAction,
)
from airview_herald.auth import ClientCredentials
from airview_herald.errors import IngestAborted, UnauthorizedError
from airview_herald.sandbox import FaultyProxy, Sandbox

_READ, _SETTLE = 0.2, 0.3
STATES = ("FLAGGED", "MONITORING", "UNRESPONSIVE")


def batch(resources=200, repeated=100, hot=6):
    """Return events of four applications and five technical controls.

    Each resource comes once, the first ones again with another state, and two of them many times
    more.
    """
    environments = [Environment("Production", "PRD"), Environment("Test", "TST")]
    applications = [
        Application(f"App {n}", f"app-{n}", environment=environments[n % 2]) for n in range(4)
    ]
    controls = [Control(f"R&D {n}", QualityModel.SECURITY) for n in range(3)]
    technical_controls = [
        TechnicalControl(
            f"Check {n}", f"check-{n}", TechnicalControlAction.LOG, control=controls[n % 3]
        )
        for n in range(5)
    ]
    turns = [*range(resources), *range(repeated), *([0, 1] * hot)]
    return [
        ComplianceEvent(
            f"i-{n}",
            applications[n % 4],
            technical_controls[n % 5],
            STATES[(n + turn) % 3],
            f"turn {turn}",
        )
        for turn, n in enumerate(turns)
    ]


def connect(url, sandbox, *, read=1.0, settle=2.0):
    """Return a client that logs in where the sandbox asks for it, and does not wait for long."""
    return AirView(
        url,
        system_name="ccf",
        system_stage="MONITOR",
        referencing_type="aws_account_id",
        auth=ClientCredentials(sandbox.token_url, "sandbox-client", "sandbox-secret"),
        timeout=httpx.Timeout(5, read=read),
        settle=settle,
    )


async def rows(sandbox):
    """Return what the sandbox has once nothing is late any more."""
    await anyio.to_thread.run_sync(sandbox.faults.drain)
    return natural_rows(sandbox.snapshot())


@pytest.fixture
async def undisturbed():
    """What the batch leaves without faults."""
    async with Sandbox(require_token=True) as sandbox:
        async with connect(sandbox.airview_url, sandbox) as airview:
            report = await airview.ingest(batch())
        assert report.recorded == report.inputs
        return await rows(sandbox)


@pytest.mark.timeout(180)
async def test_a_batch_through_a_faulty_proxy_leaves_what_it_leaves_without(undisturbed):
    """One whose connections break below HTTP, once the definitions are there, loses nothing."""
    async with Sandbox(require_token=True) as sandbox:
        async with connect(sandbox.airview_url, sandbox) as airview:
            await airview.ingest(batch(resources=20, repeated=0, hot=0))
        with FaultyProxy(sandbox.airview_url, 0.5, seed=3, reach=2_000, delay=0.01) as proxy:
            async with connect(proxy.url, sandbox, settle=0.5) as airview:
                report = await airview.ingest(batch())
            struck = proxy.struck
        left = await rows(sandbox)
    assert report.recorded == report.inputs
    assert left == undisturbed
    assert len(struck) >= 4


async def through(sandbox, method, path, kind, *, in_a_row=1, concurrency=64):
    """Ingest a small batch while one kind strikes a route whenever it can; return its report."""
    sandbox.faults.configure(read_timeout=_READ, settle=_SETTLE, in_a_row=in_a_row)
    sandbox.faults.add(method, path, {kind: 1.0})
    async with connect(sandbox.airview_url, sandbox, read=_READ, settle=_SETTLE) as airview:
        events = batch(resources=4, repeated=0, hot=0)
        return await airview.ingest(events, concurrency=concurrency)


@pytest.mark.parametrize("kind", ["dropped", "reset", "bad_gateway", "internal_error", "garbled"])
async def test_a_lost_create_of_an_application(kind):
    """One lost answer makes no event fail, and no second application."""
    async with Sandbox(require_token=True) as sandbox:
        report = await through(sandbox, "POST", "/applications/", kind)
        assert report.recorded == report.inputs
        assert len(sandbox.snapshot()["application"]) == 4


@pytest.mark.parametrize("path", ["/referenced-application-environments/", "/systems/"])
async def test_a_garbled_404(path):
    """A look whose 404 cannot be read is repeated."""
    async with Sandbox(require_token=True) as sandbox:
        report = await through(sandbox, "GET", path, "garbled")
        assert report.recorded == report.inputs


async def test_a_page_in_place_of_a_204():
    """A save that a gateway answers with a page is sent again."""
    async with Sandbox(require_token=True) as sandbox:
        report = await through(sandbox, "PUT", "/monitored-resources/", "html")
        assert report.recorded == report.inputs


@pytest.mark.parametrize("kind", ["revoked", "expired"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/systems/"), ("POST", "/applications/"), ("PUT", "/monitored-resources/")],
)
async def test_a_token_that_ends_while_it_is_new(kind, method, path):
    """A request whose second token is ended, too, gets a third, and a fourth."""
    async with Sandbox(require_token=True) as sandbox:
        # Several at a time may each use up a token: more in a row than a batch outlives.
        report = await through(sandbox, method, path, kind, in_a_row=3, concurrency=1)
        assert report.recorded == report.inputs


@pytest.mark.parametrize(
    "kind", ["garbled", "html", "truncated", "dropped", "reset", "late", "internal_error"]
)
async def test_a_token_endpoint_that_fails(kind):
    """Whatever it answers three times, a batch waits for its token."""
    async with Sandbox(require_token=True) as sandbox:
        report = await through(sandbox, "POST", "/oauth2/token", kind, in_a_row=3)
        assert report.recorded == report.inputs
        assert sandbox.faults.struck == {kind: 3}


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/systems/"), ("PUT", "/monitored-resources/")]
)
async def test_a_route_that_is_not_granted_ends_a_batch(method, path):
    """Tokens that are good elsewhere are tried a few times, and no more."""
    async with Sandbox(require_token=True) as sandbox:
        sandbox.force(method, path, 401)
        async with connect(sandbox.airview_url, sandbox) as airview:
            with pytest.raises(IngestAborted) as caught:
                await airview.ingest(batch(resources=4, repeated=0, hot=0))
        refused = sum(request.status == 401 for request in sandbox.requests)
    assert isinstance(caught.value.__cause__, UnauthorizedError)
    assert caught.value.report.recorded == 0
    assert refused <= 6 * 2 * caught.value.report.inputs


@pytest.mark.parametrize(
    "kind", ["dropped", "late", "truncated", "garbled", "html", "internal_error"]
)
@pytest.mark.parametrize(
    "path",
    [
        *("/systems/", "/environments/", "/application-environments/", "/controls/"),
        *("/technical-controls/", "/resources/"),
    ],
)
async def test_a_lost_create_is_settled(kind, path):
    """Every other create that is carried out and not answered leaves one row."""
    async with Sandbox(require_token=True) as sandbox:
        report = await through(sandbox, "POST", path, kind)
        left = await rows(sandbox)
    assert report.recorded == report.inputs
    assert {count for table in left.values() for count in table.values()} == {1}
