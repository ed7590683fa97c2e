"""Each kind of fault at the wire: what the client sees, what is stored, what is recorded."""

import email.utils
import itertools
import json
import time

import httpx
import pytest
from herald_login import authenticate, logged_in
from raw_http import connected, read_to_the_end, send

from airview_herald.sandbox import FaultKind, Sandbox

SYSTEM = b'{"name": "s", "stage": "MONITOR"}'
STORED = b'{"id":1,"name":"s","stage":"MONITOR"}\n'
FAULT = b'{"code":500,"status":"Internal Server Error"}\n'
NOTIFICATION = {"type": "a/b", "notification_data": {}, "asset_data": {}, "payload": {}}
NOTIFICATIONS = "/herald/v2/12345678/notifications"
ANSWERED = {
    FaultKind.TOO_MANY: (429, b"<html><body><h1>429</h1></body></html>\n"),
    FaultKind.TOO_MANY_SECONDS: (429, b"<html><body><h1>429</h1></body></html>\n"),
    FaultKind.TOO_MANY_DATE: (429, b"<html><body><h1>429</h1></body></html>\n"),
    FaultKind.UNAVAILABLE: (503, b'{"code":503,"status":"Service Unavailable"}\n'),
    FaultKind.UNAVAILABLE_EMPTY: (503, b""),
    FaultKind.UNAVAILABLE_HTML: (503, b"<html><body><h1>503</h1></body></html>\n"),
}
SPOILED = {
    FaultKind.INTERNAL_ERROR: (500, FAULT, "application/json"),
    FaultKind.BAD_GATEWAY: (502, b"<html><body><h1>502</h1></body></html>\n", "text/html"),
    FaultKind.GATEWAY_TIMEOUT: (504, b"<html><body><h1>504</h1></body></html>\n", "text/html"),
    FaultKind.HTML: (200, b"<html><body><h1>Please sign in</h1></body></html>\n", "text/html"),
    FaultKind.GARBLED: (200, STORED[:-2] + b"\xff\xfe", "application/json"),
}


@pytest.fixture
def only(sandbox):
    """Strike every request with one kind, once each."""

    def strike(kind, running=sandbox, **settings):
        running.faults.configure(in_a_row=1, **settings)
        running.faults.add("*", "*", {kind: 1.0})

    return strike


def post(sandbox, **options):
    """Create a system."""
    return httpx.post(f"{sandbox.airview_url}/systems/", content=SYSTEM, **options)


def recorded(sandbox):
    """Return what the record says of the last request."""
    last = sandbox.requests[-1]
    return last.status, last.fault, last.served


def systems(sandbox):
    """Return how many systems are stored."""
    return len(sandbox.snapshot()["system"])


@pytest.mark.parametrize("kind", ANSWERED)
def test_a_refused_request_is_not_carried_out(sandbox, only, kind):
    """It gets its status on a connection that lives on, and the next one is served."""
    only(kind, retry_after=1.5)
    with httpx.Client(base_url=sandbox.airview_url) as client:
        headers = {"content-type": "application/json"}
        refused = client.post("/systems/", content=SYSTEM, headers=headers)
        assert (refused.status_code, refused.content) == ANSWERED[kind]
        assert systems(sandbox) == 0
        assert recorded(sandbox) == (refused.status_code, kind, None)
        served = client.post("/systems/", content=SYSTEM, headers=headers)
        assert served.content == STORED
        assert recorded(sandbox) == (200, None, None)
        stream = refused.extensions["network_stream"]
        assert served.extensions["network_stream"] is stream
    wait = refused.headers.get("retry-after")
    if kind is FaultKind.TOO_MANY_SECONDS:
        assert wait == "2"
    elif kind is FaultKind.TOO_MANY_DATE:
        assert 0 < email.utils.parsedate_to_datetime(wait).timestamp() - time.time() <= 2.5
    else:
        assert wait is None
    assert sandbox.faults.struck == {kind: 1}


