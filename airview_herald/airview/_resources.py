"""The ids of resources: looked for or recorded once, by one task, for everybody who asks."""

from __future__ import annotations

from airview_herald._memory import Memory
from airview_herald.airview._adoption import create_or_adopt
from airview_herald.airview._guess import Guess
from airview_herald.airview._notes import Asker


class Resources:
    """The resources of one server, as far as this client has met them.

    Each is known by its reference and by the id of its application in its environment.

    Args:
        capacity: How many ids are remembered.

    Attributes:
        capacity: As given.
        guess: Whether the next resource is known to the server.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity: int = capacity
        self.guess: Guess = Guess()
        self._ids: Memory[tuple[int, str], int] = Memory(capacity)

    async def find(self, asker: Asker, reference: str, application_environment_id: int) -> int:
        """Return a resource's id, recording it bare if it is new."""
        backend = asker.backend

        async def look() -> int | None:
            return await backend.get_resource_id(reference, application_environment_id)

        async def find(inherited: bool) -> int:  # noqa: FBT001 - as `Memory.resolve` calls it
            was_known = None
            try:
                look_first = inherited or await self.guess.known_is_likelier()
                found = await look() if look_first else None
                if found is not None:
                    was_known = True
                    return found
                made, was_known = await create_or_adopt(
                    asker.sender.transport,
                    asker.operation,
                    look,
                    lambda: backend.create_resource(reference, application_environment_id),
                )
                return made
            finally:
                self.guess.learn(was_known=was_known)

        key = (application_environment_id, reference)
        return await self._ids.resolve(key, find, asker.time_left)

    async def look_again(
        self, asker: Asker, reference: str, application_environment_id: int
    ) -> int | None:
        """Return a resource's id as it is now, or `None`; never record it."""
        found = await asker.backend.get_resource_id(reference, application_environment_id)
        if found is None:
            self.forget(reference, application_environment_id)
        else:
            self.remember(reference, application_environment_id, found)
        return found

    def known(self, reference: str, application_environment_id: int) -> int | None:
        """Return what is remembered of a resource: its id, or `None`."""
        return self._ids.get((application_environment_id, reference))

    def remember(self, reference: str, application_environment_id: int, identifier: int) -> None:
        """Remember a resource's id that was found otherwise."""
        self._ids.put((application_environment_id, reference), identifier)

    def forget(self, reference: str, application_environment_id: int) -> None:
        """Forget a resource's id: the server refuses it, or it is gone."""
        self._ids.forget((application_environment_id, reference))

    def clear(self) -> None:
        """Forget every id."""
        self._ids.clear()
