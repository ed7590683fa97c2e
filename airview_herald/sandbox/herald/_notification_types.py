"""Notification types, and the undocumented routes that write them."""

from airview_herald.sandbox._answers import Answer
from airview_herald.sandbox._database import IntegrityError
from airview_herald.sandbox.herald import _bodies
from airview_herald.sandbox.herald._answers import NO_CONTENT, bare_refusal, reply, wrong_type
from airview_herald.sandbox.herald._http import Call, Paths
from airview_herald.sandbox.herald._tables import NOTIFICATION_TYPE

_TYPE = _bodies.shape(
    ("notification_type", "name", "default_template", "templates"),
    {
        "notification_type": _bodies.notification_type,
        "name": _bodies.text,
        "default_template": _bodies.text,
        "templates": _bodies.each(_bodies.text),
        "default_email_subject": _bodies.text,
    },
)


def _list(call: Call) -> Answer:
    rows = call.database.rows("SELECT * FROM notification_type ORDER BY rowid")
    return reply({"notification_types": [NOTIFICATION_TYPE.wire(row) for row in rows]})


def _create(call: Call) -> Answer:
    body = call.load(_TYPE)
    try:
        call.database.insert("notification_type", NOTIFICATION_TYPE.row(body))
    except IntegrityError:
        raise bare_refusal(409) from None
    return reply(body, 201)


def _update(call: Call) -> Answer:
    name = _name(call)
    body = call.load(_TYPE)
    if body["notification_type"] != name:
        raise wrong_type("notification_type")
    row = NOTIFICATION_TYPE.row(body)
    columns = ", ".join(f"{column} = ?" for column in row)
    call.database.write(
        f"UPDATE notification_type SET {columns} WHERE notification_type = ?",  # noqa: S608 - ours
        *(*row.values(), name),
    )
    return reply(body)


def _delete(call: Call) -> Answer:
    call.database.write("DELETE FROM notification_type WHERE notification_type = ?", _name(call))
    return NO_CONTENT


def _name(call: Call) -> str:
    """Return the type that the path names, if there is one."""
    name = f"{call.path['a']}/{call.path['b']}"
    call.one("SELECT 1 FROM notification_type WHERE notification_type = ?", name)
    return name


PATHS: Paths = {
    "/herald/v2/notification_types": {"GET": _list, "POST": _create},
    "/herald/v2/notification_types/{a}/{b}": {"PUT": _update, "DELETE": _delete},
}
