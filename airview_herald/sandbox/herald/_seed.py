"""A month in the life of an account, made up from a number."""

import random
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airview_herald.sandbox.herald._accounts import (
    ACCOUNT_ID,
    USER_ID,
    account_document,
    user_document,
)

_MONTH = 30 * 24 * 3600.0
_CHILD = "87654321"
_PEOPLE = ("Ada Quill", "Sam Orchard", "Noor Haddad")
# By notification type: class, subject and percentage of the notifications.
_TYPES = {
    "incidents/alerts": ("Incidents", "{{threat}} incident (ID:{{incident_id}})", 40),
    "incidents/notification": ("Incident updates", "Update of incident {{incident_id}}", 15),
    "observations/notification": ("Observations", None, 15),
    "health/alerts": ("Health", None, 10),
    "search/notifications": ("Searches", None, 10),
    "report/scheduled": ("Scheduled reports", None, 5),
    "tableau/notifications": ("Dashboards", None, 5),
}
_ATTACKS = (
    "application_attack",
    "brute_force",
    "suspicious_activity",
    "trojan_activity",
    "web_attack_recon",
)
_THREATS = ("Low", "Medium", "High", "Critical")
_SOURCES = ("network_ids", "log", "web_application", "endpoint")
_STATES = ("SENT", "SENT", "DELIVRD", "READ", "PENDING", "FAILED")


class Seed:
    """Objects as they go over the wire, the same from the same arguments.

    Args:
        seed: Chooses among the possible months.
        notifications: How many notifications of the account.
        latest: When the month ends, in epoch seconds.
    """

    def __init__(self, seed: int, notifications: int, latest: float) -> None:
        self._random = random.Random(seed)  # noqa: S311 - it has to be repeatable
        self._latest = latest
        self.accounts = [account_document(_CHILD, "Example Branch", active=True, managed=True)]
        self.users = [
            user_document(self._id(), name, f"{name.split()[0].lower()}@example.com")
            for name in _PEOPLE
        ]
        self.notification_types = [
            _notification_type(name, *about[:2]) for name, about in _TYPES.items()
        ]
        self.integrations = [self._integration(number) for number in range(3)]
        self.subscriptions = [self._subscription(name) for name in _TYPES]
        self.notifications = [
            self._notification(account_id, after)
            for account_id, count in ((ACCOUNT_ID, notifications), (_CHILD, notifications // 10))
            for after in sorted(self._random.uniform(0, _MONTH) for _ in range(count))
        ]
        self.sent_notifications = [
            self._sent(notification)
            for notification in self.notifications
            if "long_incident_id" in notification["payload"]
        ]

    def _id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4)).upper()

    def _made(self, at: float) -> dict[str, Any]:
        return {"at": int(at), "by": USER_ID}

    def _host(self, network: str) -> str:
        return f"{network}.{self._random.randint(1, 254)}"

    def _integration(self, number: int) -> dict[str, Any]:
        made = self._made(self._latest - _MONTH)
        return {
            "id": self._id(),
            "name": f"Hook {number + 1}",
            "type": "webhook",
            "target_url": f"https://hooks.example.com/{number + 1}",
            "headers": {"X-Hook": str(number + 1)},
            "created": made,
            "modified": made,
        }

    def _subscription(self, notification_type: str) -> dict[str, Any]:
        made = self._made(self._latest - _MONTH)
        scheduled = notification_type == "report/scheduled"
        people = self._random.sample(self.users, self._random.randint(1, len(self.users)))
        users = [{"subscriber": one["id"], "subscriber_type": "user"} for one in people]
        connection = {"subscriber": self._id(), "subscriber_type": "connection"}
        return {
            "id": self._id(),
            "name": _TYPES[notification_type][0],
            "class": "schedule" if scheduled else "event",
            "notification_type": notification_type,
            "active": notification_type != "tableau/notifications",
            "created": made,
            "modified": made,
            "options": {"include_attachments": self._random.random() < 0.5},  # noqa: PLR2004
            "filters": {"in": [{"source": "notification.threat_level"}, ["Critical", "High"]]},
            "subscribers": [*users, connection],
        } | ({"external_id": self._id()} if scheduled else {})

    def _notification(self, account_id: str, after: float) -> dict[str, Any]:
        shares = [share for *_, share in _TYPES.values()]
        (kind,) = self._random.choices(list(_TYPES), shares)
        at = self._latest - _MONTH + after
        threat = self._random.choice(_THREATS)
        attack = self._random.choice(_ATTACKS)
        attacker = self._host("203.0.113")
        payload: dict[str, Any] = {"cid": int(account_id), "customer_name": "Example Ltd"}
        if kind.startswith("incidents/"):
            payload |= self._incident(at, threat, attack, attacker)
        else:
            payload |= {"summary": f"{_TYPES[kind][0]}: {attack.replace('_', ' ')}"}
        return {
            "id": self._id(),
            "account_id": account_id,
            "type": kind,
            "notification_data": {
                "class": attack,
                "threat_level": threat.lower(),
                "attackers": [attacker],
                "targets": [self._host("192.0.2") for _ in range(self._random.randint(1, 3))],
                "status": "open",
                "appliance": f"edge-{self._random.randint(1, 9):02}",
                "detection_source": self._random.choice(_SOURCES),
            },
            "asset_data": {
                "deployment_id": self._id(),
                "tags": [{"env": "prod"}],
                "tag_keys": [{"env": "env"}],
            },
            "payload": payload,
            "attachments": [],
            "status": self._random.choice(("created", "published")),
            "created": self._made(at),
            "modified": self._made(at),
        }

    def _incident(self, at: float, threat: str, attack: str, attacker: str) -> dict[str, Any]:
        return {
            "analyst_notes": "[]",
            "attack_summary": f"{attack.replace('_', ' ').capitalize()} from {attacker}\n",
            "class": attack,
            "create_date": _date(at),
            "deployment_name": "Main",
            "incident_id": f"{self._random.getrandbits(31):06x}"[:6],
            "investigation_report": "<p>Detail</p>",
            "location_ip": attacker,
            "long_incident_id": f"{self._random.getrandbits(64):016x}",
            "start_date": _date(at - 240),
            "status": "open",
            "threat": threat,
        }

    def _sent(self, notification: Mapping[str, Any]) -> dict[str, Any]:
        payload = notification["payload"]
        at = notification["created"]["at"]
        statuses = []
        for user in self.users:
            state = self._random.choice(_STATES)
            status = {"destination": user["email"], "status": state}
            statuses.append(status if state == "PENDING" else {**status, "sent_at": at + 10})
        hook = self._random.choice(self.integrations)
        return {
            "id": self._id(),
            "account_id": notification["account_id"],
            "long_incident_id": payload["long_incident_id"],
            "type": notification["type"],
            "subkey": f"incidents/{payload['threat'].lower()}",
            "subject": f"{payload['threat']} threat incident: {payload['class']}",
            "statuses": statuses,
            "integration_statuses": [
                {
                    "type": "webhook",
                    "status": "SENT",
                    "integration_id": hook["id"],
                    "queue_data": {
                        "id": self._id(),
                        "config": {"type": "webhook", "target_url": hook["target_url"]},
                    },
                    "integration_response": {"code": 200, "body": None},
                }
            ],
        }


def _notification_type(name: str, title: str, subject: str | None) -> dict[str, Any]:
    template = f"{title} Template"
    described = {
        "notification_type": name,
        "name": title,
        "default_template": template,
        "templates": [template, "Log Review Escalated"],
    }
    return described | ({"default_email_subject": subject} if subject else {})


def _date(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%d %b %Y %H:%M:%S} GMT"
