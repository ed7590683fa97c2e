"""Controls of resource types, exclusions, and applications that are changed."""

import json

import anyio
import attrs
import httpx
import pytest
from faulty import Faulty
from tables import Tables

from airview_herald.airview import (
    Application,
    Control,
    ResourceType,
    ResourceTypeControl,
    Service,
)
from airview_herald.errors import (
    BadRequestError,
    ConflictError,
    InputError,
    NotFoundError,
    TransportError,
)

URL = "https://airview.example/api"
EC2 = Service("ec2", "EC2", "VIRTUAL_MACHINE")
VM = ResourceType("AWS::EC2::Instance", "EC2 instance", service=EC2)
PATCHING = Control("Patch servers", "SECURITY")
PAYMENTS = Application("Payments", "123456789012", "TECHNICAL_SERVICE", id=9)
LINKS = "/api/resource-types-controls/"


@pytest.fixture
def tables():
    """Tables with nothing in them."""
    return Tables()


@pytest.fixture
def client(connect, tables):
    """Make clients of those tables, or of another transport."""
    return lambda http=None, **options: connect(
        URL, http=http or httpx.MockTransport(tables), **options
    )


@pytest.fixture
def answering():
    """Make transports that answer all alike and keep what they were sent."""

    def make(status, document=None, sent=None):
        def answer(request):
            if sent is not None:
                body = json.loads(request.content)
                sent.append((request.method, request.url.raw_path.decode(), body))
            content = b"" if status == 204 else json.dumps(document).encode()
            return httpx.Response(status, content=content)

        return httpx.MockTransport(answer)

    return make


async def test_a_resource_types_control_is_made_and_found(tables, client):
    """Absent, then made, then found; the ids of both are the key."""
    async with client() as airview:
        backend = airview.backend
        control = await backend.create_control(PATCHING)
        kind = await backend.create_resource_type(attrs.evolve(VM, service=None))
        assert await backend.get_resource_type_control_link(control, kind) is None
        made = await backend.create_resource_type_control_link(control, kind)
        assert made == ResourceTypeControl(1, 1, 1)
        assert await backend.get_resource_type_control_link(control, kind) == made
    assert tables.requests[-1][1] == f"{LINKS}?controlId=1&resourceTypeId=1"
    assert tables.requests[-2] == ("POST", LINKS, {"controlId": 1, "resourceTypeId": 1})


async def test_a_resource_types_control_is_recorded_with_all_that_it_needs(tables, client):
    """Control, service, resource type and link are made once, however many ask at once."""
    before = attrs.evolve(VM)
    async with client() as airview:
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(airview.handle_resource_type_control_link, PATCHING, VM)
        sent = len(tables.requests)
        made = await airview.handle_resource_type_control_link(PATCHING, VM)
        assert len(tables.requests) == sent
    assert made == ResourceTypeControl(1, 1, 1)
    assert {table: len(rows) for table, rows in tables.rows.items()} == {
        "controls": 1,
        "services": 1,
        "resource-types": 1,
        "resource-types-controls": 1,
    }
    assert (before, PATCHING.id, VM.id, EC2.id) == (VM, None, None, None)
    async with client() as airview:
        assert await airview.handle_resource_type_control_link(PATCHING, VM) == made
    assert len(tables.sent("POST")) == 4


@pytest.mark.parametrize("processed", [True, False])
async def test_a_resource_types_control_in_doubt_is_settled(tables, client, processed):
    """The server would store a second link: it is looked for before it is made again."""
    faulty = Faulty(httpx.MockTransport(tables))
    faulty.order("POST", "/resource-types-controls/", processed=processed)
    async with client(faulty, settle=0.05) as airview:
        made = await airview.handle_resource_type_control_link(PATCHING, VM)
    assert made == ResourceTypeControl(1, 1, 1)
    assert len(tables.rows["resource-types-controls"]) == 1


async def test_a_link_of_unknown_rows_is_refused(client, answering):
    """The server's 409 says that a row is not there."""
    refusal = {"code": 409, "message": "Integrity Error, check reference fields"}
    async with client(answering(409, refusal | {"status": "Conflict"})) as airview:
        with pytest.raises(ConflictError, match="Integrity Error"):
            await airview.backend.create_resource_type_control_link(
                attrs.evolve(PATCHING, id=1), attrs.evolve(VM, id=7)
            )


@pytest.mark.parametrize(
    ("control", "kind", "field"),
    [
        (PATCHING, attrs.evolve(VM, id=7), "control.id"),
        (attrs.evolve(PATCHING, id=12), VM, "resource_type.id"),
        (None, VM, "control"),
        (PATCHING, "vm", "resource_type"),
    ],
)
async def test_a_link_needs_both_ids(tables, client, control, kind, field):
    """What the server would take as "is null" is asked for by name."""
    async with client() as airview:
        for operation in (
            airview.backend.get_resource_type_control_link,
            airview.backend.create_resource_type_control_link,
        ):
            with pytest.raises(InputError) as caught:
                await operation(control, kind)
            assert caught.value.field == field
            assert caught.value.subject is (control if "control" in field else kind)
    assert tables.requests == []


