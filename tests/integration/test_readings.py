"""The reading routes: what the low-level client sends, and what it makes of the answers."""

from datetime import UTC, datetime

import httpx
import pytest

from airview_herald.airview import (
    ApplicationEnvironment,
    ApplicationReference,
    ApplicationType,
    ControlOverview,
    ControlOverviewResource,
    ControlOverviewTotals,
    ControlSeverity,
    Environment,
    FlaggedResource,
    FlaggedTechnicalControl,
    MonitoredResourceState,
    QualityModel,
    RecordedApplication,
    Rows,
    ServiceType,
    SystemStage,
    TechnicalControl,
    TechnicalControlAction,
)
from airview_herald.errors import DecodeError, InputError, InternalServerError, NotFoundError
from airview_herald.transport import Retry

URL = "https://airview.example/api"
PAYMENTS = RecordedApplication(9, "Payments", ApplicationType.BUSINESS_APPLICATION)
PAYMENTS_ROW = {"applicationType": "BUSINESS_APPLICATION", "id": 9, "name": "Payments"}
PLACE = ApplicationEnvironment(
    15,
    PAYMENTS,
    Environment("Production", "PRD", 1),
    (ApplicationReference("aws_account_id", "123456789012"),),
)
PLACE_ROW = {
    "application": PAYMENTS_ROW,
    "applicationId": 9,
    "environment": {"abbreviation": "PRD", "id": 1, "name": "Production"},
    "environmentId": 1,
    "id": 15,
    "references": [{"reference": "123456789012", "type": "aws_account_id"}],
}
CHECK_ROW = {
    "controlAction": "VULNERABILITY",
    "controlId": 12,
    "id": 31,
    "isBlocking": False,
    "name": "EC2 patching",
    "reference": "ec2-patching",
    "systemId": 4,
    "ttl": None,
}

READS = {
    "applications": ("get_applications", (), "/applications/", [PAYMENTS_ROW], [PAYMENTS]),
    "applications of a type": (
        "get_applications",
        (ApplicationType.TECHNICAL_SERVICE,),
        "/applications/?applicationType=TECHNICAL_SERVICE",
        [],
        [],
    ),
    "application": ("get_application", (9,), "/applications/9", PAYMENTS_ROW, PAYMENTS),
    "application environments": (
        "get_application_environments",
        (9,),
        "/applications/9/application-environments",
        [PLACE_ROW],
        [PLACE],
    ),
    "application environment": (
        "get_application_environment_by_id",
        (15,),
        "/application-environments/15",
        PLACE_ROW,
        PLACE,
    ),
    "technical control": (
        "get_technical_control_by_id",
        (31,),
        "/technical-controls/31",
        CHECK_ROW,
        TechnicalControl(
            "EC2 patching",
            "ec2-patching",
            TechnicalControlAction.VULNERABILITY,
            31,
            is_blocking=False,
            control_id=12,
        ),
    ),
    "quality models": (
        "get_quality_models",
        (9,),
        "/applications/9/quality-models/",
        [{"name": "SECURITY"}, {"name": "BRAND_NEW"}],
        [QualityModel.SECURITY, "BRAND_NEW"],
    ),
    "control overviews": (
        "get_control_overviews",
        (9,),
        "/applications/9/control-overviews/",
        [
            {
                "applied": 3,
                "controlAction": "VULNERABILITY",
                "exempt": 0,
                "id": 31,
                "name": "EC2 patching",
                "severity": "HIGH",
                "systemName": "aws-config-feed",
                "systemStage": "MONITOR",
            }
        ],
        [
            ControlOverview(
                31,
                "EC2 patching",
                TechnicalControlAction.VULNERABILITY,
                ControlSeverity.HIGH,
                "aws-config-feed",
                SystemStage.MONITOR,
                applied=3,
                exempt=0,
            )
        ],
    ),
    "control overviews of a quality model": (
        "get_control_overviews",
        (9, "SECURITY"),
        "/applications/9/control-overviews/?qualityModel=SECURITY",
        [],
        [],
    ),
    "flagged": (
        "get_flagged",
        (9,),
        "/aggregations/compliance/9",
        [
            {
                "controlId": 12,
                "controlName": "Patch servers",
                "environmentName": "Production",
                "id": 31,
                "raisedDateTime": "2023-09-18T13:21:24.123456",
                "resources": [{"id": 301, "name": "web-1", "status": "none"}],
                "severity": "high",
                "systemName": "aws-config-feed",
                "systemStage": "MONITOR",
                "technicalControlName": "EC2 patching",
                "tickets": [],
            }
        ],
        [
            FlaggedTechnicalControl(
                31,
                "EC2 patching",
                12,
                "Patch servers",
                ControlSeverity.HIGH,
                "Production",
                "aws-config-feed",
                SystemStage.MONITOR,
                datetime(2023, 9, 18, 13, 21, 24, 123456, tzinfo=UTC),
                (FlaggedResource(301, "web-1"),),
            )
        ],
    ),
    "totals": (
        "get_control_overview_totals",
        (9,),
        "/aggregations/control-overview-totals/9/",
        {"high": 0, "low": 1, "medium": 0, "total": 2},
        ControlOverviewTotals(total=2, high=0, medium=0, low=1),
    ),
    "no totals": (
        "get_control_overview_totals",
        (9,),
        "/aggregations/control-overview-totals/9/",
        {},
        None,
    ),
    "resources": (
        "get_control_overview_resources",
        (9, 31),
        "/aggregations/control-overview-resources/9/?technicalControlId=31",
        [
            {
                "environment": "Production",
                "id": 301,
                "name": "web-1",
                "pending": False,
                "status": "FLAGGED",
                "type": "VIRTUAL_MACHINE",
            }
        ],
        [
            ControlOverviewResource(
                301,
                "web-1",
                "Production",
                ServiceType.VIRTUAL_MACHINE,
                MonitoredResourceState.FLAGGED,
                pending=False,
            )
        ],
    ),
}
METHODS = {method: arguments for method, arguments, *_ in READS.values()}
BY_ID = ["get_application", "get_application_environment_by_id", "get_technical_control_by_id"]


