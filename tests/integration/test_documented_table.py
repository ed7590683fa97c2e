"""Every documented operation in one table: its signature, and a call of it over a socket.

`pytest -s -k table_is_shown` prints the table with what the server saw and answered.
"""

import ast
import inspect
import re
import shutil
import sys
from types import GenericAlias
from typing import Any, NamedTuple

import anyio
import attrs
import httpx
import pytest

from airview_herald import AirView, airview
from airview_herald.airview import (
    Application,
    ApplicationEnvironment,
    ComplianceEvent,
    ComplianceGroup,
    Control,
    ControlOverview,
    ControlOverviewResource,
    ControlOverviewTotals,
    Environment,
    ExclusionResource,
    ExclusionState,
    FlaggedTechnicalControl,
    Framework,
    FrameworkControlObjective,
    FrameworkControlObjectiveLink,
    FrameworkSection,
    MonitoredResourceState,
    QualityModel,
    RecordedApplication,
    Resource,
    ResourceType,
    ResourceTypeControl,
    Service,
    SystemStage,
    TechnicalControl,
)
from airview_herald.sandbox import Sandbox
from airview_herald.transport import PooledTransport

# As they are documented; parameters that were added since are optional.
SIGNATURES = {
    "Backend": """
        create_application(application, environment_id=None)
        create_application_environment(application)
        create_control(control)
        create_environment(environment)
        create_framework(framework)
        create_framework_control_objective(framework_control_objective)
        create_framework_control_objective_link(framework_control_objective, control)
        create_framework_section(framework_section)
        create_resource(reference, application_environment_id)
        create_resource_type(resource_type)
        create_service(service)
        create_system(name, stage)
        create_technical_control(technical_control)
        get_application_environment_by_reference(reference)
        get_control(control)
        get_environments()
        get_exclusion_resources(state)
        get_framework(framework)
        get_framework_control_objective(framework_control_objective)
        get_framework_control_objective_link(framework_control_objective, control)
        get_framework_section(framework_section)
        get_resource_id(reference, application_environment_id)
        get_resource_type(reference)
        get_services()
        get_system_id_by_name(name)
        get_technical_control(reference)
        get_url(route)
        save_monitored_resource(technical_control_id, resource_id, state)
        save_resource(resource)
        set_exclusion_resource_state(id, state)
        system_id
        update_application(application, environment_id)

        create_exclusion(summary, control_id, resources, *, is_limited_exclusion=False, notes=None)
        create_resource_type_control_link(control, resource_type)
        get_application(application_id)
        get_application_environment_by_id(application_environment_id)
        get_application_environments(application_id)
        get_applications(type=None)
        get_compliance(select, filter=None)
        get_control_overview_resources(application_id, technical_control_id)
        get_control_overview_totals(application_id)
        get_control_overviews(application_id, quality_model=None)
        get_flagged(application_id)
        get_quality_models(application_id)
        get_resource_type_control_link(control, resource_type)
        get_technical_control_by_id(technical_control_id)
    """,
    "Handler": """
        get_exclusions_by_state(state)
        handle_compliance_event(compliance_event)
        handle_control(control)
        handle_framework_control_objective(framework_control_objective)
        handle_framework_control_objective_link(framework_control_objective, control)
        handle_resource(resource)
        handle_resource_type(resource_type)
        handle_technical_control(technical_control)
        set_exclusion_resource_state(id, state)

        get_compliance(select, filter=None)
        handle_resource_type_control_link(control, resource_type)
    """,
    "": """
        get_aws_cognito_token(client_id, client_secret, cognito_pool_domain_prefix, aws_region, scope="airview/agent_push")
        get_azure_token(client_id, client_secret, tenant_id, scope)
        get_handler(base_url, system_name, system_stage, referencing_type, token)
        get_oauth_token(oauth_endpoint, client_id, client_secret, scope, additional_headers=None)
    """,  # noqa: E501 - a signature a line
}

