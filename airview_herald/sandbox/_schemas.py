"""Bodies and query strings checked by AirView's rules, and turned into columns."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_MISSING = "Missing data for required field."
_NULL = "Field may not be null."
_UNKNOWN = "Unknown field."
_NOT_AN_OBJECT = {"_schema": ["Invalid input type."]}

_TRUE = {"t", "T", "true", "True", "TRUE", "on", "On", "ON", "y", "Y", "yes", "Yes", "YES", "1", 1}
_FALSE = {
    *("f", "F", "false", "False", "FALSE", "off", "Off", "OFF", "n", "N", "no", "No", "NO", "0"),
    0,
}
_UNQUOTED = re.compile(r"[A-Za-z0-9_.~/-]*")


class InvalidError(Exception):
    """A value breaks its field's rule; `errors` is what the server lists under its name."""

    def __init__(self, errors: Any) -> None:
        super().__init__(errors)
        self.errors = errors


def text(value: object) -> str:
    """Take a JSON string as it is; the empty one counts."""
    if not isinstance(value, str):
        raise InvalidError(["Not a valid string."])
    return value


def reference(value: object) -> str:
    """Take a string that URL-quoting leaves unchanged."""
    reference = text(value)
    if not _UNQUOTED.fullmatch(reference):
        raise InvalidError(["Invalid value."])
    return reference


def integer(value: Any) -> int:
    """Take an integer, its text, or a number to truncate."""
    if isinstance(value, bool):
        raise InvalidError(["Not a valid integer."])
    try:
        return int(value)
    except (TypeError, ValueError):
        raise InvalidError(["Not a valid integer."]) from None
    except OverflowError:
        raise InvalidError(["Number too large."]) from None


def boolean(value: Any) -> bool:
    """Take a boolean, 0 or 1, or one of the words that mean them."""
    if isinstance(value, str | int | float):
        if value in _TRUE:
            return True
        if value in _FALSE:
            return False
    raise InvalidError(["Not a valid boolean."])


def moment(value: object) -> datetime:
    """Take the ISO 8601 text of a date with a time."""
    try:
        if isinstance(value, str) and len(value) > len("2023-09-18"):
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise InvalidError(["Not a valid datetime."])


def integers(value: object) -> list[int]:
    """Take a list of integers; what is wrong with them is keyed by index."""
    if not isinstance(value, list):
        raise InvalidError(["Not a valid list."])
    taken: list[int] = []
    errors: dict[str, Any] = {}
    for index, element in enumerate(value):
        try:
            taken.append(integer(element))
        except InvalidError as error:
            errors[str(index)] = [_NULL] if element is None else error.errors
    if errors:
        raise InvalidError(errors)
    return taken


@dataclass(frozen=True, slots=True)
class Field:
    """How one field is read, and what stands in for it when it is left out."""

    parse: Callable[[Any], Any]
    required: bool = False
    default: Any = None


class Schema:
    """The fields of one body or query string, by wire name."""

    def __init__(self, **fields: Field) -> None:
        self.fields = fields
        self.columns = {name: re.sub(r"(?=[A-Z])", "_", name).lower() for name in fields}

    def load(self, data: object) -> dict[str, Any]:
        """Return the values by column name.

        Raises:
            InvalidError: with every faulty field at once.
        """
        if not isinstance(data, dict):
            raise InvalidError(_NOT_AN_OBJECT)
        values: dict[str, Any] = {}
        errors: dict[str, Any] = {name: [_UNKNOWN] for name in data.keys() - self.fields.keys()}
        for name, field in self.fields.items():
            if name not in data:
                if field.required:
                    errors[name] = [_MISSING]
                elif field.default is not None:
                    values[self.columns[name]] = field.default
            elif data[name] is None:
                errors[name] = [_NULL]
            else:
                try:
                    values[self.columns[name]] = field.parse(data[name])
                except InvalidError as error:
                    errors[name] = error.errors
        if errors:
            raise InvalidError(errors)
        return values

    def load_known(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values by column name, whatever else `data` holds."""
        return self.load({name: data[name] for name in self.fields.keys() & data.keys()})

    def load_all(self, data: object) -> list[dict[str, Any]]:
        """Return a list's elements; what is wrong with them is keyed by index.

        Raises:
            InvalidError: when `data` is no list, or for every faulty element at once.
        """
        if not isinstance(data, list):
            raise InvalidError(["Invalid type."])
        loaded: list[dict[str, Any]] = []
        errors: dict[str, Any] = {}
        for index, element in enumerate(data):
            try:
                loaded.append(self.load(element))
            except InvalidError as error:
                errors[str(index)] = error.errors
        if errors:
            raise InvalidError(errors)
        return loaded
