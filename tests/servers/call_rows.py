"""Every operation of the clients with a whole set of arguments, and the places in these."""

import inspect
from typing import Any, NamedTuple

import attrs

from airview_herald import AirView, Herald
from airview_herald.airview import (
    Application,
    Backend,
    ComplianceEvent,
    Control,
    Environment,
    Framework,
    FrameworkControlObjective,
    FrameworkSection,
    Resource,
    ResourceType,
    Service,
    TechnicalControl,
)
from airview_herald.herald import Payload

# Short and in lower case, so that it breaks no rule.
MARKER = "zqmarkerzq"
ACCOUNT = "12345678"

_APPLICATION = Application("app", "ref", environment=Environment("env", "ENV", 3), id=4)
APPLICATION = attrs.evolve(_APPLICATION, application_environment_id=5)
CONTROL = Control("control", "SECURITY", 1, "service", 6, "HIGH")
TECHNICAL = TechnicalControl("tech", "tech-ref", "LOG", 7, 60, True, 6, CONTROL)  # noqa: FBT003
KIND = ResourceType("kind-ref", "kind", 8, Service("svc-ref", "svc", "VIRTUAL_MACHINE", 9))
EVENT = ComplianceEvent("res-ref", APPLICATION, TECHNICAL, "FLAGGED", "data")
RESOURCE = Resource("res-ref", APPLICATION, "res", KIND)
OBJECTIVE = FrameworkControlObjective(
    "objective", "/o", FrameworkSection("section", "/s", Framework("frame", "/f", 10), 11), 12
)
WHO = {"subscriber": "someone", "subscriber_type": "user"}

BACKEND = {
    "create_application": {"application": APPLICATION, "environment_id": 3},
    "create_application_environment": {"application": APPLICATION},
    "create_control": {"control": CONTROL},
    "create_environment": {"environment": APPLICATION.environment},
    "create_exclusion": {
        "summary": "summary",
        "control_id": 6,
        "resources": [1],
        "is_limited_exclusion": True,
        "notes": "notes",
    },
    "create_framework": {"framework": OBJECTIVE.framework_section.framework},
    "create_framework_control_objective": {"framework_control_objective": OBJECTIVE},
    "create_framework_control_objective_link": {
        "framework_control_objective": OBJECTIVE,
        "control": CONTROL,
    },
    "create_framework_section": {"framework_section": OBJECTIVE.framework_section},
    "create_resource": {"reference": "res-ref", "application_environment_id": 5},
    "create_resource_type": {"resource_type": KIND},
    "create_resource_type_control_link": {"control": CONTROL, "resource_type": KIND},
    "create_service": {"service": KIND.service},
    "create_system": {"name": "system", "stage": "MONITOR"},
    "create_technical_control": {"technical_control": TECHNICAL},
    "get_application": {"application_id": 4},
    "get_application_environment_by_id": {"application_environment_id": 5},
    "get_application_environment_by_reference": {"reference": "ref"},
    "get_application_environments": {"application_id": 4},
    "get_applications": {"type": "BUSINESS_APPLICATION"},
    "get_compliance": {"select": ["applicationName"], "filter": "controlName eq 'x'"},
    "get_control": {"control": CONTROL},
    "get_control_overview_resources": {"application_id": 4, "technical_control_id": 7},
    "get_control_overview_totals": {"application_id": 4},
    "get_control_overviews": {"application_id": 4, "quality_model": "SECURITY"},
    "get_environments": {},
    "get_exclusion_resources": {"state": "ACTIVE"},
    "get_flagged": {"application_id": 4},
    "get_framework": {"framework": OBJECTIVE.framework_section.framework},
    "get_framework_control_objective": {"framework_control_objective": OBJECTIVE},
    "get_framework_control_objective_link": {
        "framework_control_objective": OBJECTIVE,
        "control": CONTROL,
    },
    "get_framework_section": {"framework_section": OBJECTIVE.framework_section},
    "get_quality_models": {"application_id": 4},
    "get_resource_id": {"reference": "res-ref", "application_environment_id": 5},
    "get_resource_type": {"reference": "kind-ref"},
    "get_resource_type_control_link": {"control": CONTROL, "resource_type": KIND},
    "get_services": {},
    "get_system_id_by_name": {"name": "system"},
    "get_technical_control": {"reference": "tech-ref"},
    "get_technical_control_by_id": {"technical_control_id": 7},
    "save_monitored_resource": {
        "technical_control_id": 7,
        "resource_id": 2,
        "state": "FLAGGED",
        "additional_data": "data",
    },
    "save_resource": {"resource": RESOURCE},
    "set_exclusion_resource_state": {"id": 13, "state": "ACTIVE"},
    "update_application": {"application": APPLICATION, "environment_id": 3},
}

