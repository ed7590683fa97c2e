"""A walk along every route of Herald's contract: method, path and body to status and body.

Each step meets the same rows: the walk does not depend on its order.
"""

import pytest
from herald_login import logged_in

from airview_herald.sandbox import Sandbox

AT = 1_767_225_600
USER = Sandbox().herald.user_id
STAMP = {"at": AT, "by": USER}
A = "/herald/v2/12345678"
KNOWN = {
    "id": "3B1F7C10-9D0C-4B7A-8E51-6A0F6E3C2D01",
    "account_id": "12345678",
    "type": "incidents/alerts",
    "notification_data": {"class": "web_attack_recon", "attackers": ["203.0.113.9"]},
    "asset_data": {"tags": [{"env": "prod"}], "tag_keys": [{"env": "env"}]},
    "payload": {"cid": 12345678, "long_incident_id": "a1b2c3d4e5f60718", "threat": "Medium"},
    "attachments": [{"name": "chart.png", "url": "https://files.example.com/chart.png"}],
    "status": "published",
    "created": STAMP,
    "modified": STAMP,
    "message_id": "kept",
}
SENT = {
    "id": "7C1D3A52-11B0-4F0D-9C0E-2B7F6A5D4C03",
    "type": "incidents/alerts",
    "subkey": "incidents/medium",
    "subject": "Medium threat incident: SSH brute force",
    "statuses": [{"destination": "ops@example.com", "status": "SENT", "sent_at": AT + 10}],
    "integration_statuses": [{"type": "webhook", "status": "QUEUED"}],
}
MEMBER = {"subscriber": USER, "subscriber_type": "user"}
SUBSCRIPTION = {
    "id": "95C40F2D-59AA-485F-AE4B-A844D81A53C6",
    "account_id": "12345678",
    "name": "Critical incidents",
    "class": "event",
    "notification_type": "incidents/alerts",
    "active": True,
    "options": {"email_subject": "{{threat}} incident", "include_attachments": False},
    "filters": {"=": [{"source": "notification.escalated"}, True]},
    "created": STAMP,
}
SCHEDULE = {
    **SUBSCRIPTION,
    "id": "4C1D",
    "name": "Weekly report",
    "class": "schedule",
    "notification_type": "report/scheduled",
    "external_id": "8BBC2DE2-A331-1005-8001-0242AC110002",
}
TYPE = {
    "notification_type": "incidents/alerts",
    "name": "Incidents",
    "default_template": "Incidents Template",
    "templates": ["Incidents Template", "Log Review Escalated"],
    "default_email_subject": "{{threat}} incident (ID:{{incident_id}})",
}
INTEGRATION = {
    "id": "E313",
    "account_id": "12345678",
    "name": "My Webhook",
    "type": "webhook",
    "target_url": "https://www.example.com",
    "headers": {"X-Header": "HeaderValue"},
    "created": STAMP,
    "modified": STAMP,
}
NEW_NOTIFICATION = {
    name: KNOWN[name] for name in ("type", "notification_data", "asset_data", "payload")
}
NEW_SUBSCRIPTION = {
    "name": "Weekly report",
    "class": "schedule",
    "notification_type": "report/scheduled",
    "external_id": "8BBC2DE2",
    "subscribers": [MEMBER],
    "options": {"include_attachments": True, "webhook_payload": "kept"},
    "filters": {"=": [{"source": "notification.schedule_id"}, "F610"]},
    "template": "scheduled_report_template",
    "suppression_interval": 2400,
    "display_name": "kept",
}
S = f"{A}/subscriptions/{SUBSCRIPTION['id']}"
EVERYWHERE = {"account_id": "12345678", "subscription_id": SUBSCRIPTION["id"]}
OTHER = {"subscriber": "hook/1", "subscriber_type": "connection"}
EMPTY = b""


