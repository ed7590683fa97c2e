"""AirView's recording routes over dicts: what the fast server answers, without any I/O.

It keeps to what the sandbox answers on every route here, for what a client that checks its input
sends: ids, uniqueness, foreign keys, 404s. `tests/integration/test_fast_server.py` holds one
against the other. A body that breaks a schema is outside of it, and refused with a 500.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

INTEGRITY = "Integrity Error, check reference fields"
UNIQUE = "Unique Constraint Error, check reference field"
STATES = frozenset({"FLAGGED", "MONITORING", "DELETED", "UNRESPONSIVE"})
APPLICATION_TYPES = frozenset({"BUSINESS_APPLICATION", "TECHNICAL_SERVICE", "APPLICATION_SERVICE"})

_PHRASES = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
}


def _encode(value: object) -> bytes:
    """Encode as AirView does: sorted keys, ASCII only, one trailing newline."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _http(status: int, body: bytes) -> bytes:
    """Return a whole answer as it goes over the wire."""
    head = f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: application/json\r\n"
    if status != 204:  # noqa: PLR2004 - AirView's 204 states no length
        head += f"content-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def _plain(status: int) -> bytes:
    return _http(status, _encode({"code": status, "status": _PHRASES[status]}))


def _refusal(message: str) -> bytes:
    return _http(400, _encode({"code": 400, "message": message, "status": _PHRASES[400]}))


NO_CONTENT = _http(204, b"")
NOT_FOUND = _plain(404)
NOT_ALLOWED = _plain(405)
FAULT = _plain(500)
BAD_REQUEST = _http(400, _encode(_PHRASES[400]))
NOT_UNIQUE = _refusal(UNIQUE)
NOT_INTEGRAL = _refusal(INTEGRITY)
_NONE = _http(200, b"[]\n")


def _ok(value: object) -> bytes:
    return _http(200, _encode(value))


class Placed(NamedTuple):
    """An application environment: its id and the answer that shows it."""

    id: int
    answer: bytes


