"""`airview-herald exclusions`: for servers of releases before May 2023."""

from __future__ import annotations

from typing import Literal, TypeAlias

from airview_herald.cli._airview_options import Server, System
from airview_herald.cli._ends import ExitCode, complain
from airview_herald.cli._output import Json, Output, as_row
from airview_herald.errors import ConflictError

_State: TypeAlias = Literal["NONE", "PENDING", "ACTIVE"]


async def list_(*, system: System, state: _State = "PENDING", json: Json = None) -> int:
    """List the resources of a system that are excluded; releases before May 2023 have them.

    Args:
        state: What was decided.
    """
    async with system.client() as airview:
        found = await airview.get_exclusions_by_state(state)
    Output(json).rows([as_row(each) for each in found])
    return ExitCode.DONE


async def set_(
    id: int,  # noqa: A002 - the documented name
    state: _State,
    /,
    *,
    server: Server,
    json: Json = None,
) -> int:
    """Decide on a resource that is to be excluded.

    Args:
        id: Its id, as `exclusions list` shows it.
        state: What is decided.
    """
    async with server.client() as airview:
        try:
            await airview.set_exclusion_resource_state(id, state)
        except ConflictError:
            complain(f"{id}: there is nothing of that id to be excluded")
            return ExitCode.FAILED
    Output(json).one({"id": id, "state": state})
    return ExitCode.DONE
