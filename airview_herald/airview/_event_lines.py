"""Events as lines of JSON, in the models' own field names: how files of this package hold them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache, reduce
from operator import or_
from typing import Any, TypeVar, get_args, get_type_hints

import attrs
import msgspec

from airview_herald._json import dump
from airview_herald.airview.models import ComplianceEvent

T = TypeVar("T")

# How the line of a dead letter begins. The next byte, `0` or `1`, tells if it is superseded.
DEAD_LETTER = b'{"dead_letter":{"superseded":'
_MARK = b'"dead_letter"'
_MAX_REPR = 10_000


class LineError(ValueError):
    """An event that no line can hold, or a line that holds none; its text says why."""


class Letter(msgspec.Struct, kw_only=True):
    """What a dead letter says of its event.

    Attributes:
        superseded: 1 once a later event about the same was recorded.
        index: The event's position in its input.
        run: The run that it was an input of.
        outcome: `failed`, `unknown` or `not_attempted`.
        stage: How far it came.
        attempts: Times its requests were sent again, plus one.
        error: Its class, message, status, attempts, and whether it is ambiguous.
        reconciled: Whether the event is one that reconciliation added.
        unreadable: Stands for an event that JSON cannot hold: what Python shows of it.
    """

    superseded: int
    index: int
    run: str
    outcome: str
    stage: str
    attempts: int
    error: dict[str, Any] | None = None
    reconciled: bool = False
    unreadable: str | None = None


def encode(event: Any) -> bytes:
    """Return an event as a line, without its line feed: ASCII, fields that are `None` left out.

    Raises:
        LineError: `decode` would not return an equal event.
    """
    if not isinstance(event, ComplianceEvent):
        raise LineError("is not a ComplianceEvent")
    try:
        line = encode_model(event)
        same = decode(line) == event
    except (msgspec.DecodeError, TypeError, ValueError, RecursionError) as error:
        raise LineError(f"would not be read back: {error}") from None
    if not same:
        raise LineError("would be read back as another event")
    return line


def decode(line: bytes) -> ComplianceEvent:
    """Return the event of a line.

    Raises:
        LineError: The line holds none.
    """
    return decode_model(ComplianceEvent, line)


def encode_letter(event: Any, letter: Mapping[str, Any]) -> bytes:
    """Return a dead letter as a line, with its line feed; one that is not superseded.

    Args:
        event: Whatever the caller gave.
        letter: The fields of `Letter` after `superseded`; those that are `None` are left out.
    """
    fields = {name: value for name, value in letter.items() if value is not None}
    try:
        line = encode(event)
    except LineError:
        fields["unreadable"] = _shown(event)
        line = b"{}"
    # `superseded` stays the first field, at a fixed offset, so that it can be overwritten.
    head = DEAD_LETTER + b"0," + dump(fields)[1:]
    return head + b"}\n" if line == b"{}" else head + b"," + line[1:] + b"\n"


def decode_letter(line: bytes) -> Letter | None:
    """Return what a line says of its event if it is a dead letter.

    Raises:
        LineError: The line is no JSON object, or no letter of ours.
    """
    if _MARK not in line:
        return None
    try:
        letter: Letter | msgspec.UnsetType = _letters().decode(line).dead_letter
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LineError(str(error)) from None
    return None if isinstance(letter, msgspec.UnsetType) else letter


def encode_model(model: Any) -> bytes:
    """Return a model as ASCII JSON; fields that are `None` are left out."""
    return dump(attrs.asdict(model, filter=_is_set))


def decode_model(model: type[T], line: bytes) -> T:
    """Return the object of a model that a line holds.

    Raises:
        LineError: The line holds none.
    """
    kind: Any = model
    try:
        row = _decoder(kind).decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LineError(str(error)) from None
    built: T = _build(kind, row)
    return built


def plain(text: str) -> str:
    """Return a text without halves of surrogate pairs, which no line could be read back with."""
    return text.encode("utf-8", "backslashreplace").decode()


def _shown(event: Any) -> str:
    try:
        shown = repr(event)
    except Exception as error:  # noqa: BLE001 - the caller's object may raise anything
        shown = f"<{type(event).__name__}, whose repr raised {type(error).__name__}>"
    return plain(shown[:_MAX_REPR])


def _is_set(_: attrs.Attribute[Any], value: object) -> bool:
    return value is not None


@cache
def _letters() -> msgspec.json.Decoder[Any]:
    unset: Any = msgspec.UNSET
    field = ("dead_letter", Letter | msgspec.UnsetType, unset)
    return msgspec.json.Decoder(msgspec.defstruct("Line", [field]))


@cache
def _decoder(model: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_row(model))


def _row(model: type[Any]) -> type[msgspec.Struct]:
    """Return a strict msgspec class with a model's fields; those with a default may be unset.

    msgspec reads attrs classes by itself, but not a union of an enumeration and text.
    """
    hints = get_type_hints(model)
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for field in attrs.fields(model):
        kind = _json_kind(hints[field.name])
        if field.default is attrs.NOTHING:
            fields.append((field.name, kind))
        else:
            fields.append((field.name, kind | msgspec.UnsetType, msgspec.UNSET))
    if model is ComplianceEvent:
        fields.append(("dead_letter", Letter | msgspec.UnsetType, msgspec.UNSET))
    return msgspec.defstruct(model.__name__, fields, forbid_unknown_fields=True)


def _json_kind(hint: Any) -> Any:
    parts = get_args(hint)
    if parts:
        return reduce(or_, (_json_kind(part) for part in parts if not _is_enumeration(part)))
    return _row(hint) if attrs.has(hint) else hint


def _is_enumeration(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, StrEnum)


@cache
def _models(model: Any) -> dict[str, Any]:
    """Return the fields of a model, and for those that hold another model which one."""
    hints = get_type_hints(model)
    return {
        field.name: next(
            (k for k in (hints[field.name], *get_args(hints[field.name])) if attrs.has(k)), None
        )
        for field in attrs.fields(model)
    }


def _build(model: Any, row: Any) -> Any:
    values = {}
    for name, inner in _models(model).items():
        value = getattr(row, name)
        if value is msgspec.UNSET:
            continue
        if value is not None and inner is not None:
            value = _build(inner, value)
        values[name] = value
    return model(**values)
