"""AirView's recording routes as values: how each is called, what each answers; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from airview_herald._rows import Rows
from airview_herald._wire import camel
from airview_herald.airview._calls import (
    create,
    create_unseen,
    find,
    many,
    one,
    read_all,
    save,
    target,
    update,
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
from airview_herald.airview.readings import ApplicationEnvironment, RecordedApplication
from airview_herald.transport._call import Call, Reply

# Named because its errors end a batch: nothing can be recorded without a system.
SYSTEMS = "/systems/"


@attrs.frozen
class System:
    """A system as the server stores it."""

    id: int
    name: str
    stage: str


@attrs.frozen
class StoredResource:
    """A resource as the server stores it."""

    id: int
    name: str
    reference: str
    application_environment_id: int
    resource_type_id: int | None = None


@attrs.frozen
class StoredResourceType:
    """A resource type as the server stores it: its service is an id."""

    id: int
    name: str
    reference: str
    service_id: int | None = None


def get_system(name: str) -> Call[System | None]:
    """`GET /systems/?name=`."""
    return find(SYSTEMS, {"name": name}, one(System))


def create_system(name: str, stage: str) -> Call[System]:
    """`POST /systems/`."""
    return create(SYSTEMS, {"name": name, "stage": stage}, one(System))


def get_environments() -> Call[Rows[Environment]]:
    """`GET /environments/`."""
    return read_all("/environments/", many(Environment))


def create_environment(environment: Environment) -> Call[Environment]:
    """`POST /environments/`."""
    body = {"name": environment.name, "abbreviation": environment.abbreviation}
    return create("/environments/", body, one(Environment))


def get_services() -> Call[Rows[Service]]:
    """`GET /services/`."""
    return read_all("/services/", many(Service))


def create_service(service: Service) -> Call[Service]:
    """`POST /services/`."""
    body = {"name": service.name, "reference": service.reference, "type": service.type}
    return create("/services/", body, one(Service))


def get_resource_type(reference: str) -> Call[StoredResourceType | None]:
    """`GET /resource-types/?reference=`."""
    return find("/resource-types/", {"reference": reference}, one(StoredResourceType))


def create_resource_type(resource_type: ResourceType) -> Call[StoredResourceType]:
    """`POST /resource-types/`; the service goes by its id, if there is one."""
    body: dict[str, Any] = {"name": resource_type.name, "reference": resource_type.reference}
    if resource_type.service is not None:
        body["serviceId"] = resource_type.service.id
    return create("/resource-types/", body, one(StoredResourceType))


def get_controls(name: str) -> Call[list[Control]]:
    """`GET /controls/?name=`: all the controls of that name."""
    return read_all(target("/controls/", {"name": name}), many(Control))


def create_control(control: Control) -> Call[Control]:
    """`POST /controls/`."""
    body = {
        "name": control.name,
        "qualityModel": control.quality_model,
        "severity": control.severity,
    }
    return create("/controls/", body, one(Control))


def get_resource_type_control_link(
    control_id: int, resource_type_id: int
) -> Call[ResourceTypeControl | None]:
    """`GET /resource-types-controls/?controlId=&resourceTypeId=`: some one, if there are more."""
    query = {"controlId": control_id, "resourceTypeId": resource_type_id}
    return find("/resource-types-controls/", query, one(ResourceTypeControl))


def create_resource_type_control_link(
    control_id: int, resource_type_id: int
) -> Call[ResourceTypeControl]:
    """`POST /resource-types-controls/`. Nothing keeps the server from making a second one."""
    body = {"controlId": control_id, "resourceTypeId": resource_type_id}
    return create("/resource-types-controls/", body, one(ResourceTypeControl))


def create_exclusion(
    summary: str,
    control_id: int,
    resources: Sequence[int],
    *,
    is_limited_exclusion: bool,
    notes: str | None,
) -> Call[None]:
    """`POST /exclusions/`: the answer is a 201 that names nothing."""
    body: dict[str, Any] = {
        "summary": summary,
        "isLimitedExclusion": is_limited_exclusion,
        "controlId": control_id,
        "resources": list(resources),
    }
    if notes is not None:
        body["notes"] = notes
    return create_unseen("/exclusions/", body)


def get_technical_controls(system_id: int, reference: str) -> Call[list[TechnicalControl]]:
    """`GET /technical-controls/?systemId=&reference=`: none or one."""
    query = {"systemId": system_id, "reference": reference}
    return read_all(target("/technical-controls/", query), many(TechnicalControl))


def create_technical_control(system_id: int, control: TechnicalControl) -> Call[TechnicalControl]:
    """`POST /technical-controls/`, the one place where the parent control can be set."""
    body: dict[str, Any] = {
        "name": control.name,
        "reference": control.reference,
        "systemId": system_id,
        "controlAction": control.control_action,
    }
    for name in ("ttl", "is_blocking", "control_id"):
        value = getattr(control, name)
        if value is not None:
            body[camel(name)] = value
    return create("/technical-controls/", body, one(TechnicalControl))


def create_application(application: Application) -> Call[int]:
    """`POST /applications/`: the id. Nothing keeps the server from making a second one."""
    body = {"name": application.name, "applicationType": application.type}
    return create("/applications/", body, lambda reply: one(RecordedApplication)(reply).id)


def update_application(application: Application) -> Call[None]:
    """`PUT /applications/{id}`: its name and its type, and nothing else."""
    body = {
        "id": application.id,
        "name": application.name,
        "applicationType": application.type,
    }
    return update(f"/applications/{application.id}", body)


def get_application_environment(kind: str, reference: str) -> Call[Application | None]:
    """`GET /referenced-application-environments/?type=&reference=`."""
    query = {"type": kind, "reference": reference}
    return find("/referenced-application-environments/", query, _application(reference))


def create_application_environment(
    application_id: int, environment_id: int, kind: str, reference: str
) -> Call[Application]:
    """`POST /application-environments/`, with the one reference that finds it again."""
    body = {
        "applicationId": application_id,
        "environmentId": environment_id,
        "references": [{"type": kind, "reference": reference}],
    }
    return create("/application-environments/", body, _application(reference))


def get_resource(reference: str, application_environment_id: int) -> Call[StoredResource | None]:
    """`GET /resources/?applicationEnvironmentId=&reference=`."""
    return find(
        "/resources/", _resource_key(reference, application_environment_id), one(StoredResource)
    )


def create_resource(reference: str, application_environment_id: int) -> Call[int]:
    """`POST /resources/`: the id of a bare resource, named by its reference."""
    body = {
        "name": reference,
        "reference": reference,
        "applicationEnvironmentId": application_environment_id,
    }
    return create("/resources/", body, lambda reply: one(StoredResource)(reply).id)


def save_resource(
    reference: str, application_environment_id: int, name: str, resource_type_id: int
) -> Call[None]:
    """`PUT /resources/`: create or update. Without a type the server answers 500."""
    body = {
        "name": name,
        "reference": reference,
        "applicationEnvironmentId": application_environment_id,
        "resourceTypeId": resource_type_id,
    }
    return save(target("/resources/", _resource_key(reference, application_environment_id)), body)


def save_monitored_resource(
    technical_control_id: int, resource_id: int, state: str, additional_data: str
) -> Call[None]:
    """`PUT /monitored-resources/`: create or update."""
    return save(
        f"/monitored-resources/?technicalControlId={technical_control_id}&resourceId={resource_id}",
        {"monitoringState": state, "additionalData": additional_data},
    )


def _resource_key(reference: str, application_environment_id: int) -> dict[str, Any]:
    return {"applicationEnvironmentId": application_environment_id, "reference": reference}


def _application(reference: str) -> Callable[[Reply], Application]:
    read_row = one(ApplicationEnvironment)

    def decoder(reply: Reply) -> Application:
        row = read_row(reply)
        return Application(
            name=row.application.name,
            reference=reference,
            type=row.application.application_type,
            environment=row.environment,
            id=row.application.id,
            application_environment_id=row.id,
        )

    return decoder