@pytest.fixture
def sandbox():
    """A sandbox with one row of each kind."""
    with Sandbox() as sandbox:
        herald = sandbox.herald
        herald.add_notifications([KNOWN])
        herald.add_sent_notifications("a1b2c3d4e5f60718", [SENT])
        herald.add_subscription({**SUBSCRIPTION, "modified": None, "subscribers": [MEMBER]})
        herald.add_subscription({**SCHEDULE, "modified": None})
        herald.add_notification_types([TYPE])
        herald.add_integrations([INTEGRATION])
        yield sandbox


@pytest.fixture
def client(sandbox):
    """A client that is logged in."""
    with logged_in(sandbox) as client:
        yield client


WALK = [
    ("GET", f"/herald/v2/notifications/{KNOWN['id']}", None, 200, KNOWN),
    ("GET", "/herald/v2/notifications/none", None, 404, EMPTY),
    ("GET", f"{A}/notifications/{KNOWN['id']}", None, 200, KNOWN),
    ("GET", f"{A}/notifications/none", None, 404, EMPTY),
    (
        *("GET", f"{A}/notifications/incidents/alerts", None, 200),
        {"notifications": [KNOWN], "total_count": 1},
    ),
    (
        *("GET", f"{A}/notifications/no/such", None, 200),
        {"notifications": [], "total_count": 0},
    ),
    (
        *("GET", f"{A}/notifications/type/incidents/alerts/a1b2c3d4e5f60718", None, 200),
        {"notifications": [SENT]},
    ),
    ("GET", f"{A}/notifications/type/incidents/alerts/none", None, 404, EMPTY),
    (
        "POST",
        f"{A}/notifications",
        NEW_NOTIFICATION,
        202,
        {**NEW_NOTIFICATION, "status": "created"},
    ),
    ("GET", f"{A}/subscriptions", None, 200, {"subscriptions": [SUBSCRIPTION, SCHEDULE]}),
    ("GET", f"{A}/subscriptions?class=event", None, 200, {"subscriptions": [SUBSCRIPTION]}),
    (
        *("GET", f"{A}/subscriptions?external_id={SCHEDULE['external_id']}", None, 200),
        {"subscriptions": [SCHEDULE]},
    ),
    (
        *("GET", f"{A}/subscriptions?notification_type=incidents%2Falerts", None, 200),
        {"subscriptions": [SUBSCRIPTION]},
    ),
    (
        *("GET", f"{A}/subscriptions?class=event&external_id=x", None, 200),
        {"subscriptions": []},
    ),
    ("GET", S, None, 200, SUBSCRIPTION),
    ("GET", f"{S}?include_subscribers=false", None, 200, SUBSCRIPTION),
    ("GET", f"{A}/subscriptions/none", None, 404, EMPTY),
    ("POST", f"{A}/subscriptions", NEW_SUBSCRIPTION, 201, {"active": True, "display_name": "kept"}),
    ("POST", S, {"active": False}, 200, {**SUBSCRIPTION, "active": False}),
    (
        *("POST", S, {"name": "New", "options": {"email_subject": False}}, 200),
        {**SUBSCRIPTION, "name": "New", "options": {"email_subject": False}},
    ),
    ("POST", S, {"class": "schedule", "subscribers": []}, 200, SUBSCRIPTION),
    ("POST", S, {"name": SUBSCRIPTION["name"]}, 200, SUBSCRIPTION),
    ("POST", S, {"name": SCHEDULE["name"]}, 409, EMPTY),
    ("POST", f"{A}/subscriptions/none", {"active": False}, 404, EMPTY),
    ("DELETE", S, None, 204, EMPTY),
    ("DELETE", f"{A}/subscriptions/none", None, 404, EMPTY),
    ("POST", f"{A}/subscriptions/batch/delete", {"ids": [SUBSCRIPTION["id"]]}, 204, EMPTY),
    (
        *("POST", f"{A}/subscriptions/batch/delete", {"ids": ["x", SUBSCRIPTION["id"], "y"]}, 400),
        {"error": "delete_failed", "unprocessed_items": ["x", "y"]},
    ),
    ("GET", f"{S}/subscribers", None, 200, None),
    ("GET", f"{A}/subscriptions/none/subscribers", None, 404, EMPTY),
    ("POST", f"{S}/subscribers", {**OTHER, **EVERYWHERE}, 201, {**OTHER, **EVERYWHERE}),
    ("POST", f"{S}/subscribers", {**MEMBER, **EVERYWHERE}, 409, EMPTY),
    ("POST", f"{A}/subscriptions/none/subscribers", {**OTHER, **EVERYWHERE}, 404, EMPTY),
    ("DELETE", f"{S}/subscribers/user/{USER}", None, 204, EMPTY),
    ("DELETE", f"{S}/subscribers/connection/{USER}", None, 404, EMPTY),
    ("DELETE", f"{A}/subscriptions/none/subscribers/user/{USER}", None, 404, EMPTY),
    (
        *("POST", f"{S}/subscribers/batch/update"),
        {"subscribers": [{**MEMBER, "action": "add"}, {**OTHER, "action": "delete"}]},
        *(204, EMPTY),
    ),
    ("POST", f"{A}/subscriptions/none/subscribers/batch/update", {"subscribers": []}, 404, EMPTY),
    ("GET", "/herald/v2/notification_types", None, 200, {"notification_types": [TYPE]}),
    (
        *("POST", "/herald/v2/notification_types", {**TYPE, "notification_type": "a/b"}, 201),
        {**TYPE, "notification_type": "a/b"},
    ),
    ("POST", "/herald/v2/notification_types", TYPE, 409, EMPTY),
    (
        *("PUT", "/herald/v2/notification_types/incidents/alerts", {**TYPE, "name": "New"}, 200),
        {**TYPE, "name": "New"},
    ),
    ("PUT", "/herald/v2/notification_types/no/such", TYPE, 404, EMPTY),
    ("DELETE", "/herald/v2/notification_types/incidents/alerts", None, 204, EMPTY),
    ("DELETE", "/herald/v2/notification_types/no/such", None, 404, EMPTY),
    ("GET", f"{A}/integrations", None, 200, {"integrations": [INTEGRATION]}),
    ("GET", f"{A}/integrations/E313", None, 200, INTEGRATION),
    ("GET", f"{A}/integrations/none", None, 404, EMPTY),
    (
        "GET",
        "/herald/v2/integration_types",
        None,
        200,
        {"integration_types": [{"name": "webhook"}]},
    ),
    (
        *("POST", f"{A}/webhook/test", {"url": "https://h.example.com", "method": "POST"}, 200),
        {"rawbody": "ok", "code": 200},
    ),
    ("POST", f"{A}/email/test", {"email": "ops@example.com"}, 200, {"rawbody": "ok", "code": 200}),
    (
        *("POST", f"{A}/jira/test"),
        dict.fromkeys(("email", "api_token", "reporter_id", "jira_domain", "project"), "x"),
        *(200, {"rawbody": "ok", "code": 200}),
    ),
    ("POST", f"{A}/pager/test", {}, 404, b"Not Found"),
    (
        *("GET", "/aims/v1/token_info", None, 200),
        {"entity_id": USER, "entity_type": "user", "requester_id": f"12345678:user:{USER}"},
    ),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "expected"),
    WALK,
    ids=[f"{method} {path} {status}" for method, path, _, status, _ in WALK],
)
def test_the_contract(client, method, path, body, status, expected):
    """Each request gets its status, and an object that has at least these keys."""
    answer = client.request(method, path, json=body)
    assert answer.status_code == status
    if isinstance(expected, bytes):
        assert answer.content == expected
    elif expected is not None:
        assert answer.headers["content-type"] == "application/json"
        got = answer.json()
        assert {name: got[name] for name in expected} == expected


