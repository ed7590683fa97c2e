import contextlib
import json
from urllib.parse import parse_qs

import anyio
import attrs
import httpx
import pytest

from airview_herald.airview import (
    AirView,
    Application,
    ApplicationType,
    BackendConfig,
    ComplianceGroup,
    Control,
    ControlSeverity,
    Environment,
    MonitoredResourceState,
    QualityModel,
    Resource,
    ResourceType,
    Service,
    ServiceType,
    SystemStage,
    TechnicalControl,
    TechnicalControlAction,
)
from airview_herald.airview._backend import Backend
from airview_herald.errors import (
    BadGatewayError,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    DeadlineError,
    InputError,
    InternalServerError,
    NotFoundError,
)
from airview_herald.sandbox import Sandbox
from airview_herald.transport import PooledTransport, Retry

INTEGRITY = "Integrity Error, check reference fields"
UNIQUE = "Unique Constraint Error, check reference field"
AWKWARD = "R&D #1 100% a+b /\u00e9\U0001f600?=:"
PRODUCTION = Environment("Production", "PRD")
PATCHING = Control("Patch servers", QualityModel.SECURITY, severity=ControlSeverity.HIGH)
EC2 = TechnicalControl("EC2 patching", "ec2-patching", TechnicalControlAction.VULNERABILITY)
AIRVIEW_NOT_FOUND = {"code": 404, "status": "Not Found"}


@pytest.fixture
async def sandbox():
    """Return a server with empty tables."""
    async with Sandbox() as running:
        yield running


def client(url, **settings):
    """Return a client that is to be entered."""
    return AirView(
        url,
        system_name="ccf",
        system_stage="MONITOR",
        referencing_type="aws_account_id",
        retry=Retry(base=0.0),
        **settings,
    )


@pytest.fixture
async def backend(sandbox):
    """Return the backend of a client of that server."""
    async with client(sandbox.airview_url) as airview:
        yield airview.backend


def sent(sandbox):
    """Return the requests so far as (method, path below the prefix)."""
    return [(each.method, each.path.removeprefix("/airview")) for each in sandbox.requests]


async def placed(backend, reference="123456789012"):
    """Return an application that is recorded in an environment."""
    environments = await backend.get_environments()
    environment = environments[0] if environments else await backend.create_environment(PRODUCTION)
    application = await backend.create_application(
        Application("Payments", reference, environment=environment)
    )
    return await backend.create_application_environment(application)


async def monitored(backend, state="FLAGGED", resource="i-0abc", control=None):
    """Record a state with all that it needs, and return the two ids."""
    application = await placed(backend, f"account-of/{resource.encode().hex()}")
    parent = None if control is None else await backend.create_control(control)
    check = await backend.create_technical_control(
        attrs.evolve(EC2, reference=f"of-{resource.encode().hex()}", control=parent)
    )
    resource_id = await backend.create_resource(resource, application.application_environment_id)
    await backend.save_monitored_resource(check.id, resource_id, state)
    return check.id, resource_id


async def test_the_system_is_recorded_once_for_all_who_ask(sandbox, backend):
    """Fifty concurrent askers are one look and one create; later ones are none."""
    found = []

    async def ask():
        found.append(await backend.system_id)

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(ask)
    assert found == [1] * 50
    assert await backend.system_id == 1
    assert sent(sandbox) == [("GET", "/systems/"), ("POST", "/systems/")]
    assert [(r["name"], r["stage"]) for r in sandbox.snapshot()["system"]] == [("ccf", "MONITOR")]


async def test_a_system_that_exists_is_found(sandbox, backend):
    """Nothing is created for a system that another client has recorded."""
    identifier = await backend.create_system("ccf", SystemStage.BUILD)
    system = await backend._sender.system()
    assert (system.id, system.name, system.stage) == (identifier, "ccf", "BUILD")
    assert sent(sandbox) == [("POST", "/systems/"), ("GET", "/systems/")]


async def test_systems_are_created_and_found_by_name(backend):
    """A system's id is found by its exact name, and a second one of its name is refused."""
    assert await backend.get_system_id_by_name("scanner") is None
    identifier = await backend.create_system("scanner", "BUILD")
    assert await backend.get_system_id_by_name("scanner") == identifier
    assert await backend.get_system_id_by_name("Scanner") is None
    with pytest.raises(BadRequestError) as caught:
        await backend.create_system("scanner", "BUILD")
    assert (caught.value.request.message, caught.value.status) == (INTEGRITY, 400)
    assert caught.value.url == backend.get_url("/systems/")
    assert caught.value.attempts == 1


