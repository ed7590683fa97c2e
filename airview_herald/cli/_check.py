"""`airview-herald check`."""

from __future__ import annotations

from airview_herald.airview import Role
from airview_herald.cli._airview_options import System
from airview_herald.cli._ends import ExitCode
from airview_herald.cli._output import Json, Output


async def check(*, system: System, json: Json = None) -> int:
    """Try whether the server is AirView, and whether the credential may do what recording needs.

    A read and a write of each role; nothing is stored.
    """
    credential = system.credential()
    async with system.client(credential) as airview:
        found = await airview.check()
    Output(json).one(
        {
            "base_url": system.base_url,
            "credential": credential.where,
            "roles": list(Role),
            "system": system.system_name,
            "system_id": found.system_id,
        }
    )
    return ExitCode.DONE