PRODUCTION = Environment("Production", "PRD", 1)
PAYMENTS = Application("Payments", "payments", "BUSINESS_APPLICATION", PRODUCTION, 1, 1)
PATCHING = Control("Patch servers", "SECURITY", id=1, severity="HIGH")
CHECK = TechnicalControl("EC2 patching", "ec2-patching", "VULNERABILITY", control=PATCHING)
EC2 = Service("ec2", "EC2", "VIRTUAL_MACHINE", 1)
INSTANCE = ResourceType("AWS::EC2::Instance", "EC2 instance", 1, EC2)
WEB = Resource("i-1", PAYMENTS, "web-1", INSTANCE)
FLAGGED = ComplianceEvent("i-1", PAYMENTS, CHECK, MonitoredResourceState.FLAGGED)
NIST = Framework("NIST 800-53", "/nist", 1)
ACCESS = FrameworkSection("Access Control", "/nist/ac", NIST, 1)
AC1 = FrameworkControlObjective("AC-1", "/nist/ac-1", ACCESS, 1)


class Row(NamedTuple):
    """A documented operation: how it is called here, what it returns, what the server sees."""

    owner: str
    name: str
    arguments: tuple[Any, ...]
    returns: Any
    seen: str


def backend(name, arguments, returns, seen):
    """Return the row of a method of the backend."""
    return Row("Backend", name, arguments, returns, seen)


def handler(name, arguments, returns, seen):
    """Return the row of a method of the handler."""
    return Row("Handler", name, arguments, returns, seen)


SECTIONS = "/frameworks/{id}/sections/"
OBJECTIVES = "/frameworks/{id}/sections/{id}/control-objectives/"
LINKS = "/frameworks/framework-control-objective-link/"
REFERENCED = "/referenced-application-environments/"
SYSTEM, CONTROLS = "GET /systems/ 200", "GET /controls/ 200"
ITEMS = f"{SYSTEM}, GET /systems/{{id}}/exclusion-resources/ 200"
TYPED = "GET /resource-types/ 200, GET /services/ 200"
OBJECTIVE = f"GET /frameworks/ 200, GET {SECTIONS} 200, GET {OBJECTIVES} 200"
COMPLIANCE = (["applicationName"], "is_compliant eq false")

