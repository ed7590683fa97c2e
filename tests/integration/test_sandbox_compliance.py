"""`GET /compliance/` of the sandbox at the wire: selections, counts and filters."""

import httpx
import pytest

from airview_herald.sandbox import Sandbox

SELECTION = (
    b'{"code":400,"message":"The $select query parameter must be passed","status":"Bad Request"}\n'
)
COLUMNS = (
    b'{"code":400,"message":"The selection contains fields which should not be allowed. Allowed '
    b"fields are: applicationId, applicationName, environmentName, severity, resourceReference, "
    b"technicalControlReference, technicalControlName, controlName, controlId, controlSeverity, "
    b'systemName, systemStage","status":"Bad Request"}\n'
)
PARSE = b'{"code":400,"message":"The filter provided could not be parsed","status":"Bad Request"}\n'
EXECUTE = (
    b'{"code":400,"message":"The query could not be executed. Check the filter which was passed is '
    b'valid","status":"Bad Request"}\n'
)
ROWS = [
    ("/systems/", {"name": "feed", "stage": "MONITOR"}),
    ("/systems/", {"name": "pipeline", "stage": "BUILD"}),
    ("/environments/", {"name": "Production", "abbreviation": "PRD"}),
    ("/applications/", {"name": "Payments", "applicationType": "BUSINESS_APPLICATION"}),
    ("/applications/", {"name": "ünder_score", "applicationType": "TECHNICAL_SERVICE"}),
    ("/application-environments/", {"applicationId": 1, "environmentId": 1, "references": []}),
    ("/application-environments/", {"applicationId": 2, "environmentId": 1, "references": []}),
    ("/controls/", {"name": "Encrypt", "qualityModel": "SECURITY", "severity": "HIGH"}),
    (
        "/technical-controls/",
        {
            "name": "TLS",
            "reference": "tls",
            "systemId": 1,
            "controlAction": "LOG",
            "controlId": 1,
        },
    ),
    (
        "/technical-controls/",
        {"name": "Tags", "reference": "tags", "systemId": 2, "controlAction": "LOG"},
    ),
    ("/resources/", {"name": "a", "reference": "arn:aws:a", "applicationEnvironmentId": 1}),
    ("/resources/", {"name": "b", "reference": "it's", "applicationEnvironmentId": 1}),
    ("/resources/", {"name": "c", "reference": "c", "applicationEnvironmentId": 2}),
    ("/resources/", {"name": "d", "reference": "d", "applicationEnvironmentId": 2}),
]
# (technical control, resource): arn:aws:a has both, d was deleted.
STATES = [
    (1, 1, "MONITORING"),
    (2, 1, "FLAGGED"),
    (1, 2, "UNRESPONSIVE"),
    (1, 3, "MONITORING"),
    (1, 4, "DELETED"),
]


@pytest.fixture(scope="module")
def client():
    """A client of a sandbox that has states to count."""
    with Sandbox() as sandbox, httpx.Client(base_url=sandbox.airview_url) as client:
        for path, body in ROWS:
            assert client.post(path, json=body).status_code == 200
        for technical_control, resource, state in STATES:
            answer = client.put(
                "/monitored-resources/",
                params={"technicalControlId": technical_control, "resourceId": resource},
                json={"monitoringState": state},
            )
            assert answer.status_code == 204
        yield client


def found(client, expression):
    """Return the resource references that a filter leaves, sorted, one for each state."""
    answer = client.get(
        "/compliance/",
        params={"$select": "resourceReference,technicalControlReference", "$filter": expression},
    )
    assert answer.status_code == 200, answer.text
    return sorted(row["resourceReference"] for row in answer.json())


def test_groups_are_counted(client):
    """Deleted states do not count, flagged and unresponsive ones are not compliant."""
    answer = client.get("/compliance/?%24select=applicationName,applicationId")
    assert answer.status_code == 200
    rows = sorted(answer.json(), key=lambda row: row["applicationId"])
    assert rows == [
        {
            "applicationId": 1,
            "applicationName": "Payments",
            "excluded": 0,
            "isCompliant": 1,
            "total": 3,
        },
        {
            "applicationId": 2,
            "applicationName": "ünder_score",
            "excluded": 0,
            "isCompliant": 1,
            "total": 1,
        },
    ]


def test_the_answer_has_airviews_bytes(client):
    """Keys are sorted; names are accepted in any case and with spaces."""
    answer = client.get("/compliance/?$select=%20ENVIRONMENTNAME%20&$top=1")
    assert answer.content == (
        b'[{"environmentName":"Production","excluded":0,"isCompliant":2,"total":4}]\n'
    )


@pytest.mark.parametrize("name", ["technicalControlName", "systemName", "systemStage"])
def test_some_names_group_unseen(client, name):
    """They split the groups and are left out of the answer."""
    rows = client.get("/compliance/", params={"$select": name}).json()
    assert sorted(rows, key=lambda row: row["total"]) == [
        {"excluded": 0, "isCompliant": 0, "total": 1},
        {"excluded": 0, "isCompliant": 2, "total": 3},
    ]


def test_a_technical_control_without_a_control_has_null_columns(client):
    """The three control columns are null then."""
    answer = client.get("/compliance/?$select=controlId,controlName,controlSeverity")
    rows = {row["controlId"]: row for row in answer.json()}
    assert (rows[1]["controlName"], rows[1]["controlSeverity"]) == ("Encrypt", "HIGH")
    assert (rows[None]["controlName"], rows[None]["controlSeverity"]) == (None, None)


