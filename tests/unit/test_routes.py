import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, quote, urlsplit

import attrs
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading_rows import (
    APPLICATION_ROW,
    CHECK_ROW,
    FLAGGED_ROW,
    OVERSEEN_ROW,
    OVERVIEW_ROW,
    PLACE_ROW,
    THE_APPLICATION,
    THE_CHECK,
    THE_FLAGGED,
    THE_OVERSEEN,
    THE_OVERVIEW,
    THE_PLACE,
)

from airview_herald.airview import _reading_routes, _routes
from airview_herald.airview._calls import read_error
from airview_herald.airview._routes import StoredResource, StoredResourceType, System
from airview_herald.airview.models import (
    Application,
    ApplicationType,
    Control,
    ControlSeverity,
    Environment,
    QualityModel,
    ResourceType,
    ResourceTypeControl,
    Service,
    ServiceType,
    TechnicalControl,
    TechnicalControlAction,
)
from airview_herald.airview.readings import (
    ComplianceGroup,
    ControlOverviewTotals,
)
from airview_herald.errors import DecodeError, RequestFacts
from airview_herald.transport._call import ErrorBody, Reply, RetryClass

AWKWARD = "a&b#c+d%20e f/g:h=i?\u00e9"
ENCODED = "a%26b%23c%2Bd%2520e%20f%2Fg%3Ah%3Di%3F%C3%A9"
ASCII_JSON = b'"a&b#c+d%20e f/g:h=i?\\u00e9"'

CONTROL = Control("Patch servers", QualityModel.SECURITY, severity=ControlSeverity.HIGH)
CHECK = TechnicalControl("EC2 patching", "ec2-patching", TechnicalControlAction.TASK)
WHOLE_CHECK = TechnicalControl("n", "r", "LOG", ttl=0, is_blocking=False, control_id=12)
SERVICE = Service("ec2", "EC2", ServiceType.DATABASE, 3)

READS = {
    "get_system": (_routes.get_system(AWKWARD), f"/systems/?name={ENCODED}", True),
    "get_environments": (_routes.get_environments(), "/environments/", False),
    "get_services": (_routes.get_services(), "/services/", False),
    "get_resource_type": (
        _routes.get_resource_type(AWKWARD),
        f"/resource-types/?reference={ENCODED}",
        True,
    ),
    "get_controls": (_routes.get_controls(AWKWARD), f"/controls/?name={ENCODED}", False),
    "get_technical_controls": (
        _routes.get_technical_controls(4, "a/b~c"),
        "/technical-controls/?systemId=4&reference=a%2Fb~c",
        False,
    ),
    "get_application_environment": (
        _routes.get_application_environment("aws_account_id", "a/b~c"),
        "/referenced-application-environments/?type=aws_account_id&reference=a%2Fb~c",
        True,
    ),
    "get_resource_type_control_link": (
        _routes.get_resource_type_control_link(12, 7),
        "/resource-types-controls/?controlId=12&resourceTypeId=7",
        True,
    ),
    "get_resource": (
        _routes.get_resource(AWKWARD, 15),
        f"/resources/?applicationEnvironmentId=15&reference={ENCODED}",
        True,
    ),
    "get_applications": (_reading_routes.get_applications(None), "/applications/", False),
    "get_applications, of a type": (
        _reading_routes.get_applications("TECHNICAL_SERVICE"),
        "/applications/?applicationType=TECHNICAL_SERVICE",
        False,
    ),
    "get_application": (_reading_routes.get_application(9), "/applications/9", True),
    "get_application_environments": (
        _reading_routes.get_application_environments(9),
        "/applications/9/application-environments",
        False,
    ),
    "get_application_environment_by_id": (
        _reading_routes.get_application_environment_by_id(15),
        "/application-environments/15",
        True,
    ),
    "get_technical_control_by_id": (
        _reading_routes.get_technical_control_by_id(31),
        "/technical-controls/31",
        True,
    ),
    "get_quality_models": (
        _reading_routes.get_quality_models(9),
        "/applications/9/quality-models/",
        False,
    ),
    "get_control_overviews": (
        _reading_routes.get_control_overviews(9, None),
        "/applications/9/control-overviews/",
        False,
    ),
    "get_control_overviews, of a quality model": (
        _reading_routes.get_control_overviews(9, QualityModel.SECURITY),
        "/applications/9/control-overviews/?qualityModel=SECURITY",
        False,
    ),
    "get_flagged": (_reading_routes.get_flagged(9), "/aggregations/compliance/9", False),
    "get_control_overview_totals": (
        _reading_routes.get_control_overview_totals(9),
        "/aggregations/control-overview-totals/9/",
        False,
    ),
    "get_control_overview_resources": (
        _reading_routes.get_control_overview_resources(9, 31),
        "/aggregations/control-overview-resources/9/?technicalControlId=31",
        False,
    ),
    "get_compliance": (
        _reading_routes.get_compliance(["applicationId", "controlName"], None),
        "/compliance/?%24select=applicationId%2CcontrolName",
        False,
    ),
    "get_compliance, filtered": (
        _reading_routes.get_compliance(("controlName",), "contains(controlName, 'a+b')"),
        "/compliance/?%24select=controlName&%24filter=contains%28controlName%2C%20%27a%2Bb%27%29",
        False,
    ),
    "get_compliance, empty filter": (
        _reading_routes.get_compliance(["controlName"], ""),
        "/compliance/?%24select=controlName",
        False,
    ),
}

