"""Defects of the documented client that are not repeated: running, authenticating, deciding.

A test for each, in the order in which they are known; `tests/defects_seen_red.py` puts them back.
"""

import json
import subprocess
import sys

import attrs
import httpx
import pytest
from stub_server import Response, StubServer

from airview_herald.airview import (
    Application,
    Control,
    ControlSeverity,
    Environment,
    Framework,
    FrameworkControlObjective,
    FrameworkSection,
    MonitoredResourceState,
    QualityModel,
    ResourceType,
    Service,
    ServiceType,
    TechnicalControl,
    get_azure_token,
    get_handler,
    get_oauth_token,
)
from airview_herald.auth import ClientCredentials
from airview_herald.errors import AuthenticationError, NotFoundError, StatusError
from airview_herald.sandbox import Sandbox
from airview_herald.transport import Retry

PATCHING = Control("Patch servers", QualityModel.SECURITY, severity=ControlSeverity.HIGH)
CHECK = TechnicalControl("EC2 patching", "ec2-patching", "VULNERABILITY")
ONCE = Retry(attempts=1)


@pytest.fixture
def guarded():
    """A sandbox that asks for its own tokens."""
    with Sandbox(require_token=True) as running:
        yield running


@pytest.fixture
def answering():
    """A server that answers each path with a document, and anything else with absence."""

    def make(documents):
        async def answer(request):
            document = documents.get(request.target.partition("?")[0])
            if document is None:
                return Response(404, b'{"code":404,"status":"Not Found"}')
            return Response(200, json.dumps(document).encode())

        return StubServer(answer)

    return make


def posts(sandbox):
    """Return the paths of what was created, or asked to be."""
    return [each.path for each in sandbox.requests if each.method == "POST"]


def test_defect_01_import_on_current_pythons():
    """The package imports on this Python with no warning, and defaults are nobody's to share."""
    code = "from airview_herald.airview import Application; print(Application('n', 'r'))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert "Environment(name='Unknown', abbreviation='UNK', id=None)" in done.stdout
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Application("n", "r").environment.name = "mine"


async def test_defect_02_one_bearer_is_sent(guarded):
    """What the token functions return is sent as it is, and a bare token with its `Bearer`."""
    header = await get_oauth_token(guarded.token_url, "sandbox-client", "sandbox-secret", None)
    for token in (header, header.removeprefix("Bearer "), f"Bearer {header}"):
        handler = get_handler(guarded.airview_url, "ccf", "MONITOR", "aws_account_id", token)
        async with handler as airview:
            await airview.handle_control(PATCHING)
    sent = {each.headers["authorization"] for each in guarded.requests if "airview" in each.path}
    assert sent == {header}


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, {"token_type": "Bearer"}, "no access_token"),
        (200, {"access_token": None}, "no access_token"),
        (400, {"error": "invalid_scope", "error_description": "no such scope"}, "no such scope"),
    ],
)
async def test_defect_03_a_token_endpoints_failure_is_told(status, body, told):
    """Without a token there is an error with the endpoint's own words, and Azure's URL is bare."""

    async def answer(_request):
        return Response(status, json.dumps(body).encode())

    with StubServer(answer) as endpoint, pytest.raises(AuthenticationError, match=told):
        await get_oauth_token(f"{endpoint.url}/token", "id", "secret", "scope")
    asked = []

    def azure(request):
        asked.append(str(request.url))
        return httpx.Response(200, json={"access_token": "t"})

    await get_azure_token("id", "secret", "tenant", "scope", http=httpx.MockTransport(azure))
    assert asked == ["https://login.microsoftonline.com/tenant/oauth2/v2.0/token"]


async def test_defect_04_a_token_is_renewed(guarded, connect, event):
    """A feed outlives its token: the next one is fetched under way."""
    credentials = ClientCredentials(guarded.token_url, "sandbox-client", "sandbox-secret")
    async with connect(guarded.airview_url, auth=credentials) as airview:
        await airview.handle_compliance_event(event("i-1"))
        guarded.expire_tokens()
        await airview.handle_compliance_event(event("i-2"))
    assert len(guarded.snapshot()["monitored_resource"]) == 2
    assert guarded.token_requests == 2


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502, 503])
async def test_defect_05_a_failed_look_is_no_absence(sandbox, connect, status):
    """A system that could not be looked up is not created."""
    sandbox.force("GET", "/systems/", status)
    async with connect(retry=ONCE) as airview:
        with pytest.raises(StatusError, match=f"answered {status}"):
            await airview.handle_technical_control(CHECK)
    assert posts(sandbox) == []


