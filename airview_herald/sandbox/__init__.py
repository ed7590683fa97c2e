"""AirView and Herald on this machine: the same routes over real HTTP, for tests and demos."""

from importlib.util import find_spec

if not (find_spec("starlette") and find_spec("uvicorn")):
    raise ModuleNotFoundError('the sandbox needs its extra: pip install "airview-herald[sandbox]"')

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
