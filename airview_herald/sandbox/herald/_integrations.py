"""Integrations, which newer releases lack, and tests of them."""

from collections.abc import Mapping
from typing import Any

from airview_herald.sandbox._answers import Answer
from airview_herald.sandbox._database import Row
from airview_herald.sandbox.herald import _bodies
from airview_herald.sandbox.herald._answers import bare_refusal, reply
from airview_herald.sandbox.herald._http import Call, Handler, Paths
from airview_herald.sandbox.herald._tables import INTEGRATION, INTEGRATION_TYPE

_TESTS: Mapping[str, tuple[str, ...]] = {
    "webhook": ("url", "method"),
    "email": ("email",),
    "jira": ("email", "api_token", "reporter_id", "jira_domain", "project"),
}


def _list(call: Call) -> Answer:
    _refuse_removed(call)
    rows = call.database.rows(
        "SELECT * FROM integration WHERE account_id = ? ORDER BY rowid", call.account_id
    )
    return reply({"integrations": [_wire(call, row) for row in rows]})


def _get(call: Call) -> Answer:
    _refuse_removed(call)
    row = call.one(
        "SELECT * FROM integration WHERE id = ? AND account_id = ?",
        *(call.path["id"], call.account_id),
    )
    return reply(_wire(call, row))


def _list_types(call: Call) -> Answer:
    _refuse_removed(call)
    rows = call.database.rows("SELECT * FROM integration_type ORDER BY rowid")
    return reply({"integration_types": [INTEGRATION_TYPE.wire(row) for row in rows]})


def _refuse_removed(call: Call) -> None:
    if call.state.switches.integrations == "removed":
        raise bare_refusal(404)


def _wire(call: Call, row: Row) -> dict[str, Any]:
    integration = INTEGRATION.wire(row)
    if call.state.switches.integrations == "header" and "headers" in integration:
        integration["header"] = integration.pop("headers")
    return integration


def _test(kind: str) -> Handler:
    """Make the handler that tests a kind of integration: nothing leaves this machine."""
    rule = _bodies.shape(_TESTS[kind], dict.fromkeys(_TESTS[kind], _bodies.text))

    def test(call: Call) -> Answer:
        call.load(rule)
        outcome = {"rawbody": "ok", "code": 200}
        return reply({"response": outcome} if call.state.switches.wrap_tests else outcome)

    return test


PATHS: Paths = {
    "/herald/v2/integration_types": {"GET": _list_types},
    "/herald/v2/{account_id}/integrations": {"GET": _list},
    "/herald/v2/{account_id}/integrations/{id}": {"GET": _get},
    **{f"/herald/v2/{{account_id}}/{kind}/test": {"POST": _test(kind)} for kind in _TESTS},
}
