"""The sandbox's resources and monitored resources at the wire, races included."""

import threading
import time

import httpx
import pytest

from airview_herald.sandbox import Sandbox

NOT_FOUND = b'{"code":404,"status":"Not Found"}\n'
FAULT = b'{"code":500,"status":"Internal Server Error"}\n'
INTEGRITY = (
    b'{"code":400,"message":"Integrity Error, check reference fields","status":"Bad Request"}\n'
)
KEYS = (
    b'{"code":400,"message":"Keys in data do not match the keys in the query parameters",'
    b'"status":"Bad Request"}\n'
)
RESOURCE = {"name": "web", "reference": "i-0", "applicationEnvironmentId": 1, "resourceTypeId": 1}
KEY = {"applicationEnvironmentId": "1", "reference": "i-0"}
PAIR = {"technicalControlId": "1", "resourceId": "1"}
FLAGGED = {"monitoringState": "FLAGGED"}
DEFINITIONS = [
    ("/systems/", {"name": "s", "stage": "MONITOR"}),
    ("/environments/", {"name": "e", "abbreviation": "e"}),
    ("/applications/", {"name": "a", "applicationType": "BUSINESS_APPLICATION"}),
    ("/application-environments/", {"applicationId": 1, "environmentId": 1, "references": []}),
    ("/resource-types/", {"name": "t", "reference": "t"}),
    ("/resource-types/", {"name": "u", "reference": "u"}),
    (
        "/technical-controls/",
        {"name": "c", "reference": "c", "systemId": 1, "controlAction": "LOG"},
    ),
]


def define(url, *more):
    """Create the rows that resources and their states need."""
    with httpx.Client(base_url=url) as client:
        for path, body in (*DEFINITIONS, *more):
            assert client.post(path, json=body).status_code == 200


@pytest.fixture
def sandbox():
    """A sandbox with all that a resource and its state need."""
    with Sandbox() as sandbox:
        define(sandbox.airview_url)
        yield sandbox


@pytest.fixture
def client(sandbox):
    """A client of its AirView."""
    with httpx.Client(base_url=sandbox.airview_url) as client:
        yield client


@pytest.fixture
def resource(client):
    """A client of a sandbox that has one resource."""
    assert client.put("/resources/", params=KEY, json=RESOURCE).status_code == 204
    return client


def test_put_creates_and_updates_one_resource(client, sandbox):
    """PUT is an upsert by reference and application environment, and answers with nothing."""
    for body in (RESOURCE, {**RESOURCE, "name": "web-2", "resourceTypeId": "2"}):
        answer = client.put("/resources/", params=KEY, json=body)
        assert (answer.status_code, answer.content) == (204, b"")
    assert client.get("/resources/", params=KEY).content == (
        b'{"applicationEnvironmentId":1,"id":1,"name":"web-2","reference":"i-0",'
        b'"resourceTypeId":2}\n'
    )
    assert len(sandbox.snapshot()["resource"]) == 1


def test_post_creates_a_resource_without_a_type(client):
    """POST answers with the object, whose type may be null, and refuses it a second time."""
    body = {key: value for key, value in RESOURCE.items() if key != "resourceTypeId"}
    assert client.post("/resources/", json=body).content == (
        b'{"applicationEnvironmentId":1,"id":1,"name":"web","reference":"i-0",'
        b'"resourceTypeId":null}\n'
    )
    answer = client.post("/resources/", json=body)
    assert (answer.status_code, answer.content) == (400, INTEGRITY)


@pytest.mark.parametrize("unknown", ["applicationEnvironmentId", "resourceTypeId"])
def test_post_with_an_unknown_parent_is_400(client, unknown):
    """A parent that does not exist is an integrity error."""
    answer = client.post("/resources/", json={**RESOURCE, unknown: 9})
    assert (answer.status_code, answer.content) == (400, INTEGRITY)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"reference": "i-0"},
        {"applicationEnvironmentId": "1"},
        {"applicationEnvironmentId": "2", "reference": "i-0"},
        {"applicationEnvironmentId": "1", "reference": "I-0"},
    ],
)
def test_a_look_up_needs_both_keys(resource, params):
    """Leaving a key out is 404, like no match."""
    answer = resource.get("/resources/", params=params)
    assert (answer.status_code, answer.content) == (404, NOT_FOUND)


