"""Every error this package raises.

```
AirViewHeraldError
├── ConfigurationError        settings that cannot work              (also a ValueError)
│   ├── FinishedError         the run of a state file is done already: nothing is left to do
│   └── InUseError            another run has a file of this one
├── InputError                what the caller gave breaks a rule     (also a ValueError)
├── AuthenticationError       no usable credential could be had
├── TransportError            no complete answer arrived
│   ├── ConnectError          no connection: nothing was sent
│   │   └── TLSError              a certificate that is not trusted, or no TLS in common
│   ├── RequestTimeoutError   the connection or the answer took too long
│   ├── DeadlineError         the operation's total time is used up
│   └── CooldownError         the server keeps a batch waiting for too long
├── StatusError               the server answered, and not as hoped  (alias BackendFailureException)
│   ├── RedirectError         3xx: never followed
│   ├── ClientStatusError     4xx
│   │   ├── BadRequestError 400, UnauthorizedError 401, ForbiddenError 403,
│   │   ├── ConflictError 409, PayloadTooLargeError 413, ValidationError 422,
│   │   ├── TooManyRequestsError 429
│   │   └── NotFoundError 404
│   │       └── NotServedError    the server's release does not have the route
│   └── ServerStatusError     5xx
│       └── InternalServerError 500, BadGatewayError 502,
│           ServiceUnavailableError 503, GatewayTimeoutError 504
├── DecodeError               the answer is not what the contract says
├── LimitError                an answer or a listing goes beyond a limit of the client
├── PaginationError           a listing does not end, or cannot be continued
├── IngestAborted             a batch ended before its input did
└── EscalationError           findings are recorded, and somebody was not told
```

Nothing from httpx, cattrs or msgspec escapes this tree. Every error pickles, and none holds a
header, a body or a query string of the request, where secrets and customers' names travel.
"""

from __future__ import annotations

import copy
from typing import Any, Self

import attrs

from airview_herald._request_facts import ErrorAnswer, RequestFacts

__all__ = [
    "AirViewHeraldError",
    "AuthenticationError",
    "BackendFailureException",
    "BadGatewayError",
    "BadRequestError",
    "ClientStatusError",
    "ConfigurationError",
    "ConflictError",
    "ConnectError",
    "CooldownError",
    "DeadlineError",
    "DecodeError",
    "ErrorAnswer",
    "EscalationError",
    "FinishedError",
    "ForbiddenError",
    "GatewayTimeoutError",
    "InUseError",
    "IngestAborted",
    "InputError",
    "InternalServerError",
    "LimitError",
    "NotFoundError",
    "NotServedError",
    "PaginationError",
    "PayloadTooLargeError",
    "RedirectError",
    "RequestFacts",
    "RequestTimeoutError",
    "ServerStatusError",
    "ServiceUnavailableError",
    "StatusError",
    "TLSError",
    "TooManyRequestsError",
    "TransportError",
    "UnauthorizedError",
    "ValidationError",
    "status_error",
]


_NO_REQUEST = RequestFacts()


class AirViewHeraldError(Exception):
    """The root of the tree.

    Args:
        message: One sentence for a person.
        request: What may be told of the request; see `RequestFacts`.
    """

    def __init__(self, message: str = "", request: RequestFacts = _NO_REQUEST) -> None:
        super().__init__(message, request)
        self.message = message
        self.request = request

    def __str__(self) -> str:
        """Return the message, without the facts."""
        return self.message

    def __repr__(self) -> str:
        """Return the class and the message, without the facts."""
        return f"{type(self).__name__}({str(self)!r})"

    def __copy__(self) -> Self:
        """Return a fresh error to raise elsewhere: no traceback, no cause, notes of its own."""
        other = type(self)(*self.args)
        vars(other).update(vars(self))
        if hasattr(self, "__notes__"):
            other.__notes__ = list(self.__notes__)
        return other

    def amended(self, **facts: Any) -> Self:
        """Return the same error with other `RequestFacts`; for the send path."""
        other = copy.copy(self)
        other.request = attrs.evolve(self.request, **facts)
        other.args = tuple(other.request if arg is self.request else arg for arg in self.args)
        other.__cause__ = self.__cause__
        return other

    @property
    def method(self) -> str:
        """The HTTP method, or an empty string."""
        return self.request.method

    @property
    def url(self) -> str:
        """The URL without its query, or an empty string."""
        return self.request.url

    @property
    def status(self) -> int | None:
        """The HTTP status, when an answer arrived."""
        return self.request.status

    @property
    def code(self) -> int | str | None:
        """The error code inside the answer's body."""
        return self.request.code

    @property
    def attempts(self) -> int:
        """How often the request was sent."""
        return self.request.attempts

    @property
    def request_id(self) -> str | None:
        """The server's id for the request."""
        return self.request.request_id

    @property
    def retry_after(self) -> float | None:
        """Seconds the server asked to wait."""
        return self.request.retry_after

    @property
    def own(self) -> bool:
        """Whether the answer is the service's own, and not a gateway's."""
        return self.request.own

    @property
    def ambiguous(self) -> bool:
        """Whether the server may have carried the request out all the same."""
        return self.request.ambiguous

    @property
    def operation(self) -> str:
        """The documented name of Herald's operation, or an empty string."""
        return self.request.operation