@pytest.mark.parametrize(
    ("name", "stage", "field"), [("", "BUILD", "name"), ("n", "build", "stage")]
)
async def test_a_systems_fields_are_named_as_its_arguments(sandbox, backend, name, stage, field):
    """A refusal names the method's own argument, and nothing was sent."""
    with pytest.raises(InputError) as caught:
        await backend.create_system(name, stage)
    assert caught.value.field == field
    assert sent(sandbox) == []


async def test_environments_are_created_and_listed(backend):
    """An environment comes back with its id, and its abbreviation is unique."""
    assert await backend.get_environments() == []
    created = await backend.create_environment(PRODUCTION)
    assert created == attrs.evolve(PRODUCTION, id=1)
    assert await backend.get_environments() == [created]
    with pytest.raises(BadRequestError) as caught:
        await backend.create_environment(Environment("Other", "PRD"))
    assert caught.value.request.message == INTEGRITY


async def test_applications_are_placed_in_their_environment(sandbox, backend):
    """An application is recorded, placed, and found by its reference, with all its ids."""
    assert await backend.get_application_environment_by_reference("123456789012") is None
    environment = await backend.create_environment(PRODUCTION)
    given = Application("Payments", "123456789012", "TECHNICAL_SERVICE", PRODUCTION)
    application = await backend.create_application(given, environment.id)
    assert application == attrs.evolve(given, id=1, environment=environment)
    assert given.environment.id is None
    whole = await backend.create_application_environment(application)
    assert whole == attrs.evolve(application, application_environment_id=1)
    assert whole.type is ApplicationType.TECHNICAL_SERVICE
    assert await backend.get_application_environment_by_reference("123456789012") == whole
    [reference] = sandbox.snapshot()["application_environment_reference"]
    assert reference["type"] == "aws_account_id"
    with pytest.raises(BadRequestError) as caught:
        await backend.create_application_environment(application)
    assert caught.value.request.message == INTEGRITY


async def test_an_application_without_an_environment_id_keeps_its_environment(backend):
    """The documented argument may be left out."""
    given = Application("Payments", "1", environment=PRODUCTION)
    assert await backend.create_application(given) == attrs.evolve(given, id=1)


@pytest.mark.parametrize(
    ("application", "field"),
    [
        (Application("n", "r", environment=Environment("n", "a", 1)), "application.id"),
        (Application("n", "r", id=1), "application.environment.id"),
    ],
)
async def test_placing_an_application_needs_both_ids(sandbox, backend, application, field):
    """An id that an earlier operation should have filled in is asked for by name."""
    with pytest.raises(InputError, match="use the object that an earlier operation") as caught:
        await backend.create_application_environment(application)
    assert (caught.value.field, caught.value.subject) == (field, application)
    assert sent(sandbox) == []


async def test_controls_are_created_and_found_by_name(backend):
    """A control comes back with the members of its enumerations."""
    assert await backend.get_control(PATCHING) is None
    created = await backend.create_control(PATCHING)
    assert created == attrs.evolve(PATCHING, id=1)
    found = await backend.get_control(Control("Patch servers"))
    assert found == created
    assert found.severity is ControlSeverity.HIGH
    assert found.quality_model is QualityModel.SECURITY


async def test_of_equal_controls_the_lowest_id_counts(sandbox, backend):
    """Lists have no order, so the first row is no choice."""
    for severity in ("LOW", "HIGH", "CRITICAL"):
        await backend.create_control(attrs.evolve(PATCHING, severity=severity))

    def backwards(request):
        rows = [
            {"id": n, "name": "x", "qualityModel": "SECURITY", "severity": "LOW"} for n in (3, 1, 2)
        ]
        return httpx.Response(200, json=rows)

    found = await backend.get_control(PATCHING)
    assert (found.id, found.severity) == (1, "LOW")
    async with client(sandbox.airview_url, http=httpx.MockTransport(backwards)) as airview:
        assert (await airview.backend.get_control(PATCHING)).id == 1


async def test_a_new_control_needs_a_quality_model(sandbox, backend):
    """A control that can be found without one cannot be recorded without it."""
    control = Control("Patch servers")
    with pytest.raises(InputError) as caught:
        await backend.create_control(control)
    assert str(caught.value) == (
        "control.quality_model: is needed for a control that does not exist yet"
    )
    assert sent(sandbox) == []


