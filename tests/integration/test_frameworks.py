"""Frameworks, their sections, their control objectives, and the links of these to controls."""

import anyio
import attrs
import httpx
import pytest
from faulty import Faulty
from tables import Tables, in_words

from airview_herald.airview import (
    Control,
    Framework,
    FrameworkControlObjective,
    FrameworkControlObjectiveLink,
    FrameworkSection,
)
from airview_herald.errors import BadRequestError, InputError, NotFoundError

URL = "https://airview.example/api"
PREFIX = "/api"
NIST = Framework("NIST 800-53", "/nist")
ISO = Framework("ISO 27001", "/iso")
ACCESS = FrameworkSection("Access Control", "/nist/ac", NIST)
AC1 = FrameworkControlObjective("AC-1", "/nist/ac-1", ACCESS)
PATCHING = Control("Patch servers", "SECURITY")
UNIQUE = "Unique Constraint Error, check reference field"

FRAMEWORKS = f"{PREFIX}/frameworks/"
SECTIONS = f"{FRAMEWORKS}{{id}}/sections/"
OBJECTIVES = f"{SECTIONS}{{id}}/control-objectives/"
LINKS = f"{FRAMEWORKS}framework-control-objective-link/"
CONTROLS = f"{PREFIX}/controls/"


@pytest.fixture
def tables():
    """Tables with nothing in them."""
    return Tables()


@pytest.fixture
def client(connect, tables):
    """Make clients of those tables."""
    return lambda http=None, **options: connect(
        URL, http=http or httpx.MockTransport(tables), **options
    )


def numbered(objective, framework, section, identifier):
    """Return a control objective with its ids."""
    framework = attrs.evolve(objective.framework_section.framework, id=framework)
    section = attrs.evolve(objective.framework_section, framework=framework, id=section)
    return attrs.evolve(objective, framework_section=section, id=identifier)


async def test_each_route_of_the_backend(tables, client):
    """Every row is absent, then made, then found, each under its parent's id."""
    async with client() as airview:
        backend = airview.backend
        assert await backend.get_framework(NIST) is None
        framework = await backend.create_framework(NIST)
        assert framework == attrs.evolve(NIST, id=1)
        assert await backend.get_framework(NIST) == framework

        section = attrs.evolve(ACCESS, framework=framework)
        assert await backend.get_framework_section(section) is None
        made = await backend.create_framework_section(section)
        assert made == attrs.evolve(section, id=1)
        assert await backend.get_framework_section(section) == made

        objective = attrs.evolve(AC1, framework_section=made)
        assert await backend.get_framework_control_objective(objective) is None
        placed = await backend.create_framework_control_objective(objective)
        assert placed == numbered(AC1, 1, 1, 1)
        assert await backend.get_framework_control_objective(objective) == placed

        control = await backend.create_control(PATCHING)
        assert await backend.get_framework_control_objective_link(placed, control) is None
        link = await backend.create_framework_control_objective_link(placed, control)
        assert link == FrameworkControlObjectiveLink(1, 1)
        assert await backend.get_framework_control_objective_link(placed, control) == link
        with pytest.raises(BadRequestError) as caught:
            await backend.create_framework_control_objective_link(placed, control)
    assert caught.value.request.message == UNIQUE
    assert [(m, t, b) for m, t, b in tables.requests if m == "POST"][:4] == [
        ("POST", "/api/frameworks/", {"name": "NIST 800-53", "link": "/nist"}),
        (
            "POST",
            "/api/frameworks/1/sections/",
            {"name": "Access Control", "link": "/nist/ac", "frameworkId": 1},
        ),
        (
            "POST",
            "/api/frameworks/1/sections/1/control-objectives/",
            {"name": "AC-1", "link": "/nist/ac-1", "frameworkSectionId": 1},
        ),
        (
            "POST",
            "/api/controls/",
            {"name": "Patch servers", "qualityModel": "SECURITY"} | {"severity": "LOW"},
        ),
    ]


async def test_a_control_objective_is_recorded_with_its_parents(tables, client):
    """Framework, section and objective are looked for, made once, and then remembered."""
    before = attrs.evolve(AC1)
    async with client() as airview:
        made = await airview.handle_framework_control_objective(AC1)
        assert made == numbered(AC1, 1, 1, 1)
        assert [in_words(path) for path in tables.sent("POST")] == [
            FRAMEWORKS,
            SECTIONS,
            OBJECTIVES,
        ]
        sent = len(tables.requests)
        assert await airview.handle_framework_control_objective(AC1) == made
        assert len(tables.requests) == sent == 6
    assert before == AC1
    async with client() as airview:
        assert await airview.handle_framework_control_objective(AC1) == made
    assert len(tables.sent("POST")) == 3


