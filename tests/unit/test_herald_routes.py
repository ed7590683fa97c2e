"""Herald's operations as values: what is sent, what is refused, and how answers are read."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import attrs
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airview_herald._pagination import Page
from airview_herald._secret import Secret
from airview_herald.errors import DecodeError, InputError, RequestFacts
from airview_herald.herald import (
    AssetData,
    Attachment,
    FailedSubscriber,
    Integration,
    IntegrationTestResult,
    IntegrationType,
    NotGiven,
    Notification,
    NotificationData,
    NotificationType,
    Payload,
    SentNotification,
    Subscriber,
    SubscriberUpdate,
    Subscription,
    SubscriptionOptions,
    _undocumented_routes,
)
from airview_herald.herald import _routes as routes
from airview_herald.transport._call import Reply, RetryClass

ACCOUNT = "12345678"
A = f"/herald/v2/{ACCOUNT}"
AWKWARD = "a b/c?d#e%2F;ü+&="
QUOTED = "a%20b%2Fc%3Fd%23e%252F%3B%C3%BC%2B%26%3D"
READ, ABSOLUTE, ONCE = RetryClass.READ, RetryClass.ABSOLUTE, RetryClass.ONCE
SEND = {"type": "incidents/alerts", "notification_data": {}, "asset_data": {}, "payload": {}}
CREATE = {"name": "N", "class_": "event", "notification_type": "incidents/alerts"}
NOT_A_TYPE = [
    "incidents", "incidents/", "/alerts", "a/b/c", "/", "incidents/alerts\n", "in\tcidents/alerts",
    "a/\x7f", "a/\x85", "\0/b", "./alerts", "../alerts", "incidents/.", "incidents/..", "../..",
    "", 5, None, "a/\ud800",
]  # fmt: skip

CALLS = {
    "get_notification": (
        routes.get_notification(AWKWARD), "GET", f"/herald/v2/notifications/{QUOTED}", READ),
    "get_account_notification": (
        routes.get_account_notification(ACCOUNT, AWKWARD), "GET",
        f"{A}/notifications/{QUOTED}", READ),
    "get_account_notification_by_type": (
        routes.get_account_notification_by_type(ACCOUNT, "inci dents/alérts"), "GET",
        f"{A}/notifications/inci%20dents/al%C3%A9rts", READ),
    "get_sent_incident_notifications": (
        routes.get_sent_incident_notifications(ACCOUNT, AWKWARD), "GET",
        f"{A}/notifications/type/incidents/alerts/{QUOTED}", READ),
    "sent_notification": (
        routes.sent_notification(ACCOUNT, **SEND), "POST", f"{A}/notifications", ONCE),
    "get_account_subscriptions": (
        routes.get_account_subscriptions(ACCOUNT), "GET", f"{A}/subscriptions", READ),
    "get_account_subscription": (
        routes.get_account_subscription(ACCOUNT, AWKWARD), "GET",
        f"{A}/subscriptions/{QUOTED}", READ),
    "create_subscription": (
        routes.create_subscription(ACCOUNT, **CREATE), "POST", f"{A}/subscriptions", ONCE),
    "update_subscription": (
        routes.update_subscription(ACCOUNT, AWKWARD, active=False), "POST",
        f"{A}/subscriptions/{QUOTED}", ABSOLUTE),
    "delete_subscription": (
        routes.delete_subscription(ACCOUNT, AWKWARD), "DELETE",
        f"{A}/subscriptions/{QUOTED}", ABSOLUTE),
    "batch_delete_subscriptions": (
        routes.batch_delete_subscriptions(ACCOUNT, ["U1"]), "POST",
        f"{A}/subscriptions/batch/delete", ONCE),
    "get_account_subscription_subscribers": (
        routes.get_account_subscription_subscribers(ACCOUNT, AWKWARD), "GET",
        f"{A}/subscriptions/{QUOTED}/subscribers", READ),
    "add_subscriber": (
        routes.add_subscriber(ACCOUNT, AWKWARD, subscriber="S1", subscriber_type="user"), "POST",
        f"{A}/subscriptions/{QUOTED}/subscribers", ONCE),
    "remove_subscriber": (
        routes.remove_subscriber(ACCOUNT, AWKWARD, subscriber=AWKWARD, subscriber_type=AWKWARD),
        "DELETE", f"{A}/subscriptions/{QUOTED}/subscribers/{QUOTED}/{QUOTED}", ABSOLUTE),
    "batch_update_subscribers": (
        routes.batch_update_subscribers(ACCOUNT, AWKWARD, []), "POST",
        f"{A}/subscriptions/{QUOTED}/subscribers/batch/update", ONCE),
    "get_notification_types": (
        routes.get_notification_types(), "GET", "/herald/v2/notification_types", READ),
    "get_account_integration": (
        routes.get_account_integration(ACCOUNT, AWKWARD), "GET",
        f"{A}/integrations/{QUOTED}", READ),
    "get_account_integrations": (
        routes.get_account_integrations(ACCOUNT), "GET", f"{A}/integrations", READ),
    "get_integration_types": (
        routes.get_integration_types(), "GET", "/herald/v2/integration_types", READ),
    "create_notification_type": (
        _undocumented_routes.create_notification_type({"notification_type": "a/b"}), "POST",
        "/herald/v2/notification_types", ONCE),
    "update_notification_type": (
        _undocumented_routes.update_notification_type({"notification_type": "a b/c"}), "PUT",
        "/herald/v2/notification_types/a%20b/c", ABSOLUTE),
    "delete_notification_type": (
        _undocumented_routes.delete_notification_type("a b/c"), "DELETE",
        "/herald/v2/notification_types/a%20b/c", ABSOLUTE),
    "test_integration": (
        _undocumented_routes.test_integration(ACCOUNT, "webhook", {}), "POST",
        f"{A}/webhook/test", ONCE),
}  # fmt: skip


def body(call):
    """Read the body that a call sends."""
    return json.loads(call.body)


def answered(call, value, status=200):
    """Let a call read an answer."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    facts = RequestFacts(call.method, "https://herald.example", status)
    return call.decode(Reply(status, httpx.Headers(), content, facts))


