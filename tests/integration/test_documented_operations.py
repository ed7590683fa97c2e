"""Frameworks, links, exclusions and the reading routes against a running sandbox."""

import anyio
import attrs
import pytest

from airview_herald.airview import (
    Control,
    Framework,
    FrameworkControlObjective,
    FrameworkSection,
    ResourceType,
    Service,
)
from airview_herald.errors import BadRequestError

OBJECTIVE = FrameworkControlObjective(
    "AC-1",
    "/nist/ac-1",
    FrameworkSection("Access Control", "/nist/ac", Framework("NIST 800-53", "/nist")),
)
CONTROL = Control("Patch servers", "SECURITY", severity="HIGH")
KIND = ResourceType("AWS::EC2", "EC2", service=Service("ec2", "EC2", "VIRTUAL_MACHINE"))


async def test_links_are_made_once(sandbox, connect):
    """Fifty calls at once leave one row of each framework row, and one link."""
    async with connect() as airview, anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(airview.handle_framework_control_objective_link, OBJECTIVE, CONTROL)
            tasks.start_soon(airview.handle_resource_type_control_link, CONTROL, KIND)
    counts = {table: len(rows) for table, rows in sandbox.snapshot().items() if rows}
    assert counts == dict.fromkeys(
        (
            "control",
            "framework",
            "framework_section",
            "framework_control_objective",
            "framework_control_objective_link",
            "resource_type",
            "resource_type_control",
            "service",
        ),
        1,
    )


async def test_an_equally_named_section_of_another_framework_is_another(sandbox, connect):
    """Named look-ups search every framework on the server: only the right parent's rows count."""
    section = OBJECTIVE.framework_section
    elsewhere = attrs.evolve(section, framework=Framework("ISO 27001", "/iso"))
    async with connect() as airview:
        first = await airview.handle_framework_control_objective(OBJECTIVE)
        second = await airview.handle_framework_control_objective(
            attrs.evolve(OBJECTIVE, framework_section=elsewhere)
        )
    assert first.framework_section.id != second.framework_section.id
    assert [row["framework_id"] for row in sandbox.snapshot()["framework_section"]] == [1, 2]


async def test_what_is_recorded_is_read_back(connect, event):
    """Applications, quality models, overviews and flagged resources come back in typed rows."""
    given = event("i-1")
    async with connect() as airview:
        await airview.handle_compliance_event(given)
        backend = airview.backend
        (application,) = await backend.get_applications()
        assert await backend.get_application(application.id) == application
        (placed,) = await backend.get_application_environments(application.id)
        (flagged,) = await backend.get_flagged(application.id)
        assert application.name == "Payments"
        assert placed.environment.abbreviation == "PRD"
        assert flagged.technical_control_name == "EC2 patching"
        assert flagged.raised_date_time.tzinfo is not None
        renamed = attrs.evolve(given.application, id=application.id, name="Billing")
        await backend.update_application(renamed)
        assert (await backend.get_application(application.id)).name == "Billing"


async def test_an_exclusion_is_made_once_for_a_control(sandbox, connect, event):
    """A resource is excluded from a control once; the second time is the server's refusal."""
    async with connect() as airview:
        await airview.handle_compliance_event(event("i-1"))
        await airview.backend.create_exclusion("Accepted risk", 1, [1])
        with pytest.raises(BadRequestError, match="Exclusions already exist"):
            await airview.backend.create_exclusion("Accepted risk", 1, [1])
    assert len(sandbox.snapshot()["exclusion"]) == 1