@pytest.fixture
def sent():
    """Every request as (method, target)."""
    return []


@pytest.fixture
def client(connect, sent):
    """Make clients of a server that has one answer."""

    def make(*answer, **content):
        def respond(request):
            sent.append((request.method, request.url.raw_path.decode().removeprefix("/api")))
            return httpx.Response(*answer, **content)

        return connect(URL, http=httpx.MockTransport(respond), retry=Retry(attempts=1))

    return make


@pytest.mark.parametrize(
    ("method", "arguments", "target", "document", "value"), READS.values(), ids=READS
)
async def test_each_reading_route(client, sent, method, arguments, target, document, value):
    """One GET of the exact target, and typed rows of the answer, with a way into frames."""
    async with client(200, json=document) as airview:
        found = await getattr(airview.backend, method)(*arguments)
    assert found == value
    rows = isinstance(value, list) and method != "get_quality_models"
    assert type(found) is (Rows if rows else type(value))
    assert sent == [("GET", target)]


@pytest.mark.parametrize("method", BY_ID)
async def test_rows_that_are_not_there_are_none(client, method):
    """AirView's own 404 to a look-up by id is absence; a gateway's is an error."""
    async with client(404, json={"code": 404, "status": "Not Found"}) as airview:
        assert await getattr(airview.backend, method)(7) is None
    async with client(404, html="<h1>Not Found</h1>") as airview:
        with pytest.raises(NotFoundError):
            await getattr(airview.backend, method)(7)


@pytest.mark.parametrize("method", sorted(METHODS.keys() - BY_ID))
async def test_lists_that_are_not_there_are_errors(client, method):
    """An empty list says that there is nothing: a 404 to a list is a wrong URL, whoever says so."""
    async with client(404, json={"code": 404, "status": "Not Found"}) as airview:
        with pytest.raises(NotFoundError):
            await getattr(airview.backend, method)(*METHODS[method])


@pytest.mark.parametrize("method", METHODS)
async def test_faults_of_the_server_are_errors(client, method):
    """A 500 and an answer of another shape are told, not taken for nothing."""
    async with client(500, json={"code": 500, "status": "Internal Server Error"}) as airview:
        with pytest.raises(InternalServerError):
            await getattr(airview.backend, method)(*METHODS[method])
    async with client(200, json=[5]) as airview:
        with pytest.raises(DecodeError):
            await getattr(airview.backend, method)(*METHODS[method])


@pytest.mark.parametrize("identifier", [0, True, "9", 2**31])
@pytest.mark.parametrize("method", [method for method in METHODS if method != "get_applications"])
async def test_ids_are_checked_before_anything_is_sent(client, sent, method, identifier):
    """An id that no row can have is refused by its argument's name."""
    rest = METHODS[method][1:]
    async with client(200, json=[]) as airview:
        with pytest.raises(InputError) as caught:
            await getattr(airview.backend, method)(identifier, *rest)
    assert caught.value.field.endswith("_id")
    assert sent == []


@pytest.mark.parametrize(
    ("method", "arguments", "field"),
    [
        ("get_applications", ("business",), "type"),
        ("get_applications", ("",), "type"),
        ("get_control_overviews", (9, "security"), "quality_model"),
        ("get_control_overview_resources", (9, None), "technical_control_id"),
    ],
)
async def test_choices_are_checked_before_anything_is_sent(client, sent, method, arguments, field):
    """A type that the server does not know would be a plain 500."""
    async with client(200, json=[]) as airview:
        with pytest.raises(InputError) as caught:
            await getattr(airview.backend, method)(*arguments)
    assert caught.value.field == field
    assert sent == []
