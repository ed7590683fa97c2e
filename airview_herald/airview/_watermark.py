"""The highest id among the applications: what has a lower one is older than a request to come.

A list of all tells it, and is as long as there are applications. So it is read once, and then every
application that this client makes tells as much. It is read anew when neither is news any more,
since another client may have made one meanwhile; the longer it takes, the less often.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs

from airview_herald._memory import Memory
from airview_herald.airview._notes import Asker
from airview_herald.airview.readings import RecordedApplication
from airview_herald.errors import DecodeError, StatusError

_NEWS = 1.0  # seconds for which a list counts as new, at least
_SHARE = 20.0  # or so many times as long as it took to read it


@attrs.frozen
class _Listing:
    """What a list of the applications of a type told.

    Attributes:
        highest: Their highest id.
        asked: When, in seconds of the transport's clock.
        news_for: For how many seconds it is news.
    """

    highest: int
    asked: float
    news_for: float


class Watermark:
    """The highest id of an application that is known to be there."""

    def __init__(self) -> None:
        self._listings: dict[str, _Listing] = {}
        self._looks: Memory[str, _Listing] = Memory(0)
        self._made: dict[str, int] = {}
        self._made_at = -math.inf
        self._forgotten = 0

    def made(self, kind: str, identifier: int, sent_at: float) -> None:
        """Note an application that this client has made.

        Args:
            kind: Its type.
            identifier: Its id.
            sent_at: When it was sent, in seconds of the transport's clock.
        """
        self._made[kind] = max(identifier, self._made.get(kind, 0))
        self._made_at = max(self._made_at, sent_at)

    def known(self, kind: str) -> int:
        """Return the highest id of an application of a type that the server has told of, or 0."""
        listing = self._listings.get(kind)
        return max(0 if listing is None else listing.highest, self._made.get(kind, 0))

    def clear(self) -> None:
        """Forget it: the server was restored, and gives lower ids again."""
        self._listings.clear()
        self._looks.clear()
        self._made.clear()
        self._made_at = -math.inf
        self._forgotten += 1

    async def before(self, asker: Asker, kind: str) -> int | None:
        """Return the highest id before a request to come; those who ask at once share a look.

        Args:
            asker: Who asks.
            kind: The type of the application that is to be recorded.

        Returns:
            The id, or `None`: the server does not tell. It can be recorded to all the same.
        """

        async def look(_: bool) -> _Listing:  # noqa: FBT001 - as `Memory.resolve` calls it
            return await self._look(asker, kind)

        listing = self._listings.get(kind)
        while listing is None or self._is_old(listing, asker.sender.transport.clock()):
            forgotten = self._forgotten
            try:
                listing = await self._looks.resolve(kind, look, asker.time_left)
            except (DecodeError, StatusError):
                return None
            if forgotten == self._forgotten:
                self._listings[kind] = listing
                break
            listing = None  # it shows the server before it was restored
        return max((listing.highest, *self._made.values()))

    def _is_old(self, listing: _Listing, now: float) -> bool:
        return now - max(listing.asked, self._made_at) > listing.news_for

    async def _look(self, asker: Asker, kind: str) -> _Listing:
        clock = asker.sender.transport.clock
        asked = clock()
        every = await asker.backend.get_applications(kind)
        news_for = max(_NEWS, _SHARE * (clock() - asked))
        return _Listing(highest(every), asked, news_for)


def highest(every: Iterable[RecordedApplication]) -> int:
    """Return the highest id in a list, or 0."""
    return max((row.id for row in every), default=0)
