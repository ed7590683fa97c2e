"""The sandbox's systems, environments, services, resource types and controls at the wire."""

import httpx
import pytest

NOT_FOUND = b'{"code":404,"status":"Not Found"}\n'
FAULT = b'{"code":500,"status":"Internal Server Error"}\n'
INTEGRITY = (
    b'{"code":400,"message":"Integrity Error, check reference fields","status":"Bad Request"}\n'
)
CONFLICT = b'{"code":409,"message":"Integrity Error, check reference fields","status":"Conflict"}\n'
UNIQUE = (
    b'{"code":400,"message":"Unique Constraint Error, check reference field",'
    b'"status":"Bad Request"}\n'
)
SYSTEM = {"name": "s", "stage": "MONITOR"}
ENVIRONMENT = {"name": "Production", "abbreviation": "PRD"}
SERVICE = {"name": "EC2", "reference": "ec2", "type": "VIRTUAL_MACHINE"}
RESOURCE_TYPE = {"name": "EC2 instance", "reference": "AWS::EC2::Instance", "serviceId": 1}
CONTROL = {"name": "Patch servers", "qualityModel": "SECURITY", "severity": "HIGH"}
TECHNICAL_CONTROL = {
    "name": "EC2 patching",
    "reference": "ec2-patching",
    "systemId": 1,
    "controlAction": "VULNERABILITY",
}
DESCRIBED = (
    b'{"controlAction":"VULNERABILITY","controlId":null,"id":1,"isBlocking":false,'
    b'"name":"EC2 patching","reference":"ec2-patching","systemId":1,"ttl":null}'
)
LINK = {"controlId": 1, "resourceTypeId": 1}
CREATES = [
    ("/systems/", SYSTEM),
    ("/environments/", ENVIRONMENT),
    ("/services/", SERVICE),
    ("/resource-types/", RESOURCE_TYPE),
    ("/controls/", CONTROL),
    ("/resource-types-controls/", LINK),
    ("/technical-controls/", TECHNICAL_CONTROL),
]


@pytest.fixture
def client(sandbox):
    """A client of its AirView."""
    with httpx.Client(base_url=sandbox.airview_url) as client:
        yield client


@pytest.fixture
def filled(client):
    """A client of a sandbox that has one row of each definition."""
    for path, body in CREATES:
        assert client.post(path, json=body).status_code == 200
    return client


def errors(answer):
    """Return the errors of a 422 for a body."""
    assert answer.status_code == 422
    return answer.json()["errors"]["json"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/systems/?name=s", b'{"id":1,"name":"s","stage":"MONITOR"}\n'),
        ("/environments/", b'[{"abbreviation":"PRD","id":1,"name":"Production"}]\n'),
        ("/services/", b'[{"id":1,"name":"EC2","reference":"ec2","type":"VIRTUAL_MACHINE"}]\n'),
        (
            "/resource-types/?reference=AWS%3A%3AEC2%3A%3AInstance",
            b'{"id":1,"name":"EC2 instance","reference":"AWS::EC2::Instance","serviceId":1}\n',
        ),
        (
            "/controls/",
            b'[{"id":1,"name":"Patch servers","qualityModel":"SECURITY","severity":"HIGH"}]\n',
        ),
        ("/controls/?name=other", b"[]\n"),
        (
            "/resource-types-controls/?controlId=1&resourceTypeId=1",
            b'{"controlId":1,"id":1,"resourceTypeId":1}\n',
        ),
        (
            "/technical-controls/?systemId=1&reference=ec2-patching",
            b"[" + DESCRIBED + b"]\n",
        ),
        ("/technical-controls/?systemId=9&reference=ec2-patching", b"[]\n"),
        (
            "/technical-controls/1",
            DESCRIBED + b"\n",
        ),
    ],
)
def test_what_was_created_is_found(filled, path, body):
    """Each look-up answers with the rows as they go over the wire."""
    answer = filled.get(path)
    assert (answer.status_code, answer.content) == (200, body)


@pytest.mark.parametrize(
    "path",
    [
        "/systems/?name=S",
        "/systems/?name=",
        "/resource-types/?reference=other",
        "/resource-types/?reference=",
        "/resource-types/",
        "/resource-types-controls/?controlId=1&resourceTypeId=2",
        "/resource-types-controls/?controlId=1",
        "/resource-types-controls/?resourceTypeId=1",
        "/resource-types-controls/",
        "/technical-controls/2",
    ],
)
def test_absence_is_plain_404(filled, path):
    """An object that does not exist, by exact and case-sensitive comparison, is 404."""
    answer = filled.get(path)
    assert (answer.status_code, answer.content) == (404, NOT_FOUND)


