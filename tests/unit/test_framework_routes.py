import json

import httpx
import pytest

from airview_herald.airview import _framework_routes as routes
from airview_herald.airview.frameworks import (
    Framework,
    FrameworkControlObjective,
    FrameworkControlObjectiveLink,
    FrameworkSection,
)
from airview_herald.errors import DecodeError, RequestFacts
from airview_herald.transport._call import Reply, RetryClass

NIST = Framework("NIST 800-53", "/nist", 1)
ACCESS = FrameworkSection("Access Control", "/nist/ac", NIST, 5)
AC1 = FrameworkControlObjective("AC-1", "/nist/ac-1", ACCESS, 8)
LINK = FrameworkControlObjectiveLink(8, 12)

NIST_ROW = {"id": 1, "link": "/nist", "name": "NIST 800-53"}
ACCESS_ROW = {"frameworkId": 1, "id": 5, "link": "/nist/ac", "name": "Access Control"}
AC1_ROW = {"frameworkSectionId": 5, "id": 8, "link": "/nist/ac-1", "name": "AC-1"}
LINK_ROW = {"controlId": 12, "frameworkControlObjectiveId": 8}

LINKS = "/frameworks/framework-control-objective-link/"
AWKWARD = "R&D #1 a+b%"
ENCODED = "R%26D%20%231%20a%2Bb%25"

LOOKS = {
    "get_frameworks": (routes.get_frameworks(AWKWARD), f"/frameworks/?name={ENCODED}"),
    "get_framework_sections": (
        routes.get_framework_sections(NIST, AWKWARD),
        f"/frameworks/1/sections/?name={ENCODED}",
    ),
    "get_framework_control_objectives": (
        routes.get_framework_control_objectives(ACCESS, AWKWARD),
        f"/frameworks/1/sections/5/control-objectives/?name={ENCODED}",
    ),
    "get_framework_control_objective_link": (
        routes.get_framework_control_objective_link(8, 12),
        f"{LINKS}?controlId=12&frameworkControlObjectiveId=8",
    ),
}

CREATES = {
    "create_framework": (
        routes.create_framework(NIST),
        "/frameworks/",
        b'{"name":"NIST 800-53","link":"/nist"}',
    ),
    "create_framework_section": (
        routes.create_framework_section(ACCESS),
        "/frameworks/1/sections/",
        b'{"name":"Access Control","link":"/nist/ac","frameworkId":1}',
    ),
    "create_framework_control_objective": (
        routes.create_framework_control_objective(AC1),
        "/frameworks/1/sections/5/control-objectives/",
        b'{"name":"AC-1","link":"/nist/ac-1","frameworkSectionId":5}',
    ),
    "create_framework_control_objective_link": (
        routes.create_framework_control_objective_link(8, 12),
        LINKS,
        b'{"frameworkControlObjectiveId":8,"controlId":12}',
    ),
}

ANSWERS = {
    "frameworks": (routes.get_frameworks("x"), [NIST_ROW], [NIST]),
    "no frameworks": (routes.get_frameworks("x"), [], []),
    "new framework": (routes.create_framework(NIST), NIST_ROW, NIST),
    "sections": (routes.get_framework_sections(NIST, "x"), [ACCESS_ROW], [ACCESS]),
    "sections of others too": (
        routes.get_framework_sections(NIST, "x"),
        [ACCESS_ROW | {"frameworkId": 2, "id": 4}, ACCESS_ROW, ACCESS_ROW | {"frameworkId": None}],
        [ACCESS],
    ),
    "new section": (routes.create_framework_section(ACCESS), ACCESS_ROW, ACCESS),
    "objectives": (routes.get_framework_control_objectives(ACCESS, "x"), [AC1_ROW], [AC1]),
    "objectives of others too": (
        routes.get_framework_control_objectives(ACCESS, "x"),
        [AC1_ROW | {"frameworkSectionId": 6, "id": 7}, AC1_ROW],
        [AC1],
    ),
    "new objective": (routes.create_framework_control_objective(AC1), AC1_ROW, AC1),
    "link": (routes.get_framework_control_objective_link(8, 12), [LINK_ROW], LINK),
    "no link": (routes.get_framework_control_objective_link(8, 12), [], None),
    "links of others": (
        routes.get_framework_control_objective_link(8, 12),
        [LINK_ROW | {"controlId": 1}, LINK_ROW | {"frameworkControlObjectiveId": 1}],
        None,
    ),
    "new link": (routes.create_framework_control_objective_link(8, 12), LINK_ROW, LINK),
}


def reply(document):
    """Return an answer with a document."""
    content = json.dumps(document).encode()
    return Reply(200, httpx.Headers(), content, RequestFacts("GET", "http://airview/x/"))


@pytest.mark.parametrize(("call", "target"), LOOKS.values(), ids=LOOKS)
def test_looks_are_built_as_registered(call, target):
    """A look has its exact slashes and encoding, and AirView's own 404 means absence."""
    assert (call.method, call.target, call.success) == ("GET", target, 200)
    assert (call.retry_class, call.body, call.absent) == (RetryClass.READ, None, True)


@pytest.mark.parametrize(("call", "target", "body"), CREATES.values(), ids=CREATES)
def test_creates_are_built_as_registered(call, target, body):
    """The parent's id is in the body too, where it counts, and no row brings its own."""
    assert (call.method, call.target, call.success) == ("POST", target, 200)
    assert (call.retry_class, call.body, call.absent) == (RetryClass.CREATE, body, False)


def test_every_route_is_checked_here():
    """A route function added to the module is missed by no test of this file."""
    functions = {name for name in vars(routes) if name.startswith(("get_", "create_"))}
    assert {*LOOKS, *CREATES} == functions


@pytest.mark.parametrize(("call", "document", "value"), ANSWERS.values(), ids=ANSWERS)
def test_documented_answers_are_read(call, document, value):
    """The contract's examples become models, and what belongs to another parent is left out."""
    assert call.decode(reply(document)) == value


@pytest.mark.parametrize(
    ("call", "document", "path"),
    [
        (routes.get_frameworks("x"), [{"link": "/nist", "name": "n"}], "$[0].id"),
        (routes.create_framework(NIST), NIST_ROW | {"link": None}, "$.link"),
        (routes.get_framework_sections(NIST, "x"), [{}], "$[0].id"),
        (routes.create_framework_section(ACCESS), ACCESS_ROW | {"id": "5"}, "$.id"),
        (routes.get_framework_control_objectives(ACCESS, "x"), AC1_ROW, "$"),
        (
            routes.get_framework_control_objective_link(8, 12),
            [{"controlId": 12}],
            "$[0].frameworkControlObjectiveId",
        ),
    ],
)
def test_answers_that_break_the_contract_are_told(call, document, path):
    """A missing or wrong field is named by its path."""
    with pytest.raises(DecodeError) as caught:
        call.decode(reply(document))
    assert caught.value.path == path