HANDLER = {
    "check": {},
    "get_compliance": BACKEND["get_compliance"],
    "get_exclusions_by_state": BACKEND["get_exclusion_resources"],
    "handle_compliance_event": {"compliance_event": EVENT},
    "handle_control": {"control": CONTROL},
    "handle_framework_control_objective": {"framework_control_objective": OBJECTIVE},
    "handle_framework_control_objective_link": {
        "framework_control_objective": OBJECTIVE,
        "control": CONTROL,
    },
    "handle_resource": {"resource": RESOURCE},
    "handle_resource_type": {"resource_type": KIND},
    "handle_resource_type_control_link": {"control": CONTROL, "resource_type": KIND},
    "handle_technical_control": {"technical_control": TECHNICAL},
    "ingest": {"events": [EVENT]},
    "plan": {"events": [EVENT]},
    "set_exclusion_resource_state": BACKEND["set_exclusion_resource_state"],
    "stream": {"events": [EVENT]},
}

_SUBSCRIPTION = {
    "name": "name",
    "notification_type": "incidents/alerts",
    "external_id": "external",
    "active": True,
    "options": {"email_subject": "subject"},
    "filters": {"=": ["field", "value"]},
    "template": "template",
    "suppression_interval": 5,
}
_TYPE = {"notification_type": "incidents/alerts", "name": "type", "templates": ["template"]}

HERALD = {
    "add_subscriber": {"subscription_id": "sub", **WHO},
    "batch_delete_subscriptions": {"ids": ["sub"]},
    "batch_update_subscribers": {
        "subscription_id": "sub",
        "subscribers": [{**WHO, "action": "add"}],
    },
    "create_notification_type": {"notification_type": _TYPE},
    "create_subscription": {**_SUBSCRIPTION, "class_": "event", "subscribers": [WHO]},
    "delete_notification_type": {"notification_type": "incidents/alerts"},
    "delete_subscription": {"subscription_id": "sub"},
    "get_account_integration": {"id": "integration"},
    "get_account_integrations": {},
    "get_account_notification": {"notification_id": "notification"},
    "get_account_notification_by_type": {
        "type": "incidents/alerts",
        "sort": "desc",
        "since": 1,
        "until": 2,
        "limit": 3,
        "continuation_id": "cursor",
    },
    "get_account_subscription": {"subscription_id": "sub", "include_subscribers": True},
    "get_account_subscription_subscribers": {"subscription_id": "sub"},
    "get_account_subscriptions": {
        "class_": "event",
        "external_id": "external",
        "notification_type": "incidents/alerts",
        "include_subscribers": True,
    },
    "get_integration_types": {},
    "get_login_account_id": {},
    "get_notification": {"notification_id": "notification"},
    "get_notification_types": {},
    "get_sent_incident_notifications": {"long_incident_id": "incident"},
    "remove_subscriber": {"subscription_id": "sub", **WHO},
    "send_notification": {
        "type": "incidents/notification",
        "notification_data": {"class": "web_attack"},
        "asset_data": {"tags": [{"env": "prod"}]},
        "payload": Payload(threat="high"),
        "attachments": [{"name": "report", "url": "https://example.com/report"}],
    },
    "test_integration": {"kind": "webhook", "body": {"url": "https://example.com/hook"}},
    "update_notification_type": {"notification_type": _TYPE},
    "update_subscription": {"subscription_id": "sub", **_SUBSCRIPTION},
}
HERALD["sent_notification"] = HERALD["send_notification"]

