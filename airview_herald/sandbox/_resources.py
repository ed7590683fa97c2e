"""Routes of resources and of their monitored states."""

import asyncio
from datetime import UTC, datetime

from airview_herald.sandbox._answers import (
    BAD_REQUEST,
    KEYS_DIFFER,
    NO_CONTENT,
    Answer,
    first_of,
    message,
    plain,
)
from airview_herald.sandbox._collections import Collection
from airview_herald.sandbox._database import IntegrityError, require_members
from airview_herald.sandbox._http import Call
from airview_herald.sandbox._schemas import Field, Schema, integer, text
from airview_herald.sandbox._tables import MONITORING_STATES

_RESOURCES = Collection(
    "resource",
    {
        "name": Field(text, required=True),
        "reference": Field(text, required=True),
        "applicationEnvironmentId": Field(integer, required=True),
        "resourceTypeId": Field(integer),
    },
)
_PAIR = Schema(
    technicalControlId=Field(integer, required=True), resourceId=Field(integer, required=True)
)
_STATE = Schema(monitoringState=Field(text, required=True), additionalData=Field(text, default=""))
_SAVE_RESOURCE = """
    INSERT INTO resource (name, reference, application_environment_id, resource_type_id)
    VALUES (?, ?, ?, ?)
    ON CONFLICT (reference, application_environment_id)
    DO UPDATE SET name = excluded.name, resource_type_id = excluded.resource_type_id
"""
_FIND_STATE = """
    SELECT monitoring_state FROM monitored_resource
    WHERE technical_control_id = ? AND resource_id = ? ORDER BY id LIMIT 1
"""
_UPDATE_STATE = """
    UPDATE monitored_resource
    SET last_modified = iif(monitoring_state = ?, last_modified, ?),
        monitoring_state = ?, additional_data = ?, last_seen = ?
    WHERE id = (
        SELECT min(id) FROM monitored_resource WHERE technical_control_id = ? AND resource_id = ?
    )
"""


async def _get_resource(call: Call) -> Answer:
    environment = call.query.get("applicationEnvironmentId")
    found = _RESOURCES.find(
        call.database,
        application_environment_id=None if environment is None else call.identifier(environment),
        reference=call.query.get("reference"),
    )
    return first_of(found)


async def _put_resource(call: Call) -> Answer:
    values = call.load(_RESOURCES.schema)
    keys = {name: call.query.get(name) for name in ("applicationEnvironmentId", "reference")}
    if keys != {
        "applicationEnvironmentId": str(values["application_environment_id"]),
        "reference": values["reference"],
    }:
        return message(400, KEYS_DIFFER)
    if "id" in values or "resource_type_id" not in values:
        return plain(500)
    columns = ("name", "reference", "application_environment_id", "resource_type_id")
    call.database.write(_SAVE_RESOURCE, *(values[column] for column in columns))
    return NO_CONTENT


async def _put_monitored_resource(call: Call) -> Answer:
    pair = call.load_query(_PAIR)
    values = call.load(_STATE)
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    state = values["monitoring_state"]
    if call.database.lenient:
        # The first write stores any state; later ones can neither read nor replace an unknown one.
        keys = (pair["technical_control_id"], pair["resource_id"])
        found = call.database.rows(_FIND_STATE, *keys)
        require_members(
            [*found, {"monitoring_state": state}] if found else [],
            monitoring_state=MONITORING_STATES,
        )
    written = call.database.write(
        _UPDATE_STATE,
        *(state, now, state, values["additional_data"], now),
        *(pair["technical_control_id"], pair["resource_id"]),
    )
    if written:
        return NO_CONTENT
    # The server has no lock here, so that two first writes of a pair can race.
    if call.race_window:
        await asyncio.sleep(call.race_window)
    try:
        call.database.insert(
            "monitored_resource", {**pair, **values, "last_modified": now, "last_seen": now}
        )
    except IntegrityError:
        return BAD_REQUEST
    return NO_CONTENT


PATHS = {
    "/resources/": {"GET": _get_resource, "POST": _RESOURCES.create, "PUT": _put_resource},
    "/monitored-resources/": {"PUT": _put_monitored_resource},
}
