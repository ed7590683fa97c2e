"""AirView's reading routes as values: how each is called, what each answers; no I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs

from airview_herald._rows import Rows
from airview_herald.airview import enumerations
from airview_herald.airview._calls import find, many, one, read, read_all, target
from airview_herald.airview.enumerations import QualityModel
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
from airview_herald.transport._call import Call, Reply

# The server lower-cases filters, and documents nothing for other characters.
_FILTERABLE = re.compile(r"[A-Za-z0-9_. /-]+")


@attrs.frozen
class _QualityModel:
    name: QualityModel | str = attrs.field(converter=enumerations.named_quality_model)


def get_applications(application_type: str | None) -> Call[Rows[RecordedApplication]]:
    """`GET /applications/`, or those of a type: `?applicationType=`."""
    query = {} if application_type is None else {"applicationType": application_type}
    return read_all(target("/applications/", query), many(RecordedApplication))


def get_application(application_id: int) -> Call[RecordedApplication | None]:
    """`GET /applications/{id}`."""
    return find(f"/applications/{application_id}", {}, one(RecordedApplication))


def get_application_environments(application_id: int) -> Call[Rows[ApplicationEnvironment]]:
    """`GET /applications/{id}/application-environments`."""
    where = f"/applications/{application_id}/application-environments"
    return read_all(where, many(ApplicationEnvironment))


def get_application_environment_by_id(
    application_environment_id: int,
) -> Call[ApplicationEnvironment | None]:
    """`GET /application-environments/{id}`."""
    where = f"/application-environments/{application_environment_id}"
    return find(where, {}, one(ApplicationEnvironment))


def get_technical_control_by_id(technical_control_id: int) -> Call[TechnicalControl | None]:
    """`GET /technical-controls/{id}`."""
    return find(f"/technical-controls/{technical_control_id}", {}, one(TechnicalControl))


def get_quality_models(application_id: int) -> Call[list[QualityModel | str]]:
    """`GET /applications/{id}/quality-models/`."""

    def decoder(reply: Reply) -> list[QualityModel | str]:
        return [row.name for row in many(_QualityModel)(reply)]

    return read_all(f"/applications/{application_id}/quality-models/", decoder)


def get_control_overviews(
    application_id: int, quality_model: str | None
) -> Call[Rows[ControlOverview]]:
    """`GET /applications/{id}/control-overviews/?qualityModel=`."""
    query = {} if quality_model is None else {"qualityModel": quality_model}
    where = f"/applications/{application_id}/control-overviews/"
    return read_all(target(where, query), many(ControlOverview))


def get_flagged(application_id: int) -> Call[Rows[FlaggedTechnicalControl]]:
    """`GET /aggregations/compliance/{id}`."""
    return read_all(f"/aggregations/compliance/{application_id}", many(FlaggedTechnicalControl))


def get_control_overview_totals(application_id: int) -> Call[ControlOverviewTotals | None]:
    """`GET /aggregations/control-overview-totals/{id}/`: `{}` when nothing is flagged."""

    def decoder(reply: Reply) -> ControlOverviewTotals | None:
        return None if reply.json() == {} else one(ControlOverviewTotals)(reply)

    return read(f"/aggregations/control-overview-totals/{application_id}/", decoder)


def get_control_overview_resources(
    application_id: int, technical_control_id: int
) -> Call[Rows[ControlOverviewResource]]:
    """`GET /aggregations/control-overview-resources/{id}/?technicalControlId=`."""
    where = f"/aggregations/control-overview-resources/{application_id}/"
    query = {"technicalControlId": technical_control_id}
    return read_all(target(where, query), many(ControlOverviewResource))


def of_system(name: str) -> str | None:
    """Return the filter for the records of a system; `None` for a name that none can hold."""
    return f"tolower(systemName) eq '{name.lower()}'" if _FILTERABLE.fullmatch(name) else None


def get_compliance(select: Sequence[str], filter_: str | None) -> Call[Rows[ComplianceGroup]]:
    """`GET /compliance/?$select=&$filter=`."""
    query = {"$select": ",".join(select)}
    if filter_:
        query["$filter"] = filter_
    return read_all(target("/compliance/", query), many(ComplianceGroup))
