"""Herald: Alert Logic's notifications, and who is subscribed to them."""

from airview_herald._pagination import Page, Paginator
from airview_herald._rows import Rows
from airview_herald.herald._client import Herald
from airview_herald.herald._rules import NotGiven
from airview_herald.herald.models import (
    FailedSubscriber,
    Integration,
    IntegrationTestResult,
    IntegrationType,
    NotificationType,
    Stamp,
    Subscriber,
    SubscriberUpdate,
    Subscription,
    SubscriptionOptions,
)
from airview_herald.herald.notifications import (
    AssetData,
    Attachment,
    IntegrationResponse,
    IntegrationStatus,
    Notification,
    NotificationData,
    Payload,
    QueueConfig,
    QueueData,
    SentNotification,
    SentStatus,
)

__all__ = [
    "AssetData",
    "Attachment",
    "FailedSubscriber",
    "Herald",
    "Integration",
    "IntegrationResponse",
    "IntegrationStatus",
    "IntegrationTestResult",
    "IntegrationType",
    "NotGiven",
    "Notification",
    "NotificationData",
    "NotificationType",
    "Page",
    "Paginator",
    "Payload",
    "QueueConfig",
    "QueueData",
    "Rows",
    "SentNotification",
    "SentStatus",
    "Stamp",
    "Subscriber",
    "SubscriberUpdate",
    "Subscription",
    "SubscriptionOptions",
]
