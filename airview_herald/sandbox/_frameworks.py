"""Routes of frameworks, their sections, their control objectives and those' controls."""

from airview_herald.sandbox._answers import UNIQUE, Answer, json_answer, message
from airview_herald.sandbox._collections import Collection
from airview_herald.sandbox._database import IntegrityError
from airview_herald.sandbox._http import Call
from airview_herald.sandbox._schemas import Field, Schema, integer, text

# The schema allows a missing link, and the database refuses it.
_NAMED = {"name": Field(text, required=True), "link": Field(text)}
_FRAMEWORKS = Collection("framework", _NAMED, refusal=(400, UNIQUE))
_SECTIONS = Collection(
    "framework_section",
    {**_NAMED, "frameworkId": Field(integer, required=True)},
    refusal=(400, UNIQUE),
)
_OBJECTIVES = Collection(
    "framework_control_objective",
    {**_NAMED, "frameworkSectionId": Field(integer, required=True)},
    refusal=(400, UNIQUE),
)
_LINK = Schema(frameworkControlObjectiveId=Field(integer), controlId=Field(integer))
_FIND_LINKS = """
    SELECT framework_control_objective_id AS "frameworkControlObjectiveId",
        control_id AS "controlId"
    FROM framework_control_objective_link
"""
_FIND_LINK = _FIND_LINKS + "WHERE framework_control_objective_id IS ? AND control_id IS ?"


async def _get_frameworks(call: Call) -> Answer:
    name = call.query.get("name")
    return json_answer(_FRAMEWORKS.find(call.database, **({"name": name} if name else {})))


async def _get_framework(call: Call) -> Answer:
    found = _FRAMEWORKS.find(call.database, id=call.identifier(call.segment))
    return json_answer(found[0] if found else {})


async def _get_sections(call: Call) -> Answer:
    # A name is looked up in all frameworks, whichever one the path names.
    name = call.query.get("name")
    where = {"name": name} if name else {"framework_id": call.identifier(call.segment)}
    return json_answer(_SECTIONS.find(call.database, **where))


async def _get_objectives(call: Call) -> Answer:
    name = call.query.get("name")
    where = {"name": name} if name else {"framework_section_id": call.identifier(call.segment)}
    return json_answer(_OBJECTIVES.find(call.database, **where))


async def _get_links(call: Call) -> Answer:
    pair = [call.query.get(name) for name in ("frameworkControlObjectiveId", "controlId")]
    key = [call.identifier(value) for value in pair if value is not None]
    if len(key) < len(pair):
        return json_answer(call.database.rows(_FIND_LINKS + "ORDER BY rowid"))
    return json_answer(call.database.rows(_FIND_LINK, *key))


async def _create_link(call: Call) -> Answer:
    values = call.load(_LINK)
    try:
        call.database.insert("framework_control_objective_link", values)
    except IntegrityError:
        return message(400, UNIQUE)
    return json_answer({name: values[column] for name, column in _LINK.columns.items()})


PATHS = {
    "/frameworks/": {"GET": _get_frameworks, "POST": _FRAMEWORKS.create},
    "/frameworks/<int>/": {"GET": _get_framework},
    "/frameworks/<int>/sections/": {"GET": _get_sections, "POST": _SECTIONS.create},
    "/frameworks/<int>/sections/<int>/control-objectives/": {
        "GET": _get_objectives,
        "POST": _OBJECTIVES.create,
    },
    "/frameworks/framework-control-objective-link/": {"GET": _get_links, "POST": _create_link},
}
