"""The public API as its users write it; checked by mypy and pyright, never run."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, assert_type

import httpx

from airview_herald import AirView, AirViewHeraldError
from airview_herald.airview import (
    Application,
    ApplicationEnvironment,
    ApplicationReference,
    ApplicationType,
    Backend,
    BackendConfig,
    BackendFailureException,
    ComplianceEvent,
    ComplianceGroup,
    Control,
    ControlOverview,
    ControlOverviewResource,
    ControlOverviewTotals,
    ControlSeverity,
    Environment,
    ExclusionResource,
    ExclusionState,
    FlaggedResource,
    FlaggedTechnicalControl,
    Framework,
    FrameworkControlObjective,
    FrameworkControlObjectiveLink,
    FrameworkSection,
    Handler,
    IngestReport,
    IngestStream,
    Mismatch,
    MonitoredResourceState,
    Outcome,
    OutcomeStatus,
    QualityModel,
    RecordedApplication,
    Resource,
    ResourceType,
    ResourceTypeControl,
    Rows,
    Service,
    ServiceType,
    Stage,
    State,
    SystemStage,
    TechnicalControl,
    TechnicalControlAction,
    get_aws_cognito_token,
    get_azure_token,
    get_handler,
    get_oauth_token,
)
from airview_herald.auth import BearerToken, ClientCredentials, Secret
from airview_herald.errors import (
    IngestAborted,
    InputError,
    NotServedError,
    RequestFacts,
    StatusError,
    TooManyRequestsError,
    TransportError,
)
from airview_herald.sandbox import Sandbox
from airview_herald.sources import (
    SarifRule,
    SourceProblem,
    decode_reference,
    encode_reference,
    read_jsonl,
    read_sarif,
    write_jsonl,
)
from airview_herald.transport import AiohttpTransport, PooledTransport, Retry, tls_context

APPLICATION = Application("Payments", "123456789012")
CONTROL = Control("Patch servers", QualityModel.SECURITY, severity=ControlSeverity.HIGH)
CHECK = TechnicalControl("EC2 patching", "ec2-patching", TechnicalControlAction.TASK)
NIST = Framework("NIST 800-53", "/nist")
ACCESS = FrameworkSection("Access Control", "/nist/ac", NIST)
OBJECTIVE = FrameworkControlObjective("AC-1", "/nist/ac-1", ACCESS)
EVENT = ComplianceEvent("i-0abc", APPLICATION, CHECK, MonitoredResourceState.FLAGGED)
URL = "https://airview.example.com/api"


def models_from_texts() -> ComplianceEvent:
    """Enumerated fields take texts as well as members."""
    environment = Environment("Production", "PRD")
    application = Application("Payments", "1", "TECHNICAL_SERVICE", environment)
    control = Control("Patch servers", "SECURITY", severity="HIGH")
    check = TechnicalControl("n", "r", "LOG", ttl=60, is_blocking=False, control=control)
    event = ComplianceEvent("i-0abc", application, check, "MONITORING", additional_data="why")
    assert_type(event.status, MonitoredResourceState | str)
    assert_type(event.application.environment.id, int | None)
    return event


def clients() -> list[AirView]:
    """A client is built with whatever credential and transport there is."""
    credentials = ClientCredentials(
        "https://login.example.com/token", "id", "secret", scope="airview/agent_push"
    )
    return [
        AirView(URL, system_name="ccf", system_stage="MONITOR", referencing_type="aws_account_id"),
        AirView(
            URL,
            system_name="ccf",
            system_stage="MONITOR",
            referencing_type="aws_account_id",
            http=AiohttpTransport(max_connections=64, keepalive_expiry=2.5, verify=False),
        ),
        AirView(
            URL,
            system_name="ccf",
            system_stage=SystemStage.MONITOR,
            referencing_type="aws_account_id",
            auth=credentials,
            http=PooledTransport(verify=tls_context(ca="ca.pem", system=False)),
            timeout=10.0,
            retry=Retry(attempts=2, base=0.1),
            headers={"Ocp-Apim-Subscription-Key": "key"},
        ),
        AirView(
            URL,
            system_name="ccf",
            system_stage=SystemStage.MONITOR,
            referencing_type="aws_account_id",
            auth=credentials,
            verify=tls_context(
                ca=Path("ca.pem"), cert="client.pem", key="client.key", password=Secret("words")
            ),
            headers={"Ocp-Apim-Subscription-Key": Secret("key")},
        ),
        AirView(
            URL,
            system_name="ccf",
            system_stage=SystemStage.BUILD,
            referencing_type="aws_account_id",
            auth="Bearer token",
            http=httpx.AsyncClient(),
            timeout=httpx.Timeout(10.0, connect=1.0),
            allow_http=True,
            cache_size=1000,
            settle=10.0,
        ),
        AirView(
            URL,
            system_name="ccf",
            system_stage="BUILD",
            referencing_type="aws_account_id",
            auth=BearerToken("token"),
        ),
    ]


def documented_clients(handler: Handler) -> list[AirView]:
    """The documented ways to a client; the documented name is the client's own class."""
    config = BackendConfig(URL, "token", "ccf", SystemStage.MONITOR, "aws_account_id")
    return [
        handler,
        get_handler(URL, "ccf", "MONITOR", "aws_account_id", "Bearer token"),
        Handler.from_config(config),
        AirView.from_config(config, timeout=10.0, headers={"X": "y"}),
    ]


