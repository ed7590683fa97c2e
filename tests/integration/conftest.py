"""A running sandbox, and clients and events for it."""

import os

import pytest
from command_line import CommandLine
from faulty import Faulty

from airview_herald import AirView, Herald
from airview_herald.airview import (
    Application,
    ComplianceEvent,
    Control,
    Environment,
    QualityModel,
    TechnicalControl,
    TechnicalControlAction,
)
from airview_herald.sandbox import Sandbox
from airview_herald.sources import write_jsonl
from airview_herald.transport import PooledTransport, Retry


@pytest.fixture
def sandbox():
    """A sandbox with its race window open, as on the server."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def connect(sandbox):
    """Make clients of the sandbox, or of another URL."""

    def make(url=None, **options):
        settings = {
            "system_name": "ccf",
            "system_stage": "MONITOR",
            "referencing_type": "aws_account_id",
        }
        return AirView(url or sandbox.airview_url, **settings | options)

    return make


@pytest.fixture
def quick(connect):
    """Make clients for which a server is done within a moment."""

    def make(url=None, **options):
        return connect(url, **{"settle": 0.02, "retry": Retry(attempts=1, base=0)} | options)

    return make


@pytest.fixture
async def faulty():
    """Real connections that can lose requests and answers."""
    async with Faulty(PooledTransport()) as transport:
        yield transport


@pytest.fixture
def call_herald(sandbox):
    """Make clients of the sandbox's Herald, with the access key that it knows."""

    def make(**options):
        options.setdefault("global_endpoint", sandbox.herald_url)
        if not {"aims_token", "auth", "username"} & options.keys():
            options.setdefault("access_key_id", sandbox.herald.access_key_id)
            options.setdefault("secret_key", sandbox.herald.secret_key)
        return Herald(**options)

    return make


@pytest.fixture
def event():
    """Make events of one application, technical control and parent control."""
    application = Application("Payments", "payments", environment=Environment("Production", "PRD"))
    technical_control = TechnicalControl(
        "EC2 patching",
        "ec2-patching",
        TechnicalControlAction.VULNERABILITY,
        control=Control("Patch R&D servers", QualityModel.SECURITY),
    )

    def make(resource, status="FLAGGED", **changes):
        return ComplianceEvent(
            resource,
            changes.get("application", application),
            changes.get("technical_control", technical_control),
            status,
            changes.get("additional_data", ""),
        )

    return make


@pytest.fixture
def many(event):
    """Three hundred events about a hundred resources, numbered in their data."""
    states = ["FLAGGED", "MONITORING", "UNRESPONSIVE"]
    return [event(f"i-{n % 100}", states[n // 100], additional_data=str(n)) for n in range(300)]


@pytest.fixture
def state(tmp_path):
    """Where a batch keeps what is done."""
    return tmp_path / "state.db"


@pytest.fixture
def cli(sandbox, tmp_path, empty_home, measured):
    """Run `airview-herald` against the sandbox."""
    return CommandLine(
        tmp_path,
        measured
        | {
            "PATH": os.environ["PATH"],
            "HOME": empty_home,
            "AIRVIEW_BASE_URL": sandbox.airview_url,
            "AIRVIEW_SYSTEM_NAME": "ccf",
            "AIRVIEW_REFERENCING_TYPE": "aws_account_id",
            "ALERTLOGIC_ENDPOINT": sandbox.herald_url,
            "ALERTLOGIC_ACCESS_KEY_ID": sandbox.herald.access_key_id,
            "ALERTLOGIC_SECRET_KEY": sandbox.herald.secret_key,
        },
    )


@pytest.fixture
def write(cli, event):
    """Write events into a file of the folder."""

    def make(name, resources, **changes):
        write_jsonl([event(each, **changes) for each in resources], cli.folder / name)
        return name

    return make
