"""The routes of exclusion resources as values: how each is called, what each answers; no I/O."""

from __future__ import annotations

import attrs

from airview_herald._rows import Rows
from airview_herald.airview._calls import many, read_all, target, update
from airview_herald.airview.exclusion_resources import ExclusionResource
from airview_herald.airview.readings import ApplicationReference
from airview_herald.transport._call import Call, Reply


@attrs.frozen
class _Row:
    """An exclusion resource as the server answers with it: once for each of the references."""

    id: int
    reference: str
    technical_control_reference: str
    application_references: tuple[ApplicationReference, ...]
    state: str | None


def get_exclusion_resources(
    system_id: int, state: str, referencing_type: str
) -> Call[Rows[ExclusionResource]]:
    """`GET /systems/{id}/exclusion-resources/?state=`: each once, whatever its references."""

    def decoder(reply: Reply) -> Rows[ExclusionResource]:
        rows = {row.id: row for row in many(_Row)(reply)}
        return Rows(_item(row, referencing_type) for row in rows.values())

    where = f"/systems/{system_id}/exclusion-resources/"
    return read_all(target(where, {"state": state}), decoder)


def set_exclusion_resource_state(identifier: int, state: str) -> Call[None]:
    """`PUT /exclusion-resources/{id}/`."""
    return update(f"/exclusion-resources/{identifier}/", {"id": identifier, "state": state})


def _item(row: _Row, referencing_type: str) -> ExclusionResource:
    ours = (each for each in row.application_references if each.type == referencing_type)
    reference = next(ours, None)
    return ExclusionResource(
        row.id,
        row.reference,
        row.technical_control_reference,
        None if reference is None else reference.reference,
        row.state,
    )
