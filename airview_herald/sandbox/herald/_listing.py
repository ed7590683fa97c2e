"""Notifications by type, page after page."""

import base64
import json
import math
import re
from typing import Any

from airview_herald.sandbox._answers import Answer
from airview_herald.sandbox.herald._answers import reply, wrong_search
from airview_herald.sandbox.herald._http import Call, Paths
from airview_herald.sandbox.herald._tables import NOTIFICATION

_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_USUAL_LIMIT, _LARGEST_LIMIT = 50, 1000
# `+` and `/` have to be escaped in a URL, which shows clients that do not escape.
_MARK = "h+/"
_MATCHES = "account_id = ? AND type = ? AND created_at >= ? AND created_at <= ?"


def _by_type(call: Call) -> Answer:
    kind = f"{call.path['a']}/{call.path['b']}"
    sort = call.query.get("sort", "desc")
    if sort not in {"asc", "desc"}:
        raise wrong_search()
    limit = min(int(_number(call, "limit", _USUAL_LIMIT)), _LARGEST_LIMIT)
    if limit < 1:
        raise wrong_search()
    since, until = _number(call, "since", -math.inf), _number(call, "until", math.inf)
    matches = (call.account_id, kind, since, until)
    sent = call.query.get("continuation_id", "")
    place = _read(sent, kind, sort) if sent else []
    after = f" AND (created_at, id) {'<' if sort == 'desc' else '>'} (?, ?)" if place else ""
    rows = call.database.rows(
        f"SELECT * FROM notification WHERE {_MATCHES}{after}"  # noqa: S608 - ours
        f" ORDER BY created_at {sort}, id {sort} LIMIT ?",
        *(*matches, *place, limit + 1),
    )
    page = [NOTIFICATION.wire(row) for row in rows[:limit]]
    if call.state.switches.listing == "list":
        return reply(page)
    if call.state.switches.listing == "object":
        return reply(page[0] if page else {})
    (total,) = call.database.rows(
        f"SELECT count(*) AS count FROM notification WHERE {_MATCHES}",  # noqa: S608 - ours
        *matches,
    )
    envelope = {"notifications": page, "total_count": total["count"]}
    if len(rows) > limit or call.state.switches.ending == "empty page":
        last = [rows[len(page) - 1][name] for name in ("created_at", "id")] if page else place
        envelope["continuation_id"] = _mark(kind, sort, last)
    return reply(envelope)


def _number(call: Call, name: str, default: float) -> float:
    value = call.query.get(name)
    if value is None:
        return default
    if not _INTEGER.fullmatch(value):
        raise wrong_search()
    return float(value)


def _mark(kind: str, sort: str, place: list[Any]) -> str:
    """Return the id of the page after a place: the time and id of a notification, or nothing."""
    return _MARK + base64.b64encode(json.dumps([kind, sort, place]).encode()).decode()


def _read(continuation_id: str, kind: str, sort: str) -> list[Any]:
    """Return the place that an id stands for, if it belongs to this listing."""
    try:
        marked = json.loads(base64.b64decode(continuation_id.removeprefix(_MARK), validate=True))
    except ValueError:
        raise wrong_search() from None
    match marked:
        case [_, _, [] | [float(), str()] as place]:
            if continuation_id == _mark(kind, sort, place):
                return list(place)
    raise wrong_search()


PATHS: Paths = {"/herald/v2/{account_id}/notifications/{a}/{b}": {"GET": _by_type}}
