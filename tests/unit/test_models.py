import pickle
from enum import StrEnum

import attrs
import pytest
from reading_rows import THE_FLAGGED, THE_OVERSEEN

from airview_herald.airview import frameworks, models, readings
from airview_herald.airview.frameworks import (
    Framework,
    FrameworkControlObjective,
    FrameworkControlObjectiveLink,
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
    ResourceTypeControl,
    Service,
    ServiceType,
    SystemStage,
    TechnicalControl,
    TechnicalControlAction,
)
from airview_herald.airview.readings import (
    ApplicationEnvironment,
    ApplicationReference,
    ComplianceGroup,
    ControlOverview,
    ControlOverviewTotals,
    FlaggedResource,
    RecordedApplication,
)

REQUIRED = attrs.NOTHING
UNKNOWN = Environment("Unknown", "UNK")

DOCUMENTED = {
    Environment: {"name": REQUIRED, "abbreviation": REQUIRED, "id": None},
    Application: {
        "name": REQUIRED,
        "reference": REQUIRED,
        "type": ApplicationType.BUSINESS_APPLICATION,
        "environment": UNKNOWN,
        "id": None,
        "application_environment_id": None,
    },
    Control: {
        "name": REQUIRED,
        "quality_model": None,
        "service_id": None,
        "service_name": None,
        "id": None,
        "severity": ControlSeverity.LOW,
    },
    TechnicalControl: {
        "name": REQUIRED,
        "reference": REQUIRED,
        "control_action": REQUIRED,
        "id": None,
        "ttl": None,
        "is_blocking": None,
        "control_id": None,
        "control": None,
    },
    ComplianceEvent: {
        "resource_reference": REQUIRED,
        "application": REQUIRED,
        "technical_control": REQUIRED,
        "status": REQUIRED,
        "additional_data": "",
    },
    Service: {"reference": REQUIRED, "name": REQUIRED, "type": REQUIRED, "id": None},
    ResourceTypeControl: {"control_id": REQUIRED, "resource_type_id": REQUIRED, "id": None},
    ResourceType: {"reference": REQUIRED, "name": REQUIRED, "id": None, "service": None},
    Resource: {"reference": REQUIRED, "application": REQUIRED, "name": None, "resource_type": None},
    Framework: {"name": REQUIRED, "link": REQUIRED, "id": None},
    FrameworkSection: {"name": REQUIRED, "link": REQUIRED, "framework": REQUIRED, "id": None},
    FrameworkControlObjective: {
        "name": REQUIRED,
        "link": REQUIRED,
        "framework_section": REQUIRED,
        "id": None,
    },
    FrameworkControlObjectiveLink: {
        "framework_control_objective_id": REQUIRED,
        "control_id": REQUIRED,
        "id": None,
    },
}

ENUMERATIONS = {
    SystemStage: "BUILD MONITOR",
    ApplicationType: "BUSINESS_APPLICATION TECHNICAL_SERVICE APPLICATION_SERVICE",
    ServiceType: "UNKNOWN VIRTUAL_MACHINE CONTAINER NETWORK REPOSITORY PIPELINE OBJECT_STORAGE"
    " DATABASE FUNCTION STORAGE",
    TechnicalControlAction: "LOG INCIDENT TASK VULNERABILITY",
    QualityModel: "LOG_EXCELLENCE SECURITY RELIABILITY PERFORMANCE_EFFICIENCY COST_OPTIMISATION"
    " PORTABILITY USABILITY_AND_COMPATIBILITY",
    ControlSeverity: "CRITICAL HIGH MEDIUM LOW",
    MonitoredResourceState: "FLAGGED MONITORING DELETED UNRESPONSIVE",
}

