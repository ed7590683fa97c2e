"""The sandbox's exclusions at the wire, and the routes that older releases had for them."""

import threading

import httpx
import pytest

from airview_herald.sandbox import Sandbox

NOT_FOUND = b'{"code":404,"status":"Not Found"}\n'
FAULT = b'{"code":500,"status":"Internal Server Error"}\n'
INCOMPLETE = b'{"code":400,"message":"Bad Request","status":"Bad Request"}\n'
EXCLUDED = (
    b'{"code":400,"message":"Exclusions already exist for resources provided",'
    b'"status":"Bad Request"}\n'
)
MATCH = b'{"code":400,"message":"Id does not match payload","status":"Bad Request"}\n'
CONTROL = {"name": "c", "qualityModel": "SECURITY", "severity": "LOW"}
TECHNICAL_CONTROL = {"name": "EC2", "reference": "ec2", "systemId": 1, "controlAction": "LOG"}
ROWS = [
    ("/systems/", {"name": "feed", "stage": "MONITOR"}),
    ("/systems/", {"name": "other", "stage": "MONITOR"}),
    ("/environments/", {"name": "e", "abbreviation": "e"}),
    ("/controls/", CONTROL),
    ("/controls/", CONTROL),
    ("/technical-controls/", TECHNICAL_CONTROL),
    ("/technical-controls/", {**TECHNICAL_CONTROL, "systemId": 2}),
    ("/applications/", {"name": "Card Payments", "applicationType": "BUSINESS_APPLICATION"}),
    (
        "/application-environments/",
        {
            "applicationId": 1,
            "environmentId": 1,
            "references": [{"type": "account", "reference": "1"}],
        },
    ),
    ("/resources/", {"name": "a", "reference": "i-0a", "applicationEnvironmentId": 1}),
    ("/resources/", {"name": "b", "reference": "i-0b", "applicationEnvironmentId": 1}),
]
EXCLUSION = {
    "summary": "Accepted risk",
    "isLimitedExclusion": False,
    "controlId": 1,
    "resources": [1],
}
ITEM = {
    "applicationReferences": [
        {"reference": "card-payments", "type": "_internal_reference"},
        {"reference": "1", "type": "account"},
    ],
    "id": 1,
    "reference": "i-0a",
    "state": "PENDING",
    "technicalControlReference": "ec2",
}


@pytest.fixture
def sandbox():
    """A sandbox of an older release, with resources to exclude."""
    with Sandbox(exclusion_resources=True) as sandbox:
        for path, body in ROWS:
            assert httpx.post(sandbox.airview_url + path, json=body).status_code == 200
        yield sandbox


@pytest.fixture
def client(sandbox):
    """A client of its AirView."""
    with httpx.Client(base_url=sandbox.airview_url) as client:
        yield client


def test_an_exclusion_is_stored_and_answered_with_null(client, sandbox):
    """201 names nothing; the end date and the status that were sent are ignored."""
    body = {
        **EXCLUSION,
        "resources": [1, "2"],
        "notes": "Ref RISK-7",
        "endDate": "2023-09-18T13:21:24Z",
        "status": "x",
    }
    answer = client.post("/exclusions/", json=body)
    assert (answer.status_code, answer.content) == (201, b"null\n")
    tables = sandbox.snapshot()
    assert tables["exclusion"] == [
        {
            "id": 1,
            "summary": "Accepted risk",
            "is_limited_exclusion": False,
            "control_id": 1,
            "end_date": "9999-12-31T23:59:59.999999",
            "notes": "Ref RISK-7",
            "status": None,
        }
    ]
    assert tables["excluded_resource"] == [
        {"exclusion_id": 1, "resource_id": 1},
        {"exclusion_id": 1, "resource_id": 2},
    ]
    assert tables["exclusion_resource"] == []


