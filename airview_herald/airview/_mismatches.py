"""Definitions that exist with other attributes than an event gives them: the first one wins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from airview_herald._shown import Shown


@attrs.frozen
class Mismatch(Shown):
    """A definition on the server that is not as it was given.

    Attributes:
        kind: What it is: `system`, `environment`, `application`, `control`,
            `technical_control`, `resource_type`, `service`, `framework`, `framework_section` or
            `framework_control_objective`.
        key: Its name, abbreviation or reference; the names of sections and control objectives
            come after their parent's id, as in `1/Access Control`.
        field: The field that differs.
        stored: What the server has, and keeps.
        given: What the caller's object says.
    """

    kind: str
    key: str
    field: str
    stored: Any
    given: Any

    def __str__(self) -> str:
        kind = self.kind.replace("_", " ")
        return f"{kind} {self.key!r}: {self.field} is {self.stored} on the server, not {self.given}"


_COMPARED = {
    "environment": ("name",),
    "application": ("name", "type", "environment.abbreviation"),
    "control": ("quality_model", "severity"),
    "technical_control": ("name", "control_action", "ttl", "is_blocking", "control_id"),
    "resource_type": ("name", "service.reference"),
    "service": ("name", "type"),
    "framework": ("link",),
    "framework_section": ("link",),
    "framework_control_objective": ("link",),
    "framework_control_objective_link": (),
    "resource_type_control": (),
}


def mismatches(kind: str, key: str, stored: Any, given: Any) -> Iterator[Mismatch]:
    """Yield the fields that differ; what the caller leaves open (`None`) cannot differ."""
    for field in _COMPARED[kind]:
        theirs, ours = reach(stored, field), reach(given, field)
        if ours is not None and theirs != ours:
            yield Mismatch(kind, key, field, theirs, ours)


def reach(within: Any, path: str) -> Any:
    """Return what is at a path of an object, which may be anything; `None` if nothing is."""
    for name in path.split("."):
        within = getattr(within, name, None)
    return within
