"""Subscribers of a subscription, one by one and several at once."""

from collections.abc import Iterable, Mapping
from typing import Any

from airview_herald.sandbox._answers import Answer, RefusalError
from airview_herald.sandbox._database import Database, IntegrityError
from airview_herald.sandbox.herald import _bodies
from airview_herald.sandbox.herald._answers import NO_CONTENT, bare_refusal, reply, wrong_type
from airview_herald.sandbox.herald._http import Call, Paths, State
from airview_herald.sandbox.herald._records import membership_id
from airview_herald.sandbox.herald._tables import SUBSCRIBER

_ONE = _bodies.all_of(
    _bodies.SUBSCRIBER,
    _bodies.shape(
        ("account_id", "subscription_id"),
        {"account_id": _bodies.text, "subscription_id": _bodies.text},
    ),
)
_CHANGE = _bodies.all_of(
    _bodies.SUBSCRIBER,
    _bodies.shape(("action",), {"action": _bodies.member("add", "delete")}),
)
_CHANGES = _bodies.shape(("subscribers",), {"subscribers": _bodies.each(_CHANGE)})


def subscribers(database: Database, subscription_id: str) -> list[dict[str, Any]]:
    """Return the subscribers of a subscription."""
    rows = database.rows(
        "SELECT * FROM subscriber WHERE subscription_id = ? ORDER BY rowid", subscription_id
    )
    return [SUBSCRIBER.wire(row) for row in rows]


def refuse_impossible(state: State, wanted: Iterable[Mapping[str, Any]]) -> None:
    """Refuse subscribers that are set up as unknown, with 400, or as forbidden, with 403.

    Raises:
        RefusalError: There are such; it names them.
    """
    refused = [one for one in wanted if one["subscriber"] in state.refused]
    for forbidden, status, error in ((False, 400, "not_found"), (True, 403, "forbidden")):
        failed = [
            {
                "subscriber": one["subscriber"],
                "subscriber_type": one["subscriber_type"],
                "error": error,
            }
            for one in refused
            if state.refused[one["subscriber"]] is forbidden
        ]
        if failed:
            raise RefusalError(reply({"subscribers_failed": failed}, status))


def add(
    database: Database, account_id: str, subscription_id: str, wanted: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Add a subscriber and return it, or nothing when it is there already."""
    subscriber = {
        **{name: value for name, value in wanted.items() if name != "action"},
        "id": membership_id(subscription_id, wanted["subscriber_type"], wanted["subscriber"]),
        "account_id": account_id,
        "subscription_id": subscription_id,
    }
    try:
        database.insert("subscriber", SUBSCRIBER.row(subscriber))
    except IntegrityError:
        return None
    return subscriber


def _list(call: Call) -> Answer:
    return reply({"subscribers": subscribers(call.database, _subscription(call))})


def _add(call: Call) -> Answer:
    subscription_id = _subscription(call)
    body = call.load(_ONE)
    for name in ("account_id", "subscription_id"):
        if body[name] != call.path[name]:
            raise wrong_type(name)
    if (forbidden := call.state.refused.get(body["subscriber"])) is not None:
        raise bare_refusal(403 if forbidden else 404)
    added = add(call.database, call.account_id, subscription_id, body)
    if added is None:
        raise bare_refusal(409)
    return reply(added, 201)


def _remove(call: Call) -> Answer:
    who = {name: call.path[name] for name in ("subscriber_type", "subscriber")}
    if not _delete(call.database, _subscription(call), who):
        raise bare_refusal(404)
    return NO_CONTENT


def _change_several(call: Call) -> Answer:
    subscription_id = _subscription(call)
    changes = call.load(_CHANGES)["subscribers"]
    refuse_impossible(call.state, [one for one in changes if one["action"] == "add"])
    with call.database.transaction():
        for change in changes:
            if change["action"] == "add":
                add(call.database, call.account_id, subscription_id, change)
            else:
                _delete(call.database, subscription_id, change)
    return NO_CONTENT


def _delete(database: Database, subscription_id: str, who: Mapping[str, Any]) -> bool:
    written = database.write(
        "DELETE FROM subscriber"
        " WHERE subscription_id = ? AND subscriber_type = ? AND subscriber = ?",
        *(subscription_id, who["subscriber_type"], who["subscriber"]),
    )
    return written > 0


def _subscription(call: Call) -> str:
    """Return the id in the path if the account has that subscription."""
    subscription_id = call.path["subscription_id"]
    call.one(
        "SELECT 1 FROM subscription WHERE id = ? AND account_id = ?",
        *(subscription_id, call.account_id),
    )
    return subscription_id


_ALL = "/herald/v2/{account_id}/subscriptions/{subscription_id}/subscribers"
PATHS: Paths = {
    _ALL: {"GET": _list, "POST": _add},
    f"{_ALL}/batch/update": {"POST": _change_several},
    f"{_ALL}/{{subscriber_type}}/{{subscriber}}": {"DELETE": _remove},
}
