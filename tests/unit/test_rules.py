import re

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airview_herald.airview._rules import SELECTABLE, Rules
from airview_herald.airview.frameworks import (
    Framework,
    FrameworkControlObjective,
    FrameworkSection,
)
from airview_herald.airview.models import (
    Application,
    ApplicationType,
    ComplianceEvent,
    Control,
    ControlSeverity,
    Environment,
    MonitoredResourceState,
    QualityModel,
    Resource,
    ResourceType,
    Service,
    TechnicalControl,
    TechnicalControlAction,
)
from airview_herald.errors import InputError

CONTROL = Control("Patch servers", QualityModel.SECURITY)
APPLICATION = Application("Payments", "123456789012", environment=Environment("Production", "PRD"))
CHECK = TechnicalControl("EC2 patching", "ec2-patching", "VULNERABILITY", control=CONTROL)
EVENT = ComplianceEvent("i-0abc", APPLICATION, CHECK, "FLAGGED")
SERVICE = Service("ec2", "EC2", "VIRTUAL_MACHINE")
TYPE = ResourceType("vm", "Virtual machine", service=SERVICE)
RESOURCE = Resource("i-0abc", APPLICATION, "web-1", TYPE)
SECTION = FrameworkSection("Access Control", "/nist/ac", Framework("NIST 800-53", "/nist"))
OBJECTIVE = FrameworkControlObjective("AC-1", "/nist/ac-1", SECTION)

MAX_ID = 2_147_483_647
ALPHABET = (
    "may hold A-Z a-z 0-9 _ . ~ / - only, not {!r}; "
    "airview_herald.sources.encode_reference maps any text, reversibly"
)
TOO_LONG = "must have at most 500 characters, has 501"
UNSTORABLE = "must not hold a NUL or half of a surrogate pair"
ID = f"must be an integer from 1 to {MAX_ID}, not "
MINUTES = f"must be an integer from 0 to {MAX_ID}, not "
STATES = "must be one of FLAGGED, MONITORING, DELETED, UNRESPONSIVE, not "


def changed(instance, path, value):
    """Return a copy with the value at a dotted path, the objects on the way copied too."""
    name, _, rest = path.partition(".")
    return attrs.evolve(
        instance, **{name: changed(getattr(instance, name), rest, value) if rest else value}
    )


def check_event(event):
    """Check an event."""
    Rules(event).event(event)


def check_resource(resource):
    """Check a resource."""
    Rules(resource).resource("resource", resource)


def check_objective(objective):
    """Check a control objective."""
    Rules(objective).framework_control_objective("objective", objective)


def refused(check, subject, field, rule):
    """Assert that a check fails for one field and one rule, and hands back the very object."""
    with pytest.raises(InputError) as caught:
        check(subject)
    assert (caught.value.field, caught.value.rule) == (field, rule)
    assert str(caught.value) == f"{field}: {rule}"
    assert caught.value.subject is subject


TEXTS = [
    ("application.name", 500),
    ("application.environment.name", 500),
    ("technical_control.name", 500),
    ("additional_data", 8000),
]
KEYS = [
    ("resource_reference", 500),
    ("application.environment.abbreviation", 10),
    ("technical_control.control.name", 500),
]
REFERENCES = [("application.reference", 500), ("technical_control.reference", 500)]
EVERY_TEXT = TEXTS + KEYS + REFERENCES
MEMBERS = [
    ("application.type", "BUSINESS_APPLICATION, TECHNICAL_SERVICE, APPLICATION_SERVICE"),
    ("technical_control.control_action", "LOG, INCIDENT, TASK, VULNERABILITY"),
    (
        "technical_control.control.quality_model",
        (
            "LOG_EXCELLENCE, SECURITY, RELIABILITY, PERFORMANCE_EFFICIENCY, COST_OPTIMISATION, "
            "PORTABILITY, USABILITY_AND_COMPATIBILITY"
        ),
    ),
    ("technical_control.control.severity", "CRITICAL, HIGH, MEDIUM, LOW"),
    ("status", "FLAGGED, MONITORING, DELETED, UNRESPONSIVE"),
]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("status", MonitoredResourceState.UNRESPONSIVE),
        ("status", "DELETED"),
        ("application.type", ApplicationType.TECHNICAL_SERVICE),
        ("application.type", "TECHNICAL_SERVICE"),
        ("application.name", ""),
        ("application.name", "\u00e9\U0001f600 & # + %"),
        ("application.reference", "aZ09_.~/-"),
        ("resource_reference", "arn:aws:s3:::b\u00fccket/\n x"),
        ("additional_data", "x" * 8000),
        ("application.environment.abbreviation", "x" * 10),
        ("technical_control.control_action", TechnicalControlAction.LOG),
        ("technical_control.control", None),
        ("technical_control.control.quality_model", None),
        ("technical_control.control.severity", ControlSeverity.HIGH),
        ("technical_control.ttl", 0),
        ("technical_control.ttl", MAX_ID),
        ("technical_control.is_blocking", False),
        ("technical_control.control_id", 1),
    ],
)
def test_what_the_contract_allows_passes(path, value):
    """Members and their texts, empty names, free text and the largest values are accepted."""
    check_event(changed(EVENT, path, value))


