"""Defects of the documented client that are not repeated: concurrency, partial failure, hygiene.

A test for each, in the order in which they are known; `tests/defects_seen_red.py` puts them back.
"""

import copy
import importlib.metadata
import pickle
import traceback

import anyio
import attrs
import httpx
import pytest
from faulty import Faulty
from stub_server import Response, StubServer

from airview_herald.airview import (
    Application,
    ComplianceEvent,
    Control,
    Environment,
    Framework,
    FrameworkControlObjective,
    FrameworkSection,
    Resource,
    ResourceType,
    Service,
    TechnicalControl,
)
from airview_herald.errors import (
    BadRequestError,
    ForbiddenError,
    RedirectError,
    RequestTimeoutError,
    UnauthorizedError,
)
from airview_herald.sandbox import Sandbox
from airview_herald.transport import PooledTransport, Retry

PATCHING = Control("Patch servers", "SECURITY", severity="HIGH")
CHECK = TechnicalControl("EC2 patching", "ec2-patching", "VULNERABILITY", control=PATCHING)
AC1 = FrameworkControlObjective(
    "AC-1", "/ac-1", FrameworkSection("Access", "/ac", Framework("NIST", "/nist"))
)
VM = ResourceType("vm", "VM", service=Service("ec2", "EC2", "VIRTUAL_MACHINE"))
PLANTED = "planted-token"


def counts(sandbox):
    """Return how many rows each table has that has any."""
    return {table: len(rows) for table, rows in sandbox.snapshot().items() if rows}


def paths(sandbox, method):
    """Return the paths of the requests of a method."""
    found = [each for each in sandbox.requests if each.method == method]
    return [each.path.removeprefix("/airview") for each in found]


async def test_defect_21_parallel_events_make_no_duplicates(sandbox, connect, event):
    """Fifty calls of each kind at once leave one row of each definition, and of each pair."""
    async with connect() as airview, anyio.create_task_group() as tasks:
        for n in range(50):
            tasks.start_soon(airview.handle_compliance_event, event(f"i-{n % 2}"))
            tasks.start_soon(airview.handle_framework_control_objective_link, AC1, PATCHING)
            tasks.start_soon(airview.handle_resource_type_control_link, PATCHING, VM)
    made = counts(sandbox)
    assert made.pop("resource") == made.pop("monitored_resource") == 2
    assert made.pop("control") == 2
    assert set(made.values()) == {1}
    assert len(made) == 13


async def test_defect_21_a_lost_race_is_no_error(sandbox, connect):
    """Of two clients that create the same unique rows both get them."""
    async with connect() as one, connect() as other, anyio.create_task_group() as tasks:
        for airview in (one, other):
            tasks.start_soon(airview.handle_resource_type, VM)
            tasks.start_soon(airview.handle_technical_control, attrs.evolve(CHECK, control=None))
    assert counts(sandbox) == dict.fromkeys(
        ("resource_type", "service", "system", "technical_control"), 1
    )


async def test_defect_22_an_application_that_cannot_be_placed_is_told(
    sandbox, connect, event, caplog
):
    """The error and the report name what may be left over; the next try makes no second one."""
    sandbox.force("POST", "/application-environments/", 403, times=2)
    left = "application 1 ('Payments') may be left without an environment"
    async with connect() as airview:
        with pytest.raises(ForbiddenError) as caught:
            await airview.handle_compliance_event(event("i-1"))
        assert caught.value.__notes__ == [left]
        assert left in caplog.text
        with pytest.raises(Exception, match="no event can be recorded") as aborted:
            await airview.ingest([event("i-1")])
        (orphan,) = aborted.value.report.orphans
        report = await airview.ingest([event("i-1")])
    assert (orphan.name, orphan.id) == ("Payments", 1)
    assert (report.recorded, report.orphans) == (1, ())
    assert counts(sandbox)["application"] == 1


