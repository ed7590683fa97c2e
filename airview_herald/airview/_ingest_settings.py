"""What a batch may be told, checked once and frozen."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self

import attrs

from airview_herald._numbers import is_number
from airview_herald.airview._coverage import Reconciliation
from airview_herald.airview._outcomes import IngestReport, Outcome
from airview_herald.airview._rules import Rules
from airview_herald.airview.enumerations import MonitoredResourceState
from airview_herald.airview.models import ComplianceEvent
from airview_herald.errors import InputError

Events = Iterable[ComplianceEvent] | AsyncIterable[ComplianceEvent]
PathLike = str | os.PathLike[str]
OnOutcome = Callable[[Outcome], Awaitable[None] | None]
Progress = Callable[[IngestReport], Awaitable[None] | None]

_CLOSING = (MonitoredResourceState.MONITORING, MonitoredResourceState.DELETED)


def path_of(field: str, path: PathLike, of: str = "a file") -> str:
    """Return a path as a text.

    Raises:
        InputError: It is none.
    """
    name: Any = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(name, str) or not name or "\0" in name:
        raise InputError(field, f"must be the path of {of}", path)
    return str(name)


def check_run(field: str, run: str | None) -> None:
    """Check what a run is called, if it is called anything.

    Raises:
        InputError: It is no text, or an empty one.
    """
    if isinstance(run, date):
        rule = f"must be a text, not {type(run).__name__}: its `.isoformat()`, say"
        raise InputError(field, rule, run)
    if run is not None:
        Rules(run).key(field, run)


def _state_path(path: PathLike) -> str:
    return path_of("state", path)


def _check_restart(state: State, _: object, given: object) -> None:
    Rules(state).kind("state.restart", given, bool)


def _check_run(_: object, __: object, run: str | None) -> None:
    check_run("state.run", run)


@attrs.frozen
class State:
    """A file in which a batch keeps what is done, so that it can be gone on with.

    Attributes:
        path: Where it is. A path given as `state` stands for `State(path)`.
        restart: Begin anew, whatever the file's run has come to: with other input, or the same once
            more. Only the ids of what is on the server are kept. Without it a run that was cut
            short is gone on with, and one that has finished is refused.
        run: What this run is called, for a job that is run every night: the date as a text, or the
            name of its input. The same name goes on; another one begins anew, and what the file's
            run has left undone is not sent. Without a name any run is gone on with.

    Raises:
        InputError: One of them is of another kind, or empty.
    """

    path: str = attrs.field(converter=_state_path)
    restart: bool = attrs.field(default=False, validator=_check_restart)
    run: str | None = attrs.field(default=None, validator=_check_run)


@attrs.frozen(kw_only=True)
class IngestSettings:
    """The settings of a run; see `AirView.ingest`."""

    concurrency: int
    window: int
    on_outcome: OnOutcome | None
    progress: Progress | Literal[True] | None
    deadline: float
    max_cooldown: float
    max_failures: int | None
    grace: float
    coalesce: bool
    reconcile: Reconciliation | None
    state: State | None
    dead_letters: str | None

    def check_source(self, events: object) -> None:
        """Check that letters are not added to a file that is read: their end would never come.

        Raises:
            InputError: They would be.
        """
        letters, files = self.dead_letters, getattr(events, "files", ())
        # On an iterable that is not one of our sources `files` may mean anything.
        if letters is None or not isinstance(files, tuple):
            return
        if any(_are_one(file, letters) for file in files):
            rule = "must not be a file that the events are read from; read it into a list first"
            raise InputError("dead_letters", rule, letters)

    @classmethod
    def of(  # noqa: PLR0913 - the arguments of a batch
        cls,
        *,
        concurrency: int,
        window: int | None,
        on_outcome: OnOutcome | None,
        progress: Progress | bool | None,
        deadline: float,
        max_cooldown: float,
        max_failures: int | None,
        grace: float,
        coalesce: bool,
        reconcile: bool | Reconciliation,
        state: PathLike | State | None,
        dead_letters: PathLike | None,
    ) -> Self:
        """Return checked settings.

        Raises:
            InputError: A setting breaks a rule.
        """
        if on_outcome is not None and not callable(on_outcome):
            raise InputError("on_outcome", "must be a callable", on_outcome)
        check_progress(progress)
        Rules(concurrency).integer("concurrency", concurrency)
        if window is not None:
            Rules(window).integer("window", window)
        if not is_number(deadline) or not deadline > 0:
            raise InputError("deadline", "must be a number of seconds, more than 0", deadline)
        for name, seconds in (("max_cooldown", max_cooldown), ("grace", grace)):
            if not is_number(seconds) or not seconds >= 0:
                raise InputError(name, "must be a number of seconds, 0 or more", seconds)
        if max_failures is not None:
            Rules(max_failures).integer("max_failures", max_failures)
        Rules(coalesce).kind("coalesce", coalesce, bool)
        if isinstance(reconcile, bool):
            reconciliation = Reconciliation() if reconcile else None
        else:
            _check_reconciliation(reconcile)
            reconciliation = reconcile
        return cls(
            concurrency=concurrency,
            window=4 * concurrency if window is None else window,
            on_outcome=on_outcome,
            progress=progress or None,
            deadline=deadline,
            max_cooldown=max_cooldown,
            max_failures=max_failures,
            grace=grace,
            coalesce=coalesce,
            reconcile=reconciliation,
            state=state if state is None or isinstance(state, State) else State(state),
            dead_letters=None if dead_letters is None else path_of("dead_letters", dead_letters),
        )


def _are_one(file: str, other: str) -> bool:
    """Return whether two names are of one file, which is there."""
    try:
        return Path(file).samefile(other)
    except (OSError, ValueError):
        return False


def check_progress(progress: Any) -> None:
    """Check what is to be told of progress, or shows it.

    Raises:
        InputError: It is no callable, and no answer to whether there is to be a bar.
    """
    if not isinstance(progress, bool | None) and not callable(progress):
        raise InputError("progress", "must be a callable, True or False", progress)


def _check_reconciliation(reconciliation: Reconciliation) -> None:
    rules = Rules(reconciliation)
    rules.kind("reconcile", reconciliation, Reconciliation)
    if reconciliation.state not in _CLOSING:
        rule = f"must be one of {', '.join(_CLOSING)}, not {reconciliation.state!r}"
        raise InputError("reconcile.state", rule, reconciliation)
    rules.kind("reconcile.applications", reconciliation.applications, tuple)
    for index, application in enumerate(reconciliation.applications):
        field = f"reconcile.applications[{index}]"
        if isinstance(application, str):
            rules.reference(field, application)
        else:
            rules.application(field, application)
