"""The commands that ask Herald."""

import json
import re
import shlex
from functools import partial

import pytest

TYPE = "incidents/alerts"
INCIDENT = {
    "notification_data": {"class": "brute_force", "threat_level": "high"},
    "asset_data": {"tags": [{"env": "prod"}]},
    "payload": {"long_incident_id": "0123456789abcdef", "incident_id": "012345"},
}


@pytest.fixture
def seeded(sandbox):
    """A sandbox with a month of notifications."""
    sandbox.herald.seed()
    return sandbox


@pytest.mark.parametrize(
    "options",
    [
        ("--since", "2000w", "--until", "0m"),
        ("--since", "2000-01-01 00:00", "--until", "2100-01-01", "--json"),
        ("--since", "20000101", "--until", "21000101"),
        ("--sort", "asc", "--page-size", "5", "--account-id", "12345678", "--timeout", "20"),
        ("--profile", "night shift", "--allow-http"),
    ],
)
def test_a_listing_is_gone_on_with_by_what_is_told_alone(cli, seeded, options):
    """What is told after each part is all that the next command needs, quoted for a shell."""
    (cli.folder / "config").write_text("[night shift]\n")
    listing = partial(cli, "notifications", "list", TYPE, ALERTLOGIC_CONFIG=cli.folder / "config")
    every = listing(*options).rows
    assert len(every) > 20
    rows, told = [], [*options, "--max", str(len(every) // 3 + 1)]
    while told:
        part = listing(*told)
        assert part.code == 0, part.err
        rows += part.rows
        told = shlex.split(part.err.partition("go on with: ")[2])
        assert {*options[::2], "--max", "--resume"} <= {*told} or not told
    assert [row["id"] for row in rows] == [row["id"] for row in every]


def test_how_long_ago_is_not_gone_on_with(cli, seeded):
    """It is another moment by then: the one that counts was told."""
    query = ("notifications", "list", TYPE, "--since", "2000w")
    token = cli(*query, "--max", "3").err.split()[-1]
    lost = cli(*query, "--resume", token)
    assert lost.code == 2
    assert lost.err == "error: --since: must be the moment that was told beside --resume\n"


def test_listings_are_narrowed_by_time(cli, seeded):
    """Dates, moments, epoch seconds and ages all say when."""
    moments = sorted(row["created"]["at"] for row in cli("notifications", "list", TYPE).rows)
    middle = moments[len(moments) // 2]
    later = cli("notifications", "list", TYPE, "--since", middle, "--until", "2100-01-01").rows
    assert len(later) == sum(each >= middle for each in moments)
    assert cli("notifications", "list", TYPE, "--since", "1m").rows == []


def test_a_table_of_notifications(cli, seeded):
    """The columns that matter, moments readable."""
    done = cli("notifications", "list", TYPE, "--max", "2", "--no-json")
    assert done.out.split("\n")[0].split() == [
        "id", "type", "status", "created", "class", "threat", "level"
    ]  # fmt: skip
    assert "Z  " in done.out


def test_a_notification_is_sent_and_shown(cli, seeded):
    """From a file, with its type as an option, and what became of it."""
    (cli.folder / "incident.json").write_text(json.dumps(INCIDENT))
    [sent] = cli("notifications", "send", "incident.json", "--type", TYPE).rows
    [shown] = cli("notifications", "show", sent["id"]).rows
    assert shown["payload"] == INCIDENT["payload"]
    table = cli("notifications", "show", sent["id"], "--no-json").out
    assert table.split()[:2] == ["id", sent["id"]]
    [row, *_] = cli("notifications", "sent", INCIDENT["payload"]["long_incident_id"]).rows
    assert row["type"] == TYPE
    by_destination = cli(
        "notifications", "sent", INCIDENT["payload"]["long_incident_id"], "--no-json"
    )
    assert "@example.com" in by_destination.out
    assert re.search(r" \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\n", by_destination.out)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{}", "stdin type: is missing"),
        (b"[]", "stdin: must be one JSON object"),
        (b'{"type": "a/b",\n"x"}', "stdin: is not JSON, line 2"),
        (json.dumps(INCIDENT | {"type": TYPE, "body": 1}).encode(), "stdin body: is none of type"),
        (json.dumps(INCIDENT | {"type": "x"}).encode(), "type: must be two parts"),
    ],
)
def test_a_notification_that_cannot_be_sent_is_2(cli, sandbox, content, message):
    """The error names the field and the rule; nothing was sent."""
    done = cli("notifications", "send", "-", stdin=content)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not sandbox.requests


def test_types_are_listed(cli, seeded):
    """By name, too."""
    assert TYPE in {row["notification_type"] for row in cli("notifications", "types").rows}


def test_what_is_not_there_is_1(cli):
    """A 404 is a failure of the command."""
    done = cli("notifications", "show", "nope")
    assert done.code == 1
    assert done.err.startswith("error: nope: there is no notification of that id (GET http://")
    assert done.err.endswith("/notifications/nope answered 404)\n")


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        ("notifications sent nope", "nothing was sent about an incident of that long id"),
        ("subscriptions show nope", "there is no subscription of that id"),
        ("subscriptions update nope -", "there is no subscription of that id"),
        ("subscriptions delete nope", "there is no subscription of that id"),
        ("subscriptions subscribe nope --user u", "there is no subscription of that id"),
        (
            "subscriptions unsubscribe nope --user u",
            "there is no subscription of that id, or it has no such subscriber",
        ),
    ],
)
def test_what_is_not_there_is_named(cli, command, rule):
    """A 404 says what was asked for by which id."""
    done = cli(*command.split(), stdin=b'{"name": "Weekly"}')
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"error: nope: {rule} (")


