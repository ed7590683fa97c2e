"""JSON objects that are given to a command in a file, or on stdin."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from airview_herald.cli._ends import UsageError
from airview_herald.cli._file_names import beginning, called

# Far more than any service accepts; and a device such as /dev/zero never ends.
_MOST_BYTES = 16 * 1024 * 1024


def read_object(file: str, fields: Collection[str], needed: Collection[str] = ()) -> dict[str, Any]:
    """Return the JSON object in a file.

    Args:
        file: The file, `-` for stdin.
        fields: The fields that it may have.
        needed: Those that it must have.

    Raises:
        UsageError: It cannot be read, is larger than 16 MiB, is no object, has another field or
            lacks one.
    """
    name = called(file)
    try:
        content = beginning(file, _MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(name, f"cannot be read: {error.strerror}") from None
    if len(content) > _MOST_BYTES:
        raise UsageError(name, f"is larger than {_MOST_BYTES} bytes")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        where = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UsageError(name, f"is not JSON{where}") from None
    if not isinstance(found, dict):
        raise UsageError(name, "must be one JSON object")
    for field in found:
        if field not in fields:
            raise UsageError(f"{name} {field}", f"is none of {', '.join(fields)}")
    for field in needed:
        if field not in found:
            raise UsageError(f"{name} {field}", "is missing")
    return found
