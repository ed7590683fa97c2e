"""The options of a batch, as `AirView.ingest` has them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import attrs
from cyclopts import Group, Parameter

from airview_herald.airview import Application, Reconciliation, State
from airview_herald.airview._rules import Rules
from airview_herald.cli._ends import UsageError
from airview_herald.cli._file_names import FileName
from airview_herald.cli._inputs import Format, Reading
from airview_herald.sources import encode_reference
from airview_herald.sources._sarif_paths import directory

_BATCH = Group.create_ordered("Batch")
_SOURCES = Group.create_ordered("Files")
_CLUSTER = Group.create_ordered("Cluster")
_Flag = Annotated[bool, Parameter(negative=(), show_default=False)]


@Parameter(name="*", group=_BATCH)
@attrs.frozen(kw_only=True)
class Batch:
    """How a batch is sent.

    Attributes:
        concurrency: Requests in flight at most.
        window: Events held at most; by default 4 for each request in flight.
        state: A file that keeps what is done: after a kill the same command goes on from there.
        restart: Begin anew, whatever the run of the state file has come to.
        run: What this run is called, such as the date, for a job of every night: the same name goes
            on, another one begins anew, and what was cut short before is given up.
        dead_letters: A file to which events are added that are not recorded, to be ingested again.
        reconcile: Close what this system recorded before and the input no longer lists, within
            the applications that it mentions. Nothing is closed if some of it cannot be read.
        reconcile_state: What is closed becomes; by default MONITORING.
        reconcile_application: The reference of an application that the input covers though it may
            mention it no more; once for each.
        coalesce: Send of the events that wait for one resource and control the newest only.
        deadline: Seconds that an event may take from its first request on.
        max_cooldown: Seconds that the server may keep the batch from all success.
        max_failures: How many events that fail end the batch; by default none do.
        grace: Seconds that what is on the wire has to be answered when the batch is interrupted.
    """

    concurrency: int = 64
    window: int | None = None
    state: FileName | None = None
    restart: _Flag = False
    run: str | None = None
    dead_letters: FileName | None = None
    reconcile: _Flag = False
    reconcile_state: Literal["MONITORING", "DELETED"] | None = None
    reconcile_application: Annotated[
        tuple[str, ...], Parameter(negative=(), show_default=False)
    ] = ()
    coalesce: _Flag = False
    deadline: float = 120.0
    max_cooldown: float = 900.0
    max_failures: int | None = None
    grace: float = 2.0

    def settings(self) -> dict[str, Any]:
        """Return the arguments of `AirView.stream`.

        Raises:
            UsageError: `--restart` or `--run` without a state file.
        """
        state: State | None = None
        if self.state is not None:
            state = State(self.state, restart=self.restart, run=self.run)
        elif self.restart or self.run is not None:
            raise UsageError("--restart" if self.restart else "--run", "needs --state")
        return {
            "concurrency": self.concurrency,
            "window": self.window,
            "state": state,
            "dead_letters": self.dead_letters,
            "reconcile": self.reconciliation(),
            "coalesce": self.coalesce,
            "deadline": self.deadline,
            "max_cooldown": self.max_cooldown,
            "max_failures": self.max_failures,
            "grace": self.grace,
        }

    def reconciliation(self) -> Reconciliation | bool:
        """Return what is done about what the input no longer lists.

        Raises:
            UsageError: What is to be closed, or as what, without `--reconcile`.
        """
        if not self.reconcile:
            if self.reconcile_application:
                raise UsageError("--reconcile-application", "needs --reconcile")
            if self.reconcile_state is not None:
                raise UsageError("--reconcile-state", "needs --reconcile")
            return False
        return Reconciliation(
            self.reconcile_state or "MONITORING", applications=self.reconcile_application
        )


@Parameter(name="*", group=_SOURCES)
@attrs.frozen(kw_only=True)
class Sources:
    """How files are read.

    Attributes:
        format: What they are; `auto` goes by the name, else by how a file begins.
        base: SARIF: the directory that paths are relative to, usually the repository's.
        application: SARIF: the name of the application of all findings; by default the first
            part of each path.
        application_reference: SARIF: its reference; by default the name, encoded.
        control_action: SARIF: what a breach leads to; by default VULNERABILITY for rules about
            security, and LOG for others.
        superseded: JSON Lines: send dead letters too that a later event has superseded.
    """

    format: Format = "auto"
    base: FileName | None = None
    application: str | None = None
    application_reference: str | None = None
    control_action: Literal["LOG", "INCIDENT", "TASK", "VULNERABILITY"] | None = None
    superseded: _Flag = False

    def reading(self) -> Reading:
        """Return how files are read.

        Raises:
            UsageError: A reference without a name.
            InputError: A base that is no directory, or a reference that cannot be one.
        """
        if self.base is not None:
            directory(self.base)
        name, reference = self.application, self.application_reference
        if name is None and reference is not None:
            raise UsageError("--application-reference", "needs --application")
        if reference is not None:
            Rules(reference).reference("application_reference", reference)
        application = None
        if name is not None:
            application = Application(name, reference or encode_reference(name))
        return Reading(
            format=self.format,
            base=self.base,
            application=application,
            control_action=self.control_action,
            superseded=self.superseded,
        )


@Parameter(name="*", group=_CLUSTER)
@attrs.frozen(kw_only=True)
class Cluster:
    """Where a batch runs that is more than one machine's.

    Attributes:
        scheduler: A Dask scheduler, such as `tcp://10.0.0.1:8786`; its workers read the files by
            the same names, and have the credential in their environment. `--state` is a folder
            that they share with this machine, and `--concurrency` is for all of them.
        partitions: Into how many parts applications are put; by default 4 for each thread.
        rate: Requests a second at most, of all workers.
        lease: Seconds for which a worker may go on when it cannot renew its right to a partition.
    """

    scheduler: str | None = None
    partitions: int | None = None
    rate: float | None = None
    lease: float = 30.0

    def check(self) -> None:
        """Check that nothing is said of a cluster where there is none.

        Raises:
            UsageError: Something is.
        """
        for field in attrs.fields(Cluster):
            if self.scheduler is None and getattr(self, field.name) != field.default:
                raise UsageError(f"--{field.name}", "needs --scheduler")


BATCH = Batch()
SOURCES = Sources()
CLUSTER = Cluster()
