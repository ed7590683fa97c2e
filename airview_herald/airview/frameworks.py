"""Frameworks, and what they ask for, named as documented; built and checked as the other models.

A framework has sections, a section has control objectives, and an objective is linked to the
controls that serve it. The server has no update for any of them: what the first recording says
stays.
"""

from __future__ import annotations

import attrs

from airview_herald._shown import Shown

__all__ = [
    "Framework",
    "FrameworkControlObjective",
    "FrameworkControlObjectiveLink",
    "FrameworkSection",
]


@attrs.frozen
class Framework(Shown):
    """A framework that controls are held against: a standard, say.

    Attributes:
        name: Its key, at most 500 characters. The server accepts several frameworks of one name;
            the one with the lowest id counts.
        link: Where it is described, at most 500 characters; the server refuses one without.
        id: The server's id, filled in on what an operation returns.
    """

    name: str
    link: str
    id: int | None = None


@attrs.frozen
class FrameworkSection(Shown):
    """A section of a framework.

    Attributes:
        name: Its key within the framework, at most 500 characters; the lowest id counts.
        link: Where it is described, at most 500 characters; the server refuses one without.
        framework: The framework that it belongs to.
        id: The server's id, filled in on what an operation returns.
    """

    name: str
    link: str
    framework: Framework
    id: int | None = None


@attrs.frozen
class FrameworkControlObjective(Shown):
    """What a section of a framework asks for.

    Attributes:
        name: Its key within the section, at most 500 characters; the lowest id counts.
        link: Where it is described, at most 500 characters; the server refuses one without.
        framework_section: The section that it belongs to.
        id: The server's id, filled in on what an operation returns.
    """

    name: str
    link: str
    framework_section: FrameworkSection
    id: int | None = None


@attrs.frozen
class FrameworkControlObjectiveLink(Shown):
    """A control that serves a control objective: the pair of ids is the key.

    Attributes:
        framework_control_objective_id: The id of the control objective.
        control_id: The id of the control.
        id: Never filled in: the server has no id for it.
    """

    framework_control_objective_id: int
    control_id: int
    id: int | None = None
