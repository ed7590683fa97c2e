"""One client through whatever comes: batches that are cancelled, faults, callers that raise."""

import contextlib
import itertools

import anyio
import httpx
import hypothesis.strategies as st
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from unruly import FAULTS, Unruly

from airview_herald import AirView
from airview_herald.airview import Application, ComplianceEvent, TechnicalControl
from airview_herald.errors import AirViewHeraldError, IngestAborted
from airview_herald.transport import Retry

_APPLICATION = Application("Payments", "payments")
_CONTROL = TechnicalControl("EC2 patching", "ec2-patching", "VULNERABILITY")
_SENT_FOR_NOTHING = {"failed", "not_attempted", "skipped"}
_MOMENT = st.none() | st.integers(1, 40)


class Accounts(RuleBasedStateMachine):
    """The accounts of one client's batches; each event has its number as its data."""

    backend = "asyncio"

    @initialize(budget=st.sampled_from([0, 2, 100]))
    def enter(self, budget):
        """Enter a client."""
        self.numbers = itertools.count()
        self.server = Unruly()
        self._portal = start_blocking_portal(self.backend)
        self.portal = self._portal.__enter__()
        self.client = self.portal.call(self._connect, budget)

    def teardown(self):
        """Leave it."""
        if hasattr(self, "client"):
            self.portal.call(self.client.__aexit__, None, None, None)
            self._portal.__exit__(None, None, None)

    @rule(faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=40))
    def turn(self, faults):
        """Have the server fail otherwise from now on."""
        self.server.fail(faults)

    @rule(
        lanes=st.lists(st.sampled_from("abcdefgh"), max_size=40),
        cancelled_at=_MOMENT,
        carried_out=st.booleans(),
        left_at=_MOMENT,
        produced=_MOMENT,
        asynchronous=st.booleans(),
        told=_MOMENT,
        options=st.fixed_dictionaries(
            {
                "coalesce": st.booleans(),
                "max_failures": st.none() | st.integers(1, 5),
                "concurrency": st.integers(1, 4),
                "grace": st.sampled_from([0.0, 0.01]),
            }
        ),
    )
    def batch(self, **arguments):
        """Run a batch, which may be cancelled at a request, left, or end by the caller's errors."""
        self.portal.call(self._batch, arguments)

    @rule(lane=st.sampled_from("abcdefgh"))
    def single(self, lane):
        """Record an event by a single call, which is cancelled when it takes long."""
        event = self._event(lane)
        try:
            ended = self.portal.call(_briefly, self.client.handle_compliance_event, event)
        except AirViewHeraldError as error:
            sure = not error.ambiguous and error.method != "PUT"
            assert not sure or event.additional_data not in self.server.saved
        else:
            assert not ended or event.additional_data in self.server.saved

    @invariant()
    def nothing_is_under_way(self):
        """Between the calls no lane is held."""
        if hasattr(self, "client"):
            assert len(self.client._recorder.lanes._last) == 0

    async def _connect(self, budget):
        client = AirView(
            "http://127.0.0.1",
            system_name="ccf",
            system_stage="MONITOR",
            referencing_type="aws_account_id",
            http=httpx.MockTransport(self.server),
            settle=0.002,
            retry=Retry(base=0.001, cap=0.002, budget=budget),
        )
        return await client.__aenter__()

    def _event(self, lane):
        number = str(next(self.numbers))
        return ComplianceEvent(lane, _APPLICATION, _CONTROL, "FLAGGED", number)

    async def _batch(self, arguments):
        events = [self._event(lane) for lane in arguments["lanes"]]
        outcomes = []

        def tell(outcome):
            outcomes.append(outcome)
            if len(outcomes) == arguments["told"]:
                raise ZeroDivisionError

        source = _produce(events, arguments["produced"])
        if arguments["asynchronous"]:
            source = _slowly(source)
        run = self.client.stream(
            source, on_outcome=tell, window=10, deadline=0.1, max_cooldown=0.1,
            **arguments["options"],
        )  # fmt: skip
        with anyio.CancelScope() as scope:
            hook = "after" if arguments["carried_out"] else "before"
            setattr(self.server, hook, _at(arguments["cancelled_at"], scope.cancel))
            with contextlib.suppress(IngestAborted):
                async with run:
                    await _watch(run, arguments["left_at"])
        self.server.before = self.server.after = lambda _: False
        self._close(events, run.report, outcomes)

    def _close(self, events, report, outcomes):
        """See that the account of a batch closes, and says nothing that is not so."""
        assert report.held == 0
        assert report.inputs <= len(events)
        counts = {
            name: getattr(report, name)
            for name in ("recorded", "failed", "unknown", "skipped", "not_attempted")
        }
        assert report.inputs == sum(counts.values())
        assert len({outcome.index for outcome in outcomes}) == len(outcomes) <= report.inputs
        saved = self.server.saved
        for outcome in outcomes:
            counts[outcome.status] -= 1
            assert outcome.event is events[outcome.index]
            number = outcome.event.additional_data
            assert outcome.status != "recorded" or number in saved
            assert outcome.status not in _SENT_FOR_NOTHING or number not in saved
        assert min(counts.values()) >= 0
        untold = {each.additional_data for each in events} & saved
        untold -= {outcome.event.additional_data for outcome in outcomes}
        assert len(untold) <= counts["recorded"] + counts["unknown"]


async def _briefly(work, argument):
    # Answers 429 lower the rate of the client, down to a request in some seconds.
    with anyio.move_on_after(0.3) as scope:
        await work(argument)
    return not scope.cancelled_caught


def _produce(events, raises_at):
    for number, each in enumerate(events, 1):
        if number == raises_at:
            raise LookupError
        yield each


async def _slowly(events):
    for each in events:
        await anyio.lowlevel.checkpoint()
        yield each


async def _watch(run, left_at):
    seen = 0
    async for _ in run:
        seen += 1
        if seen == left_at:
            return


def _at(moment, do):
    """Return what does something the so-manieth time that it is called, and says whether."""
    calls = itertools.count(1)

    def call(_):
        now = next(calls) == moment
        if now:
            do()
        return now

    return call


def _machine(backend):
    machine = type(f"Accounts_{backend}", (Accounts,), {"backend": backend})
    case = machine.TestCase
    case.settings = settings(
        max_examples=40,
        stateful_step_count=10,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    return pytest.mark.timeout(300)(case)


TestOnAsyncio = _machine("asyncio")
TestOnTrio = _machine("trio")