def refusal(function, *args, **kwargs):
    """Tell the field and the rule by which an operation refuses its input."""
    with pytest.raises(InputError) as caught:
        function(*args, **kwargs)
    return caught.value.field, caught.value.rule


# Requests


@pytest.mark.parametrize("operation", CALLS)
def test_an_operation_has_its_method_path_and_class(operation):
    """Each operation is sent as documented; each value is one segment; any 2xx is its success."""
    call, method, target, retry_class = CALLS[operation]
    assert (call.method, call.target, call.retry_class) == (method, target, retry_class)
    assert (call.operation, call.success, call.absent) == (operation, None, False)
    assert (call.body is not None) == (method in {"POST", "PUT"})


@pytest.mark.parametrize("operation", CALLS)
def test_the_target_is_sent_as_it_is_built(operation):
    """The bytes on the wire are the target's: nothing quotes it again, or collapses it."""
    call = CALLS[operation][0]
    request = httpx.Request(call.method, "https://herald.example" + call.target)
    assert request.url.raw_path.decode() == call.target


def test_a_query_holds_what_is_given():
    """What is `None` is left out, booleans are in lower case, and every value is encoded."""
    call = routes.get_account_notification_by_type(
        ACCOUNT, "a/b", sort="desc", since=0, until=10, limit=1, continuation_id="a+/=&?"
    )
    assert call.target == (
        f"{A}/notifications/a/b?sort=desc&since=0&until=10&limit=1&continuation_id=a%2B%2F%3D%26%3F"
    )
    call = routes.get_account_subscriptions(
        ACCOUNT,
        class_="event",
        external_id="x y",
        notification_type="a/b",
        include_subscribers=True,
    )
    assert call.target == (
        f"{A}/subscriptions?class=event&external_id=x%20y&notification_type=a%2Fb"
        "&include_subscribers=true"
    )
    call = routes.get_account_subscription(ACCOUNT, "U1", include_subscribers=False)
    assert call.target == f"{A}/subscriptions/U1?include_subscribers=false"


