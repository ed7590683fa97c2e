"""Listings in pages: their ends, their circles, and where to go on; no server."""

import base64
import gc
import json

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airview_herald._pagination import Page, Paginator
from airview_herald.errors import InputError, PaginationError

QUERY = "/herald/v2/1/notifications/incidents/alerts?sort=desc"
LOST = (
    "the item to resume behind is no longer where it was: it was deleted, or the pages have "
    "moved; start the listing anew"
)


class Script:
    """Answers each cursor with a page of a script, and notes what was asked."""

    def __init__(self, pages):
        self.pages = pages
        self.asked = []

    async def __call__(self, cursor):
        self.asked.append(cursor)
        page = self.pages[cursor]
        if isinstance(page, Exception):
            raise page
        return page


class Shelf:
    """Lists items by a cursor that stands behind an item, in either ending of a listing."""

    def __init__(self, items, size, *, always_an_id=False):
        self.items = list(items)
        self.size = size
        self.always_an_id = always_an_id
        self.asked = []

    async def __call__(self, cursor):
        self.asked.append(cursor)
        start = 0 if cursor is None else self.items.index(cursor.removeprefix("after ")) + 1
        items = self.items[start : start + self.size]
        more = start + self.size < len(self.items)
        if more or (self.always_an_id and items):
            return page(*items, then=f"after {items[-1]}")
        return page(then=cursor) if self.always_an_id else page(*items)


def page(*items, then=None):
    """Make a page of items, and what the next one is asked for with."""
    return Page(items, then, raw={"notifications": list(items)})


def listing(fetch, query=QUERY, **options):
    """Make a paginator of texts, each its own id."""
    return Paginator(fetch, query=query, identify=lambda item: item, **options)


async def gather(items, found):
    """Read items into a list, which keeps them when the reading fails."""
    async for item in items:
        found.append(item)


async def read(paginator, most=None):
    """Read items up to a number of them."""
    found = []
    async for item in paginator:
        found.append(item)
        if len(found) == most:
            break
    return found


def test_a_listing_is_not_for_for():
    """Nothing could be fetched in it; the message says what to write."""
    script = Script({None: page("a")})
    listing = Paginator(script, query=QUERY, identify=str)
    with pytest.raises(TypeError, match=r"^a listing is read by `async for`, or awaited for a pag"):
        list(listing)
    assert script.asked == []


async def test_awaiting_is_the_first_page():
    """An awaited listing is its first page, whole, and takes one request."""
    fetch = Script({None: page("a", "b", then="x")})
    assert await listing(fetch) == page("a", "b", then="x")
    assert fetch.asked == [None]


async def test_iterating_is_every_item():
    """Items come one by one from page to page."""
    fetch = Script({None: page("a", "b", then="x"), "x": page("c", then="y"), "y": page("d")})
    assert await read(listing(fetch)) == ["a", "b", "c", "d"]
    assert fetch.asked == [None, "x", "y"]


async def test_pages_are_every_page():
    """Pages come as they were answered, empty ones too."""
    pages = {None: page("a", then="x"), "x": page(then="y"), "y": page("b", then="z"), "z": page()}
    assert [each async for each in listing(Script(pages)).pages()] == list(pages.values())


async def test_nothing_is_fetched_before_it_is_needed():
    """Neither making a listing, nor reading within a page, asks for the next one."""
    fetch = Script({None: page("a", "b", then="x"), "x": page("c")})
    items = aiter(listing(fetch))
    assert fetch.asked == []
    assert [await anext(items), await anext(items)] == ["a", "b"]
    assert fetch.asked == [None]
    assert await anext(items) == "c"
    assert fetch.asked == [None, "x"]


async def test_leaving_a_loop_stops_requests_and_leaves_nothing_behind():
    """After a break nothing is fetched, and nothing waits for the garbage collector."""
    fetch = Script({None: page("a", "b", then="x")})
    assert await read(listing(fetch), most=1) == ["a"]
    gc.collect()
    assert fetch.asked == [None]


async def test_a_listing_can_be_read_again():
    """Each reading starts anew, and one that has ended stays so."""
    fetch = Script({None: page("a", then="x"), "x": page("b")})
    paginator = listing(fetch)
    assert [await read(paginator), await read(paginator)] == [["a", "b"], ["a", "b"]]
    items = aiter(paginator)
    assert [await anext(items), await anext(items)] == ["a", "b"]
    for _ in range(2):
        with pytest.raises(StopAsyncIteration):
            await anext(items)
    assert fetch.asked == [None, "x"] * 3


async def test_a_listing_starts_at_a_cursor():
    """A continuation id that the caller has is where the listing starts."""
    fetch = Script({"x": page("b", then="y"), "y": page("c")})
    assert await read(listing(fetch, start="x")) == ["b", "c"]


async def test_an_iterator_goes_on_after_a_failure():
    """When a page cannot be fetched the same iterator asks for it again."""
    fetch = Script({None: page("a", then="x"), "x": OSError("reset")})
    items = aiter(listing(fetch))
    assert await anext(items) == "a"
    with pytest.raises(OSError, match="reset"):
        await anext(items)
    fetch.pages["x"] = page("b")
    assert await anext(items) == "b"