@pytest.mark.parametrize("environment", ["", "one", "1.0", "2147483648"])
def test_a_look_up_by_what_is_no_id_is_500(resource, environment):
    """PostgreSQL cannot compare an integer with it."""
    answer = resource.get("/resources/", params={**KEY, "applicationEnvironmentId": environment})
    assert (answer.status_code, answer.content) == (500, FAULT)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"reference": "i-0"},
        {"applicationEnvironmentId": "1"},
        {"applicationEnvironmentId": "01", "reference": "i-0"},
        {"applicationEnvironmentId": "1", "reference": "i"},
    ],
)
def test_put_keys_equal_the_body_textually(client, sandbox, params):
    """Query and body name the same resource in the same words."""
    answer = client.put("/resources/", params=params, json=RESOURCE)
    assert (answer.status_code, answer.content) == (400, KEYS)
    assert sandbox.snapshot()["resource"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"resourceTypeId": 9},
        {"id": 1},
        {"name": "x" * 501},
        {"name": "\0"},
    ],
)
def test_put_faults_store_nothing(resource, sandbox, change):
    """An unknown type, an id and what no column can hold are 500 on PUT."""
    before = sandbox.snapshot()
    answer = resource.put("/resources/", params=KEY, json={**RESOURCE, **change})
    assert (answer.status_code, answer.content) == (500, FAULT)
    assert sandbox.snapshot() == before


def test_put_needs_a_type_and_a_known_application_environment(client, sandbox):
    """Leaving the type out and an unknown application environment are 500, a null type is 422."""
    untyped = {key: value for key, value in RESOURCE.items() if key != "resourceTypeId"}
    assert client.put("/resources/", params=KEY, json=untyped).content == FAULT
    answer = client.put(
        "/resources/",
        params={**KEY, "applicationEnvironmentId": "9"},
        json={**RESOURCE, "applicationEnvironmentId": 9},
    )
    assert (answer.status_code, answer.content) == (500, FAULT)
    answer = client.put("/resources/", params=KEY, json={**RESOURCE, "resourceTypeId": None})
    assert answer.json()["errors"] == {"json": {"resourceTypeId": ["Field may not be null."]}}
    assert sandbox.snapshot()["resource"] == []


@pytest.mark.parametrize("reference", ["AWS::EC2/i-0", "a&b=c#d", "50%", "ü +", ""])
def test_resource_references_are_free_text(client, reference):
    """Any text survives the query string and the body."""
    params = {"applicationEnvironmentId": "1", "reference": reference}
    body = {**RESOURCE, "reference": reference}
    assert client.put("/resources/", params=params, json=body).status_code == 204
    assert client.get("/resources/", params=params).json()["reference"] == reference


def test_a_state_is_created_and_updated(resource, sandbox):
    """The first PUT inserts, later ones update that row, and additional data do not stay."""
    bodies = [
        {**FLAGGED, "additionalData": "x" * 8000},
        {"monitoringState": "UNRESPONSIVE", "additionalData": "y"},
        {"monitoringState": "MONITORING"},
    ]
    for body in bodies:
        answer = resource.put("/monitored-resources/", params=PAIR, json=body)
        assert (answer.status_code, answer.content) == (204, b"")
        (row,) = sandbox.snapshot()["monitored_resource"]
        assert row["monitoring_state"] == body["monitoringState"]
        assert row["additional_data"] == body.get("additionalData", "")


