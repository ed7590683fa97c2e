"""What AirView's reading routes answer, as typed rows.

Moments are in UTC and say so. A text that an enumeration does not know stays a text.
"""

from __future__ import annotations

from datetime import datetime

import attrs

from airview_herald._shown import Shown
from airview_herald.airview import enumerations
from airview_herald.airview.enumerations import (
    ApplicationType,
    ControlSeverity,
    MonitoredResourceState,
    ServiceType,
    SystemStage,
    TechnicalControlAction,
)
from airview_herald.airview.models import Environment

__all__ = [
    "ApplicationEnvironment",
    "ApplicationReference",
    "ComplianceGroup",
    "ControlOverview",
    "ControlOverviewResource",
    "ControlOverviewTotals",
    "FlaggedResource",
    "FlaggedTechnicalControl",
    "RecordedApplication",
]


@attrs.frozen
class RecordedApplication(Shown):
    """An application as the server stores it: bare of environments and references.

    Attributes:
        id: Its id.
        name: Its name, which any number of applications may have.
        application_type: What it is.
    """

    id: int
    name: str
    application_type: ApplicationType | str = attrs.field(converter=enumerations.application_type)


@attrs.frozen
class ApplicationReference(Shown):
    """What an application environment is found by.

    Attributes:
        type: The type of the reference, such as `aws_account_id`.
        reference: The reference.
    """

    type: str
    reference: str


@attrs.frozen
class ApplicationEnvironment(Shown):
    """An application in one environment.

    Attributes:
        id: Its id.
        application: The application.
        environment: The environment.
        references: What it is found by, one of each type at most.
    """

    id: int
    application: RecordedApplication
    environment: Environment
    references: tuple[ApplicationReference, ...]


@attrs.frozen
class ControlOverview(Shown):
    """A technical control, and how many resources of an application it applies to.

    Attributes:
        id: The technical control's id.
        name: The technical control's name.
        control_action: What a breach leads to.
        severity: How grave a breach is, as its control says.
        system_name: The system that runs it.
        system_stage: The stage that the system looks at.
        applied: The resources whose type is linked to its control.
        exempt: Always 0 with present servers.
    """

    id: int
    name: str
    control_action: TechnicalControlAction | str = attrs.field(
        converter=enumerations.control_action
    )
    severity: ControlSeverity | str = attrs.field(converter=enumerations.severity)
    system_name: str
    system_stage: SystemStage | str = attrs.field(converter=enumerations.system_stage)
    applied: int
    exempt: int


@attrs.frozen
class ControlOverviewResource(Shown):
    """A resource that a technical control applies to.

    Attributes:
        id: The resource's id.
        name: The resource's name.
        environment: The name of its environment.
        type: The type of its service.
        status: What the technical control last said of it; MONITORING when it said nothing yet.
        pending: Always `False` with present servers.
    """

    id: int
    name: str
    environment: str
    type: ServiceType | str = attrs.field(converter=enumerations.service_type)
    status: MonitoredResourceState | str = attrs.field(converter=enumerations.monitoring_state)
    pending: bool


@attrs.frozen
class ControlOverviewTotals(Shown):
    """How many controls an application's resources are held to.

    Attributes:
        total: The controls that are linked to the types of its resources.
        high: Not to be built on, like the two below: present servers count something else.
        medium: Likewise.
        low: Likewise.
    """

    total: int
    high: int
    medium: int
    low: int


@attrs.frozen
class FlaggedResource(Shown):
    """A resource in `FlaggedTechnicalControl.resources`.

    Attributes:
        id: Its id.
        name: Its name.
    """

    id: int
    name: str


@attrs.frozen
class FlaggedTechnicalControl(Shown):
    """A technical control that flags a resource.

    Attributes:
        id: The technical control's id.
        technical_control_name: The technical control's name.
        control_id: The id of its control; 0 when it has none.
        control_name: The name of its control; `Unmapped` when it has none.
        severity: The control's; the server tells `CRITICAL`, and no control, as `HIGH`.
        environment_name: Where the application runs.
        system_name: The system that runs the technical control.
        system_stage: The stage that the system looks at.
        raised_date_time: When it was flagged first, or again after having been fine; in UTC.
        resources: The one resource; more than once when the server has duplicate rows of it.
    """

    id: int
    technical_control_name: str
    control_id: int
    control_name: str
    severity: ControlSeverity | str = attrs.field(converter=enumerations.reported_severity)
    environment_name: str
    system_name: str
    system_stage: SystemStage | str = attrs.field(converter=enumerations.system_stage)
    raised_date_time: datetime
    resources: tuple[FlaggedResource, ...]


@attrs.frozen
class ComplianceGroup(Shown):
    """One row of `GET /compliance/`: a combination of what was selected, and its counts.

    The server leaves `technicalControlName`, `systemName` and `systemStage` out of its answer
    even when they are selected, hence no fields for them here.

    Attributes:
        total: Monitored resources in the group that are not DELETED.
        is_compliant: Those of them in MONITORING.
        excluded: Always 0 with present servers.
        application_id: As selected, else `None`; so are all the following.
        application_name: As selected.
        environment_name: As selected.
        resource_reference: As selected.
        technical_control_reference: As selected.
        control_id: As selected; `None` too for a technical control with no control.
        control_name: Likewise.
        control_severity: Likewise.
    """

    total: int
    is_compliant: int
    excluded: int = 0
    application_id: int | None = None
    application_name: str | None = None
    environment_name: str | None = None
    resource_reference: str | None = None
    technical_control_reference: str | None = None
    control_id: int | None = None
    control_name: str | None = None
    control_severity: ControlSeverity | str | None = attrs.field(
        default=None, converter=enumerations.severity_or_none
    )
