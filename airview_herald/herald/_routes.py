"""Herald's operations as values: how each is called, what each answers; no I/O.

Each takes what the caller gave, and raises `InputError` for what breaks a rule. `A` stands for
`/herald/v2/{account_id}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from airview_herald._open import Id, OpenRow, wire_name
from airview_herald._pagination import Page
from airview_herald._rows import Rows
from airview_herald.errors import DecodeError, InputError
from airview_herald.herald import _rules
from airview_herald.herald._calls import (
    ROOT,
    account,
    delete,
    many,
    nothing,
    one,
    part,
    post_once,
    read,
    segment,
    target,
    type_segments,
    update,
)
from airview_herald.herald._rules import NOT_GIVEN, JsonObject, NotGiven
from airview_herald.herald.models import (
    Integration,
    IntegrationType,
    NotificationType,
    Subscriber,
    SubscriberUpdate,
    Subscription,
    SubscriptionOptions,
)
from airview_herald.herald.notifications import (
    AssetData,
    Attachment,
    Notification,
    NotificationData,
    Payload,
    SentNotification,
)
from airview_herald.transport._call import Call, Reply

_NO_CONTENT = 204


@attrs.frozen
class _NotificationPage(OpenRow):
    notifications: tuple[Notification, ...] = ()
    continuation_id: Id | None = None
    total_count: float | None = None


def get_notification(notification_id: str) -> Call[Notification]:
    """`GET /herald/v2/notifications/{notification_id}`."""
    where = f"{ROOT}/notifications{segment('notification_id', notification_id)}"
    return read("get_notification", where, one(Notification))


def get_account_notification(account_id: str, notification_id: str) -> Call[Notification]:
    """`GET A/notifications/{notification_id}`."""
    where = f"{account(account_id)}/notifications{segment('notification_id', notification_id)}"
    return read("get_account_notification", where, one(Notification))


def get_account_notification_by_type(  # noqa: PLR0913 - the documented parameters
    account_id: str,
    type: str,  # noqa: A002 - the documented name
    *,
    sort: str | None = None,
    since: float | datetime | None = None,
    until: float | datetime | None = None,
    limit: int | None = None,
    continuation_id: str | None = None,
) -> Call[Page[Notification]]:
    """`GET A/notifications/{a}/{b}?sort=&since=&until=&limit=&continuation_id=`: one page."""
    query = {
        "sort": _given(_rules.sort, "sort", sort),
        "since": _given(_rules.moment, "since", since),
        "until": _given(_rules.moment, "until", until),
        "limit": _given(_rules.page_size, "limit", limit),
        "continuation_id": _given(_rules.url_text, "continuation_id", continuation_id),
    }
    path = f"{account(account_id)}/notifications{type_segments('type', type)}"
    return read("get_account_notification_by_type", target(path, query), _page)


def get_sent_incident_notifications(
    account_id: str, long_incident_id: str
) -> Call[Rows[SentNotification]]:
    """`GET A/notifications/type/incidents/alerts/{long_incident_id}`."""
    where = (
        f"{account(account_id)}/notifications/type/incidents/alerts"
        f"{segment('long_incident_id', long_incident_id)}"
    )
    return read("get_sent_incident_notifications", where, many(SentNotification, "notifications"))


def sent_notification(  # noqa: PLR0913 - the documented parameters
    account_id: str,
    *,
    type: str,  # noqa: A002 - the documented name
    notification_data: NotificationData | JsonObject,
    asset_data: AssetData | JsonObject,
    payload: Payload | JsonObject,
    attachments: Sequence[Attachment | JsonObject] | None = None,
) -> Call[Notification]:
    """`POST A/notifications`: send a notification."""
    _rules.notification_type("type", type)
    body: dict[str, Any] = {
        "type": type,
        "notification_data": _rules.document("notification_data", notification_data),
        "asset_data": _rules.document("asset_data", asset_data),
        "payload": _rules.document("payload", payload),
    }
    if attachments is not None:
        body["attachments"] = [
            _rules.document(f"attachments[{index}]", each)
            for index, each in enumerate(_rules.sequence("attachments", attachments))
        ]
    path = f"{account(account_id)}/notifications"
    return post_once("sent_notification", path, body, one(Notification))


def get_account_subscriptions(
    account_id: str,
    *,
    class_: str | None = None,
    external_id: str | None = None,
    notification_type: str | None = None,
    include_subscribers: bool | None = None,
) -> Call[Rows[Subscription]]:
    """`GET A/subscriptions?class=&external_id=&notification_type=&include_subscribers=`."""
    query = {
        "class": _given(_rules.url_text, "class_", class_),
        "external_id": _given(_rules.url_text, "external_id", external_id),
        "notification_type": _given(_rules.url_text, "notification_type", notification_type),
        "include_subscribers": _given(_rules.boolean, "include_subscribers", include_subscribers),
    }
    where = target(f"{account(account_id)}/subscriptions", query)
    return read("get_account_subscriptions", where, many(Subscription, "subscriptions"))


def get_account_subscription(
    account_id: str, subscription_id: str, *, include_subscribers: bool | None = None
) -> Call[Subscription]:
    """`GET A/subscriptions/{subscription_id}?include_subscribers=`."""
    query = {
        "include_subscribers": _given(_rules.boolean, "include_subscribers", include_subscribers)
    }
    where = target(_subscription(account_id, subscription_id), query)
    return read("get_account_subscription", where, one(Subscription))


def create_subscription(  # noqa: PLR0913 - the documented parameters
    account_id: str,
    *,
    name: str,
    class_: str,
    notification_type: str,
    external_id: str | None = None,
    subscribers: Sequence[Subscriber | JsonObject] | None = None,
    active: bool | None = None,
    options: SubscriptionOptions | JsonObject | None = None,
    filters: JsonObject | None = None,
    template: str | None = None,
    suppression_interval: int | None = None,
) -> Call[Subscription]:
    """`POST A/subscriptions`; what is `None` is left to the server."""
    required = {"name": name, "class_": class_, "notification_type": notification_type}
    optional = {
        "external_id": external_id,
        "subscribers": subscribers,
        "active": active,
        "options": options,
        "filters": filters,
        "template": template,
        "suppression_interval": suppression_interval,
    }
    given = required | {field: value for field, value in optional.items() if value is not None}
    path = f"{account(account_id)}/subscriptions"
    return post_once("create_subscription", path, _subscription_body(given), one(Subscription))


def update_subscription(  # noqa: PLR0913 - the documented parameters
    account_id: str,
    subscription_id: str,
    *,
    name: str | NotGiven | None = NOT_GIVEN,
    notification_type: str | NotGiven | None = NOT_GIVEN,
    external_id: str | NotGiven | None = NOT_GIVEN,
    active: bool | NotGiven | None = NOT_GIVEN,
    options: SubscriptionOptions | JsonObject | NotGiven | None = NOT_GIVEN,
    filters: JsonObject | NotGiven | None = NOT_GIVEN,
    template: str | NotGiven | None = NOT_GIVEN,
    suppression_interval: int | NotGiven | None = NOT_GIVEN,
) -> Call[Subscription]:
    """`POST A/subscriptions/{subscription_id}`: what is given changes, `None` is sent as null."""
    changes = {
        "name": name,
        "notification_type": notification_type,
        "external_id": external_id,
        "active": active,
        "options": options,
        "filters": filters,
        "template": template,
        "suppression_interval": suppression_interval,
    }
    given = {field: value for field, value in changes.items() if value is not NOT_GIVEN}
    if not given:
        raise InputError("changes", f"needs one or more of: {', '.join(changes)}")
    body = _subscription_body({field: value for field, value in given.items() if value is not None})
    body |= {field: None for field, value in given.items() if value is None}
    where = _subscription(account_id, subscription_id)
    return update("update_subscription", "POST", where, body, one(Subscription))


def delete_subscription(account_id: str, subscription_id: str) -> Call[None]:
    """`DELETE A/subscriptions/{subscription_id}`."""
    return delete("delete_subscription", _subscription(account_id, subscription_id))


def batch_delete_subscriptions(account_id: str, ids: Sequence[str]) -> Call[None]:
    """`POST A/subscriptions/batch/delete`."""
    path = f"{account(account_id)}/subscriptions/batch/delete"
    body = {"ids": _rules.texts("ids", ids)}
    return post_once("batch_delete_subscriptions", path, body, nothing)


def get_account_subscription_subscribers(
    account_id: str, subscription_id: str
) -> Call[Rows[Subscriber]]:
    """`GET A/subscriptions/{subscription_id}/subscribers`."""
    where = f"{_subscription(account_id, subscription_id)}/subscribers"
    return read("get_account_subscription_subscribers", where, many(Subscriber, "subscribers"))


def add_subscriber(
    account_id: str, subscription_id: str, *, subscriber: str, subscriber_type: str
) -> Call[Subscriber]:
    """`POST A/subscriptions/{subscription_id}/subscribers`; the body repeats the path."""
    path = f"{_subscription(account_id, subscription_id)}/subscribers"
    body = {
        "subscriber": _rules.text("subscriber", subscriber),
        "subscriber_type": _rules.text("subscriber_type", subscriber_type),
        "account_id": account_id,
        "subscription_id": subscription_id,
    }
    return post_once("add_subscriber", path, body, one(Subscriber))


def remove_subscriber(
    account_id: str, subscription_id: str, *, subscriber: str, subscriber_type: str
) -> Call[None]:
    """`DELETE A/subscriptions/{subscription_id}/subscribers/{subscriber_type}/{subscriber}`."""
    path = (
        f"{_subscription(account_id, subscription_id)}/subscribers"
        f"{segment('subscriber_type', subscriber_type)}{segment('subscriber', subscriber)}"
    )
    return delete("remove_subscriber", path)


def batch_update_subscribers(
    account_id: str,
    subscription_id: str,
    subscribers: Sequence[SubscriberUpdate | JsonObject],
) -> Call[None]:
    """`POST A/subscriptions/{subscription_id}/subscribers/batch/update`."""
    path = f"{_subscription(account_id, subscription_id)}/subscribers/batch/update"
    body = {"subscribers": _subscribers("subscribers", subscribers, action=True)}
    return post_once("batch_update_subscribers", path, body, nothing)


def get_notification_types() -> Call[Rows[NotificationType]]:
    """`GET /herald/v2/notification_types`."""
    where = f"{ROOT}/notification_types"
    return read("get_notification_types", where, many(NotificationType, "notification_types"))


def get_account_integration(account_id: str, id: str) -> Call[Integration]:  # noqa: A002 - the documented name
    """`GET A/integrations/{id}`."""
    where = f"{account(account_id)}/integrations{segment('id', id)}"
    return read("get_account_integration", where, one(Integration))


def get_account_integrations(account_id: str) -> Call[Rows[Integration]]:
    """`GET A/integrations`."""
    where = f"{account(account_id)}/integrations"
    return read("get_account_integrations", where, many(Integration, "integrations"))


def get_integration_types() -> Call[Rows[IntegrationType]]:
    """`GET /herald/v2/integration_types`."""
    where = f"{ROOT}/integration_types"
    return read("get_integration_types", where, many(IntegrationType, "integration_types"))


def _subscription(account_id: str, subscription_id: str) -> str:
    return f"{account(account_id)}/subscriptions{segment('subscription_id', subscription_id)}"


def _given(rule: Callable[[str, object], Any], field: str, value: object) -> Any:
    return None if value is None else rule(field, value)


def _notification_type(field: str, value: object) -> object:
    _rules.notification_type(field, value)
    return value


def _subscribers(field: str, values: object, *, action: bool = False) -> list[dict[str, Any]]:
    return [
        _rules.subscriber(f"{field}[{index}]", each, action=action)
        for index, each in enumerate(_rules.sequence(field, values))
    ]


_SUBSCRIPTION_RULES: Mapping[str, Callable[[str, object], Any]] = {
    "name": _rules.text,
    "class_": _rules.text,
    "notification_type": _notification_type,
    "external_id": _rules.text,
    "subscribers": _subscribers,
    "active": _rules.boolean,
    "options": _rules.document,
    "filters": _rules.document,
    "template": _rules.text,
    "suppression_interval": _rules.suppression_interval,
}


def _subscription_body(given: Mapping[str, object]) -> dict[str, Any]:
    """Return the fields of a subscription as JSON, each by its rule."""
    return {
        wire_name(field): _SUBSCRIPTION_RULES[field](field, value) for field, value in given.items()
    }


def _page(reply: Reply) -> Page[Notification]:
    """Return a page: the envelope, a bare list, a single notification, or nothing at all."""
    value = None if not reply.content and reply.status == _NO_CONTENT else reply.json()
    if isinstance(value, dict) and isinstance(value.get("notifications", 0), list | None):
        page = part(_NotificationPage, value, reply)
        following = page.continuation_id or None
        return Page(page.notifications, following, page.total_count, value)
    if isinstance(value, list):
        return Page(part(tuple[Notification, ...], value, reply), raw=value)
    if isinstance(value, dict) and ("id" in value or "type" in value):
        return Page((part(Notification, value, reply),), raw=value)
    if value is None or value == {}:
        return Page(raw=value)
    raise DecodeError("expected a page of notifications @ $", reply.facts, "$")
