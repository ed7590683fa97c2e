"""A walk along every route of AirView's contract: method, path and body to status and body.

Each step meets the same rows: the walk does not depend on its order.
"""

import json
import shutil
import sqlite3

import httpx
import pytest

from airview_herald.sandbox import Sandbox

RAISED = "2023-09-18T13:21:24.123456"
SYSTEM = {"name": "aws-config-feed", "stage": "MONITOR"}
ENVIRONMENT = {"name": "Production", "abbreviation": "PRD"}
SERVICE = {"name": "EC2", "reference": "ec2", "type": "VIRTUAL_MACHINE"}
TYPE = {"name": "EC2 instance", "reference": "AWS::EC2::Instance", "serviceId": 1}
CONTROL = {"name": "Patch servers", "qualityModel": "SECURITY", "severity": "LOW"}
TYPE_CONTROL = {"controlId": 1, "resourceTypeId": 1}
TECHNICAL_CONTROL = {
    "name": "EC2 patching",
    "reference": "ec2-patching",
    "systemId": 1,
    "controlAction": "VULNERABILITY",
    "controlId": 1,
}
APPLICATION = {"name": "Payments", "applicationType": "BUSINESS_APPLICATION"}
REFERENCE = {"type": "aws_account_id", "reference": "123456789012"}
PLACE = {"applicationId": 1, "environmentId": 1, "references": [REFERENCE]}
RESOURCE = {
    "name": "web-1",
    "reference": "i-0abc",
    "applicationEnvironmentId": 1,
    "resourceTypeId": 1,
}
EXCLUSION = {
    "summary": "Accepted risk",
    "isLimitedExclusion": False,
    "controlId": 1,
    "resources": [1],
}
FRAMEWORK = {"name": "NIST 800-53", "link": "/nist"}
SECTION = {"name": "Access Control", "link": "/nist/ac", "frameworkId": 1}
OBJECTIVE = {"name": "AC-1", "link": "/nist/ac-1", "frameworkSectionId": 1}
LINK = {"frameworkControlObjectiveId": 1, "controlId": 1}
SECTIONS = "/frameworks/1/sections/"
OBJECTIVES = "/frameworks/1/sections/1/control-objectives/"
LINKS = "/frameworks/framework-control-objective-link/"
REFERENCED = "/referenced-application-environments/"
MONITORED = "/monitored-resources/"
ROWS = [
    ("/systems/", SYSTEM),
    ("/environments/", ENVIRONMENT),
    ("/services/", SERVICE),
    ("/resource-types/", TYPE),
    ("/controls/", CONTROL),
    ("/resource-types-controls/", TYPE_CONTROL),
    ("/technical-controls/", TECHNICAL_CONTROL),
    ("/applications/", APPLICATION),
    ("/application-environments/", PLACE),
    ("/resources/", RESOURCE),
    ("/exclusions/", EXCLUSION),
    ("/frameworks/", FRAMEWORK),
    (SECTIONS, SECTION),
    (OBJECTIVES, OBJECTIVE),
    (LINKS, LINK),
]

TECHNICAL_CONTROL_ROW = {**TECHNICAL_CONTROL, "id": 1, "isBlocking": False, "ttl": None}
PLACED = {
    **PLACE,
    "id": 1,
    "application": {**APPLICATION, "id": 1},
    "environment": {**ENVIRONMENT, "id": 1},
}
ITEM = {
    "applicationReferences": [
        {"reference": "payments", "type": "_internal_reference"},
        {"reference": "123456789012", "type": "aws_account_id"},
    ],
    "id": 1,
    "reference": "i-0abc",
    "state": "PENDING",
    "technicalControlReference": "ec2-patching",
}
FINDING = {
    "controlId": 1,
    "controlName": "Patch servers",
    "environmentName": "Production",
    "id": 1,
    "raisedDateTime": RAISED,
    "resources": [{"id": 1, "name": "web-1", "status": "none"}],
    "severity": "low",
    "systemName": "aws-config-feed",
    "systemStage": "MONITOR",
    "technicalControlName": "EC2 patching",
    "tickets": [],
}
LISTED = {
    "environment": "Production",
    "id": 1,
    "name": "web-1",
    "pending": False,
    "status": "FLAGGED",
    "type": "VIRTUAL_MACHINE",
}
OVERVIEW = {
    "applied": 1,
    "controlAction": "VULNERABILITY",
    "exempt": 0,
    "id": 1,
    "name": "EC2 patching",
    "severity": "LOW",
    "systemName": "aws-config-feed",
    "systemStage": "MONITOR",
}