CREATES = {
    "create_system": (
        _routes.create_system(AWKWARD, "MONITOR"),
        "/systems/",
        b'{"name":' + ASCII_JSON + b',"stage":"MONITOR"}',
    ),
    "create_environment": (
        _routes.create_environment(Environment("Production", "PRD", 5)),
        "/environments/",
        b'{"name":"Production","abbreviation":"PRD"}',
    ),
    "create_service": (
        _routes.create_service(SERVICE),
        "/services/",
        b'{"name":"EC2","reference":"ec2","type":"DATABASE"}',
    ),
    "create_resource_type": (
        _routes.create_resource_type(ResourceType("vm", "VM", 9, SERVICE)),
        "/resource-types/",
        b'{"name":"VM","reference":"vm","serviceId":3}',
    ),
    "create_resource_type, no service": (
        _routes.create_resource_type(ResourceType("vm", "VM")),
        "/resource-types/",
        b'{"name":"VM","reference":"vm"}',
    ),
    "create_resource_type_control_link": (
        _routes.create_resource_type_control_link(12, 7),
        "/resource-types-controls/",
        b'{"controlId":12,"resourceTypeId":7}',
    ),
    "create_control": (
        _routes.create_control(CONTROL),
        "/controls/",
        b'{"name":"Patch servers","qualityModel":"SECURITY","severity":"HIGH"}',
    ),
    "create_technical_control": (
        _routes.create_technical_control(4, CHECK),
        "/technical-controls/",
        b'{"name":"EC2 patching","reference":"ec2-patching","systemId":4,"controlAction":"TASK"}',
    ),
    "create_technical_control, all given": (
        _routes.create_technical_control(4, WHOLE_CHECK),
        "/technical-controls/",
        (
            b'{"name":"n","reference":"r","systemId":4,"controlAction":"LOG",'
            b'"ttl":0,"isBlocking":false,"controlId":12}'
        ),
    ),
    "create_application": (
        _routes.create_application(Application("Payments", "1", id=7)),
        "/applications/",
        b'{"name":"Payments","applicationType":"BUSINESS_APPLICATION"}',
    ),
    "create_application_environment": (
        _routes.create_application_environment(9, 1, "aws_account_id", "123456789012"),
        "/application-environments/",
        (
            b'{"applicationId":9,"environmentId":1,'
            b'"references":[{"type":"aws_account_id","reference":"123456789012"}]}'
        ),
    ),
    "create_resource": (
        _routes.create_resource(AWKWARD, 15),
        "/resources/",
        b'{"name":'
        + ASCII_JSON
        + b',"reference":'
        + ASCII_JSON
        + b',"applicationEnvironmentId":15}',
    ),
}

