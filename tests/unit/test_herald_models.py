"""What Herald answers, as objects: tolerant of what its contract leaves open, and of no more."""

import pickle
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airview_herald._open import OpenRow, encode, wire_name
from airview_herald._wire import decode, make_open_converter
from airview_herald.errors import DecodeError, RequestFacts
from airview_herald.herald import (
    AssetData,
    Attachment,
    FailedSubscriber,
    Integration,
    IntegrationResponse,
    IntegrationStatus,
    IntegrationTestResult,
    IntegrationType,
    Notification,
    NotificationData,
    NotificationType,
    Payload,
    QueueConfig,
    QueueData,
    SentNotification,
    SentStatus,
    Stamp,
    Subscriber,
    Subscription,
    SubscriptionOptions,
)

FACTS = RequestFacts(method="GET", url="https://herald.example/herald/v2/1/x", status=200)
AT = 1767225600
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = [
    AssetData,
    Attachment,
    FailedSubscriber,
    Integration,
    IntegrationResponse,
    IntegrationStatus,
    IntegrationTestResult,
    IntegrationType,
    Notification,
    NotificationData,
    NotificationType,
    Payload,
    QueueConfig,
    QueueData,
    SentNotification,
    SentStatus,
    Stamp,
    Subscriber,
    Subscription,
    SubscriptionOptions,
]
LOOSE = {AssetData, NotificationData, Payload, SubscriptionOptions}
NOTIFICATION = {
    "id": "N1",
    "account_id": "12345678",
    "type": "incidents/alerts",
    "notification_data": {
        "class": "web_attack_recon",
        "threat_level": "high",
        "attackers": ["203.0.113.9"],
        "targets": ["192.0.2.10", "192.0.2.11"],
        "status": "open",
        "appliance": "edge-01",
        "detection_source": "network_ids",
    },
    "asset_data": {
        "deployment_id": "D1",
        "tags": [{"env": "prod"}, {"key": "env", "value": "prod"}],
        "tag_keys": [{"env": "env"}],
    },
    "payload": {
        "analyst_notes": "[]",
        "attack_summary": "Recon from 203.0.113.9\n",
        "cid": 12345678,
        "class": "web_attack_recon",
        "create_date": "31 Dec 2025 23:23:59 GMT",
        "customer_name": "Example Ltd",
        "deployment_name": "Main",
        "incident_id": "h4k2p9",
        "investigation_report": "<p>Detail</p>",
        "location_ip": "203.0.113.9",
        "long_incident_id": "a1b2c3d4e5f60718",
        "start_date": "31 Dec 2025 23:20:00 GMT",
        "status": "open",
        "threat": "Medium",
        "recommendations": "Patch",
    },
    "attachments": [{"name": "chart.png", "description": "A chart", "url": "https://f.example/c"}],
    "status": "created",
    "created": {"at": AT, "by": "U1"},
    "modified": {"at": AT, "by": "U1"},
    "message_id": "M1",
}
SENT = {
    "id": "S1",
    "type": "incidents/alerts",
    "subkey": "incidents/medium",
    "subject": "Medium threat incident",
    "statuses": [
        {"destination": "ops@example.com", "status": "SENT", "sent_at": AT},
        {"destination": "oncall@example.com", "status": "PENDING"},
    ],
    "integration_statuses": [
        {
            "type": "webhook",
            "status": "SENT",
            "integration_id": "I1",
            "queue_data": {
                "id": "Q1",
                "config": {"type": "webhook", "target_url": "https://hooks.example.com/b"},
            },
            "integration_response": {"code": 200, "body": None},
        }
    ],
}
SUBSCRIPTION = {
    "id": "U1",
    "account_id": "12345678",
    "name": "Critical incidents",
    "class": "event",
    "notification_type": "incidents/alerts",
    "active": True,
    "created": {"at": AT, "by": "U1"},
    "subscriber_count": 1,
    "subscribers": [{"subscriber": "U1", "subscriber_type": "user", "account_id": "12345678"}],
    "options": {"email_subject": False, "include_attachments": False, "novel": 1},
    "filters": {"and": [{"in": [{"source": "notification.threat_level"}, ["High"]]}]},
    "suppression_interval": 2400,
    "last_notification": 1767225600.5,
}
INTEGRATION = {
    "id": "I1",
    "account_id": "12345678",
    "name": "My Webhook",
    "type": "webhook",
    "target_url": "https://www.example.com",
    "headers": {"X-Header": "HeaderValue"},
    "created": {"at": AT, "by": "U1"},
}
EXAMPLES = [
    (Notification, NOTIFICATION),
    (SentNotification, SENT),
    (Subscription, SUBSCRIPTION),
    (Integration, INTEGRATION),
    (NotificationType, {"notification_type": "a/b", "templates": ["A", "B"], "novel": None}),
    (IntegrationType, {"name": "webhook"}),
    (Subscriber, {"subscriber": "U1", "subscriber_type": "playbook"}),
]