@pytest.mark.parametrize(
    "path",
    [
        "/systems/",
        "/systems/?name=%00",
        "/technical-controls/one",
        "/resource-types-controls/?controlId=one&resourceTypeId=1",
        "/resource-types-controls/?controlId=1&resourceTypeId=",
        "/technical-controls/99999999999",
        "/technical-controls/" + "9" * 5000,
    ],
)
def test_look_ups_that_postgresql_refuses_are_500(filled, path):
    """A missing name, a NUL and what is no integer of the database are 500."""
    answer = filled.get(path)
    assert (answer.status_code, answer.content) == (500, FAULT)


def test_an_empty_name_is_no_filter_on_controls(filled):
    """`?name=` lists every control, and equal names are separate rows."""
    filled.post("/controls/", json=CONTROL)
    filled.post("/controls/", json={**CONTROL, "name": "other"})
    assert [row["id"] for row in filled.get("/controls/?name=").json()] == [1, 2, 3]
    found = filled.get("/controls/", params={"name": CONTROL["name"]}).json()
    assert [row["id"] for row in found] == [1, 2]


def test_a_link_of_nothing_is_found_by_nothing(filled):
    """Nothing is required of a link, and a missing parameter looks for null."""
    nothing = b'{"controlId":null,"id":2,"resourceTypeId":null}\n'
    assert filled.post("/resource-types-controls/", json={}).content == nothing
    assert filled.get("/resource-types-controls/").content == nothing


def test_technical_controls_need_both_parameters(filled):
    """Missing parameters and a reference beyond the rule are 422 for the query."""
    answer = filled.get("/technical-controls/")
    missing = ["Missing data for required field."]
    assert answer.status_code == 422
    assert answer.json()["errors"] == {"query": {"reference": missing, "systemId": missing}}
    answer = filled.get("/technical-controls/?systemId=1.5&reference=a%3Ab")
    assert answer.content == (
        b'{"code":422,"errors":{"query":{"reference":["Invalid value."],'
        b'"systemId":["Not a valid integer."]}},"status":"Unprocessable Entity"}\n'
    )


@pytest.mark.parametrize(
    ("path", "body", "answered"),
    [
        ("/systems/", SYSTEM, (400, INTEGRITY)),
        ("/environments/", {**ENVIRONMENT, "name": "other"}, (400, INTEGRITY)),
        ("/services/", {**SERVICE, "name": "other"}, (400, INTEGRITY)),
        ("/resource-types/", RESOURCE_TYPE, (409, CONFLICT)),
        ("/resource-types/", {"name": "n", "reference": "r", "serviceId": 9}, (409, CONFLICT)),
        ("/resource-types-controls/", {**LINK, "controlId": 9}, (409, CONFLICT)),
        ("/resource-types-controls/", {**LINK, "resourceTypeId": 9}, (409, CONFLICT)),
        ("/technical-controls/", TECHNICAL_CONTROL, (400, UNIQUE)),
        ("/technical-controls/", {**TECHNICAL_CONTROL, "systemId": 9}, (400, UNIQUE)),
        (
            "/technical-controls/",
            {**TECHNICAL_CONTROL, "reference": "r", "controlId": 9},
            (400, UNIQUE),
        ),
        ("/systems/", {"stage": "BUILD"}, (400, INTEGRITY)),
        ("/systems/", {}, (400, INTEGRITY)),
        ("/services/", {"name": "n", "reference": "r"}, (400, INTEGRITY)),
    ],
)
def test_integrity_is_one_message(filled, sandbox, path, body, answered):
    """Duplicates, unknown parents and missing columns read alike, and nothing is stored."""
    before = sandbox.snapshot()
    answer = filled.post(path, json=body)
    assert (answer.status_code, answer.content) == answered
    assert sandbox.snapshot() == before


def test_what_may_repeat_is_stored_again(filled):
    """Names of environments, controls and their links may repeat; references per system only."""
    assert filled.post("/environments/", json={**ENVIRONMENT, "abbreviation": "P2"}).is_success
    assert filled.post("/controls/", json=CONTROL).json()["id"] == 2
    assert filled.post("/resource-types-controls/", json=LINK).json()["id"] == 2
    filled.post("/systems/", json={**SYSTEM, "name": "other"})
    assert filled.post("/technical-controls/", json={**TECHNICAL_CONTROL, "systemId": 2}).is_success


