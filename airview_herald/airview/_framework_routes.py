"""The routes of frameworks as values: how each is called, what each answers; no I/O.

A look-up by name spans every framework of the server, whatever ids its path has: only what belongs
to the parent that was asked about is an answer.
"""

from __future__ import annotations

import attrs

from airview_herald.airview._calls import create, find, many, one
from airview_herald.airview.frameworks import (
    Framework,
    FrameworkControlObjective,
    FrameworkControlObjectiveLink,
    FrameworkSection,
)
from airview_herald.transport._call import Call, Reply

_LINKS = "/frameworks/framework-control-objective-link/"


@attrs.frozen
class _Section:
    id: int
    name: str
    link: str
    framework_id: int | None = None


@attrs.frozen
class _Objective:
    id: int
    name: str
    link: str
    framework_section_id: int | None = None


@attrs.frozen
class _Link:
    framework_control_objective_id: int
    control_id: int


def get_frameworks(name: str) -> Call[list[Framework] | None]:
    """`GET /frameworks/?name=`: all the frameworks of that name."""
    return find("/frameworks/", {"name": name}, many(Framework))


def create_framework(framework: Framework) -> Call[Framework]:
    """`POST /frameworks/`."""
    body = {"name": framework.name, "link": framework.link}
    return create("/frameworks/", body, one(Framework))


def get_framework_sections(framework: Framework, name: str) -> Call[list[FrameworkSection] | None]:
    """`GET /frameworks/{id}/sections/?name=`: the framework's own sections of that name."""

    def decoder(reply: Reply) -> list[FrameworkSection]:
        rows = many(_Section)(reply)
        return [_section(row, framework) for row in rows if row.framework_id == framework.id]

    return find(_sections(framework), {"name": name}, decoder)


def create_framework_section(section: FrameworkSection) -> Call[FrameworkSection]:
    """`POST /frameworks/{id}/sections/`; the id in the body is the one that counts."""
    body = {"name": section.name, "link": section.link, "frameworkId": section.framework.id}
    return create(
        _sections(section.framework),
        body,
        lambda reply: _section(one(_Section)(reply), section.framework),
    )


def get_framework_control_objectives(
    section: FrameworkSection, name: str
) -> Call[list[FrameworkControlObjective] | None]:
    """`GET /frameworks/{id}/sections/{id}/control-objectives/?name=`: the section's own."""

    def decoder(reply: Reply) -> list[FrameworkControlObjective]:
        rows = many(_Objective)(reply)
        return [_objective(row, section) for row in rows if row.framework_section_id == section.id]

    return find(_objectives(section), {"name": name}, decoder)


def create_framework_control_objective(
    objective: FrameworkControlObjective,
) -> Call[FrameworkControlObjective]:
    """`POST /frameworks/{id}/sections/{id}/control-objectives/`; the id in the body counts."""
    section = objective.framework_section
    body = {"name": objective.name, "link": objective.link, "frameworkSectionId": section.id}
    return create(
        _objectives(section), body, lambda reply: _objective(one(_Objective)(reply), section)
    )


def get_framework_control_objective_link(
    objective_id: int, control_id: int
) -> Call[FrameworkControlObjectiveLink | None]:
    """`GET /frameworks/framework-control-objective-link/?controlId=&frameworkControlObjectiveId=`.

    The answer is a list: none or one.
    """
    wanted = FrameworkControlObjectiveLink(objective_id, control_id)

    def decoder(reply: Reply) -> FrameworkControlObjectiveLink | None:
        return wanted if wanted in map(_link, many(_Link)(reply)) else None

    query = {"controlId": control_id, "frameworkControlObjectiveId": objective_id}
    return find(_LINKS, query, decoder)


def create_framework_control_objective_link(
    objective_id: int, control_id: int
) -> Call[FrameworkControlObjectiveLink]:
    """`POST /frameworks/framework-control-objective-link/`."""
    body = {"frameworkControlObjectiveId": objective_id, "controlId": control_id}
    return create(_LINKS, body, lambda reply: _link(one(_Link)(reply)))


def _sections(framework: Framework) -> str:
    return f"/frameworks/{framework.id}/sections/"


def _objectives(section: FrameworkSection) -> str:
    return f"{_sections(section.framework)}{section.id}/control-objectives/"


def _section(row: _Section, framework: Framework) -> FrameworkSection:
    return FrameworkSection(row.name, row.link, framework, row.id)


def _objective(row: _Objective, section: FrameworkSection) -> FrameworkControlObjective:
    return FrameworkControlObjective(row.name, row.link, section, row.id)


def _link(row: _Link) -> FrameworkControlObjectiveLink:
    return FrameworkControlObjectiveLink(row.framework_control_objective_id, row.control_id)