class FastRows:
    """AirView's rows in dicts, and the routes over them."""

    def __init__(self) -> None:
        self.systems: dict[str, dict[str, Any]] = {}
        self.environments: dict[str, dict[str, Any]] = {}
        self.controls: list[dict[str, Any]] = []
        self.technical_controls: dict[tuple[int, str], dict[str, Any]] = {}
        self.applications: list[dict[str, Any]] = []
        self.placed: dict[tuple[str, str], Placed] = {}
        # Keyed as in the query; only the id is kept, since there may be a million.
        self.resources: dict[tuple[int, str], int] = {}
        self.monitored: dict[tuple[int, int], tuple[str, str]] = {}
        self._placed_count = 0
        self._routes: dict[tuple[str, str], Callable[[dict[str, str], Any], bytes]] = {
            ("GET", "/systems/"): self._get_system,
            ("POST", "/systems/"): self._post_system,
            ("GET", "/environments/"): self._get_environments,
            ("POST", "/environments/"): self._post_environment,
            ("GET", "/controls/"): self._get_controls,
            ("POST", "/controls/"): self._post_control,
            ("GET", "/technical-controls/"): self._get_technical_controls,
            ("POST", "/technical-controls/"): self._post_technical_control,
            ("GET", "/applications/"): self._get_applications,
            ("POST", "/applications/"): self._post_application,
            ("GET", "/referenced-application-environments/"): self._get_placed,
            ("POST", "/application-environments/"): self._post_placed,
            ("GET", "/resources/"): self._get_resource,
            ("POST", "/resources/"): self._post_resource,
            ("PUT", "/monitored-resources/"): self._put_monitored,
        }
        self._paths = {path for _, path in self._routes}

    def answer(self, method: str, target: str, body: bytes) -> bytes:
        """Return the whole answer to one request."""
        path, _, query = target.partition("?")
        route = self._routes.get((method, path))
        if route is None:
            return NOT_ALLOWED if path in self._paths else NOT_FOUND
        try:
            return route(_query(query), json.loads(body) if body else {})
        except (KeyError, TypeError, ValueError):
            return FAULT

    def _get_system(self, query: dict[str, str], _: Any) -> bytes:
        found = self.systems.get(query["name"])
        return NOT_FOUND if found is None else _ok(found)

    def _post_system(self, _: dict[str, str], body: Any) -> bytes:
        if body["name"] in self.systems:
            return NOT_INTEGRAL
        row = {"id": len(self.systems) + 1, "name": body["name"], "stage": body["stage"]}
        self.systems[row["name"]] = row
        return _ok(row)

    def _get_environments(self, _: dict[str, str], __: Any) -> bytes:
        return _ok(list(self.environments.values()))

    def _post_environment(self, _: dict[str, str], body: Any) -> bytes:
        key = body["abbreviation"]
        if key in self.environments:
            return NOT_INTEGRAL
        row = {"id": len(self.environments) + 1, "name": body["name"], "abbreviation": key}
        self.environments[key] = row
        return _ok(row)

    def _get_controls(self, query: dict[str, str], _: Any) -> bytes:
        name = query.get("name")
        return _ok([row for row in self.controls if not name or row["name"] == name])

    def _post_control(self, _: dict[str, str], body: Any) -> bytes:
        row = {name: body[name] for name in ("name", "qualityModel", "severity")}
        row["id"] = len(self.controls) + 1
        self.controls.append(row)
        return _ok(row)

    def _get_technical_controls(self, query: dict[str, str], _: Any) -> bytes:
        found = self.technical_controls.get((int(query["systemId"]), query["reference"]))
        return _NONE if found is None else _ok([found])

    def _post_technical_control(self, _: dict[str, str], body: Any) -> bytes:
        system_id, parent = body["systemId"], body.get("controlId")
        key = (system_id, body["reference"])
        known = 1 <= system_id <= len(self.systems)
        known = known and (parent is None or 1 <= parent <= len(self.controls))
        if key in self.technical_controls or not known:
            return NOT_UNIQUE
        row = {
            "controlAction": body["controlAction"],
            "controlId": parent,
            "id": len(self.technical_controls) + 1,
            "isBlocking": body.get("isBlocking", False),
            "name": body["name"],
            "reference": body["reference"],
            "systemId": system_id,
            "ttl": body.get("ttl"),
        }
        self.technical_controls[key] = row
        return _ok(row)

    def _get_applications(self, query: dict[str, str], _: Any) -> bytes:
        kind = query.get("applicationType")
        if kind is not None and kind not in APPLICATION_TYPES:
            return FAULT
        return _ok([row for row in self.applications if kind in {None, row["applicationType"]}])

    def _post_application(self, _: dict[str, str], body: Any) -> bytes:
        row = {name: body[name] for name in ("name", "applicationType")}
        row["id"] = len(self.applications) + 1
        self.applications.append(row)
        return _ok(row)

    def _get_placed(self, query: dict[str, str], _: Any) -> bytes:
        found = self.placed.get((query["type"], query["reference"]))
        return NOT_FOUND if found is None else found.answer

    def _post_placed(self, _: dict[str, str], body: Any) -> bytes:
        application_id, environment_id = body["applicationId"], body["environmentId"]
        keys = [(each["type"], each["reference"]) for each in body["references"]]
        if (
            not 1 <= application_id <= len(self.applications)
            or not 1 <= environment_id <= len(self.environments)
            or len({kind for kind, _ in keys}) < len(keys)
            or any(key in self.placed for key in keys)
        ):
            return NOT_INTEGRAL
        self._placed_count += 1
        environments = list(self.environments.values())
        answer = _ok(
            {
                "application": self.applications[application_id - 1],
                "applicationId": application_id,
                "environment": environments[environment_id - 1],
                "environmentId": environment_id,
                "id": self._placed_count,
                "references": [{"type": kind, "reference": text} for kind, text in keys],
            }
        )
        self.placed.update((key, Placed(self._placed_count, answer)) for key in keys)
        return answer

    def _get_resource(self, query: dict[str, str], _: Any) -> bytes:
        if query.keys() < {"applicationEnvironmentId", "reference"}:
            return NOT_FOUND
        placed, reference = int(query["applicationEnvironmentId"]), query["reference"]
        found = self.resources.get((placed, reference))
        return NOT_FOUND if found is None else _resource(found, placed, reference)

    def _post_resource(self, _: dict[str, str], body: Any) -> bytes:
        placed, reference = body["applicationEnvironmentId"], body["reference"]
        # Only resources as events make them are stored: named like their reference, without a type.
        if body["name"] != reference or "resourceTypeId" in body:
            return FAULT
        key = (placed, reference)
        if key in self.resources or not 1 <= placed <= self._placed_count:
            return NOT_INTEGRAL
        self.resources[key] = made = len(self.resources) + 1
        return _resource(made, placed, reference)

    def _put_monitored(self, query: dict[str, str], body: Any) -> bytes:
        control_id, resource_id = int(query["technicalControlId"]), int(query["resourceId"])
        state = body["monitoringState"]
        if state not in STATES:
            return FAULT
        if not (
            1 <= control_id <= len(self.technical_controls)
            and 1 <= resource_id <= len(self.resources)
        ):
            return BAD_REQUEST
        self.monitored[control_id, resource_id] = state, body.get("additionalData", "")
        return NO_CONTENT


def _resource(identifier: int, placed: int, reference: str) -> bytes:
    return _ok(
        {
            "applicationEnvironmentId": placed,
            "id": identifier,
            "name": reference,
            "reference": reference,
            "resourceTypeId": None,
        }
    )


def _query(text: str) -> dict[str, str]:
    """Read a query string; of a repeated parameter the first value counts."""
    values: dict[str, str] = {}
    for pair in text.split("&") if text else ():
        name, _, value = pair.partition("=")
        if "%" in value or "+" in value:
            value = unquote_plus(value)
        values.setdefault(name, value)
    return values
