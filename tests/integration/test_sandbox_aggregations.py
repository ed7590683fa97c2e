"""The sandbox's reading routes at the wire: findings, totals, resources, models, overviews."""

import re

import httpx
import pytest

from airview_herald.sandbox import Sandbox

FAULT = b'{"code":500,"status":"Internal Server Error"}\n'
TYPE = {"name": "EC2 instance", "reference": "ec2-instance", "serviceId": 1}
CONTROL = {"name": "Patch servers", "qualityModel": "SECURITY", "severity": "LOW"}
TECHNICAL_CONTROL = {
    "name": "EC2 patching",
    "reference": "ec2-patching",
    "systemId": 1,
    "controlAction": "VULNERABILITY",
    "controlId": 1,
}
RESOURCE = {"applicationEnvironmentId": 1, "resourceTypeId": 1}
ROWS = [
    ("/systems/", {"name": "feed", "stage": "MONITOR"}),
    ("/environments/", {"name": "Production", "abbreviation": "PRD"}),
    ("/services/", {"name": "EC2", "reference": "ec2", "type": "VIRTUAL_MACHINE"}),
    ("/resource-types/", TYPE),
    ("/resource-types/", {"name": "No service", "reference": "none"}),
    ("/controls/", CONTROL),
    ("/controls/", {"name": "Save", "qualityModel": "COST_OPTIMISATION", "severity": "CRITICAL"}),
    ("/resource-types-controls/", {"resourceTypeId": 1, "controlId": 1}),
    ("/resource-types-controls/", {"resourceTypeId": 2, "controlId": 2}),
    ("/technical-controls/", TECHNICAL_CONTROL),
    ("/technical-controls/", {**TECHNICAL_CONTROL, "reference": "save", "controlId": 2}),
    (
        "/technical-controls/",
        {"name": "Tags", "reference": "tags", "systemId": 1, "controlAction": "LOG"},
    ),
    ("/applications/", {"name": "Payments", "applicationType": "BUSINESS_APPLICATION"}),
    ("/application-environments/", {"applicationId": 1, "environmentId": 1, "references": []}),
    ("/resources/", {**RESOURCE, "name": "web-1", "reference": "i-1"}),
    ("/resources/", {**RESOURCE, "name": "web-2", "reference": "i-2"}),
    ("/resources/", {**RESOURCE, "name": "disk", "reference": "d", "resourceTypeId": 2}),
]


@pytest.fixture
def client(sandbox):
    """A client of a sandbox that has all but monitored states."""
    with httpx.Client(base_url=sandbox.airview_url) as client:
        for path, body in ROWS:
            assert client.post(path, json=body).status_code == 200
        yield client


def record(client, technical_control, resource, state="FLAGGED"):
    """Record the state of one resource."""
    params = {"technicalControlId": technical_control, "resourceId": resource}
    answer = client.put("/monitored-resources/", params=params, json={"monitoringState": state})
    assert answer.status_code == 204


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/aggregations/compliance/9", b"[]\n"),
        ("/aggregations/control-overview-totals/9/", b"{}\n"),
        ("/aggregations/control-overview-resources/9/?technicalControlId=1", b"[]\n"),
        ("/aggregations/control-overview-resources/1/", b"[]\n"),
        ("/aggregations/control-overview-resources/1/?technicalControlId=9", b"[]\n"),
        ("/applications/9/quality-models/", b"[]\n"),
        ("/applications/9/control-overviews/", b"[]\n"),
    ],
)
def test_what_is_unknown_is_empty(client, path, content):
    """An unknown application or technical control is never 404 here."""
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (200, content)


def test_a_finding_has_airviews_bytes(client):
    """One flagged resource is one entry, under its technical control's id."""
    record(client, 1, 1)
    record(client, 1, 2, "MONITORING")
    content = client.get("/aggregations/compliance/1").content
    raised = re.search(rb'"raisedDateTime":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?)"', content)
    assert content == (
        b'[{"controlId":1,"controlName":"Patch servers","environmentName":"Production","id":1,'
        b'"raisedDateTime":"' + raised[1] + b'","resources":[{"id":1,"name":"web-1",'
        b'"status":"none"}],"severity":"low","systemName":"feed","systemStage":"MONITOR",'
        b'"technicalControlName":"EC2 patching","tickets":[]}]\n'
    )


def test_critical_is_reported_as_high_and_so_is_no_control(client):
    """The controls decide the severity; without one it is high and unmapped."""
    record(client, 2, 1)
    record(client, 3, 1)
    rows = client.get("/aggregations/compliance/1").json()
    assert [(row["controlId"], row["controlName"], row["severity"]) for row in rows] == [
        (2, "Save", "high"),
        (0, "Unmapped", "high"),
    ]


def test_resources_are_not_gathered(client):
    """Each flagged resource has an entry of its own, although there is a list."""
    record(client, 1, 1)
    record(client, 1, 2)
    rows = client.get("/aggregations/compliance/1").json()
    assert [[each["id"] for each in row["resources"]] for row in rows] == [[1], [2]]