def test_a_reset(sandbox, only):
    """The connection ends with an RST, and nothing is carried out."""
    only("reset")
    with connected(sandbox.url) as connection:
        send(connection, "POST", f"{sandbox.airview_url}/systems/", SYSTEM)
        with pytest.raises(ConnectionResetError):
            read_to_the_end(connection)
    assert systems(sandbox) == 0
    assert recorded(sandbox) == (0, "reset", None)


def test_an_idle_connection_closes_as_a_request_arrives(sandbox, only):
    """It served before; the request that meets its end is not carried out."""
    url = f"{sandbox.airview_url}/systems/"
    with connected(url) as connection:
        send(connection, "GET", f"{sandbox.airview_url}/services/")
        answer = b""
        while not answer.endswith(b"[]\n"):
            answer += connection.recv(4096)
        only("closed")
        send(connection, "POST", url, SYSTEM)
        assert read_to_the_end(connection) == b""
    assert systems(sandbox) == 0
    assert recorded(sandbox) == (0, "closed", None)


def test_a_dropped_answer(sandbox, only):
    """The request is carried out, and its connection ends without a byte."""
    only("dropped")
    with connected(sandbox.url) as connection:
        send(connection, "POST", f"{sandbox.airview_url}/systems/", SYSTEM)
        assert read_to_the_end(connection) == b""
    assert systems(sandbox) == 1
    assert recorded(sandbox) == (0, "dropped", 200)


@pytest.mark.parametrize("kind", SPOILED)
def test_a_spoiled_answer(sandbox, only, kind):
    """The request is carried out, and something else is said."""
    only(kind)
    answer = post(sandbox, headers={"content-type": "application/json"})
    status, body, content_type = SPOILED[kind]
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers["content-type"].startswith(content_type)
    assert systems(sandbox) == 1
    assert recorded(sandbox) == (status, kind, 200)


@pytest.mark.parametrize("path", ["/services/", "/systems/?name=nobody"])
def test_what_is_garbled_is_no_json(sandbox, only, path):
    """Short bodies and errors, too, are of the stated length and cannot be read."""
    plain = httpx.get(sandbox.airview_url + path)
    only("garbled")
    answer = httpx.get(sandbox.airview_url + path)
    assert answer.status_code == plain.status_code
    assert len(answer.content) == len(plain.content)
    with pytest.raises(ValueError):
        json.loads(answer.content)


def test_an_answer_without_a_body_is_not_garbled(sandbox, only):
    """It passes, and counts as not struck."""
    url = f"{sandbox.airview_url}/applications/"
    application = {"name": "a", "applicationType": "BUSINESS_APPLICATION"}
    httpx.post(url, json=application)
    only("garbled")
    assert httpx.put(f"{url}1", json={**application, "id": 1}).status_code == 204
    assert recorded(sandbox) == (204, None, None)
    assert sandbox.faults.struck == {}


