"""Objects that keep what this package does not know of them, and how their fields may arrive.

Herald's answers grow, and what is in a notification is up to its sender: an object of Herald's has
the documented fields as attributes, and the others beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, TypeVar

import attrs

from airview_herald._records import CONTENT
from airview_herald._shown import Shown

T = TypeVar("T")


class Marker(Enum):
    """Marks a field whose value may arrive as another JSON type, or written in another way."""

    ID = "id"
    FLAG = "flag"
    QUOTED = "quoted"
    ONE_OR_MANY = "one or many"


# A text that may arrive as a number.
Id = Annotated[str, Marker.ID]
# A boolean that may arrive as the text `true` or `false`.
Flag = Annotated[bool, Marker.FLAG]
# A text that may arrive in literal quotes, which are taken off.
Quoted = Annotated[str, Marker.QUOTED]
# A list that may arrive as its only element.
OneOrMany = Annotated[tuple[T, ...], Marker.ONE_OR_MANY]


@attrs.frozen(kw_only=True, repr=False)
class OpenRow(Shown):
    """An object that keeps what this package does not know of it.

    Neither attribute is compared or hashed, and neither is shown but for the names in `extra`:
    what else an object has may be a secret.

    Attributes:
        extra: The fields without an attribute of their own, as received; when an object is made
            by hand, fields to be sent besides.
        raw: The whole object as received; empty when it was made by hand.
    """

    extra: Mapping[str, Any] = attrs.field(factory=dict, eq=False, repr=False)
    raw: Mapping[str, Any] = attrs.field(factory=dict, eq=False, repr=False)

    def __repr__(self) -> str:
        """Show what is there."""
        there = {
            field.name: getattr(self, field.name)
            for field in attrs.fields(type(self))
            if field.repr
        }
        shown = [f"{name}={item!r}" for name, item in there.items() if item not in (None, ())]
        if self.extra:
            shown.append(f"extra=<{', '.join(self.extra)}>")
        return f"{type(self).__name__}({', '.join(shown)})"


@attrs.frozen(kw_only=True, repr=False)
class LooseRow(OpenRow):
    """An object whose content its sender chose: what does not fit an attribute is in `extra`."""

    extra: Mapping[str, Any] = attrs.field(
        factory=dict, eq=False, repr=False, metadata={CONTENT: True}
    )


def wire_name(name: str) -> str:
    """Return what a field is called on the wire: `class_` is `class`."""
    return name.removesuffix("_")


def encode(row: OpenRow) -> dict[str, Any]:
    """Return an object as JSON; one that was read comes out as it was, but for repaired values.

    An attribute that is `None`, or an empty list, is left out unless it was received as such.
    """
    found = dict(row.extra)
    for field in attrs.fields(type(row)):
        if field.name in {"extra", "raw"}:
            continue
        name, item = wire_name(field.name), getattr(row, field.name)
        if item is not None and item != ():
            found[name] = _encoded(item)
        elif name in row.raw and row.raw[name] in (None, []):
            found[name] = row.raw[name]
    return found


def _encoded(value: Any) -> Any:
    if isinstance(value, OpenRow):
        return encode(value)
    return [_encoded(item) for item in value] if isinstance(value, tuple) else value
