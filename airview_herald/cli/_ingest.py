"""`airview-herald ingest`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any
from weakref import WeakSet

from cyclopts import Parameter

from airview_herald._quoted import shortened
from airview_herald.airview import AirView, IngestReport, Mismatch, Outcome, OutcomeStatus
from airview_herald.cli import _accounts
from airview_herald.cli._airview_options import System
from airview_herald.cli._ends import ExitCode, UsageError, code_of, complain, in_options, told
from airview_herald.cli._file_names import STDIN, FileName
from airview_herald.cli._ingest_options import (
    BATCH,
    CLUSTER,
    SOURCES,
    Batch,
    Cluster,
    Sources,
)
from airview_herald.cli._inputs import Inputs, Reading, found_files
from airview_herald.cli._output import Json, Output
from airview_herald.cli._places import Places
from airview_herald.errors import AirViewHeraldError, IngestAborted, InputError
from airview_herald.sources import SourceProblem

_FAILURES = (OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN)
_FAILED = "failures"
# The fields named by errors about the whole input instead of one event.
_WHOLE_INPUT = ("events", "sources")
# How many failures of a kind are shown; the JSON, the dead letters and the counts have all.
_TOLD = 10
_SHORT = 60


async def ingest(  # noqa: PLR0913 - groups of options
    files: Annotated[tuple[FileName, ...], Parameter(negative=(), allow_leading_hyphen=True)],
    /,
    *,
    system: System,
    batch: Batch = BATCH,
    sources: Sources = SOURCES,
    cluster: Cluster = CLUSTER,
    dry_run: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    check: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    progress: bool | None = None,
    json: Json = None,
) -> int:
    """Record the events in files: concurrently, in order for each resource and control.

    Ctrl-C and SIGTERM let what is on the wire be answered; once more, and it ends at once.

    Args:
        files: JSON Lines or SARIF; patterns such as `'reports/**/*.sarif'`, and `-` for stdin.
        dry_run: Look what would be met and made, and make nothing.
        check: First do as `airview-herald check`: a server that is down is not waited for then.
        progress: Show progress on stderr; by default on a terminal.
    """
    names = found_files(files)
    if system.token_file == STDIN and STDIN in names:
        raise UsageError(STDIN, "stdin has the token already")
    settings = batch.settings()
    cluster.check()
    output = Output(json)
    places = Places()
    teller = _Teller(output, places)
    shown = sys.stderr.isatty() if progress is None else progress
    if cluster.scheduler is not None:
        if dry_run or check:
            raise UsageError("--dry-run, --check", "look from here: without --scheduler")
        return await _record_on_cluster(
            names, sources.reading(), teller, system=system, batch=batch, cluster=cluster,
            shown=shown,
        )  # fmt: skip
    inputs = Inputs(names, sources.reading(), teller.problem, places)
    async with system.client() as airview:
        if check:
            await airview.check()
        if dry_run:
            return await _plan(airview, inputs, batch.concurrency, output, teller)
        return await _record(airview, inputs, settings, teller, shown=shown)


async def _record(
    airview: AirView, inputs: Inputs, settings: dict[str, Any], teller: _Teller, *, shown: bool
) -> int:
    ended: BaseException | None = None
    run = airview.stream(inputs, on_outcome=teller.outcome, **settings)
    with _display(inputs, run.report, settings["concurrency"], shown=shown):
        try:
            async with run:
                async for _ in run:
                    pass
        except (asyncio.CancelledError, IngestAborted) as error:
            ended = error
    return _close(run.report, inputs.problem_count, teller, ended)


async def _record_on_cluster(
    files: Sequence[str], reading: Reading, teller: _Teller, **options: Any
) -> int:
    from airview_herald.cli._cluster import on_cluster  # noqa: PLC0415 - behind its own extra

    report, ended = await on_cluster(files, reading, **options)
    for problem in report.problems:
        teller.problem(problem)
    return _close(report, report.problem_count, teller, ended)


@contextmanager
def _display(
    inputs: Inputs, report: IngestReport, concurrency: int, *, shown: bool
) -> Iterator[None]:
    if not shown:
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it

    from airview_herald.cli._display import Display  # noqa: PLC0415 - likewise

    with Display(Console(stderr=True), inputs, report, concurrency).showing():
        yield


def _close(
    report: IngestReport, unreadable: int, teller: _Teller, ended: BaseException | None
) -> int:
    """Tell how it went, and return the exit code."""
    for failure in report.failures:
        teller.outcome(failure)
    for mismatch in report.mismatches:
        teller.mismatch(mismatch)
    teller.rest(report.failed + report.unknown)
    code = ExitCode.DONE
    if report.failed or report.unknown or unreadable or report.unreconciled or report.run_again:
        code = ExitCode.FAILED
    if report.run_again:
        complain(
            "the server was restored meanwhile: it may have lost what was recorded; run again, on "
            "a cluster with --restart"
        )
    reason = None
    if isinstance(ended, IngestAborted):
        cause = ended.__cause__
        reason = told(cause if isinstance(cause, OSError) and cause.strerror else ended)
        refused = isinstance(cause, InputError) and cause.field in _WHOLE_INPUT
        unusable = (refused or not report.inputs) and isinstance(
            cause, AirViewHeraldError | OSError
        )
        code = ExitCode.ABORTED
        if unusable and code_of(cause) is ExitCode.USAGE:  # type: ignore[arg-type]
            code = ExitCode.USAGE
        complain(reason)
    elif ended is not None:
        reason, code = "interrupted", ExitCode.INTERRUPTED
        complain("nothing more was sent", "interrupted")
    row = _accounts.of_report(report, unreadable, reason)
    if teller.output.json:
        teller.output.line_if_read(row)
    else:
        teller.output.one(_accounts.in_words(row))
    return code


async def _plan(
    airview: AirView, inputs: Inputs, concurrency: int, output: Output, teller: _Teller
) -> int:
    """Tell what a batch would meet and make, and return the exit code."""
    plan = await airview.plan(inputs, concurrency=concurrency)
    for failure in plan.failures:
        teller.outcome(failure)
    for mismatch in plan.mismatches:
        teller.mismatch(mismatch)
    teller.rest(plan.failed)
    made = [
        {"definition": each.kind.replace("_", " "), "key": each.key, "id": each.id}
        for each in (*plan.new, *plan.existing)
    ]
    row = _accounts.of_plan(plan, inputs.problem_count)
    if output.json:
        for each in made:
            output.line({"kind": "definition", **each})
        output.line(row)
    else:
        output.rows([each | {"id": each["id"] or "new"} for each in made])
        output.one(_accounts.of_look(row))
    return ExitCode.FAILED if plan.failed or inputs.problem_count else ExitCode.DONE


class _Teller:
    """Tell of what failed as it comes: each as JSON, or the first of each kind on stderr.

    Args:
        output: Where JSON goes.
        places: Where events are.
    """

    def __init__(self, output: Output, places: Places) -> None:
        self.output = output
        self._places = places
        self._counts: dict[str, int] = {}
        self._failures: WeakSet[Outcome] = WeakSet()

    def outcome(self, outcome: Outcome) -> None:
        """Tell of an event, if it was not recorded and is not told of yet."""
        if outcome.status in _FAILURES and outcome not in self._failures:
            self._failures.add(outcome)
            error = outcome.error or "no answer came before the end"
            resource = getattr(outcome.event, "resource_reference", "")
            which = f"{shortened(resource, _SHORT)}: " if resource else ""
            place = None if outcome.closing else self._places.of(outcome.index)
            # No place is known on a cluster, which counts by partition, nor for a closing event.
            where = "an event" if place is None else str(place)
            words = f"{where} {outcome.status.value}: {which}{in_options(str(error))}"
            self._tell(_FAILED, _accounts.of_failure(outcome, place), words)

    def problem(self, problem: SourceProblem) -> None:
        """Tell of a part of a file that gave no event."""
        words = f"{problem.file} {problem.where}: {problem.reason}"
        self._tell("unreadable parts", _accounts.of_problem(problem), words)

    def mismatch(self, mismatch: Mismatch) -> None:
        """Tell of a definition that exists with other attributes."""
        self._tell("mismatches", _accounts.of_mismatch(mismatch), str(mismatch))

    def rest(self, failures: int) -> None:
        """Tell how many more there were than were told of; failures may not all have come here."""
        for what, count in (self._counts | {_FAILED: failures}).items():
            here = self._counts.get(what, 0)
            more = count - (here if self.output.json else min(here, _TOLD))
            if more > 0:
                complain(f"{more:,} more {what}", "warning")

    def _tell(self, what: str, row: dict[str, Any], words: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1
        if self.output.json:
            self.output.line_if_read(row)
        elif self._counts[what] <= _TOLD:
            complain(words, "warning")
