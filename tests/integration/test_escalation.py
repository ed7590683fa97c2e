"""What becomes FLAGGED is told through Herald: end to end, on both services of the sandbox."""

import json
import logging
from datetime import UTC, datetime, timedelta

import anyio
import attrs
import pytest
from anyio.lowlevel import checkpoint

from airview_herald.airview import (
    Application,
    ComplianceEvent,
    Control,
    Environment,
    TechnicalControl,
)
from airview_herald.errors import (
    AuthenticationError,
    ConfigurationError,
    EscalationError,
    IngestAborted,
    InputError,
    PayloadTooLargeError,
)
from airview_herald.escalation import Alert, describe, escalate
from airview_herald.transport import Retry

PAYMENTS = Application("Payments", "payments", environment=Environment("Production", "PRD"))
SHOP = Application("Shop", "shop", environment=Environment("Production", "PRD"))
CRITICAL = TechnicalControl(
    "Encrypted", "encrypted", "VULNERABILITY", control=Control("Encrypt", severity="CRITICAL")
)
BLOCKING = TechnicalControl("Signed", "signed", "INCIDENT", is_blocking=True)
MINOR = TechnicalControl(
    "Tagged", "tagged", "TASK", is_blocking=False, control=Control("Tag", severity="HIGH")
)
SEND = ("POST", "/herald/v2/{account_id}/notifications")


def found(resource, control=CRITICAL, application=PAYMENTS, status="FLAGGED", words=""):
    """Make the event of a finding."""
    return ComplianceEvent(resource, application, with_model(control), status, words)


def with_model(control):
    """A new control needs a quality model, which says nothing about how grave it is."""
    if control.control is None:
        return control
    return attrs.evolve(control, control=attrs.evolve(control.control, quality_model="SECURITY"))


@pytest.fixture
def night(connect, call_herald):
    """Run a night: other processes, with clients of their own; return the escalation."""

    async def run(*events, ingest=None, system="ccf", **options):
        async with (
            connect(system_name=system, settle=0.0, retry=Retry(attempts=1)) as airview,
            call_herald(retry=Retry(attempts=1)) as herald,
            escalate(airview, herald, **options) as escalation,
        ):
            await airview.ingest(events, on_outcome=escalation.note, **ingest or {})
        return escalation

    return run


def told(escalation):
    """Return what was sent: (technical control, application, resources)."""
    return sorted(
        (alert.technical_control.reference, alert.application.reference, *sorted(alert.resources))
        for alert, _ in escalation.sent
    )


def stored(sandbox):
    """Return the notifications that Herald has."""
    return sandbox.snapshot()["notification"]


async def test_what_is_grave_is_told_in_groups(sandbox, night):
    """One notification for each technical control and application; what is not grave is not."""
    escalation = await night(
        found("i-1"),
        found("i-2"),
        found("i-1", application=SHOP),
        found("i-1", BLOCKING),
        found("i-1", MINOR),
        found("i-3", status="MONITORING"),
    )
    assert told(escalation) == [
        ("encrypted", "payments", "i-1", "i-2"),
        ("encrypted", "shop", "i-1"),
        ("signed", "payments", "i-1"),
    ]
    assert len(stored(sandbox)) == 3
    assert escalation.unsent == []


async def test_a_notification_reaches_who_is_subscribed(sandbox, night, call_herald):
    """It says what was found, where, and how grave that is; Herald delivers it."""
    async with call_herald() as herald:
        await herald.create_subscription(
            name="Findings",
            class_="event",
            notification_type="incidents/alerts",
            subscribers=[{"subscriber": "ops@example.com", "subscriber_type": "connection"}],
        )
    escalation = await night(found("i-0 <a>", words="no key & no lock"), found("i-2"))
    [(alert, notification)] = escalation.sent
    assert notification.type == "incidents/alerts"
    assert notification.notification_data.threat_level == "critical"
    assert notification.notification_data.targets == ("i-0 <a>", "i-2")
    assert notification.asset_data.tags[0] == {"key": "application", "value": "payments"}
    payload = notification.payload
    assert payload.attack_summary == (
        "Encrypted: 2 resources of Payments newly flagged: i-0 <a>, i-2"
    )
    assert payload.investigation_report == (
        "<ul><li>i-0 &lt;a&gt;: no key &amp; no lock</li><li>i-2</li></ul>"
    )
    async with call_herald() as herald:
        [sent] = await herald.get_sent_incident_notifications(alert.id)
    assert [status.destination for status in sent.statuses] == ["ops@example.com"]