@pytest.mark.parametrize(("path", "body"), CREATES)
def test_an_id_is_not_expected(filled, path, body):
    """A create with an id is refused with its own message, 409 for types and their controls."""
    answer = filled.post(path, json={**body, "id": 1})
    is_type = path.startswith("/resource-types")
    status, phrase = (409, "Conflict") if is_type else (400, "Bad Request")
    assert answer.status_code == status
    assert answer.json() == {
        "code": status,
        "message": "Id is not expected when creating record",
        "status": phrase,
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/systems/", {"name": "x" * 501, "stage": "BUILD"}),
        ("/systems/", {"name": "a\0b", "stage": "BUILD"}),
        ("/systems/", {"name": "n", "stage": "build"}),
        ("/environments/", {"name": "n", "abbreviation": "x" * 11}),
        ("/services/", {**SERVICE, "reference": "r", "type": "TOASTER"}),
        ("/controls/", {**CONTROL, "severity": "high"}),
        ("/controls/", {**CONTROL, "qualityModel": ""}),
        ("/technical-controls/", {**TECHNICAL_CONTROL, "reference": "x" * 501}),
        ("/technical-controls/", {**TECHNICAL_CONTROL, "controlAction": "NONE"}),
        ("/technical-controls/", {**TECHNICAL_CONTROL, "reference": "r", "ttl": 2**31}),
        ("/resource-types/", {"name": "n", "reference": "r", "serviceId": 10**30}),
    ],
)
def test_what_no_column_can_hold_is_500(filled, sandbox, path, body):
    """Too long a text, a NUL, an unknown enumeration or a large integer stores nothing."""
    before = sandbox.snapshot()
    answer = filled.post(path, json=body)
    assert (answer.status_code, answer.content) == (500, FAULT)
    assert sandbox.snapshot() == before


def test_half_a_surrogate_pair_is_500(client):
    """JSON can escape what UTF-8, and so the database, cannot hold."""
    answer = client.post(
        "/systems/",
        content=b'{"name": "\\ud800", "stage": "BUILD"}',
        headers={"content-type": "application/json"},
    )
    assert (answer.status_code, answer.content) == (500, FAULT)


def test_the_longest_texts_fit(client):
    """500 characters, whatever their bytes, and the empty text are stored."""
    assert client.post("/systems/", json={"name": "ü" * 500, "stage": "BUILD"}).is_success
    assert client.post("/environments/", json={"name": "", "abbreviation": "x" * 10}).is_success


def test_all_faulty_fields_are_listed_at_once(client):
    """Each fault keeps its own text under the wire name."""
    answer = client.post(
        "/technical-controls/",
        json={
            "name": 5,
            "reference": "a b",
            "systemId": True,
            "ttl": None,
            "isBlocking": "maybe",
            "controlId": [],
            "severity": "HIGH",
        },
    )
    assert errors(answer) == {
        "controlAction": ["Missing data for required field."],
        "controlId": ["Not a valid integer."],
        "isBlocking": ["Not a valid boolean."],
        "name": ["Not a valid string."],
        "reference": ["Invalid value."],
        "severity": ["Unknown field."],
        "systemId": ["Not a valid integer."],
        "ttl": ["Field may not be null."],
    }


@pytest.mark.parametrize("value", ["a:b", "a@b", "a+b", "a%20b", "é", "a\n", "a b"])
def test_the_reference_rule_refuses(client, value):
    """A technical control's reference equals its own URL-quoted form."""
    answer = client.post("/technical-controls/", json={**TECHNICAL_CONTROL, "reference": value})
    assert errors(answer) == {"reference": ["Invalid value."]}


@pytest.mark.parametrize("value", ["", "Az0_.~/-"])
def test_the_reference_rule_accepts(filled, value):
    """Letters, digits and `_.~/-` pass, and so does the empty text."""
    answer = filled.post("/technical-controls/", json={**TECHNICAL_CONTROL, "reference": value})
    assert answer.json()["reference"] == value


@pytest.mark.parametrize(("sent", "stored"), [(5, 5), ("5", 5), (" 5", 5), ("+5", 5), (1.9, 1)])
def test_integers_are_coerced(filled, sent, stored):
    """Integer text counts, and a fraction is cut off."""
    body = {**TECHNICAL_CONTROL, "reference": "r", "ttl": sent}
    assert filled.post("/technical-controls/", json=body).json()["ttl"] == stored


def test_infinity_is_too_large(filled):
    """JSON's unofficial Infinity is an integer field's own error."""
    answer = filled.post(
        "/technical-controls/",
        content=b'{"name":"n","reference":"r","systemId":1,"controlAction":"LOG","ttl":Infinity}',
        headers={"content-type": "application/json"},
    )
    assert errors(answer) == {"ttl": ["Number too large."]}


@pytest.mark.parametrize(
    ("sent", "stored"),
    [(True, True), (1, True), ("yes", True), ("on", True), (0, False), ("F", False), ("n", False)],
)
def test_booleans_are_coerced(filled, sandbox, sent, stored):
    """0, 1 and the usual words are booleans, in the answer, the look-up and the snapshot."""
    body = {**TECHNICAL_CONTROL, "reference": "r", "isBlocking": sent}
    assert filled.post("/technical-controls/", json=body).json()["isBlocking"] is stored
    assert filled.get("/technical-controls/2").json()["isBlocking"] is stored
    assert sandbox.snapshot()["technical_control"][1]["is_blocking"] is stored


@pytest.mark.parametrize("sent", [2, "Yes!", [], {}, 0.5])
def test_other_booleans_are_refused(filled, sent):
    """Anything else is no boolean."""
    answer = filled.post("/technical-controls/", json={**TECHNICAL_CONTROL, "isBlocking": sent})
    assert errors(answer) == {"isBlocking": ["Not a valid boolean."]}