async def test_defect_22_what_is_placed_after_all_is_no_orphan(sandbox, connect, event):
    """Within a run too, an application that a later event places is not reported."""
    sandbox.force("POST", "/application-environments/", 418, times=1)
    async with connect() as airview:
        report = await airview.ingest([event("i-1"), event("i-2")], window=1)
    assert (report.failed, report.recorded, report.orphans) == (1, 1, ())
    assert counts(sandbox)["application"] == 1


async def test_defect_23_no_environment_is_made_in_vain(sandbox, connect, event):
    """An application that exists brings its environment along: the event's is not recorded."""
    elsewhere = attrs.evolve(event("i-1").application, environment=Environment("Test", "TST"))
    async with connect() as airview:
        await airview.handle_compliance_event(event("i-1"))
    async with connect() as airview:
        await airview.handle_compliance_event(event("i-1", application=elsewhere))
        await airview.handle_resource(Resource("i-1", elsewhere, resource_type=VM))
    assert [row["abbreviation"] for row in sandbox.snapshot()["environment"]] == ["PRD"]


async def test_defect_24_reading_exclusions_records_no_system(connect):
    """A look at what is excluded leaves the server as it is."""
    with Sandbox(exclusion_resources=True) as sandbox:
        async with connect(sandbox.airview_url) as airview:
            assert await airview.get_exclusions_by_state("PENDING") == []
        assert counts(sandbox) == {}


async def test_defect_25_the_system_is_asked_for_once(sandbox, connect):
    """Fifty who need the system's id at once share one look and one create."""
    async with connect() as airview, anyio.create_task_group() as tasks:

        async def ask():
            assert await airview.backend.system_id == 1

        for _ in range(50):
            tasks.start_soon(ask)
    assert [each.method for each in sandbox.requests] == ["GET", "POST"]


async def test_defect_26_nothing_is_printed(connect, event, capfd):
    """Looking up a resource type and saving a resource write to neither output."""
    async with connect() as airview:
        await airview.handle_resource_type(VM)
        await airview.handle_resource(Resource("i-1", event("i-1").application, resource_type=VM))
        await airview.backend.get_resource_type("vm")
    assert capfd.readouterr() == ("", "")


async def test_defect_27_an_answer_is_not_waited_for_for_ever(connect):
    """A server that never answers is a timeout, and so it is by default."""

    async def answer(_request):
        await anyio.sleep_forever()

    with StubServer(answer) as server:
        async with connect(server.url, timeout=0.2, retry=Retry(attempts=1)) as airview:
            with pytest.raises(RequestTimeoutError):
                await airview.handle_control(PATCHING)
    by_default = []

    class Watched(Faulty):
        async def handle_async_request(self, request):
            by_default.append(request.extensions["timeout"])
            return await super().handle_async_request(request)

    with Sandbox() as sandbox:
        async with Watched(PooledTransport()) as http, connect(sandbox.airview_url, http=http) as a:
            await a.handle_control(PATCHING)
    assert all(value <= 30 for limits in by_default for value in limits.values())


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_defect_27_what_is_safe_is_sent_again(sandbox, connect, event, status):
    """Reads and saves meet a passing fault with another attempt."""
    for method, path in (("GET", "/systems/"), ("PUT", "/monitored-resources/")):
        sandbox.force(method, path, status, times=1)
    async with connect(retry=Retry(base=0.0), settle=0.0) as airview:
        await airview.handle_compliance_event(event("i-1"))
    assert counts(sandbox)["monitored_resource"] == 1
    assert paths(sandbox, "PUT") == ["/monitored-resources/"] * 2


async def test_defect_27_a_create_is_looked_for_before_it_is_sent_again(sandbox, connect, event):
    """A control whose answer was lost is found, and not made twice."""
    async with Faulty(PooledTransport()) as faulty, connect(http=faulty, settle=0.1) as airview:
        faulty.order("POST", "/controls/", processed=True, status=502)
        await airview.handle_compliance_event(event("i-1"))
    assert paths(sandbox, "POST").count("/controls/") == 1
    assert counts(sandbox)["control"] == 1


async def test_defect_27_connections_are_limited():
    """Twenty requests at once use no more connections than they may."""
    peak = 0

    async def answer(_request):
        nonlocal peak
        peak = max(peak, server.open_connections)
        return Response(200, b"[]")

    with StubServer(answer) as server:
        async with PooledTransport(max_connections=2) as http, anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(_get, http, server.url)
    assert 1 <= peak <= 2


