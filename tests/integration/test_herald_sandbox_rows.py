"""What the sandbox's Herald has: sent, seeded and added, in memory and in a file."""

import json
import math
import os
import threading
import time

import httpx
import pytest
from herald_login import logged_in

from airview_herald.sandbox import Sandbox

A = "/herald/v2/12345678"
INCIDENT = {
    "type": "incidents/alerts",
    "notification_data": {"class": "web_attack_recon"},
    "asset_data": {},
    "payload": {"long_incident_id": "a1b2", "threat": "High", "class": "web_attack_recon"},
}
SENT = f"{A}/notifications/type/incidents/alerts/a1b2"
HERALD = (
    *("account", "user", "notification_type", "notification", "sent_notification"),
    *("subscription", "subscriber", "integration_type", "integration"),
)


@pytest.fixture
def client(sandbox):
    """A client that is logged in."""
    with logged_in(sandbox) as client:
        yield client


def subscription(name, **changes):
    """Return a subscription to incidents."""
    usual = {"id": name, "name": name, "class": "event", "notification_type": "incidents/alerts"}
    return usual | changes


def test_what_is_sent_is_stored(sandbox, client):
    """The answer is the stored notification, unknown keys and all, and it can be read."""
    before = int(time.time())
    body = {**INCIDENT, "unknown": [1], "id": "mine", "status": "mine", "created": None}
    answer = client.post(f"{A}/notifications", json=body)
    assert answer.status_code == 202
    sent = answer.json()
    assert {name: sent[name] for name in INCIDENT} == INCIDENT
    assert (sent["unknown"], sent["status"], sent["account_id"]) == ([1], "created", "12345678")
    assert sent["id"] == sent["id"].upper() != "MINE"
    assert sent["created"] == sent["modified"]
    assert sent["created"]["by"] == sandbox.herald.user_id
    assert before <= sent["created"]["at"] <= time.time()
    assert client.get(f"{A}/notifications/{sent['id']}").json() == sent
    listed = client.get(f"{A}/notifications/incidents/alerts").json()
    assert listed["notifications"] == [sent]


def test_incidents_go_to_subscribers(sandbox, client):
    """One record, with a status for each subscriber of the active subscriptions to the type."""
    herald = sandbox.herald
    ada = herald.add_user("ada", "s", name="Ada", email="ada@example.com")
    hook = {"subscriber": "H", "subscriber_type": "connection"}
    people = [{"subscriber": ada, "subscriber_type": "user"}, hook]
    strangers = [{"subscriber": "X", "subscriber_type": "user"}]
    herald.add_subscription(subscription("first", subscribers=people))
    herald.add_subscription(subscription("second", subscribers=[hook]))
    herald.add_subscription(subscription("off", active=False, subscribers=strangers))
    herald.add_subscription(subscription("other", notification_type="a/b", subscribers=strangers))
    herald.add_account("87654321")
    herald.add_subscription(subscription("theirs", subscribers=strangers), account_id="87654321")
    sent = client.post(f"{A}/notifications", json=INCIDENT).json()
    (record,) = client.get(SENT).json()["notifications"]
    at = sent["created"]["at"]
    assert record == {
        "id": record["id"],
        "type": "incidents/alerts",
        "subkey": "incidents/high",
        "subject": "High threat incident: web_attack_recon",
        "statuses": [
            {"destination": "ada@example.com", "status": "SENT", "sent_at": at},
            {"destination": "H", "status": "SENT", "sent_at": at},
        ],
    }
    client.post(f"{A}/notifications", json=INCIDENT)
    assert len(client.get(SENT).json()["notifications"]) == 2
    assert client.get(SENT.replace("12345678", "87654321")).status_code == 404


def test_the_type_has_the_subject(sandbox, client):
    """A record's subject is the type's, filled in from the payload."""
    sandbox.herald.add_notification_types(
        [{"notification_type": "incidents/alerts", "default_email_subject": "{{threat}}: {{no}}!"}]
    )
    payload = {**INCIDENT["payload"], "threat": "\ud800\0"}
    client.post(f"{A}/notifications", content=json.dumps({**INCIDENT, "payload": payload}))
    (record,) = client.get(SENT).json()["notifications"]
    assert record["subject"] == "??: !"


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "observations/notification"},
        {"payload": {}},
        {"payload": {"long_incident_id": 1}},
    ],
)
def test_only_incidents_leave_records(sandbox, client, changes):
    """Another type, or no incident in the payload, leaves none."""
    assert client.post(f"{A}/notifications", json={**INCIDENT, **changes}).status_code == 202
    assert sandbox.snapshot()["sent_notification"] == []