def test_only_a_change_of_state_raises_anew(client):
    """The same state leaves the date alone; leaving FLAGGED and coming back moves it."""
    dates = []
    for state in ("FLAGGED", "FLAGGED", "MONITORING", "FLAGGED"):
        record(client, 1, 1, state)
        dates += [row["raisedDateTime"] for row in client.get("/aggregations/compliance/1").json()]
    first, again, last = dates
    assert first == again < last


def duplicate(tmp_path, *pairs, moment="2023-09-18T13:21:24.000000"):
    """Return the findings of a file with a flagged row for each (technical control, resource)."""
    with Sandbox(tmp_path / "airview.db") as sandbox:
        for path, body in ROWS:
            httpx.post(sandbox.airview_url + path, json=body)
        insert = sandbox._run().database.insert
        for technical_control, resource in pairs:
            row = {"technical_control_id": technical_control, "resource_id": resource}
            times = {"last_modified": moment, "last_seen": moment}
            state = {"monitoring_state": "FLAGGED", "additional_data": ""}
            insert("monitored_resource", {**row, **state, **times})
        return httpx.get(f"{sandbox.airview_url}/aggregations/compliance/1").json()


def test_adjacent_duplicates_share_an_entry(tmp_path):
    """Rows of a pair side by side repeat the resource, others make another entry (white-box)."""
    rows = duplicate(tmp_path, (1, 1), (1, 1), (1, 2), (1, 1))
    assert [[each["id"] for each in row["resources"]] for row in rows] == [[1, 1], [2], [1]]


def test_a_date_without_a_fraction_has_none(tmp_path):
    """The fraction disappears when it is zero, and there is no offset (white-box)."""
    (row,) = duplicate(tmp_path, (1, 1))
    assert row["raisedDateTime"] == "2023-09-18T13:21:24"


def test_totals_take_a_count_for_an_id(client):
    """The one severity is that of the control whose id is the number of flagged controls."""
    path = "/aggregations/control-overview-totals/1/"
    record(client, 1, 1, "MONITORING")
    record(client, 3, 1)
    assert client.get(path).content == b"{}\n"
    record(client, 2, 1)
    assert client.get(path).content == b'{"high":0,"low":1,"medium":0,"total":2}\n'
    record(client, 1, 1)
    assert client.get(path).content == b'{"high":0,"low":0,"medium":0,"total":2}\n'


def test_resources_of_a_control_have_their_state(client):
    """What was never reported is MONITORING; a type without a service is left out."""
    record(client, 1, 1)
    path = "/aggregations/control-overview-resources/1/"
    assert client.get(f"{path}?technicalControlId=1").content == (
        b'[{"environment":"Production","id":1,"name":"web-1","pending":false,'
        b'"status":"FLAGGED","type":"VIRTUAL_MACHINE"},{"environment":"Production","id":2,'
        b'"name":"web-2","pending":false,"status":"MONITORING","type":"VIRTUAL_MACHINE"}]\n'
    )
    assert client.get(f"{path}?technicalControlId=2").content == b"[]\n"
    answer = client.get(f"{path}?technicalControlId=one")
    assert (answer.status_code, answer.content) == (500, FAULT)


def test_quality_models_are_distinct(client):
    """Each model of the controls of the resources' types is named once."""
    client.post("/controls/", json={**CONTROL, "name": "other"})
    client.post("/resource-types-controls/", json={"resourceTypeId": 1, "controlId": 3})
    assert client.get("/applications/1/quality-models/").content == (
        b'[{"name":"SECURITY"},{"name":"COST_OPTIMISATION"}]\n'
    )


@pytest.mark.parametrize("query", ["", "?qualityModel=SECURITY", "?qualityModel=other"])
def test_overviews_ignore_the_quality_model(client, query):
    """The parameter is no filter; types without a service do not count."""
    assert client.get(f"/applications/1/control-overviews/{query}").content == (
        b'[{"applied":2,"controlAction":"VULNERABILITY","exempt":0,"id":1,'
        b'"name":"EC2 patching","severity":"LOW","systemName":"feed","systemStage":"MONITOR"}]\n'
    )


def test_overviews_are_at_most_ten(client):
    """Nobody sees the eleventh technical control."""
    for index in range(12):
        body = {**TECHNICAL_CONTROL, "reference": f"more-{index}"}
        client.post("/technical-controls/", json=body)
    assert len(client.get("/applications/1/control-overviews/").json()) == 10


def test_repeated_links_multiply(client):
    """A second link of a type and a control counts and lists every resource twice."""
    client.post("/resource-types-controls/", json={"resourceTypeId": 1, "controlId": 1})
    (overview,) = client.get("/applications/1/control-overviews/").json()
    assert overview["applied"] == 4
    path = "/aggregations/control-overview-resources/1/?technicalControlId=1"
    assert [row["id"] for row in client.get(path).json()] == [1, 1, 2, 2]
