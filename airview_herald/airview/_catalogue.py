"""What recording an event needs: its definitions, looked for and made, and its resource."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import anyio
import attrs

from airview_herald._memory import Memory
from airview_herald.airview._applications import BareApplications
from airview_herald.airview._definitions import Definitions, Key
from airview_herald.airview._looks import LOOKS
from airview_herald.airview._mismatches import Mismatch, mismatches
from airview_herald.airview._notes import Asker
from airview_herald.airview._resources import Resources
from airview_herald.airview._routes import System
from airview_herald.airview.models import (
    Application,
    ComplianceEvent,
    Control,
    Environment,
    ResourceType,
    ResourceTypeControl,
    Service,
    TechnicalControl,
)
from airview_herald.errors import InputError

T = TypeVar("T")

_MAX_DEFINITIONS = 10_000
_ABSENT = Control("")


@attrs.frozen(eq=False)
class _Linked:
    """A technical control that was found to agree with its parent, and what it was made of."""

    sides: tuple[TechnicalControl, TechnicalControl, Control]
    whole: TechnicalControl


class Catalogue:
    """The definitions and resources of one server, as far as this client has met them.

    Args:
        cache_size: How many ids of resources are remembered; definitions, of which there are
            few, are remembered up to 10,000.

    Attributes:
        definitions: What is remembered of definitions.
        resources: The ids of resources.
        restorations: How often the server was found to have lost what was remembered.
    """

    def __init__(self, cache_size: int) -> None:
        self.definitions: Definitions = Definitions(min(cache_size, _MAX_DEFINITIONS))
        self.resources: Resources = Resources(cache_size)
        self._parents: Memory[str, Control] = Memory(_MAX_DEFINITIONS)
        self._linked: Memory[str, _Linked] = Memory(_MAX_DEFINITIONS)
        self._bare = BareApplications()
        self._rechecking = anyio.Lock()
        self.restorations: int = 0

    async def environment(self, asker: Asker, environment: Environment) -> Environment:
        """Return an environment with its id, recording it if it is new."""
        key = ("environment", environment.abbreviation)
        create = partial(asker.backend.create_environment, environment)
        return await self._define(asker, key, environment, create)

    async def application(self, asker: Asker, application: Application) -> Application:
        """Return an application in its environment with its ids, recording it if it is new."""
        settled = self.definitions.settled(("application", application.reference), application)
        if settled is not None:
            return settled
        backend, reference = asker.backend, application.reference

        async def create() -> Application:
            environment = await self.environment(asker, application.environment)
            # Applications cannot be removed: look once more right before making one, and use
            # again what an earlier try has left behind.
            found = await backend.get_application_environment_by_reference(reference)
            if found is not None:
                return found
            bare = await self._bare.record(asker, application)
            return await backend.create_application_environment(
                attrs.evolve(bare, environment=environment)
            )

        try:
            stored = await self._define(asker, ("application", reference), application, create)
        except BaseException as error:
            left = self._bare.get(reference)
            if left is not None:
                error.add_note(asker.notes.orphan(left.name, left.id))
            raise
        bare = self._bare.pop(reference)
        if bare is not None and bare.id == stored.id:
            asker.notes.placed(bare.id)
        elif bare is not None:
            asker.notes.orphan(bare.name, bare.id)
        return stored

    async def control(self, asker: Asker, control: Control) -> Control:
        """Return a control with its id, recording it if it is new."""
        create = partial(asker.backend.create_control, control)
        return await self._define(asker, ("control", control.name), control, create)

    async def technical_control(
        self, asker: Asker, technical_control: TechnicalControl
    ) -> TechnicalControl:
        """Return a technical control as the server has it, recording it if it is new.

        Its `control` is the server's copy of the given one if that is its parent, else `None`.
        """
        given = technical_control
        key = ("technical_control", given.reference)
        stored = self.definitions.settled(key, given)
        if stored is None:
            stored = await self._define_technical_control(asker, key, given)
        _compare_system(asker)
        if given.control is None:
            return stored
        parent = await self._parent(asker, given.control)
        linked = self._linked.get(given.reference)
        if linked is not None and linked.sides == (given, stored, parent):
            return linked.whole
        return self._link(asker, given, given.control, stored, parent)

    async def _define_technical_control(
        self, asker: Asker, key: Key, given: TechnicalControl
    ) -> TechnicalControl:
        """Return a technical control without its parent, recording both if they are new."""

        async def create() -> TechnicalControl:
            whole = given
            if given.control is not None:
                parent = await self.control(asker, given.control)
                whole = attrs.evolve(given, control_id=parent.id)
            made = await asker.backend.create_technical_control(whole)
            return attrs.evolve(made, control=None)

        try:
            return await self._define(asker, key, given, create)
        except InputError as late:
            # The error is about the parent, which turned out to be new and to lack a field.
            raise InputError(f"technical_control.{late.field}", late.rule, given) from late

    def _link(
        self,
        asker: Asker,
        given: TechnicalControl,
        control: Control,
        stored: TechnicalControl,
        parent: Control,
    ) -> TechnicalControl:
        """Return a technical control with its parent, if the given one is its parent."""
        if parent is not _ABSENT:
            differing = list(mismatches("control", parent.name, parent, control))
            asker.notes.differ(differing)
            if parent.id == stored.control_id:
                whole = attrs.evolve(stored, control=parent)
                if not differing:
                    self._linked.put(given.reference, _Linked((given, stored, parent), whole))
                return whole
        # If the server has no such control there is no id to tell: its name says more.
        key, other = ("technical_control", given.reference), parent.id or control.name
        asker.notes.differ([Mismatch(*key, "control_id", stored.control_id, other)])
        return stored

    async def _parent(self, asker: Asker, control: Control) -> Control:
        """Return a parent control, `_ABSENT` if the server has none; never record it."""
        known: Control | None = self.definitions.stored(("control", control.name))
        if known is not None:
            return known

        async def find(_: bool) -> Control:  # noqa: FBT001 - as `Memory.resolve` calls it
            return await asker.backend.get_control(control) or _ABSENT

        return await self._parents.resolve(control.name, find, asker.time_left)

    async def service(self, asker: Asker, service: Service) -> Service:
        """Return a service with its id, recording it if it is new."""
        create = partial(asker.backend.create_service, service)
        return await self._define(asker, ("service", service.reference), service, create)

    async def resource_type(self, asker: Asker, resource_type: ResourceType) -> ResourceType:
        """Return a resource type with its id, recording it and its service if they are new."""

        async def create() -> ResourceType:
            service = resource_type.service
            if service is not None:
                service = await self.service(asker, service)
            whole = attrs.evolve(resource_type, service=service)
            return await asker.backend.create_resource_type(whole)

        key = ("resource_type", resource_type.reference)
        return await self._define(asker, key, resource_type, create)

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

    async def look_up(self, asker: Asker, key: Key, given: T) -> T | None:
        """Return a definition as the server has it, or `None`; never record it."""
        known: T | None = self.definitions.stored(key)
        if known is None:
            known = await LOOKS[key[0]](asker.backend, given)
            if known is not None:
                self.definitions.remember(key, known)
        return known

    async def look_at_application_again(self, asker: Asker, reference: str) -> Application | None:
        """Return an application as the server has it now, or `None`; never record it."""
        found = await asker.backend.get_application_environment_by_reference(reference)
        return self._compared(asker, ("application", reference), found)

    async def look_at_system_again(self, asker: Asker) -> System | None:
        """Return our system as the server has it now, or `None`; never record it."""
        known = asker.sender.known_system()
        asker.sender.forget_system()
        found = await asker.sender.find_system()
        if known is not None and (found is None or found.id != known.id):
            self._forget_all(asker)
        return found

    async def look_at_technical_control_again(
        self, asker: Asker, reference: str
    ) -> TechnicalControl | None:
        """Return our system's technical control as it is now, or `None`; there is a system."""
        found = await asker.backend.get_technical_control(reference)
        return self._compared(asker, ("technical_control", reference), found)

    def _compared(self, asker: Asker, key: Key, found: T | None) -> T | None:
        """Remember what was found; forget everything if it contradicts what was remembered."""
        known = self.definitions.stored(key)
        if known is not None and _ids(known) != _ids(found):
            self._forget_all(asker)
        if found is not None:
            self.definitions.remember(key, found)
        return found

    def known_parent(self, name: str) -> Control | None:
        """Return what is remembered of a control, as the parent of a technical control too."""
        known: Control | None = self.definitions.stored(("control", name))
        parent = self._parents.get(name) if known is None else known
        return None if parent is _ABSENT else parent

    async def recheck(self, asker: Asker, event: ComplianceEvent, seen: int) -> bool:
        """Find out whether a refusal comes of ids that a restored server no longer knows.

        Args:
            asker: Who asks. Once a run has found the server sound, its refusals count as they
                are.
            event: The event that the server refuses.
            seen: The number of `restorations` when the event began.

        Returns:
            Whether the server was restored since; all that was remembered is forgotten then.
        """
        async with self._rechecking:
            if self.restorations == seen and not asker.notes.sound:
                if await self._has_lost(asker, event):
                    self._forget_all(asker)
                else:
                    asker.notes.sound = True
            return self.restorations != seen

    async def _has_lost(self, asker: Asker, event: ComplianceEvent) -> bool:
        application, technical_control = event.application, event.technical_control
        system = asker.sender.known_system()
        asker.sender.forget_system()
        lost = system is not None and (await asker.sender.system()).id != system.id
        given: dict[Key, Any] = {
            ("application", application.reference): application,
            ("environment", application.environment.abbreviation): application.environment,
            ("technical_control", technical_control.reference): technical_control,
        }
        if technical_control.control is not None:
            given["control", technical_control.control.name] = technical_control.control
        for key, definition in given.items():
            stored = self.definitions.stored(key)
            if stored is not None:
                found = await LOOKS[key[0]](asker.backend, definition)
                lost = lost or found is None or found.id != stored.id
        return lost

    def _forget_all(self, asker: Asker) -> None:
        """Forget every id, and every refusal: all come from the server as it was before."""
        self.forget()
        asker.notes.forget_verdicts()

    def forget(self) -> None:
        """Forget every id, since the server was restored: all are of the server before that."""
        self.restorations += 1
        self.definitions.clear()
        self._parents.clear()
        self._linked.clear()
        self.resources.clear()
        self._bare.clear()

    async def _define(
        self, asker: Asker, key: Key, given: T, create: Callable[[], Awaitable[T]]
    ) -> T:
        look: Callable[[], Awaitable[T | None]] = partial(LOOKS[key[0]], asker.backend, given)
        return await self.definitions.define(asker, key, given, look, create)


def _ids(definition: object) -> tuple[Any, Any]:
    place = getattr(definition, "application_environment_id", None)
    return getattr(definition, "id", None), place


def _compare_system(asker: Asker) -> None:
    """Note that the system has another stage on the server."""
    config, system = asker.sender.config, asker.sender.known_system()
    if system is not None and system.stage != config.system_stage:
        note = Mismatch("system", system.name, "stage", system.stage, config.system_stage)
        asker.notes.differ([note])
