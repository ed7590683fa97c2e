"""Listings that come in pages: the first page, every item, every page, and where to go on."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

import attrs

from airview_herald._records import records
from airview_herald._rows import rows_html
from airview_herald.errors import InputError, LimitError, PaginationError

T = TypeVar("T")

# A longer one would not fit into a URL.
_LONGEST_CURSOR = 8_000
# How many empty pages in a row are followed, and how many pages are searched for a lost place.
_PATIENCE = 10
_OTHER_QUERY = (
    "belongs to another query: resume with the account, type, sort, since, until and limit that "
    "the listing was started with"
)


@attrs.frozen
class Page(Generic[T]):
    """One page of a listing.

    Attributes:
        items: What is on it.
        continuation_id: What the next page is asked for with, or `None`. It does not promise that
            there is anything on the next page.
        total_count: How many there are, as far as the server says; of what is not documented.
        raw: The page as received.
    """

    items: tuple[T, ...] = ()
    continuation_id: str | None = None
    total_count: float | None = None
    raw: Any = attrs.field(default=None, eq=False, repr=False)

    def __iter__(self) -> Iterator[T]:
        """Iterate over the items."""
        return iter(self.items)

    def __len__(self) -> int:
        """Return how many items are on the page."""
        return len(self.items)

    def to_records(self) -> list[dict[str, Any]]:
        """Return the items as flat dictionaries for a data frame; see `Rows.to_records`."""
        return records(self.items)

    def _repr_html_(self) -> str:
        return rows_html(self.items)


@attrs.frozen
class _Place:
    """Where in a listing one is: behind an item, on the page that a cursor leads to."""

    cursor: str | None
    item: str


class Paginator(Generic[T]):
    """A listing that is fetched as it is read.

    ```python
    page = await listing                  # the first page
    async for item in listing: ...        # every item, from the start
    async for page in listing.pages(): ...  # every page, from the start
    ```

    Nothing is sent before it is asked for, and nothing more once a loop is left: there is nothing
    to close. Each of the three starts anew, so that a listing can be read again. An iterator whose
    request failed can be asked again, and goes on where it was. One that has read as much as the
    client's `Limits` allow raises a `LimitError`.

    A page without a continuation id is the last one, and so is an empty page that repeats the id
    it was asked for with. Other empty pages are followed, ten in a row at most: a filter of the
    server's may empty them. `total_count` ends nothing.

    **Going on later.** `resume_token` tells where the reading is: a text to be stored, which holds
    a digest of the query, the cursor of the page and the id of the item that was given last. Given
    as `resume` to the same query, in another process say, it fetches that page again and goes on
    behind that item.

    - In ascending order what is new comes last: it is given when the reading gets there.
    - In descending order what is new comes first, and pushes back what was on the first page: what
      stands before the item is skipped, read or new, and the item is looked for on the ten pages
      behind, too. What came meanwhile is for a new listing, `since` the newest item known.
    - An item that is not found, since it was deleted or has moved elsewhere, is a
      `PaginationError`: there is no telling what follows it. Nothing is given twice, and nothing
      left out in silence; start anew, from the last `created.at` that was handled.

    Args:
        fetch: Returns the page that a cursor leads to; `None` is the first page.
        query: What is listed, without a cursor, as one text.
        identify: Returns the id of an item, or `None` for one that has none.
        start: The cursor to start from.
        resume: A `resume_token` to go on from.
        most_pages: Pages that one iterator fetches.
        most_items: Items that one iterator gives.

    Raises:
        InputError: The token is none, is of another query, or is given beside a cursor.
    """

    def __init__(  # noqa: PLR0913 - each is documented, all but one by keyword
        self,
        fetch: Callable[[str | None], Awaitable[Page[T]]],
        *,
        query: str,
        identify: Callable[[T], str | None],
        start: str | None = None,
        resume: str | None = None,
        most_pages: int = 10_000,
        most_items: int = 1_000_000,
    ) -> None:
        if start is not None and resume is not None:
            raise InputError("resume", "cannot be given beside a continuation id")
        self._fetch = fetch
        self._target = query
        self._query = hashlib.sha256(query.encode()).hexdigest()[:32]
        self._identify = identify
        self._from = None if resume is None else self._read_token(resume)
        self._start = start if self._from is None else self._from.cursor
        self._place = self._from
        self._most_pages = most_pages
        self._most_items = most_items

    def __repr__(self) -> str:
        return f"Paginator({self._target!r})"

    def __await__(self) -> Generator[Any, Any, Page[T]]:
        """Return the first page, or what is left of the one that was resumed on."""
        return anext(self.pages()).__await__()

    def __aiter__(self) -> AsyncIterator[T]:
        """Return an iterator over every item."""
        return _Items(self._pages(), self._give, self._most_items)

    # For type checkers it is enough that there is no `__iter__`.
    if not TYPE_CHECKING:

        def __iter__(self) -> NoReturn:
            """Refuse `for`, in which nothing could be fetched."""
            raise TypeError("a listing is read by `async for`, or awaited for a page; not by `for`")

    def pages(self) -> AsyncIterator[Page[T]]:
        """Return an iterator over every page, as answered; there is at least one."""
        return _GivenPages(self._pages(), self._give, self._most_items)

    @property
    def resume_token(self) -> str | None:
        """Where the reading is; `None` before anything was given.

        With several iterators it is the place of the one that gave something last. It is `None`
        also when what was given last has no id.
        """
        if self._place is None:
            return None
        content = [self._query, self._place.cursor, self._place.item]
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()

    def _pages(self) -> _Pages[T]:
        return _Pages(self._fetch, self._start, self._from, self._identify, self._most_pages)

    def _give(self, item: T, cursor: str | None) -> None:
        """Note that an item is given."""
        identity = self._identify(item)
        self._place = None if identity is None else _Place(cursor, identity)

    def _read_token(self, token: str) -> _Place:
        try:
            content = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
            query, cursor, item = content
        except (AttributeError, TypeError, ValueError, RecursionError):
            raise InputError("resume", "is no resume token") from None
        if not (isinstance(item, str) and isinstance(cursor, str | None)):
            raise InputError("resume", "is no resume token")
        if query != self._query:
            raise InputError("resume", _OTHER_QUERY)
        return _Place(cursor, item)


@attrs.define(eq=False)
class _Pages(Generic[T]):
    """The pages from a cursor on, each with the cursor it was fetched by.

    No generator: one that a loop leaves would be the garbage collector's, which trio reports.
    """

    fetch: Callable[[str | None], Awaitable[Page[T]]]
    cursor: str | None
    behind: _Place | None
    identify: Callable[[T], str | None]
    most: int
    fetched: int = 0
    sent: set[str] = attrs.Factory(set)
    empty: int = 0
    searched: int = 0
    ended: bool = False

    async def next(self) -> tuple[str | None, Page[T]]:
        """Fetch the next page, or raise `StopAsyncIteration`."""
        while not self.ended:
            cursor = self.cursor
            if self.fetched >= self.most:
                raise _beyond("pages", self.most)
            page = await self.fetch(cursor)
            self.fetched += 1
            self._advance(page)
            rest = self._rest(page)
            if rest is not None:
                return cursor, rest
        if self.behind is not None:
            raise self._lost()
        raise StopAsyncIteration

    def _advance(self, page: Page[T]) -> None:
        """Move to the next cursor, unless the listing has ended or would not."""
        cursor, following = self.cursor, page.continuation_id or None
        if cursor is not None:
            self.sent.add(cursor)
        if following is None or (not page.items and following == cursor):
            self.ended = True
            return
        if len(following) > _LONGEST_CURSOR:
            raise PaginationError(
                f"the continuation id has {len(following)} characters; {_LONGEST_CURSOR} are sent"
            )
        if following in self.sent:
            raise PaginationError("the listing turns in a circle: a continuation id came back")
        empty = 0 if page.items else self.empty + 1
        if empty > _PATIENCE:
            raise PaginationError(f"the listing does not go on: {empty} empty pages in a row")
        self.cursor, self.empty = following, empty

    def _rest(self, page: Page[T]) -> Page[T] | None:
        """Return the items after the one that was given last; `None` if that one is not here."""
        if self.behind is None:
            return page
        for index, item in enumerate(page.items):
            if self.identify(item) == self.behind.item:
                self.behind = None
                return attrs.evolve(page, items=page.items[index + 1 :])
        self.searched += 1
        if self.searched > _PATIENCE:
            raise self._lost()
        return None

    def _lost(self) -> PaginationError:
        return PaginationError(
            "the item to resume behind is no longer where it was: it was deleted, or the pages "
            "have moved; start the listing anew"
        )


@attrs.define(eq=False)
class _GivenPages(AsyncIterator[Page[T]]):
    """Every page; its last item is the one that was given last."""

    pages: _Pages[T]
    give: Callable[[T, str | None], None]
    most: int
    given: int = 0

    async def __anext__(self) -> Page[T]:
        if self.given > self.most:
            raise _beyond("items", self.most)
        cursor, page = await self.pages.next()
        self.given += len(page.items)
        if self.given > self.most:
            raise _beyond("items", self.most)
        if page.items:
            self.give(page.items[-1], cursor)
        return page


@attrs.define(eq=False)
class _Items(AsyncIterator[T]):
    """Every item of every page."""

    pages: _Pages[T]
    give: Callable[[T, str | None], None]
    most: int
    given: int = 0
    cursor: str | None = None
    items: list[T] = attrs.Factory(list)

    async def __anext__(self) -> T:
        while not self.items:
            self.cursor, page = await self.pages.next()
            self.items = list(reversed(page.items))
        if self.given >= self.most:
            raise _beyond("items", self.most)
        self.given += 1
        item = self.items.pop()
        self.give(item, self.cursor)
        return item


def _beyond(limit: str, most: int) -> LimitError:
    return LimitError(
        f"the listing has more than {most} {limit}, and limits.{limit} allows no more; its "
        "resume_token goes on from here",
        limit=limit,
        allowed=most,
        met=most + 1,
    )
