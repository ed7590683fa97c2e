"""Notifications by type on the sandbox: order, limits, pages and their two endings."""

from urllib.parse import quote

import pytest
from herald_login import logged_in

from airview_herald.sandbox import Sandbox

URL = "/herald/v2/12345678/notifications/incidents/alerts"


def note(number, at):
    """Return a notification of a time."""
    return {"id": f"N{number}", "type": "incidents/alerts", "created": {"at": at, "by": "x"}}


@pytest.fixture
def sandbox():
    """A sandbox with six notifications, two of a time, and others that are not asked for."""
    with Sandbox() as sandbox:
        # Added in another order than they are listed in.
        times = {4: 300, 1: 100, 3: 200.5, 2: 200, 5: 400, 0: 100}
        sandbox.herald.add_notifications(note(number, at) for number, at in times.items())
        sandbox.herald.add_notifications([{**note(9, 250), "type": "incidents/alert"}])
        sandbox.herald.add_account("87654321")
        sandbox.herald.add_notifications([note(8, 250)], account_id="87654321")
        yield sandbox


@pytest.fixture
def client(sandbox):
    """A client that is logged in."""
    with logged_in(sandbox) as client:
        yield client


def ids(page):
    """Return the numbers of the notifications of an envelope, a list or nothing."""
    listed = page["notifications"] if isinstance(page, dict) else page
    return "".join(one["id"].removeprefix("N") for one in listed)


def pages(client, **parameters):
    """Return every page of a listing, until one has no id or repeats the one it was asked with."""
    found, sent = [], None
    while True:
        cursor = {} if sent is None else {"continuation_id": sent}
        found.append(client.get(URL, params=parameters | cursor).json())
        got = found[-1].get("continuation_id")
        if got is None or got == sent:
            return found
        sent = got


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "543210"),
        ("sort=desc", "543210"),
        ("sort=asc", "012345"),
        ("since=200", "5432"),
        ("until=200", "210"),
        ("since=200&until=300&sort=asc", "234"),
        ("since=201", "54"),
        ("since=401", ""),
        ("since=-1&until=999999999999999999", "543210"),
        ("limit=1000&sort=asc", "012345"),
        ("limit=1001&sort=asc", "012345"),
        ("continuation_id=", "543210"),
    ],
)
def test_order_and_bounds(client, query, expected):
    """By time, then id; `since` and `until` include; all matches are counted."""
    answer = client.get(f"{URL}?{query}")
    assert answer.status_code == 200
    assert ids(answer.json()) == expected
    assert answer.json()["total_count"] == len(expected)
    assert "continuation_id" not in answer.json()


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=", "limit=%201", "limit=%D9%A1"),
        *("sort=up", "sort=", "sort=DESC", "sort=%22desc%22"),
        *("since=x", "until=1.5", "since=2023-01-01", "until="),
        *("continuation_id=x", "continuation_id=h%2B%2FW10=", "continuation_id=%00"),
        "continuation_id=h%2B%2FWyJpbmNpZGVudHMvYWxlcnRzIiwgImRlc2MiLCBbMV1d",
    ],
)
def test_bad_queries(client, query):
    """What a parameter does not take is 400, with one code for all."""
    answer = client.get(f"{URL}?{query}")
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_search_parameters"})


@pytest.mark.parametrize(("sort", "expected"), [("desc", "54 32 10"), ("asc", "01 23 45")])
@pytest.mark.parametrize("ending", ["absent", "empty page"])
def test_both_endings(sandbox, client, sort, expected, ending):
    """Pages follow each other without gap or overlap; the last one has no id, or comes empty."""
    sandbox.herald.switches.ending = ending
    found = pages(client, sort=sort, limit=2)
    assert " ".join(map(ids, found)).strip() == expected
    assert all(page["total_count"] == 6 for page in found)
    assert len(found) == (4 if ending == "empty page" else 3)
    assert ("continuation_id" in found[-1]) is (ending == "empty page")


def test_an_empty_listing_with_an_empty_page_at_its_end(sandbox, client):
    """Where there is always an id, a listing without notifications has one that repeats."""
    sandbox.herald.switches.ending = "empty page"
    found = pages(client, since=1000)
    assert [ids(page) for page in found] == ["", ""]


def test_the_usual_page(sandbox, client):
    """Fifty notifications without a limit, a thousand at most."""
    sandbox.herald.add_notifications(note(f"X{number}", 50) for number in range(1100))
    assert len(client.get(URL).json()["notifications"]) == 50
    assert len(client.get(URL, params={"limit": 5000}).json()["notifications"]) == 1000


def test_pages_do_not_shift(sandbox, client):
    """What arrives between two pages changes nothing about those that were there."""
    first = client.get(URL, params={"limit": 3}).json()
    sandbox.herald.add_notifications([note(7, 999), note(6, 150)])
    second = client.get(
        URL, params={"limit": 3, "continuation_id": first["continuation_id"]}
    ).json()
    assert (ids(first), ids(second)) == ("543", "261")


def test_ids_of_pages_need_escapes(client):
    """An id has characters that mean something else in a query string, sent as they are."""
    cursor = client.get(URL, params={"limit": 1}).json()["continuation_id"]
    assert {"+", "/"} <= set(cursor)
    assert client.get(f"{URL}?continuation_id={quote(cursor, safe='')}").status_code == 200
    assert client.get(f"{URL}?continuation_id={cursor}").status_code == 400


def test_ids_of_pages_belong_to_their_listing(client):
    """The id of one type or order is none of another's."""
    cursor = client.get(URL, params={"limit": 1}).json()["continuation_id"]
    for url, sort in ((URL, "asc"), (f"{URL}x", "desc")):
        answer = client.get(url, params={"sort": sort, "continuation_id": cursor})
        assert answer.json() == {"error": "invalid_search_parameters"}


def test_a_bare_list(sandbox, client):
    """The envelope can be switched off."""
    sandbox.herald.switches.listing = "list"
    answer = client.get(URL, params={"limit": 2}).json()
    assert isinstance(answer, list)
    assert ids(answer) == "54"


def test_a_bare_object(sandbox, client):
    """So can the list: one notification, or an empty object."""
    sandbox.herald.switches.listing = "object"
    assert client.get(URL).json()["id"] == "N5"
    assert client.get(URL, params={"since": 999}).json() == {}


@pytest.mark.parametrize(
    ("switch", "value"),
    [
        *(("listing", "tuple"), ("ending", "never"), ("integrations", "none")),
        *(("token_lifetime", -1), ("wrap_tests", 1), ("refuse_authorization", None)),
    ],
)
def test_switches_take_what_they_know(sandbox, switch, value):
    """A wrong value is an error where it is set, and a wrong name as well."""
    with pytest.raises((ValueError, TypeError)):
        setattr(sandbox.herald.switches, switch, value)
    with pytest.raises(AttributeError):
        sandbox.herald.switches.no_such = True