async def test_nothing_is_repeated_the_next_night(sandbox, night):
    """What was FLAGGED before is known; what is new beside it is told, and what came back."""
    await night(found("i-1"), found("i-2"))
    again = await night(found("i-1"), found("i-2"), found("i-3"))
    assert told(again) == [("encrypted", "payments", "i-3")]
    assert told(await night(found("i-1", status="MONITORING"))) == []
    back = await night(found("i-1"), found("i-2"))
    assert told(back) == [("encrypted", "payments", "i-1")]


async def test_a_night_without_news_sends_nothing(sandbox, night):
    """It costs Herald no notification, and AirView a look at each application."""
    await night(found("i-1"))
    sandbox.requests.clear()
    await night(found("i-1"))
    assert len(stored(sandbox)) == 1
    paths = [request.path.removeprefix("/airview") for request in sandbox.requests]
    looks = [path for path in paths if path.startswith(("/compliance/", "/aggregations/"))]
    assert looks == ["/compliance/", "/aggregations/compliance/1"]


async def test_what_did_not_answer_before_becomes_flagged(night):
    """UNRESPONSIVE is not compliant either, and still not FLAGGED."""
    await night(found("i-1", status="UNRESPONSIVE"))
    assert told(await night(found("i-1"))) == [("encrypted", "payments", "i-1")]


@pytest.mark.parametrize("system", ["ccf", "Größe: 2"])
async def test_other_systems_hide_nothing(night, system):
    """Another system's finding of the same names is another finding."""
    await night(found("i-1"), system="another")
    escalation = await night(found("i-1"), system=system)
    assert told(escalation) == [("encrypted", "payments", "i-1")]
    assert told(await night(found("i-1"), system=system)) == []


async def test_what_is_fine_again_at_the_end_is_not_told(night):
    """The last event of a resource counts."""
    assert told(await night(found("i-1"), found("i-1", status="MONITORING"))) == []


async def test_what_is_mended_and_breaks_again_in_one_run_is_told(night):
    """It is news, as in two runs; unless AirView was never told that it was mended."""
    await night(found("i-1"), found("i-2"))
    mended = found("i-1", status="MONITORING")
    back = await night(mended, found("i-1"), found("i-2"))
    assert told(back) == [("encrypted", "payments", "i-1")]
    assert told(await night(found("i-1"), mended, found("i-1"), mended)) == []
    newest_only = await night(
        found("i-2", status="MONITORING"), found("i-2"), ingest={"coalesce": True}
    )
    assert told(newest_only) == []


async def test_what_is_refused_is_not_told(sandbox, night):
    """AirView does not have it: it is news whenever it is recorded."""
    sandbox.force("PUT", "/monitored-resources/", 400, times=1)
    assert told(await night(found("i-1"))) == []
    assert told(await night(found("i-1"))) == [("encrypted", "payments", "i-1")]


@pytest.mark.parametrize("drop", ["before", "after"])
async def test_what_may_have_landed_is_told(sandbox, night, drop):
    """If it has, the next night finds it FLAGGED, and would be silent about it."""
    sandbox.force("PUT", "/monitored-resources/", drop=drop)
    escalation = await night(found("i-1"), ingest={"deadline": 0.3})
    assert told(escalation) == [("encrypted", "payments", "i-1")]


async def test_airviews_word_counts(night):
    """It keeps what the first event said: a control is as grave as it was recorded."""
    await night(found("i-1"), found("i-1", BLOCKING))
    milder = attrs.evolve(CRITICAL, control=Control("Encrypt", severity="LOW"))
    silent = attrs.evolve(BLOCKING, is_blocking=None)
    escalation = await night(found("i-2", milder), found("i-2", silent))
    assert told(escalation) == [("encrypted", "payments", "i-2"), ("signed", "payments", "i-2")]
    assert {(str(a.severity), a.is_blocking) for a, _ in escalation.sent} == {
        ("CRITICAL", False),
        ("None", True),
    }


async def test_the_rule_and_the_template_are_the_callers(sandbox, night):
    """What is told, and how, can be said by two functions."""
    escalation = await night(
        found("i-1"),
        found("i-1", MINOR),
        when=lambda alert: alert.severity == "HIGH",
        describe=lambda alert: describe(alert) | {"type": "compliance/finding"},
    )
    assert told(escalation) == [("tagged", "payments", "i-1")]
    assert [row["type"] for row in stored(sandbox)] == ["compliance/finding"]


