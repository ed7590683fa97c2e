"""How each kind of definition is found on the server; lists have no order: the lowest id counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from operator import attrgetter
from typing import Any, TypeVar

from airview_herald.airview._backend import Backend
from airview_herald.airview.models import Application, Environment, Service, TechnicalControl

T = TypeVar("T")


async def environment(backend: Backend, given: Environment) -> Environment | None:
    """Find an environment by its abbreviation: `GET /environments/`."""
    every = await backend.get_environments()
    return _first(row for row in every if row.abbreviation == given.abbreviation)


async def service(backend: Backend, given: Service) -> Service | None:
    """Find a service by its reference: `GET /services/`."""
    every = await backend.get_services()
    return _first(row for row in every if row.reference == given.reference)


def application(backend: Backend, given: Application) -> Awaitable[Application | None]:
    """Find an application by its reference: `GET /referenced-application-environments/`."""
    return backend.get_application_environment_by_reference(given.reference)


def technical_control(
    backend: Backend, given: TechnicalControl
) -> Awaitable[TechnicalControl | None]:
    """Find a technical control of this system by its reference: `GET /technical-controls/`."""
    return backend.get_technical_control(given.reference)


LOOKS: dict[str, Callable[[Backend, Any], Awaitable[Any]]] = {
    "environment": environment,
    "service": service,
    "application": application,
    "technical_control": technical_control,
    "control": lambda backend, given: backend.get_control(given),
    "resource_type": lambda backend, given: backend.get_resource_type(given.reference),
}


def _first(rows: Iterable[T]) -> T | None:
    return min(rows, key=attrgetter("id"), default=None)
