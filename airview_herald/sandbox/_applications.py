"""Routes of applications and of the environments they run in."""

from typing import Any

from airview_herald.sandbox._answers import (
    ID_DIFFERS,
    INTEGRITY,
    NO_CONTENT,
    UNEXPECTED_ID,
    Answer,
    first_of,
    json_answer,
    message,
    plain,
)
from airview_herald.sandbox._collections import Collection
from airview_herald.sandbox._database import Database, DatabaseError, Row, require_members
from airview_herald.sandbox._http import Call
from airview_herald.sandbox._schemas import Field, Schema, integer, reference, text
from airview_herald.sandbox._tables import APPLICATION_TYPES

_APPLICATION = {"name": Field(text, required=True), "applicationType": Field(text, required=True)}
_ENVIRONMENT = {"name": Field(text, required=True), "abbreviation": Field(text, required=True)}
_REFERENCE = Schema(type=Field(reference), reference=Field(reference))

# Creating these answers 400 even for values too large for their column.
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
_FIND_OF_APPLICATION = (
    "SELECT id FROM application_environment WHERE application_id IS ? ORDER BY id"
)
_UPDATE_APPLICATION = "UPDATE application SET name = ?, application_type = ? WHERE id = ?"
_UPDATE = "UPDATE application_environment SET application_id = ?, environment_id = ? WHERE id = ?"
_DELETE_REFERENCES = """
    DELETE FROM application_environment_reference WHERE application_environment_id = ?
"""
_FIND_REFERENCES = """
    SELECT type, reference FROM application_environment_reference
    WHERE application_environment_id = ? ORDER BY id
"""


async def _get_applications(call: Call) -> Answer:
    if "applicationType" not in call.query:
        return json_answer(_APPLICATIONS.find(call.database))
    application_type = call.query["applicationType"]
    if not call.database.lenient and application_type not in APPLICATION_TYPES:
        return plain(500)
    return json_answer(_APPLICATIONS.find(call.database, application_type=application_type))


async def _get_application(call: Call) -> Answer:
    return first_of(_APPLICATIONS.find(call.database, id=call.identifier(call.segment)))


async def _put_application(call: Call) -> Answer:
    values = call.load(_APPLICATIONS.schema)
    refusal = _refuse_other_id(call, values)
    if refusal is not None:
        return refusal
    if not _APPLICATIONS.find(call.database, id=values["id"]):
        return plain(404)
    require_members([values], application_type=APPLICATION_TYPES)
    columns = ("name", "application_type", "id")
    try:
        call.database.write(_UPDATE_APPLICATION, *(values[column] for column in columns))
    except DatabaseError:
        return message(400, INTEGRITY)
    return NO_CONTENT


def _refuse_other_id(call: Call, values: Row) -> Answer | None:
    """Return what a PUT is refused with whose body does not repeat the path's id."""
    if "id" not in values:
        return plain(500)
    return None if values["id"] == int(call.segment) else message(400, ID_DIFFERS)


async def _create_application_environment(call: Call) -> Answer:
    values = call.load(_APPLICATION_ENVIRONMENT)
    if "id" in values:
        return message(400, UNEXPECTED_ID)
    if "application" in values or "environment" in values:
        return plain(500)
    references = values.pop("references")
    try:
        with call.database.transaction():
            row_id = call.database.insert("application_environment", values)
            _insert_references(call.database, row_id, references)
    except DatabaseError:
        return message(400, INTEGRITY)
    return json_answer(_describe(call.database, row_id))


def _insert_references(database: Database, row_id: int, references: list[Row]) -> None:
    for values in references:
        row = {"application_environment_id": row_id, **values}
        database.insert("application_environment_reference", row)


async def _put_application_environment(call: Call) -> Answer:
    values = call.load(_APPLICATION_ENVIRONMENT)
    refusal = _refuse_other_id(call, values)
    if refusal is not None:
        return refusal
    row_id = values["id"]
    if not call.database.rows(_FIND, row_id):
        return plain(404)
    if "application" in values or "environment" in values:
        return plain(500)
    # The server inserts before it deletes, so that a reference it already has is a duplicate.
    present = call.database.rows(_FIND_REFERENCES, row_id)
    if any(reference in present for reference in values["references"]):
        return message(400, INTEGRITY)
    try:
        with call.database.transaction():
            call.database.write(_DELETE_REFERENCES, row_id)
            _insert_references(call.database, row_id, values["references"])
            columns = ("application_id", "environment_id", "id")
            call.database.write(_UPDATE, *(values[column] for column in columns))
    except DatabaseError:
        return message(400, INTEGRITY)
    return NO_CONTENT


def _describe(database: Database, row_id: int | str) -> dict[str, Any] | None:
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


async def _get_application_environments(call: Call) -> Answer:
    found = call.database.rows(_FIND_OF_APPLICATION, call.identifier(call.segment))
    return json_answer([_describe(call.database, row["id"]) for row in found])


async def _get_referenced_application_environment(call: Call) -> Answer:
    where = call.load_query(_REFERENCE)
    if len(where) < len(_REFERENCE.fields):
        return plain(500)
    found = call.database.rows(_FIND_REFERENCED, where["type"], where["reference"])
    return json_answer(_describe(call.database, found[0]["id"])) if found else plain(404)


PATHS = {
    "/applications/": {"GET": _get_applications, "POST": _APPLICATIONS.create},
    "/applications/<int>": {"GET": _get_application, "PUT": _put_application},
    "/applications/<text>/application-environments": {"GET": _get_application_environments},
    "/application-environments/": {"POST": _create_application_environment},
    "/application-environments/<int>": {
        "GET": _get_application_environment,
        "PUT": _put_application_environment,
    },
    "/referenced-application-environments/": {"GET": _get_referenced_application_environment},
}
