"""The decode boundary: bytes to JSON, JSON to typed rows, and JSON back to bytes.

cattrs reads `"false"` as `True` and `1` as `"1"`; a service that answers so is wrong, and this is
the place that says it. Nothing of cattrs or msgspec passes beyond this module.

AirView's rows are read strictly, by camelCase names. Herald's are open: every field may be
missing or null, what is not known is kept, and the markers of `airview_herald._open` say where its
contract allows a value of another type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from types import MappingProxyType, NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import attrs
import cattrs
import msgspec
from cattrs.errors import ClassValidationError
from cattrs.gen import make_dict_structure_fn, override

from airview_herald import _wire_values as values
from airview_herald._open import LooseRow, Marker, OpenRow, wire_name
from airview_herald.errors import DecodeError, LimitError, RequestFacts

T = TypeVar("T")

# The first half of a surrogate pair, or the second, as JSON escapes it.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
# What a path shows of a name that the server chose.
_LONGEST_NAME = 80
# What a row keeps of the answer, and what that is handed over under: no field's name.
_KEPT = {"extra": "<extra>", "raw": "<raw>"}


def parse(content: bytes, facts: RequestFacts) -> Any:
    """Return the JSON document in a body.

    Raises:
        DecodeError: The body is not JSON, or is cut short.
    """
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"the answer is not JSON: {error}", facts) from None


def parse_refusal(content: bytes) -> Any:
    """Return the JSON document in the body of a refusal, by whatever made it: in UTF-8 or UTF-16.

    Halves of surrogate pairs, which no log could hold, become question marks.

    Raises:
        ValueError: It is not JSON.
        RecursionError: It is nested too deep for Python.
    """
    text = content.decode(json.detect_encoding(content), "replace")
    value = json.loads(text)
    if _HALF.search(text):
        whole = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        value = json.loads(whole)
    return value


def check_depth(value: Any, most: int, facts: RequestFacts) -> None:
    """Refuse JSON that has more objects and lists within one another than are allowed.

    Raises:
        LimitError: It has.
    """
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(most):
        level = [
            item
            for each in level
            for item in (each.values() if type(each) is dict else each)
            if type(item) is dict or type(item) is list
        ]
        if not level:
            return
    raise LimitError(
        f"{facts.method} {facts.url}: the answer's JSON is {most + 1} deep or deeper, "
        f"and limits.json_depth allows {most}",
        facts,
        "json_depth",
        most,
        most + 1,
    )


def dump(value: object) -> bytes:
    r"""Return a body as ASCII JSON: a front of AirView counts characters, not bytes."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def camel(name: str) -> str:
    """Return the wire's name of a field: `control_action` is `controlAction`."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


class Converter(cattrs.Converter):
    """A converter that knows what a field is called on the wire.

    Args:
        rename: Returns the wire's name of a field.
    """

    def __init__(self, rename: Callable[[str], str]) -> None:
        super().__init__()
        self.rename = rename

    def structure_row(
        self, cls: type[Any], kept: Mapping[str, str] = MappingProxyType({})
    ) -> Callable[[Any, Any], Any]:
        """Return what reads a mapping as an attrs class, by the wire's names.

        Args:
            cls: The class.
            kept: Fields that are taken as they are, and the names that they are found under.
        """
        fields = {
            field.name: override(rename=kept[field.name], struct_hook=values.as_it_is)
            if field.name in kept
            else override(rename=self.rename(field.name))
            for field in attrs.fields(cls)
        }
        return make_dict_structure_fn(cls, self, **fields)  # type: ignore[arg-type]  # one override a field


def make_converter() -> Converter:
    """Return a converter with strict scalars that reads camelCase into attrs classes."""
    converter = Converter(camel)
    _read_scalars_and_lists(converter)
    converter.register_structure_hook(datetime, values.moment)
    converter.register_structure_hook_func(_is_open_set, values.open_set)

    @converter.register_structure_hook_factory(attrs.has)
    def _rows(cls: type[Any]) -> Any:
        structure = converter.structure_row(cls)

        def from_mapping(value: Any, _: type[Any]) -> Any:
            if not isinstance(value, Mapping):
                raise values.NotThatTypeError("an object", value)
            return structure(value, cls)

        return from_mapping

    return converter


def make_open_converter() -> Converter:
    """Return a converter that reads open rows."""
    converter = Converter(wire_name)
    _read_scalars_and_lists(converter)
    converter.register_structure_hook(float, values.number)
    converter.register_structure_hook_func(_is_scalar_union, values.scalar)
    for marker, hook in (
        (Marker.ID, values.identifier),
        (Marker.FLAG, values.flag),
        (Marker.QUOTED, values.unquoted),
    ):
        converter.register_structure_hook_func(_is_marked(marker), hook)

    @converter.register_structure_hook_factory(_is_marked(Marker.ONE_OR_MANY))
    def _one_or_many(kind: Any) -> Any:
        sequence: Any = get_args(kind)[0]
        item: Any = get_args(sequence)[0]

        def from_either(value: Any, _: type[Any]) -> Any:
            if isinstance(value, list | tuple):
                return converter.structure(value, sequence)
            return (converter.structure(value, item),)

        return from_either

    @converter.register_structure_hook_factory(_is_open_row)
    def _rows(cls: type[OpenRow]) -> Any:
        return _OpenRowReader(cls, converter)

    return converter


class _OpenRowReader:
    """Read a mapping as an open row.

    A null is as good as absent. Of a field with an older name, the newer one counts.
    """

    def __init__(self, cls: type[OpenRow], converter: Converter) -> None:
        known = [f for f in attrs.fields(attrs.resolve_types(cls)) if f.name not in _KEPT]
        self._converter = converter
        self._cls = cls
        self._loose = issubclass(cls, LooseRow)
        self._structure = converter.structure_row(cls, _KEPT)
        self._kinds = {wire_name(field.name): field.type for field in known}
        self._older = {
            field.metadata["older"]: wire_name(field.name)
            for field in known
            if "older" in field.metadata
        }

    def __call__(self, value: Any, _: type[Any]) -> Any:
        if not isinstance(value, Mapping):
            raise values.NotThatTypeError("an object", value)
        found = {name: value[name] for name in self._kinds if value.get(name) is not None}
        older = {
            name: old
            for old, name in self._older.items()
            if name not in found and value.get(old) is not None
        }
        found |= {name: value[old] for name, old in older.items()}
        try:
            return self._read(value, found, older)
        except ClassValidationError as error:
            if not self._loose:
                raise _NamedOtherwiseError(error, older) from None
        fitting = {name: item for name, item in found.items() if self._fits(name, item)}
        return self._read(value, fitting, older, misfits=found.keys() - fitting)

    def _read(
        self,
        value: Mapping[str, Any],
        found: dict[str, Any],
        older: Mapping[str, str],
        misfits: AbstractSet[str] = frozenset(),
    ) -> Any:
        """Return a row of what was found; the rest of the mapping, misfits too, goes to `extra`."""
        extra: dict[str, Any] = {}
        if len(found) < len(value):
            taken = {*self._kinds, *older.values()} - misfits
            extra = {name: item for name, item in value.items() if name not in taken}
        return self._structure({**found, _KEPT["extra"]: extra, _KEPT["raw"]: value}, self._cls)

    def _fits(self, name: str, item: Any) -> bool:
        try:
            self._converter.structure(item, self._kinds[name])
        except Exception:  # noqa: BLE001 - as in decode
            return False
        return True


def _read_scalars_and_lists(converter: Converter) -> None:
    # By type, not by predicate: cattrs ignores a predicate's hook for bool.
    for kind in (bool, int, str):
        converter.register_structure_hook(kind, values.strict(kind))

    @converter.register_structure_hook_factory(_is_optional)
    def _optionals(kind: Any) -> Any:
        (present,) = (each for each in get_args(kind) if each is not NoneType)
        structure = converter.get_structure_hook(present)

        def from_optional(value: Any, _: Any) -> Any:
            return None if value is None else structure(value, present)

        return from_optional

    @converter.register_structure_hook_factory(_is_list)
    def _lists(kind: Any) -> Any:
        sequence: Any = get_origin(kind)
        item: Any = get_args(kind)[0]
        structure = converter.get_structure_hook(item)

        def from_list(value: Any, _: type[Any]) -> Any:
            if not isinstance(value, list | tuple):
                raise values.NotThatTypeError("a list", value)
            return sequence(_read_parts(enumerate(value), structure, item))

        return from_list

    @converter.register_structure_hook_factory(_is_mapping)
    def _mappings(kind: Any) -> Any:
        item: Any = get_args(kind)[1]
        structure = converter.get_structure_hook(item)

        def from_mapping(value: Any, _: type[Any]) -> Any:
            if not isinstance(value, Mapping):
                raise values.NotThatTypeError("an object", value)
            return dict(zip(value, _read_parts(value.items(), structure, item), strict=True))

        return from_mapping


def _read_parts(
    parts: Iterable[tuple[object, Any]], structure: Callable[[Any, Any], Any], kind: Any
) -> Iterator[Any]:
    """Yield each part of a list or a mapping as typed, up to the first that is not.

    cattrs itself goes on, and keeps an error for each: four kilobytes for two bytes of an answer.
    """
    for place, part in parts:
        try:
            yield structure(part, kind)
        except Exception as error:  # noqa: BLE001 - as in decode
            raise _PartError(place, error) from None


def decode(
    converter: Converter, kind: type[T], value: Any, facts: RequestFacts, at: str = "$"
) -> T:
    """Return JSON, which an answer holds at a path, as a typed value.

    Raises:
        DecodeError: It lacks a field or has one of another type; the error names the path.
    """
    try:
        return converter.structure(value, kind)
    except Exception as error:  # noqa: BLE001 - cattrs raises whatever a hook or a constructor did
        path, reason = _first_fault(error, converter.rename, at)
    # Behind the block: what carries errors with their context cannot carry cattrs's.
    raise DecodeError(f"{reason} @ {path}", facts, path)


class _PartError(Exception):
    """A part of a list or a mapping that is wrong, and its place there."""

    def __init__(self, place: object, cause: Exception) -> None:
        super().__init__(place, cause)
        self.place = place
        self.cause = cause


class _NamedOtherwiseError(Exception):
    """A row that is wrong in a field which the answer calls by an older name."""

    def __init__(self, cause: ClassValidationError, names: Mapping[str, str]) -> None:
        super().__init__(cause, names)
        self.cause = cause
        self.names = names


def _is_marked(marker: Marker) -> Callable[[Any], bool]:
    return lambda kind: marker in getattr(kind, "__metadata__", ())


def _is_mapping(kind: Any) -> bool:
    return get_origin(kind) in (dict, Mapping)


def _is_open_row(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, OpenRow)


def _is_scalar_union(kind: Any) -> bool:
    return bool(values.scalars(kind))


def _is_optional(kind: Any) -> bool:
    members = get_args(kind)
    return get_origin(kind) in (Union, UnionType) and len(members) == 2 and NoneType in members  # noqa: PLR2004 - itself and nothing


def _is_list(kind: Any) -> bool:
    # A tuple of a fixed length is none of JSON's: rows hold `tuple[X, ...]`.
    return get_origin(kind) in (list, tuple)


def _is_open_set(kind: Any) -> bool:
    """Whether a type is an enumeration that may grow: its members, or any other text."""
    if get_origin(kind) not in (Union, UnionType):
        return False
    members = [each for each in get_args(kind) if each is not type(None)]
    return str in members and all(isinstance(m, type) and issubclass(m, str) for m in members)


def _first_fault(error: BaseException, rename: Callable[[str], str], path: str) -> tuple[str, str]:
    """Walk cattrs' tree of errors to the first leaf; return its JSON path and reason."""
    older: Mapping[str, str] = {}
    if isinstance(error, _NamedOtherwiseError):
        older, error = error.names, error.cause
    if isinstance(error, ClassValidationError):
        fields, of_the_row = error.group_exceptions()
        if not fields:
            return _first_fault(of_the_row[0], rename, path)
        cause, field = fields[0]
        name = rename(field.name)
        return _first_fault(cause, rename, f"{path}.{older.get(name, name)}")
    if isinstance(error, _PartError):
        return _first_fault(error.cause, rename, f"{path}[{str(error.place)[:_LONGEST_NAME]}]")
    if isinstance(error, KeyError):
        return path, "field missing"
    return path, str(error)