SAVES = {
    "save_resource": (
        _routes.save_resource(AWKWARD, 15, "web-1", 7),
        f"/resources/?applicationEnvironmentId=15&reference={ENCODED}",
        b'{"name":"web-1","reference":'
        + ASCII_JSON
        + b',"applicationEnvironmentId":15,"resourceTypeId":7}',
    ),
    "save_monitored_resource": (
        _routes.save_monitored_resource(31, 301, "FLAGGED", "\u00e9"),
        "/monitored-resources/?technicalControlId=31&resourceId=301",
        b'{"monitoringState":"FLAGGED","additionalData":"\\u00e9"}',
    ),
    "save_monitored_resource, no data": (
        _routes.save_monitored_resource(31, 301, "FLAGGED", ""),
        "/monitored-resources/?technicalControlId=31&resourceId=301",
        b'{"monitoringState":"FLAGGED","additionalData":""}',
    ),
}


def reply(document, status=200):
    """Return an answer with a body, bytes as they are and all else as JSON."""
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Reply(status, httpx.Headers(), content, RequestFacts("GET", "http://airview/x/"))


@pytest.mark.parametrize(("call", "target", "absent"), READS.values(), ids=READS)
def test_reads_are_built_as_registered(call, target, absent):
    """A read has its exact slashes and encoding, and no body; a 404 means absence where it says."""
    assert (call.method, call.target, call.success) == ("GET", target, 200)
    assert (call.retry_class, call.body, call.absent) == (RetryClass.READ, None, absent)


@pytest.mark.parametrize(("call", "target", "body"), CREATES.values(), ids=CREATES)
def test_creates_are_built_as_registered(call, target, body):
    """A create's body is ASCII, has no id and no null, and a 404 is an error."""
    assert (call.method, call.target, call.success) == ("POST", target, 200)
    assert (call.retry_class, call.body, call.absent) == (RetryClass.CREATE, body, False)


@pytest.mark.parametrize(("call", "target", "body"), SAVES.values(), ids=SAVES)
def test_saves_are_built_as_registered(call, target, body):
    """A save succeeds with 204 alone, whose body is not read."""
    assert (call.method, call.target, call.success) == ("PUT", target, 204)
    assert (call.retry_class, call.body, call.absent) == (RetryClass.SERIAL, body, False)
    assert call.decode(reply(b"", 204)) is None


@pytest.mark.parametrize(
    ("notes", "more"), [(None, b""), ("Ref RISK-7\u00e9", b',"notes":"Ref RISK-7\\u00e9"')]
)
def test_an_exclusion_is_built_as_registered(notes, more):
    """An exclusion succeeds with 201 alone, whose `null` says nothing."""
    call = _routes.create_exclusion(
        "Accepted risk", 12, (301, 302), is_limited_exclusion=False, notes=notes
    )
    assert (call.method, call.target, call.success) == ("POST", "/exclusions/", 201)
    assert (call.retry_class, call.absent) == (RetryClass.CREATE, False)
    assert call.body == (
        b'{"summary":"Accepted risk","isLimitedExclusion":false,"controlId":12,'
        b'"resources":[301,302]' + more + b"}"
    )
    assert call.decode(reply(None, 201)) is None


def test_an_applications_update_is_built_as_registered():
    """The three fields that the route takes are sent, and sending them twice does no harm."""
    call = _routes.update_application(Application("Payments", "1", "TECHNICAL_SERVICE", id=9))
    assert (call.method, call.target, call.success) == ("PUT", "/applications/9", 204)
    assert (call.retry_class, call.absent) == (RetryClass.ABSOLUTE, False)
    assert call.body == b'{"id":9,"name":"Payments","applicationType":"TECHNICAL_SERVICE"}'
    assert call.decode(reply(b"", 204)) is None


def test_every_route_is_checked_here():
    """A route function added to the module is missed by no test of this file."""
    functions = {
        name
        for module in (_routes, _reading_routes)
        for name, value in vars(module).items()
        if name.startswith(("get_", "create_", "save_", "update_"))
        and value.__module__ == module.__name__
    }
    of_their_own = {"create_exclusion", "update_application"}
    tabled = {name.partition(",")[0] for name in (*READS, *CREATES, *SAVES)}
    assert tabled | of_their_own == functions


ANY_TEXT = st.text(min_size=1)


