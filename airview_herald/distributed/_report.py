"""The account of a batch that many workers have recorded."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

import attrs

from airview_herald.airview._notes import KEPT_NOTES
from airview_herald.airview._outcomes import KEPT_FAILURES, IngestReport, OutcomeStatus
from airview_herald.distributed._partition import Ended
from airview_herald.distributed._pieces import Manifest
from airview_herald.sources import SourceProblem
from airview_herald.sources.problems import KEPT_PROBLEMS

T = TypeVar("T")

_SUMS = ("inputs", "requests", "retries", "throttled", "held", *OutcomeStatus)


@attrs.define(eq=False)
class ClusterReport(IngestReport):
    """The account of all partitions, added up; what a lost worker had spent is not in it.

    The `index` of an outcome is its place in its partition. `concurrency` is that of one partition,
    the lowest and the highest, and `held_peak` the most that one has held.

    Attributes:
        partitions: How many partitions there are.
        partitions_ended: How many of them have ended, however they did.
        taken_over: How many went on after their worker was lost.
        planning_requests: How many of the `requests` found and recorded what all partitions share.
        problems: Parts of the sources that gave no event; the first 1,000.
        problem_count: How many there are.
    """

    # A partition's concurrency also changes with how many partitions are running.
    concurrency_tells = False

    partitions: int = 0
    partitions_ended: int = 0
    taken_over: int = 0
    planning_requests: int = 0
    problems: tuple[SourceProblem, ...] = ()
    problem_count: int = 0

    def split(self, manifests: Iterable[Manifest]) -> None:
        """Count what could not be read of the sources."""
        for manifest in manifests:
            self.problem_count += manifest.problem_count
            self.problems = (*self.problems, *manifest.problems)[:KEPT_PROBLEMS]

    def plan(self, report: IngestReport) -> None:
        """Add what it took to find and to record what all partitions share."""
        self.planning_requests = report.requests
        add_up(self, report)

    def end(self, ended: Ended) -> None:
        """Add a partition that has ended."""
        self.partitions_ended += 1
        self.taken_over += ended.taken_over
        add_up(self, ended.report)

    def lose(self, inputs: int) -> None:
        """Add a partition of which nobody knows what has become."""
        self.partitions_ended += 1
        add_up(self, IngestReport(inputs=inputs, unknown=inputs))


def add_up(whole: IngestReport, part: IngestReport) -> None:
    """Add the account of a part to that of the whole."""
    for name in _SUMS:
        setattr(whole, name, getattr(whole, name) + getattr(part, name))
    whole.errors.update(part.errors)
    whole.failures += part.failures[: KEPT_FAILURES - len(whole.failures)]
    whole.mismatches = _first((*whole.mismatches, *part.mismatches))
    whole.orphans = _first((*whole.orphans, *part.orphans))
    if part.reconciled is not None:
        whole.reconciled = (whole.reconciled or 0) + part.reconciled
    whole.unreconciled = whole.unreconciled or part.unreconciled
    whole.server_restored = whole.server_restored or part.server_restored
    whole.run_again = whole.run_again or part.run_again
    whole.held_peak = max(whole.held_peak, part.held_peak)
    if part.concurrency != (0, 0):
        low, high = part.concurrency
        lowest, highest = whole.concurrency
        whole.concurrency = (min(low, lowest or low), max(high, highest))


def _first(notes: Iterable[T]) -> tuple[T, ...]:
    """Return each once, and no more than the report of one partition may have."""
    return tuple(islice(dict.fromkeys(notes), KEPT_NOTES))
