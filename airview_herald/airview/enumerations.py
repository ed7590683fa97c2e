"""The sets of values that AirView knows, and how a text becomes a member of one.

A text that is no member stays a text, and so does what is no text at all: an answer may come from
a newer server, and what a caller gives is checked when it is used.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

__all__ = [
    "ApplicationType",
    "ControlSeverity",
    "ExclusionState",
    "MonitoredResourceState",
    "QualityModel",
    "ServiceType",
    "SystemStage",
    "TechnicalControlAction",
]


class SystemStage(StrEnum):
    """Where in the life of a resource a system looks at it."""

    BUILD = "BUILD"
    MONITOR = "MONITOR"


class ApplicationType(StrEnum):
    """What an application is."""

    BUSINESS_APPLICATION = "BUSINESS_APPLICATION"
    TECHNICAL_SERVICE = "TECHNICAL_SERVICE"
    APPLICATION_SERVICE = "APPLICATION_SERVICE"


class ServiceType(StrEnum):
    """What kind of service resources belong to."""

    UNKNOWN = "UNKNOWN"
    VIRTUAL_MACHINE = "VIRTUAL_MACHINE"
    CONTAINER = "CONTAINER"
    NETWORK = "NETWORK"
    REPOSITORY = "REPOSITORY"
    PIPELINE = "PIPELINE"
    OBJECT_STORAGE = "OBJECT_STORAGE"
    DATABASE = "DATABASE"
    FUNCTION = "FUNCTION"
    STORAGE = "STORAGE"


class TechnicalControlAction(StrEnum):
    """What a breach of a technical control leads to."""

    LOG = "LOG"
    INCIDENT = "INCIDENT"
    TASK = "TASK"
    VULNERABILITY = "VULNERABILITY"


class QualityModel(StrEnum):
    """The quality that a control protects."""

    LOG_EXCELLENCE = "LOG_EXCELLENCE"
    SECURITY = "SECURITY"
    RELIABILITY = "RELIABILITY"
    PERFORMANCE_EFFICIENCY = "PERFORMANCE_EFFICIENCY"
    COST_OPTIMISATION = "COST_OPTIMISATION"
    PORTABILITY = "PORTABILITY"
    USABILITY_AND_COMPATIBILITY = "USABILITY_AND_COMPATIBILITY"


class ControlSeverity(StrEnum):
    """How grave a breach of a control is."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class MonitoredResourceState(StrEnum):
    """What a technical control last said of a resource."""

    FLAGGED = "FLAGGED"
    MONITORING = "MONITORING"
    DELETED = "DELETED"
    UNRESPONSIVE = "UNRESPONSIVE"


class ExclusionState(StrEnum):
    """What was decided on a resource of an exclusion."""

    NONE = "NONE"
    PENDING = "PENDING"
    ACTIVE = "ACTIVE"


E = TypeVar("E", bound=StrEnum)


def _member(members: type[E], value: E | str) -> E | str:
    """Return the member with that text; anything else stays as it is."""
    return members.__members__.get(value, value) if isinstance(value, str) else value


def application_type(value: ApplicationType | str) -> ApplicationType | str:
    """Return the member of a text."""
    return _member(ApplicationType, value)


def service_type(value: ServiceType | str) -> ServiceType | str:
    """Return the member of a text."""
    return _member(ServiceType, value)


def control_action(value: TechnicalControlAction | str) -> TechnicalControlAction | str:
    """Return the member of a text."""
    return _member(TechnicalControlAction, value)


def quality_model(value: QualityModel | str | None) -> QualityModel | str | None:
    """Return the member of a text."""
    return value if value is None else _member(QualityModel, value)


def severity(value: ControlSeverity | str) -> ControlSeverity | str:
    """Return the member of a text."""
    return _member(ControlSeverity, value)


def severity_or_none(value: ControlSeverity | str | None) -> ControlSeverity | str | None:
    """Return the member of a text."""
    return value if value is None else _member(ControlSeverity, value)


def monitoring_state(value: MonitoredResourceState | str) -> MonitoredResourceState | str:
    """Return the member of a text."""
    return _member(MonitoredResourceState, value)


def exclusion_state(value: ExclusionState | str | None) -> ExclusionState | str | None:
    """Return the member of a text."""
    return value if value is None else _member(ExclusionState, value)


def named_quality_model(value: QualityModel | str) -> QualityModel | str:
    """Return the member of a text."""
    return _member(QualityModel, value)


def system_stage(value: SystemStage | str) -> SystemStage | str:
    """Return the member of a text."""
    return _member(SystemStage, value)


def reported_severity(value: ControlSeverity | str) -> ControlSeverity | str:
    """Return the member of a text that the aggregations write in lower case."""
    if not isinstance(value, str):
        return value
    return ControlSeverity.__members__.get(value.upper(), value)
