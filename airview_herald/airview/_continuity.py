"""Whether a server still has what a file of state knows of it.

A server that was reset or restored has lost rows, and gives their ids to others. The row with the
highest id of each table is looked for by its name: what is lost is lost from there downwards. One
list tells of all environments, and one of all applications.

A single row may have been replaced all the same. AirView lists neither applications in their
environments nor technical controls, so each of those costs a look, and a run that is killed again
and again would spend more on them than on events. So a file has an allowance, which grows with its
inputs; those that were seen longest ago come first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from airview_herald.airview._fan_out import for_each
from airview_herald.airview._known_ids import Ids, definition_of
from airview_herald.airview._looks import LOOKS
from airview_herald.airview._notes import Asker
from airview_herald.airview._outcomes import is_systemic
from airview_herald.airview._reconciling import Reading
from airview_herald.airview.models import Application
from airview_herald.errors import DecodeError, StatusError

if TYPE_CHECKING:
    from airview_herald.airview._state import Progress

_LOOKS_AT_FIRST = 200
_INPUTS_FOR_A_LOOK = 40
_UNLISTED = ("application", "technical_control")


class _LostError(Exception):
    """The server has lost something."""


@attrs.frozen
class _Kept:
    """A definition that a file has."""

    kind: str
    identifier: int
    row: str

    @property
    def definition(self) -> Any:
        return definition_of(self.kind, self.row)


def allowance(progress: Progress) -> int:
    """Return how many definitions may be looked at, besides the newest ones.

    Args:
        progress: How far the run of a file has come.
    """
    earned = _LOOKS_AT_FIRST + progress.taken // _INPUTS_FOR_A_LOOK
    return max(0, earned - progress.looks)


async def still_there(ids: Ids, reading: Reading, looks: int, *, at_once: int) -> Ids | None:
    """Find out whether the server still has what was learnt of it.

    Routes: `GET` of `/systems/`, `/environments/`, `/applications/`, `/controls/` and
    `/resources/`, once each at most; of `/referenced-application-environments/` and
    `/technical-controls/` for each that is looked at.

    Args:
        ids: What was learnt, what was seen longest ago coming first.
        reading: Gives who asks.
        looks: How many definitions to look at besides the newest ones.
        at_once: How many requests to have under way.

    Returns:
        What was seen, and how many looks that took; `None` if something is lost.

    Raises:
        AirViewHeraldError: The server cannot be asked.
    """
    if ids.system is None:
        return Ids()
    kept = [_Kept(*each) for each in ids.definitions]
    newest = {each.kind: each for each in sorted(kept, key=lambda each: each.identifier)}
    try:
        with reading() as asker:
            await _find_system(asker, ids.system)
            await _find_environments(asker, [each for each in kept if each.kind == "environment"])
            doubtful = await _list_applications(
                asker, [each for each in kept if each.kind == "application"]
            )
        surely = {each for kind, each in newest.items() if kind != "environment"} | doubtful
        rest = [each for each in kept if each.kind in _UNLISTED and each not in surely][:looks]
        tasks: list[Callable[[Asker], Awaitable[None]]] = [
            partial(_find, kept=each) for each in (*surely, *rest)
        ]
        tasks += [partial(_find_resource, resource=each) for each in ids.resources[-1:]]

        async def look(task: Callable[[Asker], Awaitable[None]]) -> None:
            with reading() as asker:
                await task(asker)

        await for_each(tasks, look, at_once=at_once)
    except _LostError:
        return None
    seen = [(each.kind, each.identifier) for each in (*surely, *rest)]
    return Ids(seen=seen, looks=len(rest))


async def _find_system(asker: Asker, identifier: int) -> None:
    asker.sender.forget_system()
    system = await asker.sender.find_system()
    if system is None or system.id != identifier:
        raise _LostError


async def _find_environments(asker: Asker, kept: list[_Kept]) -> None:
    if kept:
        every = {row.id: row.abbreviation for row in await asker.backend.get_environments()}
        if any(every.get(each.identifier) != each.definition.abbreviation for each in kept):
            raise _LostError


async def _list_applications(asker: Asker, kept: list[_Kept]) -> set[_Kept]:
    """Look whether all applications are there; return those that are called otherwise now."""
    if not kept:
        return set()
    try:
        every = {row.id: row.name for row in await asker.backend.get_applications()}
    except (DecodeError, StatusError) as error:
        # A row that cannot be read makes every later reading fail too: go on without the list.
        if is_systemic(error):
            raise
        return set()
    renamed = set()
    for each in kept:
        application = each.definition
        if application.id not in every:
            raise _LostError
        if every[application.id] != application.name:
            renamed.add(each)
    return renamed


async def _find(asker: Asker, kept: _Kept) -> None:
    found = await LOOKS[kept.kind](asker.backend, kept.definition)
    if found is None or _id_of(found) != kept.identifier:
        raise _LostError


async def _find_resource(asker: Asker, resource: tuple[int, int, str]) -> None:
    identifier, place, reference = resource
    if await asker.backend.get_resource_id(reference, place) != identifier:
        raise _LostError


def _id_of(definition: Any) -> int | None:
    """Return the id of a definition; of an application that of its place, which events need."""
    identifier: int | None = (
        definition.application_environment_id
        if isinstance(definition, Application)
        else definition.id
    )
    return identifier
