"""Statuses that are forced upon the sandbox's routes."""

import re
import threading

import httpx
import pytest

from airview_herald.sandbox import Sandbox

FAULT = b'{"code":500,"status":"Internal Server Error"}\n'
SYSTEM = {"name": "s", "stage": "MONITOR"}


@pytest.fixture
def client(sandbox):
    """A client of its AirView."""
    with httpx.Client(base_url=sandbox.airview_url) as client:
        yield client


@pytest.mark.parametrize("status", [401, 403, 404, 429, 502, 503, 504])
def test_a_forced_status_is_a_gateways(sandbox, client, status):
    """It comes as HTML, is recorded, and stores nothing."""
    sandbox.force("POST", "/systems/", status)
    answer = client.post("/systems/", json=SYSTEM)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert [request.status for request in sandbox.requests] == [status]
    assert sandbox.snapshot()["system"] == []


def test_a_forced_500_is_airviews(sandbox, client):
    """500 comes in the shape of AirView's own faults."""
    sandbox.force("GET", "/systems/", 500)
    answer = client.get("/systems/?name=s")
    assert (answer.status_code, answer.content) == (500, FAULT)
    assert answer.headers["content-type"] == "application/json"


def test_it_counts(sandbox, client):
    """The latest force goes first, as often as it says, and then the one before it."""
    sandbox.force("get", "/services/", 503, times=1)
    sandbox.force("GET", "/services/", 429, times=2)
    statuses = [client.get("/services/").status_code for _ in range(4)]
    assert statuses == [429, 429, 503, 200]


def test_only_that_route_is_forced(sandbox, client):
    """Another method, path or slash is served, and braces stand for one segment."""
    sandbox.force("GET", "/applications/{id}", 503)
    statuses = [
        client.get(path).status_code
        for path in ("/applications/1", "/applications/2?x=y", "/applications/")
    ]
    assert statuses == [503, 503, 200]
    assert client.get("/applications/1/application-environments").status_code == 200
    assert client.put("/applications/1", json={}).status_code == 422


def test_it_lasts_until_it_is_lifted():
    """Statuses are forced before the start, too, ahead of tokens, and until `unforce`."""
    sandbox = Sandbox(require_token=True)
    sandbox.force("GET", "/services/", 503)
    with sandbox, httpx.Client(base_url=sandbox.airview_url) as client:
        assert [client.get("/services/").status_code for _ in range(3)] == [503] * 3
        sandbox.unforce()
        assert client.get("/services/").status_code == 401


def test_it_counts_across_threads(sandbox, client):
    """Forced from any thread, each counted request is forced once."""
    threads = [
        threading.Thread(target=sandbox.force, args=("GET", "/services/", 503), kwargs={"times": 2})
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = [client.get("/services/").status_code for _ in range(12)]
    assert statuses == [503] * 10 + [200] * 2


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/systems/", 204, "a forced status is an error, 400 to 599, not 204"),
        ("/systems/", 600, "a forced status is an error, 400 to 599, not 600"),
        ("/systems/", "503", "a forced status is an error, 400 to 599, not '503'"),
        ("systems/", 503, "a path of a route starts with a slash, not 'systems/'"),
    ],
)
def test_what_cannot_be_forced_is_refused(sandbox, path, status, message):
    """The error says what is wrong."""
    with pytest.raises(ValueError, match=message):
        sandbox.force("GET", path, status)


@pytest.mark.parametrize(
    ("method", "path", "hint"),
    [
        ("PUT", "/monitored-resource/", "; /monitored-resources/ is one"),
        ("PUT", "/monitored-resources", "; /monitored-resources/ is one"),
        ("PUT", "/airview/monitored-resources/", "; /monitored-resources/ is one"),
        ("PUTT", "/monitored-resources/", ", which takes OPTIONS, PUT"),
        ("DELETE", "/systems/", ", which takes GET, HEAD, OPTIONS, POST"),
        ("DELETE", "/applications/7", ", which takes GET, HEAD, OPTIONS, PUT"),
        (
            "GET",
            "/herald/v1/{account_id}/subscriptions",
            "; /herald/v2/{account_id}/subscriptions is one",
        ),
        ("GET", "/nosuch/", ""),
    ],
)
def test_a_route_that_is_not_served_cannot_be_forced(sandbox, method, path, hint):
    """A slip of the pen would otherwise test that nothing fails; the error tells what was meant."""
    message = f"no route of the sandbox is {method} {path}{hint}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        sandbox.force(method, path, 503)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("put", "/monitored-resources/"),
        ("HEAD", "/systems/"),
        ("GET", "/applications/{id}"),
        ("GET", "/applications/7"),
        ("POST", "/herald/v2/{account_id}/notifications"),
        ("GET", "/herald/v2/{account_id}/notifications/incidents/alerts"),
        ("POST", "/herald/v2/{account_id}/{kind}/test"),
        ("POST", "/aims/v1/authenticate"),
    ],
)
def test_every_route_can_be_forced(sandbox, method, path):
    """Those of both services, whatever stands in the variable parts."""
    sandbox.force(method, path, 503)