PHRASES = {
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    422: "Unprocessable Entity",
    500: "Internal Server Error",
}
NOTHING = (204, None)
REQUIRED, BAD_REFERENCE = ["Missing data for required field."], ["Invalid value."]
INTEGRITY = "Integrity Error, check reference fields"
UNIQUE = "Unique Constraint Error, check reference field"
UNEXPECTED_ID = "Id is not expected when creating record"
MATCH = "Id does not match payload"
KEYS = "Keys in data do not match the keys in the query parameters"
EXCLUDED = "Exclusions already exist for resources provided"
SELECTION = "The $select query parameter must be passed"
PARSE = "The filter provided could not be parsed"
EXECUTE = "The query could not be executed. Check the filter which was passed is valid"


def ok(value):
    """Return what a row or a list of rows is answered with."""
    return 200, value


def plain(status):
    """Return what is answered without a word."""
    return status, {"code": status, "status": PHRASES[status]}


def said(text, status=400):
    """Return what is answered with a message."""
    return status, {"code": status, "message": text, "status": PHRASES[status]}


def invalid(location="json", **errors):
    """Return what faulty fields are answered with."""
    return 422, {"code": 422, "errors": {location: errors}, "status": PHRASES[422]}


def required(*names):
    """Return what missing fields of a body are answered with."""
    return invalid(**dict.fromkeys(names, REQUIRED))


