"""The documented handler's operations: each finds or makes whatever it needs."""

from __future__ import annotations

from collections.abc import Sequence

from airview_herald._rows import Rows
from airview_herald.airview._backend import Backend
from airview_herald.airview._catalogue import Catalogue
from airview_herald.airview._framework_catalogue import FrameworkCatalogue
from airview_herald.airview._lanes import Lanes
from airview_herald.airview._notes import Asker, Notes, OnMismatch, Warnings
from airview_herald.airview._recording import Errand, Recorder
from airview_herald.airview._rules import Rules
from airview_herald.airview._sending import Sender
from airview_herald.airview.exclusion_resources import ExclusionResource, ExclusionState
from airview_herald.airview.frameworks import (
    FrameworkControlObjective,
    FrameworkControlObjectiveLink,
)
from airview_herald.airview.models import (
    ComplianceEvent,
    Control,
    Resource,
    ResourceType,
    ResourceTypeControl,
    TechnicalControl,
)
from airview_herald.airview.readings import ComplianceGroup
from airview_herald.transport._session import Session


class Operations:
    """What the documented handler can do.

    Args:
        session: The life of the client.
        sender: Sends for the client.
        cache_size: How many ids are remembered.
        on_mismatch: Told of definitions that exist with other attributes.
    """

    def __init__(
        self,
        session: Session,
        sender: Sender,
        cache_size: int,
        on_mismatch: OnMismatch | None,
    ) -> None:
        self._session = session
        self._backend = Backend(sender)
        self._catalogue = Catalogue(cache_size)
        self._frameworks = FrameworkCatalogue(self._catalogue)
        transport = sender.transport
        self._recorder = Recorder(sender, self._catalogue, Lanes(transport.clock, transport.sleep))
        self._warnings = Warnings(on_mismatch)

    @property
    def backend(self) -> Backend:
        """The low-level client: a documented method for each route."""
        self._session.check()
        return self._backend

    async def handle_compliance_event(self, compliance_event: ComplianceEvent) -> None:
        """Record an event, with whatever it needs that is new.

        Routes: `PUT /monitored-resources/`, and looks and creates on the way to it.

        Raises:
            InputError: The event breaks a rule; nothing was sent.
            AirViewHeraldError: It was not recorded, or, when `ambiguous`, may not have been.
        """
        asker = self._asker()
        Rules(compliance_event).event(compliance_event)
        ticket = self._recorder.admit(compliance_event)
        await self._recorder.record(Errand(compliance_event, asker.operation), ticket, asker.notes)

    async def handle_control(self, control: Control) -> Control:
        """Return a control with its id, recording it if there is none of its name.

        Routes: `GET /controls/`, `POST /controls/`.
        """
        asker = self._asker()
        Rules(control).control("control", control)
        return await self._catalogue.control(asker, control)

    async def handle_technical_control(
        self, technical_control: TechnicalControl
    ) -> TechnicalControl:
        """Return a technical control with its id, recording it and its parent if it is new.

        The server cannot change one that exists: what is returned is what it has.

        Routes: `GET /technical-controls/`, `POST /technical-controls/`, those of
        `handle_control`, and `GET /systems/`, `POST /systems/`.
        """
        asker = self._asker()
        Rules(technical_control).technical_control("technical_control", technical_control)
        return await self._catalogue.technical_control(asker, technical_control)

    async def handle_resource_type(self, resource_type: ResourceType) -> ResourceType:
        """Return a resource type with its id, recording it and its service if they are new.

        Routes: `GET /resource-types/`, `POST /resource-types/`, `GET /services/`,
        `POST /services/`.
        """
        asker = self._asker()
        Rules(resource_type).resource_type("resource_type", resource_type)
        return await self._catalogue.resource_type(asker, resource_type)

    async def handle_resource_type_control_link(
        self, control: Control, resource_type: ResourceType
    ) -> ResourceTypeControl:
        """Return the link of a control to a resource type, recording whatever is new.

        Routes: `GET` and `POST /resource-types-controls/`, those of `handle_control` and those of
        `handle_resource_type`.
        """
        asker = self._asker()
        Rules(control).control("control", control)
        Rules(resource_type).resource_type("resource_type", resource_type)
        return await self._catalogue.resource_type_control(asker, control, resource_type)

    async def handle_framework_control_objective(
        self, framework_control_objective: FrameworkControlObjective
    ) -> FrameworkControlObjective:
        """Return a control objective with its ids, recording whatever of it is new.

        That is its framework, its section and itself: `GET` and `POST` of `/frameworks/`,
        `/frameworks/{id}/sections/` and `/frameworks/{id}/sections/{id}/control-objectives/`.
        """
        asker = self._asker()
        Rules(framework_control_objective).framework_control_objective(
            "framework_control_objective", framework_control_objective
        )
        return await self._frameworks.objective(asker, framework_control_objective)

    async def handle_framework_control_objective_link(
        self, framework_control_objective: FrameworkControlObjective, control: Control
    ) -> FrameworkControlObjectiveLink:
        """Return the link of a control objective to a control, recording whatever is new.

        Routes: `GET` and `POST /frameworks/framework-control-objective-link/`, those of
        `handle_control` and those of `handle_framework_control_objective`.
        """
        asker = self._asker()
        Rules(framework_control_objective).framework_control_objective(
            "framework_control_objective", framework_control_objective
        )
        Rules(control).control("control", control)
        return await self._frameworks.link(asker, framework_control_objective, control)

    async def handle_resource(self, resource: Resource) -> None:
        """Create or update a resource, with whatever it needs that is new.

        One without a type is recorded bare if it is new, and left as it is otherwise: the
        server cannot update a resource without a type.

        Routes: `PUT /resources/` (bare: `GET` and `POST /resources/`), and looks and creates on
        the way to it.
        """
        asker = self._asker()
        Rules(resource).resource("resource", resource)
        ticket = self._recorder.lanes.join((resource.application.reference, resource.reference))
        await self._recorder.save_resource(resource, ticket, asker)

    async def get_compliance(
        self,
        select: Sequence[str],
        filter: str | None = None,  # noqa: A002 - the route's own word
    ) -> Rows[ComplianceGroup]:
        """Count what is monitored; see `Backend.get_compliance`."""
        return await self.backend.get_compliance(select, filter)

    async def get_exclusions_by_state(self, state: ExclusionState | str) -> Rows[ExclusionResource]:
        """Return what is excluded in a state; see `Backend.get_exclusion_resources`."""
        return await self.backend.get_exclusion_resources(state)

    async def set_exclusion_resource_state(
        self,
        id: int,  # noqa: A002 - the documented name
        state: ExclusionState | str,
    ) -> None:
        """Decide on an exclusion resource; see `Backend.set_exclusion_resource_state`."""
        await self.backend.set_exclusion_resource_state(id, state)

    def _asker(self) -> Asker:
        """Return who asks in a single call."""
        self._session.check()
        return self._recorder.asker(
            self._recorder.sender.transport.operation(), Notes(self._warnings)
        )