async def test_a_link_is_recorded_with_all_that_it_needs(tables, client):
    """The control, the objective and its parents are made on the way, once."""
    async with client() as airview:
        made = await airview.handle_framework_control_objective_link(AC1, PATCHING)
        again = await airview.handle_framework_control_objective_link(AC1, PATCHING)
    assert made == again == FrameworkControlObjectiveLink(1, 1)
    assert tables.rows["framework-control-objective-link"] == [
        {"frameworkControlObjectiveId": 1, "controlId": 1}
    ]
    assert [in_words(path) for path in tables.sent("POST")] == [
        CONTROLS,
        FRAMEWORKS,
        SECTIONS,
        OBJECTIVES,
        LINKS,
    ]
    assert (AC1.id, ACCESS.id, NIST.id, PATCHING.id) == (None,) * 4
    async with client() as airview:
        assert await airview.handle_framework_control_objective_link(AC1, PATCHING) == made
    assert len(tables.sent("POST")) == 5


async def test_many_at_once_make_each_row_once(tables, client):
    """Fifty objectives of two sections of one framework, each asked for four times."""
    given = [
        attrs.evolve(
            AC1, name=f"AC-{n}", framework_section=attrs.evolve(ACCESS, name=f"Section {n % 2}")
        )
        for n in range(50)
    ]
    async with client() as airview, anyio.create_task_group() as tasks:
        for objective in given * 4:
            tasks.start_soon(airview.handle_framework_control_objective_link, objective, PATCHING)
    assert {table: len(rows) for table, rows in tables.rows.items()} == {
        "controls": 1,
        "frameworks": 1,
        "sections": 2,
        "control-objectives": 50,
        "framework-control-objective-link": 50,
    }


async def test_sections_and_objectives_of_other_frameworks_are_left_out(tables, client):
    """Look-ups by name span all frameworks: an equally named section elsewhere is not ours."""
    elsewhere = attrs.evolve(AC1, framework_section=attrs.evolve(ACCESS, framework=ISO))
    async with client() as airview:
        theirs = await airview.handle_framework_control_objective(elsewhere)
    async with client() as airview:
        ours = await airview.handle_framework_control_objective(AC1)
        both = [await airview.handle_framework_control_objective(each) for each in (elsewhere, AC1)]
    assert both == [theirs, ours]
    sections = [(row["id"], row["frameworkId"]) for row in tables.rows["sections"]]
    assert sections == [(1, 1), (2, 2)]
    objectives = tables.rows["control-objectives"]
    assert [(row["id"], row["frameworkSectionId"]) for row in objectives] == [(1, 1), (2, 2)]


async def test_of_equal_rows_the_lowest_id_counts(client):
    """The server keeps any number of equal rows, and lists them in no order."""
    async with client() as airview:
        backend = airview.backend
        for _ in range(3):
            framework = await backend.create_framework(NIST)
        assert (framework.id, (await backend.get_framework(NIST)).id) == (3, 1)
        section = attrs.evolve(ACCESS, framework=framework)
        for _ in range(2):
            placed = await backend.create_framework_section(section)
        assert (placed.id, (await backend.get_framework_section(section)).id) == (2, 1)
        objective = attrs.evolve(AC1, framework_section=placed)
        for _ in range(2):
            made = await backend.create_framework_control_objective(objective)
        assert (made.id, (await backend.get_framework_control_objective(objective)).id) == (2, 1)


@pytest.mark.parametrize(
    "path", ["/frameworks/", "/sections/", "/control-objectives/", "-objective-link/"]
)
@pytest.mark.parametrize("processed", [True, False])
async def test_a_create_in_doubt_is_settled(tables, client, path, processed):
    """Whether the server got a create or not, there is one row of each in the end."""
    faulty = Faulty(httpx.MockTransport(tables))
    faulty.order("POST", path, processed=processed)
    async with client(faulty, settle=0.05) as airview:
        made = await airview.handle_framework_control_objective_link(AC1, PATCHING)
    assert made == FrameworkControlObjectiveLink(1, 1)
    assert {len(rows) for rows in tables.rows.values()} == {1}


