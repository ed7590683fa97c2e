"""AirView and Herald on this machine: the same routes over real HTTP, for tests and demos."""

import sys
from importlib.util import find_spec

from airview_herald import _extras

if not (find_spec("starlette") and find_spec("uvicorn")):
    _told = f"the sandbox needs its extra: {_extras.install('sandbox')}"
    if sys.argv[:1] == ["-m"]:
        # As an exception `python -m` would wrap it in words of its own.
        sys.exit(f"error: {_told}")
    raise ModuleNotFoundError(_told)

from airview_herald.sandbox._sandbox import Sandbox
from airview_herald.sandbox._traffic import RecordedRequest, RecordedRequests
from airview_herald.sandbox.faults import FaultKind, Faults, FaultyProxy, ProxyFault

__all__ = [
    "FaultKind",
    "Faults",
    "FaultyProxy",
    "ProxyFault",
    "RecordedRequest",
    "RecordedRequests",
    "Sandbox",
]
