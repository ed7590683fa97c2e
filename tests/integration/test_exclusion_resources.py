"""Exclusion resources: of servers that have them, and of those that no longer do."""

import json
import logging

import pytest
from stub_server import Response, StubServer

from airview_herald.airview import ExclusionResource, ExclusionState
from airview_herald.errors import (
    ConflictError,
    DecodeError,
    InputError,
    NotFoundError,
    NotServedError,
    StatusError,
)
from airview_herald.sandbox import Sandbox
from airview_herald.transport import Retry

NOT_SERVED = "only AirView releases before May 2023 have exclusion resources"
ITEM = {
    "applicationReferences": [
        {"reference": "payments", "type": "_internal_reference"},
        {"reference": "123456789012", "type": "aws_account_id"},
        {"reference": "other", "type": "aws_account_id"},
    ],
    "id": 55,
    "reference": "i-0abc",
    "state": "PENDING",
    "technicalControlReference": "ec2-patching",
}


@pytest.fixture
def sandbox():
    """A server of a release that still has exclusion resources."""
    with Sandbox(exclusion_resources=True) as running:
        yield running


@pytest.fixture
async def recorded(sandbox, connect, event):
    """A new client of that server, where another one has recorded two resources."""
    async with connect() as airview:
        for resource in ("i-1", "i-2"):
            await airview.handle_compliance_event(event(resource))
    sandbox.requests.clear()
    async with connect() as airview:
        yield airview


@pytest.fixture
def answering(connect):
    """A client of a server that answers every look-up of a system, and one thing otherwise."""

    def make(status, body):
        async def answer(request):
            if "/exclusion-resources/" in request.target:
                return Response(status, body)
            return Response(200, b'{"id":4,"name":"ccf","stage":"MONITOR"}')

        server = StubServer(answer)
        return server, lambda: connect(server.url, retry=Retry(attempts=1))

    return make


async def test_each_is_read_once(sandbox, recorded):
    """The server repeats an item for each reference of its application; here it comes once."""
    sandbox.add_exclusion_resource(1, 1)
    sandbox.add_exclusion_resource(1, 2)
    sandbox.add_exclusion_resource(1, 2, "ACTIVE")
    found = await recorded.get_exclusions_by_state("PENDING")
    assert found == [
        ExclusionResource(1, "i-1", "ec2-patching", "payments", ExclusionState.PENDING),
        ExclusionResource(2, "i-2", "ec2-patching", "payments", ExclusionState.PENDING),
    ]
    assert [type(each.state) for each in found] == [ExclusionState, ExclusionState]
    assert [each.target for each in sandbox.requests] == [
        "/airview/systems/?name=ccf",
        "/airview/systems/1/exclusion-resources/?state=PENDING",
    ]


async def test_the_system_is_looked_up_once(sandbox, recorded):
    """What a client knows of its system it does not ask for again."""
    for _ in range(2):
        await recorded.get_exclusions_by_state("PENDING")
    assert [each.path for each in sandbox.requests].count("/airview/systems/") == 1


async def test_reading_records_nothing(sandbox, connect):
    """A system that the server does not know has no exclusions, and is not made by asking."""
    async with connect() as airview:
        assert await airview.get_exclusions_by_state(ExclusionState.ACTIVE) == []
    assert {each.method for each in sandbox.requests} == {"GET"}
    assert sandbox.snapshot()["system"] == []


async def test_a_state_is_set(sandbox, recorded):
    """What was decided is there at the next reading, and no longer under its old state."""
    item = sandbox.add_exclusion_resource(1, 1)
    assert await recorded.set_exclusion_resource_state(item, ExclusionState.ACTIVE) is None
    assert sandbox.requests[-1].target == "/airview/exclusion-resources/1/"
    assert json.loads(sandbox.requests[-1].body) == {"id": 1, "state": "ACTIVE"}
    assert await recorded.get_exclusions_by_state("PENDING") == []
    (found,) = await recorded.get_exclusions_by_state("ACTIVE")
    assert found.id == item


async def test_a_state_is_set_again_when_its_answer_is_lost(sandbox, recorded):
    """The state says all, so a request that may have been served is sent again."""
    item = sandbox.add_exclusion_resource(1, 1)
    sandbox.force("PUT", "/exclusion-resources/{id}/", 502, times=1)
    await recorded.backend.set_exclusion_resource_state(item, "NONE")
    assert [each.status for each in sandbox.requests] == [502, 204]
    assert sandbox.snapshot()["exclusion_resource"][0]["state"] == "NONE"


