"""A client of Herald in a process of its own: this package's, or the vendor's with its own Python.

    python benchmarks/herald_reader.py airview|airview+aiohttp|almdrlib CREDENTIALS

where the credentials are the line that `herald_server.py` prints; it reads all the notifications
each time it is told to, as JSON lines on standard input.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from watch import Watch, say

TYPE = "incidents/alerts"


def read_ours(credentials: dict[str, str], stack: str) -> Callable[[int], dict[str, Any]]:
    """Return what reads with this package: typed notifications, one after another."""
    from airview_herald import Herald

    async def read(limit: int) -> dict[str, Any]:
        keys: Any = {
            name: credentials[name] for name in ("access_key_id", "secret_key", "account_id")
        }
        if stack == "airview":
            return await _count(Herald(**keys, global_endpoint=credentials["url"]), limit)
        from airview_herald.transport import AiohttpTransport

        async with AiohttpTransport() as http:
            return await _count(
                Herald(**keys, global_endpoint=credentials["url"], http=http), limit
            )

    return lambda limit: asyncio.run(read(limit))


async def _count(herald: Any, limit: int) -> dict[str, Any]:
    async with herald:
        # The login and the look-up of the host are not measured for either client.
        await herald.get_account_notification_by_type(TYPE, limit=1)
        seen = 0
        with Watch() as watch:
            async for notification in herald.get_account_notification_by_type(TYPE, limit=limit):
                seen += notification.payload.threat is not None
    return watch.told(notifications=seen)


def read_theirs(credentials: dict[str, str]) -> Callable[[int], dict[str, Any]]:
    """Return what reads with almdrlib: dictionaries, page by page with a loop by hand."""
    os.environ |= {
        "ALERTLOGIC_ENDPOINT": credentials["url"],
        "ALERTLOGIC_ACCOUNT_ID": credentials["account_id"],
        "ALERTLOGIC_ACCESS_KEY_ID": credentials["access_key_id"],
        "ALERTLOGIC_SECRET_KEY": credentials["secret_key"],
        # When imported, the definitions ask another host for a schema, and wait for
        # ever where nothing answers; refused, they use the copy that they bring along.
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
    }
    import almdrlib

    client = almdrlib.client("herald")
    client.get_account_notification_by_type(type=TYPE, limit=1)

    def read(limit: int) -> dict[str, Any]:
        seen = 0
        more: dict[str, str] = {}
        with Watch() as watch:
            while True:
                page = client.get_account_notification_by_type(
                    type=TYPE, limit=limit, **more
                ).json()
                for notification in page["notifications"]:
                    seen += notification["payload"]["threat"] is not None
                if "continuation_id" not in page:
                    break
                more = {"continuation_id": page["continuation_id"]}
        return watch.told(notifications=seen)

    return read


def main() -> None:
    """Obey until standard input ends."""
    stack, credentials = sys.argv[1], json.loads(sys.argv[2])
    read = read_theirs(credentials) if stack == "almdrlib" else read_ours(credentials, stack)
    say("ready")
    for line in sys.stdin:
        say(json.dumps(read(json.loads(line)["limit"])))


if __name__ == "__main__":
    main()
