"""The decode boundary: JSON to typed rows.

cattrs reads `"false"` as `True` and `1` as `"1"`; a service that answers so is wrong, and this is
the place that says it. Nothing of cattrs passes beyond this module.

AirView's rows are read strictly, by camelCase names. Herald's are open: every field may be
missing or null, what is not known is kept, and the markers of `airview_herald._open` say where its
contract allows a value of another type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin

import attrs
import cattrs
from cattrs.errors import ClassValidationError
from cattrs.gen import make_dict_structure_fn, override

from airview_herald import _wire_values as values
from airview_herald._open import Flag, Id, LooseRow, Marker, OpenRow, wire_name
from airview_herald.errors import DecodeError, RequestFacts

T = TypeVar("T")

# How much of a name chosen by the server is shown in a path.
_LONGEST_NAME = 80
# Fields that hold parts of the answer itself, and so are not read from it.
_KEPT = ("extra", "raw")
# Values that already have the right type need no hook.
_AS_THEY_ARE = {Id: str, Flag: bool, str: str, float: float}


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

    def structure_row(self, cls: type[Any]) -> Callable[[Any, Any], Any]:
        """Return what reads a mapping as an attrs class, by the wire's names."""
        fields = {
            field.name: override(rename=self.rename(field.name)) for field in attrs.fields(cls)
        }
        return make_dict_structure_fn(cls, self, **fields)  # type: ignore[arg-type]  # one override a field


def make_converter() -> Converter:
    """Return a converter with strict scalars that reads camelCase into attrs classes."""
    converter = Converter(camel)
    _read_scalars(converter)
    _read_optionals_and_lists(converter)
    _read_mappings(converter)
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
    _read_scalars(converter)
    _read_optionals_and_lists(converter)
    _read_mappings(converter)
    converter.register_structure_hook(float, values.number)
    converter.register_structure_hook_factory(_is_scalar_union, values.one_of)
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


class _OpenField(NamedTuple):
    """A field of an open row, as it is read.

    Attributes:
        name: What it is called on the wire.
        older: What it was called once, if it was called otherwise.
        argument: What it is called here.
        as_it_is: The type whose values are taken as they are; those of others are structured.
        structure: Makes a value of the field's type, or raises.
        kind: That type.
    """

    name: str
    older: str | None
    argument: str
    as_it_is: type[Any] | None
    structure: Callable[[Any, Any], Any]
    kind: Any


class _OpenRowReader:
    """Read a mapping as an open row, up to the first field that is wrong.

    A null is as good as absent. Of a field with an older name, the newer one counts. A loose row
    has no field that is wrong: what does not fit goes to `extra`, with what is not known.

    One of cattrs's goes on to the last field, and takes a loose row twice.
    """

    def __init__(self, cls: type[OpenRow], converter: Converter) -> None:
        fields = attrs.fields(attrs.resolve_types(cls))
        self._cls = cls
        self._loose = issubclass(cls, LooseRow)
        self._fields = [_open_field(f, converter) for f in fields if f.name not in _KEPT]
        self._names = {field.name for field in self._fields}

    def __call__(self, value: Any, _: type[Any]) -> Any:
        if not isinstance(value, Mapping):
            raise values.NotThatTypeError("an object", value)
        found: dict[str, Any] = {}
        misfits: set[str] = set()
        renamed: set[str] = set()
        for name, older, argument, as_it_is, structure, kind in self._fields:
            item, called = value.get(name), name
            if item is None and older is not None:
                item, called = value.get(older), older
            if item is None:
                continue
            if called != name:
                renamed.add(called)
            if type(item) is not as_it_is:
                try:
                    item = structure(item, kind)
                except Exception as error:  # noqa: BLE001 - as in decode
                    if not self._loose:
                        raise _PartError(f".{called}", error) from None
                    misfits.add(called)
                    continue
            found[argument] = item
        extra: dict[str, Any] = {}
        if len(found) < len(value):
            known = (self._names | renamed) - misfits
            extra = {name: item for name, item in value.items() if name not in known}
        return self._cls(**found, extra=extra, raw=value)


def _open_field(field: attrs.Attribute[Any], converter: Converter) -> _OpenField:
    kind: Any = field.type
    if _is_optional(kind):
        kind = _present(kind)
    return _OpenField(
        wire_name(field.name),
        field.metadata.get("older"),
        field.alias or field.name,
        _AS_THEY_ARE.get(kind),
        converter.get_structure_hook(kind),
        kind,
    )


def _read_scalars(converter: Converter) -> None:
    # By type, not by predicate: cattrs ignores a predicate's hook for bool.
    for kind in (bool, int, str):
        converter.register_structure_hook(kind, values.strict(kind))


def _read_optionals_and_lists(converter: Converter) -> None:
    @converter.register_structure_hook_factory(_is_optional)
    def _optionals(kind: Any) -> Any:
        present = _present(kind)
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
            read: list[Any] = []
            try:
                # Not to the end: cattrs itself goes on, and keeps an error for each that is wrong,
                # four kilobytes for two bytes of an answer.
                for part in value:
                    read.append(structure(part, item))  # noqa: PERF401 - its length tells the place
            except Exception as error:  # noqa: BLE001 - as in decode
                raise _PartError(f"[{len(read)}]", error) from None
            return sequence(read)

        return from_list


def _read_mappings(converter: Converter) -> None:
    @converter.register_structure_hook_factory(_is_mapping)
    def _mappings(kind: Any) -> Any:
        item: Any = get_args(kind)[1]
        structure = converter.get_structure_hook(item)

        def from_mapping(value: Any, _: type[Any]) -> Any:
            if not isinstance(value, Mapping):
                raise values.NotThatTypeError("an object", value)
            read: dict[Any, Any] = {}
            for name, part in value.items():
                try:
                    read[name] = structure(part, item)
                except Exception as error:  # noqa: BLE001 - as in decode
                    raise _PartError(f"[{name[:_LONGEST_NAME]}]", error) from None
            return read

        return from_mapping


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
    """A part of a row, a list or a mapping that is wrong.

    Args:
        place: Where it is there, as a path goes on.
        cause: What is wrong.
    """

    def __init__(self, place: str, cause: Exception) -> None:
        super().__init__(place, cause)
        self.place = place
        self.cause = cause


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


def _present(optional: Any) -> Any:
    """Return the type of an optional value that is there."""
    (kind,) = (each for each in get_args(optional) if each is not NoneType)
    return kind


def _is_list(kind: Any) -> bool:
    # A tuple of a fixed length is none of JSON's: rows hold `tuple[X, ...]`.
    return get_origin(kind) in (list, tuple)


def _is_open_set(kind: Any) -> bool:
    """Whether a type is an enumeration that may grow: its members, or any other text."""
    if get_origin(kind) not in (Union, UnionType):
        return False
    members = [each for each in get_args(kind) if each is not NoneType]
    return str in members and all(isinstance(m, type) and issubclass(m, str) for m in members)


def _first_fault(error: BaseException, rename: Callable[[str], str], path: str) -> tuple[str, str]:
    """Walk cattrs' tree of errors to the first leaf; return its JSON path and reason."""
    if isinstance(error, ClassValidationError):
        fields, of_the_row = error.group_exceptions()
        if not fields:
            return _first_fault(of_the_row[0], rename, path)
        cause, field = fields[0]
        return _first_fault(cause, rename, f"{path}.{rename(field.name)}")
    if isinstance(error, _PartError):
        return _first_fault(error.cause, rename, path + error.place)
    if isinstance(error, KeyError):
        return path, "field missing"
    return path, str(error)
