"""Defects of the documented client that are not repeated: encoding, and crashes on legal input.

A test for each, in the order in which they are known; `tests/defects_seen_red.py` puts them back.
"""

import ast
import inspect
import json
import re
from pathlib import Path

import attrs
import pytest
from stub_server import Response, StubServer

from airview_herald import AirView, airview
from airview_herald.airview import (
    Application,
    Backend,
    Control,
    Environment,
    ExclusionState,
    QualityModel,
    Resource,
    ResourceType,
    Service,
    TechnicalControl,
)
from airview_herald.errors import InputError

README = Path(__file__).parents[2] / "README.md"
AWKWARD = ["R&D", "#1", "a+b", "100%", "a b", "?name=x", "a/b\\c", "\u00e9\u4e16\U0001f600", "%41"]
ACCOUNT = Application("Payments", "payments", environment=Environment("Production", "PRD"))
CHECK = TechnicalControl("EC2 patching", "ec2-patching", "VULNERABILITY")
VM = ResourceType("vm", "VM", service=Service("ec2", "EC2", "VIRTUAL_MACHINE"))


@pytest.mark.parametrize("name", AWKWARD)
async def test_defect_15_names_are_escaped(sandbox, connect, event, name):
    """What has a name or a reference of any characters is found again, and not taken for others."""
    check = attrs.evolve(CHECK, control=Control(name, QualityModel.SECURITY))
    kind = ResourceType(name, "T", service=Service(name, "S", "DATABASE"))
    async with connect() as airview:
        await airview.handle_control(Control("a", QualityModel.SECURITY))
        await airview.handle_compliance_event(event("a"))
    for _ in range(2):
        async with connect(system_name=name) as airview:
            await airview.handle_compliance_event(event(name, technical_control=check))
            await airview.handle_resource(Resource(name, ACCOUNT, "named", kind))
    rows = sandbox.snapshot()
    assert [row["name"] for row in rows["system"]] == ["ccf", name]
    assert [row["name"] for row in rows["control"]][-1] == name
    assert len(rows["control"]) == 3
    assert [row["reference"] for row in rows["resource"]] == ["a", name]
    assert [row["name"] for row in rows["resource"]] == ["a", "named"]
    assert [row["reference"] for row in rows["resource_type"]] == [name]
    assert [row["resource_id"] for row in rows["monitored_resource"]] == [1, 2]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"application": attrs.evolve(ACCOUNT, reference="a:b")}, "application.reference"),
        ({"application": attrs.evolve(ACCOUNT, reference="a b")}, "application.reference"),
        ({"application": attrs.evolve(ACCOUNT, type="PRIVATE")}, "application.type"),
        ({"application": attrs.evolve(ACCOUNT, name="x" * 501)}, "application.name"),
        (
            {"application": attrs.evolve(ACCOUNT, environment=Environment("e", "x" * 11))},
            "application.environment.abbreviation",
        ),
        (
            {"technical_control": attrs.evolve(CHECK, reference="a%b")},
            "technical_control.reference",
        ),
        (
            {"technical_control": attrs.evolve(CHECK, control=Control("c", "SPEED"))},
            "technical_control.control.quality_model",
        ),
        ({"resource_reference": "x" * 501}, "resource_reference"),
        ({"status": "flagged"}, "status"),
        ({"additional_data": "x" * 8001}, "additional_data"),
    ],
)
async def test_defect_16_rules_are_checked_first(sandbox, connect, event, change, field):
    """What the server would refuse under way is refused before the first request."""
    async with connect() as airview:
        with pytest.raises(InputError) as caught:
            await airview.handle_compliance_event(attrs.evolve(event("i-1"), **change))
    assert caught.value.field == field
    assert len(sandbox.requests) == 0


async def test_defect_17_what_may_be_left_out_may_be_left_out(sandbox, connect, event):
    """A missing quality model is an error that names it; other optional parts are not needed."""
    bare = attrs.evolve(CHECK, control=Control("new"))
    async with connect() as airview:
        with pytest.raises(InputError, match=r"control\.quality_model"):
            await airview.handle_compliance_event(event("i-1", technical_control=bare))
        made = {table for table, rows in sandbox.snapshot().items() if rows}
        assert made == {"system"}
        await airview.handle_resource(Resource("untyped", ACCOUNT))
        await airview.handle_resource(
            Resource("unnamed", ACCOUNT, resource_type=ResourceType("t", "T"))
        )
        found = await airview.handle_resource_type(ResourceType("t", "T"))
    assert found == ResourceType("t", "T", 1)
    resources = sandbox.snapshot()["resource"]
    assert [(row["name"], row["resource_type_id"]) for row in resources] == [
        ("untyped", None),
        ("unnamed", 1),
    ]


async def test_defect_18_no_item_loses_the_list_of_exclusions(connect, caplog):
    """Repeated items come once; one of another feed's application, or without a state, is there."""
    ours = {"type": "aws_account_id", "reference": "1"}
    theirs = {"type": "_internal_reference", "reference": "x"}
    rows = [
        {"id": 1, "state": "PENDING", "applicationReferences": [theirs, ours]},
        {"id": 1, "state": "PENDING", "applicationReferences": [theirs, ours]},
        {"id": 2, "state": None, "applicationReferences": [theirs]},
    ]

    async def answer(request):
        if request.target.startswith("/systems/?"):
            return Response(200, b'{"id":1,"name":"ccf","stage":"MONITOR"}')
        common = {"reference": "i-1", "technicalControlReference": "ec2-patching"}
        return Response(200, json.dumps([row | common for row in rows]).encode())

    with StubServer(answer) as server:
        async with connect(server.url) as airview:
            found = await airview.get_exclusions_by_state("PENDING")
    assert [(each.id, each.application_reference, each.state) for each in found] == [
        (1, "1", ExclusionState.PENDING),
        (2, None, None),
    ]
    assert "without a reference of type 'aws_account_id': 2" in caplog.text


async def test_defect_19_an_application_is_updated(sandbox, connect, event):
    """An update is what the server takes: id, name and type."""
    async with connect() as airview:
        await airview.handle_compliance_event(event("i-1"))
        renamed = Application("Billing", "payments", "TECHNICAL_SERVICE", id=1)
        await airview.backend.update_application(renamed, 1)
    assert json.loads(sandbox.requests[-1].body) == {
        "id": 1,
        "name": "Billing",
        "applicationType": "TECHNICAL_SERVICE",
    }
    assert sandbox.snapshot()["application"] == [
        {"id": 1, "name": "Billing", "application_type": "TECHNICAL_SERVICE"}
    ]


def test_defect_20_the_readme_tells_of_what_exists():
    """Each operation and class that the README calls is there, and takes what it is given."""
    snippets = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    calls = [
        node
        for each in snippets
        for node in ast.walk(ast.parse(each))
        if isinstance(node, ast.Call)
    ]
    checked = 0
    for call in calls:
        *holder, name = ast.unparse(call.func).split(".")
        owner = {"airview": AirView, "backend": Backend, "": airview}.get((holder or [""])[-1])
        if owner is None or (owner is airview and name not in airview.__all__):
            continue
        parameters = set(inspect.signature(getattr(owner, name)).parameters)
        # What `**` gives has no name here; the README's tests run it.
        assert {each.arg for each in call.keywords if each.arg} <= parameters, name
        checked += 1
    assert checked > 10
