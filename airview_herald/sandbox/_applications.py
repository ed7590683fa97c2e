"""Routes of applications and of the environments they run in."""

from typing import Any

from airview_herald.sandbox._answers import (
    INTEGRITY,
    UNEXPECTED_ID,
    Answer,
    json_answer,
    message,
    plain,
)
from airview_herald.sandbox._collections import Collection
from airview_herald.sandbox._database import Database, DatabaseError, Row
from airview_herald.sandbox._http import Call
from airview_herald.sandbox._schemas import Field, Schema, integer, reference, text
from airview_herald.sandbox._tables import APPLICATION_TYPES

_APPLICATION = {"name": Field(text, required=True), "applicationType": Field(text, required=True)}
_ENVIRONMENT = {"name": Field(text, required=True), "abbreviation": Field(text, required=True)}
_REFERENCE = Schema(type=Field(reference), reference=Field(reference))

# Creates of these tables answer 400 even for a value that no column can hold.
_APPLICATIONS = Collection("application", _APPLICATION, refused=DatabaseError)
_ENVIRONMENTS = Collection("environment", _ENVIRONMENT)
_APPLICATION_ENVIRONMENT = Schema(
    id=Field(integer),
    applicationId=Field(integer, required=True),
    environmentId=Field(integer, required=True),
    references=Field(_REFERENCE.load_all, required=True),
    application=Field(_APPLICATIONS.schema.load),
    environment=Field(_ENVIRONMENTS.schema.load),
)
_FIND = """
    SELECT id, application_id AS "applicationId", environment_id AS "environmentId"
    FROM application_environment WHERE id = ?
"""
_FIND_REFERENCED = """
    SELECT application_environment_id AS id FROM application_environment_reference
    WHERE type = ? AND reference = ?
"""
_FIND_REFERENCES = """
    SELECT type, reference FROM application_environment_reference
    WHERE application_environment_id = ? ORDER BY id
"""


async def _get_applications(call: Call) -> Answer:
    if "applicationType" not in call.query:
        return json_answer(_APPLICATIONS.find(call.database))
    application_type = call.query["applicationType"]
    if application_type not in APPLICATION_TYPES:
        return plain(500)
    return json_answer(_APPLICATIONS.find(call.database, application_type=application_type))


async def _get_application(call: Call) -> Answer:
    found = _APPLICATIONS.find(call.database, id=call.identifier(call.segment))
    return json_answer(found[0]) if found else plain(404)


async def _create_application_environment(call: Call) -> Answer:
    values = call.load(_APPLICATION_ENVIRONMENT)
    if "id" in values:
        return message(400, UNEXPECTED_ID)
    if "application" in values or "environment" in values:
        return plain(500)
    references = values.pop("references")
    try:
        row_id = _insert(call.database, values, references)
    except DatabaseError:
        return message(400, INTEGRITY)
    return json_answer(_describe(call.database, row_id))


def _insert(database: Database, values: Row, references: list[Row]) -> int:
    with database.transaction():
        row_id = database.insert("application_environment", values)
        for reference in references:
            row = {"application_environment_id": row_id, **reference}
            database.insert("application_environment_reference", row)
    return row_id


def _describe(database: Database, row_id: int) -> dict[str, Any] | None:
    found = database.rows(_FIND, row_id)
    if not found:
        return None
    row = found[0]
    (application,) = _APPLICATIONS.find(database, id=row["applicationId"])
    (environment,) = _ENVIRONMENTS.find(database, id=row["environmentId"])
    return {
        **row,
        "application": application,
        "environment": environment,
        "references": database.rows(_FIND_REFERENCES, row_id),
    }


async def _get_application_environment(call: Call) -> Answer:
    found = _describe(call.database, call.identifier(call.segment))
    return json_answer(found) if found else plain(404)


async def _get_referenced_application_environment(call: Call) -> Answer:
    where = call.load_query(_REFERENCE)
    if len(where) < len(_REFERENCE.fields):
        return plain(500)
    found = call.database.rows(_FIND_REFERENCED, where["type"], where["reference"])
    return json_answer(_describe(call.database, found[0]["id"])) if found else plain(404)


PATHS = {
    "/applications/": {"GET": _get_applications, "POST": _APPLICATIONS.create},
    "/applications/<int>": {"GET": _get_application},
    "/application-environments/": {"POST": _create_application_environment},
    "/application-environments/<int>": {"GET": _get_application_environment},
    "/referenced-application-environments/": {"GET": _get_referenced_application_environment},
}
