"""Whether a server is AirView, and whether a credential may do what recording needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum

import attrs

from airview_herald._shown import Shown
from airview_herald.airview._backend import Backend
from airview_herald.airview._calls import refused
from airview_herald.airview._sending import Sender
from airview_herald.errors import ForbiddenError


class Role(StrEnum):
    """The roles of AirView's operations, as a gateway before it knows them."""

    CONTENT_READER = "ContentReader"
    CONTENT_WRITER = "ContentWriter"
    COMPLIANCE_READER = "ComplianceReader"
    COMPLIANCE_WRITER = "ComplianceWriter"


@attrs.frozen
class Check(Shown):
    """What a check has found: every role is granted.

    Attributes:
        system_id: The id of the client's own system; `None` when it is not recorded yet.
    """

    system_id: int | None


# No resource type has this reference. None is needed: AirView's own 404 is answer enough.
_ANY_REFERENCE = "airview-herald-check"


async def check(sender: Sender) -> Check:
    """Try a route of each role.

    Raises:
        ForbiddenError: Roles are lacking; the message names them all.
    """
    backend = Backend(sender)
    tries: dict[Role, Callable[[], Awaitable[object]]] = {
        Role.CONTENT_READER: lambda: backend.get_system_id_by_name(sender.config.system_name),
        Role.CONTENT_WRITER: lambda: sender.send(refused("POST", "/environments/")),
        Role.COMPLIANCE_READER: lambda: backend.get_resource_type(_ANY_REFERENCE),
        Role.COMPLIANCE_WRITER: lambda: sender.send(refused("PUT", "/monitored-resources/")),
    }
    answers: dict[Role, object] = {}
    refusals: dict[Role, ForbiddenError] = {}
    for role, attempt in tries.items():
        try:
            answers[role] = await attempt()
        except ForbiddenError as refusal:
            refusals[role] = refusal
    if refusals:
        first = next(iter(refusals.values()))
        raise ForbiddenError(f"the credential lacks {', '.join(refusals)}: {first}", first.request)
    found = answers[Role.CONTENT_READER]
    return Check(found if isinstance(found, int) else None)
