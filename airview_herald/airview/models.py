"""What AirView records, named as documented.

Every class is frozen, with the documented order of fields and the documented defaults, so that
positional construction from existing code goes on working. Building one checks nothing and sends
nothing: the rules are checked when an object is handed to an operation, so that one bad event of
a batch is one failed outcome and not the end of its producer.

Enumerated fields take the enum's member or its text. A text that AirView does not know stays a
text: in an answer it is passed on as it came, in a request it is refused before it is sent.
"""

from __future__ import annotations

import attrs

from airview_herald._shown import Shown
from airview_herald.airview import enumerations
from airview_herald.airview.enumerations import (
    ApplicationType,
    ControlSeverity,
    MonitoredResourceState,
    QualityModel,
    ServiceType,
    SystemStage,
    TechnicalControlAction,
)

__all__ = [
    "Application",
    "ApplicationType",
    "ComplianceEvent",
    "Control",
    "ControlSeverity",
    "Environment",
    "MonitoredResourceState",
    "QualityModel",
    "Resource",
    "ResourceType",
    "ResourceTypeControl",
    "Service",
    "ServiceType",
    "SystemStage",
    "TechnicalControl",
    "TechnicalControlAction",
]


@attrs.frozen
class Environment(Shown):
    """An environment that applications run in.

    Attributes:
        name: At most 500 characters.
        abbreviation: Its key on the server, at most 10 characters.
        id: The server's id, filled in on what an operation returns.
    """

    name: str
    abbreviation: str
    id: int | None = None


_UNKNOWN_ENVIRONMENT = Environment("Unknown", "UNK")


@attrs.frozen
class Application(Shown):
    """An application in one environment, found by its reference.

    Attributes:
        name: At most 500 characters.
        reference: Its key, under the client's `referencing_type`: an account id, say. At most 500
            characters out of `A-Z a-z 0-9 _ . ~ / -`.
        type: What it is.
        environment: Where it runs; used when the application is first recorded.
        id: The application's id, filled in on what an operation returns.
        application_environment_id: The id of the application in its environment, likewise.
    """

    name: str
    reference: str
    type: ApplicationType | str = attrs.field(
        default=ApplicationType.BUSINESS_APPLICATION, converter=enumerations.application_type
    )
    environment: Environment = _UNKNOWN_ENVIRONMENT
    id: int | None = None
    application_environment_id: int | None = None


@attrs.frozen
class Control(Shown):
    """What a technical control serves: a rule of the house.

    Attributes:
        name: Its key, at most 500 characters. The server accepts several controls of one name;
            the one with the lowest id counts.
        quality_model: The quality it protects; needed when the control is first recorded.
        service_id: Unused: controls map to services through resource types.
        service_name: Unused, likewise.
        id: The server's id, filled in on what an operation returns.
        severity: How grave a breach is.
    """

    name: str
    quality_model: QualityModel | str | None = attrs.field(
        default=None, converter=enumerations.quality_model
    )
    service_id: int | None = None
    service_name: str | None = None
    id: int | None = None
    severity: ControlSeverity | str = attrs.field(
        default=ControlSeverity.LOW, converter=enumerations.severity
    )


@attrs.frozen
class TechnicalControl(Shown):
    """A check that a system runs on resources.

    The server has no update: what the first recording says stays.

    Attributes:
        name: At most 500 characters.
        reference: Its key within the system, at most 500 characters out of
            `A-Z a-z 0-9 _ . ~ / -`.
        control_action: What a breach leads to.
        id: The server's id, filled in on what an operation returns.
        ttl: How long a state stays valid, in minutes; `None` leaves it to the server.
        is_blocking: Whether a breach blocks; `None` leaves it to the server, which says `False`.
        control_id: The id of the parent control, when it is known.
        control: The parent control, found or recorded by its name.
    """

    name: str
    reference: str
    control_action: TechnicalControlAction | str = attrs.field(
        converter=enumerations.control_action
    )
    id: int | None = None
    ttl: int | None = None
    is_blocking: bool | None = None
    control_id: int | None = None
    control: Control | None = None


@attrs.frozen
class ComplianceEvent(Shown):
    """One statement: a technical control found a resource of an application in a state.

    Attributes:
        resource_reference: The resource's key within the application, any text of at most 500
            characters.
        application: The application that the resource belongs to.
        technical_control: The check that was run.
        status: What it found.
        additional_data: Free text of at most 8000 characters. It is always sent, since the
            server erases what is stored when it is left out.
    """

    resource_reference: str
    application: Application
    technical_control: TechnicalControl
    status: MonitoredResourceState | str = attrs.field(converter=enumerations.monitoring_state)
    additional_data: str = ""


@attrs.frozen
class Service(Shown):
    """A service that resource types belong to.

    Attributes:
        reference: Its key, any text of at most 500 characters.
        name: At most 500 characters.
        type: What kind of service it is.
        id: The server's id, filled in on what an operation returns.
    """

    reference: str
    name: str
    type: ServiceType | str = attrs.field(converter=enumerations.service_type)
    id: int | None = None


@attrs.frozen
class ResourceType(Shown):
    """A type of resources.

    Attributes:
        reference: Its key, any text of at most 500 characters.
        name: At most 500 characters.
        id: The server's id, filled in on what an operation returns.
        service: The service that such resources belong to, or `None`.
    """

    reference: str
    name: str
    id: int | None = None
    service: Service | None = None


@attrs.frozen
class ResourceTypeControl(Shown):
    """A control that resources of a type are held to.

    Attributes:
        control_id: The id of the control.
        resource_type_id: The id of the resource type.
        id: The server's id. The server accepts several links of one pair, and answers with any.
    """

    control_id: int
    resource_type_id: int
    id: int | None = None


@attrs.frozen
class Resource(Shown):
    """A resource of an application.

    Attributes:
        reference: Its key within the application, any text of at most 500 characters.
        application: The application that it belongs to.
        name: At most 500 characters; `None` stands for the reference.
        resource_type: Its type. The server cannot save a resource without one by `PUT`; one
            without a type is recorded bare, and never changed.
    """

    reference: str
    application: Application
    name: str | None = None
    resource_type: ResourceType | None = None