async def test_an_unknown_item_is_a_conflict(sandbox, recorded):
    """AirView's bare "Conflict" is its own word, and its class says what it is."""
    with pytest.raises(
        ConflictError, match=r"/exclusion-resources/9/ answered 409: Conflict$"
    ) as e:
        await recorded.set_exclusion_resource_state(9, "ACTIVE")
    assert e.value.own
    assert len(sandbox.requests) == 1


async def test_an_application_of_another_feed_is_told(sandbox, recorded, connect, caplog):
    """Without a reference of our type the item is there without one, and a warning names it."""
    for _ in range(11):
        sandbox.add_exclusion_resource(1, 1)
    async with connect(referencing_type="repository") as airview:
        found = await airview.get_exclusions_by_state("PENDING")
    assert len(found) == 11
    assert {each.application_reference for each in found} == {None}
    (told,) = caplog.records
    assert (told.name, told.levelno) == ("airview_herald", logging.WARNING)
    assert told.getMessage() == (
        "11 exclusion resources are of applications without a reference of type 'repository': "
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ..."
    )


@pytest.mark.parametrize("known", [True, False])
async def test_a_release_without_the_routes_says_so(connect, event, known):
    """Whether or not the system is recorded, the error names the releases that have the routes."""
    with Sandbox() as latest:
        async with connect(latest.airview_url) as airview:
            if known:
                await airview.handle_compliance_event(event("i-1"))
            before = latest.snapshot()
            with pytest.raises(NotServedError, match=NOT_SERVED) as reading:
                await airview.get_exclusions_by_state("PENDING")
            with pytest.raises(NotServedError, match=NOT_SERVED) as setting:
                await airview.set_exclusion_resource_state(1, "ACTIVE")
            assert latest.snapshot() == before
    assert reading.value.url.endswith(f"/systems/{int(known)}/exclusion-resources/")
    assert (setting.value.method, setting.value.status) == ("PUT", 404)
    assert isinstance(setting.value, NotFoundError)


async def test_a_gateways_404_says_nothing_of_the_release(answering):
    """What is not in AirView's shape stays the error of a wrong URL."""
    server, client = answering(404, b"<html>no such page</html>")
    with server:
        async with client() as airview:
            for call in (
                airview.get_exclusions_by_state("PENDING"),
                airview.set_exclusion_resource_state(1, "ACTIVE"),
            ):
                with pytest.raises(NotFoundError, match="a gateway, or a wrong base URL") as caught:
                    await call
                assert type(caught.value) is NotFoundError


@pytest.mark.parametrize(
    ("state", "read"), [("PENDING", ExclusionState.PENDING), (None, None), ("LAPSED", "LAPSED")]
)
async def test_a_state_of_any_kind_is_read(answering, state, read):
    """A state that is null, or that AirView does not know yet, is passed on as it is."""
    rows = [ITEM | {"state": state}] * 3
    server, client = answering(200, json.dumps(rows).encode())
    with server:
        async with client() as airview:
            found = await airview.backend.get_exclusion_resources("PENDING")
    assert found == [ExclusionResource(55, "i-0abc", "ec2-patching", "123456789012", read)]


@pytest.mark.parametrize(
    ("change", "path"),
    [({"id": None}, "$[0].id"), ({"applicationReferences": None}, "$[0].applicationReferences")],
)
async def test_a_row_of_another_shape_is_an_error(answering, change, path):
    """What the contract does not allow is no item."""
    server, client = answering(200, json.dumps([ITEM | change]).encode())
    with server:
        async with client() as airview:
            with pytest.raises(DecodeError) as caught:
                await airview.get_exclusions_by_state("PENDING")
    assert caught.value.path == path


@pytest.mark.parametrize("status", [401, 500, 502])
async def test_a_failed_look_at_the_system_is_no_empty_list(sandbox, recorded, status):
    """Only AirView's own 404 says that there is no system."""
    sandbox.add_exclusion_resource(1, 1)
    sandbox.force("GET", "/systems/", status)
    with pytest.raises(StatusError, match=f"/systems/ answered {status}"):
        await recorded.get_exclusions_by_state("PENDING")


async def test_a_state_that_is_none_is_sent_nowhere(sandbox, recorded):
    """An id or a state outside the rules is an error before anything is sent."""
    backend = recorded.backend
    for call, field in (
        (backend.get_exclusion_resources("pending"), "state"),
        (backend.get_exclusion_resources(None), "state"),
        (backend.set_exclusion_resource_state(1, "OTHER"), "state"),
        (backend.set_exclusion_resource_state(0, "NONE"), "id"),
        (backend.set_exclusion_resource_state("1", "NONE"), "id"),
    ):
        with pytest.raises(InputError) as caught:
            await call
        assert caught.value.field == field
    assert len(sandbox.requests) == 0