def test_an_exclusion_has_the_items_that_the_retired_routes_decide_on(client, sandbox):
    """One, still to be decided, for each technical control of the control and resource it has."""
    of_it = {**TECHNICAL_CONTROL, "reference": "ec2-b", "controlId": 1}
    assert client.post("/technical-controls/", json=of_it).json()["id"] == 3
    for technical_control, resource in ((1, 1), (3, 1), (3, 2), (3, 1)):
        pair = {"technicalControlId": technical_control, "resourceId": resource}
        flagged = {"monitoringState": "FLAGGED"}
        answer = client.put("/monitored-resources/", params=pair, json=flagged)
        assert answer.status_code == 204
    assert client.post("/exclusions/", json={**EXCLUSION, "resources": [1]}).status_code == 201
    items = sandbox.snapshot()["exclusion_resource"]
    assert items == [{"id": 1, "technical_control_id": 3, "resource_id": 1, "state": "PENDING"}]
    assert client.post("/exclusions/", json={**EXCLUSION, "resources": [2, 2]}).status_code == 400
    assert len(sandbox.snapshot()["exclusion_resource"]) == 1


def test_no_text_of_an_exclusion_is_too_long(client):
    """Summary and notes have no maximum, and no resources are fine."""
    body = {**EXCLUSION, "summary": "x" * 10_000, "notes": "y" * 10_000, "resources": []}
    assert client.post("/exclusions/", json=body).status_code == 201


@pytest.mark.parametrize("field", ["resources", "summary", "isLimitedExclusion"])
def test_what_the_schema_leaves_optional_is_needed(client, field):
    """Without it the answer is 400 with the bare phrase for a message."""
    body = {name: value for name, value in EXCLUSION.items() if name != field}
    answer = client.post("/exclusions/", json=body)
    assert (answer.status_code, answer.content) == (400, INCOMPLETE)


def test_a_resource_is_excluded_once_from_a_control(client, sandbox):
    """A resource that is listed twice or was excluded stores nothing; another control is fine."""
    assert client.post("/exclusions/", json=EXCLUSION).status_code == 201
    before = sandbox.snapshot()
    for resources in ([1], [2, 1], [2, 2]):
        answer = client.post("/exclusions/", json={**EXCLUSION, "resources": resources})
        assert (answer.status_code, answer.content) == (400, EXCLUDED)
    assert sandbox.snapshot() == before
    assert client.post("/exclusions/", json={**EXCLUSION, "controlId": 2}).status_code == 201


@pytest.mark.parametrize("unknown", [{"controlId": 9}, {"resources": [1, 9]}, {"summary": "\0"}])
def test_an_exclusion_that_cannot_be_stored_is_500(client, sandbox, unknown):
    """Unknown rows are faults here, and nothing is kept."""
    before = sandbox.snapshot()
    answer = client.post("/exclusions/", json={**EXCLUSION, **unknown})
    assert (answer.status_code, answer.content) == (500, FAULT)
    assert sandbox.snapshot() == before


def test_all_faulty_fields_are_listed_at_once(client):
    """Faults of the list stand under their index as text."""
    answer = client.post(
        "/exclusions/",
        json={
            "resources": [1, "x", None, True],
            "endDate": "tomorrow",
            "status": None,
            "summary": 1,
            "id": 1,
        },
    )
    assert answer.status_code == 422
    assert answer.json()["errors"]["json"] == {
        "controlId": ["Missing data for required field."],
        "endDate": ["Not a valid datetime."],
        "id": ["Unknown field."],
        "resources": {
            "1": ["Not a valid integer."],
            "2": ["Field may not be null."],
            "3": ["Not a valid integer."],
        },
        "status": ["Field may not be null."],
        "summary": ["Not a valid string."],
    }


@pytest.mark.parametrize("moment", ["2023-09-18", "2023-09-18T25:00:00", 5])
def test_a_moment_has_a_date_and_a_time(client, moment):
    """Anything else is no datetime, and what is no list is none."""
    answer = client.post("/exclusions/", json={**EXCLUSION, "endDate": moment, "resources": 1})
    assert answer.json()["errors"]["json"] == {
        "endDate": ["Not a valid datetime."],
        "resources": ["Not a valid list."],
    }


def test_the_retired_routes_are_off_by_default():
    """The last release knows neither, and the sandbox says how to turn them on."""
    with Sandbox() as sandbox, httpx.Client(base_url=sandbox.airview_url) as client:
        for answer in (
            client.get("/systems/1/exclusion-resources/?state=PENDING"),
            client.put("/exclusion-resources/1/", json={"id": 1, "state": "ACTIVE"}),
        ):
            assert (answer.status_code, answer.content) == (404, NOT_FOUND)
        with pytest.raises(RuntimeError, match="exclusion_resources=True"):
            sandbox.add_exclusion_resource(1, 1)


