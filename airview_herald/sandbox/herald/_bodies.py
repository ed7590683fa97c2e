"""What bodies have to look like, and the errors that name where they do not.

A path names a value: keys joined by dots, and nothing for a position in a list, so that
`subscribers..subscriber_type` is a key of any one of the subscribers.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from airview_herald.sandbox.herald._answers import refusal, wrong_type
from airview_herald.sandbox.herald._records import UNSTORABLE

Rule = Callable[[object, str], None]
_NOTIFICATION_TYPE = re.compile(r"[^/\x00-\x1f\x7f]+/[^/\x00-\x1f\x7f]+")


def read(body: bytes) -> object:
    """Decode a body.

    Raises:
        RefusalError: It is not JSON.
    """
    try:
        return json.loads(body.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise refusal("invalid_json") from None


def read_object(body: bytes, rule: Rule) -> dict[str, Any]:
    """Decode a body and hold it to a rule for objects.

    Raises:
        RefusalError: It is not JSON, or breaks the rule.
    """
    value = read(body)
    rule(value, "")
    # Every such rule accepts only objects.
    return value  # type: ignore[return-value]


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def text(value: object, path: str) -> None:
    """Take text."""
    if not isinstance(value, str) or UNSTORABLE.search(value):
        raise wrong_type(path)


def boolean(value: object, path: str) -> None:
    """Take true and false."""
    if not isinstance(value, bool):
        raise wrong_type(path)


def text_or_false(value: object, path: str) -> None:
    """Take text, or false in its place."""
    if value is not False:
        text(value, path)


def notification_type(value: object, path: str) -> None:
    """Take two parts and a slash between them, without control characters."""
    text(value, path)
    if not _NOTIFICATION_TYPE.fullmatch(str(value)):
        raise wrong_type(path)


def member(*members: str) -> Rule:
    """Take any one of these texts."""

    def rule(value: object, path: str) -> None:
        if value not in members:
            raise wrong_type(path)

    return rule


def integer(first: int, last: int) -> Rule:
    """Take whole numbers in a range."""

    def rule(value: object, path: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not first <= value <= last:
            raise wrong_type(path)

    return rule


def each(item: Rule, *, least: int = 0) -> Rule:
    """Take lists of at least so many items of one kind."""

    def rule(value: object, path: str) -> None:
        if not isinstance(value, list) or len(value) < least:
            raise wrong_type(path)
        for one in value:
            item(one, f"{path}.")

    return rule


def shape(required: tuple[str, ...] = (), known: Mapping[str, Rule] | None = None) -> Rule:
    """Take objects that have some keys, with rules for the values of some; others are theirs."""
    rules = known or {}

    def rule(value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(path)
        for key in required:
            if key not in value:
                nested = {"path": path} if path else {}
                raise refusal("missing_required_property", details=key, **nested)
        for key, check in rules.items():
            if key in value:
                check(value[key], f"{path}.{key}" if path else key)

    return rule


def all_of(*rules: Rule) -> Rule:
    """Take what passes every one of several rules."""

    def rule(value: object, path: str) -> None:
        for one in rules:
            one(value, path)

    return rule


ANY_OBJECT = shape()
SUBSCRIBER = shape(
    ("subscriber", "subscriber_type"),
    {"subscriber": text, "subscriber_type": member("user", "connection")},
)
