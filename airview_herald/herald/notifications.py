"""Notifications: what is in them, and what became of them.

What a sender puts into `notification_data`, `asset_data` and `payload` depends on the type of the
notification: the attributes are what the documents show of incidents. A value that a sender put
there in another shape is in `extra`, and never keeps a notification from being read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from airview_herald._open import Id, LooseRow, OneOrMany, OpenRow, Quoted
from airview_herald.herald.models import Stamp, moment

__all__ = [
    "AssetData",
    "Attachment",
    "IntegrationResponse",
    "IntegrationStatus",
    "Notification",
    "NotificationData",
    "Payload",
    "QueueConfig",
    "QueueData",
    "SentNotification",
    "SentStatus",
]


@attrs.frozen(repr=False)
class NotificationData(LooseRow):
    """What a notification is about.

    Attributes:
        class_: The kind of attack, such as `web_attack_recon`; the wire says `class`.
        threat_level: Such as `high`.
        attackers: Addresses.
        targets: Addresses.
        status: Such as `open`.
        appliance: The name or the id of the appliance that saw it.
        detection_source: Such as `network_ids`.
    """

    class_: str | None = None
    threat_level: str | None = None
    attackers: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    status: str | None = None
    appliance: str | None = None
    detection_source: str | None = None


@attrs.frozen(repr=False)
class AssetData(LooseRow):
    """What a notification is about, among the account's assets.

    Attributes:
        deployment_id: The id of the deployment.
        tags: Maps of texts: `{"env": "prod"}`, or `{"key": "env", "value": "prod"}`.
        tag_keys: Maps of texts.
    """

    deployment_id: Id | None = None
    tags: tuple[Mapping[str, str], ...] = attrs.field(default=(), hash=False)
    tag_keys: tuple[Mapping[str, str], ...] = attrs.field(default=(), hash=False)


@attrs.frozen(repr=False)
class Payload(LooseRow):
    """What a notification's template is filled with: here an incident's; any other in `extra`.

    Attributes:
        analyst_notes: Text that may hold JSON.
        attack_summary: Text.
        cid: The customer's number, or its text.
        class_: The kind of attack; the wire says `class`.
        create_date: A moment in free text.
        customer_name: The customer's name.
        deployment_name: The deployment's name.
        incident_id: The short id of the incident.
        investigation_report: HTML.
        location_ip: An address.
        long_incident_id: The id that `get_sent_incident_notifications` takes.
        start_date: A moment in free text.
        status: The incident's status.
        threat: Such as `Medium`.
    """

    analyst_notes: str | None = None
    attack_summary: str | None = None
    cid: str | float | None = None
    class_: str | None = None
    create_date: str | None = None
    customer_name: str | None = None
    deployment_name: str | None = None
    incident_id: Id | None = None
    investigation_report: str | None = None
    location_ip: str | None = None
    long_incident_id: Id | None = None
    start_date: str | None = None
    status: str | None = None
    threat: str | None = None


@attrs.frozen(repr=False)
class Attachment(OpenRow):
    """A file that goes along with a notification.

    Attributes:
        name: Its file name.
        description: What it is.
        url: Where it is.
    """

    name: str | None = None
    description: str | None = None
    url: str | None = None


@attrs.frozen(repr=False)
class Notification(OpenRow):
    """A notification as it is stored.

    Attributes:
        id: Its id.
        account_id: The account.
        type: Such as `incidents/alerts`; records of Herald v1 have `feature` and `subkey` instead,
            in `extra`.
        notification_data: What it is about.
        asset_data: What it is about, among the assets.
        payload: What its template is filled with.
        attachments: Files that go along.
        status: `created`, `published`, or another.
        created: When and by whom it was created.
        modified: When and by whom it was last changed.
    """

    id: Id | None = None
    account_id: Id | None = None
    type: str | None = None
    notification_data: NotificationData | None = None
    asset_data: AssetData | None = None
    payload: Payload | None = None
    attachments: tuple[Attachment, ...] = ()
    status: Quoted | None = None
    created: Stamp | None = None
    modified: Stamp | None = None


@attrs.frozen(repr=False)
class SentStatus(OpenRow):
    """What became of a notification at one destination.

    Attributes:
        destination: An e-mail address, as far as is known.
        status: `PENDING`, `SENT`, `DELIVRD` (so spelt), `READ`, `FAILED`, or another.
        sent_at: Epoch seconds.
    """

    destination: str | None = None
    status: Quoted | None = None
    sent_at: float | None = None

    @property
    def sent_at_datetime(self) -> datetime | None:
        """`sent_at` as a moment in UTC; `None` also for a number that no calendar holds."""
        return moment(self.sent_at)


@attrs.frozen(repr=False)
class QueueConfig(OpenRow):
    """The integration that a queued notification goes to.

    Attributes:
        type: Such as `webhook`.
        target_url: Where it is called. It may hold a credential, and is not shown.
    """

    type: Quoted | None = None
    target_url: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(repr=False)
class QueueData(OpenRow):
    """A place in the queue of an integration.

    Attributes:
        id: Its id.
        config: Where it goes.
    """

    id: Id | None = None
    config: QueueConfig | None = None


@attrs.frozen(repr=False)
class IntegrationResponse(OpenRow):
    """What an integration answered.

    Attributes:
        code: Its status, a number or a text.
        body: What it said, as received.
    """

    code: str | float | None = None
    body: Any = attrs.field(default=None, hash=False)


@attrs.frozen(repr=False)
class IntegrationStatus(OpenRow):
    """What became of a notification at one integration.

    Attributes:
        type: Such as `webhook`.
        status: `QUEUED`, `SENT`, or another.
        integration_id: The id of the integration.
        queue_data: Its place in the queue.
        integration_response: What the integration answered.
    """

    type: Quoted | None = None
    status: Quoted | None = None
    integration_id: Id | None = None
    queue_data: QueueData | None = None
    integration_response: IntegrationResponse | None = None


@attrs.frozen(repr=False)
class SentNotification(OpenRow):
    """A notification about an incident, and what became of it.

    Attributes:
        id: Its id.
        type: Such as `incidents/alerts`; some records have `feature` only.
        subkey: Such as `incidents/medium`.
        subject: Its subject.
        statuses: What became of it, by destination.
        integration_statuses: What became of it, by integration; a lone one is a list of one.
        feature: Such as `incidents`.
    """

    id: Id | None = None
    type: str | None = None
    subkey: str | None = None
    subject: str | None = None
    statuses: tuple[SentStatus, ...] = ()
    integration_statuses: OneOrMany[IntegrationStatus] = ()
    feature: str | None = None