async def test_a_send_whose_answer_is_lost_is_not_repeated(sandbox, night):
    """It is reported, with the alert, and an error that says that it may have been accepted."""
    sandbox.force(*SEND, drop="after")
    with pytest.raises(EscalationError) as raised:
        await night(found("i-1"))
    [(alert, error)] = raised.value.unsent
    assert alert.resources == ("i-1",)
    assert error.ambiguous
    assert raised.value.__cause__ is error
    assert str(raised.value).startswith("1 of 1 notifications not sent, or not surely (1): ")
    assert len(stored(sandbox)) == 1
    assert told(await night(found("i-1"))) == []


async def test_one_that_is_refused_keeps_none_from_being_sent(sandbox, night):
    """Every alert has its turn, and all that failed are in one error."""
    sandbox.force(*SEND, 413, times=1)
    with pytest.raises(EscalationError) as raised:
        await night(found("i-1"), found("i-1", application=SHOP))
    [(_, error)] = raised.value.unsent
    assert isinstance(error, PayloadTooLargeError)
    assert str(raised.value).startswith("1 of 2 notifications not sent: ")
    assert len(stored(sandbox)) == 1


async def test_a_template_that_raises_is_reported(night):
    """So is one that forgets what Herald needs."""
    with pytest.raises(EscalationError, match=r"^1 of 1 notifications not sent: KeyError\('x'\)$"):
        await night(found("i-1"), describe=lambda _: {}["x"])
    with pytest.raises(EscalationError) as raised:
        await night(found("i-2"), describe=lambda alert: describe(alert) | {"type": "findings"})
    assert isinstance(raised.value.__cause__, InputError)


async def test_what_cannot_be_judged_is_reported(sandbox, night):
    """Not to know how grave it is does not make it harmless."""
    sandbox.force("GET", "/technical-controls/1", 500)
    with pytest.raises(EscalationError) as raised:
        await night(found("i-1", MINOR))
    [(alert, error)] = raised.value.unsent
    assert (alert.technical_control.reference, error.status) == ("tagged", 500)
    assert stored(sandbox) == []


def broken(*events):
    """An input that breaks off."""
    yield from events
    raise LookupError("the scanner is gone")


async def test_an_aborted_run_tells_what_it_has_recorded(sandbox, connect, call_herald, caplog):
    """The next one will find it FLAGGED. The run's own error comes out, whatever Herald says."""
    for number, forced in enumerate((False, True)):
        if forced:
            sandbox.force(*SEND, 400)
        with pytest.raises(IngestAborted):
            async with (
                connect() as airview,
                call_herald() as herald,
                escalate(airview, herald) as escalation,
            ):
                await airview.ingest(broken(found(f"i-{number}")), on_outcome=escalation.note)
        assert (len(escalation.sent), len(escalation.unsent)) == ((0, 1) if forced else (1, 0))
    assert "1 of 1 notifications not sent" in caplog.text


async def test_a_run_whose_outcomes_nobody_notes_is_warned_of(connect, call_herald, caplog):
    """By the next night all of it would be old."""
    async with connect() as airview, call_herald() as herald:
        async with escalate(airview, herald) as escalation:
            await airview.ingest([found("i-1")], on_outcome=escalation.note)
        assert caplog.messages == []
        async with escalate(airview, herald):
            await airview.ingest([found("i-2")])
    assert [each.partition(":")[0] for each in caplog.messages] == [
        "no outcome was noted in a block of escalate, and nobody is told of anything"
    ]


async def test_a_cancelled_run_sends_nothing(sandbox, connect, call_herald, caplog):
    """The log says how many findings nobody was told of."""
    async with connect() as airview, call_herald() as herald:
        with anyio.CancelScope() as scope:
            async with escalate(airview, herald) as escalation:
                await airview.ingest([found("i-1")], on_outcome=escalation.note)
                scope.cancel()
                await checkpoint()
    assert stored(sandbox) == []
    assert "cut short: nobody was told of 1 findings" in caplog.text


async def test_what_a_killed_run_could_not_tell_is_told_since(sandbox, connect, night):
    """`since` takes what is FLAGGED, but not for longer, as new."""
    began = datetime.now(UTC) - timedelta(minutes=1)
    async with connect() as airview:
        await airview.ingest([found("i-1")])
    assert told(await night(found("i-1"))) == []
    later = began + timedelta(hours=1)
    assert told(await night(found("i-1"), since=later)) == []
    assert told(await night(found("i-1"), since=began)) == [("encrypted", "payments", "i-1")]


