"""The sandbox's applications and application environments at the wire."""

import httpx
import pytest

NOT_FOUND = b'{"code":404,"status":"Not Found"}\n'
FAULT = b'{"code":500,"status":"Internal Server Error"}\n'
INTEGRITY = (
    b'{"code":400,"message":"Integrity Error, check reference fields","status":"Bad Request"}\n'
)
MATCH = b'{"code":400,"message":"Id does not match payload","status":"Bad Request"}\n'
APPLICATION = {"name": "Payments", "applicationType": "BUSINESS_APPLICATION"}
DESCRIBED = (
    b'{"application":{"applicationType":"BUSINESS_APPLICATION","id":1,"name":"Payments"},'
    b'"applicationId":1,"environment":{"abbreviation":"PRD","id":1,"name":"Production"},'
    b'"environmentId":1,"id":1,"references":[{"reference":"123456789012",'
    b'"type":"aws_account_id"}]}\n'
)


def placed(*references, **fields):
    """Return a body for POST /application-environments/ with (type, reference) pairs."""
    pairs = [{"type": kind, "reference": reference} for kind, reference in references]
    return {"applicationId": 1, "environmentId": 1, "references": pairs, **fields}


@pytest.fixture
def client(sandbox):
    """A client of a sandbox that has one application and one environment."""
    with httpx.Client(base_url=sandbox.airview_url) as client:
        client.post("/applications/", json=APPLICATION)
        client.post("/environments/", json={"name": "Production", "abbreviation": "PRD"})
        yield client


def test_applications_repeat_and_are_listed_by_type(client):
    """Equal applications are separate rows; the list filters by type and nothing else."""
    client.post("/applications/", json={**APPLICATION, "applicationType": "TECHNICAL_SERVICE"})
    assert client.post("/applications/", json=APPLICATION).content == (
        b'{"applicationType":"BUSINESS_APPLICATION","id":3,"name":"Payments"}\n'
    )
    assert [row["id"] for row in client.get("/applications/?name=x").json()] == [1, 2, 3]
    found = client.get("/applications/?applicationType=TECHNICAL_SERVICE").json()
    assert [row["id"] for row in found] == [2]
    assert client.get("/applications/2").json()["applicationType"] == "TECHNICAL_SERVICE"


@pytest.mark.parametrize("application_type", ["", "SERVICE", "technical_service"])
def test_a_list_of_an_unknown_type_is_500(client, application_type):
    """PostgreSQL refuses to compare with what is no member."""
    answer = client.get("/applications/", params={"applicationType": application_type})
    assert (answer.status_code, answer.content) == (500, FAULT)


@pytest.mark.parametrize(
    "fields", [{"name": "x" * 501}, {"name": "\0"}, {"applicationType": "SERVICE"}]
)
def test_an_application_that_cannot_be_stored_is_400(client, sandbox, fields):
    """Here an unknown type, too long a name and a NUL are integrity errors."""
    answer = client.post("/applications/", json={**APPLICATION, **fields})
    assert (answer.status_code, answer.content) == (400, INTEGRITY)
    assert len(sandbox.snapshot()["application"]) == 1


def test_an_application_knows_no_older_fields(client):
    """Fields of older releases are unknown."""
    answer = client.post("/applications/", json={**APPLICATION, "parentId": 1, "references": []})
    unknown = ["Unknown field."]
    assert answer.json()["errors"] == {"json": {"parentId": unknown, "references": unknown}}


def test_an_application_environment_is_described_in_full(client):
    """Create, get by id and look-up by reference answer with the same object."""
    created = client.post(
        "/application-environments/", json=placed(("aws_account_id", "123456789012"))
    )
    assert (created.status_code, created.content) == (200, DESCRIBED)
    assert client.get("/application-environments/1").content == DESCRIBED
    where = {"type": "aws_account_id", "reference": "123456789012"}
    assert client.get("/referenced-application-environments/", params=where).content == DESCRIBED


@pytest.mark.parametrize(
    "path",
    [
        "/applications/9",
        "/application-environments/9",
        "/referenced-application-environments/?type=a&reference=b",
        "/referenced-application-environments/?type=&reference=",
    ],
)
def test_absence_is_plain_404(client, path):
    """What does not exist is 404."""
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (404, NOT_FOUND)