converter = make_open_converter()


def read(kind, value):
    """Decode JSON as a kind of object."""
    return decode(converter, kind, value, FACTS)


def refused(kind, value):
    """Tell why JSON is refused, and where."""
    with pytest.raises(DecodeError) as caught:
        read(kind, value)
    assert caught.value.request == FACTS
    assert str(caught.value).endswith(f" @ {caught.value.path}")
    return str(caught.value)


def fields(kind):
    """Return the names of what a class has of its own."""
    return [f.name for f in attrs.fields(kind) if f.name not in {"extra", "raw"}]


@pytest.mark.parametrize(("kind", "value"), EXAMPLES)
def test_what_is_read_comes_out_as_it_was(kind, value):
    """Reading an answer and writing it down again loses and adds nothing."""
    assert encode(read(kind, value)) == value


@pytest.mark.parametrize(("kind", "value"), EXAMPLES)
def test_what_is_read_is_a_value(kind, value):
    """Objects compare, hash and pickle, though dictionaries are in them."""
    row = read(kind, value)
    other = pickle.loads(pickle.dumps(row))  # noqa: S301 - our own, made on this line
    assert row == other == read(kind, value)
    assert hash(row) == hash(other)
    assert (other.raw, other.extra) == (row.raw, row.extra)


def test_a_notification_is_read_by_its_documented_names():
    """Every documented field is an attribute, and the others are beside them."""
    row = read(Notification, NOTIFICATION)
    assert row.notification_data == NotificationData(
        "web_attack_recon",
        "high",
        ("203.0.113.9",),
        ("192.0.2.10", "192.0.2.11"),
        "open",
        "edge-01",
        "network_ids",
    )
    assert row.asset_data.tags == ({"env": "prod"}, {"key": "env", "value": "prod"})
    assert (row.payload.class_, row.payload.cid) == ("web_attack_recon", 12345678)
    assert row.payload.extra == {"recommendations": "Patch"}
    assert row.attachments == (Attachment("chart.png", "A chart", "https://f.example/c"),)
    assert row.created == Stamp(AT, "U1")
    assert row.extra == {"message_id": "M1"}
    assert row.raw is NOTIFICATION


