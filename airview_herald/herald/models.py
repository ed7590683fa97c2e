"""What Herald holds: subscriptions, their subscribers, and what they can be subscribed to.

Every class is frozen, and every field optional: a field that an answer lacks, or that is null, is
`None`, and a list empty. Fields without an attribute of their own are in `extra`, and the whole
object as received is in `raw`. Sets of texts that the service may enlarge are plain texts.

What is in a notification is in `airview_herald.herald.notifications`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from airview_herald._open import Flag, Id, LooseRow, OneOrMany, OpenRow, Quoted

__all__ = [
    "FailedSubscriber",
    "Integration",
    "IntegrationTestResult",
    "IntegrationType",
    "NotificationType",
    "Stamp",
    "Subscriber",
    "SubscriberUpdate",
    "Subscription",
    "SubscriptionOptions",
]


def moment(seconds: float | None) -> datetime | None:
    """Return epoch seconds as a moment in UTC, or `None` for what no calendar holds."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


@attrs.frozen(repr=False)
class Stamp(OpenRow):
    """When something was done, and by whom.

    Attributes:
        at: Epoch seconds.
        by: The id of an AIMS user, or a name such as `System`.
    """

    at: float | None = None
    by: Id | None = None

    @property
    def at_datetime(self) -> datetime | None:
        """`at` as a moment in UTC; `None` also for a number that no calendar holds."""
        return moment(self.at)


@attrs.frozen(repr=False)
class Subscriber(OpenRow):
    """Who gets what a subscription lets through.

    Attributes:
        subscriber: The id of an AIMS user, or of a connection, as the type says.
        subscriber_type: `user` or `connection`; older records say more.
        id: Its own id, as `get_account_subscription` shows it.
        subscription_id: The id of the subscription, likewise.
        account_id: The account.
        display_name: What to call it.
    """

    subscriber: Id | None = None
    subscriber_type: Quoted | None = None
    id: Id | None = None
    subscription_id: Id | None = None
    account_id: Id | None = None
    display_name: str | None = None


@attrs.frozen(repr=False)
class SubscriberUpdate(OpenRow):
    """One step of `batch_update_subscribers`.

    Attributes:
        subscriber: The id of an AIMS user, or of a connection, as the type says.
        subscriber_type: `user` or `connection`.
        action: `add` or `delete`.
    """

    subscriber: str
    subscriber_type: str
    action: str


@attrs.frozen(repr=False)
class FailedSubscriber(OpenRow):
    """A subscriber that was refused, in an error or beside a subscription that was created.

    Attributes:
        subscriber: The id of an AIMS user, or of a connection, as the type says.
        subscriber_type: `user` or `connection`.
        error: The code of the reason.
        details: The reason, in one or more texts.
        id: Its own id, if it has one.
        subscription_id: The id of the subscription.
        account_id: The account.
    """

    subscriber: Id | None = None
    subscriber_type: Quoted | None = None
    error: str | None = None
    details: OneOrMany[str] = ()
    id: Id | None = None
    subscription_id: Id | None = None
    account_id: Id | None = None


@attrs.frozen(repr=False)
class SubscriptionOptions(LooseRow):
    """How a subscription's notifications are delivered; there may be more options, in `extra`.

    Attributes:
        include_attachments: Whether attachments go along.
        email_subject: The template of the subject, such as `{{threat}} incident`; or `False`.
        webhook_payload: The template of what a webhook is sent.
    """

    include_attachments: bool | None = None
    email_subject: str | bool | None = None
    webhook_payload: str | None = None


@attrs.frozen(repr=False)
class Subscription(OpenRow):
    """What an account wants to be told, and who is told.

    Attributes:
        id: Its id.
        account_id: The account.
        name: Its name, unique in the account.
        class_: `event` or `schedule`; the wire says `class`.
        notification_type: What it is about, such as `incidents/alerts`.
        active: Whether it lets anything through.
        created: When and by whom it was created.
        modified: When and by whom it was last changed.
        subscribers: Who is told; empty unless asked for with `include_subscribers`.
        subscriber_count: How many are told, likewise.
        options: How it is delivered.
        filters: What is let through: a tree of operators, as received.
        external_id: What it belongs to elsewhere: the schedule of one of class `schedule`.
        template: The key of the template.
        suppression_interval: How long a like notification is held back, in minutes.
        display_name: What to call it.
        last_notification: When it last let something through, as received.
        subscribers_failed: The subscribers that were refused when it was created.
    """

    id: Id | None = None
    account_id: Id | None = None
    name: str | None = None
    class_: Quoted | None = None
    notification_type: str | None = None
    active: Flag | None = None
    created: Stamp | None = None
    modified: Stamp | None = None
    subscribers: tuple[Subscriber, ...] = ()
    subscriber_count: float | None = None
    options: SubscriptionOptions | None = None
    filters: Any = attrs.field(default=None, hash=False)
    external_id: Id | None = None
    template: Quoted | None = None
    suppression_interval: float | None = None
    display_name: str | None = None
    last_notification: float | None = None
    subscribers_failed: tuple[FailedSubscriber, ...] = ()


@attrs.frozen(repr=False)
class NotificationType(OpenRow):
    """A type of notifications that there is.

    Attributes:
        notification_type: What it is called, such as `incidents/alerts`.
        name: What to call it.
        default_template: The name of the template that is used if a subscription names none.
        templates: The names of its templates; a subscription takes keys instead.
        default_email_subject: The template of the subject.
    """

    notification_type: str | None = None
    name: str | None = None
    default_template: str | None = None
    templates: tuple[str, ...] = ()
    default_email_subject: str | None = None


@attrs.frozen(repr=False)
class IntegrationType(OpenRow):
    """A kind of integrations that there is.

    Attributes:
        name: Such as `webhook`.
    """

    name: str | None = None


@attrs.frozen(repr=False)
class Integration(OpenRow):
    """Another service that notifications go to; superseded by the Connectors service.

    Attributes:
        id: Its id.
        account_id: The account.
        name: Its name.
        type: `webhook`; others have fields of their own, in `extra`.
        target_url: Where a webhook is called. It may hold a credential, and is not shown.
        headers: What goes along; the wire says `headers`, or `header`. Not shown either.
        created: When and by whom it was created.
        modified: When and by whom it was last changed.
    """

    id: Id | None = None
    account_id: Id | None = None
    name: str | None = None
    type: Quoted | None = None
    target_url: str | None = attrs.field(default=None, repr=False)
    headers: Mapping[str, str] | None = attrs.field(
        default=None, repr=False, hash=False, metadata={"older": "header"}
    )
    created: Stamp | None = None
    modified: Stamp | None = None


@attrs.frozen(repr=False)
class IntegrationTestResult(OpenRow):
    """What the target of `test_integration` answered.

    Attributes:
        rawbody: Its body.
        code: Its HTTP status.
    """

    rawbody: str | None = attrs.field(default=None, repr=False)
    code: str | float | None = None
