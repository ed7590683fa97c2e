"""What becomes of a notification about an incident: a record of where it was sent."""

import re
from collections.abc import Mapping
from typing import Any

from airview_herald.sandbox._database import Database
from airview_herald.sandbox.herald._records import new_id, storable
from airview_herald.sandbox.herald._tables import SENT_NOTIFICATION

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_SUBJECT = "{{threat}} threat incident: {{class}}"


def deliver(database: Database, notification: Mapping[str, Any]) -> None:
    """Record a notification about an incident as sent to whoever subscribes to its type.

    Filters are not looked at: every active subscription to the type counts.

    Args:
        database: Where the subscriptions are and the record goes.
        notification: The notification; without an `incidents/*` type and a long incident id in
            its payload nothing is recorded.
    """
    kind, payload = notification["type"], notification["payload"]
    incident = payload.get("long_incident_id")
    if not (kind.startswith("incidents/") and isinstance(incident, str)):
        return
    statuses = [
        {"destination": destination, "status": "SENT", "sent_at": notification["created"]["at"]}
        for destination in _destinations(database, notification["account_id"], kind)
    ]
    record = {
        "id": new_id(),
        "account_id": notification["account_id"],
        "long_incident_id": storable(incident),
        "type": kind,
        "subkey": storable(f"incidents/{str(payload.get('threat', 'info')).lower()}"),
        "subject": storable(_subject(database, kind, payload)),
        "statuses": statuses,
    }
    database.insert("sent_notification", SENT_NOTIFICATION.row(record))


def _destinations(database: Database, account_id: str, kind: str) -> list[str]:
    """Return the subscribers, users by their address."""
    rows = database.rows(
        "SELECT DISTINCT coalesce(user.email, subscriber.subscriber) AS destination"
        " FROM subscription"
        " JOIN subscriber ON subscriber.subscription_id = subscription.id"
        " LEFT JOIN user ON user.id = subscriber.subscriber AND subscriber_type = 'user'"
        " WHERE subscription.account_id = ? AND notification_type = ? AND subscription.active"
        " ORDER BY subscription.rowid, subscriber.rowid",
        *(account_id, kind),
    )
    return [row["destination"] for row in rows]


def _subject(database: Database, kind: str, payload: Mapping[str, Any]) -> str:
    rows = database.rows(
        "SELECT default_email_subject FROM notification_type WHERE notification_type = ?", kind
    )
    template = (rows[0]["default_email_subject"] if rows else None) or _SUBJECT
    text: str = _PLACEHOLDER.sub(lambda found: str(payload.get(found[1], "")), template)
    return text
