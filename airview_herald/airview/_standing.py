"""How far a batch has come, in words and numbers to be shown while it runs."""

from __future__ import annotations

from collections import deque
from collections.abc import MappingView, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import attrs

from airview_herald.airview._outcomes import IngestReport, OutcomeStatus

# Seconds over which the rate is taken, so that it follows the server's present speed.
_MEMORY = 10.0
_MINUTE = 60
_HOUR = 3600


@attrs.frozen
class Standing:
    """How far a batch has come.

    Attributes:
        report: The live report.
        done: Events that have their outcome.
        total: How many there are to be; `None` when that is not known.
        rate: Events a second, of those that needed sending.
        ended: Whether the run has ended.
    """

    report: IngestReport
    done: int
    total: int | None
    rate: float
    ended: bool

    @property
    def count(self) -> str:
        """How many are done, of how many."""
        return f"{self.done:,}" if self.total is None else f"{self.done:,} of {self.total:,}"

    @property
    def pace(self) -> str:
        """How fast it goes."""
        return f"{self.rate:,.0f}/s" if self.rate >= 1 or not self.rate else f"{self.rate:.1f}/s"

    @property
    def time(self) -> str:
        """How long it goes on, or, at the end, how long it took."""
        if self.ended:
            seconds = self.report.elapsed
            return f"in {seconds:.1f} s" if seconds < _MINUTE else f"in {_clock(seconds)}"
        if self.total is None or not self.rate:
            return ""
        return f"{_clock((self.total - self.done) / self.rate)} left"

    @property
    def troubles(self) -> list[str]:
        """What did not go well: most runs have nothing to say."""
        report = self.report
        lowest, highest = report.concurrency
        counts = {
            "failed": report.failed,
            "unknown": report.unknown,
            "not attempted": report.not_attempted,
            "throttled": report.throttled,
        }
        told = [f"{count:,} {name}" for name, count in counts.items() if count]
        lowered = report.concurrency_tells and lowest < highest
        return [*told, f"{lowest} to {highest} at once"] if lowered else told

    @property
    def skipped(self) -> list[str]:
        """What needed no sending."""
        return [f"{self.report.skipped:,} skipped"] if self.report.skipped else []

    @property
    def facts(self) -> list[str]:
        """What there is to say of any run."""
        return [fact for fact in (self.time, self.pace, *self.skipped) if fact]

    @property
    def line(self) -> str:
        """All of it."""
        recorded = f"{self.report.recorded:,} recorded"
        counts = [recorded] if self.total is None else [self.count, recorded]
        return ", ".join((*counts, *self.facts, *self.troubles))


class Pace:
    """How fast a batch goes: the rate of the last seconds, so that it follows what is sent.

    Args:
        began: When it began, in seconds of any clock.
    """

    def __init__(self, began: float = 0.0) -> None:
        self._samples: deque[tuple[float, int]] = deque([(began, 0)])

    def at(self, now: float, sent: int) -> float:
        """Note where the batch is, and return how many events a second it has sent lately.

        Args:
            now: The same clock's time.
            sent: Events that have their outcome, but for those that were not sent.
        """
        samples = self._samples
        samples.append((now, sent))
        while samples[1][0] <= now - _MEMORY:
            samples.popleft()
        then, before = samples[0]
        return (sent - before) / (now - then) if now > then else 0.0


class Watch:
    """Tell standings of a report.

    Args:
        report: The live report.
        total: How many events there are; `None` when that is not known.
    """

    def __init__(self, report: IngestReport, total: int | None) -> None:
        self._report = report
        self._total = total
        self._pace = Pace()

    def look(self, *, ended: bool = False) -> Standing:
        """Return how far it has come by now."""
        report = self._report
        done = sum(getattr(report, status.value) for status in OutcomeStatus)
        sent = report.recorded + report.failed + report.unknown
        # Events added by reconciliation were in no total.
        total = None if self._total is None else max(self._total, report.inputs)
        # The last line shows the rate of the whole batch.
        pace = Pace() if ended else self._pace
        return Standing(report, done, total, pace.at(report.elapsed, sent), ended)


def size(events: Any) -> int | None:
    """Return how many events there are if asking costs nothing; a lazy query, say, would run."""
    return len(events) if isinstance(events, Sequence | AbstractSet | MappingView) else None


def _clock(seconds: float) -> str:
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}:{whole % _MINUTE:02}"
    return f"{whole // _HOUR}:{whole % _HOUR // _MINUTE:02}:{whole % _MINUTE:02}"
