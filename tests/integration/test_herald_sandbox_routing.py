"""Paths on the sandbox's Herald: read as they were sent, and literals before variables."""

import httpx
import pytest
from herald_login import logged_in

from airview_herald.sandbox import Sandbox

A = "/herald/v2/12345678"
NOTIFICATIONS = f"{A}/notifications"


@pytest.fixture
def sandbox():
    """A sandbox whose ids have every character that means something in a URL."""
    with Sandbox() as sandbox:
        herald = sandbox.herald
        kinds = {
            "incidents/alerts": "incidents/alerts",
            "type/incidents": "type/incidents",
            "a?b/c#d e%é": "odd",
            "plain": "a/b",
        }
        herald.add_notifications({"id": id_, "type": kind} for id_, kind in kinds.items())
        herald.add_notifications([{"id": "subscriptions", "type": "a?b/c#d e%é"}])
        herald.add_sent_notifications("long/1", [{"id": "S1", "type": "incidents/alerts"}])
        for name in ("batch", "test", "a/b?c"):
            herald.add_subscription({"id": name, "name": name})
        yield sandbox


@pytest.fixture
def client(sandbox):
    """A client that is logged in."""
    with logged_in(sandbox) as client:
        yield client


def asked(client, method, path):
    """Send a request target exactly as it is and return status and body."""
    target = httpx.URL(str(client.base_url)).copy_with(raw_path=path.encode())
    answer = client.request(method, target)
    assert answer.request.url.raw_path == path.encode()
    return answer


@pytest.mark.parametrize(
    ("path", "id_"),
    [
        (f"{NOTIFICATIONS}/incidents%2Falerts", "incidents/alerts"),
        (f"{NOTIFICATIONS}/incidents%2falerts", "incidents/alerts"),
        (f"{NOTIFICATIONS}/type%2Fincidents", "type/incidents"),
        (f"{NOTIFICATIONS}/a%3Fb%2Fc%23d%20e%25%C3%A9", "a?b/c#d e%é"),
        ("/herald/v2/notifications/incidents%2Falerts", "incidents/alerts"),
        ("/herald/v2/notifications/subscriptions", "subscriptions"),
        (f"{NOTIFICATIONS}/%70lain", "plain"),
    ],
)
def test_one_segment_is_an_id(client, path, id_):
    """An escaped slash is part of an id, and ids are decoded after the route is found."""
    assert asked(client, "GET", path).json()["id"] == id_


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        (f"{NOTIFICATIONS}/incidents/alerts", ["incidents/alerts"]),
        (f"{NOTIFICATIONS}/type/incidents", ["type/incidents"]),
        (f"{NOTIFICATIONS}/a%3Fb/c%23d%20e%25%C3%A9", ["subscriptions"]),
        (f"{NOTIFICATIONS}/incidents/alerts%2F", []),
    ],
)
def test_two_segments_are_a_type(client, path, ids):
    """A raw slash makes a type, whatever its halves are."""
    listed = asked(client, "GET", path).json()["notifications"]
    assert [one["id"] for one in listed] == ids


def test_four_segments_are_an_incident(client):
    """Below the literal type the rest is a long incident id."""
    path = f"{NOTIFICATIONS}/type/incidents/alerts/long%2F1"
    assert asked(client, "GET", path).json()["notifications"][0]["id"] == "S1"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{NOTIFICATIONS}/type/incidents/alerts", 404),
        ("GET", f"{NOTIFICATIONS}/type/incidents/alert/x", 404),
        ("GET", f"{NOTIFICATIONS}/type/incidents/alerts/x/y", 404),
        ("GET", f"{NOTIFICATIONS}/", 404),
        ("GET", f"{NOTIFICATIONS}/incidents/", 404),
        ("GET", f"{NOTIFICATIONS}//alerts", 404),
        ("GET", f"{NOTIFICATIONS}/incidents/alerts/", 404),
        ("GET", f"{NOTIFICATIONS}/%00", 404),
        ("GET", "/herald/v2//notifications/plain", 404),
        ("GET", "/herald/v2/12345678/n%6Ftifications/plain", 404),
        ("GET", "//herald/v2/notification_types", 404),
        ("GET", "/herald/v1/12345678/subscriptions", 404),
        ("GET", f"{A}%2Fx/subscriptions", 403),
        ("GET", NOTIFICATIONS, 405),
        ("HEAD", f"{NOTIFICATIONS}/plain", 405),
        ("POST", f"{NOTIFICATIONS}/plain", 405),
        ("PUT", f"{A}/subscriptions/test", 405),
        ("POST", "/aims/v1/token_info", 405),
        ("GET", "/aims/v1/authenticate", 405),
        ("GET", "/", 404),
        ("GET", "/herald", 404),
    ],
)
def test_what_is_no_route(client, method, path, status):
    """Other segments, empty ones and doubled slashes are 404, other methods 405."""
    assert asked(client, method, path).status_code == status


def test_no_route_needs_no_token(sandbox):
    """What is not there is said to everybody."""
    assert httpx.get(f"{sandbox.herald_url}/herald/v2/x/y/z").status_code == 404


def test_literals_go_first(sandbox, client):
    """`batch/delete` and `test` are no ids where they are literals, and are ids elsewhere."""
    assert (
        client.post(f"{A}/subscriptions/batch/delete", json={"ids": ["batch"]}).status_code == 204
    )
    assert client.post(f"{A}/subscriptions/test", json={"active": False}).json()["id"] == "test"
    batch = f"{A}/subscriptions/test/subscribers/batch/update"
    assert client.post(batch, json={"subscribers": []}).status_code == 204
    assert client.delete(batch).status_code == 404
    row = {"subscriber": "update", "subscriber_type": "batch"}
    sandbox.herald.add_subscription({"id": "odd", "name": "odd", "subscribers": [row]})
    assert client.delete(f"{A}/subscriptions/odd/subscribers/batch/update").status_code == 204


def test_every_part_of_a_subscriber_is_one_segment(client):
    """Ids of subscriptions and subscribers may hold slashes and question marks."""
    subscriber = {"subscriber": "https://h.example.com/a?b", "subscriber_type": "connection"}
    path = f"{A}/subscriptions/a%2Fb%3Fc"
    everywhere = {"account_id": "12345678", "subscription_id": "a/b?c"}
    answer = client.post(f"{path}/subscribers", json={**subscriber, **everywhere})
    assert answer.status_code == 201
    escaped = "https%3A%2F%2Fh.example.com%2Fa%3Fb"
    removed = asked(client, "DELETE", f"{path}/subscribers/connection/{escaped}")
    assert (removed.status_code, removed.content) == (204, b"")


def test_requests_are_recorded_as_sent(sandbox, client):
    """The record has the escapes of the path and the query, and the token."""
    asked(client, "GET", f"{NOTIFICATIONS}/incidents%2Falerts?x=%2B")
    last = sandbox.requests[-1]
    assert last.target == f"{NOTIFICATIONS}/incidents%2Falerts?x=%2B"
    assert last.headers["x-aims-auth-token"] == client.headers["x-aims-auth-token"]


def test_airview_is_beside_it(sandbox, client):
    """Neither side has the other's routes."""
    assert client.get("/airview/systems/?name=x").json()["code"] == 404
    assert client.get("/airview/herald/v2/notification_types").json()["code"] == 404
    assert client.get("/airview/services/").json() == []
    assert sandbox.herald_url + "/airview" == sandbox.airview_url
