"""What a single JSON value may be: cattrs would take `1` for `"1"`, and `"false"` for `True`."""

from __future__ import annotations

from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from airview_herald._numbers import is_number

_JSON_TYPES: dict[type[Any], str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
    NoneType: "null",
    dict: "an object",
    list: "a list",
}


def _json_type(value: object) -> str:
    return _JSON_TYPES.get(type(value), type(value).__name__)


class NotThatTypeError(TypeError):
    """A value of another JSON type than the contract says."""

    def __init__(self, wanted: str, value: object) -> None:
        super().__init__(f"expected {wanted}, got {_json_type(value)}")


def strict(kind: type[Any]) -> Any:
    """Return what takes values of a scalar type and of no other."""
    wanted = _JSON_TYPES[kind]

    def structure(value: Any, _: type[Any]) -> Any:
        if type(value) is not kind:
            raise NotThatTypeError(wanted, value)
        return value

    return structure


def moment(value: Any, _: type[Any]) -> datetime:
    """Return an ISO 8601 text as a moment; one without an offset is in UTC."""
    if not isinstance(value, str):
        raise NotThatTypeError("a date and time", value)
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"expected a date and time in ISO 8601, got {value[:40]!r}") from None
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)


def number(value: Any, _: type[Any]) -> float:
    """Return a number."""
    if not is_number(value):
        raise NotThatTypeError("a number", value)
    return value


def identifier(value: Any, _: Any) -> str:
    """Return an id as text; some are sent as numbers."""
    if isinstance(value, str):
        return value
    if not is_number(value):
        raise NotThatTypeError("a string or a number", value)
    return str(int(value)) if value == value // 1 else str(value)


def flag(value: Any, _: Any) -> bool:
    """Return a boolean; some are sent as texts."""
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise NotThatTypeError("a boolean", value)


def unquoted(value: Any, _: Any) -> str:
    """Return a text without the quotes that some are sent in."""
    if not isinstance(value, str):
        raise NotThatTypeError("a string", value)
    quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return value[1:-1] if quoted else value


def scalars(kind: Any) -> set[Any]:
    """Return the scalar types in a union of two or more of them, else nothing."""
    if get_origin(kind) not in (Union, UnionType):
        return set()
    members = {each for each in get_args(kind) if each is not NoneType}
    return members if len(members) > 1 and members <= {str, float, bool} else set()


def one_of(kind: Any) -> Any:
    """Return what takes values of the scalar types of a union."""
    members = scalars(kind)
    wanted = " or ".join(sorted(_JSON_TYPES[each] for each in members))

    def structure(value: Any, _: Any) -> Any:
        if type(value) in members or (type(value) is int and float in members):
            return value
        raise NotThatTypeError(wanted, value)

    return structure


def open_set(value: Any, kind: Any) -> Any:
    """Return a text, known or not."""
    if isinstance(value, str) or (value is None and NoneType in get_args(kind)):
        return value
    raise NotThatTypeError("a string", value)
