"""Notifications: one, sent, and where an incident's went."""

from airview_herald.sandbox._answers import Answer, RefusalError
from airview_herald.sandbox.herald import _bodies
from airview_herald.sandbox.herald._answers import bare_refusal, refusal, reply
from airview_herald.sandbox.herald._deliveries import deliver
from airview_herald.sandbox.herald._http import Call, Paths
from airview_herald.sandbox.herald._records import new_id, stamp
from airview_herald.sandbox.herald._tables import NOTIFICATION, SENT_NOTIFICATION

_ATTACHMENT = _bodies.shape(known=dict.fromkeys(("name", "description", "url"), _bodies.text))
_SHAPE = _bodies.shape(
    ("type", "notification_data", "asset_data", "payload"),
    {
        "type": _bodies.notification_type,
        "notification_data": _bodies.ANY_OBJECT,
        "asset_data": _bodies.ANY_OBJECT,
        "payload": _bodies.ANY_OBJECT,
        "attachments": _bodies.each(_ATTACHMENT),
    },
)


def _notification(value: object, path: str) -> None:
    """Take what can be sent; every fault is one and the same."""
    try:
        _SHAPE(value, path)
    except RefusalError:
        raise refusal("invalid_json_schema") from None


def _of_any_account(call: Call) -> Answer:
    row = call.one("SELECT * FROM notification WHERE id = ?", call.path["notification_id"])
    if not call.may_use(row["account_id"]):
        raise bare_refusal(403)
    return reply(NOTIFICATION.wire(row))


def _of_account(call: Call) -> Answer:
    row = call.one(
        "SELECT * FROM notification WHERE id = ? AND account_id = ?",
        *(call.path["notification_id"], call.account_id),
    )
    return reply(NOTIFICATION.wire(row))


def _send(call: Call) -> Answer:
    body = call.load(_notification)
    if not call.one("SELECT active FROM account WHERE id = ?", call.account_id)["active"]:
        raise refusal("account_not_active")
    made = stamp(call.caller.user_id)
    notification = {
        **body,
        "id": new_id(),
        "account_id": call.account_id,
        "status": "created",
        "created": made,
        "modified": made,
    }
    with call.database.transaction():
        call.database.insert("notification", NOTIFICATION.row(notification))
        deliver(call.database, notification)
    return reply(notification, 202)


def _of_incident(call: Call) -> Answer:
    rows = call.database.rows(
        "SELECT * FROM sent_notification WHERE account_id = ? AND long_incident_id = ?"
        " ORDER BY rowid",
        *(call.account_id, call.path["long_incident_id"]),
    )
    if not rows:
        raise bare_refusal(404)
    return reply({"notifications": [_record(SENT_NOTIFICATION.wire(row)) for row in rows]})


def _record(record: dict[str, object]) -> dict[str, object]:
    hidden = ("account_id", "long_incident_id")
    return {name: value for name, value in record.items() if name not in hidden}


_OF_ACCOUNT = "/herald/v2/{account_id}/notifications"
PATHS: Paths = {
    "/herald/v2/notifications/{notification_id}": {"GET": _of_any_account},
    _OF_ACCOUNT: {"POST": _send},
    f"{_OF_ACCOUNT}/{{notification_id}}": {"GET": _of_account},
    f"{_OF_ACCOUNT}/type/incidents/alerts/{{long_incident_id}}": {"GET": _of_incident},
}
