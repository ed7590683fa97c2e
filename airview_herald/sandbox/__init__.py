"""AirView and Herald on this machine: the same routes over real HTTP, for tests and demos."""

from importlib.util import find_spec

if not (find_spec("starlette") and find_spec("uvicorn")):
    raise ModuleNotFoundError('the sandbox needs its extra: pip install "airview-herald[sandbox]"')

from airview_herald.sandbox._sandbox import Sandbox

__all__ = ["Sandbox"]
