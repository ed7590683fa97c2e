"""Bodies: bytes to JSON, and JSON back to bytes."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from airview_herald.errors import DecodeError, LimitError, RequestFacts

# The first half of a surrogate pair, or the second, as JSON escapes it.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


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
    """Return the JSON document in a refusal's body, which anything may have sent: UTF-8 or UTF-16.

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
    """Return a body as ASCII JSON: a front of AirView counts characters, not bytes."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
