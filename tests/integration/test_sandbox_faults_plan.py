"""What strikes which requests of the sandbox, and what is counted."""

import concurrent.futures
import math
import random
import time
from collections import Counter

import httpx
import pytest

from airview_herald.sandbox import FaultKind, Faults, Sandbox

# Those that a client notices by a status.
REFUSED = dict.fromkeys(["too_many", "unavailable", "unavailable_empty", "unavailable_html"], 0.1)


@pytest.fixture
def client(sandbox):
    """A client of its AirView."""
    with httpx.Client(base_url=sandbox.airview_url) as client:
        yield client


def schedule(sandbox, requests):
    """Send requests eight at a time, and return what each of them met in turn."""
    sandbox.requests.clear()
    with (
        httpx.Client(base_url=sandbox.airview_url) as client,
        concurrent.futures.ThreadPoolExecutor(8) as threads,
    ):
        list(threads.map(lambda name: client.get("/systems/", params={"name": name}), requests))
    met = {}
    for request in sandbox.requests:
        met.setdefault(request.query, []).append(request.fault)
    return met


def test_concurrent_runs_meet_the_same(sandbox):
    """The same seed strikes the same requests in any order; another seed does not."""
    requests = [str(n % 60) for n in range(240)]
    runs = []
    for seed in (5, 5, 5, 6):
        random.Random(len(runs)).shuffle(requests)
        sandbox.faults.configure(seed=seed)
        sandbox.faults.add("*", "*", REFUSED)
        runs.append(schedule(sandbox, requests))
    assert runs[0] == runs[1] == runs[2]
    assert runs[3] != runs[0]
    assert set(REFUSED) < {fault for met in runs[0].values() for fault in met}


def test_everywhere_strikes_with_every_kind_that_can(sandbox, client):
    """The rate is that of all requests together, within five standard deviations."""
    sandbox.faults.configure(read_timeout=0.01, settle=0.01, drip=0.01)
    sandbox.faults.everywhere(0.4, seed=3)
    statuses = Counter()
    for n in range(600):
        try:
            statuses[client.get("/services/", params={"n": n}).status_code] += 1
        except httpx.TransportError:
            statuses["none"] += 1
    struck = sandbox.faults.struck
    assert set(struck) == set(FaultKind) - {"revoked", "expired"}
    assert abs(sum(struck.values()) - 240) <= 5 * math.sqrt(600 * 0.4 * 0.6)
    assert statuses[429] == sum(struck[f"too_many{way}"] for way in ("", "_seconds", "_date"))
    assert statuses[502] == struck["bad_gateway"]
    assert statuses["none"] == sum(
        struck[kind] for kind in ("reset", "closed", "dropped", "truncated", "late")
    )


def test_the_record_agrees_with_the_counters(sandbox, client):
    """Each request that is struck has its kind in the record."""
    sandbox.faults.add("*", "*", REFUSED)
    for n in range(100):
        client.get("/services/", params={"n": n})
    recorded = Counter(request.fault for request in sandbox.requests)
    del recorded[None]
    assert recorded == sandbox.faults.struck


def test_method_target_and_body_tell_requests_apart(sandbox, client):
    """Each that differs is struck up to the limit; headers make no difference."""
    sandbox.faults.configure(in_a_row=1)
    sandbox.faults.add("*", "*", {"too_many": 1.0})
    different = [
        ("GET", "/systems/?name=a", {}),
        ("GET", "/systems/?name=b", {}),
        ("POST", "/systems/", {"json": {"name": "a", "stage": "MONITOR"}}),
        ("POST", "/systems/", {"json": {"name": "a", "stage": "BUILD"}}),
        ("POST", "/environments/", {"json": {"name": "a", "stage": "BUILD"}}),
    ]
    for method, path, content in different:
        assert client.request(method, path, **content).status_code == 429
    for method, path, content in different:
        answer = client.request(method, path, headers={"x-attempt": "2"}, **content)
        assert answer.status_code != 429


def test_a_request_gets_through_after_three_strikes(sandbox, client):
    """The limit is three unless told otherwise."""
    sandbox.faults.add("*", "*", {"too_many": 1.0})
    statuses = [client.get("/services/").status_code for _ in range(8)]
    assert statuses == [429, 429, 429, 200] * 2
    sandbox.faults.configure(in_a_row=5)
    assert [client.get("/services/").status_code for _ in range(6)] == [429] * 5 + [200]


def test_routes_have_plans_of_their_own(sandbox, client):
    """A method, a path or both are struck, braces stand for a segment, the latest rule counts."""
    sandbox.faults.configure(in_a_row=100)
    sandbox.faults.add("*", "/applications/{id}", {"too_many": 1.0})
    sandbox.faults.add("post", "*", {"unavailable": 1.0})
    sandbox.faults.add("*", "/oauth2/token", {"bad_gateway": 1.0})
    sandbox.faults.add("GET", "/herald/v2/{account}/subscriptions", {"internal_error": 1.0})
    statuses = {
        path: client.get(path).status_code
        for path in (
            "/applications/1",
            "/applications/",
            "/applications/1/application-environments",
        )
    }
    assert list(statuses.values()) == [429, 200, 200]
    assert client.post("/applications/1").status_code == 503
    assert client.post("/systems/").status_code == 503
    assert httpx.post(sandbox.token_url).status_code == 502
    url = f"{sandbox.herald_url}/herald/v2/1/subscriptions"
    assert httpx.get(url).status_code == 500
    sandbox.faults.add("*", "/applications/{id}", 0)
    assert client.get("/applications/1").status_code == 404