def test_integrations_can_be_as_in_the_definitions(sandbox, client):
    """Integrations come with `headers`, with `header`, or their routes are gone."""
    hook = {"id": "I", "type": "webhook", "headers": {"X-A": "b"}}
    sandbox.herald.add_integrations([hook, {"id": "J", "type": "email", "email": "a@example.com"}])
    assert client.get(f"{A}/integrations/I").json()["headers"] == {"X-A": "b"}
    assert client.get(f"{A}/integrations/J").json()["email"] == "a@example.com"
    sandbox.herald.switches.integrations = "header"
    one, two = client.get(f"{A}/integrations").json()["integrations"]
    assert one["header"] == {"X-A": "b"}
    assert "headers" not in one
    assert "header" not in two
    types = client.get("/herald/v2/integration_types").json()["integration_types"]
    assert types == [{"name": "webhook"}, {"name": "email"}]
    sandbox.herald.switches.integrations = "removed"
    for path in (f"{A}/integrations", f"{A}/integrations/I", "/herald/v2/integration_types"):
        assert client.get(path).status_code == 404


def test_tests_of_integrations_can_be_wrapped(sandbox, client):
    """The outcome comes bare, or as version 1 of the API has it."""
    body = {"email": "ops@example.com"}
    bare = client.post(f"{A}/email/test", json=body).json()
    sandbox.herald.switches.wrap_tests = True
    assert client.post(f"{A}/email/test", json=body).json() == {"response": bare}


def test_a_seed_is_a_month(sandbox, client):
    """It has an account's usual things, a few hundred notifications among them."""
    sandbox.herald.seed()
    tables = sandbox.snapshot()
    counts = {table: len(tables[table]) for table in HERALD}
    assert counts == {
        "account": 2,
        "user": 4,
        "notification_type": 7,
        "notification": 330,
        "sent_notification": counts["sent_notification"],
        "subscription": 7,
        "subscriber": counts["subscriber"],
        "integration_type": 1,
        "integration": 3,
    }
    incidents = [row for row in tables["notification"] if row["type"].startswith("incidents/")]
    assert len(incidents) == counts["sent_notification"] > 100
    times = [row["created_at"] for row in tables["notification"]]
    assert 1_767_225_600 - 30 * 86_400 <= min(times) < max(times) <= 1_767_225_600
    for table in ("subscription", "notification"):
        assert all(row["account_id"] in {"12345678", "87654321"} for row in tables[table])
    newest = client.get(f"{A}/notifications/incidents/alerts?limit=1").json()["notifications"][0]
    long_id = newest["payload"]["long_incident_id"]
    records = client.get(f"{A}/notifications/type/incidents/alerts/{long_id}").json()
    (record,) = records["notifications"]
    assert record["statuses"][0]["destination"] == "ada@example.com"
    assert record["integration_statuses"][0]["integration_response"]["code"] == 200


def seeded(*arguments, **options):
    """Return the rows of a seed."""
    with Sandbox() as sandbox:
        sandbox.herald.seed(*arguments, **options)
        return {table: sandbox.snapshot()[table] for table in HERALD}


def test_a_seed_is_the_same_again():
    """The same arguments make the same rows, others make others."""
    assert seeded(3) == seeded(3)
    assert seeded(3)["notification"] != seeded(4)["notification"]
    rows = seeded(3, notifications=20, latest=2_000_000_000)
    assert len(rows["notification"]) == 22
    assert max(row["created_at"] for row in rows["notification"]) <= 2_000_000_000


def test_a_second_seed_is_refused(sandbox):
    """There is one month in a sandbox, and it stays as it is."""
    sandbox.herald.seed(1)
    before = sandbox.snapshot()
    with pytest.raises(ValueError, match="it is there already"):
        sandbox.herald.seed(2)
    assert sandbox.snapshot() == before


@pytest.mark.alone
def test_ten_thousand_notifications(sandbox, client):
    """They are added by one call, in well under two seconds, and counted."""
    notifications = [{**INCIDENT, "created": {"at": at, "by": "x"}} for at in range(10_000)]
    before = time.perf_counter()
    ids = sandbox.herald.add_notifications(notifications)
    assert time.perf_counter() - before < 2
    assert len(set(ids)) == 10_000
    page = client.get(f"{A}/notifications/incidents/alerts?limit=1").json()
    assert page["total_count"] == 10_000
    assert page["notifications"][0]["id"] == ids[-1]


def test_all_or_nothing_is_added(sandbox):
    """An id that is there already is an error, and the others of the call are not added."""
    sandbox.herald.add_notifications([{"id": "N"}])
    with pytest.raises(ValueError, match="it is there already"):
        sandbox.herald.add_notifications([{"id": "M"}, {"id": "N"}])
    assert [row["id"] for row in sandbox.snapshot()["notification"]] == ["N"]
    sandbox.herald.add_user("key", "s")
    for add in (
        lambda: sandbox.herald.add_user("key", "t"),
        lambda: sandbox.herald.add_account("12345678"),
        lambda: sandbox.herald.add_integrations([{"id": "I"}, {"id": "I"}]),
        lambda: sandbox.herald.add_sent_notifications("L", [{"id": "S"}, {"id": "S"}]),
        lambda: sandbox.herald.add_notification_types([{"notification_type": "a/b"}] * 2),
        lambda: [sandbox.herald.add_subscription(subscription("S")) for _ in range(2)],
    ):
        with pytest.raises(ValueError, match="it is there already"):
            add()
    with pytest.raises(ValueError, match="a value that no column holds"):
        sandbox.herald.add_notifications([{"type": "a/\0"}])
    with pytest.raises(ValueError, match="there is no account 5"):
        sandbox.herald.set_active("5", active=False)