async def tokens() -> None:
    """The documented token functions return a header's value."""
    endpoint = "https://login.example.com/token"
    assert_type(await get_oauth_token(endpoint, "id", "secret", "scope"), str)
    assert_type(await get_oauth_token(endpoint, "id", "secret", None, {"X": "y"}), str)
    assert_type(await get_azure_token("id", "secret", "tenant", "scope"), str)
    assert_type(await get_aws_cognito_token("id", "secret", "pool", "eu-west-1"), str)
    async with httpx.AsyncClient() as http:
        await get_aws_cognito_token("id", "secret", "pool", "eu-west-1", "scope", http=http)


async def handler(airview: AirView) -> None:
    """The documented operations of the handler."""
    async with airview as entered:
        assert_type(entered, AirView)
        await airview.handle_compliance_event(EVENT)
        assert_type(await airview.handle_control(CONTROL), Control)
        assert_type(await airview.handle_technical_control(CHECK), TechnicalControl)
        kind = ResourceType("vm", "VM", service=Service("ec2", "EC2", ServiceType.VIRTUAL_MACHINE))
        assert_type(await airview.handle_resource_type(kind), ResourceType)
        held = await airview.handle_resource_type_control_link(CONTROL, kind)
        assert_type(held, ResourceTypeControl)
        objective = await airview.handle_framework_control_objective(OBJECTIVE)
        assert_type(objective, FrameworkControlObjective)
        assert_type(objective.framework_section.framework.id, int | None)
        link = await airview.handle_framework_control_objective_link(OBJECTIVE, CONTROL)
        assert_type(link, FrameworkControlObjectiveLink)
        await airview.handle_resource(Resource("i-0abc", APPLICATION, resource_type=kind))
        rows = await airview.get_compliance(["applicationName"], "applicationName eq 'payments'")
        assert_type(rows, Rows[ComplianceGroup])


def some_events() -> Iterator[ComplianceEvent]:
    """Events from a generator."""
    yield EVENT


async def some_async_events() -> AsyncIterator[ComplianceEvent]:
    """Events from an async generator."""
    yield EVENT


def on_outcome(outcome: Outcome) -> None:
    """Look at an outcome."""
    assert_type(outcome.event, ComplianceEvent)
    assert_type(outcome.status, OutcomeStatus)
    assert_type(outcome.stage, Stage)
    assert_type(outcome.error, AirViewHeraldError | None)
    assert_type((outcome.index, outcome.requests, outcome.attempts), tuple[int, int, int])


async def on_outcome_async(outcome: Outcome) -> None:
    """Look at an outcome, and take time for it."""
    on_outcome(outcome)


def progress(report: IngestReport) -> None:
    """Look at a live report."""
    assert_type((report.inputs, report.held, report.elapsed), tuple[int, int, float])


async def progress_async(report: IngestReport) -> None:
    """Look at a live report, and take time for it."""
    progress(report)


async def batches(airview: AirView) -> None:
    """Batches from any iterable, with callbacks of either kind."""
    report = await airview.ingest([EVENT])
    assert_type(report, IngestReport)
    await airview.ingest(some_events(), on_outcome=on_outcome, progress=progress)
    await airview.ingest(
        some_async_events(),
        concurrency=16,
        window=100,
        on_outcome=on_outcome_async,
        progress=progress_async,
        deadline=60.0,
    )
    await airview.ingest(read_jsonl("events.jsonl"), progress=True)
    await airview.ingest([EVENT], state="state.db", dead_letters=Path("dead.jsonl"))
    await airview.ingest(read_jsonl("dead.jsonl", superseded=True), state=Path("state.db"))
    await airview.ingest([EVENT], state=State("state.db", restart=True))
    assert_type(report.server_restored, bool)
    assert_type(report.run_again, bool)
    for failure in report.failures:
        assert_type(failure, Outcome)
    for mismatch in report.mismatches:
        assert_type(mismatch, Mismatch)
    assert_type(report.to_records(), list[dict[str, Any]])
    assert_type(report.errors["InputError"], int)
    assert_type(report.concurrency, tuple[int, int])