@given(st.text(min_size=1).filter(lambda text: not {".", ".."} & set(re.split(r"[/\\]", text))))
def test_any_value_is_one_segment(value):
    """Whatever an id holds, it is one segment of the path, and reads back as it was."""
    try:
        call = routes.get_account_notification(ACCOUNT, value)
    except InputError:
        assert any("\ud800" <= letter <= "\udfff" for letter in value)
        return
    url = httpx.URL("https://herald.example" + call.target)
    assert url.raw_path == call.target.encode()
    assert call.target.count("/") == 5
    assert url.path == f"{A}/notifications/{value}"


@pytest.mark.parametrize(
    ("since", "seconds"),
    [
        (0, 0),
        (1767225600, 1767225600),
        (datetime(2026, 1, 1, tzinfo=UTC), 1767225600),
        (datetime(2026, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC), 1767225600),
        (datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), 1767225600),
        (datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC), -1),
    ],
)
def test_a_moment_is_whole_epoch_seconds(since, seconds):
    """Moments are seconds or aware datetimes, whose fractions are dropped."""
    call = routes.get_account_notification_by_type(ACCOUNT, "a/b", since=since, until=since)
    assert call.target.endswith(f"?since={seconds}&until={seconds}")


def test_a_notification_is_sent_from_either_kind_of_object():
    """Our classes and any mapping make the same body, with unknown keys in it."""
    parts = {
        "notification_data": NotificationData(class_="recon", attackers=("203.0.113.9",)),
        "asset_data": AssetData(tags=({"env": "prod"},)),
        "payload": Payload(cid=1, threat="High", extra={"novel": [1, None]}),
        "attachments": (Attachment("a.png", url="https://f.example/a"), {"name": "b", "x": 1}),
    }
    wire = {
        "type": "a/b",
        "notification_data": {"class": "recon", "attackers": ["203.0.113.9"]},
        "asset_data": {"tags": [{"env": "prod"}]},
        "payload": {"cid": 1, "threat": "High", "novel": [1, None]},
        "attachments": [{"name": "a.png", "url": "https://f.example/a"}, {"name": "b", "x": 1}],
    }
    assert body(routes.sent_notification(ACCOUNT, type="a/b", **parts)) == wire
    assert body(routes.sent_notification(ACCOUNT, **wire)) == wire
    frozen = {k: MappingProxyType(v) if isinstance(v, Mapping) else v for k, v in wire.items()}
    frozen["payload"] = MappingProxyType({**wire["payload"], "novel": (1, None)})
    assert body(routes.sent_notification(ACCOUNT, **frozen)) == wire


def test_a_notification_that_was_read_can_be_sent():
    """What one answer holds can go into the next request, with all that it held."""
    row = answered(routes.get_notification("N1"), {"payload": {"cid": "1", "novel": {"a": []}}})
    call = routes.sent_notification(ACCOUNT, **SEND | {"payload": row.payload})
    assert body(call)["payload"] == {"cid": "1", "novel": {"a": []}}


def test_a_subscription_is_created_with_what_is_given():
    """What is `None` is left to the server."""
    assert body(routes.create_subscription(ACCOUNT, **CREATE)) == {
        "name": "N",
        "class": "event",
        "notification_type": "incidents/alerts",
    }
    call = routes.create_subscription(
        ACCOUNT,
        **CREATE,
        external_id="X",
        subscribers=[Subscriber("U1", "user"), {"subscriber": "C1", "subscriber_type": "novel"}],
        active=False,
        options=SubscriptionOptions(include_attachments=True, extra={"novel": 1}),
        filters={"=": [{"source": "notification.schedule_id"}, "F1"]},
        template="novel_template",
        suppression_interval=0,
    )
    assert body(call) == {
        "name": "N",
        "class": "event",
        "notification_type": "incidents/alerts",
        "external_id": "X",
        "subscribers": [
            {"subscriber": "U1", "subscriber_type": "user"},
            {"subscriber": "C1", "subscriber_type": "novel"},
        ],
        "active": False,
        "options": {"include_attachments": True, "novel": 1},
        "filters": {"=": [{"source": "notification.schedule_id"}, "F1"]},
        "template": "novel_template",
        "suppression_interval": 0,
    }


