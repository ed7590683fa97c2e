"""Creates that are lost, or whose answers are: settled by looking, without a second row."""

from contextlib import suppress

import anyio
import attrs
import httpx
import pytest
from faulty import Faulty

from airview_herald.airview import ResourceType, Service
from airview_herald.airview._outcomes import OutcomeStatus
from airview_herald.errors import IngestAborted, NotFoundError
from airview_herald.transport import PooledTransport, Retry

_SETTLE = 0.2
_CREATES = [
    "/systems/",
    "/environments/",
    "/applications/",
    "/application-environments/",
    "/controls/",
    "/technical-controls/",
    "/resources/",
]


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


@pytest.mark.parametrize("path", ["/controls/", "/technical-controls/", "/resources/"])
async def test_a_create_that_was_cancelled_is_looked_for(sandbox, connect, event, faulty, path):
    """A cancelled create may still be running: the next one to ask waits, looks, and adopts it."""
    faulty.order("POST", path, processed=True, stalls=True)
    async with connect(http=faulty, settle=_SETTLE) as airview:
        with anyio.move_on_after(0.5) as scope:
            await airview.handle_compliance_event(event("i-1"))
        await airview.handle_compliance_event(event("i-1"))
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
    for path in _CREATES:
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
    assert (mismatch.field, mismatch.stored, mismatch.given) == ("control_id", 1, 2)


async def test_a_parent_is_compared_whoever_asked_first(connect, event):
    """Asked first without a parent, or with another, the right parent is no mismatch later."""
    given = event("i-1")
    right = given.technical_control
    none = attrs.evolve(right, control=None)
    wrong = attrs.evolve(right, control=attrs.evolve(right.control, name="Not on the server"))
    async with connect() as airview:
        await airview.ingest([given])
    async with connect() as airview:
        reports = [
            await airview.ingest([event("i-1", technical_control=each)])
            for each in (none, wrong, right)
        ]
        returned = await airview.handle_technical_control(right)
    assert [len(report.mismatches) for report in reports] == [0, 1, 0]
    assert reports[1].mismatches[0].given == "Not on the server"
    assert returned.control.id == returned.control_id == 1


@pytest.mark.parametrize("interruption", ["cancelled", "gateway"])
async def test_a_doubt_outlives_what_interrupts_its_settling(
    sandbox, connect, event, faulty, interruption
):
    """However the settling of a lost create ends, the next one to ask waits before it creates."""

    class Late(Faulty):
        """Process the first POST /controls/ only after its answer was given up."""

        async def handle_async_request(self, request):
            if (
                request.method == "POST"
                and request.url.path.endswith("/airview/controls/")
                and not late
            ):
                late.append(request)
                if interruption == "gateway":
                    self.order("GET", "/airview/controls/", processed=False, status=404)
                tasks.start_soon(self._process, request)
                raise httpx.ReadTimeout("no answer")
            return await super().handle_async_request(request)

        async def _process(self, request):
            await anyio.sleep(0.3)
            response = await self._inner.handle_async_request(request)
            await response.aread()
            await response.aclose()

    late = []
    async with (
        anyio.create_task_group() as tasks,
        Late(PooledTransport()) as transport,
        connect(http=transport, settle=0.6) as airview,
    ):
        await airview.backend.system_id
        with anyio.move_on_after(0.2 if interruption == "cancelled" else None):
            with suppress(NotFoundError):
                await airview.handle_compliance_event(event("i-1"))
        await airview.handle_compliance_event(event("i-1"))
    assert _counts(sandbox) == _ONE_OF_EACH


@pytest.mark.parametrize("status", [400, 404, 409, 422])
async def test_a_gateways_verdict_on_a_replay_settles_nothing(
    sandbox, connect, event, faulty, status
):
    """The first copy landed, its answer was lost: a gateway's refusal of the next is no proof."""
    faulty.order("PUT", "/monitored-resources/", processed=True)
    faulty.order("PUT", "/monitored-resources/", processed=False, status=status)
    async with connect(http=faulty, settle=_SETTLE) as airview:
        report = await airview.ingest([event("i-1")])
    assert (report.unknown, report.failed) == (1, 0)
    assert len(sandbox.snapshot()["monitored_resource"]) == 1


async def test_a_save_in_doubt_when_patience_ends_is_unknown(connect, event, faulty):
    """What may have landed before `max_cooldown` ended the batch is not `not_attempted`."""
    faulty.order("PUT", "/monitored-resources/", processed=True)
    faulty.order("PUT", "/monitored-resources/", processed=False, times=9, status=503)
    async with connect(http=faulty, settle=_SETTLE, retry=Retry(budget=0)) as airview:
        with pytest.raises(IngestAborted) as caught:
            await airview.ingest([event("i-1")], max_cooldown=0.5)
    report = caught.value.report
    assert (report.unknown, report.not_attempted) == (1, 0)


async def test_an_application_made_in_vain_is_reported(sandbox, connect, event, faulty, caplog):
    """When another client places an application first, ours is left over, and reported."""
    given = event("i-1")
    async with connect() as other, connect(http=faulty, settle=_SETTLE) as airview:
        calls = 0
        real = airview.backend._sender.transport.send

        async def overtaken(call, operation):
            nonlocal calls
            if call.target == "/application-environments/":
                calls += 1
                await other.handle_compliance_event(given)
            return await real(call, operation)

        airview.backend._sender.transport.send = overtaken
        report = await airview.ingest([given])
    assert calls == 1
    assert report.recorded == 1
    (orphan,) = report.orphans
    assert (orphan.name, orphan.id) == ("Payments", 1)
    assert "may be left without an environment" in caplog.text
    assert len(sandbox.snapshot()["application"]) == 2
