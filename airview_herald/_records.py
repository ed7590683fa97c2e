"""Rows as flat records of plain values, which any data frame takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

import attrs

Record = dict[str, Any]

# Marks the field that holds what a sender added to an object beside its known attributes.
CONTENT = "content"


def record(row: Any, *, content: bool = True) -> Record:
    """Return a row as one flat record.

    Args:
        row: An instance of an attrs class.
        content: Whether to tell, too, what senders put into an object beside its attributes.

    Returns:
        Its fields in their order. Those of an object within are joined to its name by a dot; an
        enumeration's member is its text, and a tuple a list. What a row does not show, since it
        may be a credential, is left out.
    """
    fields = attrs.fields(type(row))
    found: Record = {}
    for field in fields:
        if field.repr is not False:
            _put(found, field.name, getattr(row, field.name), content)
    for field in fields:
        if content and field.metadata.get(CONTENT):
            # A value that did not fit its attribute is kept here under that name, and wins.
            found.update(_plain(getattr(row, field.name), content))
    return found


def records(rows: Iterable[Any], *, content: bool = True) -> list[Record]:
    """Return rows as records that have the same keys in the same order.

    A key is absent if no row has a value for it but another row has an object there.
    """
    found = [record(row, content=content) for row in rows]
    keys = dict.fromkeys(key for each in found for key in each)
    parents = {key[:at] for key in keys for at, sign in enumerate(key) if sign == "."}
    wanted = [
        key
        for key in keys
        if key not in parents or any(each.get(key) is not None for each in found)
    ]
    return [{key: each.get(key) for key in wanted} for each in found]


def _put(found: Record, name: str, value: Any, content: bool) -> None:  # noqa: FBT001 - passed on
    if attrs.has(type(value)):
        for key, part in record(value, content=content).items():
            found[f"{name}.{key}"] = part
    else:
        found[name] = _plain(value, content)


def _plain(value: Any, content: bool) -> Any:  # noqa: FBT001 - passed on
    if isinstance(value, Enum):
        return value.value
    if attrs.has(type(value)):
        return record(value, content=content)
    if isinstance(value, Mapping):
        return {key: _plain(part, content) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part, content) for part in value]
    return value
