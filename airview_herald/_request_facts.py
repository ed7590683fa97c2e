"""What an error may tell of the request behind it, and of the answer."""

from __future__ import annotations

from typing import Any

import attrs


@attrs.frozen
class ErrorAnswer:
    """What Herald's error body says beyond its code; empty for AirView.

    Attributes:
        details: What is wrong, such as the name of a key that is missing.
        path: Where in the request's body, dotted, with list positions left empty: `subscribers.`.
        subscribers_failed: A `FailedSubscriber` of `airview_herald.herald` for each subscriber
            that was refused.
        unprocessed_items: What a batch left undone, as received: ids, as far as is known.
        body: The whole body: JSON as received, else its text; `None` when it is empty.
    """

    details: Any = None
    path: str | None = None
    subscribers_failed: tuple[Any, ...] = ()
    unprocessed_items: Any = None
    body: Any = attrs.field(default=None, repr=False)


@attrs.frozen
class RequestFacts:
    """What an error may tell of the request behind it.

    Attributes:
        method: `GET`, `POST`, `PUT` or `DELETE`; empty when no request was involved.
        url: The full URL without its query string.
        status: The HTTP status, when an answer arrived.
        code: The error code inside the answer's body, when it has one.
        message: The answer's own words: AirView's `message`, or its `errors` as text; Herald's
            code, with what and where.
        attempts: How often the request was sent.
        request_id: The server's id for the request, when it names one.
        retry_after: Seconds the server asked to wait, when it did.
        ambiguous: Whether the server may have carried the request out all the same.
        own: Whether the answer is the service's own, and not a gateway's.
        operation: The documented name of the operation, for Herald's.
        answer: What else Herald's error body says.
    """

    method: str = ""
    url: str = ""
    status: int | None = None
    code: int | str | None = None
    message: str = ""
    attempts: int = 0
    request_id: str | None = None
    retry_after: float | None = None
    ambiguous: bool = False
    own: bool = False
    operation: str = ""
    answer: ErrorAnswer = ErrorAnswer()
