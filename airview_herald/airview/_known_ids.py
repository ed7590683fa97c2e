"""The ids that a file of state keeps: what a run learns, and what the next one knows."""

from __future__ import annotations

from typing import Any

import attrs
from anyio.lowlevel import checkpoint

from airview_herald._memory import Memory
from airview_herald._quoted import quoted
from airview_herald.airview._catalogue import Catalogue
from airview_herald.airview._event_lines import LineError, decode_model, encode_model
from airview_herald.airview._recording import Recorder
from airview_herald.airview.models import (
    Application,
    ComplianceEvent,
    Control,
    Environment,
    TechnicalControl,
)

_NOTED = 10_000
_AT_ONCE = 1000
_MODELS: dict[str, type[Any]] = {
    "environment": Environment,
    "application": Application,
    "control": Control,
    "technical_control": TechnicalControl,
}
_KEYS = {
    "environment": "abbreviation",
    "application": "reference",
    "control": "name",
    "technical_control": "reference",
}


@attrs.define
class Ids:
    """Ids of the server's, as they come out of answers.

    Attributes:
        system: The id of the system.
        likelihood: How likely the next resource is known to the server.
        definitions: Kind, id and the whole definition, as a line; out of a file those first that
            were seen longest ago.
        resources: Id, id of the application in its environment, and reference.
        seen: Kind and id of the definitions that were looked at, and are there.
        looks: How many looks of the file's allowance that took.
    """

    system: int | None = None
    likelihood: float | None = None
    definitions: list[tuple[str, int, str]] = attrs.field(factory=list)
    resources: list[tuple[int, int, str]] = attrs.field(factory=list)
    seen: list[tuple[str, int]] = attrs.field(factory=list)
    looks: int = 0


class KnownIds:
    """What a run learns of the server, to be kept.

    Args:
        recorder: Knows the client's catalogue and its system.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._catalogue = recorder.catalogue
        self._noted: Memory[tuple[str, int], Any] = Memory(_NOTED)
        self._new = Ids()

    def note(self, event: ComplianceEvent) -> None:
        """Note the ids that an event is recorded with, as far as they are remembered."""
        definitions = self._catalogue.definitions
        application = definitions.stored(("application", event.application.reference))
        control = definitions.stored(("technical_control", event.technical_control.reference))
        if application is None or control is None:
            return
        place: int = application.application_environment_id
        if self._is_new("application", place, application):
            abbreviation = event.application.environment.abbreviation
            environment = definitions.stored(("environment", abbreviation))
            if environment is not None:
                self._is_new("environment", environment.id, environment)
        if self._is_new("technical_control", control.id, control):
            given = event.technical_control.control
            parent = None if given is None else self._catalogue.known_parent(given.name)
            if parent is not None and parent.id is not None:
                self._is_new("control", parent.id, parent)
        resource = self._catalogue.resources.known(event.resource_reference, place)
        if resource is not None:
            self._new.resources.append((resource, place, event.resource_reference))

    @property
    def noted(self) -> int:
        """How many ids of resources were noted since the last call of `new`."""
        return len(self._new.resources)

    def new(self) -> Ids:
        """Return what was noted since the last call."""
        new, self._new = self._new, Ids()
        system = self._recorder.sender.known_system()
        new.system = None if system is None else system.id
        new.likelihood = self._catalogue.resources.guess.likelihood
        return new

    def _is_new(self, kind: str, identifier: int, stored: Any) -> bool:
        """Note a definition, and return whether it was not noted yet."""
        if self._noted.get((kind, identifier)) is stored:
            return False
        self._noted.put((kind, identifier), stored)
        self._new.definitions.append((kind, identifier, encode_model(stored).decode()))
        return True


async def remember(ids: Ids, catalogue: Catalogue) -> None:
    """Have a catalogue know what was learnt before."""
    if ids.likelihood is not None:
        catalogue.resources.guess.go_on(ids.likelihood)
    for kind, _, row in ids.definitions:
        definition = definition_of(kind, row)
        catalogue.definitions.remember((kind, getattr(definition, _KEYS[kind])), definition)
    for number, (resource, place, reference) in enumerate(ids.resources, 1):
        if not number % _AT_ONCE:
            await checkpoint()
        catalogue.resources.remember(reference, place, resource)


def definition_of(kind: str, row: str) -> Any:
    """Return a definition that was kept as a line.

    Args:
        kind: What it is.
        row: The line.

    Raises:
        LineError: It was not: the line holds none of that kind with its id.
    """
    model = _MODELS.get(kind)
    if model is None:
        raise LineError(f"there is no kind {quoted(kind)}")
    definition = decode_model(model, row.encode())
    if definition.id is None or getattr(definition, "application_environment_id", 0) is None:
        raise LineError("it has no id")
    return definition
