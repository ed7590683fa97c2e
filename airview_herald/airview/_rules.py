"""The rules that AirView puts on what it is given, checked before anything is sent.

The server answers a broken rule late and vaguely: an unknown enum or a name of 501 characters is
a plain 500. Here each is an `InputError` that names the field and the rule and carries the
caller's own object.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from airview_herald._numbers import is_integer
from airview_herald._quoted import quoted
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
    ServiceType,
    SystemStage,
    TechnicalControl,
    TechnicalControlAction,
)
from airview_herald.errors import InputError

MAX_TEXT = 500
MAX_ABBREVIATION = 10
MAX_ADDITIONAL_DATA = 8000
# No server accepts a request line this long; gunicorn's limit is 8,190 bytes.
MAX_FILTER = 16_000
MAX_ID = 2**31 - 1

SELECTABLE = (
    "applicationId",
    "applicationName",
    "environmentName",
    "resourceReference",
    "technicalControlReference",
    "technicalControlName",
    "controlName",
    "controlId",
    "controlSeverity",
    "systemName",
    "systemStage",
)

_REFERENCE = re.compile(r"[A-Za-z0-9_.~/-]*")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class Rules:
    """Check the parts of one object of the caller's.

    Args:
        subject: The caller's object, handed back with every error.
    """

    __slots__ = ("_subject",)

    def __init__(self, subject: object) -> None:
        self._subject = subject

    @classmethod
    def broken_by(cls, event: Any) -> InputError | None:
        """Return the first rule that an event breaks, if it breaks one."""
        try:
            cls(event).event(event)
        except InputError as error:
            return error
        return None

    def event(self, event: ComplianceEvent) -> None:
        """Check a compliance event."""
        self.kind("event", event, ComplianceEvent)
        self.key("resource_reference", event.resource_reference)
        self.application("application", event.application)
        self.technical_control("technical_control", event.technical_control)
        self.member("status", event.status, MonitoredResourceState)
        self.text("additional_data", event.additional_data, MAX_ADDITIONAL_DATA)

    def application(self, field: str, application: Application) -> None:
        """Check an application and its environment."""
        self.kind(field, application, Application)
        self.text(f"{field}.name", application.name)
        self.reference(f"{field}.reference", application.reference)
        self.member(f"{field}.type", application.type, ApplicationType)
        self.environment(f"{field}.environment", application.environment)

    def environment(self, field: str, environment: Environment) -> None:
        """Check an environment."""
        self.kind(field, environment, Environment)
        self.text(f"{field}.name", environment.name)
        self.key(f"{field}.abbreviation", environment.abbreviation, MAX_ABBREVIATION)

    def technical_control(self, field: str, technical_control: TechnicalControl) -> None:
        """Check a technical control and its parent."""
        self.kind(field, technical_control, TechnicalControl)
        self.text(f"{field}.name", technical_control.name)
        self.reference(f"{field}.reference", technical_control.reference)
        self.member(
            f"{field}.control_action", technical_control.control_action, TechnicalControlAction
        )
        if technical_control.ttl is not None:
            self.integer(f"{field}.ttl", technical_control.ttl, least=0)
        if technical_control.is_blocking is not None:
            self.kind(f"{field}.is_blocking", technical_control.is_blocking, bool)
        if technical_control.control_id is not None:
            self.integer(f"{field}.control_id", technical_control.control_id)
        if technical_control.control is not None:
            self.control(f"{field}.control", technical_control.control)

    def control(self, field: str, control: Control) -> None:
        """Check a control; one that exists already needs no quality model."""
        self.kind(field, control, Control)
        self.key(f"{field}.name", control.name)
        if control.quality_model is not None:
            self.member(f"{field}.quality_model", control.quality_model, QualityModel)
        self.member(f"{field}.severity", control.severity, ControlSeverity)

    def resource(self, field: str, resource: Resource) -> None:
        """Check a resource, its application and its type."""
        self.kind(field, resource, Resource)
        self.key(f"{field}.reference", resource.reference)
        self.application(f"{field}.application", resource.application)
        if resource.name is not None:
            self.text(f"{field}.name", resource.name)
        if resource.resource_type is not None:
            self.resource_type(f"{field}.resource_type", resource.resource_type)

    def resource_type(self, field: str, resource_type: ResourceType) -> None:
        """Check a resource type and its service."""
        self.kind(field, resource_type, ResourceType)
        self.key(f"{field}.reference", resource_type.reference)
        self.text(f"{field}.name", resource_type.name)
        if resource_type.service is not None:
            self.service(f"{field}.service", resource_type.service)

    def service(self, field: str, service: Service) -> None:
        """Check a service."""
        self.kind(field, service, Service)
        self.key(f"{field}.reference", service.reference)
        self.text(f"{field}.name", service.name)
        self.member(f"{field}.type", service.type, ServiceType)

    def framework(self, field: str, framework: Framework) -> None:
        """Check a framework."""
        self.kind(field, framework, Framework)
        self.key(f"{field}.name", framework.name)
        self.text(f"{field}.link", framework.link)

    def framework_section(self, field: str, section: FrameworkSection) -> None:
        """Check a section and its framework."""
        self.kind(field, section, FrameworkSection)
        self.key(f"{field}.name", section.name)
        self.text(f"{field}.link", section.link)
        self.framework(f"{field}.framework", section.framework)

    def framework_control_objective(self, field: str, objective: FrameworkControlObjective) -> None:
        """Check a control objective, its section and its framework."""
        self.kind(field, objective, FrameworkControlObjective)
        self.key(f"{field}.name", objective.name)
        self.text(f"{field}.link", objective.link)
        self.framework_section(f"{field}.framework_section", objective.framework_section)

    def system(self, name: str, stage: SystemStage | str) -> None:
        """Check a system's name and stage."""
        self.key("system_name", name)
        self.member("system_stage", stage, SystemStage)

    def compliance(self, select: Sequence[str], filter_: str | None) -> None:
        """Check the columns of a `/compliance/` query, and that its filter can be sent."""
        if isinstance(select, str) or not isinstance(select, Sequence):
            raise self._error("select", f"must be a list of names, not {type(select).__name__}")
        if not select:
            raise self._error("select", f"must list one or more of: {', '.join(SELECTABLE)}")
        for name in select:
            if name not in SELECTABLE:
                raise self._error("select", f"{quoted(name)} is none of: {', '.join(SELECTABLE)}")
        if filter_ is not None:
            self.text("filter", filter_, MAX_FILTER)

    def kind(self, field: str, value: object, kind: type) -> None:
        """Check that a value is of a class."""
        if not isinstance(value, kind):
            article = "an" if kind.__name__[0] in "AEIO" else "a"
            raise self._error(
                field, f"must be {article} {kind.__name__}, not {type(value).__name__}"
            )

    def text(self, field: str, value: str, most: float = MAX_TEXT) -> None:
        """Check a text's length and its characters."""
        if not isinstance(value, str):
            raise self._error(field, f"must be a text, not {type(value).__name__}")
        if len(value) > most:
            raise self._error(field, f"must have at most {most} characters, has {len(value)}")
        if _UNSTORABLE.search(value):
            raise self._error(field, "must not hold a NUL or half of a surrogate pair")

    def key(self, field: str, value: str, most: int = MAX_TEXT) -> None:
        """Check a text by which the server finds a row: it may not be empty either."""
        self.text(field, value, most)
        if not value:
            raise self._error(field, "must not be empty")

    def reference(self, field: str, value: str) -> None:
        """Check a reference of an application or a technical control."""
        self.key(field, value)
        if not _REFERENCE.fullmatch(value):
            raise self._error(
                field,
                f"may hold A-Z a-z 0-9 _ . ~ / - only, not {quoted(value)}; "
                "airview_herald.sources.encode_reference maps any text, reversibly",
            )

    def member(self, field: str, value: object, members: type[StrEnum]) -> None:
        """Check that a value is a member of an enumeration, or the text of one."""
        if not isinstance(value, str) or value not in members.__members__:
            raise self._error(field, f"must be one of {', '.join(members)}, not {quoted(value)}")

    def integer(self, field: str, value: int, least: int = 1) -> None:
        """Check an id or a number of minutes: 32 bits, not negative, no boolean."""
        if not is_integer(value) or not least <= value <= MAX_ID:
            raise self._error(
                field, f"must be an integer from {least} to {MAX_ID}, not {quoted(value)}"
            )

    def ids(self, field: str, values: Sequence[int]) -> None:
        """Check a list of ids, each of which may be there once."""
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise self._error(field, f"must be a list of ids, not {type(values).__name__}")
        for index, value in enumerate(values):
            self.integer(f"{field}[{index}]", value)
            if value in values[:index]:
                raise self._error(f"{field}[{index}]", f"{value} is listed twice")

    def given(self, field: str, value: int | None) -> int:
        """Return an id that an earlier operation should have filled in."""
        if value is None:
            raise self._error(field, "is needed: use the object that an earlier operation returned")
        self.integer(field, value)
        return value

    def missing(self, field: str, what_for: str) -> InputError:
        """Return the error of an optional field that turns out to be needed."""
        return self._error(field, f"is needed for {what_for}")

    def _error(self, field: str, rule: str) -> InputError:
        return InputError(field, rule, self._subject)
