"""The rules of a run: finding the one a result is of, and the texts it lends its messages."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, TypeVar

import attrs

from airview_herald._quoted import shortened
from airview_herald.airview._rules import MAX_TEXT
from airview_herald.sources._sarif_document import (
    FaultError,
    Message,
    Properties,
    Result,
    Rule,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["RuleTable", "Rules", "SarifRule", "described", "item_at", "message_text", "one_line"]

T = TypeVar("T")

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\d{1,9})\}")
# Longer than an event's additional data, and short enough to fill in for every result.
_LONGEST = 10_000


@attrs.frozen
class SarifRule:
    """A rule of a scanner, as a SARIF file tells of it.

    Attributes:
        tool: The tool's name, such as `ruff`.
        id: The rule's id within the tool, such as `S101`.
        name: Its name, or the one in its properties (ruff, CodeQL), or its short description:
            the first that is there and is not the id; else the id. One line, not trimmed.
        description: Its short description, or else its full one; empty when it has none.
        level: `error`, `warning`, `note` or `none`: the rule's default, else the level of its
            first result, else `warning`.
        tags: Its tags, such as `security`.
        security_severity: 0 to 10, when the tool tells.
        help_uri: Where more is told of it, when the tool says.
    """

    tool: str
    id: str
    name: str
    description: str = ""
    level: str = "warning"
    tags: tuple[str, ...] = ()
    security_severity: float | None = None
    help_uri: str | None = None


def described(tool: str, rule_id: str, rule: Rule | None, result_level: str | None) -> SarifRule:
    """Return a rule as callers see it; `rule` is `None` when the file does not describe it."""
    if rule is None:
        return SarifRule(tool, rule_id, one_line(rule_id), level=result_level or "warning")
    short, full = (
        one_line(text.text or "") if text else ""
        for text in (rule.short_description, rule.full_description)
    )
    configured = rule.default_configuration.level if rule.default_configuration else None
    properties = rule.properties or Properties()
    names = (one_line(name or "") for name in (rule.name, properties.name, short))
    return SarifRule(
        tool,
        rule_id,
        name=next((name for name in names if name not in {"", rule_id}), one_line(rule_id)),
        description=short or full,
        level=configured or result_level or "warning",
        tags=tuple(properties.tags or ()),
        security_severity=_number(properties.security_severity),
        help_uri=rule.help_uri,
    )


@attrs.frozen
class RuleTable:
    """The rules of the driver or of one extension; `None` for one that cannot be read."""

    name: str
    rules: Sequence[Rule | None]
    strings: Mapping[str, Text]


class Rules:
    """Finds the rule of a result.

    Args:
        driver: The driver's rules.
        extensions: Those of the extensions, by index; `None` for one that cannot be read.
    """

    def __init__(self, driver: RuleTable, extensions: Sequence[RuleTable | None]) -> None:
        self._driver = driver
        self._extensions = extensions
        self._named: dict[str, RuleTable] = {}
        for extension in extensions:
            if extension is not None:
                self._named.setdefault(extension.name, extension)
        self.strings = driver.strings
        self._by_id: dict[str, Rule] = {}
        for table in (driver, *extensions):
            for rule in table.rules if table else ():
                if rule is not None:
                    self._by_id.setdefault(rule.id, rule)

    def find(self, result: Result) -> tuple[str, Rule | None]:
        """Return the id of a result's rule, and its description if the file has one.

        The id counts for more than the index, which is wrong in some files. An id such as
        `CA1000/1` is one of rule `CA1000` where that is described.

        Raises:
            FaultError: The result names no rule.
        """
        reference = result.rule
        rule_id = result.rule_id or (reference.id if reference else None)
        indexed = self._indexed(result)
        if not rule_id:
            if indexed is None:
                raise FaultError("", "names no rule")
            return indexed.id, indexed
        if indexed is not None and f"{rule_id}/".startswith(f"{indexed.id}/"):
            return indexed.id, indexed
        # Longer ids are no references, and splitting one with a million slashes takes too long.
        head = rule_id
        if len(rule_id) > MAX_TEXT:
            head = rule_id[: MAX_TEXT + 1].rpartition("/")[0]
        while head:
            if head in self._by_id:
                return head, self._by_id[head]
            head = head.rpartition("/")[0]
        return rule_id, None

    def _indexed(self, result: Result) -> Rule | None:
        reference = result.rule
        index = reference.index if reference and reference.index is not None else result.rule_index
        table = self._table(result)
        return item_at(table.rules, index) if table else None

    def _table(self, result: Result) -> RuleTable | None:
        component = result.rule.tool_component if result.rule else None
        if component is None:
            return self._driver
        if component.index is not None and component.index >= 0:
            return item_at(self._extensions, component.index)
        return self._named.get(component.name or "", self._driver)


def item_at(items: Sequence[T], index: int | None) -> T | None:
    """Return an item; `None` for no index, SARIF's -1, or one beyond the end."""
    return items[index] if index is not None and 0 <= index < len(items) else None


def message_text(message: Message | None, rule: Rule | None, strings: Mapping[str, Text]) -> str:
    """Return a message on one line, its placeholders filled; without one the rule's own text.

    Args:
        message: The result's message.
        rule: The result's rule, whose `messageStrings` come first.
        strings: The `globalMessageStrings` of the driver.
    """
    template = message.text if message else None
    if not template and message and message.id is not None:
        own = (rule.message_strings if rule else None) or {}
        found = own.get(message.id) or strings.get(message.id)
        template = found.text if found else None
    arguments = (message.arguments if message else None) or []
    if not template and rule and rule.short_description:
        template, arguments = rule.short_description.text, []
    # Only with arguments: many tools write code with braces that are no placeholders.
    filled = _filled(template or "", arguments) if arguments else template or ""
    return one_line(shortened(filled, _LONGEST))


def one_line(text: str) -> str:
    """Return a text with each run of white space as one space; PostgreSQL refuses a NUL."""
    return " ".join(text.replace("\0", " ").split())


def _filled(template: str, arguments: Sequence[str]) -> str:
    """Return a template with its placeholders filled, as far as a message is read."""
    parts: list[str] = []
    size = end = 0
    for match in _PLACEHOLDER.finditer(template):
        parts += (template[end : match.start()], _filling(match, arguments)[: _LONGEST + 1])
        size += len(parts[-2]) + len(parts[-1])
        end = match.end()
        if size > _LONGEST:
            break
    return "".join((*parts, template[end:]))


def _filling(match: re.Match[str], arguments: Sequence[str]) -> str:
    if match[1] is None:
        return match[0][0]
    index = int(match[1])
    return arguments[index] if index < len(arguments) else match[0]


def _number(value: str | float | None) -> float | None:
    try:
        number = None if value is None else float(value)
    except (ValueError, OverflowError):
        return None
    return number if number is not None and math.isfinite(number) else None
