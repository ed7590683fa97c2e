"""The low-level client's methods that read what is recorded."""

from __future__ import annotations

from collections.abc import Sequence

from airview_herald._rows import Rows
from airview_herald.airview import _reading_routes
from airview_herald.airview._rules import Rules
from airview_herald.airview._sending import RouteMethods
from airview_herald.airview.enumerations import ApplicationType, QualityModel
from airview_herald.airview.models import TechnicalControl
from airview_herald.airview.readings import (
    ApplicationEnvironment,
    ComplianceGroup,
    ControlOverview,
    ControlOverviewResource,
    ControlOverviewTotals,
    FlaggedTechnicalControl,
    RecordedApplication,
)


class ReadingBackend(RouteMethods):
    """One method for each reading route.

    Lists are whole and in no defined order: the server has neither pages nor sorting. Of an
    application that is not there they are empty.
    """

    async def get_applications(
        self,
        type: ApplicationType | str | None = None,  # noqa: A002 - the field's own word
    ) -> Rows[RecordedApplication]:
        """Return all the applications, or those of a type: `GET /applications/`."""
        if type is not None:
            Rules(type).member("type", type, ApplicationType)
        return await self._sender.send(_reading_routes.get_applications(type))

    async def get_application(self, application_id: int) -> RecordedApplication | None:
        """Return an application, or `None`: `GET /applications/{id}`."""
        _check("application_id", application_id)
        return await self._sender.send(_reading_routes.get_application(application_id))

    async def get_application_environments(
        self, application_id: int
    ) -> Rows[ApplicationEnvironment]:
        """Return an application in its environments, with all its references.

        Route: `GET /applications/{id}/application-environments`.
        """
        _check("application_id", application_id)
        return await self._sender.send(_reading_routes.get_application_environments(application_id))

    async def get_application_environment_by_id(
        self, application_environment_id: int
    ) -> ApplicationEnvironment | None:
        """Return an application environment, or `None`: `GET /application-environments/{id}`."""
        _check("application_environment_id", application_environment_id)
        return await self._sender.send(
            _reading_routes.get_application_environment_by_id(application_environment_id)
        )

    async def get_technical_control_by_id(
        self, technical_control_id: int
    ) -> TechnicalControl | None:
        """Return a technical control of any system, or `None`: `GET /technical-controls/{id}`."""
        _check("technical_control_id", technical_control_id)
        return await self._sender.send(
            _reading_routes.get_technical_control_by_id(technical_control_id)
        )

    async def get_quality_models(self, application_id: int) -> list[QualityModel | str]:
        """Return the quality models of the controls that an application's resources are held to.

        Route: `GET /applications/{id}/quality-models/`.
        """
        _check("application_id", application_id)
        return await self._sender.send(_reading_routes.get_quality_models(application_id))

    async def get_control_overviews(
        self, application_id: int, quality_model: QualityModel | str | None = None
    ) -> Rows[ControlOverview]:
        """Return technical controls that apply to an application's resources.

        Route: `GET /applications/{id}/control-overviews/`.

        Args:
            application_id: The application's id.
            quality_model: Sent when given; present servers take no notice of it.

        Returns:
            At most 10 with present servers, and no saying which.
        """
        _check("application_id", application_id)
        if quality_model is not None:
            Rules(quality_model).member("quality_model", quality_model, QualityModel)
        return await self._sender.send(
            _reading_routes.get_control_overviews(application_id, quality_model)
        )

    async def get_flagged(self, application_id: int) -> Rows[FlaggedTechnicalControl]:
        """Return what is flagged of an application: `GET /aggregations/compliance/{id}`.

        Returns:
            An entry for each technical control and resource. Duplicate rows of a pair on the
            server are entries of their own, or repeat the resource within one.
        """
        _check("application_id", application_id)
        return await self._sender.send(_reading_routes.get_flagged(application_id))

    async def get_control_overview_totals(
        self, application_id: int
    ) -> ControlOverviewTotals | None:
        """Count the controls of an application: `GET /aggregations/control-overview-totals/{id}/`.

        Returns:
            The counts, of which only the total is right with present servers; `None` when they
            have none, as when nothing is flagged.
        """
        _check("application_id", application_id)
        return await self._sender.send(_reading_routes.get_control_overview_totals(application_id))

    async def get_control_overview_resources(
        self, application_id: int, technical_control_id: int
    ) -> Rows[ControlOverviewResource]:
        """Return an application's resources that a technical control applies to.

        Route: `GET /aggregations/control-overview-resources/{id}/`.

        Args:
            application_id: The application's id.
            technical_control_id: The technical control's id.

        Returns:
            The resources whose type has a service and is linked to the technical control's
            control; duplicate links or rows on the server repeat them.
        """
        _check("application_id", application_id)
        _check("technical_control_id", technical_control_id)
        return await self._sender.send(
            _reading_routes.get_control_overview_resources(application_id, technical_control_id)
        )

    async def get_compliance(
        self,
        select: Sequence[str],
        filter: str | None = None,  # noqa: A002 - the route's own word
    ) -> Rows[ComplianceGroup]:
        """Count monitored resources that are not DELETED: `GET /compliance/`.

        Args:
            select: What to group by, in the route's names: `applicationName`, `controlSeverity`
                and so on. `technicalControlName`, `systemName` and `systemStage` group, but the
                server leaves them out of its answer.
            filter: An OData expression over the same names, and `is_compliant`. The server
                lower-cases all of it, texts included: write `tolower(controlName) eq 'encrypt'`.

        Returns:
            A row for each distinct combination, in no defined order.
        """
        Rules(select).compliance(select, filter)
        return await self._sender.send(_reading_routes.get_compliance(select, filter))


def _check(field: str, identifier: int) -> None:
    Rules(identifier).integer(field, identifier)