async def test_a_watched_batch_is_noted_too(connect, call_herald):
    """`note` takes outcomes from wherever they come."""
    async with (
        connect() as airview,
        call_herald() as herald,
        escalate(airview, herald) as escalation,
        airview.stream([found("i-1")]) as run,
    ):
        async for outcome in run:
            escalation.note(outcome)
    assert told(escalation) == [("encrypted", "payments", "i-1")]


async def test_a_credential_that_herald_refuses_ends_it_before_it_begins(sandbox, night):
    """What would be recorded first could never be told."""
    sandbox.force("POST", "/aims/v1/authenticate", 401)
    with pytest.raises(AuthenticationError):
        await night(found("i-1"))
    assert sandbox.snapshot()["monitored_resource"] == []


async def test_a_credential_that_may_only_send_is_enough(sandbox, night):
    """Not to be let read the types says that the credential is known."""
    sandbox.force("GET", "/herald/v2/notification_types", 403)
    assert told(await night(found("i-1"))) == [("encrypted", "payments", "i-1")]


async def test_a_look_that_fails_ends_it_before_it_begins(sandbox, night):
    """Without it all that is FLAGGED would be news."""
    sandbox.force("GET", "/compliance/", 400)
    with pytest.raises(Exception, match="400"):
        await night(found("i-1"))
    assert sandbox.snapshot()["monitored_resource"] == []


async def test_it_is_entered_once_and_notes_inside(connect, call_herald):
    """What is noted later would be told to nobody."""
    outcomes = []
    async with connect() as airview, call_herald() as herald:
        escalation = escalate(airview, herald)
        await airview.ingest([found("i-1")], on_outcome=outcomes.append)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="noted inside"):
                escalation.note(outcomes[0])
            if escalation._open is None:
                async with escalation:
                    pass
        with pytest.raises(RuntimeError, match="entered once"):
            await escalation.__aenter__()


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"when": True}, ConfigurationError, "when: must be callable"),
        ({"describe": {}}, ConfigurationError, "describe: must be callable"),
        ({"since": 7}, InputError, "since: must be a datetime with a time zone"),
        (
            {"since": datetime(2026, 1, 1)},  # noqa: DTZ001 - the mistake
            InputError,
            "since: must be a datetime with a time zone",
        ),
    ],
)
def test_what_cannot_work_is_refused(connect, call_herald, options, kind, words):
    """Before anything is looked at."""
    with pytest.raises(kind, match=f"^{words}$"):
        escalate(connect(), call_herald(), **options)


def test_clients_in_the_wrong_order_are_refused(connect, call_herald):
    """The two are easily swapped."""
    with pytest.raises(InputError, match=r"^airview: must be an AirView, not Herald$"):
        escalate(call_herald(), connect())
    with pytest.raises(InputError, match=r"^herald: must be a Herald, not NoneType$"):
        escalate(connect(), None)


@pytest.mark.parametrize(
    ("described", "told"),
    [
        (None, "a mapping, not NoneType"),
        ({}, r"what send_notification takes: missing a required .*argument: 'type'"),
    ],
)
async def test_an_alert_that_is_not_described_is_told(night, sandbox, described, told):
    """The findings are recorded; the message says what was to be returned."""
    with pytest.raises(EscalationError, match=f"describe: must return {told}"):
        await night(found("i-1"), describe=lambda _: described)
    assert stored(sandbox) == []


def test_a_notification_stays_small():
    """However many resources there are and whatever they are called, it is below a megabyte."""
    events = tuple(found("🔑" * 500, words="🔒" * 8000) for _ in range(20_000))
    alert = Alert("ab" * 8, PAYMENTS, CRITICAL, is_blocking=True, severity="LOW", events=events)
    notification = describe(alert)
    assert len(json.dumps(notification)) < 1_000_000
    assert len(notification["notification_data"]["targets"]) == 50
    assert notification["payload"]["attack_summary"].endswith(", and 19997 more")
    assert "<li>and 19950 more</li>" in notification["payload"]["investigation_report"]
    assert notification["payload"]["threat"] == "High"


@pytest.fixture(autouse=True)
def _warnings(caplog):
    caplog.set_level(logging.WARNING, "airview_herald")
