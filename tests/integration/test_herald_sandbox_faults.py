"""Faults that are forced upon the sandbox's routes: answers, delays and dropped connections."""

import time

import httpx
import pytest
from herald_login import authenticate, logged_in

A = "/herald/v2/12345678"
ANY = "/herald/v2/{account_id}"
TYPES = "/herald/v2/notification_types"
NOTIFICATION = {"type": "a/b", "notification_data": {}, "asset_data": {}, "payload": {}}
# Long enough to be told from an answer without it.
DELAY = 0.05


@pytest.fixture
def client(sandbox):
    """A client that is logged in."""
    with logged_in(sandbox) as client:
        yield client


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 429, 500, 502, 503, 504])
def test_a_bare_status(sandbox, client, status):
    """A status comes alone, nothing is stored, and the request is recorded with it."""
    sandbox.force("POST", f"{ANY}/notifications", status)
    answer = client.post(f"{A}/notifications", json=NOTIFICATION)
    assert (answer.status_code, answer.content) == (status, b"")
    assert sandbox.requests[-1].status == status
    assert sandbox.snapshot()["notification"] == []


@pytest.mark.parametrize(
    ("path", "request_path"),
    [
        (TYPES, TYPES),
        ("/herald/v2/notifications/{id}", "/herald/v2/notifications/a%2Fb"),
        (f"{ANY}/notifications/incidents/alerts", f"{A}/notifications/incidents/alerts"),
        (f"{ANY}/notifications/{{a}}/{{b}}", f"{A}/notifications/incidents/alerts"),
        (f"{A}/notifications/{{id}}", f"{A}/notifications/incidents%2Falerts"),
        ("/aims/v1/token_info", "/aims/v1/token_info"),
        (
            "/endpoints/v1/{account_id}/residency/{residency}/services/{service}/endpoint",
            "/endpoints/v1/12345678/residency/default/services/herald/endpoint",
        ),
    ],
)
def test_every_route_can_fail(sandbox, client, path, request_path):
    """Braces stand for one segment as sent; `unforce` ends it."""
    sandbox.force("GET", path, 503)
    assert client.get(request_path).status_code == 503
    assert client.get(f"{A}/subscriptions").status_code == 200
    sandbox.unforce()
    assert client.get(request_path).status_code != 503


def test_a_login_can_fail(sandbox, client):
    """A fault comes before credentials are looked at, and counts down."""
    sandbox.force("POST", "/aims/v1/authenticate", 503, times=1)
    assert authenticate(client, "x", "x").status_code == 503
    assert authenticate(client, "x", "x").status_code == 401


def test_headers_of_a_status(sandbox, client):
    """`Retry-After` comes along, as seconds or as a date."""
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    sandbox.force("GET", TYPES, 503, headers={"Retry-After": date}, times=1)
    sandbox.force("GET", TYPES, 429, headers={"Retry-After": "2"}, times=1)
    first, second = client.get(TYPES), client.get(TYPES)
    assert (first.status_code, first.headers["retry-after"]) == (429, "2")
    assert (second.status_code, second.headers["retry-after"]) == (503, date)


@pytest.mark.parametrize(
    ("body", "content", "content_type"),
    [
        ("<html>é</html>", "<html>é</html>".encode(), "text/html; charset=utf-8"),
        ("", b"", "text/html; charset=utf-8"),
        (b"\xff\x00", b"\xff\x00", "text/html"),
        ({"error": "x"}, b'{"error": "x"}', "application/json"),
        ([], b"[]", "application/json"),
        (False, b"false", "application/json"),
    ],
)
@pytest.mark.parametrize("status", [200, 202, 400, 503])
def test_a_body_of_a_status(sandbox, client, status, body, content, content_type):
    """Text and bytes go out as they are, anything else as JSON, with a success as well."""
    sandbox.force("GET", TYPES, status, body=body)
    answer = client.get(TYPES)
    assert (answer.status_code, answer.content) == (status, content)
    assert answer.headers["content-type"] == content_type


def test_headers_replace_those_of_a_body(sandbox, client):
    """What a body is said to be can be anything."""
    sandbox.force("GET", TYPES, 200, body="{", headers={"Content-Type": "application/json"})
    answer = client.get(TYPES)
    assert answer.headers.get_list("content-type") == ["application/json"]
    assert answer.content == b"{"


def test_a_delay_alone_serves_late(sandbox, client):
    """The route is served as always, only later; with a status that is what comes late."""
    sandbox.force("GET", TYPES, delay=DELAY)
    before = time.perf_counter()
    assert client.get(TYPES).json() == {"notification_types": []}
    assert time.perf_counter() - before >= DELAY
    sandbox.force("GET", TYPES, 503, delay=DELAY, times=1)
    before = time.perf_counter()
    assert client.get(TYPES).status_code == 503
    assert time.perf_counter() - before >= DELAY


@pytest.mark.parametrize(("drop", "stored"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("delay", [0.0, DELAY])
def test_a_dropped_connection(sandbox, client, caplog, drop, stored, delay):
    """The client gets no answer; the work is done or not, as told, and the record says 0."""
    sandbox.force("POST", f"{ANY}/notifications", drop=drop, delay=delay, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        client.post(f"{A}/notifications", json=NOTIFICATION)
    assert len(sandbox.snapshot()["notification"]) == stored
    last = sandbox.requests[-1]
    assert (last.method, last.status) == ("POST", 0)
    assert client.post(f"{A}/notifications", json=NOTIFICATION).status_code == 202
    assert caplog.records == []


def test_only_that_connection_is_dropped(sandbox, client):
    """Another client's connection lives on."""
    with logged_in(sandbox) as other:
        connection = other.get(TYPES).extensions["network_stream"]
        sandbox.force("GET", TYPES, drop="before", times=1)
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(TYPES)
        assert other.get(TYPES).extensions["network_stream"] is connection


def test_airviews_routes_can_fail_so_too(sandbox):
    """The same faults reach the other side, where a bare status is a gateway's."""
    url = f"{sandbox.airview_url}/systems/"
    system = {"name": "s", "stage": "MONITOR"}
    sandbox.force("POST", "/systems/", drop="after", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(url, json=system)
    assert len(sandbox.snapshot()["system"]) == 1
    sandbox.force("GET", "/systems/", 503, headers={"Retry-After": "1"}, times=1)
    answer = httpx.get(url, params={"name": "s"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({}, "nothing is forced: give a status, a delay or a drop"),
        ({"body": "x"}, "a forced body or header needs a status"),
        ({"headers": {"a": "b"}, "delay": 1.0}, "a forced body or header needs a status"),
        ({"status": 503, "drop": "after"}, "a dropped connection has no status"),
        ({"status": 204, "body": ""}, "a status with a body"),
        ({"status": 199, "body": ""}, "a status with a body"),
        ({"status": 600, "body": ""}, "a status with a body"),
        ({"delay": -1.0}, "a delay is not negative, as -1.0 is"),
        ({"drop": "during"}, "a connection is dropped before or after, not 'during'"),
    ],
)
def test_faults_that_cannot_be(sandbox, fault, message):
    """The error says what does not fit."""
    with pytest.raises(ValueError, match=message):
        sandbox.force("GET", TYPES, **fault)