async def test_technical_controls_belong_to_this_clients_system(sandbox, backend):
    """A technical control is created and found under the client's own system."""
    assert await backend.get_technical_control("ec2-patching") is None
    parent = await backend.create_control(PATCHING)
    given = attrs.evolve(EC2, ttl=60, is_blocking=True, control_id=parent.id)
    created = await backend.create_technical_control(given)
    assert created == attrs.evolve(given, id=1)
    assert await backend.get_technical_control("ec2-patching") == created
    [row] = sandbox.snapshot()["technical_control"]
    assert (row["system_id"], row["control_id"], row["ttl"]) == (1, parent.id, 60)
    with pytest.raises(BadRequestError) as caught:
        await backend.create_technical_control(given)
    assert caught.value.request.message == UNIQUE


async def test_what_a_technical_control_leaves_open_is_the_servers(backend):
    """A technical control of the three required fields gets the server's defaults."""
    created = await backend.create_technical_control(EC2)
    assert created == attrs.evolve(EC2, id=1, is_blocking=False)


async def test_a_parent_control_is_never_lost(sandbox, backend):
    """The parent cannot be set later, so its id is sent, or asked for before anything is sent."""
    with pytest.raises(InputError) as caught:
        await backend.create_technical_control(attrs.evolve(EC2, control=PATCHING))
    assert caught.value.field == "technical_control.control.id"
    assert sent(sandbox) == []
    parent = await backend.create_control(PATCHING)
    created = await backend.create_technical_control(attrs.evolve(EC2, control=parent))
    assert created.control_id == parent.id


async def test_services_are_created_and_listed(backend):
    """A service comes back with its id and the member of its type."""
    assert await backend.get_services() == []
    created = await backend.create_service(Service("ec2", "EC2", "VIRTUAL_MACHINE"))
    assert created == Service("ec2", "EC2", ServiceType.VIRTUAL_MACHINE, 1)
    assert await backend.get_services() == [created]
    with pytest.raises(BadRequestError) as caught:
        await backend.create_service(Service("ec2", "Other", "DATABASE"))
    assert caught.value.request.message == INTEGRITY


async def test_resource_types_are_created_and_found_with_their_service(sandbox, backend):
    """A resource type's service is the whole of it, not its id alone."""
    assert await backend.get_resource_type("vm") is None
    await backend.create_service(Service("other", "Other", "UNKNOWN"))
    service = await backend.create_service(Service("ec2", "EC2", "VIRTUAL_MACHINE"))
    created = await backend.create_resource_type(ResourceType("vm", "VM", service=service))
    assert created == ResourceType("vm", "VM", 1, service)
    assert await backend.get_resource_type("vm") == created
    with pytest.raises(ConflictError) as caught:
        await backend.create_resource_type(ResourceType("vm", "VM"))
    assert (caught.value.request.message, caught.value.status) == (INTEGRITY, 409)


async def test_a_resource_type_may_have_no_service(sandbox, backend):
    """No services are asked for then."""
    created = await backend.create_resource_type(ResourceType("vm", "VM"))
    assert created == ResourceType("vm", "VM", 1)
    assert await backend.get_resource_type("vm") == created
    assert ("GET", "/services/") not in sent(sandbox)


async def test_a_resource_types_service_needs_its_id(sandbox, backend):
    """A service that was not recorded cannot be referred to."""
    with pytest.raises(InputError) as caught:
        await backend.create_resource_type(
            ResourceType("vm", "VM", service=Service("ec2", "EC2", "UNKNOWN"))
        )
    assert caught.value.field == "resource_type.service.id"
    assert sent(sandbox) == []


async def test_bare_resources_are_created_and_found(sandbox, backend):
    """A bare resource is named by its reference and belongs to one application."""
    application = (await placed(backend)).application_environment_id
    assert await backend.get_resource_id("i-0abc", application) is None
    identifier = await backend.create_resource("i-0abc", application)
    assert await backend.get_resource_id("i-0abc", application) == identifier
    assert await backend.get_resource_id("i-0abc", application + 1) is None
    [row] = sandbox.snapshot()["resource"]
    assert (row["name"], row["resource_type_id"]) == ("i-0abc", None)
    with pytest.raises(BadRequestError) as caught:
        await backend.create_resource("i-0abc", application)
    assert caught.value.request.message == INTEGRITY


