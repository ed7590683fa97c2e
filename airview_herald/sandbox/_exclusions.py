"""Routes of exclusions: today's one, and those that releases before May 2023 had for its items."""

from functools import partial

from airview_herald.sandbox._answers import (
    CONFLICT,
    CREATED,
    EXCLUDED,
    ID_DIFFERS,
    INCOMPLETE,
    NO_CONTENT,
    Answer,
    json_answer,
    message,
    plain,
)
from airview_herald.sandbox._database import Database, Row, require_members
from airview_herald.sandbox._http import Call, Methods
from airview_herald.sandbox._schemas import Field, Schema, boolean, integer, integers, moment, text
from airview_herald.sandbox._tables import EXCLUSION_STATES

_EXCLUSION = Schema(
    controlId=Field(integer, required=True),
    resources=Field(integers),
    summary=Field(text),
    isLimitedExclusion=Field(boolean),
    notes=Field(text),
    endDate=Field(moment),
    status=Field(text),
)
_FOREVER = "9999-12-31T23:59:59.999999"
_FIND_EXCLUDED = """
    SELECT resource_id AS id FROM excluded_resource
    JOIN exclusion ON exclusion.id = excluded_resource.exclusion_id
    WHERE exclusion.control_id = ?
"""
_REFERENCE = Schema(type=Field(text), reference=Field(text))
_ITEM = Schema(
    id=Field(integer),
    state=Field(text, required=True),
    reference=Field(text),
    technicalControlReference=Field(text),
    applicationReferences=Field(_REFERENCE.load_all),
)
_FIND_ITEMS = """
    SELECT exclusion_resource.id, exclusion_resource.state, resource.reference,
        technical_control.reference AS "technicalControlReference",
        application.id AS "applicationId", application.name AS "applicationName"
    FROM exclusion_resource
    JOIN resource ON resource.id = exclusion_resource.resource_id
    JOIN application_environment
        ON application_environment.id = resource.application_environment_id
    JOIN application ON application.id = application_environment.application_id
    JOIN technical_control ON technical_control.id = exclusion_resource.technical_control_id
    WHERE technical_control.system_id = ? ORDER BY exclusion_resource.id
"""
_ADD_ITEMS = """
    INSERT INTO exclusion_resource (technical_control_id, resource_id, state)
    SELECT DISTINCT technical_control.id, resource_id, 'PENDING'
    FROM excluded_resource
    JOIN monitored_resource USING (resource_id)
    JOIN technical_control ON technical_control.id = technical_control_id
    WHERE exclusion_id = ? AND control_id = ?
    ORDER BY technical_control.id, resource_id
"""
_FIND_REFERENCES = """
    SELECT application_environment_reference.type, application_environment_reference.reference
    FROM application_environment_reference
    JOIN application_environment
        ON application_environment.id = application_environment_id
    WHERE application_id = ? ORDER BY application_environment_reference.id
"""
_SET_STATE = "UPDATE exclusion_resource SET state = ? WHERE id = ?"


async def _create_exclusion(call: Call, *, items: bool = False) -> Answer:
    values = call.load(_EXCLUSION)
    if not values.keys() >= {"resources", "summary", "is_limited_exclusion"}:
        return message(400, INCOMPLETE)
    resources = values.pop("resources")
    excluded = {row["id"] for row in call.database.rows(_FIND_EXCLUDED, values["control_id"])}
    if len(set(resources) - excluded) < len(resources):
        return message(400, EXCLUDED)
    with call.database.transaction():
        row = {**values, "end_date": _FOREVER, "status": None}
        exclusion = call.database.insert("exclusion", row)
        for resource in resources:
            pair = {"exclusion_id": exclusion, "resource_id": resource}
            call.database.insert("excluded_resource", pair)
        if items:
            call.database.write(_ADD_ITEMS, exclusion, values["control_id"])
    return CREATED


async def _get_exclusion_resources(call: Call) -> Answer:
    state = call.query.get("state")
    items: list[Row] = []
    for row in call.database.rows(_FIND_ITEMS, call.identifier(call.segment)):
        references = _application_references(call.database, row)
        item = {name: value for name, value in row.items() if not name.startswith("application")}
        if state in (None, item["state"]):
            # The server joins the references, and so repeats the item for each of them.
            items += [{**item, "applicationReferences": references}] * len(references)
    return json_answer(items)


def _application_references(database: Database, row: Row) -> list[Row]:
    """Return an application's references behind the one that those releases gave it."""
    internal = row["applicationName"].lower().replace(" ", "-")
    stored = database.rows(_FIND_REFERENCES, row["applicationId"])
    return [{"type": "_internal_reference", "reference": internal}, *stored]


async def _put_exclusion_resource(call: Call) -> Answer:
    values = call.load(_ITEM)
    if "id" not in values:
        return plain(500)
    if values["id"] != int(call.segment):
        return message(400, ID_DIFFERS)
    require_members([values], state=EXCLUSION_STATES)
    written = call.database.write(_SET_STATE, values["state"], values["id"])
    return NO_CONTENT if written else CONFLICT


PATHS = {"/exclusions/": {"POST": _create_exclusion}}
RETIRED_PATHS: dict[str, Methods] = {
    "/exclusions/": {"POST": partial(_create_exclusion, items=True)},
    "/systems/<int>/exclusion-resources/": {"GET": _get_exclusion_resources},
    "/exclusion-resources/<int>/": {"PUT": _put_exclusion_resource},
}
