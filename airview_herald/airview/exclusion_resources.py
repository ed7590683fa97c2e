"""Resources that are excluded from a technical control, as releases before May 2023 had them.

Those releases decided on each resource of an exclusion by itself. Later ones have no route for
that, and their exclusions cannot be read.
"""

from __future__ import annotations

import attrs

from airview_herald._shown import Shown
from airview_herald.airview import enumerations
from airview_herald.airview.enumerations import ExclusionState

__all__ = ["ExclusionResource", "ExclusionState"]


@attrs.frozen
class ExclusionResource(Shown):
    """One resource of an exclusion.

    Attributes:
        id: The id of this item; `set_exclusion_resource_state` takes it.
        reference: The resource's reference.
        technical_control_reference: What the resource is excluded from.
        application_reference: The application's reference of the client's `referencing_type`;
            `None` when the application has none of that type, and belongs to another feed.
        state: What was decided; `None` when the server has no state. A state that AirView does
            not know stays a text.
    """

    id: int
    reference: str
    technical_control_reference: str
    application_reference: str | None
    state: ExclusionState | str | None = attrs.field(converter=enumerations.exclusion_state)