def test_an_update_says_only_what_is_given():
    """`None` is sent as null, and what is not given is not sent."""
    call = routes.update_subscription(
        ACCOUNT, "U1", external_id=None, active=True, name=NotGiven.NOT_GIVEN
    )
    assert body(call) == {"external_id": None, "active": True}
    call = routes.update_subscription(ACCOUNT, "U1", name="N", options={"email_subject": False})
    assert body(call) == {"name": "N", "options": {"email_subject": False}}
    assert repr(NotGiven.NOT_GIVEN) == "NOT_GIVEN"


def test_an_empty_update_is_refused():
    """An update that changes nothing is refused, and the error lists what it may change."""
    field, rule = refusal(routes.update_subscription, ACCOUNT, "U1")
    assert field == "changes"
    assert rule == (
        "needs one or more of: name, notification_type, external_id, active, options, filters, "
        "template, suppression_interval"
    )


def test_a_new_subscriber_repeats_the_path():
    """The body has all four documented keys, as texts."""
    call = routes.add_subscriber(ACCOUNT, "U1", subscriber="S1", subscriber_type="connection")
    assert body(call) == {
        "subscriber": "S1",
        "subscriber_type": "connection",
        "account_id": ACCOUNT,
        "subscription_id": "U1",
    }


def test_batches_are_objects():
    """The bodies of batches are objects, not the bare lists of the documents' examples."""
    call = routes.batch_delete_subscriptions(ACCOUNT, ("U1", "U2"))
    assert body(call) == {"ids": ["U1", "U2"]}
    steps = [
        SubscriberUpdate("S1", "user", "add"),
        {"subscriber": "S2", "subscriber_type": "novel", "action": "delete", "extra": 1},
    ]
    assert body(routes.batch_update_subscribers(ACCOUNT, "U1", steps)) == {
        "subscribers": [
            {"subscriber": "S1", "subscriber_type": "user", "action": "add"},
            {"subscriber": "S2", "subscriber_type": "novel", "action": "delete", "extra": 1},
        ]
    }


def test_a_test_of_an_integration_takes_secrets():
    """A credential of the target may be a `Secret`, and is in no representation of the call."""
    call = _undocumented_routes.test_integration(
        ACCOUNT, "jira", {"email": "a@example.com", "api_token": Secret("planted-secret")}
    )
    assert body(call) == {"email": "a@example.com", "api_token": "planted-secret"}
    assert "planted-secret" not in repr(call)


# What is refused


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("", "must not be empty"),
        (".", "must not be '.': it would address another resource"),
        ("..", "must not be '..': it would address another resource"),
        ("a/../b", "must not be 'a/../b': it would address another resource"),
        ("a\\..", r"must not be 'a\\..': it would address another resource"),
        (None, "must be a text, not NoneType"),
        (12345678, "must be a text, not int"),
        ("\ud800", "must not hold half of a surrogate pair"),
    ],
)
def test_a_path_value_that_cannot_be_one_is_refused(value, rule):
    """No value may be missing from a path, or lead out of it."""
    for function, field in [
        (routes.get_notification, "notification_id"),
        (routes.get_account_subscriptions, "account_id"),
        (lambda x: routes.get_account_notification(ACCOUNT, x), "notification_id"),
        (lambda x: routes.delete_subscription(ACCOUNT, x), "subscription_id"),
        (lambda x: routes.get_sent_incident_notifications(ACCOUNT, x), "long_incident_id"),
        (lambda x: routes.get_account_integration(ACCOUNT, x), "id"),
        (lambda x: routes.remove_subscriber(ACCOUNT, "U1", subscriber=x, subscriber_type="user"),
         "subscriber"),
        (lambda x: routes.remove_subscriber(ACCOUNT, "U1", subscriber="S1", subscriber_type=x),
         "subscriber_type"),
    ]:  # fmt: skip
        assert refusal(function, value) == (field, rule)