@pytest.mark.parametrize("identifier", [0, True, 2**31, "1"])
async def test_ids_are_checked_before_anything_is_sent(sandbox, backend, identifier):
    """An id that no row can have would be a 404 or a 500."""
    for call in (backend.get_resource_id, backend.create_resource):
        with pytest.raises(InputError) as caught:
            await call("i-0abc", identifier)
        assert caught.value.field == "application_environment_id"
    for ids, field in [((identifier, 1), "technical_control_id"), ((1, identifier), "resource_id")]:
        with pytest.raises(InputError) as caught:
            await backend.save_monitored_resource(*ids, "FLAGGED")
        assert caught.value.field == field
    assert sent(sandbox) == []


async def test_resources_are_saved_and_saved_again(sandbox, backend):
    """A first save creates, a second one updates; a name left out is the reference."""
    application = await placed(backend)
    vm = await backend.create_resource_type(ResourceType("vm", "VM"))
    disk = await backend.create_resource_type(ResourceType("disk", "Disk"))
    await backend.save_resource(Resource("i-0abc", application, resource_type=vm))
    await backend.save_resource(Resource("i-0abc", application, "web-1", disk))
    await backend.save_resource(Resource("i-0def", application, "", vm))
    rows = sandbox.snapshot()["resource"]
    assert [(row["reference"], row["name"], row["resource_type_id"]) for row in rows] == [
        ("i-0abc", "web-1", disk.id),
        ("i-0def", "", vm.id),
    ]
    bodies = [json.loads(each.body) for each in sandbox.requests if each.method == "PUT"]
    assert bodies[0]["name"] == "i-0abc"


@pytest.mark.parametrize(
    ("resource", "field", "rule"),
    [
        (
            Resource("x", Application("n", "r", application_environment_id=1)),
            "resource.resource_type",
            "is needed for PUT /resources/",
        ),
        (
            Resource("x", Application("n", "r"), None, ResourceType("vm", "VM", 1)),
            "resource.application.application_environment_id",
            "is needed: use the object that an earlier operation returned",
        ),
        (
            Resource(
                "x",
                Application("n", "r", application_environment_id=1),
                None,
                ResourceType("vm", "VM"),
            ),
            "resource.resource_type.id",
            "is needed: use the object that an earlier operation returned",
        ),
    ],
)
async def test_saving_a_resource_needs_its_type_and_ids(sandbox, backend, resource, field, rule):
    """What the server would answer with a plain 500 is told before anything is sent."""
    with pytest.raises(InputError) as caught:
        await backend.save_resource(resource)
    assert (caught.value.field, caught.value.rule) == (field, rule)
    assert caught.value.subject is resource
    assert sent(sandbox) == []


async def test_a_state_is_saved_with_its_data(sandbox, backend):
    """`additionalData` goes with every save, and leaving it out erases what is stored."""
    check, resource = await monitored(backend)
    await backend.save_monitored_resource(
        check, resource, MonitoredResourceState.UNRESPONSIVE, "why"
    )
    [row] = sandbox.snapshot()["monitored_resource"]
    assert (row["monitoring_state"], row["additional_data"]) == ("UNRESPONSIVE", "why")
    await backend.save_monitored_resource(check, resource, "MONITORING")
    [row] = sandbox.snapshot()["monitored_resource"]
    assert (row["monitoring_state"], row["additional_data"]) == ("MONITORING", "")
    bodies = [json.loads(each.body) for each in sandbox.requests if each.method == "PUT"]
    assert [body["additionalData"] for body in bodies] == ["", "why", ""]


@pytest.mark.parametrize(
    ("state", "data", "field"),
    [("flagged", "", "state"), (None, "", "state"), ("FLAGGED", "x" * 8001, "additional_data")],
)
async def test_a_state_is_checked_before_it_is_sent(sandbox, backend, state, data, field):
    """An unknown state or too much data would be a plain 500."""
    with pytest.raises(InputError) as caught:
        await backend.save_monitored_resource(1, 1, state, data)
    assert caught.value.field == field
    assert sent(sandbox) == []


async def test_a_state_of_unknown_rows_is_refused(backend):
    """The server's bare string is its message."""
    with pytest.raises(BadRequestError) as caught:
        await backend.save_monitored_resource(7, 7, "FLAGGED")
    assert caught.value.request.message == "Bad Request"