TABLE = [
    backend("create_application", (PAYMENTS, 1), Application, "POST /applications/ 200"),
    backend(
        "create_application_environment",
        (attrs.evolve(PAYMENTS, reference="other"),),
        Application,
        "POST /application-environments/ 200",
    ),
    backend("create_control", (PATCHING,), Control, "POST /controls/ 200"),
    backend(
        "create_environment", (Environment("Test", "TST"),), Environment, "POST /environments/ 200"
    ),
    backend("create_framework", (NIST,), Framework, "POST /frameworks/ 200"),
    backend("create_framework_section", (ACCESS,), FrameworkSection, f"POST {SECTIONS} 200"),
    backend(
        "create_framework_control_objective",
        (AC1,),
        FrameworkControlObjective,
        f"POST {OBJECTIVES} 200",
    ),
    backend(
        "create_framework_control_objective_link",
        (AC1, attrs.evolve(PATCHING, id=2)),
        FrameworkControlObjectiveLink,
        f"POST {LINKS} 200",
    ),
    backend("create_resource", ("i-2", 1), int, "POST /resources/ 200"),
    backend(
        "create_resource_type",
        (ResourceType("AWS::S3::Bucket", "Bucket"),),
        ResourceType,
        "POST /resource-types/ 200",
    ),
    backend("create_service", (Service("s3", "S3", "STORAGE"),), Service, "POST /services/ 200"),
    backend("create_system", ("ci", SystemStage.BUILD), int, "POST /systems/ 200"),
    backend(
        "create_technical_control",
        (attrs.evolve(CHECK, reference="other"),),
        TechnicalControl,
        f"{SYSTEM}, POST /technical-controls/ 200",
    ),
    backend(
        "get_application_environment_by_reference",
        ("payments",),
        Application,
        f"GET {REFERENCED} 200",
    ),
    backend("get_control", (PATCHING,), Control, CONTROLS),
    backend("get_environments", (), list[Environment], "GET /environments/ 200"),
    backend("get_exclusion_resources", ("PENDING",), list[ExclusionResource], ITEMS),
    backend("get_framework", (NIST,), Framework, "GET /frameworks/ 200"),
    backend("get_framework_section", (ACCESS,), FrameworkSection, f"GET {SECTIONS} 200"),
    backend(
        "get_framework_control_objective",
        (AC1,),
        FrameworkControlObjective,
        f"GET {OBJECTIVES} 200",
    ),
    backend(
        "get_framework_control_objective_link",
        (AC1, PATCHING),
        FrameworkControlObjectiveLink,
        f"GET {LINKS} 200",
    ),
    backend("get_resource_id", ("i-1", 1), int, "GET /resources/ 200"),
    backend("get_resource_type", ("AWS::EC2::Instance",), ResourceType, TYPED),
    backend("get_services", (), list[Service], "GET /services/ 200"),
    backend("get_system_id_by_name", ("ccf",), int, SYSTEM),
    backend(
        "get_technical_control",
        ("ec2-patching",),
        TechnicalControl,
        f"{SYSTEM}, GET /technical-controls/ 200",
    ),
    backend("get_url", ("/systems/",), str, ""),
    backend("save_monitored_resource", (1, 1, "DELETED"), None, "PUT /monitored-resources/ 204"),
    backend("save_resource", (WEB,), None, "PUT /resources/ 204"),
    backend(
        "set_exclusion_resource_state",
        (1, ExclusionState.ACTIVE),
        None,
        "PUT /exclusion-resources/{id}/ 204",
    ),
    backend("system_id", (), int, SYSTEM),
    backend("update_application", (PAYMENTS, 1), None, "PUT /applications/{id} 204"),
    backend("create_exclusion", ("Accepted risk", 1, [1]), None, "POST /exclusions/ 201"),
    backend(
        "create_resource_type_control_link",
        (PATCHING, INSTANCE),
        ResourceTypeControl,
        "POST /resource-types-controls/ 200",
    ),
    backend(
        "get_resource_type_control_link",
        (PATCHING, INSTANCE),
        ResourceTypeControl,
        "GET /resource-types-controls/ 200",
    ),
    backend("get_application", (1,), RecordedApplication, "GET /applications/{id} 200"),
    backend(
        "get_application_environment_by_id",
        (1,),
        ApplicationEnvironment,
        "GET /application-environments/{id} 200",
    ),
    backend(
        "get_application_environments",
        (1,),
        list[ApplicationEnvironment],
        "GET /applications/{id}/application-environments 200",
    ),
    backend(
        "get_applications",
        ("BUSINESS_APPLICATION",),
        list[RecordedApplication],
        "GET /applications/ 200",
    ),
    backend("get_compliance", COMPLIANCE, list[ComplianceGroup], "GET /compliance/ 200"),
    backend(
        "get_control_overview_resources",
        (1, 1),
        list[ControlOverviewResource],
        "GET /aggregations/control-overview-resources/{id}/ 200",
    ),
    backend(
        "get_control_overview_totals",
        (1,),
        ControlOverviewTotals,
        "GET /aggregations/control-overview-totals/{id}/ 200",
    ),
    backend(
        "get_control_overviews",
        (1, "SECURITY"),
        list[ControlOverview],
        "GET /applications/{id}/control-overviews/ 200",
    ),
    backend(
        "get_flagged",
        (1,),
        list[FlaggedTechnicalControl],
        "GET /aggregations/compliance/{id} 200",
    ),
    backend(
        "get_quality_models",
        (1,),
        list[QualityModel],
        "GET /applications/{id}/quality-models/ 200",
    ),
    backend(
        "get_technical_control_by_id", (1,), TechnicalControl, "GET /technical-controls/{id} 200"
    ),
    handler("get_exclusions_by_state", ("PENDING",), list[ExclusionResource], ITEMS),
    handler(
        "handle_compliance_event",
        (FLAGGED,),
        None,
        f"{SYSTEM}, GET /technical-controls/ 200, {CONTROLS}, GET {REFERENCED} 200, "
        "POST /resources/ 400, GET /resources/ 200, PUT /monitored-resources/ 204",
    ),
    handler("handle_control", (PATCHING,), Control, CONTROLS),
    handler("handle_framework_control_objective", (AC1,), FrameworkControlObjective, OBJECTIVE),
    handler(
        "handle_framework_control_objective_link",
        (AC1, PATCHING),
        FrameworkControlObjectiveLink,
        f"{CONTROLS}, {OBJECTIVE}, GET {LINKS} 200",
    ),
    handler(
        "handle_resource",
        (WEB,),
        None,
        f"GET {REFERENCED} 200, {TYPED}, PUT /resources/ 204",
    ),
    handler("handle_resource_type", (INSTANCE,), ResourceType, TYPED),
    handler(
        "handle_technical_control",
        (CHECK,),
        TechnicalControl,
        f"{SYSTEM}, GET /technical-controls/ 200, {CONTROLS}",
    ),
    handler(
        "set_exclusion_resource_state", (1, "NONE"), None, "PUT /exclusion-resources/{id}/ 204"
    ),
    handler("get_compliance", COMPLIANCE, list[ComplianceGroup], "GET /compliance/ 200"),
    handler(
        "handle_resource_type_control_link",
        (PATCHING, INSTANCE),
        ResourceTypeControl,
        f"{CONTROLS}, {TYPED}, GET /resource-types-controls/ 200",
    ),
    Row("", "get_handler", ("ccf", "MONITOR", "aws_account_id", "token"), AirView, ""),
    Row("", "get_oauth_token", (), str, "POST /oauth2/token 200"),
    Row("", "get_azure_token", ("tenant", "scope"), str, "POST /oauth2/token 200"),
    Row("", "get_aws_cognito_token", ("pool", "eu-west-1"), str, "POST /oauth2/token 200"),
]
NAMES = [f"{row.owner}.{row.name}".removeprefix(".") for row in TABLE]


