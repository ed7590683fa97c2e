"""`airview-herald sandbox`: the same as `python -m airview_herald.sandbox`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from airview_herald.cli._ends import UsageError


def sandbox(*options: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> int:
    """Serve AirView and Herald on this machine; see `airview-herald sandbox --help`."""
    try:
        from airview_herald.sandbox.__main__ import main  # noqa: PLC0415 - behind its own extra
    except ModuleNotFoundError as error:
        raise UsageError("sandbox", str(error)) from None
    return main(options, program="airview-herald sandbox")
