"""Herald's part of the demo: subscribe, send, and read what became of it."""

from __future__ import annotations

import secrets
from collections import Counter

from airview_herald import Herald
from airview_herald.airview import ComplianceEvent
from airview_herald.demo._services import Services

_TYPE = "incidents/alerts"
_PAGE = 25


async def notify(services: Services, worst: ComplianceEvent) -> None:
    """Send the worst finding to who is subscribed, and print how it went."""
    control = worst.technical_control
    severity = str(control.control.severity if control.control else "").capitalize()
    incident = secrets.token_hex(8)
    async with Herald(
        access_key_id=services.access_key_id,
        secret_key=services.secret_key,
        global_endpoint=services.herald_url,
    ) as herald:
        subscription = await herald.create_subscription(
            name=f"Findings of {incident}",
            class_="event",
            notification_type=_TYPE,
            subscribers=[{"subscriber": "demo@example.com", "subscriber_type": "connection"}],
        )
        sent = await herald.send_notification(
            type=_TYPE,
            notification_data={"class": control.name, "threat_level": severity.lower()},
            asset_data={"tags": [{"application": worst.application.name}]},
            payload={
                "long_incident_id": incident,
                "incident_id": incident[:6],
                "threat": severity,
                "attack_summary": worst.additional_data.partition("\n")[0],
            },
        )
        print(
            f"\nHerald runs at {services.herald_url}\n"
            f"Subscription {subscription.id} to {_TYPE}\n"
            f"Notification {sent.id}: {control.name} in {worst.resource_reference}"
        )
        for record in await herald.get_sent_incident_notifications(incident):
            print(f"  {record.subject}")
            for status in record.statuses:
                print(f"    {status.status:<8} {status.destination}")
        listing = herald.get_account_notification_by_type(_TYPE, limit=_PAGE)
        levels: Counter[str] = Counter()
        pages = 0
        async for page in listing.pages():
            pages += 1
            levels.update(
                str(each.notification_data.threat_level)
                for each in page.items
                if each.notification_data
            )
        counts = ", ".join(f"{count} {level}" for level, count in levels.most_common())
        print(f"All {levels.total()} notifications of {_TYPE}, in {pages} pages: {counts}")
