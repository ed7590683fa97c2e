"""The reading routes: what the low-level client sends, and what it makes of the answers."""

import httpx
import pytest
from reading_rows import (
    APPLICATION_ROW,
    CHECK_ROW,
    FLAGGED_ROW,
    OVERSEEN_ROW,
    OVERVIEW_ROW,
    PLACE_ROW,
    THE_APPLICATION,
    THE_CHECK,
    THE_FLAGGED,
    THE_OVERSEEN,
    THE_OVERVIEW,
    THE_PLACE,
)

from airview_herald.airview import (
    ApplicationType,
    ControlOverviewTotals,
    QualityModel,
    Rows,
)
from airview_herald.errors import DecodeError, InputError, InternalServerError, NotFoundError
from airview_herald.transport import Retry

URL = "https://airview.example/api"

READS = {
    "applications": (
        "get_applications",
        (),
        "/applications/",
        [APPLICATION_ROW],
        [THE_APPLICATION],
    ),
    "applications of a type": (
        "get_applications",
        (ApplicationType.TECHNICAL_SERVICE,),
        "/applications/?applicationType=TECHNICAL_SERVICE",
        [],
        [],
    ),
    "application": ("get_application", (9,), "/applications/9", APPLICATION_ROW, THE_APPLICATION),
    "application environments": (
        "get_application_environments",
        (9,),
        "/applications/9/application-environments",
        [PLACE_ROW],
        [THE_PLACE],
    ),
    "application environment": (
        "get_application_environment_by_id",
        (15,),
        "/application-environments/15",
        PLACE_ROW,
        THE_PLACE,
    ),
    "technical control": (
        "get_technical_control_by_id",
        (31,),
        "/technical-controls/31",
        CHECK_ROW,
        THE_CHECK,
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
        [OVERVIEW_ROW],
        [THE_OVERVIEW],
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
        [FLAGGED_ROW],
        [THE_FLAGGED],
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
        [OVERSEEN_ROW],
        [THE_OVERSEEN],
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
