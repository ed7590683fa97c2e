"""The sandbox as lenient as AirView on SQLite, at the wire."""

import httpx
import pytest

from airview_herald.sandbox import Sandbox

NOT_FOUND = b'{"code":404,"status":"Not Found"}\n'
FAULT = b'{"code":500,"status":"Internal Server Error"}\n'
EXECUTE = "The query could not be executed. Check the filter which was passed is valid"
SERVICE = {"name": "EC2", "reference": "ec2", "type": "VIRTUAL_MACHINE"}
CONTROL = {"name": "Patch", "qualityModel": "SECURITY", "severity": "HIGH"}
TECHNICAL_CONTROL = {"name": "T", "reference": "t", "systemId": 1, "controlAction": "LOG"}
APPLICATION = {"name": "Payments", "applicationType": "BUSINESS_APPLICATION"}
LINKS = "/frameworks/framework-control-objective-link/"
PAIR = {"technicalControlId": "1", "resourceId": "1"}
ROWS = [
    ("/systems/", {"name": "feed", "stage": "MONITOR"}),
    ("/environments/", {"name": "Production", "abbreviation": "PRD"}),
    ("/services/", SERVICE),
    ("/resource-types/", {"name": "i", "reference": "i", "serviceId": 1}),
    ("/controls/", CONTROL),
    ("/resource-types-controls/", {"resourceTypeId": 1, "controlId": 1}),
    ("/technical-controls/", {**TECHNICAL_CONTROL, "controlId": 1}),
    ("/applications/", APPLICATION),
    ("/application-environments/", {"applicationId": 1, "environmentId": 1, "references": []}),
    (
        "/resources/",
        {"name": "web", "reference": "i-0", "applicationEnvironmentId": 1, "resourceTypeId": 1},
    ),
]


@pytest.fixture
def sandbox():
    """A lenient sandbox, running."""
    with Sandbox(sqlite=True) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox):
    """A client of a lenient sandbox that has one row of everything but states."""
    with httpx.Client(base_url=sandbox.airview_url) as client:
        for path, body in ROWS:
            assert client.post(path, json=body).status_code == 200
        yield client


def is_fault(answer):
    """Whether an answer is AirView's 500."""
    return (answer.status_code, answer.content) == (500, FAULT)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/systems/", {"name": "x" * 501, "stage": "BUILD"}),
        ("/systems/", {"name": "a\0b", "stage": "BUILD"}),
        ("/environments/", {"name": "n", "abbreviation": "x" * 11}),
        ("/applications/", {**APPLICATION, "name": "x" * 501}),
        ("/frameworks/", {"name": "n", "link": "x" * 501}),
        ("/technical-controls/", {**TECHNICAL_CONTROL, "reference": "x" * 501, "ttl": 2**31}),
    ],
)
def test_lengths_are_not_enforced(client, path, body):
    """Too long a text, a NUL and an integer beyond 32 bits are stored and read back."""
    answer = client.post(path, json=body)
    assert answer.status_code == 200
    assert body.items() <= answer.json().items()


def test_additional_data_of_any_length_are_stored(client, sandbox):
    """So are the data of a state."""
    body = {"monitoringState": "FLAGGED", "additionalData": "x" * 8001}
    for _ in range(2):
        answer = client.put("/monitored-resources/", params=PAIR, json=body)
        assert answer.status_code == 204
    assert sandbox.snapshot()["monitored_resource"][0]["additional_data"] == "x" * 8001


def test_what_sqlite_cannot_hold_is_still_500(client):
    """An integer beyond 64 bits and half a surrogate pair are faults."""
    assert is_fault(client.post("/technical-controls/", json={**TECHNICAL_CONTROL, "ttl": 2**63}))
    answer = client.post(
        "/services/",
        content=b'{"name": "\\ud800", "reference": "r", "type": "NETWORK"}',
        headers={"content-type": "application/json"},
    )
    assert is_fault(answer)


@pytest.mark.parametrize(
    ("table", "path", "body", "readers", "again"),
    [
        ("system", "/systems/", {"name": "n", "stage": "x"}, ["/systems/?name=n"], 400),
        (
            "service",
            "/services/",
            {"name": "n", "reference": "n", "type": "x"},
            ["/services/"],
            400,
        ),
        ("control", "/controls/", {**CONTROL, "severity": "x"}, ["/controls/"], 500),
        ("control", "/controls/", {**CONTROL, "qualityModel": "x"}, ["/controls/?name=Patch"], 500),
        (
            "technical_control",
            "/technical-controls/",
            {**TECHNICAL_CONTROL, "reference": "n", "controlAction": "x"},
            ["/technical-controls/?systemId=1&reference=n", "/technical-controls/2"],
            400,
        ),
        (
            "application",
            "/applications/",
            {**APPLICATION, "applicationType": "x"},
            ["/applications/", "/applications/2"],
            500,
        ),
    ],
)
def test_an_unknown_member_is_stored_and_poisons(
    client, sandbox, table, path, body, readers, again
):
    """The create is 500 and stores the row, which nobody can read, and a duplicate of which is."""
    before = len(sandbox.snapshot()[table])
    assert is_fault(client.post(path, json=body))
    assert len(sandbox.snapshot()[table]) == before + 1
    for reader in readers:
        assert is_fault(client.get(reader))
    assert client.post(path, json=body).status_code == again