async def test_compliance_is_counted_in_typed_rows(backend):
    """A row for each combination, its enumerated column a member."""
    await monitored(backend, "FLAGGED", "i-0abc", PATCHING)
    await monitored(backend, "MONITORING", "i-0def")
    rows = await backend.get_compliance(["resourceReference", "controlSeverity"])
    assert sorted(rows, key=lambda row: row.resource_reference) == [
        ComplianceGroup(1, 0, resource_reference="i-0abc", control_severity=ControlSeverity.HIGH),
        ComplianceGroup(1, 1, resource_reference="i-0def"),
    ]
    assert {type(row.control_severity) for row in rows} == {ControlSeverity, type(None)}
    assert await backend.get_compliance(("applicationName",)) == [
        ComplianceGroup(2, 1, application_name="Payments")
    ]


async def test_compliance_is_filtered_by_the_server(backend):
    """A filter reaches the server as it was written."""
    await monitored(backend, "FLAGGED", "a&b#c+d%20e")
    await monitored(backend, "FLAGGED", "a")
    found = await backend.get_compliance(
        ["resourceReference"], "resourceReference eq 'a&b#c+d%20e'"
    )
    assert found == [ComplianceGroup(1, 0, resource_reference="a&b#c+d%20e")]
    with pytest.raises(BadRequestError) as caught:
        await backend.get_compliance(["applicationName"], "applicationName eq")
    assert caught.value.request.message == "The filter provided could not be parsed"


@pytest.mark.parametrize(
    ("select", "filter_", "field"),
    [(["severity"], None, "select"), ([], None, "select"), (["systemName"], "\ud800", "filter")],
)
async def test_a_query_is_checked_before_it_is_sent(sandbox, backend, select, filter_, field):
    """Unknown columns, and a filter without UTF-8, are refused here."""
    with pytest.raises(InputError) as caught:
        await backend.get_compliance(select, filter_)
    assert (caught.value.field, caught.value.subject) == (field, select)
    assert sent(sandbox) == []


async def test_a_wrong_base_url_is_not_absence(sandbox):
    """A 404 that AirView did not write is an error for every look-up, and nothing is created."""
    async with client(sandbox.url + "/nowhere") as airview:
        backend = airview.backend
        for look in (
            backend._sender.system,
            lambda: backend.get_system_id_by_name("x"),
            lambda: backend.get_application_environment_by_reference("x"),
            lambda: backend.get_resource_type("x"),
            lambda: backend.get_resource_id("x", 1),
            lambda: backend.get_control(PATCHING),
            lambda: backend.get_technical_control("x"),
            backend.get_environments,
            backend.get_services,
            lambda: backend.get_compliance(["systemName"]),
        ):
            with pytest.raises(NotFoundError):
                await look()
    assert {each.method for each in sandbox.requests} == {"GET"}


async def test_names_survive_the_way_there_and_back(sandbox, backend):
    """`&`, `#`, `+`, `%`, slashes and non-ASCII letters are neither cut nor changed."""
    application = (await placed(backend)).application_environment_id
    system = await backend.create_system(AWKWARD, "BUILD")
    assert await backend.get_system_id_by_name(AWKWARD) == system
    control = await backend.create_control(attrs.evolve(PATCHING, name=AWKWARD))
    assert await backend.get_control(control) == control
    resource_type = await backend.create_resource_type(ResourceType(AWKWARD, AWKWARD))
    assert await backend.get_resource_type(AWKWARD) == resource_type
    resource = await backend.create_resource(AWKWARD, application)
    assert await backend.get_resource_id(AWKWARD, application) == resource
    await backend.save_resource(
        Resource(
            AWKWARD,
            Application("n", "r", application_environment_id=application),
            AWKWARD,
            resource_type,
        )
    )
    [row] = sandbox.snapshot()["resource"]
    assert (row["reference"], row["name"]) == (AWKWARD, AWKWARD)
    queries = [parse_qs(each.query) for each in sandbox.requests if each.query]
    assert {"name": [AWKWARD]} in queries
    assert all(each.body.isascii() for each in sandbox.requests)


@pytest.mark.parametrize("name", ["#1", "&", "R", "R&D"])
async def test_a_look_up_finds_no_neighbour(backend, name):
    """A name that badly encoded would be cut short, or be no filter, finds its own row only."""
    await backend.create_control(attrs.evolve(PATCHING, name="R"))
    await backend.create_control(attrs.evolve(PATCHING, name="Other"))
    found = await backend.get_control(attrs.evolve(PATCHING, name=name))
    assert (found is not None) == (name == "R")


