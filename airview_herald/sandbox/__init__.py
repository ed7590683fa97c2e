"""AirView on this machine: the same routes over real HTTP, for tests, demos and benchmarks."""

from airview_herald.sandbox._sandbox import Sandbox

__all__ = ["Sandbox"]