def test_an_item_appears_once_for_each_reference(client, sandbox):
    """The references of the application are joined, the internal one included."""
    assert sandbox.add_exclusion_resource(1, 1) == 1
    assert client.get("/systems/1/exclusion-resources/").json() == [ITEM, ITEM]
    assert client.get("/systems/2/exclusion-resources/").content == b"[]\n"
    assert client.get("/systems/9/exclusion-resources/").content == b"[]\n"
    assert client.get("/systems/1/exclusion-resources").status_code == 308


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", {1, 2, 3}),
        ("?state=PENDING", {1}),
        ("?state=ACTIVE", {2}),
        ("?state=NONE", set()),
        ("?state=pending", set()),
        ("?state=OTHER", set()),
        ("?state=", set()),
    ],
)
def test_items_are_filtered_by_state(client, sandbox, query, ids):
    """Only an exact state filters; null is seen without a filter only."""
    for state in ("PENDING", "ACTIVE", None):
        sandbox.add_exclusion_resource(1, 1, state)
    found = client.get(f"/systems/1/exclusion-resources/{query}").json()
    assert {row["id"] for row in found} == ids


def test_items_are_added_from_any_thread(client, sandbox):
    """Threads add items while the server serves."""

    def add():
        for _ in range(20):
            sandbox.add_exclusion_resource(1, 2)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert client.get("/systems/1/exclusion-resources/").status_code == 200
    assert len(sandbox.snapshot()["exclusion_resource"]) == 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((9, 1), "no technical control 9 or no resource 1"),
        ((1, 9), "no technical control 1 or no resource 9"),
        ((1, 1, "pending"), "an exclusion is NONE, PENDING, ACTIVE, not pending"),
    ],
)
def test_items_of_what_does_not_exist_are_refused(sandbox, arguments, message):
    """The error says what is wrong."""
    with pytest.raises(ValueError, match=message):
        sandbox.add_exclusion_resource(*arguments)


def test_a_state_is_set(client, sandbox):
    """Any state may follow any other, and the descriptive fields are accepted and ignored."""
    sandbox.add_exclusion_resource(1, 1)
    for body in ({"id": 1, "state": "ACTIVE"}, {**ITEM, "state": "NONE", "reference": "x"}):
        answer = client.put("/exclusion-resources/1/", json=body)
        assert (answer.status_code, answer.content) == (204, b"")
        (row,) = sandbox.snapshot()["exclusion_resource"]
        assert row == {
            "id": 1,
            "technical_control_id": 1,
            "resource_id": 1,
            "state": body["state"],
        }


@pytest.mark.parametrize(
    ("path", "body", "answered"),
    [
        ("/exclusion-resources/1/", {"id": 2, "state": "ACTIVE"}, (400, MATCH)),
        ("/exclusion-resources/1/", {"state": "ACTIVE"}, (500, FAULT)),
        ("/exclusion-resources/1/", {"id": 1, "state": "active"}, (500, FAULT)),
        ("/exclusion-resources/9/", {"id": 9, "state": "ACTIVE"}, (409, b'"Conflict"\n')),
    ],
)
def test_a_refused_state_changes_nothing(client, sandbox, path, body, answered):
    """Another and a missing id, an unknown state and an unknown item have their answers."""
    sandbox.add_exclusion_resource(1, 1)
    before = sandbox.snapshot()
    answer = client.put(path, json=body)
    assert (answer.status_code, answer.content) == answered
    assert sandbox.snapshot() == before


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"id": 1}, {"state": ["Missing data for required field."]}),
        ({"id": 1, "state": None}, {"state": ["Field may not be null."]}),
        ({"id": 1, "state": "NONE", "name": "x"}, {"name": ["Unknown field."]}),
    ],
)
def test_the_body_of_a_state_is_checked(client, body, errors):
    """What breaks the schema is 422, and there is no GET."""
    answer = client.put("/exclusion-resources/1/", json=body)
    assert (answer.status_code, answer.json()["errors"]) == (422, {"json": errors})
    assert client.get("/exclusion-resources/1/").status_code == 405
