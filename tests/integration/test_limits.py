"""How a batch follows what a server can take, over real sockets."""

import itertools
import time

import anyio
import pytest
from limited import Throttling
from stub_server import StubServer

_ALLOWANCE = 100
_WARM_UP = 3.0


async def _load(airview, event, seconds, **options):
    """Record new resources for so many seconds; return the report."""
    events = (event(f"i-{n}") for n in itertools.count())
    async with airview.stream(events, **options) as run:
        with anyio.move_on_after(seconds):
            async for outcome in run:
                assert outcome.error is None
    return run.report


async def _throttled_run(connect, event, retry_after, seconds):
    server = Throttling(_ALLOWANCE, 20, retry_after)
    with StubServer(server) as stub:
        began = time.monotonic()
        async with connect(stub.url) as airview:
            report = await _load(airview, event, seconds)
        answered = server.between(began + _WARM_UP, began + seconds)
    throttled = sum(each.status == 429 for each in answered)
    taken = len(answered) - throttled
    return report, throttled / len(answered), taken / (_ALLOWANCE * (seconds - _WARM_UP))


@pytest.mark.parametrize(("retry_after", "used"), [("", 0.85), ("1", 0.6)])
@pytest.mark.parametrize(
    "seconds", [7.0, pytest.param(30.0, marks=[pytest.mark.proof, pytest.mark.timeout(120)])]
)
async def test_the_rate_follows_an_allowance(connect, event, retry_after, used, seconds):
    """Of 100 requests a second most are used and few are too many, told how long to wait or not."""
    report, throttled, taken = await _throttled_run(connect, event, retry_after, seconds)
    print(f"{throttled:.1%} throttled, {taken:.0%} of the allowance used")  # noqa: T201 - a proof's result
    assert throttled <= 0.05
    assert taken >= used
    assert report.failed == report.unknown == 0
    assert report.throttled > 0
