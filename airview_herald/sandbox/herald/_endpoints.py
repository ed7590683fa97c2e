"""The Endpoints service: for every service asked for, this server."""

import re

from airview_herald.sandbox._answers import Answer
from airview_herald.sandbox.herald import _bodies
from airview_herald.sandbox.herald._answers import bare_refusal, refusal, reply
from airview_herald.sandbox.herald._http import Call, Paths

_RESIDENCIES = ("default", "us", "emea")
_KINDS = ("api", "ui", "internal_api")
_SERVICE = re.compile(r"[A-Za-z0-9_-]+")


def _one(call: Call) -> Answer:
    _check_residency(call)
    service = call.path["service"]
    if call.path.get("kind", "api") not in _KINDS or not _SERVICE.fullmatch(service):
        raise bare_refusal(404)
    return reply({service: call.url})


def _several(call: Call) -> Answer:
    _check_residency(call)
    services = _bodies.read(call.body)
    _bodies.each(_bodies.text)(services, "")
    names = [str(service) for service in services] if isinstance(services, list) else []
    if not all(map(_SERVICE.fullmatch, names)):
        raise refusal("unknown_service")
    return reply(dict.fromkeys(names, call.url))


def _check_residency(call: Call) -> None:
    if call.path["residency"] not in _RESIDENCIES:
        raise bare_refusal(404)


_RESIDENCY = "/endpoints/v1/{account_id}/residency/{residency}"
PATHS: Paths = {
    f"{_RESIDENCY}/services/{{service}}/endpoint": {"GET": _one},
    f"{_RESIDENCY}/services/{{service}}/endpoint/{{kind}}": {"GET": _one},
    f"{_RESIDENCY}/endpoints": {"POST": _several},
}