def test_a_subscription_is_read_by_its_documented_names():
    """`class` is `class_`, options are open, and a filter is untouched."""
    row = read(Subscription, SUBSCRIPTION)
    assert (row.class_, row.active, row.subscriber_count) == ("event", True, 1)
    assert row.subscribers == (Subscriber("U1", "user", account_id="12345678"),)
    assert row.options == SubscriptionOptions(include_attachments=False, email_subject=False)
    assert row.options.extra == {"novel": 1}
    assert row.filters == SUBSCRIPTION["filters"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_may_be_missing(kind):
    """An empty object is an object: lists are empty, and the rest is `None`."""
    row = read(kind, {})
    assert row == kind()
    assert {getattr(row, name) for name in fields(kind)} <= {None, ()}
    assert (row.extra, row.raw, encode(row)) == ({}, {}, {})


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_may_be_null(kind):
    """A null is as good as absent, and is written down again."""
    nulls = {wire_name(name): None for name in fields(kind)}
    row = read(kind, nulls)
    assert row == kind()
    assert row.extra == {}
    assert encode(row) == nulls


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_fields_are_kept(kind):
    """What this package does not know is kept, not compared nor hashed; its names are shown."""
    novel = {"novel": [1, {"a": None}], "extra": 2, "raw": 3, "class_": 4}
    row = read(kind, novel)
    assert row.extra == row.raw == encode(row) == novel
    assert (row, hash(row)) == (kind(), hash(kind()))
    assert repr(row) == f"{kind.__name__}(extra=<novel, extra, raw, class_>)"


def test_what_is_made_by_hand_is_written_by_the_wires_names():
    """Attributes go by their wire names, extras beside them, and what is `None` is left out."""
    row = Subscription(
        name="N",
        class_="event",
        subscribers=(Subscriber("U1", "user", extra={"novel": 1}),),
        options=SubscriptionOptions(email_subject=False),
    )
    assert encode(row) == {
        "name": "N",
        "class": "event",
        "subscribers": [{"subscriber": "U1", "subscriber_type": "user", "novel": 1}],
        "options": {"email_subject": False},
    }


def test_a_changed_object_is_written_as_it_is_now():
    """What was received does not come back over what was changed since."""
    row = read(Subscription, SUBSCRIPTION)
    changed = attrs.evolve(row, name=None, subscribers=(), active=False)
    assert encode(changed) == {
        name: False if name == "active" else value
        for name, value in SUBSCRIPTION.items()
        if name not in {"name", "subscribers"}
    }


# Where the contract allows another type


@pytest.mark.parametrize(
    ("value", "text"), [(12345678, "12345678"), (1.0, "1"), (1.5, "1.5"), ("007", "007")]
)
def test_an_id_may_be_a_number(value, text):
    """Ids are texts, however they arrive."""
    row = read(Subscriber, {"account_id": value, "id": value, "subscriber": value})
    assert (row.account_id, row.id, row.subscriber) == (text, text, text)


@pytest.mark.parametrize(
    ("value", "active"),
    [(True, True), (False, False), ("true", True), ("false", False), (None, None)],
)
def test_active_may_be_a_text(value, active):
    """`active` is documented as text, and is really a boolean."""
    assert read(Subscription, {"active": value}).active is active


@pytest.mark.parametrize(
    ("value", "text"),
    [('"SENT"', "SENT"), ("SENT", "SENT"), ('""SENT""', '"SENT"'), ('"', '"'), ('""', ""),
     ("NOVEL", "NOVEL"), ('"SENT', '"SENT')],
)  # fmt: skip
def test_one_pair_of_quotes_is_taken_off_a_status(value, text):
    """The documents write statuses in literal quotes; no set of them is closed."""
    row = read(SentNotification, {"statuses": [{"status": value}]})
    assert row.statuses == (SentStatus(status=text),)


@pytest.mark.parametrize("value", [200, 200.5, "200"])
def test_a_code_may_be_a_number_or_a_text(value):
    """What is documented as a text and shown as a number is kept as it comes."""
    assert read(IntegrationResponse, {"code": value}).code == value
    assert read(Payload, {"cid": value}).cid == value


def test_a_lone_integration_status_is_a_list_of_one():
    """An object stands for a list that has nothing but it."""
    row = read(SentNotification, {"integration_statuses": {"type": "webhook"}})
    assert row.integration_statuses == (IntegrationStatus(type="webhook"),)


@pytest.mark.parametrize(("value", "details"), [("a", ("a",)), (["a", "b"], ("a", "b")), ([], ())])
def test_the_details_of_a_failed_subscriber_are_texts(value, details):
    """One text stands for a list of one."""
    row = read(FailedSubscriber, {"error": "not_found", "details": value})
    assert row == FailedSubscriber(error="not_found", details=details)


@pytest.mark.parametrize(
    ("value", "headers", "extra"),
    [
        ({"headers": {"a": "b"}}, {"a": "b"}, {}),
        ({"header": {"a": "b"}}, {"a": "b"}, {}),
        ({"header": {"a": "b"}, "headers": None}, {"a": "b"}, {}),
        ({"header": {"a": "b"}, "headers": {"c": "d"}}, {"c": "d"}, {"header": {"a": "b"}}),
        ({"header": None, "headers": {"c": "d"}}, {"c": "d"}, {"header": None}),
    ],
)
def test_headers_are_read_under_either_name(value, headers, extra):
    """The schema says `header` and the examples `headers`, which is preferred."""
    row = read(Integration, value)
    assert (row.headers, row.extra) == (headers, extra)
    assert encode(row) == {"headers": headers} | extra


def test_what_may_hold_a_credential_is_not_shown():
    """Addresses and headers of webhooks, and what is not known, stay out of representations."""
    secret = "planted-secret"
    shown = repr(
        [
            read(
                Integration, {"target_url": secret, "headers": {"a": secret}, "api_token": secret}
            ),
            read(QueueConfig, {"target_url": secret}),
            read(IntegrationTestResult, {"rawbody": secret}),
        ]
    )
    assert secret not in shown


@pytest.mark.parametrize("seconds", [AT, float(AT)])
def test_epoch_seconds_are_a_moment_too(seconds):
    """The number stays as it came, beside an aware moment in UTC."""
    stamp = read(Stamp, {"at": seconds})
    status = read(SentStatus, {"sent_at": seconds})
    assert type(stamp.at) is type(seconds)
    assert stamp.at_datetime == status.sent_at_datetime == MOMENT
    assert stamp.at_datetime.tzinfo is UTC


@pytest.mark.parametrize("seconds", [None, 1e300, -1e300, 10**400, float("inf"), float("nan")])
def test_what_no_calendar_holds_is_no_moment(seconds):
    """A number beyond the calendar is kept, and has no moment."""
    assert Stamp(seconds).at_datetime is None
    assert SentStatus(sent_at=seconds).sent_at_datetime is None


# What is refused


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Notification, [], "expected an object, got a list @ $"),
        (Notification, None, "expected an object, got null @ $"),
        (Notification, {"id": True}, "expected a string or a number, got a boolean @ $.id"),
        (Notification, {"id": ["N1"]}, "expected a string or a number, got a list @ $.id"),
        (Notification, {"type": 1}, "expected a string, got an integer @ $.type"),
        (Notification, {"status": 1}, "expected a string, got an integer @ $.status"),
        (Notification, {"payload": "x"}, "expected an object, got a string @ $.payload"),
        (Notification, {"created": {"at": "x"}}, "expected a number, got a string @ $.created.at"),
        (Notification, {"created": {"at": True}},
         "expected a number, got a boolean @ $.created.at"),
        (Notification, {"attachments": [{}, {"url": 1}]},
         "expected a string, got an integer @ $.attachments[1].url"),
        (Notification, {"attachments": [None]}, "expected an object, got null @ $.attachments[0]"),
        (Subscription, {"class": 1}, "expected a string, got an integer @ $.class"),
        (Subscription, {"active": "yes"}, "expected a boolean, got a string @ $.active"),
        (Subscription, {"active": 1}, "expected a boolean, got an integer @ $.active"),
        (Subscription, {"subscribers": {}}, "expected a list, got an object @ $.subscribers"),
        (Subscription, {"subscriber_count": "1"},
         "expected a number, got a string @ $.subscriber_count"),
        (SentNotification, {"integration_statuses": {"type": 1}},
         "expected a string, got an integer @ $.integration_statuses.type"),
        (SentNotification, {"integration_statuses": [{"queue_data": {"config": []}}]},
         "expected an object, got a list @ $.integration_statuses[0].queue_data.config"),
        (SentNotification, {"integration_statuses": "x"},
         "expected an object, got a string @ $.integration_statuses"),
        (IntegrationResponse, {"code": True},
         "expected a number or a string, got a boolean @ $.code"),
        (Integration, {"headers": {"a": 1}}, "expected a string, got an integer @ $.headers[a]"),
        (Integration, {"headers": "a"}, "expected an object, got a string @ $.headers"),
        (Integration, {"header": {"a": 1}}, "expected a string, got an integer @ $.header[a]"),
        (Integration, {"header": {"a": "b"}, "created": {"at": "x"}},
         "expected a number, got a string @ $.created.at"),
        (NotificationType, {"templates": [1]},
         "expected a string, got an integer @ $.templates[0]"),
        (FailedSubscriber, {"details": [1]}, "expected a string, got an integer @ $.details[0]"),
    ],
)  # fmt: skip
def test_another_shape_is_refused_with_its_path(kind, value, message):
    """What the contract does not allow is named with its JSON path and both types."""
    assert refused(kind, value) == message