@pytest.mark.parametrize(
    ("looked_for", "tables"),
    [
        ("/referenced-application-environments/", {"application", "environment"}),
        ("/systems/", {"system", "technical_control"}),
        ("/technical-controls/", {"technical_control"}),
    ],
)
async def test_defect_06_a_gateways_404_is_no_absence(sandbox, connect, event, looked_for, tables):
    """A 404 that is not in AirView's shape creates nothing."""
    sandbox.force("GET", looked_for, 404)
    async with connect() as airview:
        with pytest.raises(NotFoundError, match="a gateway, or a wrong base URL"):
            await airview.handle_compliance_event(event("i-1"))
    assert {table for table, rows in sandbox.snapshot().items() if rows}.isdisjoint(tables)


async def test_defect_06_a_wrong_base_url_is_no_absence(sandbox, connect, event):
    """Where no AirView is, nothing is created."""
    async with connect(f"{sandbox.url}/wrong") as airview:
        with pytest.raises(NotFoundError, match="a gateway, or a wrong base URL"):
            await airview.handle_compliance_event(event("i-1"))
    assert posts(sandbox) == []


async def test_defect_07_sections_stay_in_their_framework(sandbox, connect):
    """An equally named section of another framework gets a row, and a link, of its own."""
    places = [
        FrameworkControlObjective(
            "AC-1", "/ac-1", FrameworkSection("Access", "/ac", Framework(name, "/"))
        )
        for name in ("NIST 800-53", "ISO 27001")
    ]
    async with connect() as airview:
        links = [
            await airview.handle_framework_control_objective_link(place, PATCHING)
            for place in places
        ]
    rows = sandbox.snapshot()
    assert [row["framework_id"] for row in rows["framework_section"]] == [1, 2]
    objectives = rows["framework_control_objective"]
    assert [row["framework_section_id"] for row in objectives] == [1, 2]
    assert [link.framework_control_objective_id for link in links] == [1, 2]


async def test_defect_08_a_parent_control_is_stored(sandbox, connect, event):
    """A new technical control is stored under its parent; one that has none does not claim one."""
    orphan = attrs.evolve(CHECK, reference="orphan")
    async with connect() as airview:
        made = await airview.handle_technical_control(attrs.evolve(CHECK, control=PATCHING))
        await airview.handle_technical_control(orphan)
    assert [row["control_id"] for row in sandbox.snapshot()["technical_control"]] == [1, None]
    assert (made.control_id, made.control.id) == (1, 1)
    claiming = attrs.evolve(orphan, control=PATCHING)
    async with connect() as airview:
        report = await airview.ingest([event("i-1", technical_control=claiming)])
        found = await airview.handle_technical_control(claiming)
    assert (found.control_id, found.control) == (None, None)
    assert [(each.field, each.stored, each.given) for each in report.mismatches] == [
        ("control_id", None, 1)
    ]


async def test_defect_09_a_parent_control_is_read_back(sandbox, connect, event):
    """The stored ttl and parent are read, and the parent is looked up once and not per event."""
    check = attrs.evolve(CHECK, ttl=60, control=PATCHING)
    async with connect() as airview:
        await airview.handle_technical_control(check)
        found = await airview.backend.get_technical_control(check.reference)
    assert (found.ttl, found.control_id) == (60, 1)
    sandbox.requests.clear()
    async with connect() as airview:
        for n in range(5):
            await airview.handle_compliance_event(event(f"i-{n}", technical_control=check))
    assert [each.path for each in sandbox.requests].count("/airview/controls/") == 1


