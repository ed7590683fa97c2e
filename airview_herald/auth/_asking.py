"""Asking a function of the caller's, of whichever kind it is."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from anyio import to_thread


async def ask(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a coroutine function answers, or a function that may block or return a coroutine.

    Args:
        function: Called in a thread unless it is a coroutine function.
        *arguments: Its arguments.
    """
    if inspect.iscoroutinefunction(function):
        return await function(*arguments)
    # In a list, because trio refuses to return a coroutine from a thread.
    [answer] = await to_thread.run_sync(lambda: [function(*arguments)], abandon_on_cancel=True)
    return await answer if inspect.isawaitable(answer) else answer
