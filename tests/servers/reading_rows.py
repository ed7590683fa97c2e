"""A row of each kind that AirView's reading routes answer with, and what it is read as."""

from datetime import UTC, datetime

from airview_herald.airview import (
    ApplicationEnvironment,
    ApplicationReference,
    ApplicationType,
    ControlOverview,
    ControlOverviewResource,
    ControlSeverity,
    Environment,
    FlaggedResource,
    FlaggedTechnicalControl,
    MonitoredResourceState,
    RecordedApplication,
    ServiceType,
    SystemStage,
    TechnicalControl,
    TechnicalControlAction,
)

APPLICATION_ROW = {"applicationType": "BUSINESS_APPLICATION", "id": 9, "name": "Payments"}
THE_APPLICATION = RecordedApplication(9, "Payments", ApplicationType.BUSINESS_APPLICATION)
PLACE_ROW = {
    "application": APPLICATION_ROW,
    "applicationId": 9,
    "environment": {"abbreviation": "PRD", "id": 1, "name": "Production"},
    "environmentId": 1,
    "id": 15,
    "references": [{"reference": "123456789012", "type": "aws_account_id"}],
}
THE_PLACE = ApplicationEnvironment(
    15,
    THE_APPLICATION,
    Environment("Production", "PRD", 1),
    (ApplicationReference("aws_account_id", "123456789012"),),
)
CHECK_ROW = {
    "controlAction": "VULNERABILITY",
    "controlId": 12,
    "id": 31,
    "isBlocking": False,
    "name": "EC2 patching",
    "reference": "ec2-patching",
    "systemId": 4,
    "ttl": None,
}
THE_CHECK = TechnicalControl(
    "EC2 patching",
    "ec2-patching",
    TechnicalControlAction.VULNERABILITY,
    id=31,
    is_blocking=False,
    control_id=12,
)
OVERVIEW_ROW = {
    "applied": 3,
    "controlAction": "VULNERABILITY",
    "exempt": 0,
    "id": 31,
    "name": "EC2 patching",
    "severity": "HIGH",
    "systemName": "aws-config-feed",
    "systemStage": "MONITOR",
}
THE_OVERVIEW = ControlOverview(
    31,
    "EC2 patching",
    TechnicalControlAction.VULNERABILITY,
    ControlSeverity.HIGH,
    "aws-config-feed",
    SystemStage.MONITOR,
    applied=3,
    exempt=0,
)
FLAGGED_ROW = {
    "controlId": 12,
    "controlName": "Patch servers",
    "environmentName": "Production",
    "id": 31,
    "raisedDateTime": "2023-09-18T13:21:24.123456",
    "resources": [{"id": 301, "name": "web-1", "status": "none"}],
    "severity": "high",
    "systemName": "aws-config-feed",
    "systemStage": "MONITOR",
    "technicalControlName": "EC2 patching",
    "tickets": [],
}
THE_FLAGGED = FlaggedTechnicalControl(
    31,
    "EC2 patching",
    12,
    "Patch servers",
    ControlSeverity.HIGH,
    "Production",
    "aws-config-feed",
    SystemStage.MONITOR,
    datetime(2023, 9, 18, 13, 21, 24, 123456, tzinfo=UTC),
    (FlaggedResource(301, "web-1"),),
)
OVERSEEN_ROW = {
    "environment": "Production",
    "id": 301,
    "name": "web-1",
    "pending": False,
    "status": "FLAGGED",
    "type": "VIRTUAL_MACHINE",
}
THE_OVERSEEN = ControlOverviewResource(
    301,
    "web-1",
    "Production",
    ServiceType.VIRTUAL_MACHINE,
    MonitoredResourceState.FLAGGED,
    pending=False,
)