@pytest.mark.parametrize(("path", "most"), EVERY_TEXT)
def test_texts_are_as_long_as_the_server_stores(path, most):
    """The longest text passes, and one character more is refused with both counts."""
    check_event(changed(EVENT, path, "x" * most))
    event = changed(EVENT, path, "x" * (most + 1))
    refused(check_event, event, path, f"must have at most {most} characters, has {most + 1}")


@pytest.mark.parametrize("path", [path for path, _ in EVERY_TEXT])
@pytest.mark.parametrize("value", ["a\0b", "\ud800", "x\udfff"])
def test_what_the_server_cannot_store_is_refused(path, value):
    """A NUL or a lone surrogate is refused in every text, before any other rule but length."""
    refused(check_event, changed(EVENT, path, value), path, UNSTORABLE)


@pytest.mark.parametrize("path", [path for path, _ in EVERY_TEXT])
@pytest.mark.parametrize("value", [5, b"bytes", None, ["list"]])
def test_what_is_no_text_is_refused(path, value):
    """A value of another type is refused by its type's name, its value not shown."""
    rule = f"must be a text, not {type(value).__name__}"
    refused(check_event, changed(EVENT, path, value), path, rule)


@pytest.mark.parametrize("path", [path for path, _ in KEYS + REFERENCES])
def test_keys_are_not_empty(path):
    """An empty key would find nothing, or every row there is."""
    refused(check_event, changed(EVENT, path, ""), path, "must not be empty")


@pytest.mark.parametrize("path", [path for path, _ in REFERENCES])
@pytest.mark.parametrize(
    "value", ["a b", "a:b", "a+b", "a@b", "a%20b", "\u00e9", "abc\n", "\n", "a\\b"]
)
def test_references_keep_to_their_alphabet(path, value):
    """Everything that AirView refuses is refused here, a line feed at the end included."""
    refused(check_event, changed(EVENT, path, value), path, ALPHABET.format(value))


@pytest.mark.parametrize(("path", "values"), MEMBERS)
@pytest.mark.parametrize("value", ["BRAND_NEW", "flagged", "", 5, ["list"]])
def test_only_members_of_an_enumeration_are_sent(path, values, value):
    """A text that AirView does not know would be a plain 500, so it is refused with the choice."""
    refused(
        check_event, changed(EVENT, path, value), path, f"must be one of {values}, not {value!r}"
    )


@pytest.mark.parametrize(
    "path", ["application.type", "status", "technical_control.control.severity"]
)
def test_an_enumerated_field_is_not_none(path):
    """`None` stands for nothing the server has, but for a control's quality model."""
    values = dict(MEMBERS)[path]
    refused(check_event, changed(EVENT, path, None), path, f"must be one of {values}, not None")


@pytest.mark.parametrize("value", [True, False, "5", 1.0, MAX_ID + 1, 2**64, -1])
def test_minutes_are_integers_of_32_bits(value):
    """A time to live is an integer that is neither negative nor a boolean."""
    event = changed(EVENT, "technical_control.ttl", value)
    refused(check_event, event, "technical_control.ttl", MINUTES + repr(value))


@pytest.mark.parametrize("value", [True, "5", 1.0, 0, -1, MAX_ID + 1])
def test_ids_are_positive_integers_of_32_bits(value):
    """An id that no row can have is refused, and a boolean is no integer."""
    event = changed(EVENT, "technical_control.control_id", value)
    refused(check_event, event, "technical_control.control_id", ID + repr(value))


@pytest.mark.parametrize("value", [1, 0, "true"])
def test_blocking_is_a_boolean(value):
    """What AirView would read as a boolean is none here."""
    event = changed(EVENT, "technical_control.is_blocking", value)
    rule = f"must be a bool, not {type(value).__name__}"
    refused(check_event, event, "technical_control.is_blocking", rule)


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        ("application", None, "must be an Application, not NoneType"),
        ("application.environment", None, "must be an Environment, not NoneType"),
        ("technical_control", APPLICATION, "must be a TechnicalControl, not Application"),
        ("technical_control.control", "Patch servers", "must be a Control, not str"),
    ],
)
def test_parts_are_of_their_class(path, value, rule):
    """A part that is missing or of another class is refused by both names."""
    refused(check_event, changed(EVENT, path, value), path, rule)


