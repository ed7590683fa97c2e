import attrs
import pytest

from airview_herald.airview._mismatches import Mismatch, mismatches
from airview_herald.airview.frameworks import (
    Framework,
    FrameworkControlObjective,
    FrameworkControlObjectiveLink,
    FrameworkSection,
)
from airview_herald.airview.models import (
    Application,
    Control,
    Environment,
    ResourceType,
    ResourceTypeControl,
    Service,
    TechnicalControl,
)

CONTROL = Control("Patch servers", "SECURITY", id=12, severity="HIGH")
SERVICE = Service("ec2", "EC2", "VIRTUAL_MACHINE", 3)
NIST = Framework("NIST 800-53", "/nist", 1)
ACCESS = FrameworkSection("Access Control", "/nist/ac", NIST, 5)
STORED = {
    "environment": Environment("Production", "PRD", 1),
    "application": Application("Payments", "1", environment=Environment("Production", "PRD", 1)),
    "control": CONTROL,
    "technical_control": TechnicalControl(
        "EC2 patching", "ec2-patching", "LOG", 31, 60, is_blocking=False, control_id=5
    ),
    "resource_type": ResourceType("vm", "Virtual machine", 7, SERVICE),
    "service": SERVICE,
    "framework": NIST,
    "framework_section": ACCESS,
    "framework_control_objective": FrameworkControlObjective("AC-1", "/nist/ac-1", ACCESS, 8),
    "resource_type_control": ResourceTypeControl(12, 7, 3),
    "framework_control_objective_link": FrameworkControlObjectiveLink(8, 12),
}
STAGING = Environment("Staging", "STG")


def found(kind, stored, given):
    """Return the mismatches as (field, stored, given)."""
    every = list(mismatches(kind, "key", stored, given))
    assert {(each.kind, each.key) for each in every} <= {(kind, "key")}
    return [(each.field, each.stored, each.given) for each in every]


@pytest.mark.parametrize("kind", STORED)
def test_equal_definitions_do_not_differ(kind):
    """Ids are the server's own and never differ."""
    assert found(kind, STORED[kind], STORED[kind]) == []
    assert found(kind, STORED[kind], attrs.evolve(STORED[kind], id=None)) == []


@pytest.mark.parametrize(
    ("kind", "field", "change", "stored", "given"),
    [
        ("environment", "name", {"name": "Prod"}, "Production", "Prod"),
        ("application", "name", {"name": "Billing"}, "Payments", "Billing"),
        (
            "application",
            "type",
            {"type": "TECHNICAL_SERVICE"},
            "BUSINESS_APPLICATION",
            "TECHNICAL_SERVICE",
        ),
        ("application", "environment.abbreviation", {"environment": STAGING}, "PRD", "STG"),
        ("control", "quality_model", {"quality_model": "PORTABILITY"}, "SECURITY", "PORTABILITY"),
        ("control", "severity", {"severity": "LOW"}, "HIGH", "LOW"),
        ("technical_control", "name", {"name": "x"}, "EC2 patching", "x"),
        ("technical_control", "control_action", {"control_action": "TASK"}, "LOG", "TASK"),
        ("technical_control", "ttl", {"ttl": 0}, 60, 0),
        ("technical_control", "is_blocking", {"is_blocking": True}, False, True),
        ("technical_control", "control_id", {"control_id": 6}, 5, 6),
        ("resource_type", "name", {"name": "x"}, "Virtual machine", "x"),
        (
            "resource_type",
            "service.reference",
            {"service": Service("rds", "RDS", "DATABASE")},
            "ec2",
            "rds",
        ),
        ("service", "name", {"name": "x"}, "EC2", "x"),
        ("service", "type", {"type": "DATABASE"}, "VIRTUAL_MACHINE", "DATABASE"),
        ("framework", "link", {"link": "/x"}, "/nist", "/x"),
        ("framework_section", "link", {"link": "/x"}, "/nist/ac", "/x"),
        ("framework_control_objective", "link", {"link": "/x"}, "/nist/ac-1", "/x"),
    ],
)
def test_each_field_that_differs_is_told(kind, field, change, stored, given):
    """The server's value wins and is told beside the caller's."""
    other = attrs.evolve(STORED[kind], **change)
    assert found(kind, STORED[kind], other) == [(field, stored, given)]


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("control", {"quality_model": None}),
        ("technical_control", {"ttl": None, "is_blocking": None, "control": None}),
        ("resource_type", {"service": None}),
    ],
)
def test_what_the_caller_leaves_open_does_not_differ(kind, change):
    """`None` in the caller's object says nothing."""
    assert found(kind, STORED[kind], attrs.evolve(STORED[kind], **change)) == []


@pytest.mark.parametrize(
    ("kind", "change", "field", "given"),
    [
        ("technical_control", {"control_id": None}, "control_id", 5),
        ("technical_control", {"ttl": None}, "ttl", 60),
        ("resource_type", {"service": None}, "service.reference", "ec2"),
    ],
)
def test_what_the_server_lacks_differs(kind, change, field, given):
    """A part that the caller gives and the server does not have is a difference."""
    stored = attrs.evolve(STORED[kind], **change)
    assert found(kind, stored, STORED[kind]) == [(field, None, given)]


def test_several_differences_are_told_in_order():
    """One definition may differ in more than one field."""
    given = Application("Billing", "1", "TECHNICAL_SERVICE", STAGING)
    fields = [field for field, _, _ in found("application", STORED["application"], given)]
    assert fields == ["name", "type", "environment.abbreviation"]


def test_equal_mismatches_are_one():
    """A mismatch is a key: a thousand events that differ alike are noted once."""
    [first] = mismatches("service", "ec2", SERVICE, attrs.evolve(SERVICE, name="x"))
    [second] = mismatches("service", "ec2", SERVICE, attrs.evolve(SERVICE, name="x"))
    assert len({first, second}) == 1
    assert first == Mismatch("service", "ec2", "name", "EC2", "x")
