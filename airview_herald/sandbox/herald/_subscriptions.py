"""Subscriptions: listed, made, changed and deleted."""

from collections.abc import Mapping
from typing import Any

from airview_herald.sandbox._answers import Answer
from airview_herald.sandbox._database import Database, Row
from airview_herald.sandbox.herald import _bodies
from airview_herald.sandbox.herald._answers import (
    NO_CONTENT,
    bare_refusal,
    refusal,
    reply,
    wrong_search,
)
from airview_herald.sandbox.herald._http import Call, Paths
from airview_herald.sandbox.herald._records import new_id, stamp
from airview_herald.sandbox.herald._subscribers import add, refuse_impossible, subscribers
from airview_herald.sandbox.herald._tables import SUBSCRIPTION

_BOOLEANS = {"true": True, "false": False}
_FILTERS = ("class", "external_id", "notification_type")
# Fields set by the server alone, which no update changes.
_OURS = ("id", "account_id", "created", "modified", "subscriber_count", "subscribers")
_TEMPLATES = (
    *("log_review_created", "fim_report_template", "scheduled_report_template"),
    *("observation_template", "incidents_template"),
)
_OPTIONS = {"include_attachments": _bodies.boolean, "email_subject": _bodies.text_or_false}
_RULES: Mapping[str, _bodies.Rule] = {
    "name": _bodies.text,
    "notification_type": _bodies.notification_type,
    "external_id": _bodies.text,
    "active": _bodies.boolean,
    "options": _bodies.shape(known=_OPTIONS),
    "filters": _bodies.ANY_OBJECT,
    "template": _bodies.member(*_TEMPLATES),
    "suppression_interval": _bodies.integer(0, 10_080),
}
_CHANGES = _bodies.shape(known=_RULES)
_NEW = _bodies.shape(
    ("name", "class", "notification_type"),
    {**_RULES, "class": _bodies.text, "subscribers": _bodies.each(_bodies.SUBSCRIBER)},
)
_IDS = _bodies.shape(("ids",), {"ids": _bodies.each(_bodies.text, least=1)})


def _list(call: Call) -> Answer:
    wanted = {name: call.query[name] for name in _FILTERS if name in call.query}
    if any("\0" in value for value in wanted.values()):
        raise wrong_search()
    conditions = "".join(f" AND {name} = ?" for name in wanted)
    if "external_id" in wanted:
        conditions += " AND class = 'schedule'"
    include = _include_subscribers(call)
    rows = call.database.rows(
        f"SELECT * FROM subscription WHERE account_id = ?{conditions}"  # noqa: S608 - ours
        " ORDER BY rowid",
        *(call.account_id, *wanted.values()),
    )
    return reply({"subscriptions": [_wire(call.database, row, include) for row in rows]})


def _get(call: Call) -> Answer:
    include = _include_subscribers(call)
    return reply(_wire(call.database, _found(call), include))


def _create(call: Call) -> Answer:
    body = call.load(_NEW)
    if body["class"] == "schedule" and "external_id" not in body:
        raise refusal("missing_required_property", details="external_id")
    refuse_impossible(call.state, body.get("subscribers", []))
    subscription = {
        **_theirs(body),
        "id": new_id(),
        "account_id": call.account_id,
        "created": stamp(call.caller.user_id),
    }
    subscription.setdefault("active", True)
    with call.database.transaction():
        insert(call.database, subscription, body.get("subscribers", []))
    return reply(subscription, 201)


def insert(
    database: Database, subscription: Mapping[str, Any], members: list[dict[str, Any]]
) -> None:
    """Add a subscription with its subscribers, each of them once."""
    database.insert("subscription", SUBSCRIPTION.row(subscription))
    for member in members:
        add(database, subscription["account_id"], subscription["id"], member)


def _update(call: Call) -> Answer:
    before = SUBSCRIPTION.wire(_found(call))
    changes = _theirs(call.load(_CHANGES))
    changes.pop("class", None)
    if "name" in changes and call.database.rows(
        "SELECT 1 FROM subscription WHERE account_id = ? AND name = ? AND id <> ?",
        *(call.account_id, changes["name"], before["id"]),
    ):
        raise bare_refusal(409)
    after = {**before, **changes, "modified": stamp(call.caller.user_id)}
    row = SUBSCRIPTION.row(after)
    columns = ", ".join(f"{column} = ?" for column in row)
    call.database.write(
        f"UPDATE subscription SET {columns} WHERE id = ?",  # noqa: S608 - ours
        *(*row.values(), before["id"]),
    )
    return reply(after)


def _delete(call: Call) -> Answer:
    if not _delete_one(call, call.path["subscription_id"]):
        raise bare_refusal(404)
    return NO_CONTENT


def _delete_several(call: Call) -> Answer:
    ids = list(dict.fromkeys(call.load(_IDS)["ids"]))
    with call.database.transaction():
        unprocessed = [one for one in ids if not _delete_one(call, one)]
    if unprocessed:
        raise refusal("delete_failed", unprocessed_items=unprocessed)
    return NO_CONTENT


def _delete_one(call: Call, subscription_id: str) -> bool:
    """Delete a subscription of the account with its subscribers; whether there was one."""
    written = call.database.write(
        "DELETE FROM subscription WHERE id = ? AND account_id = ?",
        *(subscription_id, call.account_id),
    )
    return written > 0


def _found(call: Call) -> Row:
    return call.one(
        "SELECT * FROM subscription WHERE id = ? AND account_id = ?",
        *(call.path["subscription_id"], call.account_id),
    )


def _include_subscribers(call: Call) -> bool:
    include = _BOOLEANS.get(call.query.get("include_subscribers", "false"))
    if include is None:
        raise wrong_search()
    return include


def _theirs(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in _OURS}


def _wire(database: Database, row: Row, include: bool) -> dict[str, Any]:  # noqa: FBT001 - private
    subscription = SUBSCRIPTION.wire(row)
    if include:
        members = subscribers(database, row["id"])
        subscription |= {"subscribers": members, "subscriber_count": len(members)}
    return subscription


_ALL = "/herald/v2/{account_id}/subscriptions"
PATHS: Paths = {
    _ALL: {"GET": _list, "POST": _create},
    f"{_ALL}/batch/delete": {"POST": _delete_several},
    f"{_ALL}/{{subscription_id}}": {"GET": _get, "POST": _update, "DELETE": _delete},
}
