"""Async clients for AirView compliance recording and Herald notifications."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airview_herald._lazy import lazily
from airview_herald._version import __version__

if TYPE_CHECKING:
    from airview_herald.airview import AirView
    from airview_herald.errors import AirViewHeraldError
    from airview_herald.herald import Herald

__all__ = ["AirView", "AirViewHeraldError", "Herald", "__version__"]

# Loaded on first use: a program with one client need not wait for the imports of the other.
__getattr__: Callable[[str], Any] = lazily(
    __name__,
    {
        "AirView": "airview_herald.airview",
        "AirViewHeraldError": "airview_herald.errors",
        "Herald": "airview_herald.herald",
        **{name: f"airview_herald.{name}" for name in ("airview", "auth", "errors", "herald")},
    },
)