def test_the_walk_is_exact_where_rows_are(client):
    """What a row holds is all that comes back of it."""
    for path, row in [
        (f"{A}/notifications/{KNOWN['id']}", KNOWN),
        (S, SUBSCRIPTION),
        (f"{A}/integrations/E313", INTEGRATION),
    ]:
        assert client.get(path).json() == row
    assert client.get(f"{A}/notifications/incidents/alerts").json() == {
        "notifications": [KNOWN],
        "total_count": 1,
    }


def test_subscribers_come_when_asked_for(client):
    """`include_subscribers=true` adds them and their number, by id and in the list."""
    (member,) = client.get(f"{S}/subscribers").json()["subscribers"]
    assert member == {**EVERYWHERE, **MEMBER, "id": member["id"]}
    complete = {**SUBSCRIPTION, "subscribers": [member], "subscriber_count": 1}
    assert client.get(f"{S}?include_subscribers=true").json() == complete
    listed = client.get(f"{A}/subscriptions?include_subscribers=true").json()["subscriptions"]
    assert listed == [complete, {**SCHEDULE, "subscribers": [], "subscriber_count": 0}]


def test_what_is_created_is_kept(sandbox, client):
    """A new subscription is stored with its subscribers, by whom, and with unknown keys."""
    created = client.post(f"{A}/subscriptions", json=NEW_SUBSCRIPTION).json()
    assert created["created"]["by"] == USER
    wanted = {name: NEW_SUBSCRIPTION[name] for name in NEW_SUBSCRIPTION if name != "subscribers"}
    assert {name: created[name] for name in wanted} == wanted
    assert client.get(f"{A}/subscriptions/{created['id']}").json() == created
    rows = sandbox.snapshot()["subscriber"]
    assert [row["subscriber"] for row in rows if row["subscription_id"] == created["id"]] == [USER]