@pytest.mark.parametrize("query", ["", "?type=a", "?reference=a", "?type=a&other=b"])
def test_a_reference_look_up_without_both_parts_is_500(client, query):
    """Either parameter absent is a fault of the server."""
    answer = client.get("/referenced-application-environments/" + query)
    assert (answer.status_code, answer.content) == (500, FAULT)


def test_the_reference_rule_holds_for_look_ups(client):
    """A look-up by what cannot be a reference is 422, not 404."""
    answer = client.get("/referenced-application-environments/?type=a%3Ab&reference=a%20b")
    assert answer.status_code == 422
    assert answer.json()["errors"] == {
        "query": {"reference": ["Invalid value."], "type": ["Invalid value."]}
    }


def test_errors_in_references_are_keyed_by_index(client):
    """Faults of a list's elements stand under their index as text."""
    body = placed(
        references=[
            {"type": "t", "reference": "r"},
            {"type": "t", "reference": "a:b"},
            "text",
            {"type": None, "id": 1},
        ]
    )
    answer = client.post("/application-environments/", json=body)
    assert answer.json()["errors"] == {
        "json": {
            "references": {
                "1": {"reference": ["Invalid value."]},
                "2": {"_schema": ["Invalid input type."]},
                "3": {"id": ["Unknown field."], "type": ["Field may not be null."]},
            }
        }
    }


def test_references_are_a_list(client):
    """Anything but a list is of an invalid type, and a missing one is missing."""
    answer = client.post("/application-environments/", json=placed(references={}))
    assert answer.json()["errors"] == {"json": {"references": ["Invalid type."]}}
    answer = client.post("/application-environments/", json={"applicationId": 1})
    missing = ["Missing data for required field."]
    assert answer.json()["errors"] == {"json": {"environmentId": missing, "references": missing}}


@pytest.mark.parametrize(
    "body",
    [
        placed(applicationId=9),
        placed(environmentId=9),
        placed(applicationId=2**40),
        placed(("new", "1"), ("taken", "1")),
        placed(("new", "1"), ("new", "2")),
        placed(("new", "x" * 501)),
        placed(references=[{"type": "new"}]),
        placed(references=[{"reference": "1"}]),
    ],
)
def test_a_refused_application_environment_leaves_nothing(client, sandbox, body):
    """Unknown parents, taken, repeated, partial and overlong references store nothing at all."""
    client.post("/application-environments/", json=placed(("taken", "1")))
    before = sandbox.snapshot()
    answer = client.post("/application-environments/", json=body)
    assert (answer.status_code, answer.content) == (400, INTEGRITY)
    assert sandbox.snapshot() == before


def test_a_pair_may_have_several_application_environments(client):
    """Only references are unique: the same pair, and a reference of another type, are stored."""
    for references in ([], [("a", "1")], [("b", "1")]):
        assert client.post("/application-environments/", json=placed(*references)).is_success


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"application": APPLICATION}, 500),
        ({"environment": {"name": "n", "abbreviation": "a"}}, 500),
        ({"environment": {"name": "n"}}, 422),
        ({"id": 1}, 400),
    ],
)
def test_objects_and_ids_are_not_for_creates(client, fields, status):
    """Whole objects are a fault, checked ones at that; an id has its message."""
    answer = client.post("/application-environments/", json=placed(**fields))
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["message"] == "Id is not expected when creating record"


def test_an_application_is_replaced(client, sandbox):
    """PUT answers with nothing, and the row has the new name and type."""
    row = {"id": 1, "name": "Billing", "applicationType": "TECHNICAL_SERVICE"}
    answer = client.put("/applications/1", json=row)
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.get("/applications/1").json() == row
    assert len(sandbox.snapshot()["application"]) == 1


@pytest.mark.parametrize(
    ("path", "fields", "answered"),
    [
        ("/applications/1", {}, (500, FAULT)),
        ("/applications/1", {"id": 2, "applicationType": "SERVICE"}, (400, MATCH)),
        ("/applications/9", {"id": 9, "applicationType": "SERVICE"}, (404, NOT_FOUND)),
        ("/applications/1", {"id": 1, "applicationType": "SERVICE"}, (500, FAULT)),
        ("/applications/1", {"id": 1, "name": "x" * 501}, (400, INTEGRITY)),
        ("/applications/1", {"id": 1, "name": "\0"}, (400, INTEGRITY)),
    ],
)
def test_a_refused_replacement_changes_nothing(client, sandbox, path, fields, answered):
    """A missing and another id, an unknown row, type and text are judged in this order."""
    before = sandbox.snapshot()
    answer = client.put(path, json={**APPLICATION, **fields})
    assert (answer.status_code, answer.content) == answered
    assert sandbox.snapshot() == before


