"""What went wrong with an attempt, as an error of this package and as a retry's input."""

from __future__ import annotations

import errno
import os
import re

import attrs
import httpx

from airview_herald._quoted import shortened
from airview_herald.errors import (
    AirViewHeraldError,
    ConnectError,
    DecodeError,
    LimitError,
    RequestFacts,
    RequestTimeoutError,
    TLSError,
    TransportError,
    status_error,
)
from airview_herald.transport._call import ErrorBody, Reply
from airview_herald.transport._handshake import fault_of
from airview_herald.transport._limits import OverLimitError, over_limit
from airview_herald.transport._retry import Failure, Fate, status_failure

HTTPX_ERRORS = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict)

_BY_TYPE: dict[type[BaseException], tuple[type[TransportError], Fate]] = {
    httpx.ConnectTimeout: (RequestTimeoutError, Fate.UNPROCESSED),
    httpx.PoolTimeout: (RequestTimeoutError, Fate.UNPROCESSED),
    httpx.TimeoutException: (RequestTimeoutError, Fate.AMBIGUOUS),
    httpx.ConnectError: (ConnectError, Fate.UNPROCESSED),
    httpx.ProxyError: (ConnectError, Fate.UNPROCESSED),
    httpx.UnsupportedProtocol: (ConnectError, Fate.VERDICT),
    httpx.LocalProtocolError: (TransportError, Fate.VERDICT),
    httpx.InvalidURL: (TransportError, Fate.VERDICT),
    httpx.CookieConflict: (TransportError, Fate.VERDICT),
}
_LONGEST_MESSAGE = 2_000
_OTHERWISE = (TransportError, Fate.AMBIGUOUS)
# Errors whose texts may quote a query or a header.
_TELLTALES = (
    httpx.CookieConflict,
    httpx.HTTPStatusError,
    httpx.InvalidURL,
    httpx.LocalProtocolError,
)
# What parsers quote of a malformed answer, which may even repeat the request's headers.
_QUOTATION = re.compile(r"""[:\s]+(?:bytearray\()?b?["'].*""", re.DOTALL)


class FailedAttempt(Exception):  # noqa: N818 - it never leaves the send path
    """An attempt that brought no result.

    Args:
        error: What the caller gets if it was the last attempt.
        failure: What the decision to retry needs.
    """

    def __init__(self, error: AirViewHeraldError, failure: Failure) -> None:
        super().__init__(error, failure)
        self.error = error
        self.failure = failure


def from_httpx(caught: BaseException, facts: RequestFacts) -> FailedAttempt:
    """Return the failure behind an exception of httpx's."""
    over = over_limit(caught)
    if over is not None:
        return _from_limit(over, facts)
    kind, fate = next((_BY_TYPE[c] for c in type(caught).__mro__ if c in _BY_TYPE), _OTHERWISE)
    reason = type(caught).__name__
    telltale = isinstance(caught, _TELLTALES)
    words = _system_words(caught) or _QUOTATION.sub("", str(caught))
    if words and not telltale:
        reason += f": {words}"
    fault = fault_of(caught, httpx.URL(facts.url).netloc.decode("ascii"))
    if fault is not None:
        # Another handshake would fail in the same way, so that a retry is no use.
        kind, fate, reason = TLSError, Fate.VERDICT, fault
    error = kind(f"{facts.method} {facts.url}: {reason}", facts)
    if isinstance(caught, httpx.RequestError):
        # A copy, since the exception itself holds the request, and with it the credential.
        caught = type(caught)(words)
    error.__cause__ = None if telltale else caught
    return FailedAttempt(error, Failure(fate))


def _system_words(caught: BaseException) -> str:
    """Return what the system says of a connection that was not made, if it says anything.

    What tried all addresses of a host says that all attempts failed, and not why.
    """
    if not isinstance(caught, httpx.ConnectError):
        return ""
    error: BaseException | None = caught
    while error is not None:
        tried = error.exceptions if isinstance(error, BaseExceptionGroup) else (error,)
        # `ssl` and `socket` subclass OSError with error numbers of their own.
        system = [e for e in tried if isinstance(e, OSError) and type(e).__module__ == "builtins"]
        numbers = [each.errno or 0 for each in system]
        words = [os.strerror(number) for number in numbers if number in errno.errorcode]
        if words:
            return ", ".join(dict.fromkeys(words))
        error = error.__cause__ or error.__context__
    return ""


def _from_limit(caught: OverLimitError, facts: RequestFacts) -> FailedAttempt:
    """Return the failure behind an answer that was not read to its end.

    A refusal is one, however long its page is. Anything else has been carried out, as far as can
    be known, and asking again would bring the same.
    """
    response = caught.response
    failure = Failure(Fate.DONE)
    if response is not None:
        facts = attrs.evolve(
            facts,
            status=response.status_code,
            request_id=response.headers.get("x-request-id"),
        )
        if not response.is_success:
            failure = status_failure(
                response.status_code, ErrorBody(), response.headers, empty=False
            )
    facts = attrs.evolve(facts, retry_after=failure.retry_after)
    return FailedAttempt(caught.told(facts), failure)


def from_status(reply: Reply, body: ErrorBody, *, anonymous: bool = False) -> FailedAttempt:
    """Return the failure behind an answer that is not the documented success.

    Args:
        reply: The answer.
        body: What it says.
        anonymous: Whether the client has no credential to send, and no header that may be one.
    """
    failure = status_failure(reply.status, body, reply.headers, empty=not reply.content)
    # Shortened because a report may keep a thousand errors.
    said = shortened(body.message, _LONGEST_MESSAGE)
    facts = attrs.evolve(
        reply.facts,
        code=body.code,
        message=said,
        retry_after=failure.retry_after,
        own=body.own,
        answer=body.answer,
    )
    text = f"{facts.method} {facts.url} answered {facts.status}"
    if said:
        text += f": {said}"
    elif facts.status == httpx.codes.NOT_FOUND and not (body.own or body.vague):
        text += ", not in the service's own shape: a gateway, or a wrong base URL"
    elif 300 <= reply.status < 400:  # noqa: PLR2004 - the redirects
        text += ": redirects are not followed"
    if facts.status == httpx.codes.UNAUTHORIZED:
        none = "; no header with a credential was sent"
        text += none if anonymous else "; the credential was refused"
    return FailedAttempt(status_error(text, facts), failure)


def from_depth(error: LimitError) -> FailedAttempt:
    """Return the failure behind a success that is nested too deep: what was asked for is done."""
    return FailedAttempt(error, Failure(Fate.DONE))


def from_decoding(error: DecodeError) -> FailedAttempt:
    """Return the failure behind a success that cannot be read.

    A body that is no JSON was cut or garbled under way. One of another shape is what the server
    says: asking again brings the same, but what was asked for is done.
    """
    facts = error.request
    told = DecodeError(f"{facts.method} {facts.url}: {error.message}", facts, error.path)
    return FailedAttempt(told, Failure(Fate.DONE if error.path else Fate.AMBIGUOUS))
