"""What a batch, or a look before one, is told as when it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airview_herald.airview import IngestReport, Mismatch, Outcome, Plan
from airview_herald.cli._places import Place
from airview_herald.sources import SourceProblem

_COUNTS = (
    "inputs", "recorded", "failed", "unknown", "skipped", "not_attempted", "requests", "retries",
    "throttled", "reconciled", "elapsed",
)  # fmt: skip
_OF_FAILURE = (
    "status", "stage", "application", "resource", "technical_control", "error", "message",
    "http_status",
)  # fmt: skip


def of_failure(outcome: Outcome, place: Place | None) -> dict[str, Any]:
    """Return an event that was not recorded, as a row; where it is, if it is in a file."""
    record = outcome.to_record()
    return {
        "kind": "failure",
        "index": outcome.index,
        "file": None if place is None else place.file,
        "line": None if place is None else place.line,
        **{name: record[name] for name in _OF_FAILURE},
    }


def of_problem(problem: SourceProblem) -> dict[str, Any]:
    """Return a part of a file that gave no event, as a row."""
    return {
        "kind": "problem",
        "file": problem.file,
        "where": problem.where,
        "message": problem.reason,
    }


def of_mismatch(mismatch: Mismatch) -> dict[str, Any]:
    """Return a definition that exists with other attributes, as a row."""
    return {
        "kind": "mismatch",
        "definition": mismatch.kind,
        "key": mismatch.key,
        "field": mismatch.field,
        "stored": mismatch.stored,
        "given": mismatch.given,
    }


def of_report(report: IngestReport, unreadable: int, ended: str | None) -> dict[str, Any]:
    """Return the account of a batch, as a row.

    Args:
        report: The account, closed.
        unreadable: How many parts of the input gave no event.
        ended: What ended it early, if anything did.
    """
    return {
        "kind": "report",
        **{name: getattr(report, name) for name in _COUNTS},
        "unreadable": unreadable,
        "errors": dict(report.errors),
        "mismatches": len(report.mismatches),
        "orphans": len(report.orphans),
        "unreconciled": report.unreconciled,
        "server_restored": report.server_restored,
        "run_again": report.run_again,
        "concurrency": list(report.concurrency),
        "ended": ended,
    }


def in_words(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the account of a batch for a person: what is zero is left out, but for two."""
    inputs, elapsed = row["inputs"], row["elapsed"]
    rate = (inputs - row["skipped"] - row["not_attempted"]) / elapsed if elapsed else 0.0
    words = {
        "recorded": f"{row['recorded']:,} of {inputs:,}",
        "failed": f"{row['failed']:,}",
    }
    for name in ("unknown", "skipped", "not_attempted", "unreadable"):
        if row[name]:
            words[name.replace("_", " ")] = f"{row[name]:,}"
    if row["reconciled"] is not None:
        words["reconciled"] = f"{row['reconciled']:,}"
    words |= {f"  {error}": f"{count:,}" for error, count in row["errors"].items()}
    if row["mismatches"]:
        words["mismatches"] = f"{row['mismatches']:,} in definitions that exist"
    if row["orphans"]:
        words["applications"] = f"{row['orphans']:,} without an environment"
    if row["unreconciled"]:
        words["not reconciled"] = row["unreconciled"]
    if row["server_restored"]:
        words["restored"] = "the server had lost what was recorded before"
    words["requests"] = f"{row['requests']:,}, {row['retries']:,} of them sent again"
    lowest, highest = row["concurrency"]
    words["in flight"] = (
        f"{lowest} to {highest} at most" if lowest != highest else f"{highest} at most"
    )
    words["time"] = f"{elapsed:.1f} s, {rate:,.0f} events/s"
    return words


def of_plan(plan: Plan, unreadable: int) -> dict[str, Any]:
    """Return what a batch would meet and make, as a row."""
    return {
        "kind": "plan",
        "events": plan.events,
        "failed": plan.failed,
        "unreadable": unreadable,
        "new": len(plan.new),
        "existing": len(plan.existing),
        "mismatches": len(plan.mismatches),
        "requests": plan.requests,
    }


def of_look(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the account of a look for a person."""
    words = {name: f"{row[name]:,}" for name in row if name not in {"kind", "requests"}}
    return words | {"this look": f"{row['requests']:,} requests"}
