"""The proxy that strikes connections below HTTP."""

import gc
import itertools
import socket
import threading
import time

import httpx
import pytest
from raw_http import connected, read_to_the_end, send

from airview_herald.sandbox import FaultyProxy, ProxyFault, Sandbox
from airview_herald.sandbox._server import listen, listening_url

SYSTEM = b'{"name": "s", "stage": "MONITOR"}'
STORED = b'{"id":1,"name":"s","stage":"MONITOR"}\n'


@pytest.fixture
def proxied(sandbox):
    """Put proxies before its AirView that strike every connection with one kind."""
    proxies = []

    def start(kind, **settings):
        proxy = FaultyProxy(sandbox.airview_url, {kind: 1.0}, in_a_row=1000, **settings)
        proxies.append(proxy)
        proxy.start()
        return proxy

    yield start
    for proxy in proxies:
        proxy.stop()


def test_nothing_is_changed_without_a_strike(sandbox):
    """It stands in for the URL, and all of a large answer comes through."""
    with FaultyProxy(f"{sandbox.airview_url}", 0.0) as proxy:
        assert proxy.url.endswith("/airview")
        assert proxy.url != sandbox.airview_url
        name = "n" * 100_000
        # Of 100,000 characters too many for a name, so that each comes back in a 422.
        answer = httpx.post(f"{proxy.url}/systems/", json={name: 1})
        assert name in answer.text
        assert proxy.struck == {}


def test_a_host_and_a_port_will_do(sandbox):
    """So will a target that is no URL."""
    with FaultyProxy(sandbox.url.removeprefix("http://"), 0.0) as proxy:
        assert httpx.get(f"{proxy.url}/airview/services/").status_code == 200


def test_a_reset_on_accept(sandbox, proxied):
    """The connection ends with an RST, and the server hears of nothing."""
    proxy = proxied("reset")
    # The RST may come before `connect` has returned.
    with pytest.raises(ConnectionResetError), connected(proxy.url) as connection:
        read_to_the_end(connection)
    assert list(sandbox.requests) == []
    assert proxy.struck == {"reset": 1}


@pytest.mark.parametrize("seed", range(5))
def test_the_end_within_a_request(sandbox, proxied, seed):
    """The server never gets the request whole, and the client gets nothing."""
    proxy = proxied("close_request", reach=100, seed=seed)
    with connected(proxy.url) as connection:
        send(connection, "POST", f"{proxy.url}/systems/", SYSTEM)
        assert ended(connection) == b""
    assert sandbox.snapshot()["system"] == []
    assert proxy.struck == {"close_request": 1}


@pytest.mark.parametrize("kind", ["close_response", "half_close"])
@pytest.mark.parametrize("seed", range(5))
def test_the_end_within_a_response(sandbox, proxied, kind, seed):
    """The request is carried out, and the answer ends before its time."""
    proxy = proxied(kind, reach=len(STORED), seed=seed)
    with connected(proxy.url) as connection:
        send(connection, "POST", f"{proxy.url}/systems/", SYSTEM)
        answer = ended(connection)
    assert b"HTTP/1.1 200 OK\r\ncontent-type: application/json".startswith(answer)
    assert 1 <= len(answer) <= len(STORED)
    assert len(sandbox.snapshot()["system"]) == 1
    assert proxy.struck == {kind: 1}


def ended(connection):
    """Return what comes until the connection ends, in whichever way."""
    data = b""
    try:
        while piece := connection.recv(1):
            data += piece
    except ConnectionResetError:
        pass
    return data


def test_a_half_closed_connection_still_carries_requests(sandbox, proxied):
    """After the end towards the client the server is asked all the same."""
    proxy = proxied("half_close", reach=1)
    with connected(proxy.url) as connection:
        send(connection, "GET", f"{proxy.url}/services/")
        assert read_to_the_end(connection) == b"H"
        send(connection, "POST", f"{proxy.url}/systems/", SYSTEM)
        deadline = time.monotonic() + 5
        while not sandbox.snapshot()["system"] and time.monotonic() < deadline:
            time.sleep(0.005)
    assert len(sandbox.snapshot()["system"]) == 1


def test_bytes_count_over_the_whole_connection(sandbox, proxied):
    """A connection serves until its bytes are used up."""
    proxy = proxied("close_response", reach=2_000, seed=4)
    with httpx.Client(base_url=proxy.url) as client:
        served = list(itertools.takewhile(bool, (serves(client) for _ in range(100))))
        assert 1 <= len(served) <= 25
        assert serves(client)
    assert proxy.struck == {"close_response": 1}


def serves(client):
    """Whether a request is answered."""
    try:
        return client.get("/services/").status_code == 200
    except httpx.TransportError:
        return False


def test_a_delay(sandbox, proxied):
    """Both ways are late."""
    proxy = proxied("delay", delay=0.05)
    began = time.perf_counter()
    assert httpx.get(f"{proxy.url}/services/").status_code == 200
    assert time.perf_counter() - began >= 0.1
    assert proxy.struck == {"delay": 1}


@pytest.mark.alone
def test_tiny_segments():
    """All comes through, a few bytes at a time."""
    with (
        listen("127.0.0.1", 0) as listener,
        FaultyProxy(listening_url(listener), {"segments": 1.0}, seed=1) as proxy,
        connected(proxy.url) as client,
    ):
        server, _ = listener.accept()
        with server:
            server.settimeout(5)
            # A busy machine may let the segments of one sending come together, not of each.
            for _ in range(100):
                client.sendall(b"x" * 200)
                pieces = []
                while sum(pieces) < 200:
                    pieces.append(len(server.recv(65536)))
                if pieces[0] < 50:
                    break
    assert sum(pieces) == 200
    assert pieces[0] < 50


