"""New rows: their ids and who made them when."""

import time
import uuid
from typing import Any


def new_id() -> str:
    """Return an id as Herald gives them."""
    return str(uuid.uuid4()).upper()


def stamp(by: str) -> dict[str, Any]:
    """Say that somebody did something now."""
    return {"at": int(time.time()), "by": by}
