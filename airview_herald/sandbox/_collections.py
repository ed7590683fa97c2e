"""Rows that are created by POST and found by their columns: one collection per table."""

from typing import Any

from airview_herald.sandbox._answers import (
    INTEGRITY,
    UNEXPECTED_ID,
    Answer,
    RefusalError,
    json_answer,
    message,
)
from airview_herald.sandbox._database import (
    Database,
    DatabaseError,
    IntegrityError,
    Row,
    require_members,
)
from airview_herald.sandbox._http import Call
from airview_herald.sandbox._schemas import Field, Schema, boolean, integer
from airview_herald.sandbox._tables import MEMBERS


class Collection:
    """One table behind its routes.

    Args:
        table: Its name in the database.
        fields: What a create takes beside the `id`, which is known but not expected.
        refusal: What a duplicate or an unknown parent is answered with.
        refused: The errors that are answered so.
    """

    def __init__(
        self,
        table: str,
        fields: dict[str, Field],
        *,
        refusal: tuple[int, str] = (400, INTEGRITY),
        refused: type[DatabaseError] = IntegrityError,
    ) -> None:
        self._table = table
        self.schema = Schema(id=Field(integer), **fields)
        self._refusal = message(*refusal)
        self._unexpected_id = message(refusal[0], UNEXPECTED_ID)
        self._refused = refused
        self._booleans = [name for name, field in fields.items() if field.parse is boolean]
        members = MEMBERS.get(table, {})
        self._members = {
            name: members[column]
            for name, column in self.schema.columns.items()
            if column in members
        }
        columns = ", ".join(f'{column} AS "{name}"' for name, column in self.schema.columns.items())
        self._select = f"SELECT {columns} FROM {table}"  # noqa: S608 - the schema names both

    def find(self, database: Database, **where: object) -> list[Row]:
        """Return the rows whose columns equal `where`, as they go over the wire, by id.

        Raises:
            DatabaseError: One of them holds what is no member of an enumeration.
        """
        condition = " AND ".join(f"{column} IS ?" for column in where) or "TRUE"
        rows = database.rows(f"{self._select} WHERE {condition} ORDER BY id", *where.values())
        require_members(rows, **self._members)
        for name in self._booleans:
            for row in rows:
                row[name] = bool(row[name])
        return rows

    def load(self, call: Call) -> dict[str, Any]:
        """Read the body of a create by column; it must not bring its own id."""
        values = call.load(self.schema)
        if "id" in values:
            raise RefusalError(self._unexpected_id)
        return values

    def insert(self, database: Database, values: Row) -> int:
        """Store one row by column and return its id."""
        try:
            return database.insert(self._table, values)
        except self._refused:
            raise RefusalError(self._refusal) from None

    async def create(self, call: Call) -> Answer:
        """Serve a POST that stores its body as a row and answers with it."""
        values = self.load(call)
        values["id"] = self.insert(call.database, values)
        row = {name: values.get(column) for name, column in self.schema.columns.items()}
        # A lenient database has stored the row by now, but cannot read an unknown member back.
        require_members([row], **self._members)
        return json_answer(row)