@pytest.mark.parametrize(
    ("kind", "misfit"),
    [
        (Payload, {"status": {"code": 1}, "cid": True, "class": 5}),
        (NotificationData, {"attackers": "203.0.113.9", "targets": [1]}),
        (AssetData, {"tags": {"env": "prod"}, "tag_keys": [{"env": 1}]}),
        (SubscriptionOptions, {"include_attachments": "yes", "email_subject": 1}),
    ],
)
def test_what_a_sender_put_elsewhere_is_kept(kind, misfit):
    """In what the sender chose, a value that does not fit is kept beside the attributes."""
    row = read(kind, misfit)
    assert row == kind()
    assert row.extra == encode(row) == misfit


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_NAMES = sorted({wire_name(name) for kind in KINDS for name in fields(kind)} | {"header"})
_JSON: Any = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_NAMES) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=400)
@given(st.sampled_from(KINDS), _JSON)
def test_any_json_decodes_or_is_refused(kind, value):
    """Any JSON is an object of the declared types, or a DecodeError with a path."""
    try:
        row = read(kind, value)
    except DecodeError as caught:
        error = caught
    else:
        error = None
    if error:
        assert error.path.startswith("$")
        assert str(error).endswith(f" @ {error.path}")
        return
    assert row.raw is value
    hash(row)
    repr(encode(row))
    for name in fields(kind):
        # What is kept as received may be any JSON; what is declared is never a list.
        as_received = attrs.fields_dict(kind)[name].type in ("Any", Any)
        assert as_received or not isinstance(getattr(row, name), list)
    with suppress(AttributeError):
        assert row.at_datetime is None or row.at_datetime.tzinfo is UTC


@settings(max_examples=200)
@given(st.sampled_from(sorted(KINDS, key=lambda kind: kind.__name__)), st.data())
def test_any_object_of_known_fields_decodes_or_is_refused(kind, data):
    """With the fields of its own class, each of any JSON, there is still no other exception."""
    names = [wire_name(name) for name in fields(kind)]
    value = data.draw(st.dictionaries(st.sampled_from(names), _JSON, min_size=1))
    try:
        row = read(kind, value)
    except DecodeError as caught:
        row, path = None, caught.path
    if row is None:
        assert path != "$"
        assert kind not in LOOSE
        return
    assert isinstance(row, OpenRow)
    assert set(encode(row)) == set(value)