async def test_defect_10_additional_data_is_sent(sandbox, connect, event):
    """Each save carries the event's additional data, an empty one too."""
    async with connect() as airview:
        await airview.handle_compliance_event(event("i-1", additional_data="port 22 \u00e9"))
        stored = sandbox.snapshot()["monitored_resource"][0]["additional_data"]
        await airview.handle_compliance_event(event("i-1"))
    saves = [json.loads(each.body) for each in sandbox.requests if "monitored" in each.path]
    assert stored == "port 22 \u00e9"
    assert [each["additionalData"] for each in saves] == ["port 22 \u00e9", ""]


async def test_defect_11_differing_definitions_are_reported(connect, event):
    """Whatever is on the server with other attributes than an event's is in the report."""
    check = attrs.evolve(CHECK, ttl=60, is_blocking=False, control=PATCHING)
    other = TechnicalControl(
        "Other",
        check.reference,
        "TASK",
        ttl=5,
        is_blocking=True,
        control=Control(PATCHING.name, "RELIABILITY", severity="LOW"),
    )
    application = event("i-1").application
    moved = Application(
        "Other", application.reference, "TECHNICAL_SERVICE", Environment("Test", "TST")
    )
    async with connect() as airview:
        await airview.ingest([event("i-1", technical_control=check)])
        within = await airview.ingest([event("i-1", application=moved, technical_control=other)])
    async with connect(system_stage="BUILD") as airview:
        report = await airview.ingest([event("i-1", application=moved, technical_control=other)])
    differing = {
        ("application", "name"),
        ("application", "type"),
        ("application", "environment.abbreviation"),
        ("technical_control", "name"),
        ("technical_control", "control_action"),
        ("technical_control", "ttl"),
        ("technical_control", "is_blocking"),
        ("control", "quality_model"),
        ("control", "severity"),
    }
    assert {(each.kind, each.field) for each in within.mismatches} == differing
    assert {(each.kind, each.field) for each in report.mismatches} == differing | {
        ("system", "stage")
    }


async def test_defect_12_what_is_returned_is_what_is_stored(connect):
    """Controls have their severity and quality model, types their service, and enums members."""
    kind = ResourceType("vm", "VM", service=Service("ec2", "EC2", "VIRTUAL_MACHINE"))
    async with connect() as airview:
        await airview.handle_control(PATCHING)
        await airview.handle_resource_type(kind)
    async with connect() as airview:
        control = await airview.handle_control(Control(PATCHING.name))
        found = await airview.backend.get_resource_type("vm")
        (service,) = await airview.backend.get_services()
    assert control == attrs.evolve(PATCHING, id=1)
    assert (type(control.quality_model), type(control.severity)) == (QualityModel, ControlSeverity)
    assert found == ResourceType("vm", "VM", 1, Service("ec2", "EC2", "VIRTUAL_MACHINE", 1))
    assert service == found.service
    assert type(service.type) is ServiceType


async def test_defect_13_of_equal_rows_the_lowest_id_counts(answering, connect):
    """Lists have no order: whichever way they come, the same row is taken."""
    controls = [
        {"id": n, "name": PATCHING.name, "qualityModel": "SECURITY", "severity": "HIGH"}
        for n in (7, 3, 5)
    ]
    frameworks = [{"id": n, "name": "NIST", "link": "/"} for n in (9, 4)]
    with answering({"/controls/": controls, "/frameworks/": frameworks}) as server:
        async with connect(server.url) as airview:
            assert (await airview.handle_control(PATCHING)).id == 3
            assert (await airview.backend.get_framework(Framework("NIST", "/"))).id == 4


async def test_defect_14_states_and_texts_that_are_new(sandbox, connect, event, answering):
    """UNRESPONSIVE is recorded, and an enum's text that nobody knows yet is passed on."""
    async with connect() as airview:
        await airview.handle_compliance_event(event("i-1", "UNRESPONSIVE"))
        await airview.handle_compliance_event(event("i-2", MonitoredResourceState.UNRESPONSIVE))
    rows = sandbox.snapshot()["monitored_resource"]
    assert [row["monitoring_state"] for row in rows] == ["UNRESPONSIVE"] * 2
    control = {"id": 1, "name": "n", "qualityModel": "SAFETY", "severity": "SEVERE"}
    with answering({"/controls/": [control]}) as server:
        async with connect(server.url) as airview:
            found = await airview.backend.get_control(Control("n"))
    assert (found.quality_model, found.severity) == ("SAFETY", "SEVERE")
