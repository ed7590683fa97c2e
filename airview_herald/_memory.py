"""What a client remembers: looked up once, by one task, for everybody who asks."""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import anyio
import attrs

from airview_herald.errors import AirViewHeraldError, CooldownError, DeadlineError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@attrs.define(eq=False)
class _Flight(Generic[V]):
    """A look-up under way, and those who wait for it.

    Attributes:
        landed: Set when it is over.
        value: What was found.
        error: Why nothing was.
        late: Why the task that looked gave up: it was out of its own time.
        stale: Whether everything was forgotten meanwhile, so that it tells nothing.
    """

    landed: anyio.Event = attrs.field(factory=anyio.Event)
    value: V | None = None
    error: AirViewHeraldError | None = None
    late: DeadlineError | None = None
    stale: bool = False


class Memory(Generic[K, V]):
    """Remember values by key, forgetting the least recently used first.

    Args:
        capacity: How many values are kept at most.
    """

    __slots__ = ("_capacity", "_flights", "_known")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        # A plain dict would step over every evicted slot to find the next key to evict.
        self._known: OrderedDict[K, V] = OrderedDict()
        self._flights: dict[K, _Flight[V]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: K) -> V | None:
        """Return what is remembered, or `None`."""
        value = self._known.get(key)
        if value is not None:
            self._known.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        """Remember a value."""
        self._known[key] = value
        self._known.move_to_end(key)
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)

    def clear(self) -> None:
        """Forget every value; a look-up under way then answers only the task that began it."""
        self._known.clear()
        for flight in self._flights.values():
            flight.stale = True

    def forget(self, key: K) -> None:
        """Forget a value; forgetting twice is fine."""
        self._known.pop(key, None)

    async def resolve(
        self,
        key: K,
        find: Callable[[bool], Awaitable[V]],
        time_left: Callable[[], float] = lambda: math.inf,
    ) -> V:
        """Return what is remembered, or find it: one task finds, the others wait for it.

        When the task that finds is cancelled or runs out of its own time or patience, a waiter that
        has time left takes over. When it fails otherwise, each waiter gets a copy of the error; the
        next one to ask tries again.

        Args:
            key: What is asked for.
            find: Finds it. Its argument says that an earlier task gave up midway, so what it
                may have left on the server is to be looked for first.
            time_left: The seconds for which the asker may wait. Asked before it waits, and again
                when another gave up: waiting for a shared look-up is on the clock, lest the
                deadlines of all waiters add up.

        Raises:
            DeadlineError: The look-up of another outlasted them.
        """
        inherited = False
        while True:
            known = self.get(key)
            if known is not None:
                return known
            flight = self._flights.get(key)
            if flight is None:
                return await self._lead(key, find, inherited=inherited)
            await _landing(flight.landed, time_left())
            if flight.error is not None and not flight.stale:
                raise copy.copy(flight.error)
            if flight.value is not None and not flight.stale:
                return flight.value
            if flight.late is not None and time_left() <= 0:
                raise copy.copy(flight.late)
            inherited = True

    async def _lead(self, key: K, find: Callable[[bool], Awaitable[V]], *, inherited: bool) -> V:
        flight = self._flights[key] = _Flight[V]()
        try:
            value = await find(inherited)
        except DeadlineError as error:
            flight.late = copy.copy(error)
            raise
        except CooldownError:  # it was this batch's patience that ended, not that of others
            raise
        except AirViewHeraldError as error:
            flight.error = copy.copy(error)
            raise
        else:
            flight.value = value
            if not flight.stale:
                self.put(key, value)
            return value
        finally:
            del self._flights[key]
            flight.landed.set()


async def _landing(landed: anyio.Event, seconds: float) -> None:
    if seconds == math.inf:
        await landed.wait()
        return
    with anyio.move_on_after(seconds):
        await landed.wait()
        return
    raise DeadlineError("what another operation looks up did not come in the time there was")