def test_the_schema_is_judged_before_the_id(client):
    """A body that breaks the schema is 422 whatever its id."""
    answer = client.put("/applications/9", json={"id": 1, "name": "Billing"})
    missing = ["Missing data for required field."]
    assert answer.status_code == 422
    assert answer.json()["errors"] == {"json": {"applicationType": missing}}


def test_an_application_environment_is_replaced(client):
    """PUT replaces the application, the environment and the whole list of references."""
    client.post("/applications/", json={**APPLICATION, "name": "Billing"})
    client.post("/environments/", json={"name": "Test", "abbreviation": "TST"})
    client.post("/application-environments/", json=placed(("account", "1"), ("vault", "1")))
    moved = placed(("account", "2"), id=1, applicationId=2, environmentId=2)
    answer = client.put("/application-environments/1", json=moved)
    assert (answer.status_code, answer.content) == (204, b"")
    described = client.get("/application-environments/1").json()
    assert described["application"]["name"] == "Billing"
    assert described["environment"]["name"] == "Test"
    assert described["references"] == [{"type": "account", "reference": "2"}]


def test_a_reference_that_is_sent_again_collides_with_itself(client, sandbox):
    """The server's defect: to keep references they are cleared first, and then all put back."""
    references = [("account", "1"), ("vault", "1")]
    client.post("/application-environments/", json=placed(*references))
    before = sandbox.snapshot()
    again = placed(*references[:1], id=1)
    answer = client.put("/application-environments/1", json=again)
    assert (answer.status_code, answer.content) == (400, INTEGRITY)
    assert sandbox.snapshot() == before
    for body in (placed(id=1), placed(*references, id=1)):
        assert client.put("/application-environments/1", json=body).status_code == 204
    described = client.get("/application-environments/1").json()
    assert [row["type"] for row in described["references"]] == ["account", "vault"]


@pytest.mark.parametrize(
    ("path", "body", "answered"),
    [
        ("/application-environments/1", placed(), (500, FAULT)),
        ("/application-environments/1", placed(id=2), (400, MATCH)),
        ("/application-environments/9", placed(id=9), (404, NOT_FOUND)),
        ("/application-environments/1", placed(id=1, application=APPLICATION), (500, FAULT)),
        ("/application-environments/1", placed(id=1, applicationId=9), (400, INTEGRITY)),
        ("/application-environments/1", placed(id=1, environmentId=9), (400, INTEGRITY)),
        ("/application-environments/1", placed(("taken", "1"), id=1), (400, INTEGRITY)),
        ("/application-environments/1", placed(("a", "1"), ("a", "2"), id=1), (400, INTEGRITY)),
        ("/application-environments/1", placed(("a", "x" * 501), id=1), (400, INTEGRITY)),
        (
            "/application-environments/1",
            placed(id=1, references=[{"type": "a"}]),
            (400, INTEGRITY),
        ),
    ],
)
def test_a_refused_application_environment_stays(client, sandbox, path, body, answered):
    """PUT is all or nothing: the references that are there survive a refusal."""
    client.post("/application-environments/", json=placed(("account", "1")))
    client.post("/application-environments/", json=placed(("taken", "1")))
    before = sandbox.snapshot()
    answer = client.put(path, json=body)
    assert (answer.status_code, answer.content) == answered
    assert sandbox.snapshot() == before


def test_the_environments_of_an_application_are_listed(client):
    """Every one of them is described in full; an unknown application has none."""
    client.post("/application-environments/", json=placed(("aws_account_id", "123456789012")))
    client.post("/application-environments/", json=placed())
    listed = client.get("/applications/1/application-environments")
    assert listed.content.startswith(b"[" + DESCRIBED.rstrip() + b",{")
    assert [row["id"] for row in listed.json()] == [1, 2]
    assert client.get("/applications/9/application-environments").content == b"[]\n"
    answer = client.get("/applications/one/application-environments")
    assert (answer.status_code, answer.content) == (500, FAULT)
