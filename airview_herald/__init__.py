"""Async clients for AirView compliance recording and Herald notifications."""

from airview_herald.airview import AirView
from airview_herald.errors import AirViewHeraldError
from airview_herald.herald import Herald

__all__ = ["AirView", "AirViewHeraldError", "Herald", "__version__"]


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - reading metadata takes a while

        return version("airview-herald")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