async def test_airviews_own_404_is_absence_and_a_gateways_is_not(client):
    """Nothing is created on the word of a gateway, or of a wrong base URL."""

    def absent(request):
        sent.append(request.method)
        return httpx.Response(404, json={"code": 404, "status": "Not Found"})

    def gateway(request):
        sent.append(request.method)
        return httpx.Response(404, html="<h1>Not Found</h1>")

    sent = []
    async with client(httpx.MockTransport(absent)) as airview:
        assert await airview.backend.get_framework(NIST) is None
    async with client(httpx.MockTransport(gateway)) as airview:
        with pytest.raises(NotFoundError, match="a wrong base URL"):
            await airview.handle_framework_control_objective(AC1)
    assert sent == ["GET", "GET"]


async def test_a_refused_create_is_an_error(client):
    """A refusal that no look explains is the server's verdict."""

    def refusing(request):
        if request.method == "GET":
            return httpx.Response(200, json=[])
        refusal = {"code": 400, "message": UNIQUE, "status": "Bad Request"}
        return httpx.Response(400, json=refusal)

    async with client(httpx.MockTransport(refusing)) as airview:
        with pytest.raises(BadRequestError, match=UNIQUE):
            await airview.handle_framework_control_objective(AC1)


async def test_a_link_that_somebody_else_made_is_taken(tables, client):
    """The loser of a race looks again and finds the winner's link."""

    async def late(request):
        response = await tables(request)
        if request.method == "GET" and LINKS.endswith(request.url.path) and not lost:
            lost.append(request)
            tables.rows["framework-control-objective-link"].append(
                {"frameworkControlObjectiveId": 1, "controlId": 1}
            )
        return response

    lost = []
    async with client(httpx.MockTransport(late)) as airview:
        link = await airview.handle_framework_control_objective_link(AC1, PATCHING)
    assert lost
    assert link == FrameworkControlObjectiveLink(1, 1)
    assert len(tables.rows["framework-control-objective-link"]) == 1


async def test_a_control_that_cannot_be_recorded_leaves_no_framework_behind(tables, client):
    """What a link needs is found out before anything is made."""
    async with client() as airview:
        with pytest.raises(InputError) as caught:
            await airview.handle_framework_control_objective_link(AC1, Control("Patch servers"))
    assert caught.value.field == "control.quality_model"
    assert tables.sent("POST") == []


SECTION_ID = "framework_control_objective.framework_section.id"
FRAMEWORK_ID = "framework_control_objective.framework_section.framework.id"


@pytest.mark.parametrize(
    ("method", "given", "field"),
    [
        ("framework_section", (ACCESS,), "framework_section.framework.id"),
        ("framework_control_objective", (AC1,), SECTION_ID),
        ("framework_control_objective", (numbered(AC1, None, 5, None),), FRAMEWORK_ID),
        (
            "framework_control_objective_link",
            (AC1, PATCHING),
            "framework_control_objective.id",
        ),
        (
            "framework_control_objective_link",
            (attrs.evolve(AC1, id=8), PATCHING),
            "control.id",
        ),
    ],
)
async def test_ids_of_parents_are_needed(tables, client, method, given, field):
    """An id that an earlier operation should have filled in is asked for by name."""
    async with client() as airview:
        for verb in ("get", "create"):
            with pytest.raises(InputError, match="use the object that an earlier") as caught:
                await getattr(airview.backend, f"{verb}_{method}")(*given)
            assert caught.value.field == field
            assert caught.value.subject is given[field == "control.id"]
    assert tables.requests == []


@pytest.mark.parametrize(
    ("operation", "given", "field"),
    [
        ("handle_framework_control_objective", (ACCESS,), "framework_control_objective"),
        (
            "handle_framework_control_objective_link",
            (attrs.evolve(AC1, link=None), PATCHING),
            "framework_control_objective.link",
        ),
        ("handle_framework_control_objective_link", (AC1, None), "control"),
    ],
)
async def test_bad_input_sends_nothing(tables, client, operation, given, field):
    """What breaks a rule is handed back before a request is sent."""
    async with client() as airview:
        with pytest.raises(InputError) as caught:
            await getattr(airview, operation)(*given)
    assert caught.value.field == field
    assert tables.requests == []
