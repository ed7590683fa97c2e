"""How a backend sends: on whose account, and as which system."""

from __future__ import annotations

import copy
from collections.abc import Awaitable
from typing import Self, TypeVar

from airview_herald._memory import Memory
from airview_herald.airview import _routes
from airview_herald.airview._adoption import create_or_adopt
from airview_herald.airview._config import BackendConfig
from airview_herald.airview._routes import System
from airview_herald.transport._call import Call
from airview_herald.transport._operation import Operation
from airview_herald.transport._send import Transport
from airview_herald.transport._session import Session

T = TypeVar("T")


class Sender:
    """Send calls on an account, as a system.

    Args:
        config: What the client knows of its server and of itself.
        transport: What sends.
        session: The life of the client.
    """

    def __init__(self, config: BackendConfig, transport: Transport, session: Session) -> None:
        self.config = config
        self.transport = transport
        self._session = session
        self.operation: Operation | None = None
        self._systems: Memory[str, System] = Memory(1)

    def on_account(self, operation: Operation) -> Self:
        """Return a sibling whose requests go on one operation's account."""
        # Once for each event of a batch: `copy.copy` takes four times as long.
        sibling = object.__new__(type(self))
        sibling.__dict__.update(self.__dict__)
        sibling.operation = operation
        return sibling

    def over(self, transport: Transport) -> Self:
        """Return a sibling that sends through another transport."""
        sibling = copy.copy(self)
        sibling.transport = transport
        return sibling

    async def system(self) -> System:
        """Return this client's own system, recording it if it is new; asked for once.

        Routes: `GET /systems/`, `POST /systems/`.
        """
        operation = self._account()
        name, stage = self.config.system_name, self.config.system_stage

        async def look() -> System | None:
            return await self.transport.send(_routes.get_system(name), operation)

        async def find(_: bool) -> System:  # noqa: FBT001 - it looks first in any case
            found = await look()
            if found is not None:
                return found
            create = _routes.create_system(name, stage)
            made, _ = await create_or_adopt(
                self.transport, operation, look, lambda: self.transport.send(create, operation)
            )
            return made

        return await self._systems.resolve(name, find, lambda: self.transport.time_left(operation))

    async def find_system(self) -> System | None:
        """Return this client's own system, or `None`; never record it: `GET /systems/`."""
        name = self.config.system_name
        known = self._systems.get(name)
        if known is None:
            known = await self.send(_routes.get_system(name))
            if known is not None:
                self._systems.put(name, known)
        return known

    def known_system(self) -> System | None:
        """Return this client's own system if it was asked for already."""
        return self._systems.get(self.config.system_name)

    def remember_system(self, system: System) -> None:
        """Remember this client's own system, which another client has asked for."""
        self._systems.put(self.config.system_name, system)

    def forget_system(self) -> None:
        """Ask for this client's own system again: a restored server may not know its id."""
        self._systems.forget(self.config.system_name)

    async def send(self, call: Call[T]) -> T:
        """Send a call on this backend's account, or on one of its own."""
        return await self.transport.send(call, self._account())

    def _account(self) -> Operation:
        if self.operation is not None:
            return self.operation
        self._session.check()
        return self.transport.operation()


class RouteMethods:
    """What the methods for routes have in common.

    Args:
        sender: Sends for them.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    @property
    def config(self) -> BackendConfig:
        """What the client knows of its server and of itself."""
        return self._sender.config

    @property
    def system_id(self) -> Awaitable[int]:
        """The id of this client's own system, recorded if it is new: `await backend.system_id`.

        Routes: `GET /systems/`, `POST /systems/`.
        """
        return self._system_id()

    def get_url(self, route: str) -> str:
        """Return the full URL of a route."""
        return f"{self._sender.transport.options.base_url}/{route.removeprefix('/')}"

    async def _system_id(self) -> int:
        return (await self._sender.system()).id