@pytest.mark.parametrize(("control", "kind"), [(None, VM), (PATCHING, None)])
async def test_bad_links_send_nothing(tables, client, control, kind):
    """What breaks a rule is handed back before a request is sent."""
    async with client() as airview:
        with pytest.raises(InputError):
            await airview.handle_resource_type_control_link(control, kind)
    assert tables.requests == []


async def test_an_exclusion_is_recorded(client, answering):
    """The documented body is sent; the answer names nothing."""
    sent = []
    async with client(answering(201, None, sent)) as airview:
        create = airview.backend.create_exclusion
        assert await create("Accepted risk", 12, [301, 302], notes="Ref RISK-7") is None
        await create("", 12, (), is_limited_exclusion=True)
    body = {
        "summary": "Accepted risk",
        "isLimitedExclusion": False,
        "controlId": 12,
        "resources": [301, 302],
        "notes": "Ref RISK-7",
    }
    bare = {"summary": "", "isLimitedExclusion": True, "controlId": 12, "resources": []}
    assert sent == [("POST", "/api/exclusions/", each) for each in (body, bare)]


async def test_an_exclusion_that_exists_is_refused(client, answering):
    """The server's words are the error's."""
    message = "Exclusions already exist for resources provided"
    answer = {"code": 400, "message": message, "status": "Bad Request"}
    async with client(answering(400, answer)) as airview:
        with pytest.raises(BadRequestError, match=message):
            await airview.backend.create_exclusion("Accepted risk", 12, [301])


async def test_an_exclusion_in_doubt_is_not_sent_again(client):
    """No route reads exclusions: the error says that it may be there."""

    def dropped(request):
        sent.append(request)
        raise httpx.ReadError("the connection dropped")

    sent = []
    async with client(httpx.MockTransport(dropped)) as airview:
        with pytest.raises(TransportError) as caught:
            await airview.backend.create_exclusion("Accepted risk", 12, [301])
    assert caught.value.ambiguous
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"summary": None}, "summary"),
        ({"control_id": 0}, "control_id"),
        ({"resources": 301}, "resources"),
        ({"resources": [301, 301]}, "resources[1]"),
        ({"is_limited_exclusion": 1}, "is_limited_exclusion"),
        ({"notes": 7}, "notes"),
    ],
)
async def test_an_exclusion_is_checked_before_it_is_sent(tables, client, changes, field):
    """Each field is refused by its name."""
    given = {"summary": "Accepted risk", "control_id": 12, "resources": [301]}
    async with client() as airview:
        with pytest.raises(InputError) as caught:
            await airview.backend.create_exclusion(**given | changes)
    assert caught.value.field == field
    assert tables.requests == []


async def test_an_applications_name_and_type_are_changed(client, answering):
    """Only the three fields that the route takes are sent: it refuses all others."""
    sent = []
    async with client(answering(204, None, sent)) as airview:
        assert await airview.backend.update_application(PAYMENTS, 5) is None
    body = {"id": 9, "name": "Payments", "applicationType": "TECHNICAL_SERVICE"}
    assert sent == [("PUT", "/api/applications/9", body)]


async def test_an_update_is_sent_again_until_it_is_answered(client, answering):
    """An update says what is to be, so a lost answer is no doubt."""
    sent = []
    faulty = Faulty(answering(204, None, sent))
    faulty.order("PUT", "/applications/9", processed=True)
    async with client(faulty) as airview:
        await airview.backend.update_application(PAYMENTS)
    body = {"id": 9, "name": "Payments", "applicationType": "TECHNICAL_SERVICE"}
    assert sent == [("PUT", "/api/applications/9", body)] * 2


async def test_an_application_that_is_not_there_is_not_updated(client, answering):
    """AirView's own 404 is an error here: there is nothing to change."""
    async with client(answering(404, {"code": 404, "status": "Not Found"})) as airview:
        with pytest.raises(NotFoundError):
            await airview.backend.update_application(PAYMENTS)


@pytest.mark.parametrize(
    ("application", "field"),
    [
        (attrs.evolve(PAYMENTS, id=None), "application.id"),
        (attrs.evolve(PAYMENTS, name="x" * 501), "application.name"),
    ],
)
async def test_an_update_is_checked_before_it_is_sent(tables, client, application, field):
    """The id that is needed, and a name that is too long, are told by name."""
    async with client() as airview:
        with pytest.raises(InputError) as caught:
            await airview.backend.update_application(application)
    assert (caught.value.field, caught.value.subject) == (field, application)
    assert tables.requests == []
