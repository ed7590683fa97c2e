"""AirView's routes as values: how each call is built, how each answer is read; no I/O."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import attrs
import httpx

from airview_herald._wire import camel, decode, dump, make_converter
from airview_herald.airview.models import (
    Application,
    ComplianceGroup,
    Control,
    Environment,
    ResourceType,
    Service,
    TechnicalControl,
)
from airview_herald.errors import DecodeError
from airview_herald.transport._call import Call, ErrorBody, Reply, RetryClass

T = TypeVar("T")

_OK = 200
_NO_CONTENT = 204
_BAD_REQUEST = 400


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


@attrs.frozen
class _Application:
    id: int
    name: str
    application_type: str


@attrs.frozen
class _Reference:
    type: str
    reference: str


@attrs.frozen
class _ApplicationEnvironment:
    id: int
    application: _Application
    environment: Environment
    references: tuple[_Reference, ...]


_converter = make_converter()


def read_error(reply: Reply) -> ErrorBody:
    """Return what an error body of AirView's says; a gateway's body says nothing."""
    try:
        body = json.loads(reply.content)
    except (ValueError, RecursionError):
        return ErrorBody()
    phrase = httpx.codes.get_reason_phrase(reply.status)
    if reply.status == _BAD_REQUEST and body == phrase:
        return ErrorBody(own=True, message=body)
    if not isinstance(body, dict):
        return ErrorBody()
    if (body.get("code"), body.get("status")) != (reply.status, phrase):
        return ErrorBody()
    message = body.get("message")
    if message is None:
        errors = body.get("errors")
        message = body["status"] if errors is None else json.dumps(errors, sort_keys=True)
    return ErrorBody(own=True, code=reply.status, message=str(message))


def get_system(name: str) -> Call[System | None]:
    """`GET /systems/?name=`."""
    return _find("/systems/", {"name": name}, _one(System))


def create_system(name: str, stage: str) -> Call[System]:
    """`POST /systems/`."""
    return _create("/systems/", {"name": name, "stage": stage}, _one(System))


def get_environments() -> Call[list[Environment]]:
    """`GET /environments/`."""
    return _read("/environments/", _many(Environment))


def create_environment(environment: Environment) -> Call[Environment]:
    """`POST /environments/`."""
    body = {"name": environment.name, "abbreviation": environment.abbreviation}
    return _create("/environments/", body, _one(Environment))


def get_services() -> Call[list[Service]]:
    """`GET /services/`."""
    return _read("/services/", _many(Service))


def create_service(service: Service) -> Call[Service]:
    """`POST /services/`."""
    body = {"name": service.name, "reference": service.reference, "type": service.type}
    return _create("/services/", body, _one(Service))


def get_resource_type(reference: str) -> Call[StoredResourceType | None]:
    """`GET /resource-types/?reference=`."""
    return _find("/resource-types/", {"reference": reference}, _one(StoredResourceType))


def create_resource_type(resource_type: ResourceType) -> Call[StoredResourceType]:
    """`POST /resource-types/`; the service goes by its id, if there is one."""
    body: dict[str, Any] = {"name": resource_type.name, "reference": resource_type.reference}
    if resource_type.service is not None:
        body["serviceId"] = resource_type.service.id
    return _create("/resource-types/", body, _one(StoredResourceType))


def get_controls(name: str) -> Call[list[Control]]:
    """`GET /controls/?name=`: all the controls of that name."""
    return _read(_target("/controls/", {"name": name}), _many(Control))


def create_control(control: Control) -> Call[Control]:
    """`POST /controls/`."""
    body = {
        "name": control.name,
        "qualityModel": control.quality_model,
        "severity": control.severity,
    }
    return _create("/controls/", body, _one(Control))


def get_technical_controls(system_id: int, reference: str) -> Call[list[TechnicalControl]]:
    """`GET /technical-controls/?systemId=&reference=`: none or one."""
    query = {"systemId": system_id, "reference": reference}
    return _read(_target("/technical-controls/", query), _many(TechnicalControl))


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
    return _create("/technical-controls/", body, _one(TechnicalControl))


def create_application(application: Application) -> Call[int]:
    """`POST /applications/`: the id. Nothing keeps the server from making a second one."""
    body = {"name": application.name, "applicationType": application.type}
    read = _one(_Application)
    return _create("/applications/", body, lambda reply: read(reply).id)


def get_application_environment(kind: str, reference: str) -> Call[Application | None]:
    """`GET /referenced-application-environments/?type=&reference=`."""
    query = {"type": kind, "reference": reference}
    return _find("/referenced-application-environments/", query, _application(reference))


def create_application_environment(
    application_id: int, environment_id: int, kind: str, reference: str
) -> Call[Application]:
    """`POST /application-environments/`, with the one reference that finds it again."""
    body = {
        "applicationId": application_id,
        "environmentId": environment_id,
        "references": [{"type": kind, "reference": reference}],
    }
    return _create("/application-environments/", body, _application(reference))


def get_resource(reference: str, application_environment_id: int) -> Call[StoredResource | None]:
    """`GET /resources/?applicationEnvironmentId=&reference=`."""
    return _find(
        "/resources/", _resource_key(reference, application_environment_id), _one(StoredResource)
    )


def create_resource(reference: str, application_environment_id: int) -> Call[int]:
    """`POST /resources/`: the id of a bare resource, named by its reference."""
    body = {
        "name": reference,
        "reference": reference,
        "applicationEnvironmentId": application_environment_id,
    }
    return _create("/resources/", body, lambda reply: _one(StoredResource)(reply).id)


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
    return _save(_target("/resources/", _resource_key(reference, application_environment_id)), body)


def save_monitored_resource(
    technical_control_id: int, resource_id: int, state: str, additional_data: str
) -> Call[None]:
    """`PUT /monitored-resources/`: create or update."""
    return _save(
        f"/monitored-resources/?technicalControlId={technical_control_id}&resourceId={resource_id}",
        {"monitoringState": state, "additionalData": additional_data},
    )


def get_compliance(select: Sequence[str], filter_: str | None) -> Call[list[ComplianceGroup]]:
    """`GET /compliance/?$select=&$filter=`."""
    query = {"$select": ",".join(select)}
    if filter_:
        query["$filter"] = filter_
    return _read(_target("/compliance/", query), _many(ComplianceGroup))


def _resource_key(reference: str, application_environment_id: int) -> dict[str, Any]:
    return {"applicationEnvironmentId": application_environment_id, "reference": reference}


def _target(path: str, query: dict[str, Any]) -> str:
    return f"{path}?{urlencode(query, quote_via=quote, safe='')}"


def _read(target: str, read: Callable[[Reply], T]) -> Call[T]:
    return Call("GET", target, RetryClass.READ, _OK, read)


def _find(path: str, query: dict[str, Any], read: Callable[[Reply], T]) -> Call[T | None]:
    return Call("GET", _target(path, query), RetryClass.READ, _OK, read, absent=True)


def _create(path: str, body: dict[str, Any], read: Callable[[Reply], T]) -> Call[T]:
    return Call("POST", path, RetryClass.CREATE, _OK, read, dump(body))


def _save(target: str, body: dict[str, Any]) -> Call[None]:
    return Call("PUT", target, RetryClass.SERIAL, _NO_CONTENT, _nothing, dump(body))


def _nothing(_: Reply) -> None:
    """A 204 has no body."""


def _one(kind: type[T]) -> Callable[[Reply], T]:
    def read(reply: Reply) -> T:
        return _identified(decode(_converter, kind, reply.json(), reply.facts), "$.id", reply)

    return read


def _many(kind: type[T]) -> Callable[[Reply], list[T]]:
    def read(reply: Reply) -> list[T]:
        rows = decode(_converter, list[kind], reply.json(), reply.facts)  # type: ignore[valid-type]
        return [_identified(row, f"$[{n}].id", reply) for n, row in enumerate(rows)]

    return read


def _identified(row: T, path: str, reply: Reply) -> T:
    """Return a row that has its id: the models say `None` for what was not recorded yet."""
    if getattr(row, "id", 0) is None:
        raise DecodeError(f"field missing @ {path}", reply.facts, path)
    return row


def _application(reference: str) -> Callable[[Reply], Application]:
    read_row = _one(_ApplicationEnvironment)

    def read(reply: Reply) -> Application:
        row = read_row(reply)
        return Application(
            name=row.application.name,
            reference=reference,
            type=row.application.application_type,
            environment=row.environment,
            id=row.application.id,
            application_environment_id=row.id,
        )

    return read