def test_an_unknown_state_is_written_once(client, sandbox):
    """The first PUT even answers 204, and every later one of the pair is 500."""
    bad = client.put("/monitored-resources/", params=PAIR, json={"monitoringState": "x"})
    assert (bad.status_code, bad.content) == (204, b"")
    before = sandbox.snapshot()
    for state in ("FLAGGED", "x"):
        body = {"monitoringState": state}
        assert is_fault(client.put("/monitored-resources/", params=PAIR, json=body))
    assert sandbox.snapshot() == before
    path = "/aggregations/control-overview-resources/1/?technicalControlId=1"
    assert is_fault(client.get(path))


def test_an_update_with_an_unknown_member_changes_nothing(client, sandbox):
    """On updates an unknown member is 500 here, too, and not stored."""
    client.put("/monitored-resources/", params=PAIR, json={"monitoringState": "FLAGGED"})
    before = sandbox.snapshot()
    body = {"monitoringState": "x"}
    assert is_fault(client.put("/monitored-resources/", params=PAIR, json=body))
    body = {**APPLICATION, "id": 1, "applicationType": "x"}
    assert is_fault(client.put("/applications/1", json=body))
    assert sandbox.snapshot() == before


def test_poison_reaches_the_reading_routes(client):
    """A technical control of a system and a control that nobody can read hides its findings."""
    client.post("/systems/", json={"name": "n", "stage": "x"})
    client.post("/controls/", json={**CONTROL, "severity": "x", "qualityModel": "x"})
    client.post("/resource-types-controls/", json={"resourceTypeId": 1, "controlId": 2})
    body = {**TECHNICAL_CONTROL, "systemId": 2, "controlId": 2}
    assert client.post("/technical-controls/", json=body).status_code == 200
    params = {**PAIR, "technicalControlId": "2"}
    client.put("/monitored-resources/", params=params, json={"monitoringState": "FLAGGED"})
    for path in (
        "/aggregations/compliance/1",
        "/applications/1/quality-models/",
        "/applications/1/control-overviews/",
        "/compliance/?$select=controlSeverity",
    ):
        assert is_fault(client.get(path))


@pytest.mark.parametrize(
    ("path", "status", "content"),
    [
        ("/technical-controls/one", 404, NOT_FOUND),
        ("/resource-types-controls/?controlId=one&resourceTypeId=1", 404, NOT_FOUND),
        ("/resources/?applicationEnvironmentId=&reference=i-0", 404, NOT_FOUND),
        ("/applications/?applicationType=SERVICE", 200, b"[]\n"),
        ("/applications/?applicationType=", 200, b"[]\n"),
        ("/applications/one/application-environments", 200, b"[]\n"),
        (f"{LINKS}?controlId=one&frameworkControlObjectiveId=1", 200, b"[]\n"),
        ("/aggregations/control-overview-resources/1/?technicalControlId=one", 200, b"[]\n"),
        ("/technical-controls/" + "9" * 30, 404, NOT_FOUND),
    ],
)
def test_text_in_place_of_an_id_equals_none(client, path, status, content):
    """Where PostgreSQL cannot compare, SQLite finds nothing."""
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (status, content)


def test_ids_still_find(client):
    """Text that is an integer is one."""
    assert client.get("/technical-controls/1").json()["id"] == 1
    assert client.get("/applications/1/application-environments").json()[0]["id"] == 1
    assert client.get("/resources/?applicationEnvironmentId=1&reference=i-0").json()["id"] == 1


@pytest.mark.parametrize(
    ("expression", "total"),
    [
        ("contains(applicationName, 'PAY')", 1),
        ("contains(applicationName, 'pax')", 0),
        ("applicationName eq 'payments'", 0),
        ("controlSeverity eq 'high'", 0),
        ("controlSeverity ne 'high'", 0),
        ("not controlSeverity eq 'high'", 0),
        ("systemStage in ('monitor')", 0),
        ("tolower(systemStage) eq 'monitor'", 0),
        ("controlSeverity ne null", 1),
        ("isCompliant eq true", 0),
        ("isCompliant ne null", 0),
        ("isCompliant", 0),
        ("nothing eq 1 or applicationId eq 1", 1),
        ("is_compliant eq true", 1),
    ],
)
def test_filters_match_nothing_instead_of_failing(client, expression, total):
    """Unknown fields and values of enumerations match nothing; `contains` looks at no case."""
    client.put("/monitored-resources/", params=PAIR, json={"monitoringState": "MONITORING"})
    params = {"$select": "applicationId", "$filter": expression}
    answer = client.get("/compliance/", params=params)
    assert answer.status_code == 200
    assert sum(row["total"] for row in answer.json()) == total


@pytest.mark.parametrize("expression", ["length(applicationName) eq 8", "applicationName eq 1"])
def test_other_faults_of_a_filter_stay(client, expression):
    """A function that there is not, and sides that cannot be compared, are 400 on both."""
    params = {"$select": "applicationId", "$filter": expression}
    answer = client.get("/compliance/", params=params)
    assert (answer.status_code, answer.json()["message"]) == (400, EXECUTE)


def test_uniqueness_and_parents_hold_all_the_same(client):
    """Leniency is for texts and members: duplicates and unknown parents are refused."""
    assert client.post("/services/", json=SERVICE).status_code == 400
    body = {"name": "r", "reference": "r", "applicationEnvironmentId": 9}
    assert client.post("/resources/", json=body).status_code == 400