WALK = [
    # 5.1 to 5.3: systems, environments, services
    ("GET /systems/?name=aws-config-feed", None, ok({**SYSTEM, "id": 1})),
    ("GET /systems/?name=other", None, plain(404)),
    ("GET /systems/?name=", None, plain(404)),
    ("GET /systems/", None, plain(500)),
    ("POST /systems/", {**SYSTEM, "name": "n"}, ok({**SYSTEM, "name": "n", "id": 2})),
    ("POST /systems/", SYSTEM, said(INTEGRITY)),
    ("POST /systems/", {}, said(INTEGRITY)),
    ("POST /systems/", {**SYSTEM, "name": "n", "stage": "x"}, plain(500)),
    ("POST /systems/", {**SYSTEM, "id": 1}, said(UNEXPECTED_ID)),
    ("GET /environments/", None, ok([{**ENVIRONMENT, "id": 1}])),
    (
        "POST /environments/",
        {"name": "Production", "abbreviation": "UNK"},
        ok({"name": "Production", "abbreviation": "UNK", "id": 2}),
    ),
    ("POST /environments/", ENVIRONMENT, said(INTEGRITY)),
    ("POST /environments/", {}, required("abbreviation", "name")),
    ("GET /services/", None, ok([{**SERVICE, "id": 1}])),
    (
        "POST /services/",
        {**SERVICE, "reference": "r"},
        ok({**SERVICE, "reference": "r", "id": 2}),
    ),
    ("POST /services/", SERVICE, said(INTEGRITY)),
    ("POST /services/", {}, said(INTEGRITY)),
    ("POST /services/", {**SERVICE, "reference": "r", "type": "x"}, plain(500)),
    # 5.4 to 5.6: resource types, controls and their links
    ("GET /resource-types/?reference=AWS%3A%3AEC2%3A%3AInstance", None, ok({**TYPE, "id": 1})),
    ("GET /resource-types/?reference=other", None, plain(404)),
    ("GET /resource-types/", None, plain(404)),
    (
        "POST /resource-types/",
        {"name": "n", "reference": "r"},
        ok({"name": "n", "reference": "r", "serviceId": None, "id": 2}),
    ),
    ("POST /resource-types/", TYPE, said(INTEGRITY, 409)),
    ("POST /resource-types/", {**TYPE, "reference": "r", "serviceId": 9}, said(INTEGRITY, 409)),
    ("POST /resource-types/", {**TYPE, "id": 1}, said(UNEXPECTED_ID, 409)),
    ("POST /resource-types/", {}, required("name", "reference")),
    ("GET /controls/", None, ok([{**CONTROL, "id": 1}])),
    ("GET /controls/?name=Patch%20servers", None, ok([{**CONTROL, "id": 1}])),
    ("GET /controls/?name=other", None, ok([])),
    ("GET /controls/?name=", None, ok([{**CONTROL, "id": 1}])),
    ("POST /controls/", CONTROL, ok({**CONTROL, "id": 2})),
    ("POST /controls/", {}, required("name", "qualityModel", "severity")),
    ("POST /controls/", {**CONTROL, "severity": "low"}, plain(500)),
    (
        "GET /resource-types-controls/?controlId=1&resourceTypeId=1",
        None,
        ok({**TYPE_CONTROL, "id": 1}),
    ),
    ("GET /resource-types-controls/?controlId=9&resourceTypeId=1", None, plain(404)),
    ("GET /resource-types-controls/?controlId=1", None, plain(404)),
    ("GET /resource-types-controls/?controlId=one&resourceTypeId=1", None, plain(500)),
    ("POST /resource-types-controls/", TYPE_CONTROL, ok({**TYPE_CONTROL, "id": 2})),
    (
        "POST /resource-types-controls/",
        {},
        ok({"controlId": None, "resourceTypeId": None, "id": 2}),
    ),
    ("POST /resource-types-controls/", {"controlId": 9}, said(INTEGRITY, 409)),
    ("POST /resource-types-controls/", {"id": 9}, said(UNEXPECTED_ID, 409)),
    # 5.7 and 5.8: technical controls
    (
        "GET /technical-controls/?systemId=1&reference=ec2-patching",
        None,
        ok([TECHNICAL_CONTROL_ROW]),
    ),
    ("GET /technical-controls/?systemId=9&reference=ec2-patching", None, ok([])),
    (
        "GET /technical-controls/?reference=a%3Ab",
        None,
        invalid("query", systemId=REQUIRED, reference=BAD_REFERENCE),
    ),
    (
        "POST /technical-controls/",
        {**TECHNICAL_CONTROL, "reference": "r", "ttl": 5, "isBlocking": True},
        ok({**TECHNICAL_CONTROL_ROW, "reference": "r", "ttl": 5, "isBlocking": True, "id": 2}),
    ),
    ("POST /technical-controls/", TECHNICAL_CONTROL, said(UNIQUE)),
    ("POST /technical-controls/", {**TECHNICAL_CONTROL, "systemId": 9}, said(UNIQUE)),
    (
        "POST /technical-controls/",
        {},
        required("controlAction", "name", "reference", "systemId"),
    ),
    (
        "POST /technical-controls/",
        {**TECHNICAL_CONTROL, "severity": "HIGH"},
        invalid(severity=["Unknown field."]),
    ),
    ("POST /technical-controls/", {**TECHNICAL_CONTROL, "controlAction": "x"}, plain(500)),
    ("GET /technical-controls/1", None, ok(TECHNICAL_CONTROL_ROW)),
    ("GET /technical-controls/9", None, plain(404)),
    ("GET /technical-controls/one", None, plain(500)),
    # 5.9: applications
    ("GET /applications/", None, ok([{**APPLICATION, "id": 1}])),
    ("GET /applications/?applicationType=TECHNICAL_SERVICE", None, ok([])),
    ("GET /applications/?applicationType=", None, plain(500)),
    ("POST /applications/", APPLICATION, ok({**APPLICATION, "id": 2})),
    ("POST /applications/", {**APPLICATION, "applicationType": "x"}, said(INTEGRITY)),
    ("POST /applications/", {}, required("applicationType", "name")),
    ("GET /applications/1", None, ok({**APPLICATION, "id": 1})),
    ("GET /applications/9", None, plain(404)),
    ("PUT /applications/1", {**APPLICATION, "id": 1}, NOTHING),
    ("PUT /applications/1", {**APPLICATION, "id": 2}, said(MATCH)),
    ("PUT /applications/9", {**APPLICATION, "id": 9}, plain(404)),
    ("PUT /applications/1", {**APPLICATION, "id": 1, "applicationType": "x"}, plain(500)),
    ("PUT /applications/1", APPLICATION, plain(500)),
    ("PUT /applications/1", {}, required("applicationType", "name")),
    # 5.10 and 5.11: application environments
    (
        "POST /application-environments/",
        {**PLACE, "references": []},
        ok({**PLACED, "references": [], "id": 2}),
    ),
    ("POST /application-environments/", PLACE, said(INTEGRITY)),
    ("POST /application-environments/", {**PLACE, "environmentId": 9}, said(INTEGRITY)),
    (
        "POST /application-environments/",
        {**PLACE, "references": [{"type": "a", "reference": "1"}, {"type": "a", "reference": "2"}]},
        said(INTEGRITY),
    ),
    (
        "POST /application-environments/",
        {},
        required("applicationId", "environmentId", "references"),
    ),
    (
        "POST /application-environments/",
        {**PLACE, "references": [{"type": "a:b", "reference": "c d"}]},
        invalid(references={"0": {"type": BAD_REFERENCE, "reference": BAD_REFERENCE}}),
    ),
    ("POST /application-environments/", {**PLACE, "application": APPLICATION}, plain(500)),
    ("GET /application-environments/", None, plain(405)),
    ("GET /application-environments/1", None, ok(PLACED)),
    ("GET /application-environments/9", None, plain(404)),
    ("PUT /application-environments/1", {**PLACE, "id": 1, "references": []}, NOTHING),
    (
        "PUT /application-environments/1",
        {**PLACE, "id": 1, "references": [{**REFERENCE, "reference": "2"}]},
        NOTHING,
    ),
    ("PUT /application-environments/1", {**PLACE, "id": 1}, said(INTEGRITY)),
    ("PUT /application-environments/1", {**PLACE, "id": 2}, said(MATCH)),
    ("PUT /application-environments/9", {**PLACE, "id": 9}, plain(404)),
    ("PUT /application-environments/1", PLACE, plain(500)),
    (
        "PUT /application-environments/1",
        {},
        required("applicationId", "environmentId", "references"),
    ),
    (f"GET {REFERENCED}?type=aws_account_id&reference=123456789012", None, ok(PLACED)),
    (f"GET {REFERENCED}?type=aws_account_id&reference=other", None, plain(404)),
    (f"GET {REFERENCED}?type=a&reference=b%20c", None, invalid("query", reference=BAD_REFERENCE)),
    (f"GET {REFERENCED}?type=aws_account_id", None, plain(500)),
    # 5.12: resources and monitored resources
    (
        "GET /resources/?applicationEnvironmentId=1&reference=i-0abc",
        None,
        ok({**RESOURCE, "id": 1}),
    ),
    ("GET /resources/?reference=i-0abc", None, plain(404)),
    ("GET /resources/?applicationEnvironmentId=&reference=i-0abc", None, plain(500)),
    (
        "POST /resources/",
        {**RESOURCE, "reference": "r"},
        ok({**RESOURCE, "reference": "r", "id": 2}),
    ),
    ("POST /resources/", RESOURCE, said(INTEGRITY)),
    ("POST /resources/", {}, required("applicationEnvironmentId", "name", "reference")),
    ("PUT /resources/?applicationEnvironmentId=1&reference=i-0abc", RESOURCE, NOTHING),
    ("PUT /resources/?applicationEnvironmentId=01&reference=i-0abc", RESOURCE, said(KEYS)),
    (
        "PUT /resources/?applicationEnvironmentId=1&reference=i-0abc",
        {**RESOURCE, "resourceTypeId": 9},
        plain(500),
    ),
    (
        "PUT /resources/?applicationEnvironmentId=1&reference=i-0abc",
        {name: value for name, value in RESOURCE.items() if name != "resourceTypeId"},
        plain(500),
    ),
    (
        "PUT /resources/?applicationEnvironmentId=1&reference=i-0abc",
        {**RESOURCE, "resourceTypeId": None},
        invalid(resourceTypeId=["Field may not be null."]),
    ),
    (
        f"PUT {MONITORED}?technicalControlId=1&resourceId=1",
        {"monitoringState": "MONITORING", "additionalData": "x"},
        NOTHING,
    ),
    (f"PUT {MONITORED}?technicalControlId=1&resourceId=1", {"monitoringState": "x"}, plain(500)),
    (
        f"PUT {MONITORED}?technicalControlId=1&resourceId=9",
        {"monitoringState": "FLAGGED"},
        (400, "Bad Request"),
    ),
    (f"PUT {MONITORED}?resourceId=1", {}, invalid("query", technicalControlId=REQUIRED)),
    (
        f"PUT {MONITORED}?technicalControlId=1&resourceId=1",
        {},
        required("monitoringState"),
    ),
    (f"GET {MONITORED}", None, plain(405)),
    # 5.13: exclusions
    ("POST /exclusions/", {**EXCLUSION, "resources": []}, (201, None)),
    ("POST /exclusions/", EXCLUSION, said(EXCLUDED)),
    ("POST /exclusions/", {"controlId": 1}, said("Bad Request")),
    ("POST /exclusions/", {}, required("controlId")),
    ("POST /exclusions/", {**EXCLUSION, "id": 1}, invalid(id=["Unknown field."])),
    ("POST /exclusions/", {**EXCLUSION, "controlId": 9}, plain(500)),
    ("POST /exclusions/", {**EXCLUSION, "resources": [9]}, plain(500)),
    # 5.14: frameworks
    ("GET /frameworks/", None, ok([{**FRAMEWORK, "id": 1}])),
    ("GET /frameworks/?name=NIST%20800-53", None, ok([{**FRAMEWORK, "id": 1}])),
    ("GET /frameworks/?name=other", None, ok([])),
    ("GET /frameworks/?name=", None, ok([{**FRAMEWORK, "id": 1}])),
    ("POST /frameworks/", FRAMEWORK, ok({**FRAMEWORK, "id": 2})),
    ("POST /frameworks/", {"name": "n"}, said(UNIQUE)),
    ("POST /frameworks/", {}, required("name")),
    ("GET /frameworks/1/", None, ok({**FRAMEWORK, "id": 1})),
    ("GET /frameworks/9/", None, ok({})),
    (f"GET {SECTIONS}", None, ok([{**SECTION, "id": 1}])),
    ("GET /frameworks/9/sections/", None, ok([])),
    ("GET /frameworks/9/sections/?name=Access+Control", None, ok([{**SECTION, "id": 1}])),
    ("GET /frameworks/9/sections/?name=", None, ok([])),
    ("POST /frameworks/9/sections/", SECTION, ok({**SECTION, "id": 2})),
    (f"POST {SECTIONS}", {**SECTION, "frameworkId": 9}, said(UNIQUE)),
    (f"POST {SECTIONS}", {"name": "n", "frameworkId": 1}, said(UNIQUE)),
    (f"POST {SECTIONS}", {}, required("frameworkId", "name")),
    (f"GET {OBJECTIVES}", None, ok([{**OBJECTIVE, "id": 1}])),
    ("GET /frameworks/9/sections/1/control-objectives/", None, ok([{**OBJECTIVE, "id": 1}])),
    ("GET /frameworks/1/sections/9/control-objectives/", None, ok([])),
    (
        "GET /frameworks/1/sections/9/control-objectives/?name=AC-1",
        None,
        ok([{**OBJECTIVE, "id": 1}]),
    ),
    (f"POST {OBJECTIVES}", OBJECTIVE, ok({**OBJECTIVE, "id": 2})),
    (f"POST {OBJECTIVES}", {**OBJECTIVE, "frameworkSectionId": 9}, said(UNIQUE)),
    (f"POST {OBJECTIVES}", {"name": "n", "frameworkSectionId": 1}, said(UNIQUE)),
    (f"POST {OBJECTIVES}", {}, required("frameworkSectionId", "name")),
    (f"GET {LINKS}", None, ok([LINK])),
    (f"GET {LINKS}?controlId=1&frameworkControlObjectiveId=1", None, ok([LINK])),
    (f"GET {LINKS}?controlId=9&frameworkControlObjectiveId=1", None, ok([])),
    (f"GET {LINKS}?controlId=9", None, ok([LINK])),
    (f"GET {LINKS}?controlId=x&frameworkControlObjectiveId=1", None, plain(500)),
    (f"POST {LINKS}", LINK, said(UNIQUE)),
    (f"POST {LINKS}", {**LINK, "controlId": 9}, said(UNIQUE)),
    (f"POST {LINKS}", {}, said(UNIQUE)),
    (f"POST {LINKS}", {**LINK, "id": 1}, invalid(id=["Unknown field."])),
    # 6: reading
    ("GET /aggregations/compliance/1", None, ok([FINDING])),
    ("GET /aggregations/compliance/9", None, ok([])),
    (
        "GET /aggregations/control-overview-totals/1/",
        None,
        ok({"high": 0, "low": 1, "medium": 0, "total": 1}),
    ),
    ("GET /aggregations/control-overview-totals/9/", None, ok({})),
    (
        "GET /aggregations/control-overview-resources/1/?technicalControlId=1",
        None,
        ok([LISTED]),
    ),
    ("GET /aggregations/control-overview-resources/1/", None, ok([])),
    ("GET /aggregations/control-overview-resources/1/?technicalControlId=x", None, plain(500)),
    ("GET /applications/1/application-environments", None, ok([PLACED])),
    ("GET /applications/9/application-environments", None, ok([])),
    ("GET /applications/one/application-environments", None, plain(500)),
    ("GET /applications/1/quality-models/", None, ok([{"name": "SECURITY"}])),
    ("GET /applications/9/quality-models/", None, ok([])),
    ("GET /applications/1/control-overviews/?qualityModel=x", None, ok([OVERVIEW])),
    ("GET /applications/9/control-overviews/", None, ok([])),
    (
        "GET /compliance/?$select=applicationId,applicationName",
        None,
        ok(
            [
                {
                    "applicationId": 1,
                    "applicationName": "Payments",
                    "excluded": 0,
                    "isCompliant": 0,
                    "total": 1,
                }
            ]
        ),
    ),
    ("GET /compliance/?%24select=controlId&$filter=is_compliant", None, ok([])),
    ("GET /compliance/", None, said(SELECTION)),
    ("GET /compliance/?$select=controlId&$filter=eq", None, said(PARSE)),
    ("GET /compliance/?$select=severity", None, said(EXECUTE)),
    # 7: the retired routes
    ("GET /systems/1/exclusion-resources/", None, ok([ITEM, ITEM])),
    ("GET /systems/1/exclusion-resources/?state=PENDING", None, ok([ITEM, ITEM])),
    ("GET /systems/1/exclusion-resources/?state=ACTIVE", None, ok([])),
    ("GET /systems/9/exclusion-resources/", None, ok([])),
    ("PUT /exclusion-resources/1/", {"id": 1, "state": "ACTIVE"}, NOTHING),
    ("PUT /exclusion-resources/1/", {"id": 2, "state": "ACTIVE"}, said(MATCH)),
    ("PUT /exclusion-resources/9/", {"id": 9, "state": "ACTIVE"}, (409, "Conflict")),
    ("PUT /exclusion-resources/1/", {"id": 1, "state": "x"}, plain(500)),
    ("PUT /exclusion-resources/1/", {"state": "ACTIVE"}, plain(500)),
    ("PUT /exclusion-resources/1/", {}, required("state")),
    (
        "PUT /exclusion-resources/1/",
        {"id": 1, "state": None},
        invalid(state=["Field may not be null."]),
    ),
    ("PUT /exclusion-resources/1/", {**ITEM, "state": "NONE"}, NOTHING),
    ("GET /exclusion-resources/1/", None, plain(405)),
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A database file with one row of everything, raised at a known moment."""
    path = tmp_path_factory.mktemp("contract") / "airview.db"
    with (
        Sandbox(path, exclusion_resources=True) as sandbox,
        httpx.Client(base_url=sandbox.airview_url) as client,
    ):
        for row_path, body in ROWS:
            assert client.post(row_path, json=body).is_success
        params = {"technicalControlId": 1, "resourceId": 1}
        client.put(MONITORED, params=params, json={"monitoringState": "FLAGGED"})
        sandbox.add_exclusion_resource(1, 1)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE monitored_resource SET last_modified = ?", (RAISED,))
    connection.close()
    return path


@pytest.mark.parametrize(
    ("request_line", "body", "answered"), WALK, ids=[f"{step[0]}-{step[2][0]}" for step in WALK]
)
def test_the_contract_holds(filled, tmp_path, request_line, body, answered):
    """Each route answers each kind of request with its status and, to the byte, its body."""
    method, _, target = request_line.partition(" ")
    status, value = answered
    path = shutil.copy(filled, tmp_path / "airview.db")
    with Sandbox(path, exclusion_resources=True) as sandbox:
        before = sandbox.snapshot()
        answer = httpx.request(method, sandbox.airview_url + target, json=body)
        after = sandbox.snapshot()
    content = "" if status == 204 else json.dumps(value, sort_keys=True, separators=(",", ":"))
    assert (answer.status_code, answer.text) == (status, content and content + "\n")
    assert answer.headers["content-type"] == "application/json"
    if method == "GET" or status >= 400:
        assert after == before
    elif method == "POST":
        assert after != before


def test_the_walk_misses_no_route():
    """Every route the sandbox has is walked with every method (white-box)."""
    routes = Sandbox(exclusion_resources=True)._routes()
    walked = set()
    for request_line, *_ in WALK:
        method, _, target = request_line.partition(" ")
        walked.add((method, id(routes.find(target.partition("?")[0])[0])))
    described = {path: methods for path, methods in routes.paths.items() if path != "/openapi.json"}
    for path, methods in described.items():
        for method in methods:
            assert (method, id(methods)) in walked, f"{method} {path}"