@given(ANY_TEXT, ANY_TEXT, st.integers(1, 2**31 - 1))
def test_any_value_survives_its_query(first, second, number):
    """Form decoding of a target gives each value back, whatever the text."""
    for call, query in [
        (_routes.get_system(first), {"name": first}),
        (_routes.get_controls(first), {"name": first}),
        (_routes.get_resource_type(first), {"reference": first}),
        (
            _routes.get_application_environment(first, second),
            {"type": first, "reference": second},
        ),
        (
            _routes.get_technical_controls(number, first),
            {"systemId": str(number), "reference": first},
        ),
        (
            _routes.get_resource(first, number),
            {"applicationEnvironmentId": str(number), "reference": first},
        ),
        (
            _routes.save_resource(first, number, second, number),
            {"applicationEnvironmentId": str(number), "reference": first},
        ),
        (_reading_routes.get_compliance([first], second), {"$select": first, "$filter": second}),
    ]:
        assert call.target.isascii()
        found = parse_qs(urlsplit(call.target).query, keep_blank_values=True, strict_parsing=True)
        assert found == {name: [value] for name, value in query.items()}
        assert httpx.URL("http://airview" + call.target).raw_path == call.target.encode()


@given(st.text())
def test_any_text_survives_its_body(text):
    """A body is ASCII and gives the text back."""
    call = _routes.save_monitored_resource(1, 2, "FLAGGED", text)
    assert call.body.isascii()
    assert json.loads(call.body)["additionalData"] == text


PAYMENTS = Application(
    "Payments",
    "123456789012",
    ApplicationType.BUSINESS_APPLICATION,
    Environment("Production", "PRD", 1),
    9,
    15,
)
CONTROL_ROW = {"id": 12, "name": "Patch servers", "qualityModel": "SECURITY", "severity": "HIGH"}
THE_CONTROL = Control("Patch servers", QualityModel.SECURITY, id=12, severity=ControlSeverity.HIGH)
RESOURCE_ROW = {
    "applicationEnvironmentId": 15,
    "id": 301,
    "name": "web-1",
    "reference": "i-0abc",
    "resourceTypeId": 7,
}
TYPE_ROW = {"id": 7, "name": "VM", "reference": "vm", "serviceId": 3}
SERVICE_ROW = {"id": 3, "name": "EC2", "reference": "ec2", "type": "DATABASE"}
ENVIRONMENT_ROW = {"abbreviation": "PRD", "id": 1, "name": "Production"}
SYSTEM_ROW = {"id": 4, "name": "aws-config-feed", "stage": "MONITOR"}
GROUP_ROW = {
    "applicationId": 9,
    "applicationName": "Payments",
    "excluded": 0,
    "isCompliant": 5,
    "total": 7,
}

