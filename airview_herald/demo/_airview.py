"""AirView's part of the demo: findings of ruff's become records, and are read back."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from airview_herald.airview import (
    AirView,
    ComplianceEvent,
    Control,
    IngestReport,
    Outcome,
    OutcomeStatus,
    QualityModel,
    SystemStage,
)
from airview_herald.airview.models import ControlSeverity
from airview_herald.airview.readings import ComplianceGroup
from airview_herald.auth import ClientCredentials
from airview_herald.demo._services import Services
from airview_herald.sources import SarifEvents, SarifRule, read_sarif

# Longest prefix first: BLE and TRY before the one-letter families.
_CONTROLS = {
    "ERA": Control(
        "No dead code", QualityModel.USABILITY_AND_COMPATIBILITY, severity=ControlSeverity.LOW
    ),
    "TRY": Control(
        "Exceptions say what failed", QualityModel.RELIABILITY, severity=ControlSeverity.MEDIUM
    ),
    "BLE": Control("No blind except", QualityModel.RELIABILITY, severity=ControlSeverity.HIGH),
    "PL": Control(
        "Readable code", QualityModel.USABILITY_AND_COMPATIBILITY, severity=ControlSeverity.LOW
    ),
    "S": Control("Secure code", QualityModel.SECURITY, severity=ControlSeverity.CRITICAL),
    "B": Control("No likely bugs", QualityModel.RELIABILITY, severity=ControlSeverity.HIGH),
}
_SEVERITIES = tuple(ControlSeverity)
_ROWS = 12


def scan(library: Path, report: Path) -> SarifEvents:
    """Have ruff write its findings, with no configuration but ours, and return the events."""
    subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--exit-zero",
         "--quiet", "--select", "S,B,BLE,TRY,PL,ERA", "--exclude", "site-packages",
         "--no-respect-gitignore", "--output-format", "sarif", "--output-file", str(report),
         str(library)],
        check=True,
    )  # fmt: skip
    return read_sarif(report, base=library, control=_control)


def _control(rule: SarifRule) -> Control | None:
    """Return the control that a family of ruff's rules serves."""
    return next((c for family, c in _CONTROLS.items() if rule.id.startswith(family)), None)


async def record(
    services: Services, events: SarifEvents, concurrency: int
) -> tuple[IngestReport, list[ComplianceGroup], ComplianceEvent | None]:
    """Record the events; return the report, what AirView makes of them, and the worst one."""
    worst: list[ComplianceEvent] = []

    def keep_worst(outcome: Outcome) -> None:
        if outcome.status is OutcomeStatus.RECORDED:
            worst[:] = [max((*worst, outcome.event), key=_badness)]

    async with AirView(
        services.airview_url,
        system_name="ruff",
        system_stage=SystemStage.BUILD,
        referencing_type="python_module",
        auth=ClientCredentials(services.token_url, "sandbox-client", "sandbox-secret"),
    ) as airview:
        report = await airview.ingest(
            events, concurrency=concurrency, on_outcome=keep_worst, progress=_progress
        )
        print()
        groups = await airview.get_compliance(["applicationName", "controlSeverity"])
    return report, groups, next(iter(worst), None)


def _badness(event: ComplianceEvent) -> tuple[int, int, str]:
    """Return how bad an event is: its control's severity, and how often it was found."""
    control = event.technical_control.control
    severity = None if control is None else control.severity
    rank = len(_SEVERITIES) if severity is None else _SEVERITIES.index(ControlSeverity(severity))
    return -rank, event.additional_data.count("\n"), event.resource_reference


def _progress(report: IngestReport) -> None:
    """Keep one line up to date in a terminal; elsewhere print it once."""
    if not sys.stdout.isatty() and report.held:
        return
    rate = report.recorded / report.elapsed if report.elapsed else 0.0
    print(
        f"\r{report.recorded:6,} recorded  {report.failed + report.unknown:,} failed  "
        f"{rate:7,.0f} events/s",
        end="",
        flush=True,
    )


def print_groups(groups: list[ComplianceGroup]) -> None:
    """Print flagged records by application and severity, the most flagged first."""
    flagged: Counter[str] = Counter()
    cells: Counter[tuple[str, str | None]] = Counter()
    for group in groups:
        count = group.total - group.is_compliant
        name = group.application_name or ""
        flagged[name] += count
        cells[name, group.control_severity] += count
    head = "".join(f"{severity:>10}" for severity in _SEVERITIES)
    print(f"\n{'application':<24}{head}{'flagged':>10}")
    for name, total in flagged.most_common(_ROWS):
        row = "".join(f"{cells[name, severity]:>10,}" for severity in _SEVERITIES)
        print(f"{name:<24}{row}{total:>10,}")
    if len(flagged) > _ROWS:
        rest = dict(flagged.most_common()[_ROWS:])
        row = "".join(
            f"{sum(cells[name, severity] for name in rest):>10,}" for severity in _SEVERITIES
        )
        print(f"{f'and {len(rest)} more':<24}{row}{sum(rest.values()):>10,}")
