"""What definitions have in common: found or recorded once, by one task, for everybody who asks.

AirView has no upsert: each definition is a look and, when it is absent, a create, which may lose
a race or be left in doubt by a broken connection. A refused or doubtful create is settled by
looking again. What is found is remembered for the life of the client.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import attrs

from airview_herald.airview._adoption import create_or_adopt
from airview_herald.airview._backend import Backend
from airview_herald.airview._memory import Memory
from airview_herald.airview._mismatches import Mismatch, mismatches
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


class Definitions:
    """The definitions of one server, as far as this client has met them.

    Args:
        cache_size: How many are remembered.
    """

    def __init__(self, cache_size: int) -> None:
        self._known: Memory[tuple[str, str], _Entry] = Memory(cache_size)
        self._doubts: dict[tuple[str, str], float] = {}

    async def define(
        self,
        asker: Asker,
        key: tuple[str, str],
        given: object,
        look: Callable[[], Awaitable[T | None]],
        create: Callable[[], Awaitable[T]],
    ) -> T:
        """Return a definition from memory, from the server, or newly recorded."""
        entry = self._known.get(key)
        if entry is None:
            verdict = asker.notes.verdicts.get(key)
            if verdict is not None:
                raise copy.copy(verdict)

            async def find(_: bool) -> _Entry:  # noqa: FBT001 - the look comes first in any case
                return _Entry(await self._look_or_create(asker, key, look, create))

            try:
                entry = await self._known.resolve(key, find, asker.expired)
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

    def forget(self, kind: str, key: str, stored: object) -> None:
        """Forget a definition, unless it has been found afresh since it was `stored`."""
        entry = self._known.get((kind, key))
        if entry is not None and entry.stored == stored:
            self._known.forget((kind, key))
