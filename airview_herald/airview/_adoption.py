"""Creates that are refused or left in doubt: settled by looking, without a second row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from airview_herald.errors import (
    AirViewHeraldError,
    BadRequestError,
    ConflictError,
    DeadlineError,
)
from airview_herald.transport._operation import Operation
from airview_herald.transport._send import Transport

T = TypeVar("T")


async def create_or_adopt(
    transport: Transport,
    operation: Operation,
    look: Callable[[], Awaitable[T | None]],
    create: Callable[[], Awaitable[T]],
    doubt_until: Callable[[float], None] = lambda _: None,
) -> tuple[T, bool]:
    """Create a row that a look has not found.

    A refusal has one text for "it exists" and for "the request is wrong"; an answer that is lost
    says nothing. In both cases the row is looked for. In doubt it is created again only when it
    is still absent after the first request has surely ended.

    Args:
        transport: What sends.
        operation: The account of the requests.
        look: Looks for the row.
        create: Creates it.
        doubt_until: Told, as soon as an answer is lost, until when the request may still be
            running on the server: whatever becomes of this task, its row may be there then.

    Returns:
        The row, and whether it was somebody else's.

    Raises:
        AirViewHeraldError: The refusal, or the doubt when there is no time to settle it.
    """
    while True:
        try:
            return await create(), False
        except (BadRequestError, ConflictError):
            found = await look()
            if found is None:
                raise
            return found, True
        except AirViewHeraldError as error:
            if not error.ambiguous:
                raise
            doubt = error
        ended = transport.settled_at()
        doubt_until(ended)
        found = await look()
        # When AirView itself has reported a fault, the request is over: no need to wait.
        if found is None and not doubt.own:
            try:
                await transport.wait_until(ended, operation)
            except DeadlineError as late:
                raise DeadlineError(late.message, doubt.request) from doubt
            found = await look()
        if found is not None:
            return found, False
