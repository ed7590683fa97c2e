"""One request as a value, and its answer as a value; no I/O."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Generic, TypeVar

import attrs
import httpx

from airview_herald._json import check_depth, parse
from airview_herald.errors import ErrorAnswer, RequestFacts
from airview_herald.transport._limits import Limits

T_co = TypeVar("T_co", covariant=True)


class RetryClass(Enum):
    """What sending a request twice would do; see `airview_herald.transport._retry`."""

    READ = "read"
    CREATE = "create"
    SERIAL = "serial"
    ABSOLUTE = "absolute"
    ONCE = "once"


@attrs.frozen(repr=False)
class Reply:
    """An answer as it arrived, read to its end.

    Attributes:
        status: The HTTP status.
        headers: The headers.
        content: The body.
        facts: What an error about this answer may tell.
        json_depth: How many objects and lists may be within one another in it.
    """

    status: int
    headers: httpx.Headers
    content: bytes
    facts: RequestFacts
    json_depth: int = Limits().json_depth

    @property
    def method(self) -> str:
        """The method of the request."""
        return self.facts.method

    @property
    def url(self) -> str:
        """The URL of the request without its query."""
        return self.facts.url

    @property
    def request_id(self) -> str | None:
        """The server's id for the request, when it names one."""
        return self.facts.request_id

    def __repr__(self) -> str:
        """Show neither headers nor the body, which may be secret."""
        return f"Reply(status={self.status!r}, method={self.method!r}, url={self.url!r})"

    def json(self) -> Any:
        """Return the body as JSON, or raise `DecodeError`, or `LimitError` for its depth."""
        value = parse(self.content, self.facts)
        check_depth(value, self.json_depth, self.facts)
        return value


@attrs.frozen
class ErrorBody:
    """What a service's error body says.

    Attributes:
        own: Whether it has the service's own shape, so that no gateway made it up.
        code: Its error code.
        message: Its words.
        vague: Whether the service documents nothing of its 5xx: a 503 may have been processed all
            the same, and a 500 is not worth another write.
        unreadable: Whether there is a body, and it is not JSON.
        answer: What else it says.
    """

    own: bool = False
    code: int | str | None = None
    message: str = ""
    vague: bool = False
    unreadable: bool = False
    answer: ErrorAnswer = attrs.field(factory=ErrorAnswer)


@attrs.frozen
class Call(Generic[T_co]):
    """One request of a service, built without I/O.

    Attributes:
        method: The HTTP method.
        target: Path and query below the base URL, encoded.
        retry_class: What sending it twice would do.
        success: The one status that means success, or `None`: any 2xx does.
        decode: Turns a successful answer into the result.
        body: The JSON body, encoded, or `None`.
        absent: Whether a 404 in the service's own shape means `None` and not an error.
        operation: The documented name of the operation, for errors to tell.
        listing: Whether the answer lists every row there is, and so may be longer than others.
    """

    method: str
    target: str
    retry_class: RetryClass
    success: int | None
    decode: Callable[[Reply], T_co]
    body: bytes | None = attrs.field(default=None, repr=False)
    absent: bool = False
    operation: str = ""
    listing: bool = False

    def succeeds(self, status: int) -> bool:
        """Return whether a status is the success of this call."""
        if self.success is None:
            return httpx.codes.is_success(status)
        return status == self.success

    def is_none(self, status: int, body: ErrorBody, *, replayed: bool) -> bool:
        """Return whether a failure's status means `None`: nothing is there, or no longer.

        Args:
            status: The HTTP status.
            body: What the body says.
            replayed: Whether an earlier copy of the request may have landed.
        """
        if status != httpx.codes.NOT_FOUND:
            return False
        return (self.absent and body.own) or (self.method == "DELETE" and replayed)