class ConfigurationError(AirViewHeraldError, ValueError):
    """Settings that cannot work, found before anything is sent."""


class FinishedError(ConfigurationError):
    """The run that `state` keeps has come to its end: nothing is left to do, and nothing was sent.

    For a job that is started twice this is good news; the message says how to begin anew.
    """


class InUseError(ConfigurationError):
    """Another run has the file of `state` or of `dead_letters`; it ends with its process."""


class InputError(AirViewHeraldError, ValueError):
    """What the caller gave breaks a rule, found before anything is sent.

    Args:
        field: The path of the field, such as `technical_control.reference`.
        rule: The rule it breaks, in words.
        subject: The caller's own object, unchanged.
    """

    def __init__(self, field: str, rule: str, subject: object = None) -> None:
        super().__init__(f"{field}: {rule}")
        self.args: tuple[Any, ...] = (field, rule, subject)
        self.field = field
        self.rule = rule
        self.subject = subject


class AuthenticationError(AirViewHeraldError):
    """No usable credential could be had; the message says what the token service answered."""


class TransportError(AirViewHeraldError):
    """No complete answer arrived; `ambiguous` says whether the request may have landed."""


class ConnectError(TransportError):
    """No connection could be made: nothing was sent."""


class TLSError(ConnectError):
    """Server and client do not trust each other, or speak no TLS in common; it ends a batch."""


class RequestTimeoutError(TransportError):
    """The connection, the sending or the answer took longer than the timeout allows."""


class DeadlineError(TransportError):
    """The operation's total time is used up, or the wait the server asks for would exceed it."""


class CooldownError(TransportError):
    """The server has kept a batch from all success for longer than its `max_cooldown`."""


class StatusError(AirViewHeraldError):
    """The server answered with a status that is not the documented success.

    What Herald's error bodies say, and AirView's do not, is in attributes of its own.
    """

    @property
    def answer(self) -> ErrorAnswer:
        """All that Herald's error body says beyond its code."""
        return self.request.answer

    @property
    def details(self) -> Any:
        """What is wrong, such as the name of a key that is missing; usually text."""
        return self.answer.details

    @property
    def path(self) -> str | None:
        """Where in the request's body, dotted, with list positions left empty."""
        return self.answer.path

    @property
    def subscribers_failed(self) -> tuple[Any, ...]:
        """The subscribers that were refused, each a `FailedSubscriber`."""
        return self.answer.subscribers_failed

    @property
    def unprocessed_items(self) -> Any:
        """What a batch left undone: ids, as far as is known."""
        return self.answer.unprocessed_items

    @property
    def body(self) -> Any:
        """Herald's error body: JSON as received, else its text; `None` when it is empty."""
        return self.answer.body


class RedirectError(StatusError):
    """A 3xx: redirects are never followed, since credentials belong to one origin."""


class ClientStatusError(StatusError):
    """A 4xx without a class of its own."""


class BadRequestError(ClientStatusError):
    """400: a rule or a database constraint of the server."""


class UnauthorizedError(ClientStatusError):
    """401: the credential was refused, even when fresh; in a batch time and again."""


class ForbiddenError(ClientStatusError):
    """403: the credential lacks the role of the operation."""


