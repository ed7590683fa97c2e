"""A batch under faults of every kind at once, on every route, against the same batch without any.

What a fault schedule decides follows from its seed and from the requests. Which requests there are
does not: ids hang on the order of creates, that on timing, and a request that is struck is sent
again. So a seed gives the same decisions about the same requests, and runs that differ in detail.
"""

import random
import time
from collections import Counter

import anyio.to_thread
import httpx
import pytest
from natural_rows import natural_rows

from airview_herald import AirView
from airview_herald.airview import (
    Application,
    ComplianceEvent,
    Control,
    Environment,
    QualityModel,
    TechnicalControl,
    TechnicalControlAction,
)
from airview_herald.auth import ClientCredentials
from airview_herald.sandbox import FaultKind, Sandbox

STATES = ("FLAGGED", "MONITORING", "UNRESPONSIVE")
# A pause that is asked for holds the whole client a second, and what strikes a token strikes all
# that is in flight with it: as often as the others they would be all that there is to see.
RARE = dict.fromkeys(["too_many_seconds", "too_many_date", "revoked", "expired"], 1 / 25)
# Applications, technical controls, resources, repeats with another state.
SMALL = (8, 5, 150, 50)
FULL = (200, 50, 9_000, 1_000)


def rates(share):
    """Return the share of requests that each kind strikes."""
    weights = {kind: RARE.get(kind, 1.0) for kind in FaultKind}
    return {kind: share * weight / sum(weights.values()) for kind, weight in weights.items()}


def batch(applications, technical_controls, resources, repeats):
    """Return events; the repeats come anywhere behind the first ones, many close to them."""
    environments = [Environment("Production", "PRD"), Environment("Test", "TST")]
    apps = [
        Application(f"App {n}", f"app-{n}", environment=environments[n % 2])
        for n in range(applications)
    ]
    parents = [
        Control(f"R&D {n}", QualityModel.SECURITY) for n in range((technical_controls + 4) // 5)
    ]
    controls = [
        TechnicalControl(
            f"Check {n}", f"check-{n}", TechnicalControlAction.LOG, control=parents[n // 5]
        )
        for n in range(technical_controls)
    ]
    rng = random.Random(5)
    places = sorted(rng.choices(range(1, resources + 1), k=repeats))
    turns = []
    for n in range(resources):
        turns.append(n)
        while places and places[0] == n + 1:
            places.pop(0)
            turns.append(rng.randrange(n + 1) if rng.random() < 0.5 else n - min(n, 20) // 2)
    return [
        ComplianceEvent(
            f"i-{n}",
            apps[n % applications],
            controls[n % technical_controls],
            STATES[(n + turn) % 3],
            f"turn {turn}",
        )
        for turn, n in enumerate(turns)
    ]


async def ingest(sandbox, events, read, settle):
    """Record a batch; return its outcomes, its report and the rows that it leaves."""
    outcomes = []
    async with AirView(
        sandbox.airview_url,
        system_name="ccf",
        system_stage="MONITOR",
        referencing_type="aws_account_id",
        auth=ClientCredentials(sandbox.token_url, "sandbox-client", "sandbox-secret"),
        timeout=httpx.Timeout(5, read=read),
        settle=settle,
    ) as airview:
        report = await airview.ingest(events, on_outcome=outcomes.append)
    await anyio.to_thread.run_sync(sandbox.faults.drain)
    return outcomes, report, natural_rows(sandbox.snapshot())


@pytest.fixture(scope="module")
def undisturbed():
    """What batches leave without faults, as far as it is known."""
    return {}


async def compare(undisturbed, size, seed, share, read=1.0, settle=2.0):
    """Run a batch through faults; return which kinds struck and the share that they struck."""
    events = batch(*size)
    if size not in undisturbed:
        async with Sandbox(require_token=True) as sandbox:
            outcomes, _, undisturbed[size] = await ingest(sandbox, events, read, settle)
        assert {outcome.status for outcome in outcomes} == {"recorded"}
    async with Sandbox(require_token=True) as sandbox:
        sandbox.faults.configure(seed=seed, read_timeout=read, settle=settle)
        sandbox.faults.add("*", "*", rates(share))
        began = time.monotonic()
        outcomes, report, left = await ingest(sandbox, events, read, settle)
        elapsed = time.monotonic() - began
        requests, struck = len(sandbox.requests), sandbox.faults.struck
    faulty = sum(struck.values()) / requests
    more = sum(map(Counter.total, left.values()))
    more -= sum(map(Counter.total, undisturbed[size].values()))
    print(  # noqa: T201 - a proof's result
        f"\nseed {seed}: {len(events)} events, {requests} requests, {faulty:.1%} of them faulty, "
        f"{elapsed:.0f} s, {more} rows too many; concurrency {report.concurrency}; "
        f"{dict(sorted(struck.items()))}"
    )
    assert Counter(outcome.status for outcome in outcomes) == {"recorded": len(events)}
    assert sorted(outcome.index for outcome in outcomes) == list(range(len(events)))
    assert left == undisturbed[size]
    return struck, faulty


@pytest.mark.timeout(120)
async def test_a_batch_through_all_faults_leaves_what_it_leaves_without(undisturbed):
    """At 15 % and more every event is recorded, in one row, with its last state and its links."""
    struck, faulty = await compare(undisturbed, SMALL, 2, 0.22, read=0.3, settle=0.5)
    assert faulty >= 0.15
    # Which of the rare kinds strike hangs on ids, and so on the order of creates.
    assert len(struck) >= len(FaultKind) - len(RARE) - 3


@pytest.mark.proof
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("anyio_backend", "seed"),
    [*(("asyncio", seed) for seed in range(1, 11)), ("trio", 1), ("trio", 2)],
)
async def test_ten_thousand_events_through_all_faults(undisturbed, anyio_backend, seed):
    """So are ten thousand, whatever the seed, with a read time-out of 1 s and a settle of 2 s."""
    struck, faulty = await compare(undisturbed, FULL, seed, 0.17)
    assert faulty >= 0.15
    assert struck.keys() == set(FaultKind)