def test_http_survives_tiny_segments(sandbox, proxied):
    """A client and the server make no difference of it."""
    proxy = proxied("segments")
    answer = httpx.post(f"{proxy.url}/systems/", json={"name": "s", "stage": "MONITOR"})
    assert answer.content == STORED


def struck_connections(sandbox, seed, number=60):
    """Return which of so many connections, one after another, end with an RST."""
    with (
        FaultyProxy(sandbox.airview_url, {"reset": 0.3}, seed=seed) as proxy,
        one_request_each(proxy.url) as client,
    ):
        met = "".join(".x"[not serves(client)] for _ in range(number))
        assert proxy.struck == {"reset": met.count("x")}
    return met


def one_request_each(url):
    """Return a client that opens a connection for every request."""
    return httpx.Client(base_url=url, limits=httpx.Limits(max_keepalive_connections=0))


def test_connections_are_struck_by_their_number(sandbox):
    """The same seed strikes the same ones, another seed others, and never four in a row."""
    first = struck_connections(sandbox, 1)
    assert struck_connections(sandbox, 1) == first
    assert struck_connections(sandbox, 2) != first
    assert 5 <= first.count("x") <= 31
    assert "xxxx" not in first


def test_every_kind_strikes(sandbox):
    """At a rate for all kinds each of them has its part, and most requests get through."""
    with (
        FaultyProxy(sandbox.airview_url, 0.6, seed=1, reach=100, delay=0.001) as proxy,
        one_request_each(proxy.url) as client,
    ):
        served = sum(serves(client) for _ in range(150))
        assert set(proxy.struck) == set(ProxyFault)
    assert served > 60


def test_an_outage(sandbox):
    """Open connections end and new ones are refused, until it serves again."""
    with FaultyProxy(sandbox.airview_url, 0.0) as proxy:
        with httpx.Client(base_url=proxy.url) as client:
            client.get("/services/")
            proxy.outage(60)
            with pytest.raises(httpx.ConnectError):
                client.get("/services/")
            proxy.outage(0.05)
            deadline = time.monotonic() + 5
            while not serves(client) and time.monotonic() < deadline:
                time.sleep(0.01)
            assert serves(client)
        proxy.outage(60)
    with pytest.raises(RuntimeError, match="the proxy is not running"):
        proxy.outage(1)
    gc.collect()


def test_outages_at_once_are_one(sandbox):
    """Those of several threads hold the port once, and the last one says when it is over."""
    for _ in range(20):
        with FaultyProxy(sandbox.airview_url, 0.0) as proxy:
            threads = [threading.Thread(target=proxy.outage, args=(0.01,)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            deadline = time.monotonic() + 5
            with httpx.Client(base_url=proxy.url) as client:
                while not serves(client) and time.monotonic() < deadline:
                    time.sleep(0.01)
                assert serves(client)
    gc.collect()


def test_a_server_that_is_not_there(sandbox):
    """The client's connection ends, too."""
    with listen("127.0.0.1", 0) as listener:
        url = listening_url(listener)
    with FaultyProxy(url, 0.0) as proxy, pytest.raises(httpx.TransportError):
        httpx.get(proxy.url)


def test_it_leaves_nothing_behind(sandbox):
    """Its end closes connections that idle, its thread and its port, and it can start again."""
    proxy = FaultyProxy(sandbox.airview_url, 0.0)
    for _ in range(2):
        with proxy, httpx.Client() as client:
            url = proxy.url
            assert client.get(f"{url}/services/").status_code == 200
            began = time.perf_counter()
            proxy.stop()
            assert time.perf_counter() - began < 1
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
    gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name == "faulty-proxy"]


def test_it_stops_with_a_connection_that_is_accepted(sandbox):
    """One that arrives with the end is closed, not leaked."""
    for _ in range(20):
        with FaultyProxy(sandbox.url, 0.0) as proxy, connected(proxy.url):
            pass
    gc.collect()


def test_wrong_order_is_a_clear_error(sandbox):
    """What needs a running proxy says so, starting twice too; stopping twice is fine."""
    proxy = FaultyProxy(sandbox.url, 0.0)
    with pytest.raises(RuntimeError, match="the proxy is not running"):
        _ = proxy.url
    with proxy, pytest.raises(RuntimeError, match="running already"):
        proxy.start()
    proxy.stop()


@pytest.mark.parametrize(
    ("target", "settings", "message"),
    [
        ("http://localhost", {}, "a target has a host and a port, unlike 'http://localhost'"),
        ("localhost", {}, "a target has a host and a port, unlike 'localhost'"),
        ("localhost:1", {"rates": 2}, "a rate is a share, 0 to 1, not 2"),
        (
            "localhost:1",
            {"rates": {"late": 0.1}},
            "a kind of fault is one of close_request, .*, not 'late'",
        ),
        ("localhost:1", {"reach": 0}, "a reach is at least 1 byte"),
        ("localhost:1", {"delay": -1}, "a delay is not negative"),
    ],
)
def test_what_cannot_be_is_refused(target, settings, message):
    """The error says what is wrong."""
    with pytest.raises(ValueError, match=message):
        FaultyProxy(target, **{"rates": 0.0, **settings})


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_ipv6_on_both_sides():
    """An address of IPv6 is bracketed in the URL."""
    try:
        sandbox = Sandbox(host="::1")
        sandbox.start()
    except OSError as error:
        pytest.skip(str(error))
    with FaultyProxy(sandbox.url, 0.0, host="::1") as proxy:
        assert proxy.url.startswith("http://[::1]:")
        assert httpx.get(f"{proxy.url}/airview/services/").status_code == 200
    sandbox.stop()
