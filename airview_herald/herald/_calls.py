"""How Herald's operations are called and answered, in general; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import attrs

from airview_herald._json import check_depth, dump, parse_refusal
from airview_herald._open import OpenRow
from airview_herald._rows import Rows
from airview_herald._wire import decode, make_open_converter
from airview_herald.errors import DecodeError, ErrorAnswer, LimitError
from airview_herald.herald import _rules
from airview_herald.herald.models import FailedSubscriber
from airview_herald.transport._call import Call, ErrorBody, Reply, RetryClass

T = TypeVar("T")
RowT = TypeVar("RowT", bound=OpenRow)

ROOT = "/herald/v2"

# Statuses of refusals whose body is undocumented, and may be empty.
_BARE = frozenset({401, 403, 404, 409, 413})

_converter = make_open_converter()


def segment(field: str, value: object) -> str:
    """Return a value as one segment of a path."""
    return "/" + quote(_rules.path_value(field, value), safe="")


def type_segments(field: str, value: object) -> str:
    """Return a notification type as two segments: its slash goes as it is.

    One segment, with `%2F`, would be read as the id of a notification.
    """
    return "".join(segment(field, half) for half in _rules.notification_type(field, value))


def account(account_id: object) -> str:
    """Return the path of an account."""
    return ROOT + segment("account_id", account_id)


def target(path: str, query: Mapping[str, Any]) -> str:
    """Return a path with what is given of its query, encoded."""
    given = {
        name: ("false", "true")[value] if isinstance(value, bool) else value
        for name, value in query.items()
        if value is not None
    }
    return f"{path}?{urlencode(given, quote_via=quote, safe='')}" if given else path


def read(operation: str, where: str, decoder: Callable[[Reply], T]) -> Call[T]:
    """Return a call that reads."""
    return Call("GET", where, RetryClass.READ, None, decoder, operation=operation)


def post_once(
    operation: str, path: str, body: Mapping[str, Any], decoder: Callable[[Reply], T]
) -> Call[T]:
    """Return a call that must not be repeated: a copy would act twice, or fail after a success."""
    return Call("POST", path, RetryClass.ONCE, None, decoder, dump(body), operation=operation)


def update(
    operation: str, method: str, path: str, body: Mapping[str, Any], decoder: Callable[[Reply], T]
) -> Call[T]:
    """Return a call that sets something to what it says, however often it is sent."""
    return Call(method, path, RetryClass.ABSOLUTE, None, decoder, dump(body), operation=operation)


def delete(operation: str, path: str) -> Call[None]:
    """Return a call that deletes."""
    return Call("DELETE", path, RetryClass.ABSOLUTE, None, nothing, operation=operation)


def nothing(reply: Reply) -> None:
    """Read an answer without content; a gateway's page is refused."""
    if reply.content:
        reply.json()


def one(kind: type[RowT]) -> Callable[[Reply], RowT]:
    """Return what reads an answer of one object."""
    return lambda reply: decode(_converter, kind, reply.json(), reply.facts)


def many(kind: type[RowT], name: str) -> Callable[[Reply], Rows[RowT]]:
    """Return what reads an answer of a list, which is in an object under that name."""

    def decoder(reply: Reply) -> Rows[RowT]:
        body = reply.json()
        if not isinstance(body, dict):
            raise DecodeError(f"expected an object with {name} @ $", reply.facts, "$")
        rows = body.get(name)
        return Rows() if rows is None else Rows(part(list[kind], rows, reply, f"$.{name}"))  # type: ignore[valid-type]  # as in airview

    return decoder


def part(kind: type[T], value: Any, reply: Reply, path: str = "$") -> T:
    """Return what an answer holds at a path, as typed."""
    return decode(_converter, kind, value, reply.facts, path)


@attrs.frozen
class _Refusal(OpenRow):
    subscribers_failed: tuple[FailedSubscriber, ...] = ()


def read_error(reply: Reply) -> ErrorBody:
    """Return what an error body of Herald's says: it may be JSON, text, or empty."""
    try:
        body = parse_refusal(reply.content)
        check_depth(body, reply.json_depth, reply.facts)
    except (ValueError, RecursionError, LimitError):
        body = reply.content.decode(errors="replace") or None
    if not isinstance(body, dict):
        own = not reply.content and reply.status in _BARE
        return ErrorBody(own=own, vague=True, answer=ErrorAnswer(body=body))
    code, path = body.get("error"), body.get("path")
    answer = ErrorAnswer(
        details=body.get("details"),
        path=path if isinstance(path, str) else None,
        subscribers_failed=_failed(body, reply),
        unprocessed_items=body.get("unprocessed_items"),
        body=body,
    )
    return ErrorBody(
        own=isinstance(code, str) or "subscribers_failed" in body,
        code=code if isinstance(code, str) else None,
        message=_message(answer, code),
        vague=True,
        answer=answer,
    )


def _failed(body: dict[str, Any], reply: Reply) -> tuple[FailedSubscriber, ...]:
    """Return the subscribers that were refused; those of another shape are in the body only."""
    try:
        return part(_Refusal, body, reply).subscribers_failed
    except DecodeError:
        return ()


def not_done(items: object) -> list[str]:
    """Return the `unprocessed_items` of a refusal, which may be any JSON, as texts."""
    if not items:
        return []
    return [str(each) for each in (items if isinstance(items, list) else [items])]


def _message(answer: ErrorAnswer, code: object) -> str:
    """Return an error's code with what is wrong, where, and with which of several items."""
    words = code if isinstance(code, str) else ""
    if isinstance(answer.details, str):
        words += f": {answer.details}"
    if answer.path is not None:
        words += f" at {answer.path}"
    parts = [words.lstrip(": ")]
    parts += [f"{each.subscriber}: {each.error}" for each in answer.subscribers_failed]
    if left := not_done(answer.unprocessed_items):
        parts.append(f"not done: {', '.join(left)}")
    return "; ".join(filter(None, parts))
