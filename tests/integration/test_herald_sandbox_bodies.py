"""What the sandbox's Herald takes in bodies and queries, and how it refuses the rest."""

import json

import pytest
from herald_login import logged_in

from airview_herald.sandbox import Sandbox

A = "/herald/v2/12345678"
ID = "95C40F2D"
S = f"{A}/subscriptions/{ID}"
TYPES = "/herald/v2/notification_types"
NOTIFICATION = {"type": "a/b", "notification_data": {}, "asset_data": {}, "payload": {}}
SUBSCRIPTION = {"name": "n", "class": "event", "notification_type": "a/b"}
USER = {"subscriber": "U", "subscriber_type": "user"}
HOOK = {"subscriber": "H", "subscriber_type": "connection"}
SUBSCRIBER = {**USER, "account_id": "12345678", "subscription_id": ID}
TYPE = {"notification_type": "c/d", "name": "N", "default_template": "T", "templates": []}
WEBHOOK = {"url": "https://h.example.com", "method": "POST"}
BODIES = [
    ("POST", f"{A}/notifications", NOTIFICATION),
    ("POST", f"{A}/subscriptions", SUBSCRIPTION),
    ("POST", S, {"active": False}),
    ("POST", f"{A}/subscriptions/batch/delete", {"ids": [ID]}),
    ("POST", f"{S}/subscribers", SUBSCRIBER),
    ("POST", f"{S}/subscribers/batch/update", {"subscribers": [{**USER, "action": "add"}]}),
    ("POST", TYPES, TYPE),
    ("PUT", f"{TYPES}/a/b", {**TYPE, "notification_type": "a/b"}),
    ("POST", f"{A}/webhook/test", WEBHOOK),
]
PATHS = [f"{method} {path}" for method, path, _ in BODIES]


@pytest.fixture
def sandbox():
    """A sandbox with a subscription and a notification type."""
    with Sandbox() as sandbox:
        sandbox.herald.add_subscription({**SUBSCRIPTION, "id": ID, "name": "before"})
        sandbox.herald.add_notification_types([{**TYPE, "notification_type": "a/b"}])
        yield sandbox


@pytest.fixture
def client(sandbox):
    """A client that is logged in."""
    with logged_in(sandbox) as client:
        yield client


def validated(answer):
    """Return error, details and path of a 400 that has nothing else."""
    assert answer.status_code == 400
    body = answer.json()
    assert set(body) <= {"error", "details", "path"}
    return body["error"], body.get("details"), body.get("path")


@pytest.mark.parametrize(("method", "path", "body"), BODIES, ids=PATHS)
def test_good_bodies_are_taken(client, method, path, body):
    """Each body that the next tests break is good as it is, and with keys nobody knows."""
    for one in (body, {**body, "unknown": {"x": None}}):
        status = client.request(method, path, json=one).status_code
        assert status < 300 or (status in {400, 404, 409} and one is not body)


@pytest.mark.parametrize(("method", "path"), [one[:2] for one in BODIES], ids=PATHS)
@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b'{"a":NaN}', b'{"a":Infinity}', b"[" * 100_000]
)
def test_what_is_not_json(client, method, path, content):
    """It is `invalid_json`, on every route with a body."""
    answer = client.request(method, path, content=content)
    assert validated(answer) == ("invalid_json", None, None)


@pytest.mark.parametrize(("method", "path"), [one[:2] for one in BODIES], ids=PATHS)
@pytest.mark.parametrize("body", [[], "x", 1, None])
def test_what_is_no_object(client, method, path, body):
    """It is `wrong_type` at the root, or a fault of the schema in what is sent."""
    answer = client.request(method, path, content=json.dumps(body))
    sends = path == f"{A}/notifications"
    assert validated(answer) == (
        ("invalid_json_schema", None, None) if sends else ("wrong_type", None, "")
    )


@pytest.mark.parametrize(("method", "path", "body"), BODIES, ids=PATHS)
def test_what_is_too_long(client, method, path, body):
    """A body over a megabyte is 413, with nothing said; up to that it is read."""
    text = json.dumps(body).encode()
    limit = 1024 * 1024
    answer = client.request(method, path, content=text.ljust(limit + 1))
    assert (answer.status_code, answer.content) == (413, b"")
    assert client.request(method, path, content=text.ljust(limit)).status_code < 300


@pytest.mark.parametrize(
    ("path", "body", "key", "where"),
    [
        *((f"{A}/subscriptions", SUBSCRIPTION, key, None) for key in SUBSCRIPTION),
        (f"{A}/subscriptions/batch/delete", {"ids": []}, "ids", None),
        *((f"{S}/subscribers", SUBSCRIBER, key, None) for key in SUBSCRIBER),
        (f"{S}/subscribers/batch/update", {"subscribers": []}, "subscribers", None),
        *((TYPES, TYPE, key, None) for key in TYPE),
        *((f"{A}/webhook/test", WEBHOOK, key, None) for key in WEBHOOK),
    ],
)
def test_a_missing_key_is_named(client, path, body, key, where):
    """The error says which key is missing."""
    answer = client.post(path, json={name: body[name] for name in body if name != key})
    assert validated(answer) == ("missing_required_property", key, where)


