"""What the results of one run refer to: its rules, its files, and the resources that those are."""

from __future__ import annotations

from typing import Generic, TypeVar

import attrs
from msgspec import Raw

from airview_herald.airview._rules import MAX_TEXT
from airview_herald.sources._sarif_document import (
    Artifact,
    ArtifactLocation,
    FaultError,
    Location,
    LogicalLocation,
    Result,
    decode,
)
from airview_herald.sources._sarif_findings import finding_line
from airview_herald.sources._sarif_paths import Paths
from airview_herald.sources._sarif_rules import Rules, item_at

__all__ = ["Context", "Listed", "check_length"]

T = TypeVar("T")


class Listed(Generic[T]):
    """What a run lists for its results to refer to, each read once, however many do.

    Args:
        kind: What each is.
        items: The list.
    """

    def __init__(self, kind: type[T], items: list[Raw]) -> None:
        self._kind = kind
        self._items = items
        self._read: dict[int, T | FaultError] = {}

    def get(self, index: int | None) -> T | None:
        """Return what is at an index, if it leads anywhere.

        Raises:
            FaultError: It cannot be read.
        """
        raw = item_at(self._items, index)
        if raw is None or index is None:
            return None
        if index not in self._read:
            try:
                self._read[index] = decode(self._kind, raw)
            except FaultError as fault:
                self._read[index] = fault
        return _sound(self._read[index])


@attrs.define
class Context:
    """What the results of one run refer to.

    Attributes:
        tool: The name of the tool.
        rules: Its rules.
        paths: Names its files.
        artifacts: The files that it lists.
        logical_locations: The logical locations that it lists.
    """

    tool: str
    rules: Rules
    paths: Paths
    artifacts: Listed[Artifact]
    logical_locations: Listed[LogicalLocation]
    _resources: dict[tuple[str | None, str | None, int | None], str | FaultError | None] = (
        attrs.field(factory=dict, init=False)
    )

    def places(self, result: Result, message: str) -> list[tuple[str, str]]:
        """Return the resource and the line of each of a result's locations.

        Raises:
            FaultError: There is none, or one that AirView cannot take.
        """
        found = []
        for location in result.locations or ():
            physical = location.physical_location
            resource = self._located(location)
            if resource:
                found.append(
                    (resource, finding_line(physical.region if physical else None, message))
                )
        if not found:
            target = self._file(result.analysis_target)
            if not target:
                raise FaultError("", "names no file and no logical location")
            found.append((target, message))
        for resource, _ in found:
            check_length("resource's reference", len(resource))
            if "\0" in resource:
                raise FaultError("", "the resource's reference has a NUL in it")
        return found

    def _located(self, location: Location) -> str | None:
        physical = location.physical_location
        return self._file(physical.artifact_location if physical else None) or next(
            filter(None, map(self._logical, location.logical_locations or ())), None
        )

    def _file(self, location: ArtifactLocation | None) -> str | None:
        if location is None:
            return None
        key = (location.uri, location.uri_base_id, location.index)
        if key not in self._resources:
            try:
                self._resources[key] = self._named(location)
            except FaultError as fault:
                self._resources[key] = fault
        return _sound(self._resources[key])

    def _named(self, location: ArtifactLocation) -> str | None:
        named: ArtifactLocation | None = location
        if not location.uri:
            listed = self.artifacts.get(location.index)
            named = listed.location if listed else None
        if named is None or not named.uri:
            return None
        return self.paths.name(named.uri, named.uri_base_id)

    def _logical(self, location: LogicalLocation) -> str | None:
        named = location.fully_qualified_name or location.name
        if named:
            return named
        listed = self.logical_locations.get(location.index)
        return (listed.fully_qualified_name or listed.name) if listed else None


def _sound(found: T | FaultError) -> T:
    """Return what was found, or raise its fault afresh."""
    if isinstance(found, FaultError):
        raise type(found)(found.path, found.reason)
    return found


def check_length(what: str, length: int) -> None:
    """Refuse a text that is longer than AirView takes.

    Raises:
        FaultError: It is.
    """
    if length > MAX_TEXT:
        raise FaultError("", f"the {what} has {length} characters, at most {MAX_TEXT} are taken")
