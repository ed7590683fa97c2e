"""Herald's objects, errors and listings as users write them; checked, never run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_type

from airview_herald.errors import ClientStatusError, PaginationError
from airview_herald.herald import (
    AssetData,
    FailedSubscriber,
    Notification,
    NotificationData,
    Page,
    Paginator,
    Payload,
    SentNotification,
    Stamp,
    Subscriber,
    SubscriberUpdate,
    Subscription,
    SubscriptionOptions,
)


async def listings(listing: Paginator[Notification]) -> str | None:
    """A page, every item, every page, and where to go on."""
    page = await listing
    assert_type(page, Page[Notification])
    assert_type(page.items, tuple[Notification, ...])
    assert_type(page.continuation_id, str | None)
    try:
        async for notification in listing:
            assert_type(notification, Notification)
            assert_type(notification.created, Stamp | None)
    except PaginationError as error:
        assert_type(error.message, str)
    async for page in listing.pages():
        assert_type(page, Page[Notification])
    return listing.resume_token


def objects(notification: Notification, sent: SentNotification, subscription: Subscription) -> None:
    """Fields are optional, lists are tuples, and what is unknown is beside them."""
    assert_type(notification.id, str | None)
    assert_type(notification.extra, Mapping[str, Any])
    assert_type(notification.raw, Mapping[str, Any])
    if notification.payload is not None:
        assert_type(notification.payload.class_, str | None)
        assert_type(notification.payload.cid, str | float | None)
    if notification.created is not None:
        assert_type(notification.created.at, float | None)
        assert_type(notification.created.at_datetime, datetime | None)
    for status in sent.statuses:
        assert_type(status.sent_at_datetime, datetime | None)
    for integration in sent.integration_statuses:
        assert_type(integration.status, str | None)
    assert_type(subscription.active, bool | None)
    assert_type(subscription.subscribers, tuple[Subscriber, ...])
    assert_type(subscription.subscribers_failed, tuple[FailedSubscriber, ...])


def made_by_hand() -> list[object]:
    """What goes into requests."""
    return [
        NotificationData(class_="web_attack_recon", attackers=("203.0.113.9",)),
        AssetData(tags=({"env": "prod"},)),
        Payload(cid=1, extra={"recommendations": "Patch"}),
        SubscriptionOptions(email_subject=False),
        Subscriber("U1", "user"),
        SubscriberUpdate("U1", "user", action="add"),
    ]


def refusals(error: ClientStatusError) -> None:
    """What an error body says."""
    assert_type(error.code, int | str | None)
    assert_type(error.path, str | None)
    assert_type(error.operation, str)
    assert_type(error.subscribers_failed, tuple[Any, ...])
