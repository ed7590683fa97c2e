"""Operations on subscriptions and their subscribers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from airview_herald._rows import Rows
from airview_herald.herald import _routes
from airview_herald.herald._rules import NOT_GIVEN, JsonObject, NotGiven
from airview_herald.herald._sending import Operations
from airview_herald.herald.models import (
    Subscriber,
    SubscriberUpdate,
    Subscription,
    SubscriptionOptions,
)


class SubscriptionOperations(Operations):
    """Read subscriptions, change them, and say who is subscribed."""

    async def get_account_subscriptions(
        self,
        *,
        class_: str | None = None,
        external_id: str | None = None,
        notification_type: str | None = None,
        include_subscribers: bool | None = None,
        account_id: str | None = None,
    ) -> Rows[Subscription]:
        """Return the subscriptions of an account.

        Route: `GET /herald/v2/{account_id}/subscriptions`.

        Args:
            class_: Only those of a class, `event` or `schedule`; the wire says `class`.
            external_id: Only those of a schedule.
            notification_type: Only those to a type, such as `incidents/alerts`.
            include_subscribers: Whether to tell the subscribers of each; the server's default is
                not to.
            account_id: The account; by default the configured one, else the login's.
        """
        return await self._sender.send(
            partial(
                _routes.get_account_subscriptions,
                class_=class_,
                external_id=external_id,
                notification_type=notification_type,
                include_subscribers=include_subscribers,
            ),
            account_id,
        )

    async def get_account_subscription(
        self,
        subscription_id: str,
        *,
        include_subscribers: bool | None = None,
        account_id: str | None = None,
    ) -> Subscription:
        """Return a subscription.

        Route: `GET /herald/v2/{account_id}/subscriptions/{subscription_id}`.

        Args:
            subscription_id: Its id.
            include_subscribers: Whether to tell its subscribers; the server's default is not to.
            account_id: The account; by default the configured one, else the login's.

        Raises:
            NotFoundError: The account has none of that id.
        """
        return await self._sender.send(
            partial(
                _routes.get_account_subscription,
                subscription_id=subscription_id,
                include_subscribers=include_subscribers,
            ),
            account_id,
        )

    async def get_account_subscription_subscribers(
        self, subscription_id: str, *, account_id: str | None = None
    ) -> Rows[Subscriber]:
        """Return who is subscribed.

        Route: `GET /herald/v2/{account_id}/subscriptions/{subscription_id}/subscribers`.

        Args:
            subscription_id: The subscription's id.
            account_id: The account; by default the configured one, else the login's.

        Raises:
            NotFoundError: The account has no subscription of that id.
        """
        return await self._sender.send(
            partial(_routes.get_account_subscription_subscribers, subscription_id=subscription_id),
            account_id,
        )

    async def create_subscription(  # noqa: PLR0913 - the documented parameters, by keyword
        self,
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
        account_id: str | None = None,
    ) -> Subscription:
        """Create a subscription.

        Without an answer it is not sent again, since it may have been created; the error is
        `ambiguous`.

        Route: `POST /herald/v2/{account_id}/subscriptions`.

        Args:
            name: Its name, unique in the account.
            class_: `event`, or `schedule`, which needs an `external_id`; the wire says `class`.
            notification_type: What it is to, such as `incidents/alerts`.
            external_id: The schedule's id.
            subscribers: Who is told, each with `subscriber` and `subscriber_type` (`user` or
                `connection`).
            active: Whether it lets anything through; the server's default is that it does.
            options: How it is delivered.
            filters: What it lets through: a tree of operators, sent as it is.
            template: The key of a template.
            suppression_interval: Minutes for which a like notification is held back, 0 to 10080.
            account_id: The account; by default the configured one, else the login's.

        Returns:
            The subscription with its `id`; subscribers that were refused all the same are in its
            `subscribers_failed`.

        Raises:
            InputError: An argument breaks a rule; nothing was sent.
            BadRequestError: Herald refused it; `subscribers_failed` tells of subscribers.
            ForbiddenError: Herald refused it; likewise.
        """
        return await self._sender.send(
            partial(
                _routes.create_subscription,
                name=name,
                class_=class_,
                notification_type=notification_type,
                external_id=external_id,
                subscribers=subscribers,
                active=active,
                options=options,
                filters=filters,
                template=template,
                suppression_interval=suppression_interval,
            ),
            account_id,
        )

    async def update_subscription(  # noqa: PLR0913 - the documented parameters, by keyword
        self,
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
        account_id: str | None = None,
    ) -> Subscription:
        """Change a subscription: what is given changes, `None` is sent as null.

        Route: `POST /herald/v2/{account_id}/subscriptions/{subscription_id}`.

        Args:
            subscription_id: Its id.
            name: As for `create_subscription`, like all the others.
            notification_type: What it is to.
            external_id: The schedule's id.
            active: Whether it lets anything through.
            options: How it is delivered.
            filters: What it lets through.
            template: The key of a template.
            suppression_interval: Minutes, 0 to 10080.
            account_id: The account; by default the configured one, else the login's.

        Returns:
            The subscription as it is now; of some servers only what has changed.

        Raises:
            InputError: An argument breaks a rule, or nothing is given; nothing was sent.
            NotFoundError: The account has none of that id.
            ConflictError: Another one has that name.
        """
        return await self._sender.send(
            partial(
                _routes.update_subscription,
                subscription_id=subscription_id,
                name=name,
                notification_type=notification_type,
                external_id=external_id,
                active=active,
                options=options,
                filters=filters,
                template=template,
                suppression_interval=suppression_interval,
            ),
            account_id,
        )

    async def delete_subscription(
        self, subscription_id: str, *, account_id: str | None = None
    ) -> None:
        """Delete a subscription.

        Route: `DELETE /herald/v2/{account_id}/subscriptions/{subscription_id}`.

        Args:
            subscription_id: Its id.
            account_id: The account; by default the configured one, else the login's.

        Raises:
            NotFoundError: The account has none of that id. After an answer was lost that is no
                error: the first request did it.
        """
        await self._sender.send(
            partial(_routes.delete_subscription, subscription_id=subscription_id), account_id
        )

    async def batch_delete_subscriptions(
        self, ids: Sequence[str], *, account_id: str | None = None
    ) -> None:
        """Delete subscriptions.

        Route: `POST /herald/v2/{account_id}/subscriptions/batch/delete`.

        Args:
            ids: Their ids, one or more.
            account_id: The account; by default the configured one, else the login's.

        Raises:
            BadRequestError: Some were not deleted; they are the error's `unprocessed_items`, and
                the others are gone.
        """
        await self._sender.send(partial(_routes.batch_delete_subscriptions, ids=ids), account_id)

    async def add_subscriber(
        self,
        subscription_id: str,
        *,
        subscriber: str,
        subscriber_type: str,
        account_id: str | None = None,
    ) -> Subscriber:
        """Subscribe a user or a connection.

        Route: `POST /herald/v2/{account_id}/subscriptions/{subscription_id}/subscribers`.

        Args:
            subscription_id: The subscription's id.
            subscriber: The id of an AIMS user, or of a connection.
            subscriber_type: `user` or `connection`.
            account_id: The account; by default the configured one, else the login's.

        Raises:
            ConflictError: It is subscribed already.
        """
        return await self._sender.send(
            partial(
                _routes.add_subscriber,
                subscription_id=subscription_id,
                subscriber=subscriber,
                subscriber_type=subscriber_type,
            ),
            account_id,
        )

    async def remove_subscriber(
        self,
        subscription_id: str,
        *,
        subscriber: str,
        subscriber_type: str,
        account_id: str | None = None,
    ) -> None:
        """Unsubscribe a user or a connection.

        Route: `DELETE /herald/v2/{account_id}/subscriptions/{subscription_id}/subscribers/`
        `{subscriber_type}/{subscriber}`.

        Args:
            subscription_id: The subscription's id.
            subscriber: The id of an AIMS user, or of a connection.
            subscriber_type: `user` or `connection`.
            account_id: The account; by default the configured one, else the login's.

        Raises:
            NotFoundError: It is not subscribed, or there is no such subscription. After an answer
                was lost that is no error: the first request did it.
        """
        await self._sender.send(
            partial(
                _routes.remove_subscriber,
                subscription_id=subscription_id,
                subscriber=subscriber,
                subscriber_type=subscriber_type,
            ),
            account_id,
        )

    async def batch_update_subscribers(
        self,
        subscription_id: str,
        subscribers: Sequence[SubscriberUpdate | JsonObject],
        *,
        account_id: str | None = None,
    ) -> None:
        """Subscribe some and unsubscribe others.

        Route: `POST /herald/v2/{account_id}/subscriptions/{subscription_id}/subscribers/`
        `batch/update`.

        Args:
            subscription_id: The subscription's id.
            subscribers: Each with `subscriber`, `subscriber_type` and `action` (`add` or
                `delete`).
            account_id: The account; by default the configured one, else the login's.

        Raises:
            BadRequestError: Some were refused; they are the error's `subscribers_failed`. Whether
                the others were applied, only `get_account_subscription_subscribers` tells.
            ForbiddenError: Likewise.
        """
        await self._sender.send(
            partial(
                _routes.batch_update_subscribers,
                subscription_id=subscription_id,
                subscribers=subscribers,
            ),
            account_id,
        )