class NotFoundError(ClientStatusError):
    """404: no such row, or no such route."""


class NotServedError(NotFoundError):
    """404: the server's release does not have the route at all, whatever the row."""


class ConflictError(ClientStatusError):
    """409: a constraint of the server."""


class PayloadTooLargeError(ClientStatusError):
    """413: the body is larger than the server takes."""


class ValidationError(ClientStatusError):
    """422: the body or the query fails the server's schema."""


class TooManyRequestsError(ClientStatusError):
    """429: refused before processing, for being too many."""


class ServerStatusError(StatusError):
    """A 5xx without a class of its own."""


class InternalServerError(ServerStatusError):
    """500: an unhandled fault of the server."""


class BadGatewayError(ServerStatusError):
    """502: a gateway got no usable answer from the server."""


class ServiceUnavailableError(ServerStatusError):
    """503: the server, or a gateway before it, takes no requests now."""


class GatewayTimeoutError(ServerStatusError):
    """504: a gateway gave up waiting for the server."""


class DecodeError(AirViewHeraldError):
    """The answer is not what the contract says.

    Args:
        message: What is wrong, first fault first.
        request: What may be told of the request.
        path: Where in the document, such as `$[0].id`; empty when it is not JSON at all.
    """

    def __init__(
        self, message: str = "", request: RequestFacts = _NO_REQUEST, path: str = ""
    ) -> None:
        super().__init__(message, request)
        self.args: tuple[Any, ...] = (message, request, path)
        self.path = path


class LimitError(AirViewHeraldError):
    """An answer or a listing goes beyond one of the client's `Limits`, and is not read on.

    It is not asked for again. `status` is there when the answer's head was read; `ambiguous` says
    whether the request may have been carried out all the same.

    Args:
        message: What was met, and what is allowed.
        request: What may be told of the request.
        limit: The field of `Limits`, such as `response_bytes`.
        allowed: What it allows.
        met: What was met when reading stopped; there may be more.
    """

    def __init__(
        self,
        message: str = "",
        request: RequestFacts = _NO_REQUEST,
        limit: str = "",
        allowed: int = 0,
        met: int = 0,
    ) -> None:
        super().__init__(message, request)
        self.args: tuple[Any, ...] = (message, request, limit, allowed, met)
        self.limit = limit
        self.allowed = allowed
        self.met = met


class PaginationError(AirViewHeraldError):
    """A listing does not end, or there is no telling where it would go on."""


class IngestAborted(AirViewHeraldError):  # noqa: N818 - the documented name: a batch was aborted
    """A producer, a callback or a systemic error ended a batch before its input did.

    The reason is the `__cause__`.

    Args:
        message: Why, in a sentence.
        report: The closed `IngestReport`: every input that was taken has one outcome.
    """

    def __init__(self, message: str = "", report: Any = None) -> None:
        super().__init__(message)
        self.args: tuple[Any, ...] = (message, report)
        self.report = report


class EscalationError(AirViewHeraldError):
    """Findings became FLAGGED, and not all of their notifications are known to be sent.

    The first reason is the `__cause__`. A send whose answer was lost is among them, its error
    `ambiguous`: it was not repeated.

    Args:
        message: How many, and why, in a sentence.
        unsent: What `Escalation.unsent` holds: each alert with its error.
    """

    def __init__(self, message: str = "", unsent: Any = ()) -> None:
        super().__init__(message)
        self.args: tuple[Any, ...] = (message, unsent)
        self.unsent = unsent


BackendFailureException = StatusError

_BY_STATUS: dict[int, type[StatusError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    413: PayloadTooLargeError,
    422: ValidationError,
    429: TooManyRequestsError,
    500: InternalServerError,
    502: BadGatewayError,
    503: ServiceUnavailableError,
    504: GatewayTimeoutError,
}
_BY_HUNDREDS: dict[int, type[StatusError]] = {
    3: RedirectError,
    4: ClientStatusError,
    5: ServerStatusError,
}


def status_error(message: str, request: RequestFacts) -> StatusError:
    """Return the error of a status: its own class, else that of its hundreds, else the branch."""
    status = request.status or 0
    kind = _BY_STATUS.get(status) or _BY_HUNDREDS.get(status // 100, StatusError)
    return kind(message, request)
