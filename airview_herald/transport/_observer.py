"""Callbacks that watch: what they do changes nothing about what they see."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import TypeVar

from airview_herald.errors import ConfigurationError

logger = logging.getLogger("airview_herald")

T = TypeVar("T")


def checked_observer(observer: Callable[[T], None] | None, name: str) -> Callable[[T], None] | None:
    """Return a callback that was given, if one was.

    Raises:
        ConfigurationError: It cannot be called, or has to be awaited.
    """
    if observer is not None and not callable(observer):
        raise ConfigurationError(f"{name}: must be callable")
    if inspect.iscoroutinefunction(observer):
        raise ConfigurationError(f"{name}: must be a plain function; it is not awaited")
    return observer


def show(observer: Callable[[T], None] | None, seen: T, name: str) -> None:
    """Call a callback, if there is one; what it raises goes to the log and no further."""
    if observer is not None:
        try:
            observer(seen)
        except Exception:
            logger.exception("the callback %s raised", name)