class ToSandbox(httpx.AsyncBaseTransport):
    """Take requests for a token endpoint of the internet to the sandbox's, over real sockets."""

    def __init__(self, sandbox):
        self._url = httpx.URL(sandbox.token_url)
        self._inner = PooledTransport()

    async def handle_async_request(self, request):
        return await self._inner.handle_async_request(
            httpx.Request(request.method, self._url, content=request.content)
        )

    async def aclose(self):
        await self._inner.aclose()


def documented(owner):
    """Return an owner's documented signatures by name: (parameters, defaults by parameter)."""
    found = {}
    for line in filter(None, map(str.strip, SIGNATURES[owner].splitlines())):
        name, *called = line.partition("(")
        parsed = ast.parse(f"def {line}: ..." if called[0] else f"def {line}(): ...").body[0].args
        positional = [each.arg for each in parsed.args]
        by_name = [each.arg for each in parsed.kwonlyargs]
        values = [*parsed.defaults, *parsed.kw_defaults]
        optional = (positional + by_name)[len(positional + by_name) - len(values) :]
        defaults = dict(zip(optional, map(ast.literal_eval, values), strict=True))
        found[name] = (positional + by_name, defaults)
    return found


def parameters(owner, name):
    """Return the parameters of what we offer under a documented name."""
    holder = getattr(airview, owner) if owner else airview
    operation = getattr(holder, name)
    if isinstance(operation, property):
        return []
    signature = inspect.signature(operation).parameters
    return [each for each in signature.values() if each.name != "self"]