# Ends


@pytest.mark.parametrize("then", [None, ""])
async def test_a_page_without_an_id_is_the_last(then):
    """An id that is absent, null or empty ends the listing, whatever the count says."""
    fetch = Script({None: Page(("a",), then, total_count=100)})
    assert await read(listing(fetch)) == ["a"]


async def test_an_empty_page_that_repeats_its_id_is_the_last():
    """An id alone promises nothing: the page behind it may be empty, with the same id."""
    fetch = Script({None: page("a", then="x"), "x": page(then="x")})
    assert await read(listing(fetch)) == ["a"]
    assert fetch.asked == [None, "x"]


async def test_a_count_ends_nothing():
    """A count that has been reached is no end while there is another page."""
    fetch = Script({None: Page(("a",), "x", total_count=1), "x": page("b")})
    assert await read(listing(fetch)) == ["a", "b"]


@pytest.mark.parametrize("number", [1, 10])
async def test_empty_pages_are_followed(number):
    """A filter of the server's may empty ten pages in a row."""
    pages = {f"{n}": page(then=f"{n + 1}") for n in range(1, number)}
    pages |= {None: page("a", then="1"), f"{number}": page(then="end"), "end": page("b")}
    assert await read(listing(Script(pages))) == ["a", "b"]


async def test_ten_empty_pages_are_counted_anew_after_an_item():
    """What counts is how many are empty in a row."""
    pages = {f"{n}": page(*("b" if n == 9 else ""), then=f"{n + 1}") for n in range(20)}
    pages |= {None: page(then="0"), "20": page("c")}
    assert await read(listing(Script(pages))) == ["b", "c"]


async def test_an_eleventh_empty_page_is_an_error():
    """Pages that stay empty are told, instead of being followed for ever or taken for the end."""
    pages = {f"{n}": page(then=f"{n + 1}") for n in range(1, 30)} | {None: page("a", then="1")}
    fetch = Script(pages)
    with pytest.raises(PaginationError) as caught:
        await read(listing(fetch))
    assert str(caught.value) == "the listing does not go on: 11 empty pages in a row"
    assert fetch.asked == [None, *(f"{n}" for n in range(1, 12))]


async def test_an_eleventh_empty_page_may_be_the_last():
    """An end is an end, however many empty pages came before."""
    pages = {f"{n}": page(then=f"{n + 1}") for n in range(1, 11)}
    pages |= {None: page("a", then="1"), "11": page()}
    assert await read(listing(Script(pages))) == ["a"]


@pytest.mark.parametrize(
    "pages",
    [
        {None: page("a", then="x"), "x": page("a", then="x")},
        {None: page("a", then="x"), "x": page("b", then="y"), "y": page("c", then="x")},
        {None: page("a", then="x"), "x": page(then="y"), "y": page(then="x")},
    ],
    ids=["at once", "later", "empty"],
)
async def test_an_id_that_comes_back_is_an_error(pages):
    """A listing that turns in a circle is told, and nothing is given a second time."""
    items = aiter(listing(Script(pages)))
    assert await anext(items) == "a"
    found = []
    with pytest.raises(PaginationError) as caught:
        await gather(items, found)
    assert "a" not in found
    assert str(caught.value) == "the listing turns in a circle: a continuation id came back"


async def test_the_cursor_that_the_caller_gave_counts_as_sent():
    """A listing that comes back to where the caller started it is a circle."""
    with pytest.raises(PaginationError):
        await read(listing(Script({"x": page("a", then="x")}), start="x"))


# Going on later