APPLICATION = Application("Payments", "123456789012")
CHECK = TechnicalControl("EC2 patching", "ec2-patching", TechnicalControlAction.VULNERABILITY)
SERVICE = Service("ec2", "EC2", ServiceType.VIRTUAL_MACHINE)
NIST = Framework("NIST 800-53", "/nist", 1)
ACCESS = FrameworkSection("Access Control", "/nist/ac", NIST, 5)
RECORDED = RecordedApplication(9, "Payments", ApplicationType.TECHNICAL_SERVICE)
OVERVIEW = ControlOverview(
    31,
    "EC2 patching",
    TechnicalControlAction.LOG,
    ControlSeverity.HIGH,
    "ccf",
    SystemStage.BUILD,
    applied=3,
    exempt=0,
)
INSTANCES = [
    UNKNOWN,
    APPLICATION,
    Control("Patch servers", QualityModel.SECURITY),
    CHECK,
    ComplianceEvent("i-0abc", APPLICATION, CHECK, MonitoredResourceState.FLAGGED, "why"),
    SERVICE,
    ResourceType("vm", "Virtual machine", 7, SERVICE),
    ResourceTypeControl(12, 7, 3),
    Resource("i-0abc", APPLICATION),
    NIST,
    ACCESS,
    FrameworkControlObjective("AC-1", "/nist/ac-1", ACCESS, 8),
    FrameworkControlObjectiveLink(8, 12),
    ComplianceGroup(7, 5, application_name="Payments"),
    RECORDED,
    ApplicationReference("aws_account_id", "1"),
    ApplicationEnvironment(15, RECORDED, UNKNOWN, (ApplicationReference("aws_account_id", "1"),)),
    OVERVIEW,
    THE_OVERSEEN,
    ControlOverviewTotals(2, 0, 1, 1),
    FlaggedResource(301, "web-1"),
    THE_FLAGGED,
]
ENUMERATED = [
    (lambda value: Application("n", "r", value).type, ApplicationType.TECHNICAL_SERVICE),
    (lambda value: Service("r", "n", value).type, ServiceType.DATABASE),
    (lambda value: TechnicalControl("n", "r", value).control_action, TechnicalControlAction.TASK),
    (lambda value: Control("n", value).quality_model, QualityModel.PORTABILITY),
    (lambda value: Control("n", severity=value).severity, ControlSeverity.CRITICAL),
    (
        lambda value: ComplianceEvent("x", APPLICATION, CHECK, value).status,
        MonitoredResourceState.UNRESPONSIVE,
    ),
    (
        lambda value: ComplianceGroup(1, 1, control_severity=value).control_severity,
        ControlSeverity.LOW,
    ),
    (
        lambda value: RecordedApplication(9, "n", value).application_type,
        ApplicationType.APPLICATION_SERVICE,
    ),
    (
        lambda value: attrs.evolve(OVERVIEW, control_action=value).control_action,
        TechnicalControlAction.INCIDENT,
    ),
    (lambda value: attrs.evolve(OVERVIEW, severity=value).severity, ControlSeverity.MEDIUM),
    (lambda value: attrs.evolve(OVERVIEW, system_stage=value).system_stage, SystemStage.MONITOR),
    (lambda value: attrs.evolve(THE_OVERSEEN, type=value).type, ServiceType.CONTAINER),
    (lambda value: attrs.evolve(THE_OVERSEEN, status=value).status, MonitoredResourceState.DELETED),
    (lambda value: attrs.evolve(THE_FLAGGED, system_stage=value).system_stage, SystemStage.BUILD),
]
OF_EACH_CLASS = pytest.mark.parametrize("instance", INSTANCES, ids=lambda each: type(each).__name__)
OF_EACH_FIELD = pytest.mark.parametrize(("stored", "member"), ENUMERATED)


@pytest.mark.parametrize("cls", DOCUMENTED, ids=lambda cls: cls.__name__)
def test_fields_have_the_documented_order_and_defaults(cls):
    """Positional construction from existing code means the same here."""
    fields = [(field.name, field.default) for field in attrs.fields(cls)]
    assert fields == list(DOCUMENTED[cls].items())
    values = [f"value {n}" for n in range(len(fields))]
    assert list(attrs.asdict(cls(*values), recurse=False).values()) == values


