"""A run that is watched: what was FLAGGED before it, what is after it, and who was told."""

from __future__ import annotations

import inspect
import logging
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from operator import attrgetter
from types import TracebackType
from typing import Any, Self

from airview_herald.airview import (
    AirView,
    ComplianceEvent,
    ControlSeverity,
    MonitoredResourceState,
    Outcome,
    OutcomeStatus,
)
from airview_herald.airview._fan_out import for_each
from airview_herald.airview._reading_routes import of_system
from airview_herald.airview._rules import Rules
from airview_herald.errors import (
    AirViewHeraldError,
    ConfigurationError,
    EscalationError,
    ForbiddenError,
    InputError,
)
from airview_herald.escalation import _alerts
from airview_herald.escalation._alerts import Alert
from airview_herald.herald import Herald, Notification

logger = logging.getLogger("airview_herald")

_Pair = tuple[int, int]

_READS_AT_ONCE = 16
_SENDS_AT_ONCE = 4
# An event whose outcome is unknown may have been recorded, so that the next run finds it.
_TAKEN_FOR_RECORDED = (OutcomeStatus.RECORDED, OutcomeStatus.UNKNOWN)


class Escalation:
    """A run whose new findings are told: `async with escalate(airview, herald) as escalation`.

    Attributes:
        sent: The alerts that Herald has accepted, with its notifications.
        unsent: The alerts that it has not, or not surely, with their errors.
    """

    def __init__(
        self,
        airview: AirView,
        herald: Herald,
        *,
        when: Callable[[Alert], bool],
        describe: Callable[[Alert], Mapping[str, Any]],
        since: datetime | None,
    ) -> None:
        self.sent: list[tuple[Alert, Notification]] = []
        self.unsent: list[tuple[Alert, Exception]] = []
        self._airview = airview
        self._herald = herald
        self._when = when
        self._describe = describe
        self._since = since
        self._open: bool | None = None
        self._noted = False
        self._known: set[_Pair] = set()
        self._found: dict[_Pair, ComplianceEvent] = {}

    async def __aenter__(self) -> Self:
        """Look what is FLAGGED, and whether Herald takes the credential.

        Raises:
            AirViewHeraldError: A look failed; nothing was recorded or sent.
        """
        if self._open is not None:
            raise RuntimeError("an escalation is entered once; call escalate again")
        try:
            # Fail before anything is recorded: findings recorded earlier are never alerted again.
            await self._herald.get_notification_types()
        except ForbiddenError:
            logger.debug("the credential may not read notification types; it may still send")
        self._known = await self._flagged()
        self._open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Send what became FLAGGED, also when the run was aborted; but not when cancelled.

        Raises:
            EscalationError: Not everything is known to be sent, and the block has not raised.
        """
        self._open = False
        if error is not None and not isinstance(error, Exception):
            if self._found:
                logger.warning("cut short: nobody was told of %d findings", len(self._found))
            return
        if error is None and not self._noted:
            logger.warning(
                "no outcome was noted in a block of escalate, and nobody is told of anything: "
                "unless there were no events, give the batch on_outcome=escalation.note"
            )
        groups = await self._grouped()
        await for_each(groups, self._tell, at_once=_SENDS_AT_ONCE)
        if not self.unsent:
            return
        failure = self._failure()
        if error is None:
            raise failure from self.unsent[0][1]
        logger.warning("%s", failure)

    def note(self, outcome: Outcome) -> None:
        """Take in what became of an event: an `on_outcome=` of `AirView.ingest`.

        Args:
            outcome: The outcome.

        Raises:
            RuntimeError: It is not inside its block.
        """
        if not self._open:
            raise RuntimeError("outcomes are noted inside `async with escalate(...)`")
        self._noted = True
        first, second = outcome.technical_control_id, outcome.resource_id
        if first is None or second is None or outcome.status not in _TAKEN_FOR_RECORDED:
            return
        pair = (first, second)
        if outcome.event.status == MonitoredResourceState.FLAGGED:
            if pair not in self._known:
                self._found[pair] = outcome.event
        elif outcome.status is OutcomeStatus.RECORDED:
            # If it is flagged again, even within this block, that is a new finding.
            self._known.discard(pair)
            self._found.pop(pair, None)

    async def _flagged(self) -> set[_Pair]:
        """Return what is FLAGGED, by the ids of technical control and resource.

        A technical control's id is of one system. `/compliance/` tells in which applications
        something is not compliant, which UNRESPONSIVE is too. What is FLAGGED there, and since
        when, is told application by application.
        """
        backend = self._airview.backend
        of_ours = of_system(backend.config.system_name)
        conditions = filter(None, ("is_compliant eq false", of_ours))
        rows = await backend.get_compliance(["applicationId"], " and ".join(conditions))
        pairs: set[_Pair] = set()

        async def look(application_id: int) -> None:
            for finding in await backend.get_flagged(application_id):
                if self._since is None or finding.raised_date_time < self._since:
                    pairs.update((finding.id, resource.id) for resource in finding.resources)

        applications = {row.application_id for row in rows if row.application_id is not None}
        await for_each(applications, look, at_once=_READS_AT_ONCE)
        return pairs

    async def _grouped(self) -> list[Alert]:
        """Return an alert for each technical control and application that people are to hear of.

        What cannot be judged is unsent.
        """
        groups: dict[int, dict[str, list[ComplianceEvent]]] = {}
        for (control_id, _), event in self._found.items():
            by_application = groups.setdefault(control_id, {})
            by_application.setdefault(event.application.reference, []).append(event)
        alerts: list[Alert] = []

        async def judge(control_id: int) -> None:
            [first, *_] = groups[control_id].values()
            try:
                blocking, severity = await self._gravity(control_id, first[0])
                failed: Exception | None = None
            except Exception as error:  # noqa: BLE001 - a caller's auth or transport may raise anything
                blocking, severity, failed = False, None, error
            for events in groups[control_id].values():
                alert = Alert(
                    secrets.token_hex(8),
                    events[0].application,
                    events[0].technical_control,
                    blocking,
                    severity,
                    tuple(sorted(events, key=attrgetter("resource_reference"))),
                )
                if failed is None:
                    alerts.append(alert)
                else:
                    self.unsent.append((alert, failed))

        await for_each(groups, judge, at_once=_READS_AT_ONCE)
        return alerts

    async def _gravity(
        self, control_id: int, event: ComplianceEvent
    ) -> tuple[bool, ControlSeverity | str | None]:
        """Return whether a technical control blocks, and its parent's severity.

        AirView keeps what the first event said, whatever later ones say. It tells a severity only
        where something is recorded: without that an event is the first one, and is taken at its
        word.
        """
        backend = self._airview.backend
        stored = await backend.get_technical_control_by_id(control_id)
        if stored is None or stored.control_id is None:
            return stored is not None and bool(stored.is_blocking), None
        condition = f"controlId eq {stored.control_id}"
        rows = await backend.get_compliance(["controlSeverity"], condition)
        parent = event.technical_control.control
        said = None if parent is None else parent.severity
        return bool(stored.is_blocking), rows[0].control_severity if rows else said

    async def _tell(self, alert: Alert) -> None:
        """Send an alert if it is to be sent, once; keep what came of it."""
        try:
            if self._when(alert):
                sent = await self._herald.send_notification(**self._described(alert))
                self.sent.append((alert, sent))
        except Exception as error:  # noqa: BLE001 - a caller's `when` and `describe` may raise anything
            self.unsent.append((alert, error))

    def _described(self, alert: Alert) -> Mapping[str, Any]:
        """Return what the caller makes of an alert."""
        described: Any = self._describe(alert)
        if not isinstance(described, Mapping):
            rule = f"must return a mapping, not {type(described).__name__}"
            raise InputError("describe", rule, alert)
        try:
            inspect.signature(self._herald.send_notification).bind(**described)
        except TypeError as error:
            rule = f"must return what send_notification takes: {error}"
            raise InputError("describe", rule, alert) from None
        return described

    def _failure(self) -> EscalationError:
        unsure = sum(getattr(error, "ambiguous", False) for _, error in self.unsent)
        told = f"{len(self.unsent)} of {len(self.unsent) + len(self.sent)} notifications not sent"
        if unsure:
            told += f", or not surely ({unsure})"
        reason = self.unsent[0][1]
        words = str(reason) if isinstance(reason, AirViewHeraldError) else repr(reason)
        return EscalationError(f"{told}: {words}", tuple(self.unsent))


def escalate(
    airview: AirView,
    herald: Herald,
    *,
    when: Callable[[Alert], bool] = _alerts.is_grave,
    describe: Callable[[Alert], Mapping[str, Any]] = _alerts.describe,
    since: datetime | None = None,
) -> Escalation:
    """Watch a run, and send what became FLAGGED in it, and is grave, through Herald.

    What this client's system had FLAGGED before the block is told to nobody again, unless the
    block itself recorded that it was mended first. What the outcomes that are noted inside add to
    it is sent at the end of the block: a notification for each technical control and application,
    with all their resources. Each is sent once; one whose answer is lost is not sent again.

    Routes: `GET /compliance/` and, for each application with findings,
    `GET /aggregations/compliance/{id}` before; `GET /technical-controls/{id}` and
    `GET /compliance/` for each technical control with new findings, and
    `POST /herald/v2/{account_id}/notifications`, after.

    Args:
        airview: The client that records, entered.
        herald: The client that sends, entered.
        when: Whether to send an alert; by default if its technical control blocks, or the
            severity of its parent control is CRITICAL, as AirView has them.
        describe: Returns what `Herald.send_notification` is given for an alert.
        since: Count what was FLAGGED from this moment on as new, though it is recorded: for a run
            after one that was killed before it could send. With a time zone.

    Returns:
        To be entered by `async with`, around the run; `note` takes the outcomes.

    Raises:
        ConfigurationError: A callback cannot be called.
        InputError: A client is none, or `since` is no moment with a time zone.
    """
    Rules(airview).kind("airview", airview, AirView)
    Rules(herald).kind("herald", herald, Herald)
    for name, callback in (("when", when), ("describe", describe)):
        if not callable(callback):
            raise ConfigurationError(f"{name}: must be callable")
    if since is not None and (not isinstance(since, datetime) or since.tzinfo is None):
        raise InputError("since", "must be a datetime with a time zone", since)
    return Escalation(airview, herald, when=when, describe=describe, since=since)
