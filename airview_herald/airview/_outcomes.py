"""What became of each event of a batch, and of the batch."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Any

import attrs

from airview_herald import _html as html
from airview_herald._records import records
from airview_herald.airview._mismatches import Mismatch, reach
from airview_herald.airview._notes import Orphan
from airview_herald.airview._recording import Stage
from airview_herald.airview._routes import SYSTEMS
from airview_herald.airview.models import ComplianceEvent
from airview_herald.errors import (
    AirViewHeraldError,
    AuthenticationError,
    ConfigurationError,
    DeadlineError,
    ForbiddenError,
    TLSError,
    UnauthorizedError,
)
from airview_herald.transport._operation import Operation

KEPT_FAILURES = 1000

_SYSTEMIC = (
    AuthenticationError,
    UnauthorizedError,
    ForbiddenError,
    ConfigurationError,
    TLSError,
)


def is_systemic(error: BaseException | None) -> bool:
    """Return whether no event of a run can be recorded for an error.

    It is of a class that says so, or of the system, without which nothing is recorded. A deadline
    is one event's own, wherever it ends.
    """
    if isinstance(error, _SYSTEMIC):
        return True
    if not isinstance(error, AirViewHeraldError) or isinstance(error, DeadlineError):
        return False
    return error.url.endswith(SYSTEMS)


class OutcomeStatus(StrEnum):
    """What became of an event."""

    RECORDED = "recorded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    NOT_ATTEMPTED = "not_attempted"


_FAILURES = (OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN)


@attrs.frozen(eq=False)
class Outcome:
    """What became of one event.

    Attributes:
        event: The caller's own object, whatever it was.
        index: Its position in the input, from 0; what reconciliation adds comes behind.
        status: `recorded`; `failed`: definitely not recorded; `unknown`: it may have landed and
            nothing can tell; `skipped`: it needed no sending; `not_attempted`: the run ended
            before its turn, or it met what ended the run, which is its `error` then.
        stage: How far it came.
        requests: Requests spent on it. A definition is on the account of the event that was
            first to need it.
        attempts: Times its requests were sent again, plus one; 0 if nothing was sent.
        error: Why it was not recorded.
        superseded_by: The `index` of the newer event of its lane that was sent in its place, when
            it is `skipped` for that.
        closing: Whether reconciliation added the event; then it is none of the caller's.
        technical_control_id: The id of its technical control, if it came far enough to need it.
        resource_id: The id of its resource, likewise.
    """

    event: ComplianceEvent
    index: int
    status: OutcomeStatus
    stage: Stage
    requests: int = 0
    attempts: int = 0
    error: AirViewHeraldError | None = None
    superseded_by: int | None = None
    closing: bool = False
    technical_control_id: int | None = None
    resource_id: int | None = None

    def to_record(self) -> dict[str, Any]:
        """Return the outcome as a flat dictionary, for a row of a data frame.

        Returns:
            `index`, `status`, `stage`, `application`, `technical_control` (both references),
            `resource`, `state` (what the event says), `error` (its class), `http_status`,
            `message`, `requests`, `attempts`, `superseded_by` and `closing`. What the event does
            not have, since it is none, is `None`.
        """
        event, error = self.event, self.error
        state = reach(event, "status")
        return {
            "index": self.index,
            "status": self.status.value,
            "stage": self.stage.value,
            "application": reach(event, "application.reference"),
            "technical_control": reach(event, "technical_control.reference"),
            "resource": reach(event, "resource_reference"),
            "state": None if state is None else str(state),
            "error": None if error is None else type(error).__name__,
            "http_status": None if error is None else error.status,
            "message": None if error is None else str(error),
            "requests": self.requests,
            "attempts": self.attempts,
            "superseded_by": self.superseded_by,
            "closing": self.closing,
        }

    def _repr_html_(self) -> str:
        return html.block(type(self).__name__, html.pairs(self.to_record()))


@attrs.define(eq=False)
class IngestReport:
    """The account of a batch; live while it runs, closed when it ends.

    `inputs` equals the sum of the five outcomes once the run has ended, however it ended.

    Attributes:
        inputs: Events taken from the producer.
        recorded: Events recorded.
        failed: Events definitely not recorded.
        unknown: Events that may have been recorded.
        skipped: Events that needed no sending.
        not_attempted: Events taken whose turn did not come.
        failures: The first 1,000 outcomes that are `failed` or `unknown`.
        errors: How many outcomes each kind of error has caused, beyond those kept too.
        mismatches: Definitions that exist with other attributes than the events give them.
        orphans: Applications that may be left on the server without an environment.
        requests: Requests sent, those for definitions and tokens included.
        retries: Requests sent again.
        throttled: Answers that said 429.
        reconciled: How many of the `inputs` are events that reconciliation added, recorded or
            not; `None` when it did not take place.
        unreconciled: Why it did not take place, or not for all that it was asked for: some of the
            input is not known, or an application that was named is not on the server.
        server_restored: Whether the server was found to have lost rows that it had: what a `state`
            file knew of it is forgotten, and all is sent again.
        run_again: Whether that showed when some was recorded or skipped already. That part may be
            lost, and the batch is to be run again: with a `state` file by the same call, on a
            cluster with `restart=True`.
        concurrency: The lowest and the highest limit of requests in flight.
        held: Events held now: taken, and not through yet.
        held_peak: The most events held at once.
        elapsed: Seconds since the run began; until its end, when it has ended.
    """

    # Whether a lower `concurrency` can only be the server's doing.
    concurrency_tells = True

    inputs: int = 0
    recorded: int = 0
    failed: int = 0
    unknown: int = 0
    skipped: int = 0
    not_attempted: int = 0
    failures: list[Outcome] = attrs.field(factory=list, repr=False)
    errors: Counter[str] = attrs.field(factory=Counter)
    mismatches: tuple[Mismatch, ...] = ()
    orphans: tuple[Orphan, ...] = ()
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    reconciled: int | None = None
    unreconciled: str = ""
    server_restored: bool = False
    run_again: bool = False
    concurrency: tuple[int, int] = (0, 0)
    held: int = 0
    held_peak: int = 0
    elapsed: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        name = outcome.status.value
        setattr(self, name, getattr(self, name) + 1)
        if outcome.error is not None:
            self.errors[_kind(outcome.error)] += 1
        if outcome.status in _FAILURES and len(self.failures) < KEPT_FAILURES:
            self.failures.append(outcome)

    def charge(self, operation: Operation) -> None:
        """Put what an operation has spent on the account."""
        self.requests += operation.requests
        self.retries += operation.retries
        self.throttled += operation.throttled

    def hold(self, change: int) -> None:
        """Note that events were taken, or are through."""
        self.held += change
        self.held_peak = max(self.held_peak, self.held)

    def to_records(self) -> list[dict[str, Any]]:
        """Return the `failures` as flat dictionaries, for a data frame; see `Outcome.to_record`."""
        return [outcome.to_record() for outcome in self.failures]

    def _repr_html_(self) -> str:
        counts = {status.value: getattr(self, status.value) for status in OutcomeStatus}
        spent = {name: getattr(self, name) for name in ("requests", "retries", "throttled")}
        notes = {
            "reconciled": self.reconciled,
            "unreconciled": self.unreconciled,
            "server restored": self.server_restored or None,
            "run again": self.run_again or None,
        }
        return html.block(
            f"{self.recorded:,} of {self.inputs:,} recorded in {self.elapsed:.1f} s",
            html.table([counts | spent], 1),
            html.pairs(notes),
            html.part(
                "Errors", [{"error": kind, "count": n} for kind, n in self.errors.most_common()]
            ),
            html.part("Failures", self.to_records(), self.failed + self.unknown),
            html.part("Mismatches", records(self.mismatches)),
            html.part("Orphans", records(self.orphans)),
        )


def _kind(error: AirViewHeraldError) -> str:
    name = type(error).__name__
    return name if error.status is None else f"{name} {error.status}"