@pytest.mark.parametrize("cls", ENUMERATIONS, ids=lambda cls: cls.__name__)
def test_enumerations_hold_the_documented_values(cls):
    """Members are named by their text, in the documented order."""
    assert [member.value for member in cls] == ENUMERATIONS[cls].split()
    assert list(cls.__members__) == ENUMERATIONS[cls].split()


def test_every_class_of_the_modules_is_checked_here():
    """A class added to the models is missed by no test of this file."""
    checked = {*ENUMERATIONS, *(type(each) for each in INSTANCES)}
    assert {cls.__name__ for cls in checked} == {
        *models.__all__,
        *frameworks.__all__,
        *readings.__all__,
    }
    assert set(DOCUMENTED) == {type(each) for each in INSTANCES} - {
        getattr(readings, name) for name in readings.__all__
    }


@OF_EACH_CLASS
def test_models_are_frozen(instance):
    """No field of an object can be set, and none added."""
    for name in (*attrs.asdict(instance), "other"):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(instance, name, "changed")


@OF_EACH_CLASS
def test_models_hash_and_compare_by_value(instance):
    """Equal objects are one key of a dictionary, and an object with another value is another."""
    twin = attrs.evolve(instance)
    first = attrs.fields(type(instance))[0].name
    assert twin is not instance
    assert len({instance, twin}) == 1
    assert len({instance, attrs.evolve(instance, **{first: "other"})}) == 2


@OF_EACH_CLASS
def test_models_survive_pickling(instance):
    """What comes back from a pickle is equal, its enumerated fields being members still."""
    twin = pickle.loads(pickle.dumps(instance))  # noqa: S301 - our own bytes
    assert twin == instance
    assert [type(value) for value in attrs.asdict(twin, recurse=False).values()] == [
        type(value) for value in attrs.asdict(instance, recurse=False).values()
    ]


@OF_EACH_FIELD
def test_an_enumerations_text_becomes_its_member(stored, member):
    """Enumerated fields take a member or its text alike."""
    assert stored(member) is member
    assert stored(member.value) is member
    assert isinstance(stored(str(member.value)), StrEnum)


@OF_EACH_FIELD
def test_a_text_that_is_no_member_is_kept(stored, member):
    """A value of a newer server stays the text it is, and case counts."""
    for text in ("BRAND_NEW", member.value.lower(), ""):
        assert stored(text) == text
        assert type(stored(text)) is str


@OF_EACH_FIELD
def test_what_is_no_text_is_kept_for_the_rules_to_refuse(stored, member):
    """Building an object never fails, so a bad event is an outcome and not its producer's end."""
    value = ["no", "text"]
    assert stored(value) is value
    assert stored(None) is None


def test_the_default_environment_is_shared_and_cannot_change():
    """Applications without an environment share the documented one, which is frozen."""
    assert Application("a", "r").environment is Application("b", "s").environment
    assert Application("a", "r").environment == UNKNOWN
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Application("a", "r").environment.id = 5


def test_a_group_is_built_from_its_counts_alone():
    """What was not selected is `None`, and servers without exclusions count none."""
    group = ComplianceGroup(total=7, is_compliant=5)
    assert group.excluded == 0
    rest = attrs.asdict(group, filter=lambda field, _: field.default is None)
    assert len(rest) == 8
    assert set(rest.values()) == {None}


@pytest.mark.parametrize("text", ["high", "HIGH", "High"])
def test_a_severity_in_lower_case_is_a_member(text):
    """The aggregations write severities in lower case; whoever compares them need not know."""
    assert attrs.evolve(THE_FLAGGED, severity=text).severity is ControlSeverity.HIGH
    for other in ("grave", "", None, ["list"]):
        assert attrs.evolve(THE_FLAGGED, severity=other).severity == other