@pytest.mark.parametrize("subject", [None, {"resource_reference": "x"}, APPLICATION])
def test_an_event_is_a_compliance_event(subject):
    """Whatever else a producer yields is one refused event, and nothing worse."""
    rule = f"must be a ComplianceEvent, not {type(subject).__name__}"
    refused(check_event, subject, "event", rule)


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        ("reference", "", "must not be empty"),
        ("reference", "x" * 501, TOO_LONG),
        ("name", "x" * 501, TOO_LONG),
        ("name", 5, "must be a text, not int"),
        ("application.reference", "a b", ALPHABET.format("a b")),
        ("resource_type", "vm", "must be a ResourceType, not str"),
        ("resource_type.reference", "", "must not be empty"),
        ("resource_type.name", "x" * 501, TOO_LONG),
        ("resource_type.service", "ec2", "must be a Service, not str"),
        ("resource_type.service.reference", "", "must not be empty"),
        ("resource_type.service.name", "\0", UNSTORABLE),
        (
            "resource_type.service.type",
            "vm",
            (
                "must be one of UNKNOWN, VIRTUAL_MACHINE, CONTAINER, NETWORK, REPOSITORY, "
                "PIPELINE, OBJECT_STORAGE, DATABASE, FUNCTION, STORAGE, not 'vm'"
            ),
        ),
    ],
)
def test_resources_are_checked_to_the_last_part(path, value, rule):
    """A resource's application, type and service obey their rules too, each under its path."""
    refused(check_resource, changed(RESOURCE, path, value), f"resource.{path}", rule)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", None),
        ("name", ""),
        ("resource_type", None),
        ("resource_type.service", None),
        ("reference", "x" * 500),
        ("reference", "a & b"),
    ],
)
def test_resources_may_lack_what_is_optional(path, value):
    """A name, a type and a type's service are no must."""
    check_resource(changed(RESOURCE, path, value))


def test_a_resource_is_a_resource():
    """An object of another class is refused by name."""
    refused(check_resource, EVENT, "resource", "must be a Resource, not ComplianceEvent")


@pytest.mark.parametrize(
    ("name", "stage", "field", "rule"),
    [
        ("", "BUILD", "system_name", "must not be empty"),
        ("x" * 501, "BUILD", "system_name", TOO_LONG),
        (None, "BUILD", "system_name", "must be a text, not NoneType"),
        ("ccf", "build", "system_stage", "must be one of BUILD, MONITOR, not 'build'"),
    ],
)
def test_systems_have_a_name_and_a_stage(name, stage, field, rule):
    """A system's name is a key, and its stage a member."""
    refused(lambda subject: Rules(subject).system(name, stage), object(), field, rule)


@pytest.mark.parametrize(
    ("select", "rule"),
    [
        ("applicationId", "must be a list of names, not str"),
        ([], f"must list one or more of: {', '.join(SELECTABLE)}"),
        (None, "must be a list of names, not NoneType"),
        (5, "must be a list of names, not int"),
        (iter(["applicationId"]), "must be a list of names, not list_iterator"),
        (["applicationId", "severity"], f"'severity' is none of: {', '.join(SELECTABLE)}"),
        (["applicationid"], f"'applicationid' is none of: {', '.join(SELECTABLE)}"),
        ([["applicationId"]], f"['applicationId'] is none of: {', '.join(SELECTABLE)}"),
    ],
)
def test_a_query_selects_documented_columns(select, rule):
    """One text, nothing, what can be read only once, and unknown columns are refused."""
    refused(lambda subject: Rules(subject).compliance(subject, None), select, "select", rule)


@pytest.mark.parametrize(
    ("filter_", "rule"),
    [(5, "must be a text, not int"), ("\ud800", UNSTORABLE), ("a\0", UNSTORABLE)],
)
def test_a_filter_can_be_sent(filter_, rule):
    """A filter that has no UTF-8 is refused before it is encoded."""
    refused(lambda _: Rules(_).compliance(SELECTABLE, filter_), object(), "filter", rule)


@pytest.mark.parametrize("filter_", [None, "", "applicationName eq 'x' or " * 100])
def test_a_filter_may_be_absent_or_long(filter_):
    """The contract sets no limit to a filter."""
    Rules(None).compliance(SELECTABLE, filter_)


def test_an_id_that_should_be_there_is_asked_for():
    """`given` returns an id, and says where a missing one comes from."""
    assert Rules(None).given("application.id", 7) == 7
    rule = "is needed: use the object that an earlier operation returned"
    refused(lambda _: Rules(_).given("application.id", None), object(), "application.id", rule)
    refused(lambda _: Rules(_).given("application.id", 0), object(), "application.id", f"{ID}0")


def test_a_missing_part_is_named_with_its_purpose():
    """`missing` returns the error, for its caller to raise."""
    error = Rules(EVENT).missing("control.quality_model", "a new control")
    assert isinstance(error, InputError)
    assert str(error) == "control.quality_model: is needed for a new control"
    assert error.subject is EVENT


