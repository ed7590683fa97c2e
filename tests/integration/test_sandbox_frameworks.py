"""The sandbox's frameworks, sections, control objectives and links at the wire."""

import httpx
import pytest

FAULT = b'{"code":500,"status":"Internal Server Error"}\n'
UNIQUE = (
    b'{"code":400,"message":"Unique Constraint Error, check reference field",'
    b'"status":"Bad Request"}\n'
)
FRAMEWORK = {"name": "NIST 800-53", "link": "/nist"}
SECTION = {"name": "Access Control", "link": "/nist/ac", "frameworkId": 1}
OBJECTIVE = {"name": "AC-1", "link": "/nist/ac-1", "frameworkSectionId": 1}
LINK = {"frameworkControlObjectiveId": 1, "controlId": 1}
SECTIONS = "/frameworks/1/sections/"
OBJECTIVES = "/frameworks/1/sections/1/control-objectives/"
LINKS = "/frameworks/framework-control-objective-link/"
CREATES = [
    ("/frameworks/", FRAMEWORK),
    (SECTIONS, SECTION),
    (OBJECTIVES, OBJECTIVE),
    ("/controls/", {"name": "c", "qualityModel": "SECURITY", "severity": "LOW"}),
    (LINKS, LINK),
]


@pytest.fixture
def client(sandbox):
    """A client of a sandbox that has one framework down to its link."""
    with httpx.Client(base_url=sandbox.airview_url) as client:
        for path, body in CREATES:
            assert client.post(path, json=body).status_code == 200
        yield client


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/frameworks/", b'[{"id":1,"link":"/nist","name":"NIST 800-53"}]\n'),
        ("/frameworks/?name=NIST%20800-53", b'[{"id":1,"link":"/nist","name":"NIST 800-53"}]\n'),
        ("/frameworks/?name=nist", b"[]\n"),
        ("/frameworks/1/", b'{"id":1,"link":"/nist","name":"NIST 800-53"}\n'),
        ("/frameworks/9/", b"{}\n"),
        (
            SECTIONS,
            b'[{"frameworkId":1,"id":1,"link":"/nist/ac","name":"Access Control"}]\n',
        ),
        ("/frameworks/9/sections/", b"[]\n"),
        (
            "/frameworks/9/sections/1/control-objectives/",
            b'[{"frameworkSectionId":1,"id":1,"link":"/nist/ac-1","name":"AC-1"}]\n',
        ),
        ("/frameworks/1/sections/9/control-objectives/", b"[]\n"),
        (LINKS, b'[{"controlId":1,"frameworkControlObjectiveId":1}]\n'),
    ],
)
def test_what_was_created_is_found(client, path, content):
    """Lists have the rows as they go over the wire, and an unknown framework is an empty object."""
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (200, content)


def test_whole_frameworks_may_repeat(client):
    """Nothing about frameworks, sections and objectives is unique."""
    for path, body in CREATES[:3]:
        assert client.post(path, json=body).json() == {**body, "id": 2}


def test_an_empty_name_is_no_filter(client):
    """`?name=` lists what no name lists."""
    client.post("/frameworks/", json={**FRAMEWORK, "name": "other"})
    client.post(SECTIONS, json={**SECTION, "name": "other"})
    client.post(SECTIONS, json={**SECTION, "frameworkId": 2})
    client.post(OBJECTIVES, json={**OBJECTIVE, "frameworkSectionId": 2})
    for path, ids in (("/frameworks/", [1, 2]), (SECTIONS, [1, 2]), (OBJECTIVES, [1])):
        assert [row["id"] for row in client.get(f"{path}?name=").json()] == ids