@pytest.mark.parametrize("seed", range(8))
def test_a_truncated_body(sandbox, only, seed):
    """The head promises more than comes before the connection's end."""
    only("truncated", seed=seed)
    with connected(sandbox.url) as connection:
        send(connection, "POST", f"{sandbox.airview_url}/systems/", SYSTEM)
        head, _, body = read_to_the_end(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"content-length: %d" % len(STORED) in head
    assert STORED.startswith(body)
    assert body != STORED
    assert systems(sandbox) == 1
    assert recorded(sandbox) == (200, "truncated", 200)


@pytest.mark.parametrize("seed", range(8))
def test_a_truncated_head(sandbox, only, seed):
    """An answer without a body is cut before its head ends."""
    url = f"{sandbox.airview_url}/applications/"
    application = {"name": "a", "applicationType": "BUSINESS_APPLICATION"}
    httpx.post(url, json=application)
    only("truncated", seed=seed)
    body = json.dumps({**application, "id": 1, "name": "b"}).encode()
    with connected(url) as connection:
        send(connection, "PUT", f"{url}1", body)
        head = read_to_the_end(connection)
    assert b"HTTP/1.1 204 No Content\r\n".startswith(head[:25])
    assert b"\r\n\r\n" not in head
    assert sandbox.snapshot()["application"][0]["name"] == "b"
    assert recorded(sandbox) == (0, "truncated", 204)


def test_a_dripped_answer(sandbox, only):
    """It comes whole, in small pieces over the time that was set, and is the connection's last."""
    only("dripped", drip=0.2)
    with connected(sandbox.url) as connection:
        began = time.perf_counter()
        send(connection, "POST", f"{sandbox.airview_url}/systems/", SYSTEM)
        pieces = list(iter(lambda: connection.recv(65536), b""))
        assert time.perf_counter() - began >= 0.15
    assert len(pieces) >= 8
    assert b"".join(pieces).endswith(STORED)
    assert recorded(sandbox) == (200, "dripped", 200)


def test_a_late_request_is_carried_out_after_the_client_has_left(sandbox, only):
    """Nothing is stored when the client gives up and closes; it is a little later."""
    only("late", read_timeout=0.2, settle=1.0)
    began = time.perf_counter()
    with pytest.raises(httpx.ReadTimeout):
        post(sandbox, timeout=0.2, headers={"content-type": "application/json"})
    assert systems(sandbox) == 0
    assert sandbox.faults.pending == 1
    sandbox.faults.drain(5)
    late = time.perf_counter() - began
    assert sandbox.faults.pending == 0
    assert systems(sandbox) == 1
    # Not before 10 % of what is allowed; on a slow machine a little after 80 %.
    assert 0.3 <= late <= 1.2
    send_again = post(sandbox, headers={"content-type": "application/json"})
    assert send_again.status_code == 400
    assert [(r.status, r.fault, r.served) for r in sandbox.requests] == [
        (0, "late", 200),
        (400, None, None),
    ]


def test_a_patient_client_sees_a_late_request_end(sandbox, only):
    """Who waits longer sees the connection end once the request is carried out."""
    only("late", read_timeout=0.1, settle=0.1)
    with connected(sandbox.url) as connection:
        send(connection, "POST", f"{sandbox.airview_url}/systems/", SYSTEM)
        assert read_to_the_end(connection) == b""
    assert systems(sandbox) == 1


def test_draining_has_an_end(sandbox, only):
    """What is not carried out in time is an error."""
    only("late", read_timeout=0.5)
    with pytest.raises(httpx.ReadTimeout):
        post(sandbox, timeout=0.01)
    with pytest.raises(TimeoutError, match=r"1 late requests are left after 0\.01 s"):
        sandbox.faults.drain(0.01)


def token(sandbox):
    """Log in."""
    form = {
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "grant_type": "client_credentials",
    }
    return httpx.post(sandbox.token_url, data=form).json()["access_token"]


@pytest.mark.parametrize(("kind", "others"), [("revoked", 200), ("expired", 401)])
def test_a_token_ends(kind, others):
    """The gateway answers 401; another's token ends with it, or not."""
    with Sandbox(require_token=True) as sandbox:
        first, second = token(sandbox), token(sandbox)
        sandbox.faults.add("GET", "/services/", {kind: 1.0})
        url = f"{sandbox.airview_url}/services/"
        for bearer, status in [(first, 401), (first, 401), (second, others)]:
            answer = httpx.get(url, headers={"authorization": f"Bearer {bearer}"})
            assert answer.status_code == status
            sandbox.faults.clear()
        assert sandbox.faults.struck == {kind: 1}
        assert [r.fault for r in sandbox.requests[2:]] == [kind, None, None]


@pytest.mark.parametrize("kind", ["revoked", "expired"])
def test_without_a_token_none_can_end(sandbox, only, kind):
    """Where no token is asked for, or none is sent, the request is served."""
    only(kind)
    url = f"{sandbox.airview_url}/services/"
    assert httpx.get(url, headers={"authorization": "Bearer x"}).status_code == 200
    assert httpx.get(f"{sandbox.url}{NOTIFICATIONS}/x").status_code == 401
    assert sandbox.faults.struck == {}


HERALD_STATUSES = {
    "too_many": 429,
    "too_many_seconds": 429,
    "too_many_date": 429,
    "unavailable_empty": 503,
    "unavailable_html": 503,
    "revoked": 401,
    "expired": 401,
    "internal_error": 500,
    "bad_gateway": 502,
    "gateway_timeout": 504,
    "html": 200,
    "garbled": 202,
    "dripped": 202,
}
CARRIED_OUT = ("internal_error", "bad_gateway", "gateway_timeout", "html", "garbled", "dripped")


@pytest.mark.parametrize("kind", HERALD_STATUSES)
def test_heralds_routes_are_struck(sandbox, only, kind):
    """What makes sense there happens there."""
    with logged_in(sandbox) as client:
        only(kind, drip=0.01)
        answer = client.post(NOTIFICATIONS, json=NOTIFICATION)
    assert answer.status_code == HERALD_STATUSES[kind]
    assert len(sandbox.snapshot()["notification"]) == (kind in CARRIED_OUT)
    assert sandbox.faults.struck == {kind: 1}


@pytest.mark.parametrize(
    ("kind", "stored"), [("reset", 0), ("closed", 0), ("dropped", 1), ("truncated", 1)]
)
def test_heralds_connections_are_struck(sandbox, only, kind, stored):
    """So are its connections."""
    with logged_in(sandbox) as client:
        only(kind)
        with pytest.raises(httpx.TransportError):
            client.post(NOTIFICATIONS, json=NOTIFICATION)
    assert len(sandbox.snapshot()["notification"]) == stored


def test_logins_are_struck(sandbox, only):
    """The ways to tokens of both services are routes like any other."""
    only("bad_gateway")
    assert httpx.post(sandbox.token_url).status_code == 502
    with httpx.Client(base_url=sandbox.herald_url) as client:
        assert authenticate(client, "x", "y").status_code == 502
        assert authenticate(client, "x", "y").status_code == 401
    assert [r.served for r in sandbox.requests] == [401, 401, None]


@pytest.mark.parametrize("url", ["token_url", "herald_url"])
def test_only_airview_documents_a_503(sandbox, only, url):
    """Elsewhere there is none in the service's own shape."""
    only("unavailable")
    assert httpx.post(getattr(sandbox, url)).status_code != 503
    assert sandbox.faults.struck == {}


def test_faults_meet_what_is_forced(sandbox, only):
    """A drop that is forced stays one, whatever would have become of the answer."""
    sandbox.force("GET", "/services/", drop="before")
    for kind in ("bad_gateway", "late"):
        only(kind, read_timeout=0.01, settle=0.01)
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"{sandbox.airview_url}/services/")


def test_the_head_of_a_head_request_is_all_there_is(sandbox, only):
    """A dripped answer to HEAD has no body."""
    only("dripped", drip=0.01)
    with connected(sandbox.url) as connection:
        send(connection, "HEAD", f"{sandbox.airview_url}/services/")
        assert read_to_the_end(connection).endswith(b"connection: close\r\n\r\n")


def test_no_fault_upsets_the_server(sandbox, caplog):
    """After every kind in turn it serves, and has logged nothing."""
    sandbox.faults.configure(in_a_row=100, read_timeout=0.01, settle=0.05, drip=0.01)
    for kind, number in itertools.product(FaultKind, range(3)):
        sandbox.faults.add("*", "*", {kind: 1.0})
        url = f"{sandbox.airview_url}/systems/?name={number}"
        try:
            httpx.get(url, timeout=0.5)
        except httpx.TransportError:
            continue
    sandbox.faults.drain()
    sandbox.faults.clear()
    assert httpx.get(f"{sandbox.airview_url}/services/").status_code == 200
    assert caplog.records == []