async def watching(airview: AirView) -> None:
    """A batch that is watched."""
    run = airview.stream(some_async_events(), concurrency=8, on_outcome=on_outcome_async)
    assert_type(run, IngestStream)
    async with run as entered:
        assert_type(entered, IngestStream)
        async for outcome in run:
            assert_type(outcome, Outcome)
            if outcome.status is OutcomeStatus.FAILED:
                break
    assert_type(run.report, IngestReport)


async def low_level(backend: Backend) -> None:
    """The documented operations of the backend."""
    assert_type(backend.config, BackendConfig)
    assert_type(backend.get_url("/systems/"), str)
    assert_type(await backend.system_id, int)
    assert_type(await backend.get_system_id_by_name("ccf"), int | None)
    assert_type(await backend.create_system("ccf", SystemStage.BUILD), int)
    assert_type(await backend.get_environments(), Rows[Environment])
    environment = await backend.create_environment(Environment("Production", "PRD"))
    assert_type(environment, Environment)
    application = await backend.create_application(APPLICATION, environment.id)
    assert_type(application, Application)
    assert_type(await backend.create_application_environment(application), Application)
    found = await backend.get_application_environment_by_reference("123456789012")
    assert_type(found, Application | None)
    assert_type(await backend.get_control(CONTROL), Control | None)
    assert_type(await backend.create_control(CONTROL), Control)
    assert_type(await backend.get_technical_control("ec2-patching"), TechnicalControl | None)
    assert_type(await backend.create_technical_control(CHECK), TechnicalControl)
    assert_type(await backend.get_services(), Rows[Service])
    service = await backend.create_service(Service("ec2", "EC2", "VIRTUAL_MACHINE"))
    assert_type(service, Service)
    assert_type(await backend.get_resource_type("vm"), ResourceType | None)
    kind = await backend.create_resource_type(ResourceType("vm", "VM", service=service))
    assert_type(kind, ResourceType)
    held = await backend.get_resource_type_control_link(CONTROL, kind)
    assert_type(held, ResourceTypeControl | None)
    made = await backend.create_resource_type_control_link(CONTROL, kind)
    assert_type(made, ResourceTypeControl)
    await backend.create_exclusion("Accepted risk", 12, [301, 302])
    await backend.create_exclusion(
        "Accepted risk", 12, (301,), is_limited_exclusion=True, notes="Ref RISK-7"
    )
    await backend.update_application(application)
    await backend.update_application(application, environment.id)
    assert_type(await backend.get_resource_id("i-0abc", 15), int | None)
    assert_type(await backend.create_resource("i-0abc", 15), int)
    await backend.save_resource(Resource("i-0abc", application, "web-1", kind))
    await backend.save_monitored_resource(31, 301, "FLAGGED")
    await backend.save_monitored_resource(
        31, 301, MonitoredResourceState.DELETED, additional_data="why"
    )
    rows = await backend.get_compliance(("controlName", "controlSeverity"), filter=None)
    assert_type(rows, Rows[ComplianceGroup])


async def frameworks(backend: Backend) -> None:
    """Frameworks and what they ask for, one route at a time."""
    assert_type(await backend.get_framework(NIST), Framework | None)
    assert_type(await backend.create_framework(NIST), Framework)
    assert_type(await backend.get_framework_section(ACCESS), FrameworkSection | None)
    assert_type(await backend.create_framework_section(ACCESS), FrameworkSection)
    found = await backend.get_framework_control_objective(OBJECTIVE)
    assert_type(found, FrameworkControlObjective | None)
    made = await backend.create_framework_control_objective(OBJECTIVE)
    assert_type(made, FrameworkControlObjective)
    link = await backend.get_framework_control_objective_link(made, CONTROL)
    assert_type(link, FrameworkControlObjectiveLink | None)
    created = await backend.create_framework_control_objective_link(made, CONTROL)
    assert_type(created, FrameworkControlObjectiveLink)


async def readings(backend: Backend) -> None:
    """What is recorded, in typed rows."""
    assert_type(await backend.get_applications(), Rows[RecordedApplication])
    assert_type(await backend.get_applications("TECHNICAL_SERVICE"), Rows[RecordedApplication])
    application = await backend.get_application(9)
    assert_type(application, RecordedApplication | None)
    if application is not None:
        assert_type(application.application_type, ApplicationType | str)
    places = await backend.get_application_environments(9)
    assert_type(places, Rows[ApplicationEnvironment])
    assert_type(places[0].references, tuple[ApplicationReference, ...])
    place = await backend.get_application_environment_by_id(15)
    assert_type(place, ApplicationEnvironment | None)
    assert_type(await backend.get_technical_control_by_id(31), TechnicalControl | None)
    assert_type(await backend.get_quality_models(9), list[QualityModel | str])
    overviews = await backend.get_control_overviews(9, quality_model=QualityModel.SECURITY)
    assert_type(overviews, Rows[ControlOverview])
    flagged = await backend.get_flagged(9)
    assert_type(flagged, Rows[FlaggedTechnicalControl])
    assert_type(flagged[0].raised_date_time, datetime)
    assert_type(flagged[0].resources, tuple[FlaggedResource, ...])
    totals = await backend.get_control_overview_totals(9)
    assert_type(totals, ControlOverviewTotals | None)
    resources = await backend.get_control_overview_resources(9, 31)
    assert_type(resources, Rows[ControlOverviewResource])