ANSWERS = {
    "system": (_routes.get_system("x"), SYSTEM_ROW, System(4, "aws-config-feed", "MONITOR")),
    "new system": (
        _routes.create_system("x", "BUILD"),
        SYSTEM_ROW,
        System(4, "aws-config-feed", "MONITOR"),
    ),
    "environments": (
        _routes.get_environments(),
        [ENVIRONMENT_ROW],
        [Environment("Production", "PRD", 1)],
    ),
    "no environments": (_routes.get_environments(), [], []),
    "new environment": (
        _routes.create_environment(Environment("n", "a")),
        ENVIRONMENT_ROW,
        Environment("Production", "PRD", 1),
    ),
    "services": (_routes.get_services(), [SERVICE_ROW], [SERVICE]),
    "new service": (_routes.create_service(SERVICE), SERVICE_ROW, SERVICE),
    "resource type": (
        _routes.get_resource_type("x"),
        TYPE_ROW,
        StoredResourceType(7, "VM", "vm", 3),
    ),
    "new resource type": (
        _routes.create_resource_type(ResourceType("vm", "VM")),
        TYPE_ROW | {"serviceId": None},
        StoredResourceType(7, "VM", "vm"),
    ),
    "resource type's control": (
        _routes.get_resource_type_control_link(12, 7),
        {"controlId": 12, "id": 3, "resourceTypeId": 7},
        ResourceTypeControl(12, 7, 3),
    ),
    "new resource type's control": (
        _routes.create_resource_type_control_link(12, 7),
        {"controlId": 12, "id": 3, "resourceTypeId": 7},
        ResourceTypeControl(12, 7, 3),
    ),
    "controls": (_routes.get_controls("x"), [CONTROL_ROW, CONTROL_ROW], [THE_CONTROL] * 2),
    "new control": (_routes.create_control(CONTROL), CONTROL_ROW, THE_CONTROL),
    "technical controls": (_routes.get_technical_controls(4, "x"), [CHECK_ROW], [THE_CHECK]),
    "new technical control": (
        _routes.create_technical_control(4, CHECK),
        CHECK_ROW,
        THE_CHECK,
    ),
    "new application": (
        _routes.create_application(PAYMENTS),
        {"applicationType": "BUSINESS_APPLICATION", "id": 9, "name": "Payments"},
        9,
    ),
    "application environment": (
        _routes.get_application_environment("aws_account_id", "123456789012"),
        PLACE_ROW,
        PAYMENTS,
    ),
    "new application environment": (
        _routes.create_application_environment(9, 1, "aws_account_id", "123456789012"),
        PLACE_ROW,
        PAYMENTS,
    ),
    "resource": (
        _routes.get_resource("x", 15),
        RESOURCE_ROW,
        StoredResource(301, "web-1", "i-0abc", 15, 7),
    ),
    "untyped resource": (
        _routes.get_resource("x", 15),
        RESOURCE_ROW | {"resourceTypeId": None},
        StoredResource(301, "web-1", "i-0abc", 15),
    ),
    "new resource": (_routes.create_resource("x", 15), RESOURCE_ROW, 301),
    "applications": (_reading_routes.get_applications(None), [APPLICATION_ROW], [THE_APPLICATION]),
    "recorded application": (_reading_routes.get_application(9), APPLICATION_ROW, THE_APPLICATION),
    "application environments": (
        _reading_routes.get_application_environments(9),
        [PLACE_ROW],
        [THE_PLACE],
    ),
    "application environment by id": (
        _reading_routes.get_application_environment_by_id(15),
        PLACE_ROW | {"references": []},
        attrs.evolve(THE_PLACE, references=()),
    ),
    "technical control by id": (
        _reading_routes.get_technical_control_by_id(31),
        CHECK_ROW,
        THE_CHECK,
    ),
    "quality models": (
        _reading_routes.get_quality_models(9),
        [{"name": "SECURITY"}, {"name": "COST_OPTIMISATION"}],
        [QualityModel.SECURITY, QualityModel.COST_OPTIMISATION],
    ),
    "control overviews": (
        _reading_routes.get_control_overviews(9, None),
        [OVERVIEW_ROW],
        [THE_OVERVIEW],
    ),
    "flagged": (_reading_routes.get_flagged(9), [FLAGGED_ROW], [THE_FLAGGED]),
    "flagged on the second, without a control": (
        _reading_routes.get_flagged(9),
        [
            FLAGGED_ROW
            | {
                "controlId": 0,
                "controlName": "Unmapped",
                "raisedDateTime": "2023-09-18T13:21:24",
            }
        ],
        [
            attrs.evolve(
                THE_FLAGGED,
                control_id=0,
                control_name="Unmapped",
                raised_date_time=datetime(2023, 9, 18, 13, 21, 24, tzinfo=UTC),
            )
        ],
    ),
    "totals": (
        _reading_routes.get_control_overview_totals(9),
        {"high": 0, "low": 1, "medium": 0, "total": 2},
        ControlOverviewTotals(total=2, high=0, medium=0, low=1),
    ),
    "overseen resources": (
        _reading_routes.get_control_overview_resources(9, 31),
        [OVERSEEN_ROW],
        [THE_OVERSEEN],
    ),
    "compliance": (
        _reading_routes.get_compliance(["applicationId", "applicationName"], None),
        [GROUP_ROW],
        [ComplianceGroup(7, 5, 0, application_id=9, application_name="Payments")],
    ),
    "compliance without a control": (
        _reading_routes.get_compliance(["controlId", "controlName", "controlSeverity"], None),
        [
            {
                "controlId": None,
                "controlName": None,
                "controlSeverity": None,
                "excluded": 0,
                "isCompliant": 0,
                "total": 1,
            },
            {
                "controlId": 12,
                "controlName": "Patch servers",
                "controlSeverity": "HIGH",
                "excluded": 0,
                "isCompliant": 0,
                "total": 1,
            },
        ],
        [
            ComplianceGroup(1, 0),
            ComplianceGroup(
                1,
                0,
                control_id=12,
                control_name="Patch servers",
                control_severity=ControlSeverity.HIGH,
            ),
        ],
    ),
}