@pytest.mark.parametrize("suffix", ["", "/", "//"])
async def test_urls_are_joined_with_one_slash(sandbox, suffix):
    """A base URL with or without its slash, and a route with or without one, are the same."""
    async with client(sandbox.airview_url + suffix) as airview:
        for route in ("/systems/", "systems/"):
            assert airview.backend.get_url(route) == sandbox.airview_url + "/systems/"
        await airview.backend.get_environments()
    assert sent(sandbox) == [("GET", "/environments/")]


class Interference(httpx.AsyncBaseTransport):
    """Let requests through to the server, but for what `meddle` makes of them.

    `meddle(request, forward)` returns a response; `forward` sends the request on.
    """

    def __init__(self, meddle):
        self.meddle = meddle
        self.inner = PooledTransport()

    async def handle_async_request(self, request):
        async def forward():
            return await self.inner.handle_async_request(request)

        return await self.meddle(request, forward)

    async def aclose(self):
        await self.inner.aclose()


@contextlib.asynccontextmanager
async def meddled(sandbox, meddle, **settings):
    """Yield the backend of a client whose requests are meddled with."""
    carrier = Interference(meddle)
    try:
        async with client(sandbox.airview_url, http=carrier, **settings) as airview:
            yield airview.backend
    finally:
        await carrier.aclose()


async def test_a_system_that_lost_a_race_is_found(sandbox):
    """A create refused because another client was first is settled by a look."""

    async def overtaken(request, forward):
        if request.method == "POST":
            await (await forward()).aread()
        return await forward()

    async with meddled(sandbox, overtaken) as backend:
        assert await backend.system_id == 1
    assert sent(sandbox) == [
        ("GET", "/systems/"),
        ("POST", "/systems/"),
        ("POST", "/systems/"),
        ("GET", "/systems/"),
    ]


async def test_a_refused_system_that_is_not_there_is_an_error(sandbox):
    """When the look finds nothing the refusal stands, for whoever asks next too."""

    async def refuse(request, forward):
        if request.method == "POST":
            body = {"code": 400, "message": INTEGRITY, "status": "Bad Request"}
            return httpx.Response(400, json=body)
        return await forward()

    async with meddled(sandbox, refuse) as backend:
        for _ in range(2):
            with pytest.raises(BadRequestError) as caught:
                await backend._sender.system()
            assert caught.value.request.message == INTEGRITY
    assert sent(sandbox) == [("GET", "/systems/")] * 4


async def test_a_system_whose_answer_was_lost_is_found(sandbox):
    """A dropped answer fails nobody: the look finds what the server has recorded."""

    async def drop(request, forward):
        answer = await forward()
        if request.method == "POST":
            await answer.aread()
            raise httpx.ReadError("gone")
        return answer

    async with meddled(sandbox, drop) as backend:
        assert await backend.system_id == 1
    assert sent(sandbox).count(("POST", "/systems/")) == 1


async def test_a_system_that_did_not_arrive_is_created_again(sandbox):
    """A create in doubt is repeated once it has surely ended, and not before."""
    posts = []

    async def fail_first(request, forward):
        if request.method == "POST":
            posts.append(request)
            if len(posts) == 1:
                raise httpx.ReadError("gone")
        return await forward()

    slept = []
    async with meddled(sandbox, fail_first, settle=30.0) as backend:
        now = backend._sender.transport.clock()

        async def sleep(seconds):
            slept.append(seconds)
            backend._sender.transport.clock = lambda: now + 31.0

        backend._sender.transport.sleep = sleep
        assert await backend.system_id == 1
    assert len(posts) == 2
    assert [round(seconds) for seconds in slept] == [30]


async def test_a_system_in_doubt_past_the_deadline_is_an_error(sandbox):
    """When there is no time to wait for a create to end, the operation's time is up."""

    async def fail(request, forward):
        if request.method == "POST":
            return httpx.Response(502)
        return await forward()

    async with meddled(sandbox, fail, settle=1000.0) as backend:
        with pytest.raises(DeadlineError, match=r"^waiting 1000\.0 s for an unanswered request"):
            await backend._sender.system()
    assert sandbox.snapshot()["system"] == []


