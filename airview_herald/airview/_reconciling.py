"""What was recorded before and is no longer listed: found by reading back, closed by events.

`/compliance/` names resources and technical controls by their references, which other systems may
use too; `/aggregations/compliance/` names them by their ids, which are nobody else's. So a pair is
taken from the first and confirmed by the second. Nothing that the client remembers is trusted: a
wrong event is not refused here, it closes somebody's finding.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import attrs

from airview_herald._quoted import printable
from airview_herald.airview._catalogue import Catalogue
from airview_herald.airview._coverage import Coverage
from airview_herald.airview._fan_out import for_each
from airview_herald.airview._notes import Asker
from airview_herald.airview._reading_routes import of_system
from airview_herald.airview._rules import Rules
from airview_herald.airview.enumerations import MonitoredResourceState
from airview_herald.airview.models import Application, ComplianceEvent, TechnicalControl
from airview_herald.airview.readings import ComplianceGroup
from airview_herald.errors import InputError

logger = logging.getLogger("airview_herald")

Reading = Callable[[], AbstractContextManager[Asker]]

_SELECT = ("environmentName", "resourceReference", "technicalControlReference")


@attrs.frozen
class _Covered:
    """A covered application as the server has it."""

    application: Application
    id: int
    placed: int
    environment: str
    flagged: frozenset[tuple[int, int]]


@attrs.frozen
class _Record:
    """Something recorded that the input does not list."""

    of: _Covered
    resource: str
    technical_control: str


class Reconciler:
    """Find what to close.

    Args:
        catalogue: What the client knows of the server.
        reading: Gives an asker, and puts what it spends on the run's account.
        at_once: How many reads to have under way.
        state: What is to become of what is no longer listed.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        reading: Reading,
        at_once: int,
        state: MonitoredResourceState | str,
    ) -> None:
        self._catalogue = catalogue
        self._reading = reading
        self._at_once = at_once
        self._state = state

    async def no_longer_listed(self, coverage: Coverage) -> Iterator[ComplianceEvent]:
        """Return the events that give what is no longer listed its new state.

        Take each right before it is admitted: what was given until then is listed, and left out.

        Routes: `GET /systems/`; `GET /referenced-application-environments/`, `GET /compliance/`
        and `GET /aggregations/compliance/{id}` for each application; `GET /technical-controls/`
        for each technical control and `GET /resources/` for each record to be closed; where a
        record is not FLAGGED, `GET /applications/{id}/application-environments` too.
        """
        with self._reading() as asker:
            system = await self._catalogue.look_at_system_again(asker)
        if system is None:
            for reference in coverage.named:
                coverage.miss(reference)
            return iter(())
        records: list[_Record] = []

        async def read(reference: str) -> None:
            records.extend(await self._unlisted(coverage, reference, system.name))

        await for_each(coverage.applications, read, at_once=self._at_once)
        controls = await self._technical_controls({r.technical_control for r in records})
        ours: list[_Record] = []
        unsure: list[_Record] = []

        async def confirm(record: _Record) -> None:
            control = controls.get(record.technical_control)
            if control is not None:
                resource_id = await self._resource_id(record)
                if resource_id is not None:
                    flagged = (control.id, resource_id) in record.of.flagged
                    (ours if flagged else unsure).append(record)

        await for_each(records, confirm, at_once=self._at_once)
        ours += await self._surely_ours(unsure, system.name)
        return (
            ComplianceEvent(
                record.resource,
                record.of.application,
                controls[record.technical_control],
                self._state,
            )
            for record in ours
            if not coverage.lists(
                record.of.application.reference, record.resource, record.technical_control
            )
        )

    async def _unlisted(self, coverage: Coverage, reference: str, system: str) -> list[_Record]:
        """Read back one application."""
        with self._reading() as asker:
            stored = await self._catalogue.look_at_application_again(asker, reference)
            if stored is None or stored.id is None or stored.application_environment_id is None:
                coverage.miss(reference)
                return []
            conditions = [*_of_system(stored.id, system)]
            if self._state == MonitoredResourceState.MONITORING:
                conditions.append("is_compliant eq false")
            rows = await asker.backend.get_compliance(_SELECT, " and ".join(conditions))
            findings = await asker.backend.get_flagged(stored.id)
        covered = _Covered(
            coverage.applications[reference] or stored,
            stored.id,
            stored.application_environment_id,
            stored.environment.name,
            frozenset((finding.id, each.id) for finding in findings for each in finding.resources),
        )
        return [
            record
            for record in _usable(covered, rows)
            if not coverage.lists(reference, record.resource, record.technical_control)
        ]

    async def _technical_controls(self, references: set[str]) -> dict[str, TechnicalControl]:
        """Return those of the references that are our system's."""
        found: dict[str, TechnicalControl] = {}

        async def look(reference: str) -> None:
            with self._reading() as asker:
                stored = await self._catalogue.look_at_technical_control_again(asker, reference)
            if stored is not None:
                found[reference] = stored

        await for_each(references, look, at_once=self._at_once)
        return found

    async def _resource_id(self, record: _Record) -> int | None:
        with self._reading() as asker:
            return await self._catalogue.resources.look_again(
                asker, record.resource, record.of.placed
            )

    async def _surely_ours(self, unsure: list[_Record], system: str) -> list[_Record]:
        """Return those records that are our system's although no list has their ids.

        To delete what is not there does no harm: the server shows no such row to anybody. To call
        it compliant would.
        """
        if self._state == MonitoredResourceState.DELETED:
            return unsure
        sure: dict[str, bool] = {}

        async def look(covered: _Covered) -> None:
            sure[covered.application.reference] = await self._is_unmistakable(covered, system)

        applications = {record.of.application.reference: record.of for record in unsure}
        await for_each(applications.values(), look, at_once=self._at_once)
        return [record for record in unsure if sure[record.of.application.reference]]

    async def _is_unmistakable(self, covered: _Covered, system: str) -> bool:
        """Whether what is filtered by names can only be of this environment and our system."""
        if of_system(system) is None:
            return False
        with self._reading() as asker:
            every = await asker.backend.get_application_environments(covered.id)
            names = [each.environment.name for each in every]
            # The server groups by system although it leaves the systems' names out.
            conditions = " and ".join(_of_system(covered.id, system))
            systems = await asker.backend.get_compliance(["systemName"], conditions)
        return names.count(covered.environment) == 1 and len(systems) == 1


def _of_system(application_id: int, system: str) -> Iterator[str]:
    """Yield the conditions for the records of a system, as far as the server can filter them."""
    yield f"applicationId eq {application_id}"
    if (condition := of_system(system)) is not None:
        yield condition


def _usable(covered: _Covered, rows: list[ComplianceGroup]) -> Iterator[_Record]:
    """Yield the records of an environment that can be looked up."""
    for row in rows:
        resource, control = row.resource_reference, row.technical_control_reference
        if row.environment_name != covered.environment or resource is None or control is None:
            continue
        try:
            Rules(row).key("resource_reference", resource)
            Rules(row).reference("technical_control.reference", control)
        except InputError as error:
            told = printable(str(error))
            logger.warning("a record of %s is left: %s", covered.application.reference, told)
        else:
            yield _Record(covered, resource, control)
