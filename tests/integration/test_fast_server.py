"""The server of the benchmarks answers as the sandbox does, so that they measure what is true."""

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

_SERVER = Path(__file__).parents[2] / "benchmarks" / "fast_server.py"
_SYSTEM = {"name": "ccf", "stage": "MONITOR"}
_ENVIRONMENT = {"name": "Production", "abbreviation": "PRD"}
_CONTROL = {"name": "Patch R&D servers", "qualityModel": "SECURITY", "severity": "HIGH"}
_TECHNICAL_CONTROL = {
    "name": "EC2 patching",
    "reference": "ec2-patching",
    "systemId": 1,
    "controlAction": "VULNERABILITY",
}
_APPLICATION = {"name": "Payments", "applicationType": "BUSINESS_APPLICATION"}
_REFERENCE = {"type": "aws_account_id", "reference": "payments"}
_PLACED = {"applicationId": 1, "environmentId": 1, "references": [_REFERENCE]}
_RESOURCE = {"name": "i-1", "reference": "i-1", "applicationEnvironmentId": 1}
_ODD = {"name": "é & 1+1", "reference": "é & 1+1", "applicationEnvironmentId": 1}
_STATE = {"monitoringState": "FLAGGED", "additionalData": "{}"}
_PLACE = "/referenced-application-environments/?type=aws_account_id&reference=payments"
# In an order in which each makes what the next ones need.
_SEQUENCE = [
    ("GET", "/systems/?name=ccf", None),
    ("POST", "/systems/", _SYSTEM),
    ("POST", "/systems/", _SYSTEM),
    ("GET", "/systems/?name=ccf", None),
    ("GET", "/environments/", None),
    ("POST", "/environments/", _ENVIRONMENT),
    ("POST", "/environments/", _ENVIRONMENT),
    ("POST", "/environments/", {"name": "Test", "abbreviation": "TST"}),
    ("GET", "/environments/", None),
    ("GET", "/controls/?name=Patch%20R%26D%20servers", None),
    ("POST", "/controls/", _CONTROL),
    ("POST", "/controls/", _CONTROL),
    ("GET", "/controls/?name=Patch%20R%26D%20servers", None),
    ("GET", "/controls/?name=Patch+R%26D+servers", None),
    ("GET", "/controls/", None),
    ("GET", "/technical-controls/?systemId=1&reference=ec2-patching", None),
    ("POST", "/technical-controls/", _TECHNICAL_CONTROL),
    ("POST", "/technical-controls/", _TECHNICAL_CONTROL),
    ("POST", "/technical-controls/", _TECHNICAL_CONTROL | {"systemId": 9}),
    ("POST", "/technical-controls/", _TECHNICAL_CONTROL | {"reference": "a", "controlId": 9}),
    (
        "POST",
        "/technical-controls/",
        _TECHNICAL_CONTROL | {"reference": "b", "controlId": 1, "ttl": 5, "isBlocking": True},
    ),
    ("GET", "/technical-controls/?systemId=1&reference=ec2-patching", None),
    ("GET", "/technical-controls/?systemId=1&reference=b", None),
    ("GET", _PLACE, None),
    ("GET", "/applications/", None),
    ("POST", "/applications/", _APPLICATION),
    ("POST", "/applications/", _APPLICATION),
    ("GET", "/applications/", None),
    ("GET", "/applications/?applicationType=BUSINESS_APPLICATION", None),
    ("GET", "/applications/?applicationType=TECHNICAL_SERVICE", None),
    ("GET", "/applications/?applicationType=OTHER", None),
    ("POST", "/application-environments/", _PLACED | {"applicationId": 9}),
    ("POST", "/application-environments/", _PLACED | {"environmentId": 9}),
    ("POST", "/application-environments/", _PLACED),
    ("POST", "/application-environments/", _PLACED | {"environmentId": 2}),
    ("GET", _PLACE, None),
    ("GET", "/resources/?applicationEnvironmentId=1&reference=i-1", None),
    ("POST", "/resources/", _RESOURCE),
    ("POST", "/resources/", _RESOURCE),
    ("POST", "/resources/", _RESOURCE | {"applicationEnvironmentId": 9}),
    ("GET", "/resources/?applicationEnvironmentId=1&reference=i-1", None),
    ("GET", "/resources/?applicationEnvironmentId=2&reference=i-1", None),
    ("GET", "/resources/?reference=i-1", None),
    ("POST", "/resources/", _ODD),
    ("GET", "/resources/?applicationEnvironmentId=1&reference=%C3%A9%20%26%201%2B1", None),
    ("PUT", "/monitored-resources/?technicalControlId=1&resourceId=1", _STATE),
    (
        "PUT",
        "/monitored-resources/?technicalControlId=1&resourceId=1",
        {"monitoringState": "DELETED"},
    ),
    ("PUT", "/monitored-resources/?technicalControlId=9&resourceId=1", _STATE),
    ("PUT", "/monitored-resources/?technicalControlId=1&resourceId=9", _STATE),
    (
        "PUT",
        "/monitored-resources/?technicalControlId=1&resourceId=1",
        {"monitoringState": "BROKEN"},
    ),
    ("POST", "/monitored-resources/", _STATE),
    ("GET", "/nothing/", None),
]


