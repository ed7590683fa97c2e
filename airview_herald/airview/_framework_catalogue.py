"""Frameworks, their sections and control objectives, and links: found or recorded once."""

from __future__ import annotations

import attrs

from airview_herald.airview._catalogue import Catalogue
from airview_herald.airview._notes import Asker
from airview_herald.airview.frameworks import (
    Framework,
    FrameworkControlObjective,
    FrameworkControlObjectiveLink,
    FrameworkSection,
)
from airview_herald.airview.models import Control


class FrameworkCatalogue:
    """The frameworks of one server, as far as this client has met them.

    Args:
        catalogue: Its other definitions.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._definitions = catalogue.definitions

    async def framework(self, asker: Asker, framework: Framework) -> Framework:
        """Return a framework with its id, recording it if it is new."""
        return await self._definitions.define(
            asker,
            ("framework", framework.name),
            framework,
            lambda: asker.backend.get_framework(framework),
            lambda: asker.backend.create_framework(framework),
        )

    async def section(self, asker: Asker, section: FrameworkSection) -> FrameworkSection:
        """Return a section with its ids, recording it and its framework if they are new."""
        framework = await self.framework(asker, section.framework)
        placed = attrs.evolve(section, framework=framework)
        return await self._definitions.define(
            asker,
            ("framework_section", f"{framework.id}/{section.name}"),
            section,
            lambda: asker.backend.get_framework_section(placed),
            lambda: asker.backend.create_framework_section(placed),
        )

    async def objective(
        self, asker: Asker, objective: FrameworkControlObjective
    ) -> FrameworkControlObjective:
        """Return a control objective with its ids, recording whatever of it is new."""
        section = await self.section(asker, objective.framework_section)
        placed = attrs.evolve(objective, framework_section=section)
        return await self._definitions.define(
            asker,
            ("framework_control_objective", f"{section.id}/{objective.name}"),
            objective,
            lambda: asker.backend.get_framework_control_objective(placed),
            lambda: asker.backend.create_framework_control_objective(placed),
        )

    async def link(
        self, asker: Asker, objective: FrameworkControlObjective, control: Control
    ) -> FrameworkControlObjectiveLink:
        """Return the link of a control objective to a control, recording whatever is new."""
        # The control comes first: if it lacks a quality model it may be impossible to record.
        linked = await self._catalogue.control(asker, control)
        placed = await self.objective(asker, objective)
        return await self._definitions.define(
            asker,
            ("framework_control_objective_link", f"{placed.id}/{linked.id}"),
            placed,
            lambda: asker.backend.get_framework_control_objective_link(placed, linked),
            lambda: asker.backend.create_framework_control_objective_link(placed, linked),
        )