@pytest.mark.parametrize("value", NOT_A_TYPE, ids=repr)
def test_what_is_no_notification_type_is_refused(value):
    """A type has two parts, and neither leads out of the path or to another operation."""
    for function, field in [
        (lambda x: routes.get_account_notification_by_type(ACCOUNT, x), "type"),
        (lambda x: routes.sent_notification(ACCOUNT, **SEND | {"type": x}), "type"),
        (lambda x: routes.create_subscription(ACCOUNT, **CREATE | {"notification_type": x}),
         "notification_type"),
        (_undocumented_routes.delete_notification_type, "notification_type"),
        (lambda x: _undocumented_routes.create_notification_type({"notification_type": x}),
         "notification_type.notification_type"),
    ]:  # fmt: skip
        assert refusal(function, value)[0] == field


def test_the_rule_of_a_notification_type_is_told():
    """The error shows what a type looks like."""
    rule = (
        "must be two parts with one slash between, such as incidents/alerts, and without control "
        "characters, not 'incidents'"
    )
    found = refusal(routes.get_account_notification_by_type, ACCOUNT, "incidents")
    assert found == ("type", rule)
    assert refusal(routes.get_account_notification_by_type, ACCOUNT, "../alerts") == (
        "type",
        "must not have . or .. for a part, not '../alerts'",
    )


@pytest.mark.parametrize("value", [-1, 10081, True, False, 1.0, "5", None])
def test_a_suppression_interval_is_minutes_of_a_week(value):
    """Only an integer from 0 to 10080 is one."""
    rule = f"must be an integer from 0 to 10080 (minutes), not {value!r}"
    update = {"suppression_interval": value}
    if value is None:
        assert body(routes.update_subscription(ACCOUNT, "U1", **update)) == update
        return
    expected = ("suppression_interval", rule)
    assert refusal(routes.update_subscription, ACCOUNT, "U1", **update) == expected
    assert refusal(routes.create_subscription, ACCOUNT, **CREATE, **update) == expected


@pytest.mark.parametrize("value", [0, 10080])
def test_the_ends_of_a_suppression_interval_are_in_it(value):
    """The limits themselves are allowed."""
    call = routes.update_subscription(ACCOUNT, "U1", suppression_interval=value)
    assert body(call) == {"suppression_interval": value}


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (datetime(2026, 1, 1), "must have a time zone: a naive datetime names no moment"),  # noqa: DTZ001 - the point
        (True, "must be epoch seconds or an aware datetime, not bool"),
        ("10 nov 2019", "must be epoch seconds or an aware datetime, not str"),
        (1767225600000, "must be epoch seconds, not 1767225600000"),
        (-1, "must be epoch seconds, not -1"),
        (math.nan, "must be epoch seconds, not nan"),
        (math.inf, "must be epoch seconds, not inf"),
    ],
)
def test_what_is_no_moment_is_refused(value, rule):
    """A naive datetime, a text, milliseconds and what is no number are refused."""
    for field in ("since", "until"):
        found = refusal(routes.get_account_notification_by_type, ACCOUNT, "a/b", **{field: value})
        assert found == (field, rule)