def with_extras(document):
    """Return a document with a field nobody knows in each of its objects."""
    if isinstance(document, list):
        return [with_extras(each) for each in document]
    if isinstance(document, dict):
        known = {name: with_extras(value) for name, value in document.items()}
        return known | {"addedLater": {"x": [1]}}
    return document


@pytest.mark.parametrize(("call", "document", "value"), ANSWERS.values(), ids=ANSWERS)
def test_documented_answers_are_read(call, document, value):
    """The contract's examples become typed values, with fields of newer servers left out."""
    assert call.decode(reply(document)) == value
    assert call.decode(reply(with_extras(document))) == value


@pytest.mark.parametrize(
    ("call", "document", "read"),
    [
        (_routes.get_services(), [SERVICE_ROW | {"type": "QUANTUM"}], lambda v: v[0].type),
        (
            _routes.get_controls("x"),
            [CONTROL_ROW | {"severity": "QUANTUM"}],
            lambda v: v[0].severity,
        ),
        (
            _routes.get_controls("x"),
            [CONTROL_ROW | {"qualityModel": "QUANTUM"}],
            lambda v: v[0].quality_model,
        ),
        (
            _routes.get_technical_controls(4, "x"),
            [CHECK_ROW | {"controlAction": "QUANTUM"}],
            lambda v: v[0].control_action,
        ),
        (_routes.get_system("x"), SYSTEM_ROW | {"stage": "QUANTUM"}, lambda v: v.stage),
        (
            _routes.get_application_environment("t", "x"),
            PLACE_ROW | {"application": {"applicationType": "QUANTUM", "id": 9, "name": "n"}},
            lambda v: v.type,
        ),
    ],
)
def test_enumerations_that_grew_are_read(call, document, read):
    """A value that this package does not know is kept as the text it is."""
    assert read(call.decode(reply(document))) == "QUANTUM"


def test_counts_that_the_server_has_not_are_none():
    """When nothing is flagged the answer is an empty object."""
    assert _reading_routes.get_control_overview_totals(9).decode(reply({})) is None


def without(row, name):
    """Return a row with a field left out."""
    return {key: value for key, value in row.items() if key != name}


@pytest.mark.parametrize(
    ("call", "document", "message", "path"),
    [
        (_routes.get_system("x"), without(SYSTEM_ROW, "id"), "field missing @ $.id", "$.id"),
        (_routes.get_system("x"), without(SYSTEM_ROW, "name"), "field missing @ $.name", "$.name"),
        (
            _routes.get_system("x"),
            SYSTEM_ROW | {"id": "4"},
            "expected an integer, got a string @ $.id",
            "$.id",
        ),
        (
            _routes.get_system("x"),
            SYSTEM_ROW | {"id": True},
            "expected an integer, got a boolean @ $.id",
            "$.id",
        ),
        (_routes.get_system("x"), [SYSTEM_ROW], "expected an object, got a list @ $", "$"),
        (_routes.get_system("x"), None, "expected an object, got null @ $", "$"),
        (
            _routes.create_control(CONTROL),
            without(CONTROL_ROW, "id"),
            "field missing @ $.id",
            "$.id",
        ),
        (
            _routes.create_control(CONTROL),
            CONTROL_ROW | {"id": None},
            "field missing @ $.id",
            "$.id",
        ),
        (
            _routes.get_environments(),
            [ENVIRONMENT_ROW, without(ENVIRONMENT_ROW, "id")],
            "field missing @ $[1].id",
            "$[1].id",
        ),
        (
            _routes.get_services(),
            [SERVICE_ROW, SERVICE_ROW, SERVICE_ROW | {"name": 5}],
            "expected a string, got an integer @ $[2].name",
            "$[2].name",
        ),
        (
            _routes.get_technical_controls(4, "x"),
            [CHECK_ROW | {"isBlocking": "false"}],
            "expected a boolean, got a string @ $[0].isBlocking",
            "$[0].isBlocking",
        ),
        (
            _routes.get_application_environment("t", "x"),
            PLACE_ROW | {"environment": {"abbreviation": "PRD", "id": 1}},
            "field missing @ $.environment.name",
            "$.environment.name",
        ),
        (
            _reading_routes.get_flagged(9),
            [FLAGGED_ROW | {"raisedDateTime": "yesterday"}],
            "expected a date and time in ISO 8601, got 'yesterday' @ $[0].raisedDateTime",
            "$[0].raisedDateTime",
        ),
        (
            _reading_routes.get_control_overview_totals(9),
            {"total": 2},
            "field missing @ $.high",
            "$.high",
        ),
        (
            _reading_routes.get_quality_models(9),
            [{"name": None}],
            "expected a string, got null @ $[0].name",
            "$[0].name",
        ),
        (
            _reading_routes.get_compliance(["controlName"], None),
            [GROUP_ROW | {"total": 7.5}],
            "expected an integer, got a number @ $[0].total",
            "$[0].total",
        ),
    ],
)
def test_answers_that_break_the_contract_are_told(call, document, message, path):
    """A missing id, a missing field and a wrong type are each named by path."""
    with pytest.raises(DecodeError) as caught:
        call.decode(reply(document))
    assert (caught.value.message, caught.value.path) == (message, path)
    assert caught.value.url == "http://airview/x/"


