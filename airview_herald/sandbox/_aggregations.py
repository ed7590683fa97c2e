"""Routes that read what was recorded of an application: its findings, controls and resources."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from airview_herald.sandbox._answers import Answer, json_answer
from airview_herald.sandbox._database import Row, require_members
from airview_herald.sandbox._http import Call
from airview_herald.sandbox._tables import (
    CONTROL_ACTIONS,
    MONITORING_STATES,
    QUALITY_MODELS,
    SERVICE_TYPES,
    SEVERITIES,
    STAGES,
)

_FLAGGED = """
    FROM monitored_resource
    JOIN resource ON resource.id = monitored_resource.resource_id
    JOIN application_environment
        ON application_environment.id = resource.application_environment_id
    JOIN environment ON environment.id = application_environment.environment_id
    JOIN technical_control ON technical_control.id = monitored_resource.technical_control_id
    JOIN system ON system.id = technical_control.system_id
    LEFT JOIN control ON control.id = technical_control.control_id
    WHERE monitored_resource.monitoring_state = 'FLAGGED'
    AND application_environment.application_id = ?
"""
_FIND_FLAGGED = f"""
    SELECT coalesce(control.id, 0) AS "controlId",
        coalesce(control.name, 'Unmapped') AS "controlName",
        coalesce(control.severity, 'HIGH') AS severity,
        environment.name AS "environmentName", technical_control.id,
        technical_control.name AS "technicalControlName",
        system.name AS "systemName", system.stage AS "systemStage",
        resource.id AS "resourceId", resource.name AS "resourceName",
        monitored_resource.last_modified AS "raisedDateTime"
    {_FLAGGED} ORDER BY monitored_resource.id
"""
_COUNT_FLAGGED = f"SELECT count(DISTINCT control.id) AS flagged {_FLAGGED}"
# An application's controls by its resources' types, once for each resource and link.
_LINKED = """
    FROM resource
    JOIN application_environment
        ON application_environment.id = resource.application_environment_id
    JOIN resource_type ON resource_type.id = resource.resource_type_id
    JOIN resource_type_control ON resource_type_control.resource_type_id = resource_type.id
    JOIN control ON control.id = resource_type_control.control_id
"""
_COUNT_LINKED = f"""
    SELECT count(DISTINCT control.id) AS total {_LINKED}
    WHERE application_environment.application_id = ?
"""
_FIND_SEVERITY = "SELECT severity FROM control WHERE id = ?"
_FIND_RESOURCES = f"""
    SELECT environment.name AS environment, resource.id, resource.name, service.type,
        coalesce(monitored_resource.monitoring_state, 'MONITORING') AS status
    {_LINKED}
    JOIN environment ON environment.id = application_environment.environment_id
    JOIN service ON service.id = resource_type.service_id
    JOIN technical_control ON technical_control.control_id = control.id
    LEFT JOIN monitored_resource
        ON monitored_resource.technical_control_id = technical_control.id
        AND monitored_resource.resource_id = resource.id
    WHERE application_environment.application_id = ? AND technical_control.id IS ?
    ORDER BY resource.id, monitored_resource.id
"""
_FIND_QUALITY_MODELS = f"""
    SELECT control.quality_model AS name {_LINKED}
    WHERE application_environment.application_id = ?
    GROUP BY control.quality_model ORDER BY min(control.id)
"""
_FIND_OVERVIEWS = f"""
    SELECT count(*) AS applied, technical_control.control_action AS "controlAction",
        0 AS exempt, technical_control.id, technical_control.name, control.severity,
        system.name AS "systemName", system.stage AS "systemStage"
    {_LINKED}
    JOIN service ON service.id = resource_type.service_id
    JOIN technical_control ON technical_control.control_id = control.id
    JOIN system ON system.id = technical_control.system_id
    WHERE application_environment.application_id = ?
    GROUP BY technical_control.id ORDER BY technical_control.id LIMIT 10
"""


async def _get_compliance(call: Call) -> Answer:
    rows = call.database.rows(_FIND_FLAGGED, call.identifier(call.segment))
    require_members(rows, severity=SEVERITIES, systemStage=STAGES)
    # Not sorted first, as on the server: only adjacent duplicates share an entry.
    pairs = groupby(rows, key=itemgetter("id", "resourceId"))
    return json_answer([_finding(duplicates) for _, duplicates in pairs])


def _finding(duplicates: Iterable[Row]) -> dict[str, Any]:
    resources: list[Row] = []
    finding: dict[str, Any] = {}
    for row in duplicates:
        resource_id, name = row.pop("resourceId"), row.pop("resourceName")
        resources.append({"id": resource_id, "name": name, "status": "none"})
        finding = finding or row
    severity = finding["severity"].lower().replace("critical", "high")
    raised = datetime.fromisoformat(finding["raisedDateTime"]).isoformat()
    return {
        **finding,
        "raisedDateTime": raised,
        "resources": resources,
        "severity": severity,
        "tickets": [],
    }


async def _get_totals(call: Call) -> Answer:
    application = call.identifier(call.segment)
    (counted,) = call.database.rows(_COUNT_FLAGGED, application)
    # A bug of the server's: it uses the number of flagged controls as the id of a control.
    found = call.database.rows(_FIND_SEVERITY, counted["flagged"])
    if not found:
        return json_answer({})
    require_members(found, severity=SEVERITIES)
    (linked,) = call.database.rows(_COUNT_LINKED, application)
    severities = ("high", "medium", "low")
    is_of = {severity: int(found[0]["severity"].lower() == severity) for severity in severities}
    return json_answer({**is_of, **linked})


async def _get_resources(call: Call) -> Answer:
    technical_control = call.query.get("technicalControlId")
    if technical_control is None:
        return json_answer([])
    rows = call.database.rows(
        _FIND_RESOURCES, call.identifier(call.segment), call.identifier(technical_control)
    )
    require_members(rows, status=MONITORING_STATES, type=SERVICE_TYPES)
    return json_answer([{**row, "pending": False} for row in rows])


async def _get_quality_models(call: Call) -> Answer:
    rows = call.database.rows(_FIND_QUALITY_MODELS, call.identifier(call.segment))
    require_members(rows, name=QUALITY_MODELS)
    return json_answer(rows)


async def _get_overviews(call: Call) -> Answer:
    rows = call.database.rows(_FIND_OVERVIEWS, call.identifier(call.segment))
    require_members(rows, controlAction=CONTROL_ACTIONS, severity=SEVERITIES, systemStage=STAGES)
    return json_answer(rows)


PATHS = {
    "/aggregations/compliance/<int>": {"GET": _get_compliance},
    "/aggregations/control-overview-totals/<int>/": {"GET": _get_totals},
    "/aggregations/control-overview-resources/<int>/": {"GET": _get_resources},
    "/applications/<int>/quality-models/": {"GET": _get_quality_models},
    "/applications/<int>/control-overviews/": {"GET": _get_overviews},
}