@pytest.mark.parametrize(
    ("function", "kwargs", "field", "rule"),
    [
        (routes.get_account_notification_by_type, {"type": "a/b", "limit": True}, "limit",
         "must be an integer, not bool"),
        (routes.get_account_notification_by_type, {"type": "a/b", "limit": "5"}, "limit",
         "must be an integer, not str"),
        (routes.get_account_notification_by_type, {"type": "a/b", "limit": 0}, "limit",
         "must be 1 or more, not 0"),
        (routes.get_account_notification_by_type, {"type": "a/b", "sort": "up"}, "sort",
         "must be one of desc, asc, not 'up'"),
        (routes.get_account_notification_by_type, {"type": "a/b", "continuation_id": ""},
         "continuation_id", "must not be empty"),
        (routes.get_account_notification_by_type, {"type": "a/b", "sort": 1}, "sort",
         "must be a text, not int"),
        (routes.get_account_subscriptions, {"include_subscribers": "true"}, "include_subscribers",
         "must be a bool, not str"),
        (routes.get_account_subscriptions, {"class_": ""}, "class_", "must not be empty"),
        (routes.sent_notification, SEND | {"payload": None}, "payload",
         "must be a mapping, not NoneType"),
        (routes.sent_notification, SEND | {"asset_data": []}, "asset_data",
         "must be a mapping, not list"),
        (routes.sent_notification, SEND | {"attachments": {}}, "attachments",
         "must be a list, not dict"),
        (routes.sent_notification, SEND | {"attachments": ["a"]}, "attachments[0]",
         "must be a mapping, not str"),
        (routes.sent_notification, SEND | {"payload": {"a": [1, {"b": float("nan")}]}},
         "payload.a[1].b", "must be a number that JSON has, not nan"),
        (routes.sent_notification, SEND | {"payload": {"a": {1, 2}}}, "payload.a",
         "must be JSON, not set"),
        (routes.sent_notification, SEND | {"payload": {"a": b"x"}}, "payload.a",
         "must be JSON, not bytes"),
        (routes.sent_notification, SEND | {"payload": {"a": Secret("x")}}, "payload.a",
         "must be JSON, not Secret"),
        (routes.sent_notification, SEND | {"payload": {"a": {1: 2}}}, "payload.a",
         "must have texts for keys, not 1"),
        (routes.sent_notification, SEND | {"payload": {"a": "\ud800"}}, "payload.a",
         "must not hold half of a surrogate pair"),
        (routes.sent_notification, SEND | {"payload": Payload(cid=float("inf"))}, "payload.cid",
         "must be a number that JSON has, not inf"),
        (routes.create_subscription, CREATE | {"name": None}, "name",
         "must be a text, not NoneType"),
        (routes.create_subscription, CREATE | {"name": ""}, "name", "must not be empty"),
        (routes.create_subscription, CREATE | {"class_": None}, "class_",
         "must be a text, not NoneType"),
        (routes.create_subscription, CREATE | {"active": "true"}, "active",
         "must be a bool, not str"),
        (routes.create_subscription, CREATE | {"options": "x"}, "options",
         "must be a mapping, not str"),
        (routes.create_subscription, CREATE | {"subscribers": "U1"}, "subscribers",
         "must be a list, not str"),
        (routes.create_subscription, CREATE | {"subscribers": [{"subscriber": "U1"}]},
         "subscribers[0].subscriber_type", "is needed"),
        (routes.create_subscription, CREATE | {"subscribers": [Subscriber(subscriber_type="user")]},
         "subscribers[0].subscriber", "is needed"),
        (routes.add_subscriber, {"subscription_id": "U1", "subscriber": "", "subscriber_type": "x"},
         "subscriber", "must not be empty"),
        (routes.batch_delete_subscriptions, {"ids": []}, "ids", "must not be empty"),
        (routes.batch_delete_subscriptions, {"ids": "U1"}, "ids", "must be a list, not str"),
        (routes.batch_delete_subscriptions, {"ids": ["U1", ""]}, "ids[1]", "must not be empty"),
        (routes.batch_delete_subscriptions, {"ids": [5]}, "ids[0]", "must be a text, not int"),
        (routes.batch_update_subscribers,
         {"subscription_id": "U1", "subscribers": [{"subscriber": "S", "subscriber_type": "user"}]},
         "subscribers[0].action", "is needed"),
        (routes.batch_update_subscribers,
         {"subscription_id": "U1", "subscribers": [SubscriberUpdate("S1", "user", "remove")]},
         "subscribers[0].action", "must be one of add, delete, not 'remove'"),
        (routes.batch_update_subscribers, {"subscription_id": "U1", "subscribers": {}},
         "subscribers", "must be a list, not dict"),
        (_undocumented_routes.test_integration, {"kind": "../x", "body": {}}, "kind",
         "may hold a-z and _ only, not '../x'"),
        (_undocumented_routes.test_integration, {"kind": "webhook", "body": []}, "body",
         "must be a mapping, not list"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_its_field(function, kwargs, field, rule):
    """What breaks a rule is refused before anything is sent, by its field and the rule."""
    assert refusal(function, ACCOUNT, **kwargs) == (field, rule)


def test_what_holds_itself_is_refused():
    """An object without an end cannot be sent."""
    payload = {}
    payload["self"] = payload
    found = refusal(routes.sent_notification, ACCOUNT, **SEND | {"payload": payload})
    assert found == ("payload", "must not be nested without end")


def test_a_refusal_of_a_test_shows_no_credential():
    """What is refused in a test of an integration is told without the rest of its body."""
    with pytest.raises(InputError) as caught:
        _undocumented_routes.test_integration(ACCOUNT, "jira", {"api_token": "planted", "x": {1}})
    assert "planted" not in repr(caught.value)


# Answers


@pytest.mark.parametrize(
    ("call", "value", "expected"),
    [
        (routes.get_notification("N1"), {"id": "N1"}, Notification("N1")),
        (routes.get_account_notification(ACCOUNT, "N1"), {"id": "N1"}, Notification("N1")),
        (routes.sent_notification(ACCOUNT, **SEND), {"id": "N1"}, Notification("N1")),
        (routes.get_sent_incident_notifications(ACCOUNT, "L1"),
         {"notifications": [{"id": "S1"}]}, [SentNotification("S1")]),
        (routes.get_account_subscriptions(ACCOUNT),
         {"subscriptions": [{"id": "U1"}], "novel": 1}, [Subscription("U1")]),
        (routes.get_account_subscriptions(ACCOUNT), {"subscriptions": None}, []),
        (routes.get_account_subscriptions(ACCOUNT), {}, []),
        (routes.get_account_subscription(ACCOUNT, "U1"), {"id": "U1"}, Subscription("U1")),
        (routes.update_subscription(ACCOUNT, "U1", active=True), {"active": True},
         Subscription(active=True)),
        (routes.get_account_subscription_subscribers(ACCOUNT, "U1"),
         {"subscribers": [{"subscriber": "S1"}]}, [Subscriber("S1")]),
        (routes.add_subscriber(ACCOUNT, "U1", subscriber="S1", subscriber_type="user"),
         {"subscriber": "S1"}, Subscriber("S1")),
        (routes.get_notification_types(), {"notification_types": [{"name": "T"}]},
         [NotificationType(name="T")]),
        (routes.get_account_integration(ACCOUNT, "I1"), {"id": "I1"}, Integration("I1")),
        (routes.get_account_integrations(ACCOUNT), {"integrations": [{"id": "I1"}]},
         [Integration("I1")]),
        (routes.get_integration_types(), {"integration_types": [{"name": "webhook"}]},
         [IntegrationType("webhook")]),
        (routes.delete_subscription(ACCOUNT, "U1"), b"", None),
        (routes.batch_delete_subscriptions(ACCOUNT, ["U1"]), b"", None),
        (_undocumented_routes.create_notification_type({"notification_type": "a/b"}),
         {"name": "T"}, NotificationType(name="T")),
        (_undocumented_routes.test_integration(ACCOUNT, "webhook", {}),
         {"rawbody": "ok", "code": 200}, IntegrationTestResult("ok", 200)),
        (_undocumented_routes.test_integration(ACCOUNT, "webhook", {}),
         {"response": {"rawbody": "ok", "code": 200}}, IntegrationTestResult("ok", 200)),
    ],
)  # fmt: skip
def test_an_answer_is_read_as_what_it_is(call, value, expected):
    """Objects come as they are, and lists out of their envelopes."""
    assert answered(call, value) == expected


def test_a_created_subscription_tells_who_was_refused():
    """Subscribers that failed may be told beside the subscription that was created."""
    failed = {"subscriber": "S1", "error": "not_found", "details": "no such user"}
    row = answered(
        routes.create_subscription(ACCOUNT, **CREATE), {"id": "U1", "subscribers_failed": [failed]}
    )
    assert row.subscribers_failed == (
        FailedSubscriber("S1", error="not_found", details=("no such user",)),
    )


N1, N2 = {"id": "N1"}, {"id": "N2", "feature": "incidents"}


@pytest.mark.parametrize(
    ("value", "page"),
    [
        ({"notifications": [N1, N2], "total_count": 2, "continuation_id": "x+/="},
         Page((Notification("N1"), Notification("N2")), "x+/=", 2)),
        ({"notifications": [N1], "continuation_id": ""}, Page((Notification("N1"),))),
        ({"notifications": [N1], "continuation_id": 5}, Page((Notification("N1"),), "5")),
        ({"notifications": [], "continuation_id": None}, Page()),
        ({"notifications": None, "continuation_id": "x"}, Page((), "x")),
        ({"notifications": [], "id": "N1"}, Page()),
        ([N1], Page((Notification("N1"),))),
        ([], Page()),
        (N1, Page((Notification("N1"),))),
        ({"type": "a/b"}, Page((Notification(type="a/b"),))),
        ({}, Page()),
        (None, Page()),
    ],
)  # fmt: skip
def test_a_page_comes_in_four_shapes(value, page):
    """The envelope, a bare list, a single notification and nothing are all pages."""
    found = answered(routes.get_account_notification_by_type(ACCOUNT, "a/b"), value)
    assert found == page
    assert found.raw == value
    assert all(isinstance(item, Notification) for item in found.items)


def test_no_content_is_an_empty_page():
    """A 204 has nothing to list."""
    call = routes.get_account_notification_by_type(ACCOUNT, "a/b")
    assert answered(call, b"", status=204) == Page()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x", "expected a page of notifications @ $"),
        (5, "expected a page of notifications @ $"),
        ({"novel": 1}, "expected a page of notifications @ $"),
        ({"notifications": "x"}, "expected a page of notifications @ $"),
        ([1], "expected an object, got an integer @ $[0]"),
        ({"notifications": [{}, {"status": 1}]},
         "expected a string, got an integer @ $.notifications[1].status"),
        ({"notifications": [], "total_count": "x"},
         "expected a number, got a string @ $.total_count"),
        (b"", "the answer is not JSON"),
    ],
)  # fmt: skip
def test_what_is_no_page_is_refused(value, message):
    """Any other shape is a decode error, not an empty page."""
    with pytest.raises(DecodeError) as caught:
        answered(routes.get_account_notification_by_type(ACCOUNT, "a/b"), value)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("call", "value", "message"),
    [
        (routes.get_account_subscriptions(ACCOUNT), [],
         "expected an object with subscriptions @ $"),
        (routes.get_account_subscriptions(ACCOUNT), {"subscriptions": {}},
         "expected a list, got an object @ $.subscriptions"),
        (routes.get_account_subscriptions(ACCOUNT), {"subscriptions": [{}, {"active": 5}]},
         "expected a boolean, got an integer @ $.subscriptions[1].active"),
        (_undocumented_routes.test_integration(ACCOUNT, "webhook", {}), [],
         "expected an object @ $"),
        (_undocumented_routes.test_integration(ACCOUNT, "webhook", {}),
         {"response": {"rawbody": 1}},
         "expected a string, got an integer @ $.response.rawbody"),
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_refused_with_its_path(call, value, message):
    """The path leads from the whole answer, envelope included."""
    with pytest.raises(DecodeError) as caught:
        answered(call, value)
    assert str(caught.value) == message


def test_calls_are_values():
    """Building a call twice makes the same bytes."""
    first, second = (routes.create_subscription(ACCOUNT, **CREATE) for _ in range(2))
    assert attrs.evolve(first, decode=None) == attrs.evolve(second, decode=None)


def test_a_moment_as_an_answer_has_it_can_be_asked_for():
    """`created.at` may have a fraction; the route takes whole seconds."""
    call = routes.get_account_notification_by_type(ACCOUNT, "a/b", since=1767225600.75)
    assert call.target.endswith("?since=1767225600")