async def call(row: Row, sandbox: Sandbox) -> Any:
    """Call an operation with the table's arguments, by a client of its own."""
    if row.owner:
        client = AirView(
            sandbox.airview_url,
            system_name="ccf",
            system_stage="MONITOR",
            referencing_type="aws_account_id",
        )
        async with client as handler:
            holder = handler.backend if row.owner == "Backend" else handler
            operation = getattr(holder, row.name)
            result = operation(*row.arguments) if callable(operation) else operation
            return await result if inspect.isawaitable(result) else result
    operation = getattr(airview, row.name)
    if row.name == "get_handler":
        return operation(sandbox.airview_url, *row.arguments)
    client_credentials = ("sandbox-client", "sandbox-secret")
    if row.name == "get_oauth_token":
        return await operation(sandbox.token_url, *client_credentials, "airview/agent_push")
    async with ToSandbox(sandbox) as http:
        return await operation(*client_credentials, *row.arguments, http=http)


def seen(sandbox):
    """Return what the server saw and answered, ids left out."""
    return ", ".join(
        f"{each.method} {re.sub(r'/[0-9]+', '/{id}', each.path.removeprefix('/airview'))} "
        f"{each.status}"
        for each in sandbox.requests
    )


def fits(result, kind):
    """Return whether a result is of a type; a list has members, all of its type."""
    if isinstance(kind, GenericAlias):
        (member,) = kind.__args__
        return isinstance(result, list) and result and all(type(each) is member for each in result)
    return result is None if kind is None else type(result) is kind


async def fill(path):
    """Record one of everything."""
    with Sandbox(path, exclusion_resources=True) as sandbox:
        client = AirView(
            sandbox.airview_url,
            system_name="ccf",
            system_stage="MONITOR",
            referencing_type="aws_account_id",
        )
        async with client as handler:
            await handler.handle_resource(WEB)
            await handler.handle_compliance_event(FLAGGED)
            await handler.handle_resource_type_control_link(PATCHING, INSTANCE)
            await handler.handle_framework_control_objective_link(AC1, PATCHING)
            await handler.backend.create_control(Control("Other", "SECURITY"))
        sandbox.add_exclusion_resource(1, 1)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Return a database with one of everything."""
    path = tmp_path_factory.mktemp("documented") / "airview.db"
    anyio.run(fill, path)
    return path


@pytest.fixture
def opened(filled, tmp_path):
    """Run a sandbox on a copy of the database."""
    path = shutil.copy(filled, tmp_path / "airview.db")
    with Sandbox(path, exclusion_resources=True) as sandbox:
        yield sandbox


@pytest.mark.parametrize("row", TABLE, ids=NAMES)
async def test_each_operation_is_called_over_a_socket(opened, row):
    """A documented operation sends what its routes need, and returns its documented type."""
    result = await call(row, opened)
    assert fits(result, row.returns), result
    assert seen(opened) == row.seen


def test_the_table_misses_no_documented_name():
    """Each documented operation has its row in the table, and each row is documented."""
    every = [
        f"{owner}.{name}".removeprefix(".") for owner in SIGNATURES for name in documented(owner)
    ]
    assert sorted(NAMES) == sorted(every)
    assert {owner: len(documented(owner)) for owner in SIGNATURES} == {
        "Backend": 32 + 14,
        "Handler": 9 + 2,
        "": 4,
    }


@pytest.mark.parametrize(
    ("owner", "name"), [(owner, name) for owner in SIGNATURES for name in documented(owner)]
)
def test_parameters_are_as_documented(owner, name):
    """Names, order and defaults are the documented ones; what was added can be left out."""
    names, defaults = documented(owner)[name]
    ours = parameters(owner, name)
    assert [each.name for each in ours[: len(names)]] == names
    for each in ours:
        if each.name in defaults:
            assert each.default == defaults[each.name]
        elif each.name not in names and each.kind is not inspect.Parameter.VAR_KEYWORD:
            assert each.default is not inspect.Parameter.empty


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_table_is_shown(filled, tmp_path, anyio_backend):
    """`pytest -s` shows each operation beside the requests and the statuses at the server."""
    lines = []
    for index, row in enumerate(TABLE):
        path = shutil.copy(filled, tmp_path / f"{index}.db")
        with Sandbox(path, exclusion_resources=True) as sandbox:
            await call(row, sandbox)
            lines.append(f"{NAMES[index]:<50} {seen(sandbox) or '-'}")
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert len(lines) == 32 + 9 + 4 + 16
