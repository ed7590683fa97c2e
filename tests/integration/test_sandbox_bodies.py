"""What holds for every body the sandbox takes: no nulls, no unknown fields, objects only."""

import httpx
import pytest

from airview_herald.sandbox import Sandbox

PLACE = {
    "applicationId": 1,
    "environmentId": 1,
    "references": [],
    "application": {"name": "a", "applicationType": "BUSINESS_APPLICATION"},
    "environment": {"name": "e", "abbreviation": "e"},
}
EXCLUSION = {
    "controlId": 1,
    "resources": [],
    "summary": "s",
    "isLimitedExclusion": True,
    "notes": "n",
    "endDate": "2023-09-18T13:21:24",
    "status": "s",
}
RESOURCE = {"name": "r", "reference": "r", "applicationEnvironmentId": 1, "resourceTypeId": 1}
APPLICATION = {"id": 1, "name": "a", "applicationType": "BUSINESS_APPLICATION"}
TECHNICAL_CONTROL = {
    "name": "t",
    "reference": "t",
    "systemId": 1,
    "controlAction": "LOG",
    "ttl": 1,
    "controlId": 1,
    "isBlocking": True,
}
NAMED = {"name": "n", "link": "/n"}
LINKS = "/frameworks/framework-control-objective-link/"
KEYS = "?applicationEnvironmentId=1&reference=r"
# Every field of every body.
BODIES = [
    ("POST", "/systems/", {"name": "s", "stage": "BUILD"}),
    ("POST", "/environments/", {"name": "e", "abbreviation": "e"}),
    ("POST", "/services/", {"name": "s", "reference": "s", "type": "NETWORK"}),
    ("POST", "/resource-types/", {"name": "t", "reference": "t", "serviceId": 1}),
    ("POST", "/controls/", {"name": "c", "qualityModel": "SECURITY", "severity": "LOW"}),
    ("POST", "/resource-types-controls/", {"controlId": 1, "resourceTypeId": 1}),
    ("POST", "/technical-controls/", TECHNICAL_CONTROL),
    ("POST", "/applications/", APPLICATION),
    ("PUT", "/applications/1", APPLICATION),
    ("POST", "/application-environments/", {**PLACE, "id": 1}),
    ("PUT", "/application-environments/1", {**PLACE, "id": 1}),
    ("POST", "/resources/", RESOURCE),
    ("PUT", f"/resources/{KEYS}", RESOURCE),
    (
        "PUT",
        "/monitored-resources/?technicalControlId=1&resourceId=1",
        {"monitoringState": "FLAGGED", "additionalData": ""},
    ),
    ("POST", "/exclusions/", EXCLUSION),
    ("POST", "/frameworks/", NAMED),
    ("POST", "/frameworks/1/sections/", {**NAMED, "frameworkId": 1}),
    (
        "POST",
        "/frameworks/1/sections/1/control-objectives/",
        {**NAMED, "frameworkSectionId": 1},
    ),
    ("POST", LINKS, {"frameworkControlObjectiveId": 1, "controlId": 1}),
    ("PUT", "/exclusion-resources/1/", {"id": 1, "state": "NONE", "reference": "r"}),
]
every_body = pytest.mark.parametrize(
    ("method", "path", "body"), BODIES, ids=[f"{method} {path}" for method, path, _ in BODIES]
)


@pytest.fixture(scope="module")
def sandbox():
    """A sandbox of an older release, running."""
    with Sandbox(exclusion_resources=True) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _nothing_is_stored(sandbox):
    """What a schema refuses leaves no row."""
    yield
    assert not any(sandbox.snapshot().values())


@every_body
def test_null_is_refused_in_every_field(sandbox, method, path, body):
    """Optional fields are left out, never null; all of them are named at once."""
    answer = httpx.request(method, sandbox.airview_url + path, json=dict.fromkeys(body))
    assert answer.status_code == 422
    nulls = {name: ["Field may not be null."] for name in body}
    assert answer.json()["errors"]["json"].items() >= nulls.items()


@every_body
def test_unknown_fields_are_refused(sandbox, method, path, body):
    """A field that a route does not know is named, and alone when the others are fine."""
    url = sandbox.airview_url + path
    answer = httpx.request(method, url, json={**body, "other": 1})
    assert answer.status_code == 422
    assert answer.json()["errors"] == {"json": {"other": ["Unknown field."]}}


@every_body
def test_every_body_is_an_object(sandbox, method, path, body):
    """A list is of an invalid type, and what is not JSON is one error."""
    url = sandbox.airview_url + path
    answer = httpx.request(method, url, json=[body])
    assert answer.status_code == 422
    assert answer.json()["errors"] == {"json": {"_schema": ["Invalid input type."]}}
    headers = {"content-type": "application/json"}
    assert httpx.request(method, url, content=b"{", headers=headers).status_code == 400
