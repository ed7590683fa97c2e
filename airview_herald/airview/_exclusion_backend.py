"""The low-level client's methods for exclusion resources, which older releases serve."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TypeVar

from airview_herald._rows import Rows
from airview_herald.airview import _exclusion_routes
from airview_herald.airview._rules import Rules
from airview_herald.airview._sending import RouteMethods
from airview_herald.airview.exclusion_resources import ExclusionResource, ExclusionState
from airview_herald.errors import NotFoundError, NotServedError
from airview_herald.transport._call import Call

logger = logging.getLogger("airview_herald")

T = TypeVar("T")

# A system that no server has: ids begin at 1.
_NO_SYSTEM = 0
_TOLD = 10


class ExclusionBackend(RouteMethods):
    """The two documented methods whose routes AirView served before May 2023 only."""

    async def get_exclusion_resources(self, state: ExclusionState | str) -> Rows[ExclusionResource]:
        """Return the exclusion resources of this client's system that are in a state.

        Reading records nothing: of a system that the server does not know the list is empty.
        A resource whose application has no reference of this client's `referencing_type` is in
        the list with `application_reference=None`, and told on the logger `airview_herald`.

        Routes: `GET /systems/`, `GET /systems/{id}/exclusion-resources/`.

        Args:
            state: The state. Those that have none are in no list.

        Returns:
            Each resource once, in no defined order.

        Raises:
            NotServedError: The server's release does not have the route.
        """
        Rules(state).member("state", state, ExclusionState)
        system = await self._sender.find_system()
        # Without a system the server is asked all the same: whether it serves the route should
        # not hang on what it has recorded.
        found = await self._send_served(
            _exclusion_routes.get_exclusion_resources(
                _NO_SYSTEM if system is None else system.id, state, self.config.referencing_type
            )
        )
        self._tell_foreign([each.id for each in found if each.application_reference is None])
        return found

    async def set_exclusion_resource_state(
        self,
        id: int,  # noqa: A002 - the documented name
        state: ExclusionState | str,
    ) -> None:
        """Set the state of an exclusion resource: `PUT /exclusion-resources/{id}/`.

        Any state may follow any other.

        Args:
            id: The `id` of the exclusion resource.
            state: The state.

        Raises:
            ConflictError: There is no exclusion resource of that id.
            NotServedError: The server's release does not have the route.
        """
        rules = Rules(id)
        rules.integer("id", id)
        rules.member("state", state, ExclusionState)
        await self._send_served(_exclusion_routes.set_exclusion_resource_state(id, state))

    async def _send_served(self, call: Call[T]) -> T:
        """Send a call of a route that knows no 404: AirView's own one says there is no route."""
        try:
            return await self._sender.send(call)
        except NotFoundError as error:
            if not error.own:
                raise
            raise NotServedError(
                f"{error.method} {error.url} is not served: only AirView releases before May 2023 "
                "have exclusion resources",
                error.request,
            ) from error

    def _tell_foreign(self, ids: Sequence[int]) -> None:
        if ids:
            logger.warning(
                "%d exclusion resources are of applications without a reference of type %r: %s",
                len(ids),
                self.config.referencing_type,
                ", ".join(map(str, ids[:_TOLD])) + (", ..." if len(ids) > _TOLD else ""),
            )
