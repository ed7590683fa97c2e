"""The decode boundary: bytes to JSON, JSON to typed rows, and JSON back to bytes.

cattrs reads `"false"` as `True` and `1` as `"1"`; a service that answers so is wrong, and this is
the place that says it. Nothing of cattrs or msgspec passes beyond this module.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import GenericAlias, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import attrs
import cattrs
import msgspec
from cattrs.cols import list_structure_factory
from cattrs.errors import ClassValidationError, IterableValidationError
from cattrs.gen import make_dict_structure_fn, override

from airview_herald.errors import DecodeError, RequestFacts

T = TypeVar("T")


def parse(content: bytes, facts: RequestFacts) -> Any:
    """Return the JSON document in a body.

    Raises:
        DecodeError: The body is not JSON, or is cut short.
    """
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"the answer is not JSON: {error}", facts) from None


def dump(value: object) -> bytes:
    r"""Return a body as ASCII JSON: a front of AirView counts characters, not bytes."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def camel(name: str) -> str:
    """Return the wire's name of a field: `control_action` is `controlAction`."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def make_converter() -> cattrs.Converter:
    """Return a converter with strict scalars that reads camelCase into attrs classes."""
    converter = cattrs.Converter()
    # By type, not by predicate: cattrs ignores a predicate's hook for bool.
    for scalar in (bool, int, str):
        converter.register_structure_hook(scalar, _strict(scalar))

    converter.register_structure_hook(datetime, _moment)
    converter.register_structure_hook_func(_is_open_set, _open_set)

    @converter.register_structure_hook_factory(_is_list)
    def _lists(kind: Any) -> Any:
        sequence: Any = get_origin(kind)
        rows: Any = GenericAlias(list, get_args(kind)[:1])
        structure = list_structure_factory(rows, converter)

        def from_list(value: Any, _: type[Any]) -> Any:
            if not isinstance(value, list | tuple):
                raise _NotThatTypeError("a list", value)
            return sequence(structure(value, list))

        return from_list

    @converter.register_structure_hook_factory(attrs.has)
    def _rows(cls: type[Any]) -> Any:
        names = {field.name: override(rename=camel(field.name)) for field in attrs.fields(cls)}
        structure = make_dict_structure_fn(cls, converter, **names)  # type: ignore[arg-type]  # one override a field

        def from_mapping(value: Any, _: type[Any]) -> Any:
            if not isinstance(value, Mapping):
                raise _NotThatTypeError("an object", value)
            return structure(value, cls)

        return from_mapping

    return converter


def decode(converter: cattrs.Converter, kind: type[T], value: Any, facts: RequestFacts) -> T:
    """Return JSON as a typed value.

    Raises:
        DecodeError: It lacks a field or has one of another type; the error names the path.
    """
    try:
        return converter.structure(value, kind)
    except Exception as error:  # noqa: BLE001 - cattrs raises whatever a hook or a constructor did
        path, reason = _first_fault(error)
        raise DecodeError(f"{reason} @ {path}", facts, path) from None


class _NotThatTypeError(TypeError):
    """A value of another JSON type than the contract says."""

    def __init__(self, wanted: str, value: object) -> None:
        super().__init__(f"expected {wanted}, got {_json_type(value)}")


def _strict(scalar: type[Any]) -> Any:
    wanted = _JSON_TYPES[scalar]

    def structure(value: Any, _: type[Any]) -> Any:
        if type(value) is not scalar:
            raise _NotThatTypeError(wanted, value)
        return value

    return structure


def _moment(value: Any, _: type[Any]) -> datetime:
    """Return an ISO 8601 text as a moment; one without an offset is in UTC."""
    if not isinstance(value, str):
        raise _NotThatTypeError("a date and time", value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"expected a date and time in ISO 8601, got {value[:40]!r}") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _is_list(kind: Any) -> bool:
    # A tuple of a fixed length is none of JSON's: rows hold `tuple[X, ...]`.
    return get_origin(kind) in (list, tuple)


def _is_open_set(kind: Any) -> bool:
    """Whether a type is an enumeration that may grow: its members, or any other text."""
    if get_origin(kind) not in (Union, UnionType):
        return False
    members = [each for each in get_args(kind) if each is not type(None)]
    return str in members and all(isinstance(m, type) and issubclass(m, str) for m in members)


def _open_set(value: Any, kind: Any) -> Any:
    if isinstance(value, str) or (value is None and type(None) in get_args(kind)):
        return value
    raise _NotThatTypeError("a string", value)


_JSON_TYPES: dict[type[Any], str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
    type(None): "null",
    dict: "an object",
    list: "a list",
}


def _json_type(value: object) -> str:
    return _JSON_TYPES.get(type(value), type(value).__name__)


def _first_fault(error: BaseException, path: str = "$") -> tuple[str, str]:
    """Walk cattrs' tree of errors to the first leaf; return its JSON path and reason."""
    if isinstance(error, ClassValidationError):
        fields, of_the_row = error.group_exceptions()
        if not fields:
            return _first_fault(of_the_row[0], path)
        cause, field = fields[0]
        return _first_fault(cause, f"{path}.{camel(field.name)}")
    if isinstance(error, IterableValidationError):
        (cause, item), *_ = error.group_exceptions()[0]
        return _first_fault(cause, f"{path}[{item.index}]")
    if isinstance(error, KeyError):
        return path, "field missing"
    return path, str(error)
