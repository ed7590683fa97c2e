"""New rows: their ids, who made them when, and texts that a column holds."""

import re
import time
import uuid
from typing import Any

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_MEMBERSHIPS = uuid.UUID("6E0D4F0A-9C1B-4B5E-8C55-0C1B7A9E1000")


def new_id() -> str:
    """Return an id as Herald gives them."""
    return str(uuid.uuid4()).upper()


def membership_id(subscription_id: str, subscriber_type: str, subscriber: str) -> str:
    """Return the id of a subscriber's place in a subscription: one place, one id."""
    place = f"{subscription_id}/{subscriber_type}/{subscriber}"
    return str(uuid.uuid5(_MEMBERSHIPS, place)).upper()


def stamp(by: str) -> dict[str, Any]:
    """Say that somebody did something now."""
    return {"at": int(time.time()), "by": by}


def storable(text: str) -> str:
    """Return a text with question marks for what no column holds."""
    return UNSTORABLE.sub("?", text)