async def _get(http, url):
    response = await http.handle_async_request(httpx.Request("GET", url))
    await response.aread()


async def test_defect_28_an_event_costs_one_request(sandbox, connect, event):
    """What was found once is kept for the run: of a known event only its save is sent."""
    async with connect() as airview:
        await airview.handle_compliance_event(event("i-1"))
        sandbox.requests.clear()
        for status in ("MONITORING", "FLAGGED", "DELETED"):
            await airview.handle_compliance_event(event("i-1", status))
    assert [each.method for each in sandbox.requests] == ["PUT"] * 3


async def test_defect_29_the_callers_objects_stay_as_they_are(connect, event):
    """No operation fills anything into what it is given."""
    application = Application("Payments", "p", environment=Environment("Production", "PRD"))
    given = (
        event("i-1"),
        ComplianceEvent("i-2", application, CHECK, "FLAGGED"),
        Resource("i-1", application, resource_type=VM),
        AC1,
    )
    before = copy.deepcopy(given)
    async with connect() as airview:
        await airview.handle_compliance_event(given[0])
        await airview.ingest([given[1]])
        await airview.handle_resource(given[2])
        await airview.handle_framework_control_objective_link(AC1, PATCHING)
    assert given == before
    assert (application.id, VM.id, PATCHING.id, AC1.framework_section.framework.id) == (None,) * 4


async def test_defect_30_errors_tell_what_happened(sandbox, connect):
    """Class, status, method, URL and the server's words are told, and never the token."""
    async with connect(auth=PLANTED) as airview:
        with pytest.raises(BadRequestError) as refused:
            await airview.backend.create_resource("i-1", 9)
        sandbox.force("GET", "/controls/", 401)
        with pytest.raises(UnauthorizedError) as denied:
            await airview.handle_control(PATCHING)
    error = refused.value
    assert (error.status, error.method, error.code) == (400, "POST", 400)
    assert error.url == f"{sandbox.airview_url}/resources/"
    assert error.request.message == "Integrity Error, check reference fields"
    assert sandbox.requests[0].headers["authorization"] == f"Bearer {PLANTED}"
    for each in (error, denied.value):
        told = "".join([repr(each.args), *traceback.format_exception(each)])
        assert PLANTED not in told + repr(pickle.loads(pickle.dumps(each)))  # noqa: S301 - ours


def test_defect_31_the_package_says_what_it_is():
    """It has a version and a range of Pythons, and pins no version of the HTTP library."""
    metadata = importlib.metadata.metadata("airview-herald")
    assert metadata["Version"] not in {None, "0.0.0"}
    assert metadata["Requires-Python"] == ">=3.11"
    (httpx_,) = [each for each in metadata.get_all("Requires-Dist") if each.startswith("httpx")]
    assert "==" not in httpx_
    assert "<" not in httpx_


@pytest.mark.parametrize("slashes", ["", "/", "//"])
async def test_defect_32_urls_are_joined_with_one_slash(sandbox, connect, slashes):
    """However the base URL ends, paths come as they are registered."""
    async with connect(sandbox.airview_url + slashes) as airview:
        await airview.handle_control(PATCHING)
        assert airview.backend.get_url("/systems/") == f"{sandbox.airview_url}/systems/"
    assert {each.path for each in sandbox.requests} == {"/airview/controls/"}


async def test_defect_32_redirects_are_not_followed(connect):
    """A 308 to another host is an error, and the other host hears nothing of it."""
    heard = []

    async def elsewhere(request):
        heard.append(request)
        return Response(200, b"[]")

    with StubServer(elsewhere) as other:

        async def answer(_request):
            return Response(308, b"<html>", f"{other.url}/controls/")

        with StubServer(answer) as server:
            async with connect(server.url, auth=PLANTED) as airview:
                with pytest.raises(RedirectError, match="redirects are not followed"):
                    await airview.handle_control(PATCHING)
    assert heard == []
