"""`GET /openapi.json`: what AirView says of its routes, in short: paths, methods and roles.

The server's own document is longer and no truer: it omits what the code reads by hand.
"""

import itertools
import re
from collections.abc import Mapping
from typing import Any

from airview_herald.sandbox._answers import Answer, json_answer
from airview_herald.sandbox._http import Call, Methods

_READS_COMPLIANCE = re.compile(
    "/(resources|resource-types|resource-types-controls)/"
    "|/applications/[^/]+/(quality-models|control-overviews)/"
)
_WITHOUT_ROLE = re.compile("/compliance/|.*/exclusion-resources/|/exclusion-resources/.*")
_KINDS = {"<int>": "integer", "<text>": "string"}


def paths(described: Mapping[str, Methods]) -> dict[str, Methods]:
    """Return the route of the document that describes other routes."""
    answer = json_answer(_document(described))

    async def get(_: Call) -> Answer:
        return answer

    return {"/openapi.json": {"GET": get}}


def _document(described: Mapping[str, Methods]) -> dict[str, Any]:
    return {
        "openapi": "3.0.2",
        "info": {"title": "AirView API", "version": "v1"},
        "paths": dict(_path(path, methods) for path, methods in described.items()),
    }


def _path(path: str, methods: Methods) -> tuple[str, dict[str, Any]]:
    count = itertools.count(1)
    parameters: list[dict[str, Any]] = []

    def name(variable: re.Match[str]) -> str:
        parameter = f"id{next(count)}"
        schema = {"type": _KINDS[variable[0]]}
        parameters.append({"in": "path", "name": parameter, "required": True, "schema": schema})
        return f"{{{parameter}}}"

    template = re.sub("<int>|<text>", name, path)
    operations = {method.lower(): _operation(method, path) for method in methods}
    return template, {**operations, "parameters": parameters}


def _operation(method: str, path: str) -> dict[str, Any]:
    operation: dict[str, Any] = {"responses": {"default": {"description": "See its status."}}}
    role = _role(method, path)
    return operation if role is None else {**operation, "x-api-rbac-role": role}


def _role(method: str, path: str) -> str | None:
    """Return the role that a gateway asks of an operation's caller."""
    if _WITHOUT_ROLE.fullmatch(path):
        return None
    if path == "/monitored-resources/":
        return "ComplianceWriter"
    if method == "POST":
        return "ContentWriter"
    if _READS_COMPLIANCE.fullmatch(path):
        # This includes saving a resource, which the server lets readers do.
        return "ComplianceReader"
    return "ContentReader" if method == "GET" else "ContentWriter"