def test_a_wrong_key_is_3(cli, sandbox):
    """The error says so without the key."""
    done = cli("subscriptions", "list", ALERTLOGIC_SECRET_KEY="a-wrong-secret-key")
    assert done.code == 3
    assert "the access key is wrong" in done.err
    assert "a-wrong-secret-key" not in done.err


def test_an_aims_token_comes_from_a_file(cli, seeded):
    """In place of an access key, for one command."""
    (cli.folder / "token").write_text("no-token-of-aims\n")
    done = cli("subscriptions", "list", "--token-file", "token", "--account-id", "12345678")
    assert done.code == 3
    assert "no-token-of-aims" not in done.err


def test_the_life_of_a_subscription(cli, seeded):
    """Created, listed, changed, subscribed to, deleted."""
    wanted = {
        "name": "Nightly",
        "class": "event",
        "notification_type": TYPE,
        "subscribers": [{"subscriber": "a@example.com", "subscriber_type": "connection"}],
    }
    [made] = cli("subscriptions", "create", "-", stdin=json.dumps(wanted).encode()).rows
    identity = made["id"]
    listed = cli("subscriptions", "list", "--type", TYPE, "--class", "event").rows
    assert "Nightly" in {row["name"] for row in listed}
    assert cli("subscriptions", "list", "--class", "novel").rows == []
    change = json.dumps({"name": "Weekly", "active": False}).encode()
    assert cli("subscriptions", "update", identity, "-", stdin=change).code == 0
    added = cli("subscriptions", "subscribe", identity, "--user", "U-1")
    assert added.rows[0]["subscriber_type"] == "user"
    [shown] = cli("subscriptions", "show", identity).rows
    assert (shown["name"], shown["active"]) == ("Weekly", False)
    assert {each["subscriber"] for each in shown["subscribers"]} == {"a@example.com", "U-1"}
    assert cli("subscriptions", "unsubscribe", identity, "--user", "U-1").code == 0
    again = cli("subscriptions", "unsubscribe", identity, "--user", "U-1")
    assert again.code == 1
    assert cli("subscriptions", "delete", identity).rows == [{"deleted": identity}]
    many = cli("subscriptions", "delete", identity, "other")
    assert (many.code, many.rows) == (1, [])
    assert many.err.endswith(f"; not done: {identity}, other\n")


def test_what_was_deleted_is_told_though_the_rest_was_not_there(cli, seeded):
    """Of several some may be gone already."""
    identity = cli("subscriptions", "list").rows[0]["id"]
    done = cli("subscriptions", "delete", identity, "nope")
    assert (done.code, done.rows) == (1, [{"deleted": identity}])
    assert done.err.endswith("; not done: nope\n")


def test_a_table_of_subscriptions_reads_out_what_json_has(cli, seeded):
    """Whom subscribers name, and moments in place of seconds since the epoch."""
    [first, *_] = cli("subscriptions", "list", "--subscribers").rows
    names = ", ".join(each["subscriber"] for each in first["subscribers"])
    heading, _, row, *_ = cli("subscriptions", "list", "--subscribers", "--no-json").out.split("\n")
    assert heading.split()[-3:] == ["subscriber", "count", "subscribers"]
    assert row.endswith(f" {names}")
    shown = cli("subscriptions", "show", first["id"], "--no-json").out
    assert re.search(rf"^subscribers +{names}$", shown, re.MULTILINE)
    assert re.search(r"^created +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$", shown, re.MULTILINE)