@pytest.mark.parametrize(
    ("params", "content"),
    [
        ({}, SELECTION),
        ({"$select": ""}, SELECTION),
        ({"$select": " "}, COLUMNS),
        ({"$select": "applicationId,"}, COLUMNS),
        ({"$select": "applicationId,name"}, COLUMNS),
        ({"$select": "isCompliant"}, COLUMNS),
        ({"$select": "severity"}, EXECUTE),
        ({"$select": "severity,applicationId"}, EXECUTE),
        ({"$select": "severity", "$filter": "eq"}, PARSE),
    ],
)
def test_selections_are_checked(client, params, content):
    """A missing, a wrong and an allowed but impossible selection have their messages."""
    answer = client.get("/compliance/", params=params)
    assert (answer.status_code, answer.content) == (400, content)


A, B, C = "arn:aws:a", "it's", "c"


@pytest.mark.parametrize(
    ("expression", "references"),
    [
        ("", [A, A, C, B]),
        ("applicationId eq 1", [A, A, B]),
        ("APPLICATIONID NE 1", [C]),
        ("applicationId lt 2", [A, A, B]),
        ("applicationId le 1.5", [A, A, B]),
        ("applicationId gt 1", [C]),
        ("applicationId ge 99999999999", []),
        ("applicationId gt -1e0", [A, A, C, B]),
        ("applicationId eq '2'", [C]),
        ("applicationId in (2, 3)", [C]),
        ("resourceReference in ('c','it''s')", [C, B]),
        ("resourceReference eq 'arn:aws:a'", [A, A]),
        ("resourceReference eq 'it''s'", [B]),
        ("applicationName eq 'Payments'", []),
        ("tolower(applicationName) eq 'PAYMENTS'", [A, A, B]),
        ("tolower(applicationName) eq 'Ünder_score'", [C]),
        ("toupper(applicationName) eq toupper('payments')", [A, A, B]),
        ("contains(applicationName, 'ay')", [A, A, B]),
        ("contains(applicationName, 'pay')", []),
        ("contains(applicationName, '')", [A, A, C, B]),
        ("contains(applicationName, 'r_s')", [C]),
        ("contains(applicationName, 'r%s')", []),
        ("startswith(resourceReference, 'arn')", [A, A]),
        ("startswith(resourceReference, 'rn')", []),
        ("endswith(resourceReference, '''s')", [B]),
        ("endswith(resourceReference, 'xxit''s')", []),
        ("contains(resourceReference, 'c') eq true", [C]),
        ("contains(resourceReference, null)", []),
        ("controlName eq null", [A]),
        ("controlName ne null", [A, C, B]),
        ("controlSeverity eq null", [A]),
        ("tolower(controlName) eq 'encrypt'", [A, C, B]),
        ("controlId gt null", []),
        ("is_compliant", [A, C]),
        ("is_compliant eq true", [A, C]),
        ("is_compliant eq 0", [A, B]),
        ("not is_compliant", [A, B]),
        ("not resourceReference eq 'c' and is_compliant", [A]),
        ("excluded eq 0", [A, A, C, B]),
        ("applicationId eq 2 or is_compliant and controlId eq 1", [A, C]),
        ("(applicationId eq 2 or is_compliant) and (applicationId eq 1)", [A]),
        ("not not true", [A, A, C, B]),
        ("null", []),
        ("systemName eq 'feed' and technicalControlName ne 'tls'", [A, C, B]),
        ("environmentName ne technicalControlReference", [A, A, C, B]),
    ],
)
def test_filters_leave_what_they_say(client, expression, references):
    """The lower-cased expression is evaluated as PostgreSQL would."""
    assert found(client, expression) == sorted(references)


@pytest.mark.parametrize(
    "expression",
    [
        " ",
        "eq",
        "applicationId eq",
        "applicationId eq 1 and",
        "applicationId eq 1)",
        "(applicationId eq 1",
        "applicationId = 1",
        "applicationId eq 1 2",
        "applicationId eq 1 eq 1",
        "applicationId eq 1a",
        "applicationName eq 'open",
        'applicationName eq "x"',
        "applicationId in 1",
        "applicationId in ()",
        "contains(applicationName)",
        "tolower(applicationName, 'x') eq 'x'",
        "contains(applicationName, 'x'",
        "(" * 5000,
        "not",
    ],
)
def test_what_is_no_expression_cannot_be_parsed(client, expression):
    """A syntax error has its message."""
    answer = client.get("/compliance/", params={"$select": "systemName", "$filter": expression})
    assert (answer.status_code, answer.content) == (400, PARSE)


@pytest.mark.parametrize(
    "expression",
    [
        "isCompliant eq true",
        "severity eq 'high'",
        "name eq 'x'",
        "controlSeverity eq 'HIGH'",
        "controlSeverity in ('high')",
        "systemStage ne 'monitor'",
        "tolower(systemStage) eq 'monitor'",
        "controlName eq ':word'",
        "controlName eq 'a :word'",
        "contains(controlName, '-:word')",
        "applicationId eq 'one'",
        "applicationId eq '99999999999'",
        "applicationName eq 1",
        "applicationName eq applicationId",
        "applicationName eq true",
        "applicationName",
        "1",
        "applicationId and true",
        "contains(applicationId, '1')",
        "length(applicationName) eq 8",
        " or ".join(["is_compliant"] * 2000),
    ],
)
def test_what_the_database_refuses_cannot_be_executed(client, expression):
    """Unknown names, enumerations, other types and colons that mark parameters."""
    answer = client.get("/compliance/", params={"$select": "systemName", "$filter": expression})
    assert (answer.status_code, answer.content) == (400, EXECUTE)


def test_values_never_become_sql(client):
    """A literal that looks like SQL is a text like any other."""
    assert found(client, "resourceReference eq 'x'' or 1=1 --'") == []
