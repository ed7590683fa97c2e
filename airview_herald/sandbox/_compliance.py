"""`GET /compliance/`: monitored resources grouped and counted."""

import sqlite3

from airview_herald.sandbox._answers import Answer, json_answer, message
from airview_herald.sandbox._database import DatabaseError, require_members
from airview_herald.sandbox._http import Call
from airview_herald.sandbox._odata import (
    FilterError,
    FilterSyntaxError,
    Kind,
    Sql,
    compile_filter,
)
from airview_herald.sandbox._tables import SEVERITIES

_NO_SELECTION = "The $select query parameter must be passed"
_BAD_SELECTION = (
    "The selection contains fields which should not be allowed. Allowed fields are: "
    "applicationId, applicationName, environmentName, severity, resourceReference, "
    "technicalControlReference, technicalControlName, controlName, controlId, controlSeverity, "
    "systemName, systemStage"
)
_NOT_PARSED = "The filter provided could not be parsed"
_NOT_EXECUTED = "The query could not be executed. Check the filter which was passed is valid"

_SELECTABLE = {
    "applicationId": Sql("application.id", Kind.NUMBER),
    "applicationName": Sql("application.name", Kind.TEXT),
    "environmentName": Sql("environment.name", Kind.TEXT),
    "resourceReference": Sql("resource.reference", Kind.TEXT),
    "technicalControlReference": Sql("technical_control.reference", Kind.TEXT),
    "technicalControlName": Sql("technical_control.name", Kind.TEXT),
    "controlName": Sql("control.name", Kind.TEXT),
    "controlId": Sql("control.id", Kind.NUMBER),
    "controlSeverity": Sql("control.severity", Kind.ENUMERATION),
    "systemName": Sql("system.name", Kind.TEXT),
    "systemStage": Sql("system.stage", Kind.ENUMERATION),
}
# The server groups by these, but leaves them out of its answer.
_UNSEEN = {"technicalControlName", "systemName", "systemStage"}
_WIRE_NAMES = {name.lower(): name for name in (*_SELECTABLE, "severity")}

_COMPLIANT = "(monitored_resource.monitoring_state = 'MONITORING')"
_FILTERABLE = {name.lower(): sql for name, sql in _SELECTABLE.items()} | {
    "is_compliant": Sql(_COMPLIANT, Kind.FLAG),
    "excluded": Sql("0", Kind.FLAG),
}
_QUERY = f"""
    SELECT {{columns}} count(*) AS total, sum({_COMPLIANT}) AS "isCompliant", 0 AS excluded
    FROM monitored_resource
    JOIN resource ON resource.id = monitored_resource.resource_id
    JOIN application_environment
        ON application_environment.id = resource.application_environment_id
    JOIN application ON application.id = application_environment.application_id
    JOIN environment ON environment.id = application_environment.environment_id
    JOIN technical_control ON technical_control.id = monitored_resource.technical_control_id
    JOIN system ON system.id = technical_control.system_id
    LEFT JOIN control ON control.id = technical_control.control_id
    WHERE monitored_resource.monitoring_state <> 'DELETED' AND {{condition}}
    GROUP BY {{groups}}
"""  # noqa: S608 - filled from the tables above; values are parameters


async def _get_compliance(call: Call) -> Answer:
    select = call.query.get("$select")
    if not select:
        return message(400, _NO_SELECTION)
    wanted = select.replace(" ", "").lower().split(",")
    if not _WIRE_NAMES.keys() >= set(wanted):
        return message(400, _BAD_SELECTION)
    names = [_WIRE_NAMES[name] for name in wanted]
    text = call.query.get("$filter")
    try:
        condition = Sql("TRUE", Kind.FLAG)
        if text:
            condition = compile_filter(text, _FILTERABLE, lenient=call.database.lenient)
        if "severity" in names:
            return message(400, _NOT_EXECUTED)
        query = _QUERY.format(
            columns="".join(
                f'{_SELECTABLE[name].text} AS "{name}", ' for name in names if name not in _UNSEEN
            ),
            condition=condition.text,
            groups=", ".join(_SELECTABLE[name].text for name in names),
        )
        rows = call.database.rows(query, *condition.parameters)
    except FilterSyntaxError:
        return message(400, _NOT_PARSED)
    except (FilterError, DatabaseError, sqlite3.OperationalError):
        return message(400, _NOT_EXECUTED)
    if "controlSeverity" in names:
        require_members(rows, controlSeverity=SEVERITIES)
    return json_answer(rows)


PATHS = {"/compliance/": {"GET": _get_compliance}}
