"""The way of one event: definitions, resource, monitored resource, in its lane's turn."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Self

import attrs

from airview_herald.airview._catalogue import Catalogue
from airview_herald.airview._coverage import Coverages
from airview_herald.airview._lanes import Lanes, Ticket, lane_key
from airview_herald.airview._notes import Asker, Notes
from airview_herald.airview._sending import Sender
from airview_herald.airview.models import ComplianceEvent, Resource
from airview_herald.errors import AirViewHeraldError, BadRequestError, InputError
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
        before_save: Awaited when its ids are known, before its save; once or more.
        permitted: Whether its run has let its save begin.
        technical_control_id: The id of its technical control, once it is known.
        resource_id: The id of its resource, likewise.
    """

    event: ComplianceEvent
    operation: Operation
    stage: Stage = Stage.QUEUED
    before_save: Callable[[Errand], Awaitable[None]] | None = None
    permitted: bool = False
    technical_control_id: int | None = None
    resource_id: int | None = None

    def facts(self) -> dict[str, int | str]:
        """Return what it has come to, for its span."""
        return {
            "airview_herald.stage": self.stage.value,
            "airview_herald.requests": self.operation.requests,
            "airview_herald.retries": self.operation.retries,
        }


def may_be_running(operation: Operation, error: BaseException | None = None) -> bool:
    """Return whether a save may have reached the server, and still be running there.

    Args:
        operation: The account of the save, which was cut short.
        error: How it ended, if it ended by an error.
    """
    if operation.in_flight is RetryClass.SERIAL:
        return True
    return isinstance(error, AirViewHeraldError) and error.ambiguous and error.method == "PUT"


def is_saving(operation: Operation) -> bool:
    """Return whether a save is on the wire, and not only waiting to be sent again."""
    return operation.in_flight is RetryClass.SERIAL and not operation.paused


class Recorder:
    """Take events to the server; shared by all that a client sends.

    Args:
        sender: Sends for the client.
        catalogue: What the client knows of the server.
        lanes: The client's lanes.

    Attributes:
        coverages: What the batches list that run now.
    """

    def __init__(self, sender: Sender, catalogue: Catalogue, lanes: Lanes) -> None:
        self.coverages: Coverages = Coverages()
        self.sender = sender
        self.catalogue = catalogue
        self.lanes = lanes

    def over(self, sender: Sender) -> Self:
        """Return a sibling that sends through another sender."""
        sibling = copy.copy(self)
        sibling.sender = sender
        return sibling

    def admit(self, event: ComplianceEvent) -> Ticket:
        """Give an event that breaks no rule its place in its lane: here order begins."""
        self.coverages.note(event)
        return self.lanes.join(lane_key(event))

    def asker(self, operation: Operation, notes: Notes | None = None) -> Asker:
        """Return who asks on an operation's account."""
        return Asker(
            self.sender.on_account(operation), operation, Notes() if notes is None else notes
        )

    async def record(self, errand: Errand, ticket: Ticket, notes: Notes) -> None:
        """Record an event when its turn comes, and give its ticket back.

        Args:
            errand: The event, checked.
            ticket: Its place in its lane.
            notes: The notes of its run.
        """
        with self.sender.transport.telemetry.span("record event", errand.facts):
            await self._record(errand, ticket, notes)

    async def _record(self, errand: Errand, ticket: Ticket, notes: Notes) -> None:
        try:
            await ticket.turn()
            asker = self.asker(errand.operation, notes)
            seen = self.catalogue.restorations
            try:
                await self._save(errand, asker)
            except BadRequestError as refusal:
                restored = refusal.own and await self.catalogue.recheck(asker, errand.event, seen)
                # The resource alone may have been removed; `_save` has forgotten its id by now.
                gone = refusal.own and errand.stage is Stage.MONITORED_RESOURCE
                if not (restored or gone):
                    raise
                await self._save(errand, asker)
        except BaseException as error:
            ticket.leave(settle=self.settle(errand.operation, error))
            raise
        errand.stage = Stage.RECORDED
        ticket.leave()

    async def save_resource(self, resource: Resource, ticket: Ticket, asker: Asker) -> None:
        """Create or update a resource when its turn comes, and give its ticket back.

        Args:
            resource: The resource, checked.
            ticket: Its place in its lane.
            asker: Who asks.
        """
        try:
            await ticket.turn()
            application = await self.catalogue.application(asker, resource.application)
            if resource.resource_type is None:
                await self.catalogue.resources.find(
                    asker, resource.reference, _id(application.application_environment_id)
                )
            else:
                kind = await self.catalogue.resource_type(asker, resource.resource_type)
                whole = attrs.evolve(resource, application=application, resource_type=kind)
                await asker.backend.save_resource(whole)
        except BaseException as error:
            ticket.leave(settle=self.settle(asker.operation, error))
            raise
        ticket.leave()

    def settle(self, operation: Operation, error: BaseException | None = None) -> float:
        """Return how long a lane stays closed after an operation was cut short, in seconds."""
        running = may_be_running(operation, error)
        return self.sender.transport.options.settle if running else 0.0

    async def _save(self, errand: Errand, asker: Asker) -> None:
        event, catalogue = errand.event, self.catalogue
        errand.stage = Stage.DEFINITIONS
        # The technical control comes first: its parent may be impossible to record.
        try:
            technical_control = await catalogue.technical_control(asker, event.technical_control)
        except InputError as late:
            raise InputError(late.field, late.rule, event) from late
        application = await catalogue.application(asker, event.application)
        placed = _id(application.application_environment_id)
        errand.stage = Stage.RESOURCE
        resource_id = await catalogue.resources.find(asker, event.resource_reference, placed)
        errand.technical_control_id, errand.resource_id = technical_control.id, resource_id
        if errand.before_save is not None:
            await errand.before_save(errand)
        errand.stage = Stage.MONITORED_RESOURCE
        try:
            await asker.backend.save_monitored_resource(
                _id(technical_control.id), resource_id, event.status, event.additional_data
            )
        except BadRequestError as refusal:
            if refusal.own:
                catalogue.resources.forget(event.resource_reference, placed)
            raise


def _id(value: int | None) -> int:
    """Return an id that a catalogue's answer always has."""
    assert value is not None  # noqa: S101 - for the type checker
    return value
