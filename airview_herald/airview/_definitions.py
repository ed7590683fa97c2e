"""What definitions have in common: found or recorded once, by one task, for everybody who asks.

AirView has no upsert: each definition is a look and, when it is absent, a create, which may lose
a race or be left in doubt by a broken connection. What is found is remembered for the life of the
client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import attrs

from airview_herald._memory import Memory
from airview_herald.airview._adoption import create_or_adopt
from airview_herald.airview._mismatches import Mismatch, mismatches
from airview_herald.airview._notes import Asker
from airview_herald.errors import BadRequestError, ConflictError, ValidationError
from airview_herald.transport._call import RetryClass

T = TypeVar("T")

Key = tuple[str, str]

_VERDICTS = (BadRequestError, ConflictError, ValidationError)
_MAX_DOUBTS = 10_000


@attrs.define(eq=False)
class _Entry:
    """A definition as the server has it, and how the last asker's differed."""

    stored: Any
    given: Any = None
    mismatches: tuple[Mismatch, ...] = ()


class Definitions:
    """The definitions of one server, as far as this client has met them.

    Args:
        capacity: How many are remembered.
    """

    def __init__(self, capacity: int) -> None:
        self._known: Memory[Key, _Entry] = Memory(capacity)
        self._doubts: dict[Key, float] = {}
        self._forgotten = 0

    def stored(self, key: Key) -> Any:
        """Return what is remembered of a definition, or `None`."""
        entry = self._known.get(key)
        return None if entry is None else entry.stored

    def settled(self, key: Key, given: T) -> T | None:
        """Return what is remembered of a definition if the last asker gave the same object.

        Args:
            key: Its kind, and what it is found by.
            given: The caller's object; `None` is returned too where it differs from what is stored.
        """
        entry = self._known.get(key)
        if entry is None or entry.given is not given or entry.mismatches:
            return None
        stored: T = entry.stored
        return stored

    def remember(self, key: Key, stored: object) -> None:
        """Remember a definition that was looked up for another purpose than recording it."""
        self._known.put(key, _Entry(stored))

    def clear(self) -> None:
        """Forget every definition; refusals of what is under way count for nothing later."""
        self._known.clear()
        self._forgotten += 1

    async def define(
        self,
        asker: Asker,
        key: Key,
        given: object,
        look: Callable[[], Awaitable[T | None]],
        create: Callable[[], Awaitable[T]],
    ) -> T:
        """Return a definition from memory, from the server, or newly recorded.

        Args:
            asker: Who asks.
            key: Its kind, and what it is found by.
            given: The caller's object, for comparison.
            look: Looks for it on the server.
            create: Records it.
        """
        entry = self._known.get(key)
        if entry is None:
            verdict = asker.notes.verdict(key)
            if verdict is not None:
                raise verdict

            async def find(_: bool) -> _Entry:  # noqa: FBT001 - the look comes first in any case
                return _Entry(await self._look_or_create(asker, key, look, create))

            forgotten = self._forgotten
            try:
                entry = await self._known.resolve(key, find, asker.time_left)
            except _VERDICTS as refusal:
                if forgotten == self._forgotten:
                    asker.notes.refuse(key, refusal)
                raise
        if entry.given is not given:
            entry.given = given
            entry.mismatches = tuple(mismatches(*key, entry.stored, given))
        if entry.mismatches:
            asker.notes.differ(entry.mismatches)
        stored: T = entry.stored
        return stored

    async def _look_or_create(
        self,
        asker: Asker,
        key: Key,
        look: Callable[[], Awaitable[T | None]],
        create: Callable[[], Awaitable[T]],
    ) -> T:
        """Look, and create what is absent, unless an earlier create is still in doubt."""
        transport = asker.sender.transport
        found = await look()
        doubt = self._doubts.get(key)
        if found is None and doubt is not None:
            await transport.wait_until(doubt, asker.operation)
            found = await look()
        if found is not None:
            self._doubts.pop(key, None)
            return found
        try:
            made, _ = await create_or_adopt(
                transport, asker.operation, look, create, partial(self._doubt, key)
            )
        except BaseException:
            if asker.operation.in_flight is RetryClass.CREATE:
                self._doubt(key, transport.settled_at())
            raise
        self._doubts.pop(key, None)
        return made

    def _doubt(self, key: Key, until: float) -> None:
        """Note until when a create may still be running on the server.

        A doubt whose time has passed needs no wait, so the older ones may go.
        """
        self._doubts.pop(key, None)
        self._doubts[key] = until
        if len(self._doubts) > _MAX_DOUBTS:
            del self._doubts[next(iter(self._doubts))]
