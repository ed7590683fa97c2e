import math
from types import SimpleNamespace

import anyio
import pytest
from anyio import wait_all_tasks_blocked

from airview_herald.airview._definitions import Definitions
from airview_herald.airview._notes import Notes
from airview_herald.errors import BadRequestError, RequestFacts

KEY = ("environment", "PRD")
REFUSAL = BadRequestError("no", RequestFacts("POST", "http://airview/environments/", 400))


@pytest.mark.parametrize("forgotten", [False, True])
async def test_a_refusal_from_before_all_was_forgotten_is_no_verdict(forgotten):
    """It was of ids that a restored server did not know; no later event is refused by it."""
    notes, definitions, go = Notes(), Definitions(10), anyio.Event()
    sender = SimpleNamespace(transport=None)
    asker = SimpleNamespace(notes=notes, sender=sender, time_left=lambda: math.inf)

    async def look():
        await go.wait()
        raise REFUSAL

    async def ask():
        with pytest.raises(BadRequestError):
            await definitions.define(asker, KEY, None, look, look)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await wait_all_tasks_blocked()
        if forgotten:
            definitions.clear()
        go.set()
    assert (notes.verdict(KEY) is None) == forgotten
