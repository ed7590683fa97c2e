"""Doing one thing for many items, some of them at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from itertools import chain, islice
from typing import TypeVar

import anyio

T = TypeVar("T")


async def for_each(
    items: Iterable[T], work: Callable[[T], Awaitable[None]], *, at_once: int
) -> None:
    """Do the work for each item; the first error ends it all and comes out as it is.

    Args:
        items: Taken one by one, as there is room.
        work: What to do for an item.
        at_once: How many items are worked on at once, at most.
    """
    waiting = iter(items)
    errors: list[Exception] = []

    async def worker(first: T) -> None:
        for item in chain((first,), waiting):
            try:
                await work(item)
            except Exception as error:  # noqa: BLE001 - a task group would wrap it
                errors.append(error)
                tasks.cancel_scope.cancel()
                return

    async with anyio.create_task_group() as tasks:
        for first in islice(waiting, at_once):
            tasks.start_soon(worker, first)
    if errors:
        raise errors[0]
