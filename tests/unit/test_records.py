"""Rows as flat records: what data frames are made of."""

from datetime import UTC, datetime

import attrs
import pytest

from airview_herald.airview import (
    Application,
    ApplicationEnvironment,
    ApplicationReference,
    ComplianceEvent,
    ComplianceGroup,
    Environment,
    FlaggedResource,
    FlaggedTechnicalControl,
    IngestReport,
    Mismatch,
    Outcome,
    OutcomeStatus,
    Plan,
    PlannedDefinition,
    RecordedApplication,
    Rows,
    Stage,
    TechnicalControl,
)
from airview_herald.errors import BadRequestError, RequestFacts
from airview_herald.herald import (
    Integration,
    Notification,
    NotificationData,
    Page,
    Payload,
    QueueConfig,
)

EVENT = ComplianceEvent(
    "i-0abc", Application("Payments", "1"), TechnicalControl("n", "r", "LOG"), "FLAGGED"
)


def test_a_row_is_one_flat_record():
    """Objects within are joined by dots, enumerations are plain texts, tuples are lists."""
    application = RecordedApplication(3, "Payments", "TECHNICAL_SERVICE")
    references = (ApplicationReference("aws_account_id", "1"), ApplicationReference("name", "p"))
    row = ApplicationEnvironment(7, application, Environment("Production", "PRD", 5), references)
    [record] = Rows([row]).to_records()
    assert record == {
        "id": 7,
        "application.id": 3,
        "application.name": "Payments",
        "application.application_type": "TECHNICAL_SERVICE",
        "environment.name": "Production",
        "environment.abbreviation": "PRD",
        "environment.id": 5,
        "references": [
            {"type": "aws_account_id", "reference": "1"},
            {"type": "name", "reference": "p"},
        ],
    }
    assert type(record["application.application_type"]) is str


def test_a_moment_stays_a_moment():
    """Frames know aware datetimes, and nothing has to be parsed again."""
    raised = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    resources = (FlaggedResource(1, "web-1"),)
    row = FlaggedTechnicalControl(
        1, "tc", 2, "c", "HIGH", "Prod", "scan", "MONITOR", raised, resources
    )
    [record] = Rows([row]).to_records()
    assert record["raised_date_time"] is raised
    assert record["resources"] == [{"id": 1, "name": "web-1"}]


def test_records_have_the_same_keys_in_the_same_order():
    """An object that one row lacks leaves no column of its own beside those of its fields."""
    rows = Rows([
        Notification(id="1"),
        Notification(id="2", notification_data=NotificationData(class_="web_attack")),
    ])  # fmt: skip
    first, second = rows.to_records()
    assert list(first) == list(second)
    assert "notification_data" not in first
    assert (first["notification_data.class_"], second["notification_data.class_"]) == (
        None,
        "web_attack",
    )
    assert first["payload"] is None


def test_what_senders_chose_is_in_a_record_and_what_may_be_a_secret_is_not():
    """A payload's own fields are data; unknown fields of the service, and URLs, may be secrets."""
    notification = Notification(
        id="1",
        payload=Payload(
            threat="High", extra={"rack": {"row": 4}, "cid": [1]}, raw={"threat": "High"}
        ),
        extra={"session": "hidden"},
    )
    [record] = Page((notification,)).to_records()
    assert record["payload.threat"] == "High"
    assert record["payload.rack"] == {"row": 4}
    assert "extra" not in str(sorted(record))
    assert "hidden" not in str(record)
    [record] = Rows(
        [Integration(id="1", target_url="https://x/?key=hidden", headers={"A": "hidden"})]
    ).to_records()
    assert record["id"] == "1"
    assert "hidden" not in str(record)
    assert "hidden" not in str(
        Rows([QueueConfig(type="webhook", target_url="hidden")]).to_records()
    )


def test_a_field_in_another_shape_is_told_in_place_of_its_attribute():
    """What did not fit an attribute is in `extra` under the attribute's own name."""
    [record] = Rows([Payload(extra={"threat": {"level": 3}})]).to_records()
    assert record["threat"] == {"level": 3}


def test_no_rows_are_no_records():
    """An empty answer makes an empty frame."""
    assert Rows().to_records() == []
    assert Page().to_records() == []


def test_rows_are_a_list():
    """Existing code goes on working: equality, slices, iteration, sorting."""
    group = ComplianceGroup(2, 1)
    rows = Rows([group])
    assert rows == [group]
    assert isinstance(rows, list)
    assert [*rows[:1], group] == [group, group]


def test_a_reports_records_are_its_failures():
    """Each has what a frame of failures is grouped by, and nothing is nested."""
    report = IngestReport(inputs=2)
    error = BadRequestError("no such control", RequestFacts(status=400))
    report.add(Outcome(EVENT, 4, OutcomeStatus.FAILED, Stage.DEFINITIONS, 3, 2, error))
    report.add(Outcome(EVENT, 5, OutcomeStatus.RECORDED, Stage.RECORDED, 1, 1))
    assert report.to_records() == [
        {
            "index": 4,
            "status": "failed",
            "stage": "definitions",
            "application": "1",
            "technical_control": "r",
            "resource": "i-0abc",
            "state": "FLAGGED",
            "error": "BadRequestError",
            "http_status": 400,
            "message": str(error),
            "requests": 3,
            "attempts": 2,
            "superseded_by": None,
            "closing": False,
        }
    ]


@pytest.mark.parametrize("event", [None, 5, "text", attrs.evolve(EVENT, application=None)])
def test_an_outcome_of_anything_has_a_record(event):
    """A producer may give what is no event; its outcome is a row all the same."""
    outcome = Outcome(event, 0, OutcomeStatus.FAILED, Stage.QUEUED)
    assert outcome.to_record()["application"] is None


def test_a_plans_records_are_its_definitions():
    """What would be recorded comes first, and has no id."""
    control = PlannedDefinition("control", "Patch", None)
    environment = PlannedDefinition("environment", "PRD", 3)
    mismatch = Mismatch("control", "Patch", "severity", "LOW", "HIGH")
    plan = Plan(1, 0, (), (environment,), (control,), (mismatch,), 2)
    assert plan.to_records() == [
        {"kind": "control", "key": "Patch", "id": None},
        {"kind": "environment", "key": "PRD", "id": 3},
    ]