def test_only_what_is_given_comes_back(sandbox, client):
    """Bare objects get an id, an account, a time and a status, and unknown keys stay."""
    (id_,) = sandbox.herald.add_notifications([{"feature": "incidents", "data": {"a": None}}])
    got = client.get(f"{A}/notifications/{id_}").json()
    assert set(got) == {"id", "account_id", "status", "created", "modified", "feature", "data"}
    times = [{"id": str(at), "created": {"at": at, "by": "x"}} for at in (1.5, 2.0, 3)]
    sandbox.herald.add_notifications(times)
    got = [client.get(f"{A}/notifications/{one['id']}").json() for one in times]
    assert json.dumps([one["created"]["at"] for one in got]) == "[1.5, 2, 3]"


def test_snapshots_say_what_columns_mean(sandbox, client):
    """Booleans are booleans, JSON is what it says, and times have a column of their own."""
    sandbox.herald.add_subscription(subscription("S", options={"a": [1]}, extra_key=True))
    client.post(f"{A}/notifications", json=INCIDENT)
    tables = sandbox.snapshot()
    (row,) = tables["subscription"]
    assert row["active"] is True
    assert row["options"] == {"a": [1]}
    assert row["filters"] is None
    assert row["extra"] == {"extra_key": True}
    assert math.isclose(row["created_at"], time.time(), abs_tol=60)
    assert tables["notification"][0]["payload"] == INCIDENT["payload"]
    assert tables["account"][0]["active"] is True


def test_nothing_is_there_at_first(sandbox):
    """The account and its user have rows once they are needed, whoever is first."""
    assert not any(sandbox.snapshot().values())
    threads = [
        threading.Thread(target=sandbox.herald.add_notifications, args=([{}],)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tables = sandbox.snapshot()
    assert [row["id"] for row in tables["account"]] == ["12345678"]
    assert [row["access_key_id"] for row in tables["user"]] == [sandbox.herald.access_key_id]
    assert len(tables["notification"]) == 8


def test_a_file_keeps_both_sides(tmp_path):
    """Rows of both services outlive the sandbox, and what is there already is left alone."""
    path = os.fspath(tmp_path / "rows.db")
    with Sandbox(path) as sandbox, logged_in(sandbox) as client:
        sandbox.herald.seed(notifications=10)
        sandbox.herald.set_active("87654321", active=False)
        sent = client.post(f"{A}/notifications", json=INCIDENT).json()
        httpx.post(f"{sandbox.airview_url}/systems/", json={"name": "s", "stage": "MONITOR"})
        before = sandbox.snapshot()
    with Sandbox(path) as sandbox, logged_in(sandbox) as client:
        assert sandbox.snapshot() == before
        assert client.get(f"{A}/notifications/{sent['id']}").json() == sent
        assert len(before["system"]) == 1


def test_rows_need_a_running_sandbox():
    """Switches and refusals can be set before the start; rows cannot."""
    sandbox = Sandbox()
    sandbox.herald.switches.listing = "list"
    sandbox.herald.refuse_subscriber("U")
    for add in (
        sandbox.herald.seed,
        lambda: sandbox.herald.add_notifications([{}]),
        lambda: sandbox.herald_url,
    ):
        with pytest.raises(RuntimeError, match="the sandbox is not running"):
            add()
    with sandbox, logged_in(sandbox) as client:
        assert client.get(f"{A}/notifications/a/b").json() == []


async def test_it_serves_while_rows_are_added(sandbox):
    """Both event loops see rows that another thread adds meanwhile, all of a call or none."""
    thread = threading.Thread(
        target=sandbox.herald.add_notifications,
        args=([{"type": "a/b"} for _ in range(3000)],),
    )
    async with httpx.AsyncClient(base_url=sandbox.herald_url) as client:
        herald = sandbox.herald
        login = await client.post(
            "/aims/v1/authenticate", auth=(herald.access_key_id, herald.secret_key)
        )
        token = {"x-aims-auth-token": login.json()["authentication"]["token"]}
        thread.start()
        counts = []
        while not counts or (counts[-1] == 0 and thread.is_alive()):
            answer = await client.get(f"{A}/notifications/a/b?limit=1", headers=token)
            counts.append(answer.json()["total_count"])
        thread.join()
        answer = await client.get(f"{A}/notifications/a/b?limit=1", headers=token)
    assert set(counts) <= {0, 3000}
    assert answer.json()["total_count"] == 3000
