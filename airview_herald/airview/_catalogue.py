"""Definitions and resources: found or recorded once, by one task, for everybody who asks.

AirView has no upsert: each definition is a look and, when it is absent, a create, which may lose
a race or be left in doubt by a broken connection. A refused or doubtful create is settled by
looking again. What is found is remembered for the life of the client.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Iterable
from operator import attrgetter
from typing import Any, TypeVar

import attrs

from airview_herald.airview._adoption import create_or_adopt
from airview_herald.airview._backend import Backend
from airview_herald.airview._guess import Guess
from airview_herald.airview._memory import Memory
from airview_herald.airview._mismatches import Mismatch, mismatches
from airview_herald.airview.models import (
    Application,
    Control,
    Environment,
    ResourceType,
    Service,
    TechnicalControl,
)
from airview_herald.errors import (
    AirViewHeraldError,
    BadRequestError,
    ConflictError,
    ValidationError,
)
from airview_herald.transport._call import RetryClass
from airview_herald.transport._operation import Operation

T = TypeVar("T")

_VERDICTS = (BadRequestError, ConflictError, ValidationError)
_MAX_MISMATCHES = 1000


@attrs.define(eq=False)
class Notes:
    """What the events of one run have in common.

    Attributes:
        mismatches: Definitions that exist with other attributes, each noted once, 1,000 at most.
        verdicts: Definitions that the server has refused, with its answer.
    """

    mismatches: dict[Mismatch, None] = attrs.field(factory=dict)
    verdicts: dict[tuple[str, str], AirViewHeraldError] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class Asker:
    """Who asks.

    Attributes:
        backend: Sends on their account.
        operation: Their account.
        notes: The notes of their run.
    """

    backend: Backend
    operation: Operation
    notes: Notes

    def expired(self) -> bool:
        """Return whether their time is up."""
        return self.backend.transport.expired(self.operation)


@attrs.define(eq=False)
class _Entry:
    """A definition as the server has it, and how the last asker's differed."""

    stored: Any
    given: Any = None
    mismatches: tuple[Mismatch, ...] = ()


class Catalogue:
    """The definitions and resources of one server, as far as this client has met them.

    Args:
        cache_size: How many ids of resources are remembered, and how many definitions.
    """

    def __init__(self, cache_size: int) -> None:
        self._definitions: Memory[tuple[str, str], _Entry] = Memory(cache_size)
        self._resources: Memory[tuple[int, str], int] = Memory(cache_size)
        self._guess = Guess()
        self._doubts: dict[tuple[str, str], float] = {}
        self._bare: dict[str, Application] = {}

    async def environment(self, asker: Asker, environment: Environment) -> Environment:
        """Return an environment with its id, recording it if it is new."""

        async def look() -> Environment | None:
            every = await asker.backend.get_environments()
            return _first(row for row in every if row.abbreviation == environment.abbreviation)

        return await self._define(
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

        return await self._define(
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
        return await self._define(
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
        stored = await self._define(asker, key, given, look, create)
        _compare_system(asker)
        return stored

    async def service(self, asker: Asker, service: Service) -> Service:
        """Return a service with its id, recording it if it is new."""

        async def look() -> Service | None:
            every = await asker.backend.get_services()
            return _first(row for row in every if row.reference == service.reference)

        return await self._define(
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

        return await self._define(
            asker,
            ("resource_type", resource_type.reference),
            resource_type,
            lambda: asker.backend.get_resource_type(resource_type.reference),
            create,
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
        self._forget("application", application.reference, application)
        self._forget("environment", environment.abbreviation, environment)
        self._forget("technical_control", technical_control.reference, technical_control)
        if control is not None:
            self._forget("control", control.name, control)

    def forget_resource(self, reference: str, application_environment_id: int) -> None:
        """Forget a resource's id, likewise."""
        self._resources.forget((application_environment_id, reference))

    def _forget(self, kind: str, key: str, stored: object) -> None:
        entry = self._definitions.get((kind, key))
        if entry is not None and entry.stored == stored:
            self._definitions.forget((kind, key))

    async def _define(
        self,
        asker: Asker,
        key: tuple[str, str],
        given: T,
        look: Callable[[], Awaitable[T | None]],
        create: Callable[[], Awaitable[T]],
    ) -> T:
        """Return a definition from memory, from the server, or newly recorded."""
        entry = self._definitions.get(key)
        if entry is None:
            verdict = asker.notes.verdicts.get(key)
            if verdict is not None:
                raise copy.copy(verdict)

            async def find(_: bool) -> _Entry:  # noqa: FBT001 - the look comes first in any case
                return _Entry(await self._look_or_create(asker, key, look, create))

            try:
                entry = await self._definitions.resolve(key, find, asker.expired)
            except _VERDICTS as refusal:
                asker.notes.verdicts[key] = copy.copy(refusal)
                raise
        if entry.given is not given:
            entry.given = given
            entry.mismatches = tuple(mismatches(*key, entry.stored, given))
        if entry.mismatches and len(asker.notes.mismatches) < _MAX_MISMATCHES:
            asker.notes.mismatches.update(dict.fromkeys(entry.mismatches))
        stored: T = entry.stored
        return stored

    async def _look_or_create(
        self,
        asker: Asker,
        key: tuple[str, str],
        look: Callable[[], Awaitable[T | None]],
        create: Callable[[], Awaitable[T]],
    ) -> T:
        """Look, and create what is absent, unless an earlier create is still in doubt."""
        found = await look()
        doubt = self._doubts.get(key)
        if found is None and doubt is not None:
            await asker.backend.transport.wait_until(doubt, asker.operation)
            found = await look()
        if found is not None:
            self._doubts.pop(key, None)
            return found
        try:
            transport = asker.backend.transport
            made, _ = await create_or_adopt(transport, asker.operation, look, create)
        except BaseException as error:
            cut = asker.operation.in_flight is RetryClass.CREATE
            if cut or (isinstance(error, AirViewHeraldError) and error.ambiguous):
                self._doubts[key] = asker.backend.transport.settled_at()
            raise
        self._doubts.pop(key, None)
        return made


def _first(rows: Iterable[T]) -> T | None:
    """Return the row with the lowest id, since lists have no order; or `None`."""
    return min(rows, key=attrgetter("id"), default=None)


def _compare_system(asker: Asker) -> None:
    """Note that the system has another stage on the server."""
    config, system = asker.backend.config, asker.backend.known_system()
    if system is not None and system.stage != config.system_stage:
        note = Mismatch("system", system.name, "stage", system.stage, config.system_stage)
        asker.notes.mismatches[note] = None
