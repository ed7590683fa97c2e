"""The rules that Herald puts on what it is given, checked before anything is sent.

What Herald may enlarge is left to it: types of subscribers, templates, and every key of what is an
open object.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from airview_herald._numbers import is_integer, is_number
from airview_herald._open import OpenRow, encode
from airview_herald._quoted import quoted
from airview_herald.errors import InputError

MAX_SUPPRESSION_INTERVAL = 10080
# The most characters of one part of a URL; no server accepts a longer request line.
MAX_IN_URL = 8_000
# What a model of ours may be given as.
JsonObject = Mapping[str, Any]
# Larger integers overflow where JSON's numbers are read as floats; Python refuses to print them.
_MOST_BITS = 1024
ACTIONS = ("add", "delete")
SORTS = ("desc", "asc")

_NOTIFICATION_TYPE = re.compile("[^/\0-\x1f\x7f-\x9f]+/[^/\0-\x1f\x7f-\x9f]+")
_KIND = re.compile("[a-z_]+")
# As seconds this is beyond the year 5000: milliseconds must be meant.
_MILLISECONDS = 10**11
_DOT_SEGMENT = re.compile(r"(?:^|[/\\])\.{1,2}(?:[/\\]|\Z)")
_HALF = re.compile("[\ud800-\udfff]")


class NotGiven(Enum):
    """Stands for an argument that is not given, where `None` has a meaning."""

    NOT_GIVEN = "not given"

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN = NotGiven.NOT_GIVEN


def text(field: str, value: object) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str):
        raise InputError(field, f"must be a text, not {type(value).__name__}", value)
    if not value:
        raise InputError(field, "must not be empty", value)
    if _HALF.search(value):
        raise InputError(field, "must not hold half of a surrogate pair", value)
    return value


def url_text(field: str, value: object) -> str:
    """Return a text that may be a part of a URL."""
    checked = text(field, value)
    if len(checked) > MAX_IN_URL:
        rule = f"must have at most {MAX_IN_URL} characters, has {len(checked)}"
        raise InputError(field, rule, value)
    return checked


def path_value(field: str, value: object) -> str:
    """Return a text that may be one segment of a path."""
    checked = url_text(field, value)
    # Checked within the text too: some proxies decode a path before they resolve dot segments.
    if _DOT_SEGMENT.search(checked):
        raise InputError(
            field, f"must not be {quoted(value)}: it would address another resource", value
        )
    return checked


def kind(field: str, value: object) -> str:
    """Return the kind of an integration, which stands right below the account."""
    checked = url_text(field, value)
    if not _KIND.fullmatch(checked):
        raise InputError(field, f"may hold a-z and _ only, not {quoted(value)}", value)
    return checked


def notification_type(field: str, value: object) -> tuple[str, str]:
    """Return the halves of a notification type."""
    checked = url_text(field, value)
    if not _NOTIFICATION_TYPE.fullmatch(checked):
        rule = (
            "must be two parts with one slash between, such as incidents/alerts, and without "
            f"control characters, not {quoted(value)}"
        )
        raise InputError(field, rule, value)
    first, _, second = checked.partition("/")
    if _DOT_SEGMENT.search(first) or _DOT_SEGMENT.search(second):
        raise InputError(field, f"must not have . or .. for a part, not {quoted(value)}", value)
    return first, second


def boolean(field: str, value: object) -> bool:
    """Return a boolean."""
    if not isinstance(value, bool):
        raise InputError(field, f"must be a bool, not {type(value).__name__}", value)
    return value


def integer(field: str, value: object) -> int:
    """Return an integer; a boolean is none."""
    if not is_integer(value):
        raise InputError(field, f"must be an integer, not {type(value).__name__}", value)
    if value.bit_length() >= _MOST_BITS:
        raise InputError(field, "must be an integer that JSON holds", value)
    return value


def page_size(field: str, value: object) -> int:
    """Return how many items a page may have: at least one, or a listing would never advance."""
    checked = integer(field, value)
    if checked < 1:
        raise InputError(field, f"must be 1 or more, not {quoted(value)}", value)
    return checked


def sort(field: str, value: object) -> str:
    """Return the order of a listing."""
    return _member(field, url_text(field, value), SORTS)


def suppression_interval(field: str, value: object) -> int:
    """Return a number of minutes, up to a week."""
    if not is_integer(value) or not 0 <= value <= MAX_SUPPRESSION_INTERVAL:
        most = MAX_SUPPRESSION_INTERVAL
        rule = f"must be an integer from 0 to {most} (minutes), not {quoted(value)}"
        raise InputError(field, rule, value)
    return value


def moment(field: str, value: object) -> int:
    """Return a moment in whole epoch seconds."""
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise InputError(
                field, "must have a time zone: a naive datetime names no moment", value
            )
        return math.floor(value.timestamp())
    if not is_number(value):
        rule = f"must be epoch seconds or an aware datetime, not {type(value).__name__}"
        raise InputError(field, rule, value)
    if not 0 <= value < _MILLISECONDS:
        raise InputError(field, f"must be epoch seconds, not {quoted(value)}", value)
    return math.floor(value)


def texts(field: str, values: object) -> list[str]:
    """Return a list of texts, one or more of them."""
    items = sequence(field, values)
    if not items:
        raise InputError(field, "must not be empty", values)
    return [text(f"{field}[{index}]", value) for index, value in enumerate(items)]


def sequence(field: str, values: object) -> Sequence[Any]:
    """Return a list; a text is none."""
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        raise InputError(field, f"must be a list, not {type(values).__name__}", values)
    return values


def subscriber(field: str, value: object, *, action: bool = False) -> dict[str, Any]:
    """Return who is subscribed, and what is to be done about it, as JSON."""
    found = document(field, value)
    for name in ("subscriber", "subscriber_type", *(("action",) if action else ())):
        if name not in found:
            raise InputError(f"{field}.{name}", "is needed", value)
        text(f"{field}.{name}", found[name])
    if action:
        _member(f"{field}.action", found["action"], ACTIONS)
    return found


def document(field: str, value: object) -> dict[str, Any]:
    """Return an object, ours or any mapping, as JSON that can be sent."""
    if not isinstance(value, OpenRow | Mapping):
        raise InputError(field, f"must be a mapping, not {type(value).__name__}", value)
    try:
        found = _json(field, value)
    except RecursionError:
        raise InputError(field, "must not be nested without end") from None
    return dict(found)


def _member(field: str, value: str, members: Sequence[str]) -> str:
    if value not in members:
        rule = f"must be one of {', '.join(members)}, not {quoted(value)}"
        raise InputError(field, rule, value)
    return value


def _json(field: str, value: object) -> Any:
    """Return a value as lists, dictionaries and scalars of JSON."""
    if isinstance(value, OpenRow):
        value = encode(value)
    if isinstance(value, Mapping):
        found = {}
        for name, item in value.items():
            if not isinstance(name, str):
                raise InputError(field, f"must have texts for keys, not {quoted(name)}", name)
            found[_scalar(field, name)] = _json(f"{field}.{name}", item)
        return found
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview):
        return [_json(f"{field}[{index}]", item) for index, item in enumerate(value)]
    return _scalar(field, value)


def _scalar(field: str, value: object) -> Any:
    if isinstance(value, str):
        if _HALF.search(value):
            raise InputError(field, "must not hold half of a surrogate pair", value)
        return value
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(field, f"must be a number that JSON has, not {quoted(value)}", value)
    if isinstance(value, int) and value.bit_length() >= _MOST_BITS:
        raise InputError(field, "must be an integer that JSON holds", value)
    if value is None or isinstance(value, bool | int | float):
        return value
    raise InputError(field, f"must be JSON, not {type(value).__name__}", value)
