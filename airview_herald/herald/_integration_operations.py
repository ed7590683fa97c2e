"""Operations on integrations, and those that no definition describes."""

from __future__ import annotations

from functools import partial

from airview_herald._rows import Rows
from airview_herald.herald import _routes, _undocumented_routes
from airview_herald.herald._rules import JsonObject
from airview_herald.herald._sending import Operations
from airview_herald.herald.models import (
    Integration,
    IntegrationTestResult,
    IntegrationType,
    NotificationType,
)


class IntegrationOperations(Operations):
    """Read integrations, which Herald may have no more, and what lies off the documented way."""

    async def get_account_integration(
        self,
        id: str,  # noqa: A002 - the documented name
        *,
        account_id: str | None = None,
    ) -> Integration:
        """Return an integration; deprecated by Herald, which may answer 404.

        Route: `GET /herald/v2/{account_id}/integrations/{id}`.

        Args:
            id: Its id.
            account_id: The account; by default the configured one, else the login's.

        Raises:
            NotFoundError: The account has none of that id, or Herald has no integrations.
        """
        return await self._sender.send(partial(_routes.get_account_integration, id=id), account_id)

    async def get_account_integrations(self, *, account_id: str | None = None) -> Rows[Integration]:
        """Return the integrations of an account; deprecated by Herald, which may answer 404.

        Route: `GET /herald/v2/{account_id}/integrations`.

        Args:
            account_id: The account; by default the configured one, else the login's.
        """
        return await self._sender.send(_routes.get_account_integrations, account_id)

    async def get_integration_types(self) -> Rows[IntegrationType]:
        """Return the types of integrations; deprecated by Herald, which may answer 404.

        Route: `GET /herald/v2/integration_types`.
        """
        return await self._sender.send_for_all(_routes.get_integration_types())

    async def create_notification_type(
        self, notification_type: NotificationType | JsonObject
    ) -> NotificationType:
        """Create a type of notifications; undocumented: only a client of Alert Logic's shows it.

        Route: `POST /herald/v2/notification_types`.

        Args:
            notification_type: With its `notification_type`, such as `incidents/alerts`.

        Raises:
            ForbiddenError: Ordinary users may not.
        """
        return await self._sender.send_for_all(
            _undocumented_routes.create_notification_type(notification_type)
        )

    async def update_notification_type(
        self, notification_type: NotificationType | JsonObject
    ) -> NotificationType:
        """Replace a type of notifications; undocumented: only a client of Alert Logic's shows it.

        Route: `PUT /herald/v2/notification_types/{notification_type}`.

        Args:
            notification_type: With its `notification_type`, which says which one.

        Raises:
            ForbiddenError: Ordinary users may not.
        """
        return await self._sender.send_for_all(
            _undocumented_routes.update_notification_type(notification_type)
        )

    async def delete_notification_type(self, notification_type: str) -> None:
        """Delete a type of notifications; undocumented: only a client of Alert Logic's shows it.

        Route: `DELETE /herald/v2/notification_types/{notification_type}`.

        Args:
            notification_type: Which one, such as `incidents/alerts`.

        Raises:
            ForbiddenError: Ordinary users may not.
        """
        await self._sender.send_for_all(
            _undocumented_routes.delete_notification_type(notification_type)
        )

    async def test_integration(
        self, kind: str, body: JsonObject, *, account_id: str | None = None
    ) -> IntegrationTestResult:
        """Try a target of notifications; undocumented: only a client of Alert Logic's shows it.

        Route: `POST /herald/v2/{account_id}/{kind}/test`.

        Args:
            kind: `webhook`, `email` or `jira`.
            body: The target: `url`, `method`, `data` and `headers` of a webhook; `email`; or
                `email`, `api_token`, `reporter_id`, `jira_domain` and `project` of Jira. A value
                may be a `Secret`.
            account_id: The account; by default the configured one, else the login's.

        Returns:
            What the target answered.
        """
        return await self._sender.send(
            partial(_undocumented_routes.test_integration, kind=kind, body=body), account_id
        )
