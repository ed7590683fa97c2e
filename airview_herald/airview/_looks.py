"""How each kind of definition is found on the server; lists have no order: the lowest id counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from airview_herald.airview._backend import Backend
from airview_herald.airview._calls import first
from airview_herald.airview.models import Environment, Service


async def _environment(backend: Backend, given: Environment) -> Environment | None:
    """Find an environment by its abbreviation: `GET /environments/`."""
    every = await backend.get_environments()
    return first(row for row in every if row.abbreviation == given.abbreviation)


async def _service(backend: Backend, given: Service) -> Service | None:
    """Find a service by its reference: `GET /services/`."""
    every = await backend.get_services()
    return first(row for row in every if row.reference == given.reference)


LOOKS: dict[str, Callable[[Backend, Any], Awaitable[Any]]] = {
    "environment": _environment,
    "service": _service,
    "application": lambda backend, given: backend.get_application_environment_by_reference(
        given.reference
    ),
    "technical_control": lambda backend, given: backend.get_technical_control(given.reference),
    "control": lambda backend, given: backend.get_control(given),
    "resource_type": lambda backend, given: backend.get_resource_type(given.reference),
}
