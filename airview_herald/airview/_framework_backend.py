"""The low-level client's methods for frameworks and what they ask for."""

from __future__ import annotations

from airview_herald.airview import _framework_routes
from airview_herald.airview._calls import first
from airview_herald.airview._rules import Rules
from airview_herald.airview._sending import RouteMethods
from airview_herald.airview.frameworks import (
    Framework,
    FrameworkControlObjective,
    FrameworkControlObjectiveLink,
    FrameworkSection,
)
from airview_herald.airview.models import Control


class FrameworkBackend(RouteMethods):
    """One documented method for each route of frameworks, sections, objectives and links."""

    async def get_framework(self, framework: Framework) -> Framework | None:
        """Return the framework of that name, the one with the lowest id, or `None`.

        Route: `GET /frameworks/`.
        """
        Rules(framework).framework("framework", framework)
        return first(await self._sender.send(_framework_routes.get_frameworks(framework.name)))

    async def create_framework(self, framework: Framework) -> Framework:
        """Record a framework: `POST /frameworks/`. The server accepts any number of one name."""
        Rules(framework).framework("framework", framework)
        return await self._sender.send(_framework_routes.create_framework(framework))

    async def get_framework_section(
        self, framework_section: FrameworkSection
    ) -> FrameworkSection | None:
        """Return the section of that name in its framework, or `None`.

        The server looks in all frameworks; sections of others are left out, and of equal ones the
        lowest id counts.

        Route: `GET /frameworks/{id}/sections/`.

        Args:
            framework_section: With the `id` of its framework.
        """
        _check_section(framework_section)
        return first(
            await self._sender.send(
                _framework_routes.get_framework_sections(
                    framework_section.framework, framework_section.name
                )
            )
        )

    async def create_framework_section(
        self, framework_section: FrameworkSection
    ) -> FrameworkSection:
        """Record a section: `POST /frameworks/{id}/sections/`.

        Args:
            framework_section: With the `id` of its framework.
        """
        _check_section(framework_section)
        return await self._sender.send(
            _framework_routes.create_framework_section(framework_section)
        )

    async def get_framework_control_objective(
        self, framework_control_objective: FrameworkControlObjective
    ) -> FrameworkControlObjective | None:
        """Return the control objective of that name in its section, or `None`.

        The server looks in all sections; objectives of others are left out, and of equal ones the
        lowest id counts.

        Route: `GET /frameworks/{id}/sections/{id}/control-objectives/`.

        Args:
            framework_control_objective: With the `id` of its section and of its framework.
        """
        _check_objective(framework_control_objective)
        return first(
            await self._sender.send(
                _framework_routes.get_framework_control_objectives(
                    framework_control_objective.framework_section, framework_control_objective.name
                )
            )
        )

    async def create_framework_control_objective(
        self, framework_control_objective: FrameworkControlObjective
    ) -> FrameworkControlObjective:
        """Record a control objective: `POST /frameworks/{id}/sections/{id}/control-objectives/`.

        Args:
            framework_control_objective: With the `id` of its section and of its framework.
        """
        _check_objective(framework_control_objective)
        return await self._sender.send(
            _framework_routes.create_framework_control_objective(framework_control_objective)
        )

    async def get_framework_control_objective_link(
        self, framework_control_objective: FrameworkControlObjective, control: Control
    ) -> FrameworkControlObjectiveLink | None:
        """Return the link between a control objective and a control, or `None`.

        Route: `GET /frameworks/framework-control-objective-link/`.

        Args:
            framework_control_objective: With its `id`.
            control: With its `id`.
        """
        pair = _linked(framework_control_objective, control)
        return await self._sender.send(
            _framework_routes.get_framework_control_objective_link(*pair)
        )

    async def create_framework_control_objective_link(
        self, framework_control_objective: FrameworkControlObjective, control: Control
    ) -> FrameworkControlObjectiveLink:
        """Link a control objective to a control, which the server does once for each pair.

        Route: `POST /frameworks/framework-control-objective-link/`.

        Args:
            framework_control_objective: With its `id`.
            control: With its `id`.
        """
        pair = _linked(framework_control_objective, control)
        return await self._sender.send(
            _framework_routes.create_framework_control_objective_link(*pair)
        )


def _check_section(section: FrameworkSection) -> None:
    rules = Rules(section)
    rules.framework_section("framework_section", section)
    rules.given("framework_section.framework.id", section.framework.id)


def _check_objective(objective: FrameworkControlObjective) -> None:
    rules = Rules(objective)
    field = "framework_control_objective"
    rules.framework_control_objective(field, objective)
    section = objective.framework_section
    rules.given(f"{field}.framework_section.id", section.id)
    rules.given(f"{field}.framework_section.framework.id", section.framework.id)


def _linked(objective: FrameworkControlObjective, control: Control) -> tuple[int, int]:
    """Return the ids of both."""
    field = "framework_control_objective"
    Rules(objective).framework_control_objective(field, objective)
    Rules(control).control("control", control)
    return (
        Rules(objective).given(f"{field}.id", objective.id),
        Rules(control).given("control.id", control.id),
    )