def test_last_modified_moves_with_the_state_only(resource, sandbox):
    """Every write is seen, and only another state is a modification."""
    times = []
    for state in ("FLAGGED", "FLAGGED", "MONITORING"):
        resource.put("/monitored-resources/", params=PAIR, json={"monitoringState": state})
        (row,) = sandbox.snapshot()["monitored_resource"]
        times.append((row["last_modified"], row["last_seen"]))
    (first, seen), (same, seen_again), (changed, seen_last) = times
    assert first == seen == same < seen_again < changed == seen_last


@pytest.mark.parametrize("unknown", ["technicalControlId", "resourceId"])
def test_a_first_state_of_an_unknown_pair_is_the_bare_string(resource, sandbox, unknown):
    """An unknown technical control or resource answers a bare JSON string."""
    answer = resource.put("/monitored-resources/", params={**PAIR, unknown: "9"}, json=FLAGGED)
    assert (answer.status_code, answer.content) == (400, b'"Bad Request"\n')
    assert sandbox.snapshot()["monitored_resource"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"monitoringState": "flagged"},
        {**FLAGGED, "additionalData": "x" * 8001},
        {**FLAGGED, "additionalData": "\0"},
    ],
)
@pytest.mark.parametrize("written", [False, True])
def test_a_state_that_cannot_be_stored_is_500(resource, sandbox, body, written):
    """First or later, an unknown state and overlong data change nothing."""
    if written:
        resource.put("/monitored-resources/", params=PAIR, json=FLAGGED)
    before = sandbox.snapshot()
    answer = resource.put("/monitored-resources/", params=PAIR, json=body)
    assert (answer.status_code, answer.content) == (500, FAULT)
    assert sandbox.snapshot() == before


def test_the_query_is_judged_before_the_body(client):
    """Faults of the query come alone."""
    answer = client.put("/monitored-resources/", params={"resourceId": "x"}, json={"other": 1})
    assert answer.status_code == 422
    assert answer.json()["errors"] == {
        "query": {
            "resourceId": ["Not a valid integer."],
            "technicalControlId": ["Missing data for required field."],
        }
    }
    answer = client.put("/monitored-resources/", params=PAIR, json={"resourceId": 1})
    assert answer.json()["errors"] == {
        "json": {
            "monitoringState": ["Missing data for required field."],
            "resourceId": ["Unknown field."],
        }
    }


def first_writes(sandbox, states):
    """Send first writes of one pair at once and return the rows they leave."""
    define(sandbox.airview_url, ("/resources/", RESOURCE))
    together = threading.Barrier(len(states))
    statuses = []

    def write(state):
        with httpx.Client(base_url=sandbox.airview_url) as client:
            client.get("/services/")
            together.wait()
            body = {"monitoringState": state}
            answer = client.put("/monitored-resources/", params=PAIR, json=body)
            statuses.append(answer.status_code)

    threads = [threading.Thread(target=write, args=(state,)) for state in states]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [204] * len(states)
    return sandbox.snapshot()["monitored_resource"]


def test_concurrent_first_writes_leave_duplicates_that_stay():
    """First writes within the window insert a row each; later ones update just the first."""
    with Sandbox(race_window=0.2) as sandbox:
        rows = first_writes(sandbox, ["FLAGGED"] * 4)
        assert len(rows) > 1
        with httpx.Client(base_url=sandbox.airview_url) as client:
            client.put("/monitored-resources/", params=PAIR, json={"monitoringState": "MONITORING"})
        states = [row["monitoring_state"] for row in sandbox.snapshot()["monitored_resource"]]
        assert states == ["MONITORING"] + ["FLAGGED"] * (len(rows) - 1)


def test_without_a_window_first_writes_leave_one_row():
    """A race window of 0 serialises the first writes."""
    with Sandbox(race_window=0) as sandbox:
        assert len(first_writes(sandbox, ["FLAGGED", "MONITORING"] * 4)) == 1


def test_latency_is_added_to_each_answer():
    """No answer comes before the latency has passed."""
    with Sandbox(latency=0.05) as sandbox:
        before = time.perf_counter()
        assert httpx.get(f"{sandbox.airview_url}/services/").status_code == 200
        assert time.perf_counter() - before >= 0.05