class _FastServer:
    """The program, told what to do on its standard input."""

    def __init__(self, process):
        self._process = process
        self.url = process.stdout.readline().strip()

    def ask(self, order):
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@pytest.fixture(params=[(), ("--punctual",)], ids=["usual", "punctual"])
def fast(request):
    """The server of the benchmarks, both ways in which it waits."""
    command = [sys.executable, _SERVER, *request.param]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield _FastServer(process)
        process.stdin.close()


def _answers(url):
    """Send the sequence, and return for each request what a client can see of the answer."""
    _, netloc, prefix, _, _ = urlsplit(url)
    connection = http.client.HTTPConnection(netloc)
    try:
        for method, target, body in _SEQUENCE:
            content = None if body is None else json.dumps(body)
            headers = {} if body is None else {"Content-Type": "application/json"}
            connection.request(method, prefix + target, content, headers)
            answer = connection.getresponse()
            yield answer.status, answer.getheader("content-type"), answer.read()
    finally:
        connection.close()


def test_it_answers_as_the_sandbox_does(sandbox, fast):
    """Status, type and bytes are the sandbox's, for every request that the benchmarks send."""
    expected = list(_answers(sandbox.airview_url))
    for request, theirs, ours in zip(_SEQUENCE, expected, _answers(fast.url), strict=True):
        assert (request, ours) == (request, theirs)
    assert int(fast.ask("count")) == len(_SEQUENCE)


async def test_nothing_else_is_sent(sandbox, connect, event):
    """A batch, cold and warm, sends what the sequence has."""
    async with connect() as airview:
        for status in ("FLAGGED", "MONITORING"):
            report = await airview.ingest(event(f"i-{n}", status) for n in range(40))
            assert report.recorded == 40
    prefix = urlsplit(sandbox.airview_url).path
    sent = {(each.method, each.path.removeprefix(prefix)) for each in sandbox.requests}
    assert sent <= {(method, target.partition("?")[0]) for method, target, _ in _SEQUENCE}


async def test_a_batch_costs_the_same_requests_on_both(sandbox, fast, connect, event):
    """One event after another, the server of the benchmarks takes the requests of the sandbox."""
    for url in (sandbox.airview_url, fast.url):
        async with connect(url) as airview:
            report = await airview.ingest((event(f"i-{n}") for n in range(20)), concurrency=1)
        assert report.recorded == 20
    assert int(fast.ask("count")) == len(sandbox.requests)


def test_its_latency_is_kept(fast):
    """An answer takes the latency it is told, and as long until it is told another."""
    for latency in (0.05, 0.0):
        assert fast.ask(f"latency {latency}") == str(latency)
        connection = http.client.HTTPConnection(urlsplit(fast.url).netloc)
        began = time.perf_counter()
        connection.request("GET", "/environments/")
        assert connection.getresponse().read() == b"[]\n"
        took = time.perf_counter() - began
        connection.close()
        assert took >= latency
