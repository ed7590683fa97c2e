"""Operations on notifications: sending, reading, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from airview_herald._pagination import Page, Paginator
from airview_herald._rows import Rows
from airview_herald.herald import _routes
from airview_herald.herald._rules import JsonObject
from airview_herald.herald._sending import Operations
from airview_herald.herald.models import NotificationType
from airview_herald.herald.notifications import (
    AssetData,
    Attachment,
    Notification,
    NotificationData,
    Payload,
    SentNotification,
)


class NotificationOperations(Operations):
    """Send notifications, and read them."""

    async def get_account_notification(
        self, notification_id: str, *, account_id: str | None = None
    ) -> Notification:
        """Return a notification of an account.

        Route: `GET /herald/v2/{account_id}/notifications/{notification_id}`.

        Args:
            notification_id: Its id.
            account_id: The account; by default the configured one, else the login's.

        Raises:
            NotFoundError: The account has none of that id.
        """
        return await self._sender.send(
            partial(_routes.get_account_notification, notification_id=notification_id), account_id
        )

    async def get_notification(self, notification_id: str) -> Notification:
        """Return a notification, of whatever account.

        Route: `GET /herald/v2/notifications/{notification_id}`.

        Args:
            notification_id: Its id.

        Raises:
            ForbiddenError: Its account is not the credential's to read.
            NotFoundError: There is none of that id.
        """
        return await self._sender.send_for_all(_routes.get_notification(notification_id))

    def get_account_notification_by_type(  # noqa: PLR0913 - the documented parameters, by keyword
        self,
        type: str,  # noqa: A002 - the documented name
        *,
        sort: str | None = None,
        since: float | datetime | None = None,
        until: float | datetime | None = None,
        limit: int | None = None,
        continuation_id: str | None = None,
        resume: str | None = None,
        account_id: str | None = None,
    ) -> Paginator[Notification]:
        """List the notifications of a type: `await` a page, or `async for` over every one.

        ```python
        async for notification in herald.get_account_notification_by_type("incidents/alerts"):
            ...
        ```

        Nothing is sent before a page is asked for, and each page is one request.

        Route: `GET /herald/v2/{account_id}/notifications/{type}`.

        Args:
            type: Two parts with a slash between, such as `incidents/alerts`.
            sort: `desc`, the newest first, which is the server's default, or `asc`.
            since: The earliest creation, in epoch seconds or as an aware datetime.
            until: The latest creation, likewise.
            limit: Notifications per page at most, 1 or more.
            continuation_id: Where to start: that of an earlier page.
            resume: Where to go on: an earlier listing's `resume_token`, with the same arguments: a
                `since` that moves with the clock has to be stored with the token. Ascending
                listings go on whatever was sent meanwhile; see `Paginator` for descending ones.
            account_id: The account; by default the configured one, else the login's.

        Raises:
            InputError: An argument breaks a rule.
        """
        listing = partial(
            _routes.get_account_notification_by_type,
            type=type,
            sort=sort,
            since=since,
            until=until,
            limit=limit,
        )

        async def fetch(cursor: str | None) -> Page[Notification]:
            return await self._sender.send(partial(listing, continuation_id=cursor), account_id)

        self._sender.build(partial(listing, continuation_id=continuation_id), account_id)
        return Paginator(
            fetch,
            query=self._sender.build(listing, account_id).target,
            identify=lambda notification: notification.id,
            start=continuation_id,
            resume=resume,
            most_pages=self._sender.options.limits.pages,
            most_items=self._sender.options.limits.items,
        )

    async def get_sent_incident_notifications(
        self, long_incident_id: str, *, account_id: str | None = None
    ) -> Rows[SentNotification]:
        """Return what was sent for an incident, with the state of each delivery.

        Route: `GET /herald/v2/{account_id}/notifications/type/incidents/alerts/{long_incident_id}`.

        Args:
            long_incident_id: The incident's long id.
            account_id: The account; by default the configured one, else the login's.

        Raises:
            NotFoundError: Nothing was sent for an incident of that id.
        """
        return await self._sender.send(
            partial(_routes.get_sent_incident_notifications, long_incident_id=long_incident_id),
            account_id,
        )

    async def send_notification(  # noqa: PLR0913 - the documented parameters, by keyword
        self,
        *,
        type: str,  # noqa: A002 - the documented name
        notification_data: NotificationData | JsonObject,
        asset_data: AssetData | JsonObject,
        payload: Payload | JsonObject,
        attachments: Sequence[Attachment | JsonObject] | None = None,
        account_id: str | None = None,
    ) -> Notification:
        """Send a notification to all whose subscription lets it through.

        It is accepted here and delivered later: see `get_sent_incident_notifications`. Without an
        answer it is not sent again, since it may have been accepted; the error is `ambiguous`.
        `sent_notification`, the documented name, is the same operation.

        Route: `POST /herald/v2/{account_id}/notifications`.

        Args:
            type: Two parts with a slash between, such as `incidents/notification`.
            notification_data: What it is about.
            asset_data: What it concerns.
            payload: What templates and webhooks get; depends on the type.
            attachments: Files, by their URLs.
            account_id: The account; by default the configured one, else the login's.

        Returns:
            The notification as stored, with its `id`.

        Raises:
            InputError: An argument breaks a rule; nothing was sent.
            BadRequestError: Herald refused it; `code` says why.
            PayloadTooLargeError: It is too large.
        """
        return await self._sender.send(
            partial(
                _routes.sent_notification,
                type=type,
                notification_data=notification_data,
                asset_data=asset_data,
                payload=payload,
                attachments=attachments,
            ),
            account_id,
        )

    sent_notification = send_notification

    async def get_notification_types(self) -> Rows[NotificationType]:
        """Return the types of notifications that there are.

        Route: `GET /herald/v2/notification_types`.
        """
        return await self._sender.send_for_all(_routes.get_notification_types())
