"""What a client takes from a server at most, whatever the server sends."""

from __future__ import annotations

import re

import attrs
import httpx

from airview_herald._numbers import is_integer
from airview_herald.errors import ConfigurationError, LimitError, RequestFacts

# The most bytes of an answer's head; other limits may be lower.
LONGEST_HEAD = 65_536
# The name of a request's extension: a function that tells whether the operation's time is up.
EXPIRED = "airview_herald.expired"

# The message of h11, in httpx's own transports, for a head of more than 100 KiB.
_TOO_LONG = "Receive buffer too long"
_MOST_HEADERS = 1000
_DEEPEST = 500
# Bytes of a header besides its name and value: a colon, a space and a line end.
_AROUND_A_HEADER = 4
# JSON's texts, of which the last may be unfinished. Possessive, so that it takes linear time.
_TEXTS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


def _at_least_one(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if not is_integer(value) or value < 1:
        raise ConfigurationError(f"limits.{attribute.name}: must be an integer, at least 1")
    most: int | None = attribute.metadata.get("most")
    if most is not None and value > most:
        raise ConfigurationError(f"limits.{attribute.name}: must be at most {most}")


def _limit(default: int, most: int | None = None) -> int:
    limit: int = attrs.field(
        default=default, validator=_at_least_one, metadata={"most": most} if most else {}
    )
    return limit


@attrs.frozen
class Limits:
    """What a client takes from a server, and reads of a listing, at most.

    What goes beyond is a `LimitError` that names the limit. It is not asked for again: the server
    would say the same.

    Attributes:
        response_bytes: Bytes of an answer's body, as sent and as decompressed; default 16 MiB.
        listing_bytes: The same for AirView's routes that list rows, which know no pages: what they
            answer is as long as the table behind them; default 256 MiB.
        header_bytes: Bytes of an answer's head without its first line; at most, and by default,
            64 KiB.
        header_count: Headers of an answer; default 128, at most 1000.
        response_objects: Objects and lists in an answer; default 250,000.
        listing_objects: The same for AirView's routes that list rows; default 4,000,000.
        json_depth: Objects and lists within one another in an answer; default 100, at most 500.
        pages: Pages that one iteration of a listing fetches; default 10,000.
        items: Items that one iteration of a listing gives; default 1,000,000.
    """

    response_bytes: int = _limit(16 * 2**20)
    listing_bytes: int = _limit(256 * 2**20)
    header_bytes: int = _limit(LONGEST_HEAD, LONGEST_HEAD)
    header_count: int = _limit(128, _MOST_HEADERS)
    response_objects: int = _limit(250_000)
    listing_objects: int = _limit(4_000_000)
    json_depth: int = _limit(100, _DEEPEST)
    pages: int = _limit(10_000)
    items: int = _limit(1_000_000)


class OverLimitError(httpx.RemoteProtocolError):
    """An answer that goes beyond a limit.

    Args:
        what: What was met, in words: `its body has 17 bytes`.
        name: The limit.
        allowed: What it allows.
        met: What was met; no more was read.
        response: The answer, if its head has arrived.
    """

    def __init__(  # noqa: PLR0913 - what is told of it
        self,
        what: str,
        name: str,
        allowed: int,
        met: int,
        *,
        request: httpx.Request | None = None,
        response: httpx.Response | None = None,
    ) -> None:
        super().__init__(f"{what}, and limits.{name} allows {allowed}", request=request)
        self.name = name
        self.allowed = allowed
        self.met = met
        self.response = response

    def told(self, facts: RequestFacts) -> LimitError:
        """Return it as an error of this package."""
        return LimitError(
            f"{facts.method} {facts.url}: {self}", facts, self.name, self.allowed, self.met
        )


def endless_head(request: httpx.Request | None, met: int) -> OverLimitError:
    """Return the error of an answer whose head does not end within what is read of one."""
    what = f"the answer's head does not end within {met} bytes"
    return OverLimitError(what, "header_bytes", LONGEST_HEAD, met, request=request)


def check_awaited(request: httpx.Request, received: int) -> None:
    """Refuse to read on in a head that is too long, or that drips beyond the deadline.

    Args:
        request: What is answered.
        received: The bytes of the head so far, interim answers included.

    Raises:
        OverLimitError: It is too long.
        httpx.ReadTimeout: The time is up.
    """
    if received >= LONGEST_HEAD:
        raise endless_head(request, received)
    if request.extensions.get(EXPIRED, bool)():
        raise httpx.ReadTimeout("the answer has no head at the deadline", request=request)


def too_many_lines(request: httpx.Request, met: int) -> OverLimitError:
    """Return the error of an answer whose head has more lines than are read of one."""
    what = f"the answer's head has more than {met} lines"
    return OverLimitError(what, "header_count", _MOST_HEADERS, met, request=request)


def over_limit(caught: BaseException) -> OverLimitError | None:
    """Return the limit that an exception of httpx's stands for, if it is one."""
    if isinstance(caught, OverLimitError):
        return caught
    if isinstance(caught, httpx.RemoteProtocolError) and str(caught) == _TOO_LONG:
        return endless_head(None, LONGEST_HEAD)
    return None


def check_objects(
    content: bytes, limits: Limits, response: httpx.Response, *, listing: bool
) -> None:
    """Refuse a body that holds more objects and lists of JSON than are read.

    Two bytes of it become an object of some hundred.

    Raises:
        OverLimitError: It does.
    """
    name = "listing_objects" if listing else "response_objects"
    most = limits.listing_objects if listing else limits.response_objects
    met = _objects_in(content)
    if met > most:
        met = _objects_in(_TEXTS.sub(b"", content))
    if met > most:
        what = f"the answer's JSON has {met} objects and lists"
        raise OverLimitError(what, name, most, met, response=response)


def _objects_in(content: bytes) -> int:
    return content.count(b"{") + content.count(b"[")


def check_head(response: httpx.Response, limits: Limits) -> None:
    """Refuse an answer with too many headers, or too long ones.

    Raises:
        OverLimitError: It has.
    """
    raw = response.headers.raw
    size = _AROUND_A_HEADER * len(raw)
    for name, value in raw:
        size += len(name) + len(value)
    if size > limits.header_bytes:
        what = f"the answer's headers have {size} bytes"
        raise OverLimitError(what, "header_bytes", limits.header_bytes, size, response=response)
    if len(raw) > limits.header_count:
        what = f"the answer has {len(raw)} headers"
        raise OverLimitError(what, "header_count", limits.header_count, len(raw), response=response)
