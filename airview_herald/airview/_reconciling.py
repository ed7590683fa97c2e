"""What was recorded before and is no longer listed: found by reading back, closed by events.

`/compliance/` names resources and technical controls by their references, which other systems may
use too; `/aggregations/compliance/` names them by their ids, which are nobody else's. So a pair is
taken from the first and confirmed by the second.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import attrs

from airview_herald.airview import enumerations
from airview_herald.airview._catalogue import Catalogue
from airview_herald.airview._fan_out import for_each
from airview_herald.airview._notes import Asker
from airview_herald.airview._recording import lane_key
from airview_herald.airview._routes import System
from airview_herald.airview.enumerations import MonitoredResourceState
from airview_herald.airview.models import Application, ComplianceEvent, TechnicalControl

Reading = Callable[[], AbstractContextManager[Asker]]

_SELECT = ("environmentName", "resourceReference", "technicalControlReference")
# The server lower-cases a filter, and its grammar is not documented for any other letter.
_FILTERABLE = re.compile(r"[A-Za-z0-9_. /-]+")


@attrs.frozen
class Reconciliation:
    """What a batch does about records of its system that its input no longer lists.

    Attributes:
        state: What they become: MONITORING, for what is not MONITORING yet, or DELETED, for what
            is not DELETED yet.
        applications: Applications that the input covers besides those of its events. One whose
            last finding was fixed appears in no event, and is left alone unless it is here.
    """

    state: MonitoredResourceState | str = attrs.field(
        default=MonitoredResourceState.MONITORING, converter=enumerations.monitoring_state
    )
    applications: tuple[Application, ...] = attrs.field(default=(), converter=tuple)


class Coverage:
    """What an input lists.

    Args:
        applications: Applications that it covers from the beginning.

    Attributes:
        applications: By reference.
        doubt: Why some of the input is not known; empty as long as all of it is.
    """

    def __init__(self, applications: Iterable[Application]) -> None:
        self.applications: dict[str, Application] = {each.reference: each for each in applications}
        self.doubt: str = ""
        # 64 bits of each lane's key in place of three texts: a million events take some 60 MB.
        self._listed: set[int] = set()

    def note(self, event: Any, index: int) -> None:
        """Note an event, even one that breaks a rule: its record is not out of date."""
        try:
            key = lane_key(event)
            named = all(isinstance(part, str) and part for part in key)
        except AttributeError:
            named = False
        if named:
            self.applications.setdefault(event.application.reference, event.application)
            self._listed.add(hash(key))
        elif not self.doubt:
            self.doubt = f"input {index} does not say which resource it is about"

    def lists(self, application: str, resource: str, technical_control: str) -> bool:
        """Return whether an event was about this."""
        return hash((application, resource, technical_control)) in self._listed


@attrs.frozen
class _Record:
    """Something recorded that the input does not list."""

    application: Application
    placed: int
    resource: str
    technical_control: str
    flagged: frozenset[tuple[int, int]]


class Reconciler:
    """Find what to close.

    Args:
        catalogue: What the client knows of the server.
        reading: Gives an asker, and puts what it spends on the run's account.
        at_once: How many reads to have under way.
    """

    def __init__(self, catalogue: Catalogue, reading: Reading, at_once: int) -> None:
        self._catalogue = catalogue
        self._reading = reading
        self._at_once = at_once

    async def no_longer_listed(
        self, coverage: Coverage, state: MonitoredResourceState | str
    ) -> list[ComplianceEvent]:
        """Return the events that give what is no longer listed its new state.

        Routes: `GET /compliance/` and `GET /aggregations/compliance/{id}` for each application,
        `GET /technical-controls/` and `GET /resources/` for what is not known yet.
        """
        with self._reading() as asker:
            system = await asker.sender.find_system()
        if system is None:
            return []
        records: list[_Record] = []

        async def read(application: Application) -> None:
            records.extend(await self._unlisted(coverage, application, system, state))

        await for_each(coverage.applications.values(), read, at_once=self._at_once)
        controls = await self._technical_controls({r.technical_control for r in records})
        events: list[ComplianceEvent] = []

        async def confirm(record: _Record) -> None:
            control = controls.get(record.technical_control)
            if control is not None and await self._is_ours(record, control, system):
                events.append(ComplianceEvent(record.resource, record.application, control, state))

        await for_each(records, confirm, at_once=self._at_once)
        return events

    async def _unlisted(
        self,
        coverage: Coverage,
        application: Application,
        system: System,
        state: MonitoredResourceState | str,
    ) -> list[_Record]:
        """Read back one application."""
        with self._reading() as asker:
            stored = await self._catalogue.look_up(
                asker, ("application", application.reference), application
            )
            if stored is None or stored.id is None or stored.application_environment_id is None:
                return []
            conditions = [f"applicationId eq {stored.id}"]
            if _FILTERABLE.fullmatch(system.name):
                conditions.append(f"tolower(systemName) eq '{system.name.lower()}'")
            if state == MonitoredResourceState.MONITORING:
                conditions.append("is_compliant eq false")
            rows = await asker.backend.get_compliance(_SELECT, " and ".join(conditions))
            findings = await asker.backend.get_flagged(stored.id)
        placed = stored.application_environment_id
        flagged = frozenset(
            (finding.id, resource.id) for finding in findings for resource in finding.resources
        )
        return [
            _Record(application, placed, resource, control, flagged)
            for row in rows
            if row.environment_name == stored.environment.name
            and (resource := row.resource_reference) is not None
            and (control := row.technical_control_reference) is not None
            and not coverage.lists(application.reference, resource, control)
        ]

    async def _technical_controls(self, references: set[str]) -> dict[str, TechnicalControl]:
        """Return those of the references that are our system's."""
        found: dict[str, TechnicalControl] = {}

        async def look(reference: str) -> None:
            with self._reading() as asker:
                stored = await self._catalogue.look_up_technical_control(asker, reference)
            if stored is not None:
                found[reference] = stored

        await for_each(references, look, at_once=self._at_once)
        return found

    async def _is_ours(self, record: _Record, control: TechnicalControl, system: System) -> bool:
        """Whether it was recorded by our system, for this environment of the application."""
        with self._reading() as asker:
            resource_id = await self._catalogue.look_up_resource(
                asker, record.resource, record.placed
            )
        if resource_id is None or control.id is None:
            return False
        # The ids of what is not flagged are in no list: there the filter has to be trusted.
        confirmed = (control.id, resource_id) in record.flagged
        return confirmed or _FILTERABLE.fullmatch(system.name) is not None
