"""Creates that are lost, or whose answers are: settled by looking, without a second row."""

import anyio
import attrs
import pytest
from faulty import Faulty

from airview_herald.airview import ResourceType, Service
from airview_herald.airview._outcomes import OutcomeStatus
from airview_herald.transport import PooledTransport

_SETTLE = 0.2
_CREATES = [
    "/systems/",
    "/environments/",
    "/application-environments/",
    "/controls/",
    "/technical-controls/",
    "/resources/",
]


@pytest.fixture
async def faulty():
    """Real connections that can lose requests and answers."""
    async with Faulty(PooledTransport()) as transport:
        yield transport


def _counts(sandbox):
    return {table: len(rows) for table, rows in sandbox.snapshot().items() if rows}


_ONE_OF_EACH = dict.fromkeys(
    (
        "system",
        "environment",
        "application",
        "application_environment",
        "application_environment_reference",
        "control",
        "technical_control",
        "resource",
        "monitored_resource",
    ),
    1,
)


@pytest.mark.parametrize("path", _CREATES)
@pytest.mark.parametrize("status", [None, 502])
@pytest.mark.parametrize("processed", [True, False])
async def test_a_create_in_doubt_is_settled(
    sandbox, connect, event, faulty, path, status, processed
):
    """Whether the server got a create or not, the event is recorded with one row of each."""
    faulty.order("POST", path, processed=processed, status=status)
    async with connect(http=faulty, settle=_SETTLE) as airview:
        await airview.handle_compliance_event(event("i-1"))
    assert _counts(sandbox) == _ONE_OF_EACH


@pytest.mark.parametrize("path", ["/services/", "/resource-types/"])
async def test_a_resource_type_in_doubt_is_settled(sandbox, connect, faulty, path):
    """Services and resource types are adopted likewise."""
    faulty.order("POST", path, processed=True)
    given = ResourceType("AWS::EC2", "EC2", service=Service("ec2", "EC2", "VIRTUAL_MACHINE"))
    async with connect(http=faulty, settle=_SETTLE) as airview:
        made = await airview.handle_resource_type(given)
    assert made.id == made.service.id == 1
    assert _counts(sandbox) == {"service": 1, "resource_type": 1}


async def test_an_application_that_is_placed_late_is_made_once(sandbox, connect, event, faulty):
    """When an application cannot be placed, the next event places the same one."""
    faulty.order("POST", "/application-environments/", processed=False, status=403)
    async with connect(http=faulty, settle=_SETTLE) as airview:
        with pytest.raises(Exception, match="403"):
            await airview.handle_compliance_event(event("i-1"))
        await airview.handle_compliance_event(event("i-1"))
    assert _counts(sandbox) == _ONE_OF_EACH


async def test_a_lost_application_is_told(connect, event, faulty):
    """Nothing tells applications apart: the outcome is a failure that says what may be left."""
    faulty.order("POST", "/applications/", processed=True)
    async with connect(http=faulty, settle=_SETTLE) as airview:
        report = await airview.ingest([event("i-1")])
    (failure,) = report.failures
    assert failure.status is OutcomeStatus.FAILED
    assert "may be left on the server without an environment" in failure.error.__notes__[0]


@pytest.mark.parametrize("path", ["/controls/", "/technical-controls/", "/resources/"])
async def test_a_create_that_was_cancelled_is_looked_for(sandbox, connect, event, path):
    """A cancelled create may still be running: the next one to ask waits, looks, and adopts it."""

    class Stalling(Faulty):
        async def handle_async_request(self, request):
            response = await super().handle_async_request(request)
            if request.method == "POST" and request.url.path.endswith(path) and not stalled:
                stalled.append(request)
                await response.aclose()
                await anyio.sleep_forever()
            return response

    stalled = []
    async with (
        Stalling(PooledTransport()) as transport,
        connect(http=transport, settle=_SETTLE) as airview,
    ):
        with anyio.move_on_after(0.5) as scope:
            await airview.handle_compliance_event(event("i-1"))
        await airview.handle_compliance_event(event("i-1"))
    assert stalled
    assert scope.cancelled_caught
    assert _counts(sandbox) == _ONE_OF_EACH


async def test_a_doubt_that_outlasts_the_deadline(sandbox, connect, event, faulty):
    """Without the time to settle, the event fails with the doubt, and nothing is made twice."""
    faulty.order("POST", "/controls/", processed=False)
    async with connect(http=faulty, settle=5.0) as airview:
        report = await airview.ingest([event("i-1")], deadline=1.0)
    (failure,) = report.failures
    assert failure.status is OutcomeStatus.FAILED
    assert failure.error.ambiguous
    assert "control" not in _counts(sandbox)


async def test_a_refused_create_takes_the_row_that_is_there(sandbox, connect, event):
    """A client that creates what another one has made already looks, and uses that row."""
    given = event("i-1")
    async with connect() as first, connect() as second:
        await first.handle_compliance_event(given)
        await second.handle_compliance_event(given)
    refused = [r for r in sandbox.requests if r.status == 400]
    assert [r.path.rpartition("/airview")[2] for r in refused] == ["/resources/"]
    assert _counts(sandbox) == _ONE_OF_EACH


async def test_throttled_creates_are_sent_again(sandbox, connect, event, faulty):
    """A 429 was surely not processed: any class of request is sent again."""
    for path in (*_CREATES, "/applications/"):
        faulty.order("POST", path, processed=False, status=429)
    faulty.order("PUT", "/monitored-resources/", processed=False, status=429)
    async with connect(http=faulty) as airview:
        report = await airview.ingest([event("i-1")])
    assert (report.recorded, report.throttled, report.retries) == (1, 8, 8)
    assert _counts(sandbox) == _ONE_OF_EACH


async def test_the_parent_of_an_existing_technical_control_is_compared(connect, event):
    """Another parent than the stored one is a mismatch; the stored one stays."""
    given = event("i-1")
    other = attrs.evolve(given.technical_control.control, name="Another")
    changed = attrs.evolve(given.technical_control, control=other)
    async with connect() as airview:
        await airview.ingest([given])
        await airview.handle_control(other)
    async with connect() as airview:
        same = await airview.ingest([given])
        differs = await airview.ingest([event("i-1", technical_control=changed)])
    assert same.mismatches == ()
    (mismatch,) = differs.mismatches
    assert (mismatch.field, mismatch.stored, mismatch.given) == (
        "control.name",
        "Patch R&D servers",
        "Another",
    )
