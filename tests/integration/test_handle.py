"""The documented handler operations, one call at a time, over a socket."""

import anyio
import attrs
import pytest

from airview_herald.airview import (
    Control,
    Resource,
    ResourceType,
    Service,
    TechnicalControl,
)
from airview_herald.errors import (
    ConfigurationError,
    InputError,
    NotFoundError,
    UnauthorizedError,
)
from airview_herald.sandbox import Sandbox


def _writes(sandbox):
    return [
        (r.method, r.path.rpartition("/airview")[2]) for r in sandbox.requests if r.method != "GET"
    ]


async def test_an_event_records_all_that_it_needs(sandbox, connect, event):
    """A first event makes each row once, the parent link included, and its data is stored."""
    async with connect() as airview:
        await airview.handle_compliance_event(event("i-1", additional_data="since 09:00"))
    rows = sandbox.snapshot()
    (technical_control,), (control,) = rows["technical_control"], rows["control"]
    assert technical_control["control_id"] == control["id"]
    assert control["name"] == "Patch R&D servers"
    (monitored,) = rows["monitored_resource"]
    assert monitored["monitoring_state"] == "FLAGGED"
    assert monitored["additional_data"] == "since 09:00"


async def test_a_second_event_of_a_client_costs_one_request(sandbox, connect, event):
    """What a client has met is remembered: only the PUT is left."""
    async with connect() as airview:
        await airview.handle_compliance_event(event("i-1"))
        sandbox.requests.clear()
        await airview.handle_compliance_event(event("i-1", "MONITORING"))
    assert [r.method for r in sandbox.requests] == ["PUT"]


async def test_unused_environments_do_not_pile_up(sandbox, connect, event):
    """The environment of an application that exists already is not made."""
    async with connect() as airview:
        await airview.handle_compliance_event(event("i-1"))
    first = event("i-2")
    elsewhere = attrs.evolve(
        first.application, environment=attrs.evolve(first.application.environment, abbreviation="X")
    )
    async with connect() as airview:
        await airview.handle_compliance_event(event("i-2", application=elsewhere))
    assert [row["abbreviation"] for row in sandbox.snapshot()["environment"]] == ["PRD"]


async def test_the_callers_objects_stay_as_they_are(connect, event):
    """Ids are filled into what is returned, never into what was given."""
    given = TechnicalControl("A", "a", "LOG", control=Control("C", "SECURITY"))
    before = attrs.evolve(given)
    async with connect() as airview:
        returned = await airview.handle_technical_control(given)
    assert given == before
    assert returned.id is not None
    assert returned.control_id == returned.control.id is not None


async def test_a_parent_that_is_not_stored_is_not_claimed(connect):
    """An existing technical control without a parent is returned without one."""
    async with connect() as airview:
        await airview.handle_technical_control(TechnicalControl("A", "a", "LOG"))
    async with connect() as airview:
        returned = await airview.handle_technical_control(
            TechnicalControl("A", "a", "LOG", control=Control("C", "SECURITY"))
        )
    assert (returned.control_id, returned.control) == (None, None)


async def test_a_control_that_is_new_needs_a_quality_model(sandbox, connect):
    """Without a quality model a control can be found, not recorded; the error names the field."""
    async with connect() as airview:
        with pytest.raises(InputError, match="quality_model"):
            await airview.handle_control(Control("C"))
        made = await airview.handle_control(Control("C", "SECURITY"))
    async with connect() as airview:
        assert (await airview.handle_control(Control("C"))).id == made.id
    assert len(sandbox.snapshot()["control"]) == 1


async def test_what_was_given_comes_back_with_a_late_error(connect, event):
    """A field that only the server shows to be needed is named from the caller's own object on."""
    check = TechnicalControl("A", "a", "LOG", control=Control("C"))
    events = [event(f"i-{n}", technical_control=check) for n in range(3)]
    path = "technical_control.control.quality_model"
    async with connect() as airview:
        with pytest.raises(InputError) as single:
            await airview.handle_compliance_event(events[0])
        with pytest.raises(InputError) as definition:
            await airview.handle_technical_control(check)
        report = await airview.ingest(events)
    assert (single.value.field, definition.value.field) == (path, path)
    assert single.value.subject is events[0]
    assert definition.value.subject is check
    assert [each.error.subject is each.event for each in report.failures] == [True] * 3
    assert {each.error.field for each in report.failures} == {path}


async def test_a_resource_type_and_its_service(sandbox, connect):
    """A resource type is recorded with its service, then found with its service."""
    given = ResourceType("AWS::EC2", "EC2", service=Service("ec2&co", "EC2", "VIRTUAL_MACHINE"))
    async with connect() as airview:
        made = await airview.handle_resource_type(given)
    async with connect() as airview:
        found = await airview.handle_resource_type(given)
    assert found == made
    assert made.service.id is not None
    assert len(sandbox.snapshot()["service"]) == 1


async def test_a_resource_with_a_type_is_saved_and_updated(sandbox, connect, event):
    """A typed resource is created, then updated in place."""
    application = event("x").application
    kind = ResourceType("AWS::EC2", "EC2")
    async with connect() as airview:
        await airview.handle_resource(Resource("i-1", application, "web", kind))
        await airview.handle_resource(Resource("i-1", application, None, kind))
    (row,) = sandbox.snapshot()["resource"]
    assert (row["name"], row["reference"]) == ("i-1", "i-1")


