"""The parts of SARIF 2.1.0 that events are made of, as msgspec classes.

Where one bad part must not spoil its neighbours the field is a `Raw`, decoded by itself. Fields
that SARIF allows to be left out are taken as `null` too, since some tools write it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
from msgspec import Raw, Struct

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = [
    "Artifact",
    "ArtifactLocation",
    "Component",
    "FaultError",
    "Invocation",
    "Location",
    "Log",
    "LogicalLocation",
    "Message",
    "Properties",
    "Result",
    "Rule",
    "Run",
    "Text",
    "Tool",
    "decode",
]

T = TypeVar("T")


class FaultError(Exception):
    """One part cannot be read.

    Args:
        path: Where in the part, such as `.locations[0]`; empty for the part itself.
        reason: Why, in words.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


class Log(Struct):
    """A whole file."""

    version: str
    runs: list[Raw]


class Run(Struct, rename="camel"):
    """One run of one tool."""

    tool: Raw = Raw()
    results: Raw = Raw()
    artifacts: Raw = Raw()
    logical_locations: Raw = Raw()
    original_uri_base_ids: Raw = Raw()
    invocations: Raw = Raw()


class Invocation(Struct, rename="camel"):
    """One call of the tool, and whether it did its work."""

    execution_successful: bool | None = None


class Component(Struct, rename="camel"):
    """The tool's driver, or a plug-in of it."""

    name: str
    rules: Raw = Raw()
    global_message_strings: Raw = Raw()


class Tool(Struct):
    """What ran."""

    driver: Component
    extensions: Raw = Raw()


class Text(Struct):
    """A `multiformatMessageString`, of which the plain text counts."""

    text: str | None = None


class Configuration(Struct):
    """How a rule is set by default."""

    level: str | None = None


class Properties(Struct):
    """What GitHub's code scanning reads of a rule, and so what most tools write."""

    name: str | None = None
    tags: list[str] | None = None
    security_severity: str | float | None = msgspec.field(name="security-severity", default=None)


class Rule(Struct, rename="camel"):
    """A `reportingDescriptor`."""

    id: str
    name: str | None = None
    short_description: Text | None = None
    full_description: Text | None = None
    default_configuration: Configuration | None = None
    message_strings: dict[str, Text] | None = None
    help_uri: str | None = None
    properties: Properties | None = None


class Message(Struct):
    """A text, or the id of one, and what goes in its placeholders."""

    text: str | None = None
    id: str | None = None
    arguments: list[str] | None = None


class ArtifactLocation(Struct, rename="camel"):
    """A file: a URI and what it is relative to, or an index into the run's artifacts."""

    uri: str | None = None
    uri_base_id: str | None = None
    index: int | None = None


class Artifact(Struct):
    """A file that the run lists."""

    location: ArtifactLocation | None = None


class Region(Struct, rename="camel"):
    """A place in a file; lines and columns count from 1."""

    start_line: int | None = None
    start_column: int | None = None


class PhysicalLocation(Struct, rename="camel"):
    """A file, and a place in it."""

    artifact_location: ArtifactLocation | None = None
    region: Region | None = None


class LogicalLocation(Struct, rename="camel"):
    """A function, a resource of a template: whatever has a name and need not have a file."""

    name: str | None = None
    fully_qualified_name: str | None = None
    index: int | None = None


class Location(Struct, rename="camel"):
    """Where a result is."""

    physical_location: PhysicalLocation | None = None
    logical_locations: list[LogicalLocation] | None = None


class ComponentReference(Struct):
    """One of the tool's extensions."""

    index: int | None = None
    name: str | None = None


class RuleReference(Struct, rename="camel"):
    """A rule of the driver, or of an extension."""

    id: str | None = None
    index: int | None = None
    tool_component: ComponentReference | None = None


class Suppression(Struct):
    """A decision, or a wish, not to hear of a result."""

    status: str | None = None


class Result(Struct, rename="camel"):
    """One thing that the tool says."""

    rule_id: str | None = None
    rule_index: int | None = None
    rule: RuleReference | None = None
    kind: str | None = None
    level: str | None = None
    message: Message | None = None
    locations: list[Location] | None = None
    analysis_target: ArtifactLocation | None = None
    suppressions: list[Suppression] | None = None
    baseline_state: str | None = None


@cache
def _decoder(kind: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(cast("Any", kind))


_PATH = re.compile(r" - at `\$(.*)`$", re.DOTALL)


def decode(kind: type[T], content: bytes | Raw) -> T:
    """Return JSON as a typed value.

    Raises:
        FaultError: It is not JSON, or not of that type.
    """
    try:
        value: T = _decoder(cast("Hashable", kind)).decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        text = str(error)
        path = _PATH.search(text)
        raise FaultError(path[1] if path else "", _PATH.sub("", text)) from None
    return value
