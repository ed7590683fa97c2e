"""How events of a batch come by their outcomes, and the batch by its account."""

from __future__ import annotations

from collections.abc import Callable

from airview_herald.airview._coalescing import Coalescing
from airview_herald.airview._held import Held
from airview_herald.airview._ingest_settings import IngestSettings
from airview_herald.airview._journal import Journal
from airview_herald.airview._notes import Notes
from airview_herald.airview._outcomes import IngestReport, Outcome, OutcomeStatus
from airview_herald.airview._recording import Recorder, may_be_running
from airview_herald.errors import AirViewHeraldError
from airview_herald.transport._limiter import Slots


class Settler:
    """Give each event of a batch its one outcome, and put its account on the batch's.

    Args:
        recorder: Takes the events to the server.
        settings: The settings of the batch.
        slots: Know the limits of its requests in flight.
        journal: Keeps outcomes, if anything does.
        abort: Ends the batch early; told why, and in which words.

    Attributes:
        report: The live report.
        notes: What the events meet on their way.
        coalescing: Knows which events newer ones make needless, if that is asked for.
    """

    def __init__(
        self,
        recorder: Recorder,
        settings: IngestSettings,
        slots: Slots,
        journal: Journal | None,
        abort: Callable[[Exception, str], None],
    ) -> None:
        self.report = IngestReport(concurrency=(settings.concurrency, settings.concurrency))
        self.notes = Notes()
        self.coalescing = Coalescing() if settings.coalesce else None
        self._recorder = recorder
        self._most_failures = settings.max_failures
        self._slots = slots
        self._journal = journal
        self._abort = abort
        self._clock = recorder.sender.transport.clock
        self._telemetry = recorder.sender.transport.telemetry
        self._began = self._clock()
        self._restorations = recorder.catalogue.restorations

    def begin(self) -> None:
        """Note that the batch begins now."""
        self._began = self._clock()

    def end(self) -> None:
        """Note that the batch ends now."""
        self.report.elapsed = self._clock() - self._began
        self.note_restorations()

    def note_restorations(self) -> None:
        """Note whether the server was found to have lost rows, and whether some of the batch's."""
        restorations = self._recorder.catalogue.restorations
        if restorations != self._restorations:
            self._restorations = restorations
            report = self.report
            report.server_restored = True
            report.run_again = report.run_again or report.recorded + report.skipped > 0

    def settle(
        self,
        held: Held,
        status: OutcomeStatus,
        error: AirViewHeraldError | None = None,
        newer: Held | None = None,
    ) -> None:
        """Give an event its outcome.

        Args:
            held: The event.
            status: What became of it.
            error: Why it was not recorded.
            newer: The event that was sent in its place.
        """
        operation = held.errand.operation
        held.outcome = Outcome(
            event=held.errand.event,
            index=held.index,
            status=status,
            stage=held.errand.stage,
            requests=operation.requests,
            attempts=operation.retries + 1 if operation.requests else 0,
            error=error,
            superseded_by=None if newer is None else newer.index,
            closing=held.closing,
            technical_control_id=held.errand.technical_control_id,
            resource_id=held.errand.resource_id,
        )
        if self.coalescing is not None and held.ticket is not None:
            self.coalescing.settle(held, held.ticket, status)
        if self._journal is not None:
            self._journal.settle(held, newer)
        report, notes = self.report, self.notes
        self.note_restorations()
        report.charge(operation)
        if len(report.mismatches) < len(notes.mismatches):
            report.mismatches = tuple(notes.mismatches)
        if report.orphans or notes.orphans:
            report.orphans = tuple(notes.orphans)
        report.elapsed = self._clock() - self._began
        report.concurrency = self._slots.extremes
        report.add(held.outcome)
        self._telemetry.settled(status)
        most = self._most_failures
        if most is not None and error is not None and report.failed + report.unknown >= most:
            reason = f"events not recorded: {most}, as many as max_failures; the last"
            self._abort(error, reason)

    def fail(self, held: Held, error: AirViewHeraldError) -> None:
        """Give an event the outcome of an error: it was refused, or may have landed all the same.

        Args:
            held: The event.
            error: What its recording raised.
        """
        unsure = may_be_running(held.errand.operation, error)
        self.settle(held, OutcomeStatus.UNKNOWN if unsure else OutcomeStatus.FAILED, error)

    def give_up(self, held: Held, error: AirViewHeraldError) -> None:
        """Give an event the outcome of an error that is not its own, and that ends the batch.

        Args:
            held: The event.
            error: What its recording raised.
        """
        unsure = may_be_running(held.errand.operation, error)
        status = OutcomeStatus.UNKNOWN if unsure else OutcomeStatus.NOT_ATTEMPTED
        self.settle(held, status, error)

    def leave(self, held: Held) -> None:
        """Take an event that is left over out of its lane, with an outcome if it has none.

        Args:
            held: The event.
        """
        operation = held.errand.operation
        if held.ticket is not None:
            held.ticket.leave(settle=self._recorder.settle(operation))
        if held.outcome is not None:
            return
        newer = None if self.coalescing is None else self.coalescing.overtaken_by(held)
        if may_be_running(operation):
            self.settle(held, OutcomeStatus.UNKNOWN)
        elif newer is not None:
            # A dead letter, sent again, would replace the newer state by this older one.
            self.settle(held, OutcomeStatus.SKIPPED, newer=newer)
        else:
            self.settle(held, OutcomeStatus.NOT_ATTEMPTED)

    def facts(self, cause: Exception | None) -> dict[str, int | str]:
        """Return what the batch came to, for its span.

        Args:
            cause: What ended it early, if anything did.
        """
        names = ("inputs", *OutcomeStatus, "requests", "retries", "throttled")
        facts = {f"airview_herald.{name}": getattr(self.report, name) for name in names}
        if cause is not None:
            facts["error.type"] = type(cause).__name__
        return facts
