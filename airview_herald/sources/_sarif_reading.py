"""One pass over a report: from runs and results to findings, with a problem for each bad part."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import attrs
from msgspec import Raw

from airview_herald.airview._rules import MAX_TEXT
from airview_herald.airview.models import (
    Application,
    Control,
    MonitoredResourceState,
    TechnicalControl,
    TechnicalControlAction,
)
from airview_herald.sources._sarif_context import Context, Listed, check_length
from airview_herald.sources._sarif_document import (
    Artifact,
    ArtifactLocation,
    Component,
    FaultError,
    Invocation,
    Log,
    LogicalLocation,
    Result,
    Rule,
    Run,
    Text,
    Tool,
    decode,
)
from airview_herald.sources._sarif_findings import Findings
from airview_herald.sources._sarif_paths import OutsideError, Paths, Place
from airview_herald.sources._sarif_rules import (
    Rules,
    RuleTable,
    SarifRule,
    described,
    message_text,
)
from airview_herald.sources.references import encode_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from airview_herald.sources.problems import ProblemLog

__all__ = ["Choices", "Counts", "Reading"]

T = TypeVar("T")

_KINDS = {
    "fail": MonitoredResourceState.FLAGGED,
    "pass": MonitoredResourceState.MONITORING,
    "notApplicable": None,
    "informational": None,
    "open": None,
    "review": None,
}


@attrs.frozen
class Choices:
    """What the caller decides, each as a function.

    Attributes:
        application: The application of a resource; `None` leaves it out.
        control: The parent control of a rule.
        control_action: What a breach of a rule leads to.
        within: The places of the directory that paths are relative to; empty for none.
    """

    application: Callable[[str], Application | None]
    control: Callable[[SarifRule], Control | None]
    control_action: Callable[[SarifRule], TechnicalControlAction | str]
    within: tuple[Place, ...]


@attrs.define
class Counts:
    """What became of the results; the last five add up to the first."""

    results: int = 0
    included: int = 0
    suppressed: int = 0
    ignored: int = 0
    unassigned: int = 0
    malformed: int = 0


class Reading:
    """Gathers the findings of all runs of a report.

    Args:
        choices: What the caller decides.
        counts: Kept up to date while reading.
        log: Takes what cannot be read.
    """

    def __init__(self, choices: Choices, counts: Counts, log: ProblemLog) -> None:
        self._choices = choices
        self._counts = counts
        self._log = log
        self._findings: dict[tuple[str, str], Findings] = {}
        self._controls: dict[str, TechnicalControl] = {}
        self._applications: dict[str, Application | None] = {}
        self._outside = 0
        self._first_outside = ("", "")

    @property
    def findings(self) -> Collection[Findings]:
        """One for each rule and file, in order of first appearance."""
        return self._findings.values()

    def read(self, log: Log) -> None:
        """Read every result of every run."""
        if not log.runs:
            self._log.add("$.runs", "is empty: nothing was scanned")
        for index, raw in enumerate(log.runs):
            where = f"$.runs[{index}]"
            run = self._part(Run, raw, where)
            tool = self._part(Tool, run.tool, f"{where}.tool") if run else None
            if run is None or tool is None:
                continue
            self._doubt(run, where)
            context = self._context(run, tool, where)
            for number, result in enumerate(self._items(run.results, f"{where}.results")):
                self._read_result(result, context, f"{where}.results[{number}]")
        if self._outside:
            # One problem for all results outside: most likely `base` is wrong.
            at, reason = self._first_outside
            more = f"; {self._outside} results are of such files" if self._outside > 1 else ""
            self._log.add(at, reason + more)

    def _doubt(self, run: Run, where: str) -> None:
        """Tell of a run that does not list all there is: it lacks results, or its tool failed."""
        if not _is_there(run.results):
            self._log.add(f"{where}.results", "is missing: nothing was scanned")
        at = f"{where}.invocations"
        for number, raw in enumerate(self._items(run.invocations, at)):
            invocation = self._part(Invocation, raw, f"{at}[{number}]")
            if invocation is not None and invocation.execution_successful is False:
                self._log.add(f"{at}[{number}]", "the tool says that it failed")

    def _context(self, run: Run, tool: Tool, where: str) -> Context:
        driver = self._table(tool.driver, f"{where}.tool.driver")
        extensions: list[RuleTable | None] = []
        at = f"{where}.tool.extensions"
        for index, raw in enumerate(self._items(tool.extensions, at)):
            component = self._part(Component, raw, f"{at}[{index}]")
            extensions.append(self._table(component, f"{at}[{index}]") if component else None)
        at = f"{where}.originalUriBaseIds"
        bases = self._mapping(ArtifactLocation, run.original_uri_base_ids, at)
        return Context(
            tool=tool.driver.name,
            rules=Rules(driver, extensions),
            paths=Paths(bases, self._choices.within),
            artifacts=Listed(Artifact, self._items(run.artifacts, f"{where}.artifacts")),
            logical_locations=Listed(
                LogicalLocation, self._items(run.logical_locations, f"{where}.logicalLocations")
            ),
        )

    def _table(self, component: Component, where: str) -> RuleTable:
        raw_rules = self._items(component.rules, f"{where}.rules")
        return RuleTable(
            component.name,
            [self._part(Rule, raw, f"{where}.rules[{i}]") for i, raw in enumerate(raw_rules)],
            self._mapping(Text, component.global_message_strings, f"{where}.globalMessageStrings"),
        )

    def _read_result(self, raw: Raw, context: Context, where: str) -> None:
        self._counts.results += 1
        try:
            self._take(decode(Result, raw), context)
        except OutsideError as fault:
            self._counts.malformed += 1
            if not self._outside:
                self._first_outside = (where, fault.reason)
            self._outside += 1
        except FaultError as fault:
            self._counts.malformed += 1
            self._log.add(where + fault.path, fault.reason)

    def _take(self, result: Result, context: Context) -> None:
        status = _status(result)
        if any(each.status in {None, "accepted"} for each in result.suppressions or ()):
            self._counts.suppressed += 1
            return
        if status is None:
            self._counts.ignored += 1
            return
        rule_id, rule = context.rules.find(result)
        message = message_text(result.message, rule, context.rules.strings)
        places = [
            (resource, application, line)
            for resource, line in context.places(result, message)
            if (application := self._application(resource)) is not None
        ]
        if not places:
            self._counts.unassigned += 1
            return
        control = self._control(context.tool, rule_id, rule, result.level)
        for resource, application, line in places:
            key = (resource, control.reference)
            if key not in self._findings:
                self._findings[key] = Findings(resource, application, control, status)
            self._findings[key].add(status, line)
        self._counts.included += 1

    def _application(self, resource: str) -> Application | None:
        if resource not in self._applications:
            application = self._choices.application(resource)
            if application is not None:
                check_length("application's reference", len(application.reference))
            self._applications[resource] = application
        return self._applications[resource]

    def _control(
        self, tool: str, rule_id: str, rule: Rule | None, level: str | None
    ) -> TechnicalControl:
        what = "technical control's reference"
        # Checked before the text is built: a long tool's name would be copied for each result.
        check_length(what, len(tool) + 1 + len(rule_id))
        reference = encode_reference(f"{tool}/{rule_id}")
        control = self._controls.get(reference)
        if control is None:
            check_length(what, len(reference))
            told = described(tool, rule_id, rule, level)
            control = self._controls[reference] = TechnicalControl(
                name=told.name if len(told.name) <= MAX_TEXT else f"{told.name[: MAX_TEXT - 1]}…",
                reference=reference,
                control_action=self._choices.control_action(told),
                control=self._choices.control(told),
            )
        return control

    def _part(self, kind: type[T], raw: Raw, where: str) -> T | None:
        try:
            return decode(kind, raw)
        except FaultError as fault:
            self._log.add(where + fault.path, fault.reason)
            return None

    def _items(self, raw: Raw, where: str) -> list[Raw]:
        return (self._part(list[Raw], raw, where) if _is_there(raw) else None) or []

    def _mapping(self, kind: type[T], raw: Raw, where: str) -> dict[str, T]:
        items = (self._part(dict[str, Raw], raw, where) if _is_there(raw) else None) or {}
        parts = {key: self._part(kind, item, f"{where}.{key}") for key, item in items.items()}
        return {key: part for key, part in parts.items() if part is not None}


def _status(result: Result) -> MonitoredResourceState | None:
    """Return the state that a result tells of; `None` when it tells of none."""
    kind = result.kind or "fail"
    if kind not in _KINDS:
        raise FaultError(".kind", f"{kind[:40]!r} is not a kind of result")
    if result.baseline_state == "absent":
        return MonitoredResourceState.MONITORING
    return _KINDS[kind]


def _is_there(raw: Raw) -> bool:
    # Not copied, since a run's results are most of the file.
    return bytes(memoryview(raw)[:5]) not in {b"", b"null"}
