"""What the client does with many events: look what they need, record them, and be watched."""

from __future__ import annotations

from airview_herald.airview._coverage import Reconciliation
from airview_herald.airview._ingest_settings import (
    Events,
    IngestSettings,
    OnOutcome,
    PathLike,
    Progress,
    State,
)
from airview_herald.airview._outcomes import IngestReport
from airview_herald.airview._plan import Plan, Planner
from airview_herald.airview._recording import Recorder
from airview_herald.airview._rules import Rules
from airview_herald.airview._run import Run
from airview_herald.airview._stream import IngestStream
from airview_herald.transport._session import Session


class Batches:
    """The batches of a client."""

    _session: Session
    _recorder: Recorder

    async def plan(self, events: Events, *, concurrency: int = 64) -> Plan:
        """Look up what a batch of events would find and create, without creating anything.

        What is found is remembered, so that a batch that follows need not look again.

        Routes: `GET` of `/systems/`, `/environments/`, `/referenced-application-environments/`,
        `/technical-controls/` and `/controls/`, once for each definition.

        Args:
            events: As for `ingest`. All of them are taken; their definitions are held, not they.
            concurrency: Requests in flight at most.

        Returns:
            The definitions that exist, those that would be recorded, and those that differ from
            what the events say, with the events that break a rule.

        Raises:
            InputError: `concurrency` is out of its range, or `events` is nothing to iterate.
            AirViewHeraldError: A look failed.
            Exception: What the producer of events raised.
        """
        self._session.check()
        Rules(concurrency).integer("concurrency", concurrency)
        return await Planner(self._recorder, concurrency).plan(events)

    async def ingest(  # noqa: PLR0913 - each is documented
        self,
        events: Events,
        *,
        concurrency: int = 64,
        window: int | None = None,
        on_outcome: OnOutcome | None = None,
        progress: Progress | bool | None = None,
        deadline: float = 120.0,
        max_cooldown: float = 900.0,
        max_failures: int | None = None,
        grace: float = 2.0,
        coalesce: bool = False,
        reconcile: bool | Reconciliation = False,
        state: PathLike | State | None = None,
        dead_letters: PathLike | None = None,
    ) -> IngestReport:
        """Record a batch of events concurrently, in order for each resource and control.

        A bad event is a failed outcome, not an exception; only what makes all events fail ends
        the batch. A server that is down, or asks for a pause, is waited for.

        A cancelled batch sends nothing more and takes `grace` seconds at most to end, besides what
        the producer takes to be closed; cancelled by `Task.cancel` once more, it ends at once.

        Args:
            events: A sync or async iterable; any length, since a window of it is held at a time.
                One that blocks between events, on a database or a pipe, is iterated in a worker
                thread if it has a true attribute `blocking`, as this package's sources have. Its
                method `end`, if it has one, is called when no more events are wanted.
            concurrency: Requests in flight at most. Timeouts and 5xx lower it for a while, unless
                they are few; 429s limit the rate of all that the client sends instead.
            window: Events held at most; by default 4 for each request in flight.
            on_outcome: Called, or awaited, with each event's `Outcome`. Events left over when a
                run ends early are counted in the report only.
            progress: Called, or awaited, with the live report, at most ten times a second, and
                once at the end. `True` shows a bar instead: under the cell in a notebook, on
                stderr in a terminal if rich or tqdm is installed (the extra `progress`), and
                elsewhere a line on stderr every ten seconds. There is a time left to tell when
                the events are a list, or another sequence.
            deadline: Seconds that an event may take from its first request on. The time that the
                server keeps the whole client waiting does not count.
            max_cooldown: Seconds that the server may keep the batch from all success, by turning
                requests away or by failing them, before it ends the batch. 0 has no patience.
            max_failures: How many outcomes that are `failed` or `unknown` end the batch; `None`:
                none do.
            grace: Seconds that the saves on the wire have to be answered when the batch ends
                early; what is not answered then is `unknown`. Nothing else is waited for.
            coalesce: Send of the events that wait in one lane the newest only. The others are
                `skipped`, and their outcomes name the newest in `superseded_by`; when it fails,
                the one before it is sent.
            reconcile: Close, once the input has ended, what this system recorded before and the
                input no longer lists, within the applications that it covers: such records become
                MONITORING, or what a `Reconciliation` says, by further events of this batch. Their
                `additional_data` is empty. Nothing is closed when some of the input could not be
                read, since that might have listed it; pass a source itself, and not what wraps it.
                What this client is given elsewhere meanwhile is spared; other processes are not,
                so an input has to be all that there is of its applications. Duplicate rows that
                the server has of one record are beyond reach: it updates one of them. About 70
                bytes are held for each event.
            state: A file that keeps what is done. When the batch is cut short, even by a kill, the
                same call with the same input goes on: what was recorded or refused is `skipped`
                and costs no request, and so is what is older than something recorded of its lane;
                the rest is sent. So are events that failed of what ended the batch, and coalesced
                ones whose newest is in doubt; reconciliation counts what is skipped as listed.
                After a kill at most two events for each request in flight are sent again.
                Requests that may still be running are waited for, for as long as `settle`. Input
                that differs, or a file of another server or system, is refused; when the server
                was restored, all is sent again, and the report says so. One batch at a time has
                the file; a finished one takes a `State` that says `restart`, or another `run`.
            dead_letters: A file to which events are added that are `failed`, `unknown` or
                `not_attempted`, as lines that `read_jsonl` gives back as events. One is marked as
                superseded, and passed over then, as soon as a later event of its lane is
                recorded; one in doubt is not. So is one of an earlier batch whose event has one in
                this. A file of earlier batches is added to; one that the events are read from is
                refused. After a kill go on with the batch before you send them again.

        Returns:
            The report: every event has exactly one outcome.

        Raises:
            IngestAborted: The producer or a callback raised, or no event can be recorded
                (authentication, authorisation, configuration; a 401 only when token after token
                is refused), `max_cooldown` or `max_failures` is reached, or what was recorded
                before could not be read back. Its `report` is closed.
            InputError: An argument is out of its range, or `dead_letters` is what is read.
            FinishedError: The run of `state` was recorded before.
            InUseError: Another run has `state` or `dead_letters`.
            ConfigurationError: They cannot be used. Nothing was sent, as with the two above.
        """
        self._session.check()
        run = Run(
            self._recorder,
            events,
            IngestSettings.of(
                concurrency=concurrency,
                window=window,
                on_outcome=on_outcome,
                progress=progress,
                deadline=deadline,
                max_cooldown=max_cooldown,
                max_failures=max_failures,
                grace=grace,
                coalesce=coalesce,
                reconcile=reconcile,
                state=state,
                dead_letters=dead_letters,
            ),
        )
        await run.open()
        await run.execute()
        aborted = run.aborted()
        if aborted is not None:
            raise aborted from aborted.__cause__
        return run.report

    def stream(  # noqa: PLR0913 - as `ingest`
        self,
        events: Events,
        *,
        concurrency: int = 64,
        window: int | None = None,
        on_outcome: OnOutcome | None = None,
        progress: Progress | bool | None = None,
        deadline: float = 120.0,
        max_cooldown: float = 900.0,
        max_failures: int | None = None,
        grace: float = 2.0,
        coalesce: bool = False,
        reconcile: bool | Reconciliation = False,
        state: PathLike | State | None = None,
        dead_letters: PathLike | None = None,
    ) -> IngestStream:
        """Record a batch as `ingest` does, and watch it: `async with` it, `async for` over it.

        Args:
            events: As for `ingest`, like all the others.
            concurrency: Requests in flight at most.
            window: Events held at most.
            on_outcome: Called, or awaited, with each outcome before the watcher sees it.
            progress: Called, or awaited, with the live report; `True` shows a bar.
            deadline: Seconds that an event may take from its first request on.
            max_cooldown: Seconds that the server may keep the batch from all success.
            max_failures: How many outcomes that are `failed` or `unknown` end the batch.
            grace: Seconds that the saves on the wire have when the block is left early.
            coalesce: Send of the events that wait in one lane the newest only.
            reconcile: Close what the input no longer lists.
            state: A file that keeps what is done.
            dead_letters: A file to which events are added that are not recorded.

        Returns:
            The run; its `report` is live, and closed once the block is left.

        Raises:
            InputError: An argument is out of its range.
        """
        self._session.check()
        return IngestStream(
            self._recorder,
            events,
            IngestSettings.of(
                concurrency=concurrency,
                window=window,
                on_outcome=on_outcome,
                progress=progress,
                deadline=deadline,
                max_cooldown=max_cooldown,
                max_failures=max_failures,
                grace=grace,
                coalesce=coalesce,
                reconcile=reconcile,
                state=state,
                dead_letters=dead_letters,
            ),
        )
