"""An event within the window of a batch."""

from __future__ import annotations

from collections.abc import Hashable

import attrs

from airview_herald.airview._lanes import Ticket
from airview_herald.airview._outcomes import Outcome
from airview_herald.airview._recording import Errand


@attrs.define(eq=False)
class Held:
    """An event that was taken and is not through yet.

    Attributes:
        index: Its position in the input.
        errand: Its way to the server.
        closing: Whether reconciliation added it.
        lane: What its order is kept by; `None` for one that broke a rule.
        ticket: Its place in its lane.
        outcome: What became of it.
        final: Whether a resumed run need not take it up again.
    """

    index: int
    errand: Errand
    closing: bool = False
    lane: Hashable = None
    ticket: Ticket | None = None
    outcome: Outcome | None = None
    final: bool = False
