"""Operations of Herald that no definition describes, as a client of Alert Logic's uses them.

Like `airview_herald.herald._routes`: values, no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airview_herald._secret import Secret
from airview_herald.errors import DecodeError, InputError
from airview_herald.herald import _rules
from airview_herald.herald._calls import (
    ROOT,
    account,
    delete,
    one,
    part,
    post_once,
    type_segments,
    update,
)
from airview_herald.herald._rules import JsonObject
from airview_herald.herald.models import IntegrationTestResult, NotificationType
from airview_herald.transport._call import Call, Reply


def create_notification_type(
    notification_type: NotificationType | JsonObject,
) -> Call[NotificationType]:
    """`POST /herald/v2/notification_types`."""
    body = _type_body(notification_type)
    path = f"{ROOT}/notification_types"
    return post_once("create_notification_type", path, body, one(NotificationType))


def update_notification_type(
    notification_type: NotificationType | JsonObject,
) -> Call[NotificationType]:
    """`PUT /herald/v2/notification_types/{a}/{b}`, the type that the body names."""
    body = _type_body(notification_type)
    path = _type_path(body["notification_type"])
    return update("update_notification_type", "PUT", path, body, one(NotificationType))


def delete_notification_type(notification_type: str) -> Call[None]:
    """`DELETE /herald/v2/notification_types/{a}/{b}`."""
    return delete("delete_notification_type", _type_path(notification_type))


def test_integration(account_id: str, kind: str, body: JsonObject) -> Call[IntegrationTestResult]:
    """`POST A/{kind}/test`, of a webhook, an e-mail address or a Jira project.

    A value of the body may be a `Secret`.
    """
    if not isinstance(body, Mapping):
        raise InputError("body", f"must be a mapping, not {type(body).__name__}")
    path = f"{account(account_id)}/{_rules.kind('kind', kind)}/test"
    plain = _plain({name: item for name, item in body.items() if not isinstance(item, Secret)})
    secret = {name: item.reveal() for name, item in body.items() if isinstance(item, Secret)}
    return post_once("test_integration", path, {**plain, **secret}, _result)


def _plain(body: JsonObject) -> dict[str, Any]:
    """Return a target as JSON; an error about it repeats nothing, since a secret may be a text."""
    try:
        return _rules.document("body", body)
    except InputError as error:
        error.subject = None
        error.args = (error.field, error.rule, None)
        raise


def _type_path(notification_type: object) -> str:
    return f"{ROOT}/notification_types{type_segments('notification_type', notification_type)}"


def _type_body(notification_type: NotificationType | JsonObject) -> dict[str, Any]:
    body = _rules.document("notification_type", notification_type)
    field = "notification_type.notification_type"
    _rules.notification_type(field, body.get("notification_type"))
    return body


def _result(reply: Reply) -> IntegrationTestResult:
    """Return the target's answer, which may be wrapped in `response`."""
    value = reply.json()
    if not isinstance(value, dict):
        raise DecodeError("expected an object @ $", reply.facts, "$")
    if isinstance(value.get("response"), dict):
        return part(IntegrationTestResult, value["response"], reply, "$.response")
    return part(IntegrationTestResult, value, reply)
