"""Dead letters: what a batch tells of events that were not recorded, for them to be sent again."""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs

from airview_herald.airview import _event_lines
from airview_herald.airview._event_lines import LineError
from airview_herald.airview._outcomes import Outcome
from airview_herald.airview._positions import fingerprint, lane_of_event
from airview_herald.errors import AirViewHeraldError

# Events added by reconciliation count as newer than all of the input.
_LAST = 2**62


@attrs.frozen
class Recorded:
    """An event that was recorded.

    Attributes:
        lane: Its lane.
        rank: Its place in the order of its lane.
    """

    lane: str
    rank: int


@attrs.frozen
class DeadLetter:
    """An event that was not recorded.

    Attributes:
        lane: Its lane.
        rank: Its place in the order of its lane.
        print: Identifies the event; `None` if it is none.
        line: Its line in the file.
    """

    lane: str
    rank: int
    print: str | None
    line: bytes


def recorded(outcome: Outcome, *, reconciled: bool) -> Recorded:
    """Return what to tell of an event that was recorded."""
    return Recorded(lane_of_event(outcome.event), rank_of(outcome.index, reconciled=reconciled))


def dead_letter(outcome: Outcome, run: str, *, reconciled: bool) -> DeadLetter:
    """Return an event that was not recorded as a letter.

    Args:
        outcome: What became of it.
        run: Names the run.
        reconciled: Whether it is one that reconciliation added.
    """
    letter = {
        "index": outcome.index,
        "run": run,
        "outcome": outcome.status.value,
        "stage": outcome.stage.value,
        "attempts": outcome.attempts,
        "error": None if outcome.error is None else _error(outcome.error),
        "reconciled": reconciled or None,
    }
    line = _event_lines.encode_letter(outcome.event, letter)
    return letter_of(line, outcome.index, rank_of(outcome.index, reconciled=reconciled))


Entry: TypeAlias = Recorded | DeadLetter


def rank_of(index: int, *, reconciled: bool) -> int:
    """Return the place of an event in the order of its lane."""
    return _LAST if reconciled else index


def letter_of(line: bytes, index: int, rank: int) -> DeadLetter:
    """Return the letter that a line holds; one without an event has a lane of its own.

    Args:
        line: The line.
        index: The event's position in its input.
        rank: Its place in the order of its lane.
    """
    try:
        event = _event_lines.decode(line)
    except LineError:
        return DeadLetter(str(index), rank, None, line)
    return DeadLetter(lane_of_event(event), rank, fingerprint(event), line)


def _error(error: AirViewHeraldError) -> dict[str, Any]:
    return {
        "class": type(error).__name__,
        "message": _event_lines.plain(str(error)),
        "status": error.status,
        "attempts": error.attempts,
        "ambiguous": error.ambiguous,
    }
