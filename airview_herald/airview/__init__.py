"""AirView: the compliance state of cloud resources."""

from airview_herald._rows import Rows
from airview_herald.airview._backend import Backend
from airview_herald.airview._check import Check, Role
from airview_herald.airview._client import AirView
from airview_herald.airview._config import BackendConfig
from airview_herald.airview._coverage import Reconciliation
from airview_herald.airview._handler import Handler, get_handler
from airview_herald.airview._ingest_settings import State
from airview_herald.airview._mismatches import Mismatch
from airview_herald.airview._notes import Orphan
from airview_herald.airview._outcomes import IngestReport, Outcome, OutcomeStatus
from airview_herald.airview._plan import Plan, PlannedDefinition
from airview_herald.airview._recording import Stage
from airview_herald.airview._stream import IngestStream
from airview_herald.airview._tokens import (
    get_aws_cognito_token,
    get_azure_token,
    get_oauth_token,
)
from airview_herald.airview.exclusion_resources import ExclusionResource, ExclusionState
from airview_herald.airview.frameworks import (
    Framework,
    FrameworkControlObjective,
    FrameworkControlObjectiveLink,
    FrameworkSection,
)
from airview_herald.airview.models import (
    Application,
    ApplicationType,
    ComplianceEvent,
    Control,
    ControlSeverity,
    Environment,
    MonitoredResourceState,
    QualityModel,
    Resource,
    ResourceType,
    ResourceTypeControl,
    Service,
    ServiceType,
    SystemStage,
    TechnicalControl,
    TechnicalControlAction,
)
from airview_herald.airview.readings import (
    ApplicationEnvironment,
    ApplicationReference,
    ComplianceGroup,
    ControlOverview,
    ControlOverviewResource,
    ControlOverviewTotals,
    FlaggedResource,
    FlaggedTechnicalControl,
    RecordedApplication,
)
from airview_herald.errors import BackendFailureException

__all__ = [
    "AirView",
    "Application",
    "ApplicationEnvironment",
    "ApplicationReference",
    "ApplicationType",
    "Backend",
    "BackendConfig",
    "BackendFailureException",
    "Check",
    "ComplianceEvent",
    "ComplianceGroup",
    "Control",
    "ControlOverview",
    "ControlOverviewResource",
    "ControlOverviewTotals",
    "ControlSeverity",
    "Environment",
    "ExclusionResource",
    "ExclusionState",
    "FlaggedResource",
    "FlaggedTechnicalControl",
    "Framework",
    "FrameworkControlObjective",
    "FrameworkControlObjectiveLink",
    "FrameworkSection",
    "Handler",
    "IngestReport",
    "IngestStream",
    "Mismatch",
    "MonitoredResourceState",
    "Orphan",
    "Outcome",
    "OutcomeStatus",
    "Plan",
    "PlannedDefinition",
    "QualityModel",
    "Reconciliation",
    "RecordedApplication",
    "Resource",
    "ResourceType",
    "ResourceTypeControl",
    "Role",
    "Rows",
    "Service",
    "ServiceType",
    "Stage",
    "State",
    "SystemStage",
    "TechnicalControl",
    "TechnicalControlAction",
    "get_aws_cognito_token",
    "get_azure_token",
    "get_handler",
    "get_oauth_token",
]