@pytest.mark.parametrize("always_an_id", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("seen", range(1, 8))
async def test_a_listing_goes_on_behind_the_last_item(seen, size, always_an_id):
    """Wherever a reading stopped, another gives exactly what is left, whichever the ending."""
    items = list("abcdefg")
    first = listing(Shelf(items, size, always_an_id=always_an_id))
    assert await read(first, most=seen) == items[:seen]
    second = listing(Shelf(items, size, always_an_id=always_an_id), resume=first.resume_token)
    assert await read(second) == items[seen:]


async def test_going_on_takes_one_request_for_the_page():
    """Only the page that was being read is fetched again."""
    shelf = Shelf("abcdef", 2)
    first = listing(shelf)
    await read(first, most=3)
    shelf.asked.clear()
    assert await read(listing(shelf, resume=first.resume_token)) == ["d", "e", "f"]
    assert shelf.asked == ["after b", "after d"]


@pytest.mark.parametrize("new", range(12))
async def test_new_items_at_the_front_shift_nothing(new):
    """In descending order what is new pushes back what was read: it is found all the same."""
    first = listing(Shelf("edcba", 2))
    assert await read(first, most=1) == ["e"]
    shelf = Shelf([*(f"new{n}" for n in range(new)), *"edcba"], 2)
    assert await read(listing(shelf, resume=first.resume_token)) == ["d", "c", "b", "a"]


@pytest.mark.parametrize("always_an_id", [False, True])
async def test_new_items_at_the_end_are_given(always_an_id):
    """In ascending order, going on from the end brings what came since, and nothing else."""
    shelf = Shelf("abc", 2, always_an_id=always_an_id)
    first = listing(shelf)
    assert await read(first) == ["a", "b", "c"]
    shelf.items += ["d", "e", "f"]
    second = listing(shelf, resume=first.resume_token)
    assert await read(second) == ["d", "e", "f"]
    assert await read(listing(shelf, resume=second.resume_token)) == []


async def test_an_item_that_is_gone_is_an_error():
    """When the item is deleted there is no telling what follows it."""
    first = listing(Shelf("abcd", 2))
    await read(first, most=2)
    resumed = listing(Shelf("acd", 2), resume=first.resume_token)
    for reading in (read(resumed), resumed):
        with pytest.raises(PaginationError) as caught:
            await reading
        assert str(caught.value) == LOST


async def test_a_lost_item_is_looked_for_on_ten_more_pages():
    """The search for a lost item ends, however long the listing is."""
    first = listing(Shelf("a", 1))
    await read(first)
    shelf = Shelf([f"new{n}" for n in range(30)], 1)
    with pytest.raises(PaginationError):
        await read(listing(shelf, resume=first.resume_token))
    assert len(shelf.asked) == 11


async def test_a_resumed_listing_is_awaited_and_paged_too():
    """The first page is what is left of the one that was being read."""
    shelf = Shelf("abcde", 3)
    first = listing(shelf)
    await read(first, most=2)
    resumed = listing(shelf, resume=first.resume_token)
    assert (await resumed).items == ("c",)
    assert [each.items async for each in resumed.pages()] == [("c",), ("d", "e")]
    assert await read(resumed) == ["c", "d", "e"]


async def test_a_token_tells_the_last_item_given():
    """The place moves with each item, with each page, and starts where it was resumed."""
    paginator = listing(Shelf("abcd", 2))
    assert paginator.resume_token is None
    tokens = [paginator.resume_token async for _ in paginator]
    assert len(set(tokens)) == 4
    assert [paginator.resume_token async for _ in paginator.pages()] == [tokens[1], tokens[3]]
    await paginator
    assert paginator.resume_token == tokens[1]
    assert listing(Shelf("", 1), resume=tokens[2]).resume_token == tokens[2]


async def test_an_empty_page_moves_no_place():
    """What was given last stays so while there is nothing to give."""
    paginator = listing(Script({None: page("a", then="x"), "x": page(then="y"), "y": page()}))
    tokens = [paginator.resume_token async for _ in paginator.pages()]
    assert len(set(tokens)) == 1
    assert tokens[0] is not None


async def test_behind_an_item_without_an_id_there_is_no_place():
    """What cannot be found again has no token, instead of one that repeats or skips."""
    fetch = Script({None: page("a", "b")})
    paginator = Paginator(fetch, query=QUERY, identify={"a": "a"}.get)
    assert [paginator.resume_token is None async for _ in paginator] == [False, True]


async def test_a_token_of_another_query_is_refused():
    """A token of another listing would go on in the wrong place: it is refused at once."""
    first = listing(Shelf("abcd", 2))
    await read(first, most=1)
    with pytest.raises(InputError) as caught:
        listing(Shelf("abcd", 2), QUERY + "&limit=2", resume=first.resume_token)
    assert str(caught.value) == (
        "resume: belongs to another query: resume with the account, type, sort, since, until and "
        "limit that the listing was started with"
    )


def token_of(content):
    """Make a token of any content."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    "token",
    ["", "?", "ü", "e30=", 5, b"x", *map(token_of, [1, [], [1, 2], [1, 2, 3, 4], ["q", 1, "i"]])],
    ids=repr,
)
def test_what_is_no_token_is_refused(token):
    """Garbage is refused before anything is sent."""
    with pytest.raises(InputError, match=r"^resume: is no resume token$"):
        listing(Script({}), resume=token)


@given(st.text() | st.binary() | st.recursive(st.none() | st.text(), st.lists).map(token_of))
def test_no_token_raises_anything_else(token):
    """Whatever is given for a token is refused as input."""
    with pytest.raises(InputError):
        listing(Script({}), resume=token)


def test_a_token_and_a_cursor_exclude_each_other():
    """A listing cannot start at two places."""
    with pytest.raises(InputError, match=r"^resume: cannot be given beside a continuation id$"):
        listing(Script({}), start="x", resume="y")


async def test_a_token_shows_nothing_of_the_query():
    """A token holds a digest of the query, and neither its account nor its values."""
    paginator = listing(Shelf("ab", 1))
    await read(paginator, most=1)
    content = base64.urlsafe_b64decode(paginator.resume_token)
    assert json.loads(content)[1:] == [None, "a"]
    assert b"herald" not in content


def test_a_page_is_compared_by_what_it_says():
    """The raw page is there, and neither shown nor compared."""
    assert page("a") == attrs.evolve(page("a"), raw=None)
    assert "raw" not in repr(page("a"))


async def test_a_page_is_iterated_as_a_list():
    """Its items are what a reader of a page is after."""
    page = await listing(Shelf("abcd", 3))
    assert (list(page), len(page)) == (list(page.items), 3)
