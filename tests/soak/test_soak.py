"""A small soak on each event loop, and defects that turn it red."""

import contextlib
import json
import shutil
import sqlite3
import sys

import pytest
from account import Account
from ledger import Follower
from soak import Soak

from airview_herald.sandbox import Sandbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is held is read from /proc")

# The row of an event of a batch.
_CHOSEN = """
    CREATE TEMP VIEW chosen AS
    SELECT monitored_resource.* FROM monitored_resource
    JOIN resource ON resource.id = resource_id
    JOIN application_environment_reference USING (application_environment_id)
    WHERE application_environment_reference.reference LIKE '%feed%'
    ORDER BY monitored_resource.id LIMIT 1
"""
# What is done to rows, and what is said of it.
DEFECTS = {
    "DELETE FROM monitored_resource WHERE id IN (SELECT id FROM chosen)": "has nothing, not",
    """
        UPDATE monitored_resource SET additional_data = '0'
        WHERE id IN (SELECT id FROM chosen)
    """: "has 0, not",
    """
        INSERT INTO monitored_resource (technical_control_id, resource_id, monitoring_state,
            additional_data, last_modified, last_seen)
        SELECT technical_control_id, resource_id, monitoring_state,
            additional_data, last_modified, last_seen FROM chosen
    """: "has 2 rows",
    "DELETE FROM notification": "is confirmed and has 0 rows",
    """
        INSERT INTO notification (id, account_id, payload)
        SELECT id || '-again', account_id, payload FROM notification
    """: "is confirmed and has 2 rows",
    """
        INSERT INTO notification (id, account_id, payload)
        VALUES ('other', '12345678', '{"mark": "other"}')
    """: "notifications that nobody sent: ['other']",
}


# Rows of one save.
SAVED = {
    "application_environment_reference": [{"application_environment_id": 5, "reference": "app"}],
    "technical_control": [{"id": 1, "reference": "check"}],
    "resource": [{"id": 2, "application_environment_id": 5, "reference": "r"}],
    "monitored_resource": [{"technical_control_id": 1, "resource_id": 2, "additional_data": "1"}],
}


def save(serial, status=204, served=None):
    """Return a line of a save that was carried out."""
    place = "technicalControlId=1&resourceId=2"
    body = json.dumps({"additionalData": str(serial)})
    return {"kind": "save", "place": place, "body": body, "status": status, "served": served}


def soak(folder, loop, seconds, plants=()):
    """Run a small soak with clients on one event loop."""
    run = Soak(folder, seconds, 1, [loop], small=True, plants=plants)
    run.run()
    return run


def problems(folder, loop, statement):
    """Say what does not add up of a soak that is over, if something is done to its rows."""
    account = Account()
    for line in Follower(folder / f"{loop}.ledger").lines():
        account.take(line)
    changed = shutil.copy(folder / "rows.db", folder / "changed.db")
    with contextlib.closing(sqlite3.connect(changed, isolation_level=None)) as rows:
        rows.execute(_CHOSEN)
        rows.execute(statement)
    with Sandbox(changed) as sandbox:
        account.compare_last(sandbox.snapshot())
    return "\n".join(account.problems)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_small_soak(tmp_path, loop):
    """Through all weathers nothing is left over, and rows are what clients were told, or red."""
    run = soak(tmp_path, loop, 2)
    assert run.problems == []
    assert run.account.totals["events"] > 100
    assert run.account.totals["runs"] > run.account.totals["batches"]
    assert run.account.totals["notifications"] > 20
    assert len(run.weather.spells) >= 5
    assert len(run.faults) > 10
    for statement, words in DEFECTS.items():
        assert words in problems(tmp_path, loop, statement)


@pytest.mark.timeout(120)
def test_leaks_are_seen(tmp_path):
    """A socket, a task and clients that are kept, and an outcome that is not told, turn it red."""
    run = soak(tmp_path, "asyncio", 4, ["socket", "task", "object", "outcome"])
    found = "\n".join(run.problems)
    for what in ("sockets", "tasks", "objects"):
        assert f"asyncio: {what} grow by" in found
        assert f"asyncio, left over: {what}: " in found
    assert "left over: airview_herald.airview._client.AirView: 0 before" in found
    assert "a run that was complete: 1 events have no outcome" in found
    # What is kept until the end is closed by nobody.
    assert "ResourceWarning: unclosed <socket.socket" in found


@pytest.mark.parametrize(
    ("saved", "found"),
    [([1, 2, 1, 3], ["app check r: 1 was saved after 2"]), ([3, 1, 2, 3], []), ([1, 1, 2, 2], [])],
)
def test_a_save_that_comes_too_late_is_seen(saved, found):
    """One after a newer one is found, whatever the row says in the end, and not made good."""
    account = Account()
    for serial in saved:
        account.take(save(serial))
        account.take({"kind": "single", "lane": "app check r", "serial": serial, "fate": "unknown"})
    account.compare(SAVED)
    assert account.problems == found


@pytest.mark.parametrize("fate", ["failed", "not_attempted"])
def test_a_save_that_is_denied_is_seen(fate):
    """An event that was saved is recorded or unknown, and nothing else."""
    account = Account()
    account.take(save(1, status=0, served=204))
    account.take({"kind": "single", "lane": "app check r", "serial": 1, "fate": fate})
    account.compare(SAVED)
    assert f"app check r 1 was saved: {{'{fate}'}}" in account.problems