async def exclusions(airview: AirView, backend: Backend) -> None:
    """Exclusion resources, of servers that still have them."""
    try:
        pending = await airview.get_exclusions_by_state(ExclusionState.PENDING)
    except NotServedError as error:
        assert_type(error.status, int | None)
        return
    assert_type(pending, Rows[ExclusionResource])
    assert_type(pending[0].application_reference, str | None)
    assert_type(pending[0].state, ExclusionState | str | None)
    await airview.set_exclusion_resource_state(pending[0].id, "ACTIVE")
    assert_type(await backend.get_exclusion_resources("NONE"), Rows[ExclusionResource])
    await backend.set_exclusion_resource_state(id=55, state=ExclusionState.ACTIVE)


async def failures(airview: AirView) -> None:
    """Errors are told apart by class and carry their facts."""
    try:
        await airview.ingest([EVENT])
    except IngestAborted as error:
        assert_type(error, IngestAborted)
    try:
        await airview.handle_compliance_event(EVENT)
    except InputError as error:
        assert_type((error.field, error.rule), tuple[str, str])
        assert_type(error.subject, object)
    except TooManyRequestsError as error:
        assert_type(error.retry_after, float | None)
    except BackendFailureException as error:
        assert_type(error, StatusError)
        assert_type(error.status, int | None)
        assert_type(error.code, int | str | None)
    except TransportError as error:
        assert_type((error.ambiguous, error.attempts), tuple[bool, int])
    except AirViewHeraldError as error:
        assert_type(error.request, RequestFacts)
        assert_type((error.method, error.url, error.message), tuple[str, str, str])


def application_of(resource: str) -> Application | None:
    """Choose the application of a resource."""
    return None if resource.startswith("vendor/") else APPLICATION


def control_of(rule: SarifRule) -> Control | None:
    """Choose the control of a rule."""
    assert_type(rule, SarifRule)
    return CONTROL


def action_of(rule: SarifRule) -> TechnicalControlAction:
    """Choose what a breach of a rule leads to."""
    return TechnicalControlAction.LOG


def print_problem(problem: SourceProblem) -> None:
    """Look at a part of a file that gave no event."""
    assert_type((problem.file, problem.where, problem.reason), tuple[str, str, str])


async def files(airview: AirView) -> None:
    """Events from files are batches like any other."""
    findings = read_sarif(
        Path("ruff.sarif"),
        application=application_of,
        control=control_of,
        control_action=action_of,
        base=Path.cwd(),
        on_problem=print_problem,
    )
    await airview.ingest(findings)
    for event in read_sarif("bandit.sarif", application=APPLICATION, control=CONTROL):
        assert_type(event, ComplianceEvent)
    write_jsonl(some_events(), "events.jsonl")
    await airview.ingest(read_jsonl(sys.stdin.buffer, on_problem=print_problem))
    assert_type(decode_reference(encode_reference("arn:aws:s3:::bucket")), str)


async def rehearsals() -> None:
    """The sandbox serves both kinds of caller."""
    async with Sandbox(require_token=True, latency=0.01) as sandbox:
        assert_type(sandbox, Sandbox)
        credentials = ClientCredentials(sandbox.token_url, "sandbox-client", "sandbox-secret")
        async with AirView(
            sandbox.airview_url,
            system_name="ccf",
            system_stage="BUILD",
            referencing_type="aws_account_id",
            auth=credentials,
        ) as airview:
            await airview.handle_compliance_event(EVENT)
            assert_type(airview.backend, Backend)
        for request in sandbox.requests:
            assert_type((request.method, request.status), tuple[str, int])
        sandbox.force("GET", "/systems/", 503, headers={"Retry-After": "1"}, times=1)
        sandbox.force("POST", "/herald/v2/{account_id}/notifications", drop="after")
        herald = sandbox.herald
        assert_type((sandbox.herald_url, herald.access_key_id), tuple[str, str])
        herald.seed(notifications=100)
        assert_type(herald.add_notifications([{"type": "incidents/alerts"}]), list[str])
        herald.switches.listing = "list"
    with Sandbox(database="rows.db", port=8080) as sandbox:
        assert_type(sandbox.url, str)
        assert_type(len(sandbox.snapshot()["monitored_resource"]), int)