@pytest.mark.parametrize("framework", [1, 2, 9])
def test_names_are_searched_for_everywhere(client, framework):
    """A name finds sections and objectives of every framework, and the path is ignored."""
    client.post("/frameworks/", json=FRAMEWORK)
    client.post("/frameworks/1/sections/", json={**SECTION, "frameworkId": 2})
    client.post(OBJECTIVES, json={**OBJECTIVE, "frameworkSectionId": 2})
    path = f"/frameworks/{framework}/sections/"
    found = client.get(path, params={"name": "Access Control"}).json()
    assert [row["frameworkId"] for row in found] == [1, 2]
    found = client.get(f"{path}9/control-objectives/", params={"name": "AC-1"}).json()
    assert [row["frameworkSectionId"] for row in found] == [1, 2]


def test_the_parent_is_the_bodys(client):
    """A create takes its parent from the body, whichever the path names."""
    assert client.post("/frameworks/9/sections/", json=SECTION).json()["frameworkId"] == 1
    path = "/frameworks/8/sections/9/control-objectives/"
    assert client.post(path, json=OBJECTIVE).json()["frameworkSectionId"] == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/frameworks/", {"name": "n"}),
        (SECTIONS, {"name": "n", "frameworkId": 1}),
        (SECTIONS, {**SECTION, "frameworkId": 9}),
        (OBJECTIVES, {"name": "n", "frameworkSectionId": 1}),
        (OBJECTIVES, {**OBJECTIVE, "frameworkSectionId": 9}),
        (LINKS, LINK),
        (LINKS, {**LINK, "controlId": 9}),
        (LINKS, {**LINK, "frameworkControlObjectiveId": 9}),
        (LINKS, {"controlId": 1}),
        (LINKS, {}),
    ],
)
def test_integrity_is_one_message(client, sandbox, path, body):
    """A missing link, an unknown parent and a repeated pair read alike."""
    before = sandbox.snapshot()
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.content) == (400, UNIQUE)
    assert sandbox.snapshot() == before


@pytest.mark.parametrize(
    ("path", "body", "missing"),
    [
        ("/frameworks/", {}, ["name"]),
        (SECTIONS, {}, ["frameworkId", "name"]),
        (OBJECTIVES, {}, ["frameworkSectionId", "name"]),
    ],
)
def test_names_and_parents_are_required(client, path, body, missing):
    """What the schema wants is 422."""
    answer = client.post(path, json=body)
    assert answer.status_code == 422
    wanted = {name: ["Missing data for required field."] for name in missing}
    assert answer.json()["errors"] == {"json": wanted}


@pytest.mark.parametrize(("path", "body"), [*CREATES[:3], (LINKS, LINK)])
def test_an_id_is_not_expected(client, path, body):
    """A create with an id has its message; a link does not even know the field."""
    answer = client.post(path, json={**body, "id": 1})
    if path == LINKS:
        assert answer.status_code == 422
        assert answer.json()["errors"] == {"json": {"id": ["Unknown field."]}}
    else:
        assert answer.status_code == 400
        assert answer.json()["message"] == "Id is not expected when creating record"


@pytest.mark.parametrize("name", ["x" * 501, "\0"])
def test_what_no_column_can_hold_is_500(client, name):
    """Too long a name and a NUL are faults."""
    answer = client.post("/frameworks/", json={**FRAMEWORK, "name": name})
    assert (answer.status_code, answer.content) == (500, FAULT)


def test_links_are_filtered_by_the_pair_only(client):
    """Both parameters find one link or none; one alone is no filter."""
    client.post(OBJECTIVES, json=OBJECTIVE)
    client.post(LINKS, json={**LINK, "frameworkControlObjectiveId": 2})
    both = {"controlId": "1", "frameworkControlObjectiveId": "2"}
    assert client.get(LINKS, params=both).content == (
        b'[{"controlId":1,"frameworkControlObjectiveId":2}]\n'
    )
    assert client.get(LINKS, params={**both, "controlId": "2"}).content == b"[]\n"
    for alone in ({"controlId": "9"}, {"frameworkControlObjectiveId": "2"}):
        assert len(client.get(LINKS, params=alone).json()) == 2
    answer = client.get(LINKS, params={**both, "controlId": "one"})
    assert (answer.status_code, answer.content) == (500, FAULT)
