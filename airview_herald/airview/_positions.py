"""Which inputs of a run are done: what a file of its state is to be told, and what it tells.

An input is known by its position. Of those that were taken all are done but the ones that are
open, and these are few: a window of events under way, and those whose end nobody knows. So what is
kept is how many were taken, and which of them are open; every input before the first open one is
done, and nothing has to be kept of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from hashlib import blake2b
from typing import Any

import attrs
import msgspec

from airview_herald.airview._lanes import lane_key

BLOCK = 1024

_SIZE = 16
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_ENCODER = msgspec.json.Encoder(order="sorted")


class Verdict(Enum):
    """What is to be done with an input."""

    SEND = "send"
    SKIP = "skip"
    REFUSE = "refuse"


@attrs.frozen
class Open:
    """An input that was taken and is not done.

    Attributes:
        position: Its place in the input, from 0.
        print: Identifies the event.
        lane: Identifies what its order is kept by; empty if there is none.
        doubtful: Whether a later event of its lane may be recorded before it is done.
    """

    position: int
    print: str
    lane: str
    doubtful: bool


@attrs.frozen
class Past:
    """What a file tells of a stretch of the input, up to the end of a block.

    Attributes:
        digest: That of the block up to its end, or up to the last input that was taken.
        open: The prints of those of its inputs that are to be sent.
    """

    digest: str
    open: Mapping[int, str]


@attrs.define
class Step:
    """What has happened since the file was last told; applied in the order of the attributes.

    Attributes:
        reached: How many inputs were taken, and the digest of the last block up to there; `None`
            as long as those are read again that were taken before.
        blocks: Numbers and digests of blocks that are complete.
        opened: Inputs that are open, and that the file does not know as such.
        closed: Positions of inputs that are done, and that the file knows as open.
        recorded: Lanes and positions of events that were recorded. What is open of a lane before
            that position is done: to send it would put an older state over a newer one.
    """

    reached: tuple[int, str] | None = None
    blocks: list[tuple[int, str]] = attrs.field(factory=list)
    opened: list[Open] = attrs.field(factory=list)
    closed: list[int] = attrs.field(factory=list)
    recorded: list[tuple[str, int]] = attrs.field(factory=list)


@attrs.define
class _Taken:
    """An input under way."""

    print: str
    event: Any
    filed: bool


class Positions:
    """The inputs of one run.

    Args:
        before: How many inputs earlier runs have taken.
        doubtful: Whether the file knows of events in doubt.
        overtaking: Whether events may be recorded before earlier ones of their lane are done.

    Attributes:
        taken: How many inputs this run has taken.
        mismatch: Why the input is not the one of the earlier runs; empty as long as it is.
    """

    def __init__(
        self, before: int = 0, *, doubtful: bool = False, overtaking: bool = False
    ) -> None:
        self._before = before
        self.taken = 0
        self.mismatch: str = ""
        self._doubtful = doubtful
        self._overtaking = overtaking
        self._hash = blake2b(digest_size=_SIZE)
        self._past: dict[int, Past] = {}
        self._under_way: dict[int, _Taken] = {}
        self._step = Step()

    @property
    def under_way(self) -> int:
        """How many inputs are under way."""
        return len(self._under_way)

    def unread(self, upto: int) -> list[int]:
        """Return the numbers of the blocks that are needed to take inputs up to a position."""
        last = min(upto, self._before) - 1
        blocks = range(self.taken // BLOCK, last // BLOCK + 1)
        return [number for number in blocks if number not in self._past]

    def expect(self, number: int, past: Past) -> None:
        """Note what the file tells of a block."""
        self._past[number] = past

    def take(self, event: Any) -> Verdict:
        """Take the next input.

        Args:
            event: The caller's own object.

        Returns:
            What is to be done with it. From the first that is refused on, all are, and `mismatch`
            says why.
        """
        if self.mismatch:
            return Verdict.REFUSE
        position, found = self.taken, fingerprint(event)
        self._hash.update(found.encode())
        self.taken += 1
        if position < self._before:
            return self._again(position, found, event)
        self._end_block()
        self._under_way[position] = _Taken(found, event, filed=False)
        return Verdict.SEND

    def ended(self) -> None:
        """Note that the input has ended; `mismatch` says so if it was longer before."""
        if self.taken < self._before and not self.mismatch:
            self.mismatch = f"the input ends after {self.taken} of them"

    def done(self, position: int, *, recorded: bool) -> None:
        """Note that an input is done.

        Args:
            position: Its place.
            recorded: Whether it was recorded.
        """
        taken = self._under_way.pop(position)
        if taken.filed:
            self._step.closed.append(position)
        if recorded and (self._doubtful or self._overtaking):
            self._step.recorded.append((lane_of_event(taken.event), position))

    def doubt(self, position: int) -> None:
        """Note that an input is over, and to be sent again by the next run."""
        taken = self._under_way.pop(position)
        self._doubtful = True
        row = Open(position, taken.print, lane_of_event(taken.event), doubtful=True)
        self._step.opened.append(row)

    def step(self) -> Step:
        """Return what has happened since the last call."""
        step, self._step = self._step, Step()
        if self.taken >= self._before and not self.mismatch:
            step.reached = (self.taken, self._hash.hexdigest())
        for position, taken in self._under_way.items():
            if not taken.filed:
                taken.filed = True
                lane = lane_of_event(taken.event)
                step.opened.append(Open(position, taken.print, lane, self._overtaking))
        return step

    def _again(self, position: int, found: str, event: Any) -> Verdict:
        """Take an input that an earlier run has taken before."""
        number = position // BLOCK
        past = self._past[number]
        wanted = past.open.get(position)
        if wanted is not None and wanted != found:
            self.mismatch = f"input {position} is another one"
        elif self.taken == self._before or self.taken % BLOCK == 0:
            if self._hash.hexdigest() != past.digest:
                self.mismatch = f"some of the inputs {number * BLOCK} to {position} are others"
            else:
                del self._past[number]
                self._end_block(known=self.taken < self._before)
        if self.mismatch:
            return Verdict.REFUSE
        if wanted is None:
            return Verdict.SKIP
        self._under_way[position] = _Taken(found, event, filed=True)
        return Verdict.SEND

    def _end_block(self, *, known: bool = False) -> None:
        if self.taken % BLOCK == 0:
            if not known:
                self._step.blocks.append((self.taken // BLOCK - 1, self._hash.hexdigest()))
            self._hash = blake2b(digest_size=_SIZE)


def fingerprint(event: Any) -> str:
    """Return what identifies an event, the same one in another process too."""
    try:
        content = _ENCODER.encode(event)
    except Exception:  # noqa: BLE001 - the caller's object may be and raise anything
        content = _shown(event).encode("utf-8", "surrogatepass")
    return blake2b(content, digest_size=_SIZE).hexdigest()


def lane_of_event(event: Any) -> str:
    """Return what identifies the lane of an event; empty for what names none."""
    try:
        key = msgspec.json.encode(lane_key(event))
    except Exception:  # noqa: BLE001 - likewise
        return ""
    return blake2b(key, digest_size=_SIZE).hexdigest()


def _shown(event: Any) -> str:
    """Return an object's `repr` without its address in memory."""
    try:
        return _ADDRESS.sub("", repr(event))
    except Exception:  # noqa: BLE001 - likewise
        return type(event).__qualname__
