import pickle

import pytest

from airview_herald.airview import (
    Application,
    ComplianceEvent,
    IngestReport,
    Outcome,
    OutcomeStatus,
    Stage,
    TechnicalControl,
)
from airview_herald.errors import (
    AirViewHeraldError,
    BadRequestError,
    IngestAborted,
    InputError,
    RequestFacts,
    RequestTimeoutError,
)

EVENT = ComplianceEvent(
    "i-0abc", Application("Payments", "1"), TechnicalControl("n", "r", "LOG"), "FLAGGED"
)
REFUSAL = BadRequestError("no", RequestFacts(status=400))


def outcome(status, error=None, index=0):
    """Return an outcome."""
    return Outcome(EVENT, index, status, Stage.QUEUED, error=error)


def counts(report):
    """Return a report's five counters that are not 0."""
    every = {status.value: getattr(report, status.value) for status in OutcomeStatus}
    return {name: count for name, count in every.items() if count}


def test_there_are_five_outcomes():
    """The texts are those of the report's counters."""
    names = ["recorded", "failed", "unknown", "skipped", "not_attempted"]
    assert [status.value for status in OutcomeStatus] == names


@pytest.mark.parametrize("status", OutcomeStatus)
def test_each_outcome_has_its_counter(status):
    """An outcome is counted under its own name, and nowhere else."""
    report = IngestReport()
    report.add(outcome(status))
    report.add(outcome(status))
    assert counts(report) == {status.value: 2}


def test_errors_are_counted_by_kind_and_status():
    """An error counts under its class, with its HTTP status when there was an answer."""
    report = IngestReport()
    for error in (REFUSAL, REFUSAL, InputError("f", "r"), RequestTimeoutError("t")):
        report.add(outcome(OutcomeStatus.FAILED, error))
    assert report.errors == {"BadRequestError 400": 2, "InputError": 1, "RequestTimeoutError": 1}


def test_a_thousand_failures_are_kept_and_all_are_counted():
    """The first 1,000 outcomes are kept in order, and the counters go on."""
    report = IngestReport()
    for index in range(1500):
        status = OutcomeStatus.UNKNOWN if index % 3 == 0 else OutcomeStatus.FAILED
        report.add(outcome(status, REFUSAL, index))
    assert [failure.index for failure in report.failures] == list(range(1000))
    assert report.errors.total() == 1500
    assert counts(report) == {"failed": 1000, "unknown": 500}


@pytest.mark.parametrize("status", OutcomeStatus)
@pytest.mark.parametrize("error", [None, REFUSAL])
def test_what_failed_or_is_unknown_is_kept(status, error):
    """An event cut off in flight is kept too, though it has no error; others never are."""
    report = IngestReport()
    report.add(outcome(status, error))
    kept = status in {OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN}
    assert len(report.failures) == kept
    assert report.errors.total() == (error is not None)


def test_the_peak_of_events_held_is_remembered():
    """What is held now goes up and down; its peak goes up only."""
    report = IngestReport()
    for change in (+1, +1, -1, +1, +1, -3):
        report.hold(change)
    assert (report.held, report.held_peak) == (0, 3)


def test_reports_share_nothing():
    """Two runs have accounts of their own."""
    first, second = IngestReport(), IngestReport()
    first.add(outcome(OutcomeStatus.FAILED, REFUSAL))
    assert (second.failures, second.errors, counts(second)) == ([], {}, {})


def test_a_report_shows_its_counts_and_not_its_failures():
    """The text of a report is short however much went wrong."""
    report = IngestReport(inputs=1)
    report.add(outcome(OutcomeStatus.FAILED, REFUSAL))
    assert repr(report).startswith("IngestReport(inputs=1, recorded=0, failed=1, ")
    assert "i-0abc" not in repr(report)


def test_an_outcome_carries_the_callers_object():
    """Identity, not equality: the caller may look its own object up."""
    assert outcome(OutcomeStatus.RECORDED).event is EVENT
    assert outcome(OutcomeStatus.RECORDED) != outcome(OutcomeStatus.RECORDED)


def test_a_report_survives_pickling_with_its_error():
    """A worker process may hand the error of an aborted batch to its parent, report and all."""
    report = IngestReport(inputs=1)
    report.add(outcome(OutcomeStatus.FAILED, REFUSAL))
    error = pickle.loads(pickle.dumps(IngestAborted("why", report)))  # noqa: S301 - our own bytes
    assert isinstance(error, AirViewHeraldError)
    assert counts(error.report) == {"failed": 1}
    [failure] = error.report.failures
    assert (failure.event, failure.error.status) == (EVENT, 400)