def test_an_update_changes_only_what_it_names(client):
    """Keys are merged at the top, unknown ones too, and the server's own are left alone."""
    changes = {"suppression_interval": 5, "display_name": "D", "id": "x", "account_id": "1"}
    answer = client.post(S, json=changes).json()
    assert answer.pop("modified")["by"] == USER
    assert answer == {**SUBSCRIPTION, "suppression_interval": 5, "display_name": "D"}
    assert client.post(S, json={"display_name": "E"}).json()["suppression_interval"] == 5


def test_deletion_takes_the_subscribers_along(sandbox, client):
    """No subscriber of a deleted subscription stays, and what was to be deleted is gone."""
    ids = ["x", SUBSCRIPTION["id"], SUBSCRIPTION["id"]]
    assert client.post(f"{A}/subscriptions/batch/delete", json={"ids": ids}).status_code == 400
    tables = sandbox.snapshot()
    assert [row["id"] for row in tables["subscription"]] == [SCHEDULE["id"]]
    assert tables["subscriber"] == []


def test_batches_of_subscribers_are_settled(client):
    """Adding who is there and deleting who is not are done already."""
    changes = [
        {**MEMBER, "action": "add"},
        {**OTHER, "action": "add"},
        {**OTHER, "subscriber": "none", "action": "delete"},
        {**MEMBER, "action": "delete"},
    ]
    for _ in range(2):
        answer = client.post(f"{S}/subscribers/batch/update", json={"subscribers": changes})
        assert answer.status_code == 204
    (left,) = client.get(f"{S}/subscribers").json()["subscribers"]
    assert (left["subscriber"], left["subscriber_type"]) == ("hook/1", "connection")
    assert client.delete(f"{S}/subscribers/connection/hook%2F1").status_code == 204


def test_a_notification_type_comes_and_goes(client):
    """The undocumented writes show in the list."""
    body = {"notification_type": "a/b", "name": "N", "default_template": "T", "templates": []}
    url = "/herald/v2/notification_types"
    client.post(url, json=body)
    client.put(f"{url}/a/b", json={**body, "name": "M"})
    listed = client.get(url).json()["notification_types"]
    assert listed == [TYPE, {**body, "name": "M"}]
    client.delete(f"{url}/a/b")
    assert client.get(url).json()["notification_types"] == [TYPE]
