"""The documented low-level client: a method for each route."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

from airview_herald._rows import Rows
from airview_herald.airview import _routes
from airview_herald.airview._calls import first
from airview_herald.airview._exclusion_backend import ExclusionBackend
from airview_herald.airview._framework_backend import FrameworkBackend
from airview_herald.airview._reading_backend import ReadingBackend
from airview_herald.airview._rules import MAX_ADDITIONAL_DATA, Rules
from airview_herald.airview.models import (
    Application,
    Control,
    Environment,
    MonitoredResourceState,
    Resource,
    ResourceType,
    ResourceTypeControl,
    Service,
    SystemStage,
    TechnicalControl,
)
from airview_herald.errors import AirViewHeraldError


class Backend(FrameworkBackend, ReadingBackend, ExclusionBackend):
    """One documented method for each route of AirView; made by `AirView`, as `airview.backend`.

    Every method checks what it is given before it sends anything (`InputError`), and raises a
    `StatusError` when the server refuses, a `TransportError` when no whole answer arrives. A
    look-up answers `None` only for a 404 in AirView's own shape; any other is a `NotFoundError`.
    """

    async def get_system_id_by_name(self, name: str) -> int | None:
        """Return a system's id, or `None`: `GET /systems/`."""
        Rules(name).key("name", name)
        found = await self._sender.send(_routes.get_system(name))
        return None if found is None else found.id

    async def create_system(self, name: str, stage: SystemStage | str) -> int:
        """Record a system and return its id: `POST /systems/`."""
        rules = Rules(name)
        rules.key("name", name)
        rules.member("stage", stage, SystemStage)
        return (await self._sender.send(_routes.create_system(name, stage))).id

    async def get_environments(self) -> Rows[Environment]:
        """Return all the environments: `GET /environments/`."""
        return await self._sender.send(_routes.get_environments())

    async def create_environment(self, environment: Environment) -> Environment:
        """Record an environment: `POST /environments/`."""
        Rules(environment).environment("environment", environment)
        return await self._sender.send(_routes.create_environment(environment))

    async def get_application_environment_by_reference(self, reference: str) -> Application | None:
        """Return the application under a reference of this client's type, or `None`.

        Route: `GET /referenced-application-environments/`.
        """
        Rules(reference).reference("reference", reference)
        return await self._sender.send(
            _routes.get_application_environment(self.config.referencing_type, reference)
        )

    async def create_application(
        self, application: Application, environment_id: int | None = None
    ) -> Application:
        """Record an application and return it with its `id`: `POST /applications/`.

        The server accepts any number of applications of one name, and removes none.

        Args:
            application: What to record.
            environment_id: Kept in the returned application's environment; the route itself has
                no use for it.
        """
        Rules(application).application("application", application)
        identifier = await self._sender.send(_routes.create_application(application))
        environment = application.environment
        if environment_id is not None:
            environment = attrs.evolve(environment, id=environment_id)
        return attrs.evolve(application, id=identifier, environment=environment)

    async def update_application(
        self,
        application: Application,
        environment_id: int | None = None,  # noqa: ARG002 - documented, though the route refuses it
    ) -> None:
        """Change an application's name and type: `PUT /applications/{id}`.

        Args:
            application: With its `id`. Its environment and its reference stay as they are.
            environment_id: Not sent: the route has no use for it.

        Raises:
            NotFoundError: There is no application of that id.
        """
        rules = Rules(application)
        rules.application("application", application)
        rules.given("application.id", application.id)
        await self._sender.send(_routes.update_application(application))

    async def create_application_environment(self, application: Application) -> Application:
        """Put an application into its environment, under its reference.

        Route: `POST /application-environments/`.

        Args:
            application: With its `id`, and the `id` of its environment.

        Returns:
            The application with its `application_environment_id`.
        """
        rules = Rules(application)
        rules.application("application", application)
        return await self._sender.send(
            _routes.create_application_environment(
                rules.given("application.id", application.id),
                rules.given("application.environment.id", application.environment.id),
                self.config.referencing_type,
                application.reference,
            )
        )

    async def get_control(self, control: Control) -> Control | None:
        """Return the control of that name, the one with the lowest id, or `None`.

        Route: `GET /controls/`.
        """
        Rules(control).control("control", control)
        return first(await self._sender.send(_routes.get_controls(control.name)))

    async def create_control(self, control: Control) -> Control:
        """Record a control: `POST /controls/`. The server accepts any number of one name."""
        rules = Rules(control)
        rules.control("control", control)
        if control.quality_model is None:
            raise rules.missing("control.quality_model", "a control that does not exist yet")
        return await self._sender.send(_routes.create_control(control))

    async def get_technical_control(self, reference: str) -> TechnicalControl | None:
        """Return this system's technical control under a reference, or `None`.

        Routes: `GET /technical-controls/`, and those of `system_id`.
        """
        Rules(reference).reference("reference", reference)
        system = await self._sender.system()
        return first(await self._sender.send(_routes.get_technical_controls(system.id, reference)))

    async def create_technical_control(
        self, technical_control: TechnicalControl
    ) -> TechnicalControl:
        """Record a technical control of this system.

        Routes: `POST /technical-controls/`, and those of `system_id`.

        Args:
            technical_control: With its `control_id`, or with a `control` that has its `id`, if
                it has a parent: the parent cannot be set later.
        """
        rules = Rules(technical_control)
        rules.technical_control("technical_control", technical_control)
        parent = technical_control.control
        if technical_control.control_id is None and parent is not None:
            parent_id = rules.given("technical_control.control.id", parent.id)
            technical_control = attrs.evolve(technical_control, control_id=parent_id)
        system = await self._sender.system()
        return await self._sender.send(
            _routes.create_technical_control(system.id, technical_control)
        )

    async def get_services(self) -> Rows[Service]:
        """Return all the services: `GET /services/`."""
        return await self._sender.send(_routes.get_services())

    async def create_service(self, service: Service) -> Service:
        """Record a service: `POST /services/`."""
        Rules(service).service("service", service)
        return await self._sender.send(_routes.create_service(service))

    async def get_resource_type(self, reference: str) -> ResourceType | None:
        """Return the resource type under a reference with its service, or `None`.

        Routes: `GET /resource-types/`; `GET /services/` too, if the type has a service.
        """
        Rules(reference).key("reference", reference)
        row = await self._sender.send(_routes.get_resource_type(reference))
        if row is None:
            return None
        service = None
        if row.service_id is not None:
            services = await self.get_services()
            service = next((each for each in services if each.id == row.service_id), None)
        return ResourceType(row.reference, row.name, row.id, service)

    async def create_resource_type(self, resource_type: ResourceType) -> ResourceType:
        """Record a resource type: `POST /resource-types/`.

        Args:
            resource_type: Its service, if it has one, with its `id`.
        """
        rules = Rules(resource_type)
        rules.resource_type("resource_type", resource_type)
        if resource_type.service is not None:
            rules.given("resource_type.service.id", resource_type.service.id)
        row = await self._sender.send(_routes.create_resource_type(resource_type))
        return attrs.evolve(resource_type, name=row.name, id=row.id)

    async def get_resource_type_control_link(
        self, control: Control, resource_type: ResourceType
    ) -> ResourceTypeControl | None:
        """Return the link between a control and a resource type, or `None`.

        Route: `GET /resource-types-controls/`.

        Args:
            control: With its `id`.
            resource_type: With its `id`.
        """
        return await self._sender.send(
            _routes.get_resource_type_control_link(*_linked(control, resource_type))
        )

    async def create_resource_type_control_link(
        self, control: Control, resource_type: ResourceType
    ) -> ResourceTypeControl:
        """Link a control to a resource type: `POST /resource-types-controls/`.

        The server accepts any number of links of one pair, and counts each.

        Args:
            control: With its `id`.
            resource_type: With its `id`.
        """
        return await self._sender.send(
            _routes.create_resource_type_control_link(*_linked(control, resource_type))
        )

    async def create_exclusion(
        self,
        summary: str,
        control_id: int,
        resources: Sequence[int],
        *,
        is_limited_exclusion: bool = False,
        notes: str | None = None,
    ) -> None:
        """Exclude resources from a control: `POST /exclusions/`.

        No route reads exclusions back: when no answer arrives, nothing tells whether it is there.

        Args:
            summary: Why, in short.
            control_id: The control's id.
            resources: The ids of the resources. One that is excluded from the control already is
                refused by the server, and nothing is stored.
            is_limited_exclusion: Whether the exclusion is a limited one.
            notes: More about it.
        """
        rules = Rules(resources)
        rules.text("summary", summary, math.inf)
        rules.integer("control_id", control_id)
        rules.ids("resources", resources)
        rules.kind("is_limited_exclusion", is_limited_exclusion, bool)
        if notes is not None:
            rules.text("notes", notes, math.inf)
        call = _routes.create_exclusion(
            summary,
            control_id,
            resources,
            is_limited_exclusion=is_limited_exclusion,
            notes=notes,
        )
        try:
            await self._sender.send(call)
        except AirViewHeraldError as error:
            if error.ambiguous:
                error.add_note(
                    "whether the exclusion was made is unknown: no route reads them back"
                )
            raise

    async def get_resource_id(self, reference: str, application_environment_id: int) -> int | None:
        """Return a resource's id, or `None`: `GET /resources/`."""
        rules = Rules(reference)
        rules.key("reference", reference)
        rules.integer("application_environment_id", application_environment_id)
        found = await self._sender.send(_routes.get_resource(reference, application_environment_id))
        return None if found is None else found.id

    async def create_resource(self, reference: str, application_environment_id: int) -> int:
        """Record a bare resource, to link an event to, and return its id: `POST /resources/`."""
        rules = Rules(reference)
        rules.key("reference", reference)
        rules.integer("application_environment_id", application_environment_id)
        return await self._sender.send(
            _routes.create_resource(reference, application_environment_id)
        )

    async def save_resource(self, resource: Resource) -> None:
        """Create or update a resource: `PUT /resources/`.

        Args:
            resource: With the `application_environment_id` of its application and the `id` of
                its type; the route cannot save a resource without a type.
        """
        rules = Rules(resource)
        rules.resource("resource", resource)
        if resource.resource_type is None:
            raise rules.missing("resource.resource_type", "PUT /resources/")
        await self._sender.send(
            _routes.save_resource(
                resource.reference,
                rules.given(
                    "resource.application.application_environment_id",
                    resource.application.application_environment_id,
                ),
                resource.reference if resource.name is None else resource.name,
                rules.given("resource.resource_type.id", resource.resource_type.id),
            )
        )

    async def save_monitored_resource(
        self,
        technical_control_id: int,
        resource_id: int,
        state: MonitoredResourceState | str,
        additional_data: str = "",
    ) -> None:
        """Set what a technical control says of a resource: `PUT /monitored-resources/`.

        Not for concurrent use with one pair of ids: the server keeps no order, and makes
        duplicate rows of concurrent first writes. `AirView.handle_compliance_event` and
        `AirView.ingest` keep the order.

        Args:
            technical_control_id: The technical control's id.
            resource_id: The resource's id.
            state: What it says.
            additional_data: Free text of at most 8000 characters. Leaving it out erases what is
                stored: the server overwrites it with every call.
        """
        rules = Rules(resource_id)
        rules.integer("technical_control_id", technical_control_id)
        rules.integer("resource_id", resource_id)
        rules.member("state", state, MonitoredResourceState)
        rules.text("additional_data", additional_data, MAX_ADDITIONAL_DATA)
        await self._sender.send(
            _routes.save_monitored_resource(
                technical_control_id, resource_id, state, additional_data
            )
        )


def _linked(control: Control, resource_type: ResourceType) -> tuple[int, int]:
    """Return the ids of both."""
    Rules(control).control("control", control)
    Rules(resource_type).resource_type("resource_type", resource_type)
    return (
        Rules(control).given("control.id", control.id),
        Rules(resource_type).given("resource_type.id", resource_type.id),
    )
