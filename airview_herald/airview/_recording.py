"""The way of one event: definitions, resource, monitored resource, in its lane's turn."""

from __future__ import annotations

from collections.abc import Hashable
from enum import StrEnum

import attrs

from airview_herald.airview._backend import Backend
from airview_herald.airview._catalogue import Catalogue
from airview_herald.airview._definitions import Asker, Notes
from airview_herald.airview._lanes import Lanes, Ticket
from airview_herald.airview.models import ComplianceEvent, Resource
from airview_herald.errors import AirViewHeraldError, BadRequestError
from airview_herald.transport._call import RetryClass
from airview_herald.transport._operation import Operation


class Stage(StrEnum):
    """How far an event has come."""

    QUEUED = "queued"
    DEFINITIONS = "definitions"
    RESOURCE = "resource"
    MONITORED_RESOURCE = "monitored resource"
    RECORDED = "recorded"


@attrs.define(eq=False)
class Errand:
    """One event under way.

    Attributes:
        event: The caller's own object.
        operation: The account of its requests.
        stage: How far it has come.
    """

    event: ComplianceEvent
    operation: Operation
    stage: Stage = Stage.QUEUED

    def may_have_landed(self, error: BaseException) -> bool:
        """Return whether the server may have recorded the event in spite of an error."""
        if self.stage is not Stage.MONITORED_RESOURCE:
            return False
        cut = self.operation.in_flight is RetryClass.SERIAL
        return cut or (isinstance(error, AirViewHeraldError) and error.ambiguous)


def lane_key(event: ComplianceEvent) -> Hashable:
    """Return what the order of events is kept by."""
    return (
        event.application.reference,
        event.resource_reference,
        event.technical_control.reference,
    )


class Recorder:
    """Take events to the server; shared by all that a client sends.

    Args:
        backend: The client's backend.
        catalogue: What the client knows of the server.
        lanes: The client's lanes.
    """

    def __init__(self, backend: Backend, catalogue: Catalogue, lanes: Lanes) -> None:
        self.backend = backend
        self.catalogue = catalogue
        self.lanes = lanes

    def asker(self, operation: Operation, notes: Notes | None = None) -> Asker:
        """Return who asks on an operation's account."""
        return Asker(
            self.backend.on_account(operation), operation, Notes() if notes is None else notes
        )

    async def record(self, errand: Errand, ticket: Ticket, notes: Notes) -> None:
        """Record an event when its turn comes, and give its ticket back.

        Args:
            errand: The event, checked.
            ticket: Its place in its lane.
            notes: The notes of its run.
        """
        try:
            await ticket.turn()
            await self._record(errand, self.asker(errand.operation, notes))
        except BaseException as error:
            settle = self.backend.transport.options.settle
            ticket.leave(settle=settle if errand.may_have_landed(error) else 0.0)
            raise
        ticket.leave()

    async def save_resource(self, resource: Resource, ticket: Ticket, asker: Asker) -> None:
        """Create or update a resource when its turn comes, and give its ticket back.

        Args:
            resource: The resource, checked.
            ticket: Its place in its lane.
            asker: Who asks.
        """
        settle = 0.0
        try:
            await ticket.turn()
            application = await self.catalogue.application(asker, resource.application)
            if resource.resource_type is None:
                await self.catalogue.resource_id(
                    asker, resource.reference, _id(application.application_environment_id)
                )
                return
            resource_type = await self.catalogue.resource_type(asker, resource.resource_type)
            whole = attrs.evolve(resource, application=application, resource_type=resource_type)
            await asker.backend.save_resource(whole)
        except BaseException as error:
            cut = asker.operation.in_flight is RetryClass.SERIAL
            if cut or (isinstance(error, AirViewHeraldError) and error.ambiguous):
                settle = self.backend.transport.options.settle
            raise
        finally:
            ticket.leave(settle=settle)

    async def _record(self, errand: Errand, asker: Asker) -> None:
        try:
            await self._save(errand, asker)
        except BadRequestError:
            # First writes with an unknown id are refused; `_save` has forgotten the ids.
            if errand.stage is not Stage.MONITORED_RESOURCE:
                raise
            await self._save(errand, asker)
        errand.stage = Stage.RECORDED

    async def _save(self, errand: Errand, asker: Asker) -> None:
        event, catalogue = errand.event, self.catalogue
        errand.stage = Stage.DEFINITIONS
        application = await catalogue.application(asker, event.application)
        technical_control = await catalogue.technical_control(asker, event.technical_control)
        placed = _id(application.application_environment_id)
        errand.stage = Stage.RESOURCE
        resource_id = await catalogue.resource_id(asker, event.resource_reference, placed)
        errand.stage = Stage.MONITORED_RESOURCE
        try:
            await asker.backend.save_monitored_resource(
                _id(technical_control.id), resource_id, event.status, event.additional_data
            )
        except BadRequestError:
            catalogue.forget(application, technical_control)
            catalogue.forget_resource(event.resource_reference, placed)
            self.backend.forget_system()
            raise


def _id(value: int | None) -> int:
    """Return an id that a catalogue's answer always has."""
    assert value is not None  # noqa: S101 - for the type checker
    return value