@pytest.mark.parametrize("document", [b"", b"<html>", b'{"id":4,', b"\xff"])
def test_answers_that_are_no_json_are_told(document):
    """A body that is cut short or is a page of a gateway's is no row."""
    with pytest.raises(DecodeError, match=r"^the answer is not JSON: ") as caught:
        _routes.get_system("x").decode(reply(document))
    assert caught.value.path == ""


@pytest.mark.parametrize(
    ("status", "document", "code", "message"),
    [
        (404, {"code": 404, "status": "Not Found"}, 404, "Not Found"),
        (405, {"code": 405, "status": "Method Not Allowed"}, 405, "Method Not Allowed"),
        (500, {"code": 500, "status": "Internal Server Error"}, 500, "Internal Server Error"),
        (503, {"code": 503, "status": "Service Unavailable"}, 503, "Service Unavailable"),
        (
            400,
            {
                "code": 400,
                "message": "Integrity Error, check reference fields",
                "status": "Bad Request",
            },
            400,
            "Integrity Error, check reference fields",
        ),
        (
            409,
            {
                "code": 409,
                "message": "Id is not expected when creating record",
                "status": "Conflict",
            },
            409,
            "Id is not expected when creating record",
        ),
        (
            422,
            {
                "code": 422,
                "errors": {"json": {"name": ["Missing data for required field."]}},
                "status": "Unprocessable Entity",
            },
            422,
            '{"json": {"name": ["Missing data for required field."]}}',
        ),
        (
            400,
            {"code": 400, "errors": {"json": ["Invalid JSON body."]}, "status": "Bad Request"},
            400,
            '{"json": ["Invalid JSON body."]}',
        ),
        (400, "Bad Request", None, "Bad Request"),
        (409, "Conflict", None, "Conflict"),
    ],
)
def test_airviews_own_errors_are_read(status, document, code, message):
    """The shapes P, M, V, J and S of the contract are AirView's own, with their words."""
    assert read_error(reply(document, status)) == ErrorBody(own=True, code=code, message=message)


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (404, b"<html>Not Found</html>"),
        (404, b""),
        (404, b"\xff\xfe"),
        (404, b"[" * 100_000),
        (404, {"message": "no Route matched with those values"}),
        (404, {"code": 404}),
        (404, {"code": 404, "status": "NOT_FOUND"}),
        (404, {"code": "404", "status": "Not Found"}),
        (404, {"code": 500, "status": "Internal Server Error"}),
        (404, "Bad Request"),
        (502, "Bad Request"),
        (400, "Conflict"),
        (409, "Bad Request"),
        (400, ["Bad Request"]),
        (401, None),
        (401, 401),
    ],
)
def test_a_gateways_errors_say_nothing(status, document):
    """HTML, other JSON, and JSON at odds with its status are never taken for AirView's word."""
    found = read_error(reply(document, status))
    assert attrs.evolve(found, unreadable=False) == ErrorBody()


def test_awkward_text_is_encoded_as_python_encodes_it():
    """The constant that the targets above are pinned to is no invention of this file."""
    assert quote(AWKWARD, safe="") == ENCODED