@pytest.mark.parametrize(("status", "error"), [(401, "UnauthorizedError"), (403, "ForbiddenError")])
async def test_a_system_that_may_not_be_created_is_an_error(sandbox, status, error):
    """A gateway's verdict is final, and no second look is made."""

    async def forbid(request, forward):
        return httpx.Response(status) if request.method == "POST" else await forward()

    async with meddled(sandbox, forbid) as backend:
        with pytest.raises(Exception, match=str(status)) as caught:
            await backend._sender.system()
    assert type(caught.value).__name__ == error
    assert sent(sandbox) == [("GET", "/systems/")]


@pytest.mark.parametrize("status", [401, 403, 500, 502])
async def test_a_failed_look_creates_nothing(status):
    """Only AirView's own 404 is absence; any other failure of the look is final."""
    methods = []

    def refuse(request):
        methods.append(request.method)
        return httpx.Response(status)

    async with client("http://127.0.0.1", http=httpx.MockTransport(refuse)) as airview:
        with pytest.raises(Exception, match=str(status)):
            await airview.backend.system_id
    assert set(methods) == {"GET"}


async def test_a_forgotten_system_is_asked_for_again(sandbox, backend):
    """An id of a server that was restored meanwhile is not used for ever."""
    assert await backend.system_id == 1
    backend._sender.forget_system()
    assert await backend.system_id == 1
    assert sent(sandbox).count(("GET", "/systems/")) == 2


async def test_a_service_that_is_gone_leaves_the_type_without_one():
    """A resource type whose service is not listed is still a resource type."""

    def answer(request):
        if request.url.path == "/services/":
            return httpx.Response(200, json=[])
        return httpx.Response(200, json={"id": 7, "name": "VM", "reference": "vm", "serviceId": 3})

    async with client("http://127.0.0.1", http=httpx.MockTransport(answer)) as airview:
        assert await airview.backend.get_resource_type("vm") == ResourceType("vm", "VM", 7)


async def test_a_sibling_sends_on_its_operations_account(sandbox, backend):
    """What a sibling sends is counted there; the system's id is known to both."""
    operation = backend._sender.transport.operation()
    sibling = Backend(backend._sender.on_account(operation))
    await sibling.get_environments()
    assert operation.requests == 1
    assert await sibling.system_id == await backend.system_id
    assert operation.requests == 3
    assert [path for _, path in sent(sandbox)].count("/systems/") == 2
    await backend.get_environments()
    assert operation.requests == 3


async def test_a_backend_has_its_documented_operations_and_no_machinery(backend):
    """What a caller finds on it are routes, the URL of one, the settings and the system's id."""
    machinery = {"transport", "operation", "on_account", "over", "send", "system"}
    assert machinery.isdisjoint(dir(backend))


async def test_a_refusal_after_a_fault_is_told_with_its_attempts():
    """A read that fails for good says how often it was tried."""

    def broken(request):
        return httpx.Response(500, json={"code": 500, "status": "Internal Server Error"})

    async with client("http://127.0.0.1", http=httpx.MockTransport(broken)) as airview:
        with pytest.raises(InternalServerError) as caught:
            await airview.backend.get_environments()
    assert (caught.value.attempts, caught.value.code) == (4, 500)
    assert not caught.value.ambiguous


async def test_an_ambiguous_save_says_so():
    """A save that a gateway left unanswered may have been carried out."""

    def broken(request):
        return httpx.Response(502)

    transport = httpx.MockTransport(broken)
    async with client("http://127.0.0.1", http=transport, settle=0.0) as airview:
        with pytest.raises(BadGatewayError) as caught:
            await airview.backend.save_monitored_resource(1, 1, "FLAGGED")
    assert caught.value.ambiguous


def test_a_configuration_takes_its_arguments_as_documented():
    """Positional construction works, and the token is masked."""
    config = BackendConfig("https://a.example", "s3cret", "ccf", "MONITOR", "aws_account_id")
    assert config.token.reveal() == "s3cret"
    assert "s3cret" not in repr(config)
    assert attrs.astuple(config, filter=lambda field, _: field.name != "token") == (
        "https://a.example",
        "ccf",
        "MONITOR",
        "aws_account_id",
    )
    assert BackendConfig("u", None, "n", "BUILD", "t").token is None
    with pytest.raises(ConfigurationError, match=r"^token: "):
        BackendConfig("u", "", "n", "BUILD", "t")