@pytest.mark.parametrize("key", ["subscriber", "subscriber_type", "action"])
def test_a_missing_key_of_an_item_is_placed(client, key):
    """In a list the path names the list, and leaves the position out."""
    item = {**USER, "action": "add"}
    del item[key]
    body = {"subscribers": [{**USER, "action": "add"}, item]}
    answer = client.post(f"{S}/subscribers/batch/update", json=body)
    assert validated(answer) == ("missing_required_property", key, "subscribers.")


def test_a_schedule_needs_its_external_id(client):
    """A subscription of this class belongs to something outside."""
    answer = client.post(f"{A}/subscriptions", json={**SUBSCRIPTION, "class": "schedule"})
    assert validated(answer) == ("missing_required_property", "external_id", None)


WRONG = [
    *(("name", value, "name") for value in (1, None, ["n"], "\0", "\ud800")),
    *(
        ("notification_type", value, "notification_type")
        for value in ("a", "a/", "/b", "a/b/c", "a//b", "a/b\n", "a/\x7f", "", 1, None)
    ),
    ("external_id", 1, "external_id"),
    *(("active", value, "active") for value in ("true", 1, None)),
    *(("options", value, "options") for value in ([], "x", None)),
    ("options", {"include_attachments": "true"}, "options.include_attachments"),
    ("options", {"email_subject": True}, "options.email_subject"),
    ("options", {"email_subject": 0}, "options.email_subject"),
    ("filters", [], "filters"),
    *(("template", value, "template") for value in ("x", None, ["incidents_template"])),
    *(
        ("suppression_interval", value, "suppression_interval")
        for value in (-1, 10_081, 1.5, True, "5", None)
    ),
]


@pytest.mark.parametrize("path", [f"{A}/subscriptions", S])
@pytest.mark.parametrize(("key", "value", "where"), WRONG)
def test_a_wrong_value_is_placed(sandbox, client, path, key, value, where):
    """Type, enumeration, pattern or range: the error names the path, and nothing is stored."""
    before = sandbox.snapshot()["subscription"]
    answer = client.post(path, content=json.dumps({**SUBSCRIPTION, key: value}))
    assert validated(answer) == ("wrong_type", None, where)
    assert sandbox.snapshot()["subscription"] == before


@pytest.mark.parametrize(
    "changes",
    [
        *({"suppression_interval": value} for value in (0, 10_080)),
        *({"options": {"email_subject": value}} for value in ("x", False)),
        *(
            {"template": value}
            for value in (
                *("log_review_created", "fim_report_template", "scheduled_report_template"),
                *("observation_template", "incidents_template"),
            )
        ),
        {"filters": {"\0": "\ud800"}},
        {},
    ],
)
def test_limits_are_inclusive(client, changes):
    """What the contract allows is taken, at its edges too, and comes back."""
    created = client.post(f"{A}/subscriptions", content=json.dumps({**SUBSCRIPTION, **changes}))
    assert created.status_code == 201
    assert created.json() | changes == created.json()
    updated = client.post(S, content=json.dumps(changes))
    assert updated.status_code == 200
    assert updated.json() | changes == updated.json()


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        (f"{A}/subscriptions", {**SUBSCRIPTION, "class": 1}, "class"),
        (f"{A}/subscriptions", {**SUBSCRIPTION, "subscribers": {}}, "subscribers"),
        (f"{A}/subscriptions", {**SUBSCRIPTION, "subscribers": ["U"]}, "subscribers."),
        (
            *(f"{A}/subscriptions", {**SUBSCRIPTION, "subscribers": [{**USER, "subscriber": 1}]}),
            "subscribers..subscriber",
        ),
        (
            f"{A}/subscriptions",
            {**SUBSCRIPTION, "subscribers": [{**USER, "subscriber_type": "webhook"}]},
            "subscribers..subscriber_type",
        ),
        (f"{A}/subscriptions/batch/delete", {"ids": []}, "ids"),
        (f"{A}/subscriptions/batch/delete", {"ids": "x"}, "ids"),
        (f"{A}/subscriptions/batch/delete", {"ids": [1]}, "ids."),
        (f"{S}/subscribers", {**SUBSCRIBER, "subscriber_type": "all"}, "subscriber_type"),
        (f"{S}/subscribers", {**SUBSCRIBER, "account_id": 12345678}, "account_id"),
        (f"{S}/subscribers", {**SUBSCRIBER, "account_id": "1"}, "account_id"),
        (f"{S}/subscribers", {**SUBSCRIBER, "subscription_id": "x"}, "subscription_id"),
        (
            *(f"{S}/subscribers/batch/update", {"subscribers": [{**USER, "action": "keep"}]}),
            "subscribers..action",
        ),
        (TYPES, {**TYPE, "templates": [1]}, "templates."),
        (TYPES, {**TYPE, "notification_type": "c"}, "notification_type"),
        (f"{A}/webhook/test", {**WEBHOOK, "url": None}, "url"),
    ],
)
def test_other_wrong_values_are_placed(client, path, body, where):
    """So it is on every route with a body, positions in lists left out."""
    assert validated(client.post(path, json=body)) == ("wrong_type", None, where)


