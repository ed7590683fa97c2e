"""The results of one rule in one file, gathered into one event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from airview_herald.airview.models import (
    Application,
    ComplianceEvent,
    MonitoredResourceState,
    TechnicalControl,
)

if TYPE_CHECKING:
    from airview_herald.sources._sarif_document import Region

__all__ = ["Findings", "finding_line"]

_MAX_DATA = 8000
_ROOM = _MAX_DATA - len("\n… and 999999999 more")


@attrs.define(eq=False)
class Findings:
    """What one technical control says of one resource, as it is gathered.

    Attributes:
        resource: The resource's reference.
        application: What it belongs to.
        control: The rule.
        status: FLAGGED as soon as one result is.
    """

    resource: str
    application: Application
    control: TechnicalControl
    status: MonitoredResourceState
    _lines: list[str] = attrs.field(factory=list, init=False)
    _size: int = attrs.field(default=0, init=False)
    _left_out: int = attrs.field(default=0, init=False)

    def add(self, status: MonitoredResourceState, line: str) -> None:
        """Take a result's line; those of passed checks give way to those of findings."""
        if status is not self.status:
            if status is not MonitoredResourceState.FLAGGED:
                return
            self.status = status
            self._lines, self._size, self._left_out = [], 0, 0
        if not self._lines and len(line) > _ROOM:
            line = f"{line[: _ROOM - 1]}…"
        size = len(line) + (1 if self._lines else 0)
        # Once a line is left out all later ones are, so that what is kept are the first lines.
        if self._left_out or self._size + size > _ROOM:
            self._left_out += 1
            return
        self._lines.append(line)
        self._size += size

    def event(self) -> ComplianceEvent:
        """Return the event of what was gathered."""
        more = [f"… and {self._left_out} more"] if self._left_out else []
        return ComplianceEvent(
            resource_reference=self.resource,
            application=self.application,
            technical_control=self.control,
            status=self.status,
            additional_data="\n".join(self._lines + more),
        )


def finding_line(region: Region | None, message: str) -> str:
    """Return `12:5 message`, as far as line and column are known."""
    line = region.start_line if region else None
    column = region.start_column if region else None
    if line is None:
        return message
    position = f"{line}" if column is None else f"{line}:{column}"
    return f"{position} {message}".rstrip()
