"""Herald's client as its users write it; checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

import httpx

from airview_herald import Herald
from airview_herald.auth import AimsAuth
from airview_herald.errors import BadRequestError, PaginationError, StatusError
from airview_herald.herald import (
    AssetData,
    Attachment,
    Integration,
    IntegrationTestResult,
    IntegrationType,
    Notification,
    NotificationData,
    NotificationType,
    Page,
    Paginator,
    Payload,
    Rows,
    SentNotification,
    Stamp,
    Subscriber,
    SubscriberUpdate,
    Subscription,
    SubscriptionOptions,
)
from airview_herald.sandbox import Sandbox
from airview_herald.transport import PooledTransport, Reply, Retry


async def ask_for_code() -> str:
    """An MFA code may be awaited."""
    return "123456"


def clients() -> list[Herald]:
    """A client is built with whatever credential there is, or with that of the environment."""
    replies: list[Reply] = []
    return [
        Herald(),
        Herald(account_id="12345678", profile="prod", residency="emea"),
        Herald(access_key_id="id", secret_key="secret", global_endpoint="integration"),
        Herald(username="robin", password="secret", mfa_code=lambda: input("code: ")),
        Herald(username="robin", password="secret", mfa_code=ask_for_code),
        Herald(aims_token="token", http=PooledTransport()),
        Herald(
            auth=AimsAuth("id", "secret", url="https://aims.example.com"),
            http=httpx.AsyncClient(),
            timeout=httpx.Timeout(10),
            retry=Retry(attempts=2),
            headers={"X-Request-Source": "nightly"},
            allow_http=True,
            on_reply=replies.append,
        ),
    ]


async def notifications(herald: Herald) -> None:
    """A listing is a page when awaited, and every notification in a loop."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    listing = herald.get_account_notification_by_type(
        type="incidents/alerts", sort="asc", since=yesterday, until=2_000_000_000, limit=100
    )
    assert_type(listing, Paginator[Notification])
    page = await listing
    assert_type(page, Page[Notification])
    assert_type(page.to_records(), list[dict[str, Any]])
    assert_type(
        Rows([each async for each in herald.get_account_notification_by_type("a/b")]),
        Rows[Notification],
    )
    assert_type(page.continuation_id, str | None)
    async for notification in listing:
        assert_type(notification, Notification)
        assert_type(notification.id, str | None)
        assert_type(notification.created, Stamp | None)
        assert_type(notification.payload, Payload | None)
        assert_type(notification.extra, Mapping[str, Any])
    async for each in listing.pages():
        assert_type(each, Page[Notification])
    token = listing.resume_token
    assert_type(token, str | None)
    try:
        await herald.get_account_notification_by_type("incidents/alerts", resume=token)
    except PaginationError as error:
        assert_type(error.message, str)
    assert_type(await herald.get_notification("id"), Notification)
    assert_type(await herald.get_account_notification("id", account_id="87654321"), Notification)
    sent = await herald.get_sent_incident_notifications(long_incident_id="a1b2")
    assert_type(sent, Rows[SentNotification])


async def sending(herald: Herald) -> None:
    """What is sent is made of our classes, of mappings, or of both."""
    made = await herald.send_notification(
        type="incidents/notification",
        notification_data=NotificationData(class_="brute_force", threat_level="high"),
        asset_data=AssetData(deployment_id="d"),
        payload={"long_incident_id": "a1b2", "own": [1, 2]},
        attachments=[Attachment(name="a.png"), {"name": "b.png"}],
    )
    assert_type(made, Notification)
    same = await herald.sent_notification(
        type="incidents/notification", notification_data={}, asset_data={}, payload=Payload()
    )
    assert_type(same, Notification)


async def subscriptions(herald: Herald) -> None:
    """Subscriptions and their subscribers."""
    made = await herald.create_subscription(
        name="Critical",
        class_="event",
        notification_type="incidents/alerts",
        subscribers=[Subscriber(subscriber="u", subscriber_type="user")],
        options=SubscriptionOptions(include_attachments=True),
        filters={"=": [{"source": "notification.escalated"}, True]},
        suppression_interval=60,
    )
    assert_type(made, Subscription)
    assert_type(await herald.update_subscription("s", active=False, template=None), Subscription)
    assert_type(await herald.get_account_subscription("s"), Subscription)
    assert_type(await herald.get_account_subscriptions(class_="event"), Rows[Subscription])
    assert_type(await herald.get_account_subscription_subscribers("s"), Rows[Subscriber])
    added = await herald.add_subscriber("s", subscriber="u", subscriber_type="user")
    assert_type(added, Subscriber)
    await herald.remove_subscriber("s", subscriber="u", subscriber_type="user")
    await herald.batch_update_subscribers(
        "s", [SubscriberUpdate(subscriber="u", subscriber_type="user", action="add")]
    )
    await herald.delete_subscription("s")
    try:
        await herald.batch_delete_subscriptions(["a", "b"])
    except BadRequestError as error:
        assert_type(error.unprocessed_items, Any)
    except StatusError as error:
        assert_type(error.subscribers_failed, tuple[Any, ...])


async def the_rest(herald: Herald) -> None:
    """Integrations, types, and what is not documented."""
    assert_type(await herald.get_account_integration("i"), Integration)
    assert_type(await herald.get_account_integrations(), Rows[Integration])
    assert_type(await herald.get_integration_types(), Rows[IntegrationType])
    assert_type(await herald.get_notification_types(), Rows[NotificationType])
    kind = await herald.create_notification_type({"notification_type": "own/alerts"})
    assert_type(kind, NotificationType)
    await herald.update_notification_type(kind)
    await herald.delete_notification_type("own/alerts")
    tried = await herald.test_integration("webhook", {"url": "https://hooks.example.com"})
    assert_type(tried, IntegrationTestResult)


async def life() -> None:
    """A client is a context manager; a sibling sends otherwise."""

    def show(reply: Reply) -> None:
        assert_type(reply.request_id, str | None)

    with Sandbox() as sandbox:
        async with Herald(
            access_key_id=sandbox.herald.access_key_id,
            secret_key=sandbox.herald.secret_key,
            global_endpoint=sandbox.herald_url,
        ) as herald:
            assert_type(herald, Herald)
            sibling = herald.with_options(timeout=2, retry=Retry(attempts=1), on_reply=show)
            assert_type(sibling, Herald)


def credentials() -> str | None:
    """A credential of its own tells its account after the login."""
    auth = AimsAuth(username="robin", password="secret", mfa_code=ask_for_code, token="t")
    return auth.account_id
