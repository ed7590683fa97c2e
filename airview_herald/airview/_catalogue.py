"""What recording an event needs: its definitions and its resource, looked for and made."""

from __future__ import annotations

from collections.abc import Awaitable

import attrs

from airview_herald.airview._adoption import create_or_adopt
from airview_herald.airview._backend import Backend
from airview_herald.airview._calls import first
from airview_herald.airview._definitions import Asker, Definitions
from airview_herald.airview._guess import Guess
from airview_herald.airview._memory import Memory
from airview_herald.airview._mismatches import Mismatch
from airview_herald.airview.models import (
    Application,
    Control,
    Environment,
    ResourceType,
    ResourceTypeControl,
    Service,
    TechnicalControl,
)
from airview_herald.errors import AirViewHeraldError


class Catalogue:
    """The definitions and resources of one server, as far as this client has met them.

    Args:
        cache_size: How many ids of resources are remembered, and how many definitions.
    """

    def __init__(self, cache_size: int) -> None:
        self.definitions = Definitions(cache_size)
        self._resources: Memory[tuple[int, str], int] = Memory(cache_size)
        self._guess = Guess()
        self._bare: dict[str, Application] = {}

    async def environment(self, asker: Asker, environment: Environment) -> Environment:
        """Return an environment with its id, recording it if it is new."""

        async def look() -> Environment | None:
            every = await asker.backend.get_environments()
            return first(row for row in every if row.abbreviation == environment.abbreviation)

        return await self.definitions.define(
            asker,
            ("environment", environment.abbreviation),
            environment,
            look,
            lambda: asker.backend.create_environment(environment),
        )

    async def application(self, asker: Asker, application: Application) -> Application:
        """Return an application in its environment with its ids, recording it if it is new."""
        backend = asker.backend

        def look() -> Awaitable[Application | None]:
            return backend.get_application_environment_by_reference(application.reference)

        async def create() -> Application:
            environment = await self.environment(asker, application.environment)
            # Applications cannot be removed: look once more right before making one, and use
            # again what an earlier try has left behind.
            found = await look()
            if found is not None:
                return found
            bare = self._bare.get(application.reference)
            if bare is None:
                bare = await self._bare_application(backend, application)
                self._bare[application.reference] = bare
            placed = await backend.create_application_environment(
                attrs.evolve(bare, environment=environment)
            )
            del self._bare[application.reference]
            return placed

        return await self.definitions.define(
            asker, ("application", application.reference), application, look, create
        )

    async def _bare_application(self, backend: Backend, application: Application) -> Application:
        try:
            return await backend.create_application(application)
        except AirViewHeraldError as error:
            if not error.ambiguous:
                raise
            # Nothing tells an application apart from another of its name: no look can settle it.
            settled = error.amended(ambiguous=False)
            settled.add_note(
                f"an application {application.name!r} may be left on the server without an "
                "environment"
            )
            raise settled from error

    async def control(self, asker: Asker, control: Control) -> Control:
        """Return a control with its id, recording it if it is new."""
        return await self.definitions.define(
            asker,
            ("control", control.name),
            control,
            lambda: asker.backend.get_control(control),
            lambda: asker.backend.create_control(control),
        )

    async def technical_control(
        self, asker: Asker, technical_control: TechnicalControl
    ) -> TechnicalControl:
        """Return a technical control with its id and its parent's, recording it if it is new."""
        given, backend = technical_control, asker.backend

        async def look() -> TechnicalControl | None:
            found = await backend.get_technical_control(given.reference)
            if found is None or found.control_id is None or given.control is None:
                return found
            parent = await backend.get_control(given.control)
            if parent is None or parent.id != found.control_id:
                return found
            return attrs.evolve(found, control=parent)

        async def create() -> TechnicalControl:
            if given.control is None:
                return await backend.create_technical_control(given)
            parent = await self.control(asker, given.control)
            made = await backend.create_technical_control(attrs.evolve(given, control_id=parent.id))
            return attrs.evolve(made, control=parent)

        key = ("technical_control", given.reference)
        stored = await self.definitions.define(asker, key, given, look, create)
        _compare_system(asker)
        return stored

    async def service(self, asker: Asker, service: Service) -> Service:
        """Return a service with its id, recording it if it is new."""

        async def look() -> Service | None:
            every = await asker.backend.get_services()
            return first(row for row in every if row.reference == service.reference)

        return await self.definitions.define(
            asker,
            ("service", service.reference),
            service,
            look,
            lambda: asker.backend.create_service(service),
        )

    async def resource_type(self, asker: Asker, resource_type: ResourceType) -> ResourceType:
        """Return a resource type with its id, recording it and its service if they are new."""

        async def create() -> ResourceType:
            service = resource_type.service
            if service is not None:
                service = await self.service(asker, service)
            return await asker.backend.create_resource_type(
                attrs.evolve(resource_type, service=service)
            )

        return await self.definitions.define(
            asker,
            ("resource_type", resource_type.reference),
            resource_type,
            lambda: asker.backend.get_resource_type(resource_type.reference),
            create,
        )

    async def resource_type_control(
        self, asker: Asker, control: Control, resource_type: ResourceType
    ) -> ResourceTypeControl:
        """Return the link of a control to a resource type, recording whatever is new."""
        backend = asker.backend
        control = await self.control(asker, control)
        resource_type = await self.resource_type(asker, resource_type)
        return await self.definitions.define(
            asker,
            ("resource_type_control", f"{control.id}/{resource_type.id}"),
            control,
            lambda: backend.get_resource_type_control_link(control, resource_type),
            lambda: backend.create_resource_type_control_link(control, resource_type),
        )

    async def resource_id(
        self, asker: Asker, reference: str, application_environment_id: int
    ) -> int:
        """Return a resource's id, recording it bare if it is new."""
        backend = asker.backend

        async def look() -> int | None:
            return await backend.get_resource_id(reference, application_environment_id)

        async def find(inherited: bool) -> int:  # noqa: FBT001 - as `Memory.resolve` calls it
            was_known = None
            try:
                look_first = inherited or await self._guess.known_is_likelier()
                found = await look() if look_first else None
                if found is not None:
                    was_known = True
                    return found
                made, was_known = await create_or_adopt(
                    backend.transport,
                    asker.operation,
                    look,
                    lambda: backend.create_resource(reference, application_environment_id),
                )
                return made
            finally:
                self._guess.learn(was_known=was_known)

        key = (application_environment_id, reference)
        return await self._resources.resolve(key, find, asker.expired)

    def forget(self, application: Application, technical_control: TechnicalControl) -> None:
        """Forget an event's definitions: a server that was restored no longer knows their ids.

        What another event has found afresh in the meantime stays.

        Args:
            application: As this catalogue returned it.
            technical_control: Likewise.
        """
        environment, control = application.environment, technical_control.control
        self.definitions.forget("application", application.reference, application)
        self.definitions.forget("environment", environment.abbreviation, environment)
        self.definitions.forget("technical_control", technical_control.reference, technical_control)
        if control is not None:
            self.definitions.forget("control", control.name, control)

    def forget_resource(self, reference: str, application_environment_id: int) -> None:
        """Forget a resource's id, likewise."""
        self._resources.forget((application_environment_id, reference))


def _compare_system(asker: Asker) -> None:
    """Note that the system has another stage on the server."""
    config, system = asker.backend.config, asker.backend.known_system()
    if system is not None and system.stage != config.system_stage:
        note = Mismatch("system", system.name, "stage", system.stage, config.system_stage)
        asker.notes.mismatches[note] = None