def test_the_type_in_the_path_counts(client):
    """A notification type is not renamed."""
    answer = client.put(f"{TYPES}/a/b", json=TYPE)
    assert validated(answer) == ("wrong_type", None, "notification_type")


@pytest.mark.parametrize(
    "changes",
    [
        *({key: None} for key in NOTIFICATION),
        *({key: []} for key in NOTIFICATION),
        *({"type": value} for value in ("a", "a/b/c", "a/b\n", "a%2Fb")),
        *({"attachments": value} for value in ({}, ["x"], [{"name": 1}], None)),
        *({key: ...} for key in NOTIFICATION),
    ],
)
def test_faults_of_what_is_sent_are_one(sandbox, client, changes):
    """Whatever is wrong with a notification has one code; nothing is stored."""
    body = {key: value for key, value in {**NOTIFICATION, **changes}.items() if value is not ...}
    answer = client.post(f"{A}/notifications", json=body)
    assert validated(answer) == ("invalid_json_schema", None, None)
    assert sandbox.snapshot()["notification"] == []


@pytest.mark.parametrize("value", ["1", "True", "yes", "", "%22true%22"])
@pytest.mark.parametrize("path", [f"{A}/subscriptions", S])
def test_booleans_of_queries(client, path, value):
    """They are `true` and `false`, in lower case."""
    answer = client.get(f"{path}?include_subscribers={value}")
    assert validated(answer) == ("invalid_search_parameters", None, None)


def test_no_value_of_a_query_breaks_it(client):
    """What no column holds is no search."""
    answer = client.get(f"{A}/subscriptions?class=%00")
    assert validated(answer) == ("invalid_search_parameters", None, None)
    assert client.get(f"{A}/subscriptions?class=%FF&x=%FE").json() == {"subscriptions": []}


def failed(subscriber, error):
    """Return what is said of a subscriber that cannot be added."""
    return {"subscribers_failed": [{**subscriber, "error": error}]}


def test_unknown_subscribers(sandbox, client):
    """In a list they are 400 by name and nothing of it is applied; alone they are 404."""
    sandbox.herald.refuse_subscriber("U")
    before = sandbox.snapshot()
    answer = client.post(f"{A}/subscriptions", json={**SUBSCRIPTION, "subscribers": [HOOK, USER]})
    assert (answer.status_code, answer.json()) == (400, failed(USER, "not_found"))
    changes = [{**HOOK, "action": "add"}, {**USER, "action": "add"}]
    answer = client.post(f"{S}/subscribers/batch/update", json={"subscribers": changes})
    assert (answer.status_code, answer.json()) == (400, failed(USER, "not_found"))
    answer = client.post(f"{S}/subscribers", json=SUBSCRIBER)
    assert (answer.status_code, answer.content) == (404, b"")
    assert sandbox.snapshot() == before


def test_forbidden_subscribers(sandbox, client):
    """They are 403 in the same way, after those that nobody knows."""
    sandbox.herald.refuse_subscriber("H", forbidden=True)
    before = sandbox.snapshot()
    both = {"subscribers": [HOOK, USER]}
    answer = client.post(f"{A}/subscriptions", json={**SUBSCRIPTION, **both})
    assert (answer.status_code, answer.json()) == (403, failed(HOOK, "forbidden"))
    changes = [{**HOOK, "action": "add"}, {**USER, "action": "add"}]
    answer = client.post(f"{S}/subscribers/batch/update", json={"subscribers": changes})
    assert (answer.status_code, answer.json()) == (403, failed(HOOK, "forbidden"))
    answer = client.post(f"{S}/subscribers", json={**SUBSCRIBER, **HOOK})
    assert (answer.status_code, answer.content) == (403, b"")
    assert sandbox.snapshot() == before
    sandbox.herald.refuse_subscriber("U")
    answer = client.post(f"{A}/subscriptions", json={**SUBSCRIPTION, **both})
    assert answer.json() == failed(USER, "not_found")


def test_refused_subscribers_can_go(sandbox, client):
    """Only adding is refused."""
    assert client.post(f"{S}/subscribers", json=SUBSCRIBER).status_code == 201
    sandbox.herald.refuse_subscriber("U")
    changes = {"subscribers": [{**USER, "action": "delete"}]}
    assert client.post(f"{S}/subscribers/batch/update", json=changes).status_code == 204
    assert sandbox.snapshot()["subscriber"] == []


def test_a_subscriber_twice_in_a_list_is_one(sandbox, client):
    """A new subscription has each of its subscribers once."""
    client.post(f"{A}/subscriptions", json={**SUBSCRIPTION, "subscribers": [USER, HOOK, USER]})
    assert [row["subscriber"] for row in sandbox.snapshot()["subscriber"]] == ["U", "H"]
