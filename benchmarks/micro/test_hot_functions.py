"""The functions that run for every event or request, timed by pytest-benchmark; no I/O.

nox -s micro
"""

import io
import json

import pytest

from airview_herald._request_facts import RequestFacts
from airview_herald.airview import (
    Application,
    ComplianceEvent,
    Environment,
    TechnicalControl,
    TechnicalControlAction,
    _routes,
)
from airview_herald.airview._event_lines import encode
from airview_herald.airview._lanes import Lanes, lane_key
from airview_herald.sources import read_jsonl
from airview_herald.transport import Retry
from airview_herald.transport._call import Reply, RetryClass
from airview_herald.transport._retry import Failure, Fate, delay_before_retry

_ENVIRONMENTS = [
    {"id": n, "name": f"Environment {n}", "abbreviation": f"E{n}"} for n in range(1, 21)
]
_LINES = 1000


@pytest.fixture
def event():
    """An event as a scanner makes it."""
    return ComplianceEvent(
        "arn:aws:ec2:eu-west-1:123456789012:instance/i-0abcd1234",
        Application("Payments", "123456789012", environment=Environment("Production", "PRD")),
        TechnicalControl("EC2 patching", "ec2-patching", TechnicalControlAction.VULNERABILITY),
        "FLAGGED",
        '{"finding": "CVE-2024-0001"}',
    )


@pytest.fixture
def reply():
    """Make the answer to a GET."""
    facts = RequestFacts("GET", "https://airview.example.com/resources/", 200)
    return lambda row: Reply(200, {}, json.dumps(row).encode(), facts)


def test_build_a_save(benchmark):
    """The route of every event: its target and its body."""
    call = benchmark(_routes.save_monitored_resource, 31, 301, "FLAGGED", '{"finding": 1}')
    assert call.method == "PUT"


def test_build_a_look(benchmark, event):
    """The look-up of a resource, whose reference is encoded."""
    call = benchmark(_routes.get_resource, event.resource_reference, 15)
    assert call.target.endswith("i-0abcd1234")


def test_decode_a_resource(benchmark, reply):
    """One row, from bytes."""
    call = _routes.get_resource("i-1", 15)
    row = {
        "applicationEnvironmentId": 15,
        "id": 301,
        "name": "i-1",
        "reference": "i-1",
        "resourceTypeId": None,
    }
    assert benchmark(call.decode, reply(row)).id == 301


def test_decode_twenty_environments(benchmark, reply):
    """A list of rows, from bytes."""
    call = _routes.get_environments()
    assert len(benchmark(call.decode, reply(_ENVIRONMENTS))) == 20


def test_join_and_leave_a_lane(benchmark, event):
    """The place of an event that nothing is ahead of."""
    lanes = Lanes(lambda: 0.0, None)

    def join_and_leave():
        lanes.join(lane_key(event)).leave()

    benchmark(join_and_leave)
    assert len(lanes) == 0


def test_decide_on_a_retry(benchmark):
    """The backoff after a failure."""
    policy, failure = Retry(), Failure(Fate.AMBIGUOUS)

    def decide():
        return delay_before_retry(
            policy, RetryClass.SERIAL, failure, attempt=2, attempts=4, settle=30.0
        )

    assert benchmark(decide) == 30.0


def test_read_a_thousand_lines(benchmark, event):
    """Events from JSON Lines."""
    file = io.BytesIO((encode(event) + b"\n") * _LINES)

    def read():
        file.seek(0)
        return sum(1 for _ in read_jsonl(file))

    assert benchmark(read) == _LINES
