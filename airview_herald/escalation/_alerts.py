"""What people are told of: findings of one technical control in one application."""

from __future__ import annotations

import html
from typing import Any

import attrs

from airview_herald.airview import (
    Application,
    ComplianceEvent,
    ControlSeverity,
    TechnicalControl,
)

# How much an alert names. Herald publishes no limit; AIMS's is one megabyte, which this never
# reaches in any script, and a reader can still take it in.
_NAMED = 50
_IN_SUMMARY = 3
_WORDS = 200


@attrs.frozen(eq=False)
class Alert:
    """The resources of an application that a technical control flagged in a run, and not before.

    Attributes:
        id: Hexadecimal, of its own.
        application: The application, as the events have it.
        technical_control: The technical control, likewise.
        is_blocking: Whether a breach of it blocks, as AirView has it.
        severity: How grave a breach of its parent control is, as AirView has it; `None` for a
            technical control without one.
        events: The events that flagged them, one for each resource, in the order of their names.
    """

    id: str
    application: Application
    technical_control: TechnicalControl
    is_blocking: bool
    severity: ControlSeverity | str | None
    events: tuple[ComplianceEvent, ...] = attrs.field(repr=False)

    @property
    def resources(self) -> tuple[str, ...]:
        """The references of the resources."""
        return tuple(event.resource_reference for event in self.events)


def is_grave(alert: Alert) -> bool:
    """Return whether a breach blocks, or the parent control's severity is CRITICAL."""
    return alert.is_blocking or alert.severity == ControlSeverity.CRITICAL


def describe(alert: Alert) -> dict[str, Any]:
    """Return the notification of an alert: what `Herald.send_notification` is given.

    It is an `incidents/alerts` whose long incident id is the alert's `id`, so that
    `Herald.get_sent_incident_notifications` tells what became of it. It names 50 resources, each
    with 200 characters of its `additional_data`, and says how many there are.

    Args:
        alert: The alert.
    """
    control, application = alert.technical_control, alert.application
    named = alert.resources[:_NAMED]
    threat = "Critical" if alert.severity == ControlSeverity.CRITICAL else "High"
    count = f"{len(alert.events)} resource{'s' if len(alert.events) > 1 else ''}"
    first = [*named[:_IN_SUMMARY], *_more(alert, _IN_SUMMARY)]
    summary = f"{control.name}: {count} of {application.name} newly flagged: {', '.join(first)}"
    return {
        "type": "incidents/alerts",
        "notification_data": {
            "class": "compliance",
            "detection_source": "airview",
            "status": "open",
            "targets": list(named),
            "threat_level": threat.lower(),
        },
        "asset_data": {
            "tags": [
                {"key": "application", "value": application.reference},
                {"key": "environment", "value": application.environment.abbreviation},
            ]
        },
        "payload": {
            "attack_summary": summary,
            "class": control.name,
            "incident_id": alert.id[:6],
            "investigation_report": _report(alert),
            "is_blocking": alert.is_blocking,
            "long_incident_id": alert.id,
            "status": "open",
            "threat": threat,
        },
    }


def _more(alert: Alert, shown: int) -> list[str]:
    left = len(alert.events) - shown
    return [f"and {left} more"] if left > 0 else []


def _short(text: str) -> str:
    return f"{text[: _WORDS - 1]}…" if len(text) > _WORDS else text


def _report(alert: Alert) -> str:
    """Return the findings as a list in HTML."""
    items = [
        ": ".join(filter(None, (_short(event.resource_reference), _short(event.additional_data))))
        for event in alert.events[:_NAMED]
    ]
    items += _more(alert, _NAMED)
    return f"<ul>{''.join(f'<li>{html.escape(item)}</li>' for item in items)}</ul>"