def test_faults_are_set_before_the_start_and_cleared(sandbox):
    """They outlive a start; `clear` ends them, and the schedule begins anew."""
    sandbox = Sandbox()
    sandbox.faults.add("*", "*", {"too_many": 1.0})
    assert isinstance(sandbox.faults, Faults)
    with sandbox, httpx.Client(base_url=sandbox.airview_url) as client:
        assert client.get("/services/").status_code == 429
        sandbox.faults.clear()
        assert client.get("/services/").status_code == 200
        sandbox.faults.add("*", "*", {"too_many": 1.0})
        assert [client.get("/services/").status_code for _ in range(4)] == [429] * 3 + [200]
        assert sandbox.faults.struck == {"too_many": 4}


@pytest.mark.parametrize(("retry_after", "header"), [(None, None), (0.5, "1"), (7, "7")])
def test_a_throttle(sandbox, client, retry_after, header):
    """A burst passes; the rest is refused until a while later, and counted as throttled."""
    sandbox.faults.throttle(2, burst=10, retry_after=retry_after)
    answers = [client.get("/services/") for _ in range(20)]
    statuses = [answer.status_code for answer in answers]
    # What the clock adds while they run.
    assert 10 <= statuses.count(200) <= 15
    assert statuses[:10] == [200] * 10
    assert answers[-1].status_code == 429
    assert answers[-1].headers.get("retry-after") == header
    assert sandbox.faults.struck == {"throttled": statuses.count(429)}
    assert sandbox.requests[-1].fault == "throttled"
    time.sleep(0.6)
    assert client.get("/services/").status_code == 200
    sandbox.faults.clear()
    assert {client.get("/services/").status_code for _ in range(20)} == {200}


@pytest.mark.parametrize("kind", ["unavailable_html", "reset", "closed", "too_many"])
def test_an_outage(sandbox, client, kind):
    """Every request meets it, however often, and those after it do not."""
    system = {"name": "s", "stage": "MONITOR"}
    began = time.monotonic()
    sandbox.faults.outage(1.0, kind)
    refused = 0
    while time.monotonic() - began < 0.2:
        try:
            refused += client.post("/systems/", json=system).status_code != 200
        except httpx.TransportError:
            refused += 1
    assert sandbox.snapshot()["system"] == []
    assert sandbox.faults.struck == {kind: refused}
    time.sleep(max(0.0, began + 1.01 - time.monotonic()))
    assert client.post("/systems/", json=system).status_code == 200


def test_an_outage_is_a_gateways_503_unless_told(sandbox, client):
    """It is the usual one, and reaches every service."""
    sandbox.faults.outage(30)
    for url in (f"{sandbox.airview_url}/services/", sandbox.token_url, sandbox.herald_url):
        answer = httpx.post(url)
        assert answer.status_code == 503
        assert answer.headers["content-type"].startswith("text/html")
    sandbox.faults.clear()
    assert client.get("/services/").status_code == 200


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda faults: faults.add("GET", "services/", 0.1),
            "starts with a slash, not 'services/'",
        ),
        (
            lambda faults: faults.add("PUT", "/nosuch/", {"late": 1}),
            "^no route of the sandbox is PUT /nosuch/$",
        ),
        (
            lambda faults: faults.add("*", "/monitored-resources", 1),
            r"^no route of the sandbox is \* /monitored-resources; /monitored-resources/ is one$",
        ),
        (lambda faults: faults.add("PUTT", "*", 1), r"^no route of the sandbox is PUTT \*$"),
        (
            lambda faults: faults.add("GET", "*", {"latee": 1}),
            "^a kind of fault is one of bad_gateway, closed, .* unavailable_html, not 'latee'$",
        ),
        (lambda faults: faults.everywhere(15), "a rate is a share, 0 to 1, not 15"),
        (lambda faults: faults.outage(1, "late"), "an outage is one of closed, reset, .* not late"),
        (lambda faults: faults.outage(-1), "an outage takes some seconds, not -1"),
        (lambda faults: faults.configure(settle=-1.0), "settle is not negative, as -1.0 is"),
        (
            lambda faults: faults.throttle(1, retry_after=-1),
            "retry_after is not negative, as -1 is",
        ),
    ],
)
def test_what_cannot_be_is_refused(sandbox, client, call, message):
    """The error says what is wrong, and nothing is changed."""
    with pytest.raises(ValueError, match=message):
        call(sandbox.faults)
    assert client.get("/services/").status_code == 200
    assert sandbox.requests[-1].fault is None