ANYTHING = st.one_of(
    st.text(st.characters(), max_size=12),
    st.text("aZ09_.~/-", max_size=12),
    st.sampled_from(["x" * 500, "x" * 501, "x" * 8001, "", "ab\n", "FLAGGED", "LOG"]),
    st.none(),
    st.integers(),
    st.booleans(),
)


@st.composite
def events(draw):
    """Return an event that is in order but for up to four of its fields."""
    event = EVENT
    paths = [path for path, _ in EVERY_TEXT + MEMBERS] + [
        f"technical_control.{name}" for name in ("ttl", "is_blocking", "control_id")
    ]
    for path in draw(st.lists(st.sampled_from(paths), unique=True, max_size=4)):
        event = changed(event, path, draw(ANYTHING))
    return event


def is_integer(value, least):
    """Whether the database has room for it."""
    return type(value) is int and least <= value < 2**31


def lawful(event):
    """Whether the contract takes an event; put together from its words alone."""
    application, check, control = (
        event.application,
        event.technical_control,
        event.technical_control.control,
    )
    texts = [
        (application.name, 0, 500),
        (application.environment.name, 0, 500),
        (application.environment.abbreviation, 1, 10),
        (check.name, 0, 500),
        (control.name, 1, 500),
        (event.resource_reference, 1, 500),
        (event.additional_data, 0, 8000),
    ]
    references = (application.reference, check.reference)
    return (
        all(isinstance(t, str) and least <= len(t) <= most for t, least, most in texts)
        and not any(re.search("[\0\ud800-\udfff]", t) for t, _, _ in texts)
        and all(
            isinstance(r, str) and re.fullmatch(r"[A-Za-z0-9_.~/-]{1,500}", r) for r in references
        )
        and application.type in list(ApplicationType)
        and check.control_action in list(TechnicalControlAction)
        and control.quality_model in [None, *QualityModel]
        and control.severity in list(ControlSeverity)
        and event.status in list(MonitoredResourceState)
        and (check.ttl is None or is_integer(check.ttl, 0))
        and (check.control_id is None or is_integer(check.control_id, 1))
        and (check.is_blocking is None or isinstance(check.is_blocking, bool))
    )


@given(events())
def test_an_event_passes_exactly_when_the_contract_takes_it(event):
    """Any event either breaks a rule and is refused, or may be sent."""
    if lawful(event):
        check_event(event)
        return
    with pytest.raises(InputError) as caught:
        check_event(event)
    assert caught.value.subject is event


OBJECTIVE_PARTS = ["", "framework_section.", "framework_section.framework."]


@pytest.mark.parametrize("part", OBJECTIVE_PARTS)
def test_control_objectives_are_checked_to_the_framework(part):
    """Names and links are texts of at most 500 characters, and a name is not empty."""
    for name in ("name", "link"):
        path = part + name
        check_objective(changed(OBJECTIVE, path, "x" * 500))
        for value, rule in [
            ("x" * 501, TOO_LONG),
            ("a\0b", UNSTORABLE),
            (None, "must be a text, not NoneType"),
        ]:
            refused(check_objective, changed(OBJECTIVE, path, value), f"objective.{path}", rule)
    check_objective(changed(OBJECTIVE, f"{part}link", ""))
    nameless = changed(OBJECTIVE, f"{part}name", "")
    refused(check_objective, nameless, f"objective.{part}name", "must not be empty")


@pytest.mark.parametrize(
    ("path", "wanted"),
    [("framework_section", "FrameworkSection"), ("framework_section.framework", "Framework")],
)
def test_a_control_objective_has_its_parents(path, wanted):
    """A parent that is missing is refused by its path."""
    objective = changed(OBJECTIVE, path, None)
    refused(check_objective, objective, f"objective.{path}", f"must be a {wanted}, not NoneType")


def test_what_is_no_control_objective_is_refused():
    """A section is not one of its own objectives."""
    rule = "must be a FrameworkControlObjective, not FrameworkSection"
    refused(check_objective, SECTION, "objective", rule)


@pytest.mark.parametrize("values", [[], [301], (301, 302)])
def test_lists_of_ids_may_be_empty(values):
    """Any sequence of different ids passes."""
    Rules(values).ids("resources", values)


@pytest.mark.parametrize(
    ("values", "field", "rule"),
    [
        ("301", "resources", "must be a list of ids, not str"),
        ({301}, "resources", "must be a list of ids, not set"),
        ([301, 0], "resources[1]", f"{ID}0"),
        ([301, 302, 301], "resources[2]", "301 is listed twice"),
    ],
)
def test_lists_of_ids_hold_each_once(values, field, rule):
    """The server refuses a list that names a row twice, with a text that says something else."""
    refused(lambda given: Rules(given).ids("resources", given), values, field, rule)
