"""Routes of what is defined once: systems, environments, services, types and controls."""

from airview_herald.sandbox._answers import (
    INTEGRITY,
    UNIQUE,
    Answer,
    first_of,
    json_answer,
    plain,
)
from airview_herald.sandbox._collections import Collection
from airview_herald.sandbox._http import Call
from airview_herald.sandbox._schemas import Field, Schema, boolean, integer, reference, text

_SYSTEMS = Collection("system", {"name": Field(text), "stage": Field(text)})
_ENVIRONMENTS = Collection(
    "environment",
    {"name": Field(text, required=True), "abbreviation": Field(text, required=True)},
)
_SERVICES = Collection(
    "service", {"name": Field(text), "reference": Field(text), "type": Field(text)}
)
_RESOURCE_TYPES = Collection(
    "resource_type",
    {
        "name": Field(text, required=True),
        "reference": Field(text, required=True),
        "serviceId": Field(integer),
    },
    refusal=(409, INTEGRITY),
)
_CONTROLS = Collection(
    "control",
    {
        "name": Field(text, required=True),
        "qualityModel": Field(text, required=True),
        "severity": Field(text, required=True),
    },
)
_RESOURCE_TYPE_CONTROLS = Collection(
    "resource_type_control",
    {"controlId": Field(integer), "resourceTypeId": Field(integer)},
    refusal=(409, INTEGRITY),
)
_TECHNICAL_CONTROLS = Collection(
    "technical_control",
    {
        "name": Field(text, required=True),
        "reference": Field(reference, required=True),
        "systemId": Field(integer, required=True),
        "controlAction": Field(text, required=True),
        "ttl": Field(integer),
        "controlId": Field(integer),
        "isBlocking": Field(boolean, default=False),
    },
    refusal=(400, UNIQUE),
)
_TECHNICAL_CONTROL_QUERY = Schema(
    systemId=Field(integer, required=True), reference=Field(reference, required=True)
)


async def _get_system(call: Call) -> Answer:
    if "name" not in call.query:
        return plain(500)
    return first_of(_SYSTEMS.find(call.database, name=call.query["name"]))


async def _get_environments(call: Call) -> Answer:
    return json_answer(_ENVIRONMENTS.find(call.database))


async def _get_services(call: Call) -> Answer:
    return json_answer(_SERVICES.find(call.database))


async def _get_resource_type(call: Call) -> Answer:
    return first_of(_RESOURCE_TYPES.find(call.database, reference=call.query.get("reference")))


async def _get_controls(call: Call) -> Answer:
    name = call.query.get("name")
    return json_answer(_CONTROLS.find(call.database, **({"name": name} if name else {})))


async def _get_resource_type_control(call: Call) -> Answer:
    control, resource_type = map(call.query.get, ("controlId", "resourceTypeId"))
    found = _RESOURCE_TYPE_CONTROLS.find(
        call.database,
        control_id=None if control is None else call.identifier(control),
        resource_type_id=None if resource_type is None else call.identifier(resource_type),
    )
    return first_of(found)


async def _get_technical_controls(call: Call) -> Answer:
    where = call.load_query(_TECHNICAL_CONTROL_QUERY)
    return json_answer(_TECHNICAL_CONTROLS.find(call.database, **where))


async def _get_technical_control(call: Call) -> Answer:
    return first_of(_TECHNICAL_CONTROLS.find(call.database, id=call.identifier(call.segment)))


PATHS = {
    "/systems/": {"GET": _get_system, "POST": _SYSTEMS.create},
    "/environments/": {"GET": _get_environments, "POST": _ENVIRONMENTS.create},
    "/services/": {"GET": _get_services, "POST": _SERVICES.create},
    "/resource-types/": {"GET": _get_resource_type, "POST": _RESOURCE_TYPES.create},
    "/controls/": {"GET": _get_controls, "POST": _CONTROLS.create},
    "/resource-types-controls/": {
        "GET": _get_resource_type_control,
        "POST": _RESOURCE_TYPE_CONTROLS.create,
    },
    "/technical-controls/": {
        "GET": _get_technical_controls,
        "POST": _TECHNICAL_CONTROLS.create,
    },
    "/technical-controls/<text>": {"GET": _get_technical_control},
}
