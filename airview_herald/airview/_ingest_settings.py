"""What a batch may be told, checked once and frozen."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import Self

import attrs

from airview_herald.airview._coverage import Reconciliation
from airview_herald.airview._outcomes import IngestReport, Outcome
from airview_herald.airview._rules import Rules
from airview_herald.airview.enumerations import MonitoredResourceState
from airview_herald.airview.models import ComplianceEvent
from airview_herald.errors import InputError

Events = Iterable[ComplianceEvent] | AsyncIterable[ComplianceEvent]
OnOutcome = Callable[[Outcome], Awaitable[None] | None]
Progress = Callable[[IngestReport], Awaitable[None] | None]

_CLOSING = (MonitoredResourceState.MONITORING, MonitoredResourceState.DELETED)


@attrs.frozen(kw_only=True)
class IngestSettings:
    """The settings of a run; see `AirView.ingest`."""

    concurrency: int = 64
    window: int
    on_outcome: OnOutcome | None = None
    progress: Progress | None = None
    deadline: float = 120.0
    max_cooldown: float = 900.0
    max_failures: int | None = None
    grace: float = 2.0
    coalesce: bool = False
    reconcile: Reconciliation | None = None

    @classmethod
    def of(  # noqa: PLR0913 - the arguments of a batch
        cls,
        *,
        concurrency: int,
        window: int | None,
        on_outcome: OnOutcome | None,
        progress: Progress | None,
        deadline: float,
        max_cooldown: float,
        max_failures: int | None,
        grace: float,
        coalesce: bool,
        reconcile: bool | Reconciliation,
    ) -> Self:
        """Return checked settings.

        Raises:
            InputError: A setting breaks a rule.
        """
        Rules(concurrency).integer("concurrency", concurrency)
        if window is not None:
            Rules(window).integer("window", window)
        if not isinstance(deadline, int | float) or not deadline > 0:
            raise InputError("deadline", "must be a number of seconds, more than 0", deadline)
        for name, seconds in (("max_cooldown", max_cooldown), ("grace", grace)):
            if not isinstance(seconds, int | float) or not seconds >= 0:
                raise InputError(name, "must be a number of seconds, 0 or more", seconds)
        if max_failures is not None:
            Rules(max_failures).integer("max_failures", max_failures)
        if isinstance(reconcile, bool):
            reconciliation = Reconciliation() if reconcile else None
        else:
            _check_reconciliation(reconcile)
            reconciliation = reconcile
        return cls(
            concurrency=concurrency,
            window=4 * concurrency if window is None else window,
            on_outcome=on_outcome,
            progress=progress,
            deadline=deadline,
            max_cooldown=max_cooldown,
            max_failures=max_failures,
            grace=grace,
            coalesce=coalesce,
            reconcile=reconciliation,
        )


def _check_reconciliation(reconciliation: Reconciliation) -> None:
    rules = Rules(reconciliation)
    rules.kind("reconcile", reconciliation, Reconciliation)
    if reconciliation.state not in _CLOSING:
        rule = f"must be one of {', '.join(_CLOSING)}, not {reconciliation.state!r}"
        raise InputError("reconcile.state", rule, reconciliation)
    rules.kind("reconcile.applications", reconciliation.applications, tuple)
    for index, application in enumerate(reconciliation.applications):
        rules.application(f"reconcile.applications[{index}]", application)
