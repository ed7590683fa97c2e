"""Herald's tables, and the way between their rows and what goes over the wire."""

import enum
import json
from collections.abc import Mapping
from typing import Any

from airview_herald.sandbox._database import Layout, Row


class Column(enum.Enum):
    """What a column holds."""

    KEY = enum.auto()
    NAME = enum.auto()
    TEXT = enum.auto()
    INTEGER = enum.auto()
    BOOLEAN = enum.auto()
    DOCUMENT = enum.auto()
    STAMP = enum.auto()


KEY, NAME, TEXT, INTEGER = Column.KEY, Column.NAME, Column.TEXT, Column.INTEGER
BOOLEAN, DOCUMENT, STAMP = Column.BOOLEAN, Column.DOCUMENT, Column.STAMP
_SQL = {
    KEY: "{0} TEXT PRIMARY KEY",
    NAME: "{0} TEXT NOT NULL",
    TEXT: "{0} TEXT",
    INTEGER: "{0} INTEGER",
    BOOLEAN: "{0} INTEGER",
    DOCUMENT: "{0} TEXT",
    STAMP: "{0}_at REAL, {0}_by TEXT",
}


class Table:
    """A table whose rows are objects of the wire.

    A `STAMP` such as `created` lies in two columns, `created_at` and `created_by`. What an object
    has beyond the columns lies in the column `extra`, so that it comes back as it went in.

    Args:
        name: Its name.
        columns: What each of its columns holds.
        constraints: What else its rows are held to.
    """

    def __init__(self, name: str, columns: Mapping[str, Column], *constraints: str) -> None:
        self.name = name
        self._columns = columns
        self._constraints = constraints

    @property
    def statement(self) -> str:
        """What creates it."""
        columns = (_SQL[kind].format(name) for name, kind in self._columns.items())
        parts = ", ".join((*columns, "extra TEXT", *self._constraints))
        return f"CREATE TABLE IF NOT EXISTS {self.name} ({parts})"

    def holding(self, wanted: Column) -> tuple[tuple[str, str], ...]:
        """Return the columns of one kind, each with the table's name."""
        return tuple((self.name, name) for name, kind in self._columns.items() if kind is wanted)

    def row(self, document: Mapping[str, Any]) -> Row:
        """Return the row of an object; what it lacks is null."""
        row: Row = {}
        for name, column in self._columns.items():
            value = document.get(name)
            if column is STAMP:
                stamp = value if isinstance(value, Mapping) else {}
                at = stamp.get("at")
                row[f"{name}_at"] = None if at is None else float(at)
                row[f"{name}_by"] = stamp.get("by")
            elif column is DOCUMENT:
                row[name] = json.dumps(value) if name in document else None
            else:
                row[name] = value
        extra = {name: value for name, value in document.items() if name not in self._columns}
        row["extra"] = json.dumps(extra) if extra else None
        return row

    def wire(self, row: Row) -> dict[str, Any]:
        """Return the object of a row; what is null is left out."""
        document: dict[str, Any] = {}
        for name, column in self._columns.items():
            value = row[f"{name}_at"] if column is STAMP else row[name]
            if value is None:
                continue
            if column is STAMP:
                document[name] = {"at": _number(value), "by": row[f"{name}_by"]}
            elif column is DOCUMENT:
                document[name] = json.loads(value)
            elif column is BOOLEAN:
                document[name] = bool(value)
            else:
                document[name] = value
        return document | (json.loads(row["extra"]) if row["extra"] else {})


def _number(value: float) -> float:
    return int(value) if value.is_integer() else value


ACCOUNT = Table(
    "account",
    {
        "id": KEY,
        "name": NAME,
        "active": BOOLEAN,
        "accessible_locations": DOCUMENT,
        "default_location": TEXT,
        "managed_by": TEXT,
        "version": INTEGER,
        "created": STAMP,
        "modified": STAMP,
    },
)
USER = Table(
    "user",
    {
        "id": KEY,
        "account_id": NAME,
        "name": TEXT,
        "email": TEXT,
        "access_key_id": TEXT,
        "secret_key": TEXT,
        "active": BOOLEAN,
        "locked": BOOLEAN,
        "password_expired": BOOLEAN,
        "mfa_enabled": BOOLEAN,
        "mfa_code": TEXT,
        "version": INTEGER,
        "created": STAMP,
        "modified": STAMP,
    },
    "UNIQUE (access_key_id)",
)
NOTIFICATION_TYPE = Table(
    "notification_type",
    {
        "notification_type": KEY,
        "name": TEXT,
        "default_template": TEXT,
        "templates": DOCUMENT,
        "default_email_subject": TEXT,
    },
)
NOTIFICATION = Table(
    "notification",
    {
        "id": KEY,
        "account_id": NAME,
        "type": TEXT,
        "notification_data": DOCUMENT,
        "asset_data": DOCUMENT,
        "payload": DOCUMENT,
        "attachments": DOCUMENT,
        "status": TEXT,
        "created": STAMP,
        "modified": STAMP,
    },
)
SENT_NOTIFICATION = Table(
    "sent_notification",
    {
        "id": KEY,
        "account_id": NAME,
        "long_incident_id": NAME,
        "type": TEXT,
        "subkey": TEXT,
        "subject": TEXT,
        "statuses": DOCUMENT,
        "integration_statuses": DOCUMENT,
    },
)
SUBSCRIPTION = Table(
    "subscription",
    {
        "id": KEY,
        "account_id": NAME,
        "name": TEXT,
        "class": TEXT,
        "notification_type": TEXT,
        "active": BOOLEAN,
        "external_id": TEXT,
        "options": DOCUMENT,
        "filters": DOCUMENT,
        "template": TEXT,
        "suppression_interval": INTEGER,
        "created": STAMP,
        "modified": STAMP,
    },
)
SUBSCRIBER = Table(
    "subscriber",
    {
        "id": KEY,
        "account_id": NAME,
        "subscription_id": NAME,
        "subscriber": NAME,
        "subscriber_type": NAME,
    },
    "UNIQUE (subscription_id, subscriber_type, subscriber)",
    "FOREIGN KEY (subscription_id) REFERENCES subscription (id) ON DELETE CASCADE",
)
INTEGRATION_TYPE = Table("integration_type", {"name": KEY})
INTEGRATION = Table(
    "integration",
    {
        "id": KEY,
        "account_id": NAME,
        "name": TEXT,
        "type": TEXT,
        "target_url": TEXT,
        "headers": DOCUMENT,
        "created": STAMP,
        "modified": STAMP,
    },
)

_TABLES = (
    *(ACCOUNT, USER, NOTIFICATION_TYPE, NOTIFICATION, SENT_NOTIFICATION),
    *(SUBSCRIPTION, SUBSCRIBER, INTEGRATION_TYPE, INTEGRATION),
)
_INDEXES = (
    "notification_by_type ON notification (account_id, type, created_at, id)",
    "sent_notification_by_incident ON sent_notification (account_id, long_incident_id)",
)
HERALD = Layout(
    tuple(table.name for table in _TABLES),
    (
        *(table.statement for table in _TABLES),
        *(f"CREATE INDEX IF NOT EXISTS {index}" for index in _INDEXES),
    ),
    booleans=tuple(pair for table in _TABLES for pair in table.holding(BOOLEAN)),
    documents=(
        *(pair for table in _TABLES for pair in table.holding(DOCUMENT)),
        *((table.name, "extra") for table in _TABLES),
    ),
)
