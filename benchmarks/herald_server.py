"""The sandbox's Herald in a process of its own, filled with notifications.

    python benchmarks/herald_server.py COUNT

prints its URL, account, access key and secret in a line, and ends with its input.
"""

from __future__ import annotations

import json
import sys

from watch import say

from airview_herald.sandbox import Sandbox

TYPE = "incidents/alerts"
_FIRST = 1_767_000_000
_THREATS = ("Critical", "High", "Medium", "Low")


def notification(number: int) -> dict[str, object]:
    """Return a notification as it goes over the wire; seven share each second."""
    threat = _THREATS[number % 4]
    return {
        "type": TYPE,
        "notification_data": {"class": "web_attack_recon", "threat_level": threat.lower()},
        "asset_data": {"tags": [{"env": "prod"}]},
        "payload": {
            "long_incident_id": f"{number:016x}",
            "incident_id": f"i{number}",
            "threat": threat,
        },
        "created": {"at": _FIRST + number // 7, "by": "benchmark"},
    }


def main() -> None:
    """Serve until standard input ends."""
    with Sandbox() as sandbox:
        herald = sandbox.herald
        herald.add_notifications(notification(n) for n in range(int(sys.argv[1])))
        say(
            json.dumps(
                {
                    "url": sandbox.herald_url,
                    "account_id": herald.account_id,
                    "access_key_id": herald.access_key_id,
                    "secret_key": herald.secret_key,
                }
            )
        )
        sys.stdin.read()


if __name__ == "__main__":
    main()
