"""AirView on this machine: the same routes over real HTTP, for tests, demos and benchmarks."""

try:
    from airview_herald.sandbox._sandbox import Sandbox
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in {"starlette", "uvicorn"}:
        raise
    raise ModuleNotFoundError(
        'the sandbox needs its extra: pip install "airview-herald[sandbox]"', name=error.name
    ) from error

__all__ = ["Sandbox"]