ROWS = {Backend: BACKEND, AirView: HANDLER, Herald: HERALD}

# Methods that send nothing of their arguments.
_NONE = {
    Backend: {"get_url"},
    AirView: {"from_config", "with_options"},
    Herald: {"with_options"},
}
# Arguments that are not sent: how a batch runs, and where a listing goes on.
_NOT_SENT = {
    *("concurrency", "window", "on_outcome", "progress", "deadline", "max_cooldown"),
    *("max_failures", "grace", "coalesce", "reconcile", "state", "dead_letters", "resume"),
}


class Place(NamedTuple):
    """A value within the arguments of an operation.

    Attributes:
        steps: The way to it: names of arguments, fields and keys, and positions.
        around: Where it is a part of a text, the text with `{}` in its place.
        key: Whether it is the last step itself, the key of a mapping.
    """

    steps: tuple[str | int, ...]
    around: str = "{}"
    key: bool = False

    def __str__(self) -> str:
        words = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in self.steps)[1:]
        return f"{words} ({'key' if self.key else self.around})".removesuffix(" ({})")


def operations(client):
    """Return the names of a client's operations, as the class has them."""
    return {
        name
        for name, value in inspect.getmembers(client)
        if not name.startswith("_") and callable(value) and name not in _NONE[client]
    }


def missing(client, name, given):
    """Return the parameters of an operation, and the fields of what it takes, without a value."""
    parameters = set(list(inspect.signature(getattr(client, name)).parameters)[1:])
    unset = [field for value in given.values() for field in _unset(value)]
    return (parameters - given.keys() - _NOT_SENT - {"account_id"}) | set(unset)


def _unset(value):
    if isinstance(value, list):
        return [field for each in value for field in _unset(each)]
    if not attrs.has(type(value)) or isinstance(value, Payload):
        return []
    fields = attrs.asdict(value, recurse=False)
    empty = [f"{type(value).__name__}.{name}" for name, each in fields.items() if each is None]
    return empty + [field for each in fields.values() for field in _unset(each)]


def places(value, steps=()):
    """Yield every place within a value, keys of mappings included."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from places(each, (*steps, name))
            if steps:
                yield Place((*steps, name), key=True)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from places(each, (*steps, index))
    elif isinstance(value, Payload):
        yield Place((*steps, "threat"))
    elif attrs.has(type(value)):
        for name, each in attrs.asdict(value, recurse=False).items():
            yield from places(each, (*steps, name))
    else:
        yield from (Place(steps, around) for around in _around(value, steps[-1]))


def _around(value, name):
    """Return what goes around a text in the place of a value: the rest of a type or of a URL."""
    if isinstance(value, str) and name in {"type", "notification_type"} and "/" in value:
        first, _, second = value.partition("/")
        return f"{{}}/{second}", f"{first}/{{}}"
    if isinstance(value, str) and value.startswith("https://") and name != "url":
        return (f"{value}/{{}}",)
    return ("{}",)


def at(value, place, text):
    """Return a value with a text at a place."""
    return _at(value, place.steps, place.around.replace("{}", text), key=place.key)


def _at(value: Any, steps: tuple[str | int, ...], text: str, *, key: bool) -> Any:
    if not steps:
        return text
    step, rest = steps[0], steps[1:]
    if key and not rest:
        return {text if name == step else name: each for name, each in value.items()}
    if isinstance(value, list):
        return [
            _at(each, rest, text, key=key) if index == step else each
            for index, each in enumerate(value)
        ]
    if isinstance(value, dict):
        return {**value, step: _at(value[step], rest, text, key=key)}
    return attrs.evolve(value, **{step: _at(getattr(value, step), rest, text, key=key)})
