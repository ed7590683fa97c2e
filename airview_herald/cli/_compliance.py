"""`airview-herald compliance`."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from airview_herald._wire import camel
from airview_herald.cli._airview_options import Server
from airview_herald.cli._ends import ExitCode
from airview_herald.cli._output import Json, Output, as_row

_SELECT = ("applicationName", "environmentName", "controlName", "controlSeverity")
_COUNTS = ("total", "is_compliant")


async def compliance(
    *,
    server: Server,
    select: Annotated[
        tuple[str, ...],
        Parameter(negative=(), consume_multiple=True, show_default=", ".join),
    ] = _SELECT,
    filter: str | None = None,  # noqa: A002 - the route's own word
    json: Json = None,
) -> int:
    """Count what AirView monitors, by what is selected.

    Args:
        select: What to group by: any of `applicationId`, `applicationName`, `environmentName`,
            `resourceReference`, `technicalControlReference`, `controlName`, `controlId` and
            `controlSeverity`, with commas or spaces between. `technicalControlName`, `systemName`
            and `systemStage` group too, and AirView leaves them out of its answer.
        filter: An OData expression, such as `is_compliant eq false`.
    """
    selected = [name for names in select for name in names.split(",") if name]
    async with server.client() as airview:
        groups = [as_row(group) for group in await airview.get_compliance(selected, filter)]
    rows: list[dict[str, Any]] = [
        {field: group[field] for name in selected for field in group if camel(field) == name}
        | {count: group[count] for count in _COUNTS}
        for group in groups
    ]
    Output(json).rows(rows)
    return ExitCode.DONE