async def test_a_resource_without_a_type_is_recorded_bare(sandbox, connect, event):
    """The server cannot PUT a resource without a type: it is made bare, and kept if it is there."""
    application = event("x").application
    async with connect() as airview:
        await airview.handle_resource(Resource("i-1", application))
        await airview.handle_resource(Resource("i-1", application))
    (row,) = sandbox.snapshot()["resource"]
    assert row["resource_type_id"] is None


async def test_a_thousand_concurrent_events_make_each_definition_once(sandbox, connect, event):
    """1,000 handle_compliance_event calls at once leave one row of each definition."""
    async with connect() as airview, anyio.create_task_group() as tasks:
        for n in range(1000):
            tasks.start_soon(airview.handle_compliance_event, event(f"i-{n}"))
    counts = {table: len(rows) for table, rows in sandbox.snapshot().items()}
    assert counts["resource"] == counts["monitored_resource"] == 1000
    for table in ("application", "environment", "application_environment"):
        assert counts[table] == 1
    assert counts["technical_control"] == counts["control"] == counts["system"] == 1


async def test_bad_input_sends_nothing(sandbox, connect, event):
    """An event that breaks a rule is handed back before a request is sent."""
    bad = event("i-1", "BROKEN")
    async with connect() as airview:
        with pytest.raises(InputError, match="status: must be one of") as caught:
            await airview.handle_compliance_event(bad)
    assert caught.value.subject is bad
    assert not sandbox.requests


async def test_a_wrong_base_url_is_never_an_absence(sandbox, connect, event):
    """A 404 that is not in AirView's shape ends the call: no chain of creates follows."""
    async with connect(sandbox.url + "/elsewhere") as airview:
        with pytest.raises(NotFoundError, match="a wrong base URL"):
            await airview.handle_compliance_event(event("i-1"))
    assert not _writes(sandbox)


async def test_a_refused_credential_is_an_error_of_its_own(connect, event):
    """A 401 is neither absence nor retried for ever."""
    with Sandbox(require_token=True) as sandbox:
        async with connect(sandbox.airview_url, auth="Bearer forged") as airview:
            with pytest.raises(UnauthorizedError):
                await airview.handle_compliance_event(event("i-1"))
        assert not _writes(sandbox)
        assert [r.headers["authorization"] for r in sandbox.requests] == ["Bearer forged"]


@pytest.fixture
async def moved(connect, event):
    """A client that has recorded an event, and whose server is a new, empty one now."""
    with Sandbox() as before, Sandbox() as after:
        async with connect(before.airview_url) as airview:
            await airview.handle_compliance_event(event("i-1"))
            sender = airview.backend._sender
            options = attrs.evolve(sender.transport.options, base_url=after.airview_url)
            sender.transport = sender.transport.with_options(options)
            yield airview, after


async def test_a_known_event_on_a_restored_server(moved, event):
    """When the server no longer knows its ids, the event is recorded with fresh ones."""
    airview, sandbox = moved
    await airview.handle_compliance_event(event("i-1"))
    assert len(sandbox.snapshot()["monitored_resource"]) == 1


async def test_a_batch_on_a_restored_server(moved, event):
    """New resources, applications and technical controls beside stale ids are all recorded."""
    airview, sandbox = moved
    given = event("x")
    application = attrs.evolve(given.application, name="Other", reference="other")
    technical_control = attrs.evolve(given.technical_control, reference="other")
    report = await airview.ingest(
        [event(f"i-{n}") for n in range(20)]
        + [event(f"i-{n}", application=application) for n in range(20)]
        + [event(f"i-{n}", technical_control=technical_control) for n in range(20)]
    )
    assert report.recorded == 60
    rows = sandbox.snapshot()
    assert len(rows["monitored_resource"]) == 60
    assert [row["control_id"] for row in rows["technical_control"]] == [1, 1]


async def test_a_sound_server_is_looked_at_once_for_its_refusals(sandbox, connect, event):
    """Refusals of a server that has lost nothing cost a run one look at each definition."""
    orphan = attrs.evolve(event("x").technical_control, control=None, control_id=999)
    async with connect() as airview:
        await airview.handle_compliance_event(event("i-1"))
        sandbox.requests.clear()
        batch = [
            event("i-1", technical_control=attrs.evolve(orphan, reference=f"t-{n}"))
            for n in range(20)
        ]
        report = await airview.ingest(batch)
    assert report.failed == 20
    assert len([r for r in sandbox.requests if "/systems/" in r.path]) == 1


async def test_a_client_is_used_inside_its_block(connect, event):
    """Before entering and after leaving, every operation is a clear error."""
    airview = connect()
    with pytest.raises(RuntimeError, match="must be entered first"):
        await airview.handle_compliance_event(event("i-1"))
    async with airview:
        pass
    with pytest.raises(RuntimeError, match="is closed"):
        await airview.ingest([])
    with pytest.raises(RuntimeError, match="entered once"):
        async with airview:
            pass


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": " "}, "base_url: must not be empty"),
        ({"url": "http://airview.example.com", "auth": "t"}, "allow_http"),
        ({"url": "http://airview.example.com", "headers": {"X-Key": "k"}}, "allow_http"),
        ({"auth": "to\nken"}, "token: must be printable"),
        ({"auth": 5}, "auth: must be"),
        ({"http": object()}, "http: must be"),
        ({"timeout": 0}, "timeout: must be more than 0"),
        ({"settle": -1}, "settle: must be seconds, not negative"),
        ({"settle": True}, "settle: must be seconds, not negative"),
        ({"headers": {"X": "a\nb"}}, "headers"),
    ],
)
def test_settings_that_cannot_work(connect, options, message):
    """A setting that cannot work is named before anything is opened."""
    with pytest.raises(ConfigurationError, match=message):
        connect(**options)
