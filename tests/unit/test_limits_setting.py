"""`Limits`: checked when it is made, and where a limit is not one of an answer, counted."""

import pickle

import attrs
import httpx
import pytest

from airview_herald import AirView, Herald
from airview_herald._json import check_depth
from airview_herald._pagination import Page, Paginator
from airview_herald.errors import ConfigurationError, LimitError, PaginationError, RequestFacts
from airview_herald.transport import Limits
from airview_herald.transport._limits import OverLimitError, check_objects

FACTS = RequestFacts("GET", "https://airview.example/controls/", 200)
WHERE = {"system_name": "s", "system_stage": "MONITOR", "referencing_type": "t"}


@pytest.mark.parametrize("field", [each.name for each in attrs.fields(Limits)])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "16", None])
def test_a_limit_that_cannot_work_is_refused(field, value):
    """The message names it, and its rule."""
    message = rf"^limits\.{field}: must be an integer, at least 1$"
    with pytest.raises(ConfigurationError, match=message):
        Limits(**{field: value})


@pytest.mark.parametrize(
    ("field", "most"), [("header_bytes", 65_536), ("header_count", 1000), ("json_depth", 500)]
)
def test_some_limits_have_a_limit(field, most):
    """Beyond it what reads an answer has limits of its own."""
    assert getattr(Limits(**{field: most}), field) == most
    with pytest.raises(ConfigurationError, match=rf"^limits\.{field}: must be at most {most}$"):
        Limits(**{field: most + 1})


def test_limits_are_frozen_and_have_documented_defaults():
    """What nobody sets is what the documentation says."""
    assert attrs.asdict(Limits()) == {
        "response_bytes": 16 * 2**20,
        "listing_bytes": 256 * 2**20,
        "header_bytes": 65_536,
        "header_count": 128,
        "response_objects": 250_000,
        "listing_objects": 4_000_000,
        "json_depth": 100,
        "pages": 10_000,
        "items": 1_000_000,
    }
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Limits().pages = 1


def test_a_client_takes_nothing_else_for_limits():
    """Either client, and a sibling of either."""
    message = r"^limits: must be a Limits, not int$"
    with pytest.raises(ConfigurationError, match=message):
        AirView("https://airview.example", **WHERE, limits=3)
    with pytest.raises(ConfigurationError, match=message):
        Herald(aims_token="t", account_id="1", limits=3)
    with pytest.raises(ConfigurationError, match=message):
        AirView("https://airview.example", **WHERE).with_options(limits=3)
    with pytest.raises(ConfigurationError, match=message):
        Herald(aims_token="t", account_id="1").with_options(limits=3)


def test_a_limit_error_pickles_with_what_it_tells():
    """The limit, what it allows and what was met survive, and the facts of the request."""
    error = LimitError("too much", FACTS, "pages", 3, 4).amended(ambiguous=True)
    other = pickle.loads(pickle.dumps(error))  # noqa: S301 - its own
    assert (str(other), other.limit, other.allowed, other.met) == ("too much", "pages", 3, 4)
    assert (other.status, other.ambiguous) == (200, True)


@pytest.mark.parametrize(
    ("value", "depth"),
    [(1, 0), ("[[[", 0), ([], 1), ({}, 1), ([1, {"a": []}], 3), ({"a": [1], "b": {"c": {}}}, 3)],
)
def test_depth_is_of_objects_and_lists(value, depth):
    """A value is as deep as the objects and lists within one another in it."""
    check_depth(value, max(depth, 1), FACTS)
    if depth > 1:
        with pytest.raises(LimitError) as caught:
            check_depth(value, depth - 1, FACTS)
        assert (caught.value.limit, caught.value.allowed, caught.value.met) == (
            "json_depth",
            depth - 1,
            depth,
        )


def endless(size):
    """Make a listing that has a next page for ever, of so many items each."""
    asked = []

    async def fetch(cursor):
        asked.append(cursor)
        number = len(asked)
        return Page(tuple(f"{number}.{item}" for item in range(size)), f"cursor {number}")

    return fetch, asked


async def test_the_pages_of_an_iteration_are_counted():
    """The page beyond the limit is not asked for, however often the iterator is."""
    fetch, asked = endless(2)
    listing = Paginator(fetch, query="q", identify=str, most_pages=3)
    items = aiter(listing)
    given = [await anext(items) for _ in range(6)]
    for _ in range(2):
        with pytest.raises(LimitError, match=r"more than 3 pages, and limits\.pages allows") as e:
            await anext(items)
    assert (e.value.limit, e.value.allowed, e.value.met) == ("pages", 3, 4)
    assert len(asked) == 3
    again = Paginator(fetch, query="q", identify=str, resume=listing.resume_token)
    assert again._from.item == given[-1]


async def test_the_items_of_an_iteration_are_counted():
    """As many are given as the limit allows, one by one or by the page."""
    fetch, asked = endless(2)
    items = aiter(Paginator(fetch, query="q", identify=str, most_items=5))
    given = [await anext(items) for _ in range(5)]
    for _ in range(2):
        with pytest.raises(LimitError, match=r"more than 5 items, and limits\.items allows"):
            await anext(items)
    assert (given[-1], len(asked)) == ("3.0", 3)
    pages = Paginator(fetch, query="q", identify=str, most_items=5).pages()
    assert [len(await anext(pages)) for _ in range(2)] == [2, 2]
    for _ in range(2):
        with pytest.raises(LimitError, match=r"more than 5 items"):
            await anext(pages)
    assert len(asked) == 6


async def test_a_listing_of_just_as_many_ends():
    """A limit that is met exactly is no error."""

    async def fetch(cursor):
        return Page(("a", "b"), "x") if cursor is None else Page(("c",))

    listing = Paginator(fetch, query="q", identify=str, most_pages=2, most_items=3)
    assert [item async for item in listing] == ["a", "b", "c"]
    assert [len(page) async for page in listing.pages()] == [2, 1]


async def test_a_cursor_that_no_url_holds_is_not_sent():
    """A server that makes it up is told apart from a caller who does."""

    async def fetch(_):
        return Page(("a",), "x" * 8001)

    with pytest.raises(PaginationError, match=r"has 8001 characters; 8000 are sent"):
        await Paginator(fetch, query="q", identify=str)


@pytest.mark.parametrize(
    ("body", "met"),
    [
        (b"[{},{},[]]", 4),
        (b'{"{":"[[[","a":[1]}', 2),
        (rb'["\"{", "\\", {}, {}]', 3),
        (rb'["\\"[', 2),
        (b"[[[" + b'"{', 3),
        (b'[[["\\', 3),
        ("[{}]".encode("utf-16"), 2),
        (b"", 0),
    ],
)
def test_objects_and_lists_are_counted_but_for_those_in_texts(body, met):
    """Whatever a text holds, how it is escaped, and whether it ends."""
    response = httpx.Response(200)
    check_objects(body, Limits(response_objects=max(1, met)), response, listing=False)
    if met > 1:
        with pytest.raises(OverLimitError, match=f"has {met} objects and lists") as caught:
            check_objects(body, Limits(listing_objects=met - 1), response, listing=True)
        assert (caught.value.name, caught.value.met) == ("listing_objects", met)


def test_a_text_that_does_not_end_is_counted_in_one_pass():
    """Each of its escaped quotes could begin another: a megabyte of them would take hours."""
    body = b"[" + rb"\"" * 500_000 + b"{" * 300_000
    check_objects(body, Limits(), httpx.Response(200), listing=False)
