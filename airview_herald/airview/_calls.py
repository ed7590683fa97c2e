"""What AirView's calls have in common: how one is built, how its answer is read; no I/O."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpx

from airview_herald._json import check_depth, dump, parse_refusal
from airview_herald._rows import Rows
from airview_herald._wire import decode, make_converter
from airview_herald.errors import DecodeError, LimitError
from airview_herald.transport._call import Call, ErrorBody, Reply, RetryClass

T = TypeVar("T")

_OK = 200
_CREATED = 201
_NO_CONTENT = 204
_UNPROCESSABLE = 422
# Statuses that AirView answers with only a phrase as the body.
_BARE = frozenset({400, 409})

_converter = make_converter()


def read_error(reply: Reply) -> ErrorBody:
    """Return what an error body of AirView's says; a gateway's body says nothing."""
    try:
        body = parse_refusal(reply.content)
        check_depth(body, reply.json_depth, reply.facts)
    except (ValueError, RecursionError, LimitError):
        return ErrorBody(unreadable=bool(reply.content))
    phrase = httpx.codes.get_reason_phrase(reply.status)
    if reply.status in _BARE and body == phrase:
        return ErrorBody(own=True, message=body)
    if not isinstance(body, dict):
        return ErrorBody()
    if (body.get("code"), body.get("status")) != (reply.status, phrase):
        return ErrorBody()
    message = body.get("message")
    if message is None:
        errors = body.get("errors")
        message = body["status"] if errors is None else json.dumps(errors, sort_keys=True)
    return ErrorBody(own=True, code=reply.status, message=str(message))


def target(path: str, query: dict[str, Any]) -> str:
    """Return a path with its query, if it has one, encoded."""
    return f"{path}?{urlencode(query, quote_via=quote, safe='')}" if query else path


def read(where: str, decoder: Callable[[Reply], T]) -> Call[T]:
    """Return a call that reads."""
    return Call("GET", where, RetryClass.READ, _OK, decoder)


def read_all(where: str, decoder: Callable[[Reply], T]) -> Call[T]:
    """Return a call that reads rows, all there are: AirView knows no pages."""
    return Call("GET", where, RetryClass.READ, _OK, decoder, listing=True)


def find(path: str, query: dict[str, Any], decoder: Callable[[Reply], T]) -> Call[T | None]:
    """Return a call that looks for what may be absent: a 404 of AirView's own means `None`."""
    return Call("GET", target(path, query), RetryClass.READ, _OK, decoder, absent=True)


def create(path: str, body: dict[str, Any], decoder: Callable[[Reply], T]) -> Call[T]:
    """Return a call that creates a row, which the server answers with."""
    return Call("POST", path, RetryClass.CREATE, _OK, decoder, dump(body))


def create_unseen(path: str, body: dict[str, Any]) -> Call[None]:
    """Return a call that creates a row, of which the server's answer says nothing."""
    return Call("POST", path, RetryClass.CREATE, _CREATED, _nothing, dump(body))


def save(where: str, body: dict[str, Any]) -> Call[None]:
    """Return a call that creates or updates a row, and whose copies may not overlap."""
    return Call("PUT", where, RetryClass.SERIAL, _NO_CONTENT, _nothing, dump(body))


def update(where: str, body: dict[str, Any]) -> Call[None]:
    """Return a call that sets a row to what it says, however often it is sent."""
    return Call("PUT", where, RetryClass.ABSOLUTE, _NO_CONTENT, _nothing, dump(body))


def refused(method: str, path: str) -> Call[None]:
    """Return a call that lacks what the route requires: its 422 shows that it is let through."""
    return Call(method, path, RetryClass.READ, _UNPROCESSABLE, _refusal, dump({}))


def _refusal(reply: Reply) -> None:
    if not read_error(reply).own:
        raise DecodeError("the 422 is not in AirView's shape", reply.facts, "$")


def _nothing(_: Reply) -> None:
    """A 204 has no body, and a 201 has `null`."""


def one(kind: type[T]) -> Callable[[Reply], T]:
    """Return what reads an answer of one row."""

    def decoder(reply: Reply) -> T:
        return _identified(decode(_converter, kind, reply.json(), reply.facts), "$.id", reply)

    return decoder


def many(kind: type[T]) -> Callable[[Reply], Rows[T]]:
    """Return what reads an answer of a list of rows."""

    def decoder(reply: Reply) -> Rows[T]:
        rows = decode(_converter, list[kind], reply.json(), reply.facts)  # type: ignore[valid-type]
        return Rows(_identified(row, f"$[{n}].id", reply) for n, row in enumerate(rows))

    return decoder


def first(rows: Iterable[T] | None) -> T | None:
    """Return the row with the lowest id, since lists have no order; or `None`."""
    return min(rows or (), key=attrgetter("id"), default=None)


def _identified(row: T, path: str, reply: Reply) -> T:
    """Return a row that has its id: the models say `None` for what was not recorded yet."""
    if getattr(row, "id", 0) is None:
        raise DecodeError(f"field missing @ {path}", reply.facts, path)
    return row
