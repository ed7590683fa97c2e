"""Inputs: JSON that is nearly right, and how to make more of it from what there is."""

import json
import random
from collections.abc import Callable
from typing import Any

# What JSON may hold that no contract says, as it is written.
HOSTILE = (
    *("null", "true", "false", "0", "-1", "1.5", "1e308", "-0.0", '""', "[]", "{}", "[[]]", "[{}]"),
    *("1e999", "NaN", "-Infinity", "9" * 25, "9" * 400, "9" * 5000, "18446744073709551616"),
    *('"\\ud800"', '"\\u0000"', '"\\r\\nX: y"', '"%00"', '"../.."', '"\\udc80\\ud800"'),
    *('"9999-12-31T23:59:59-23:59"', '"0001-01-01T00:00:00+23:59"', '"2024-02-30"', '"2024-W01"'),
    *('"%(x)s"', '"${x}"', '"true"', '"\\"quoted\\""', '"https://u:p@x.alertlogic.com"'),
    *("[" * 50 + "]" * 50, '{"a":' * 150 + "1" + "}" * 150, "[" * 9000, f'"{"x" * 9000}"'),
)
_DEEPEST = 60


class Written(str):
    """JSON that is written as it is, right or wrong."""

    __slots__ = ()


def written(value: Any) -> str:
    """Return a value as JSON; a list of pairs in a tuple is an object, which may repeat a key."""
    if isinstance(value, Written):
        return value
    if isinstance(value, dict):
        value = tuple(value.items())
    if isinstance(value, tuple):
        return "{" + ",".join(f"{json.dumps(name)}:{written(each)}" for name, each in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


def mutated(document: bytes, rng: random.Random) -> bytes:
    """Return JSON, or lines of it, with a few of its parts made into something else."""
    lines = document.split(b"\n")
    at = rng.randrange(len(lines))
    # Below a space is what chooses a route or a status.
    head = lines[at][:1] if lines[at][:1] < b" " else b""
    try:
        value = json.loads(lines[at].removeprefix(head))
    except (ValueError, RecursionError):
        return scrambled(document, rng)
    for _ in range(rng.choice((1, 1, 2, 4))):
        value = _changed(value, rng)
    lines[at] = head + written(value).encode()
    return b"\n".join(lines)


def scrambled(document: bytes, rng: random.Random) -> bytes:
    """Return bytes with a stretch of them cut out, doubled, or replaced."""
    if not document:
        return rng.randbytes(rng.randrange(40))
    first = rng.randrange(len(document))
    last = min(len(document), first + rng.choice((1, 1, 2, 8, 64)))
    middle: Callable[[], bytes] = rng.choice(
        (
            lambda: b"",
            lambda: document[first:last] * 2,
            lambda: rng.randbytes(last - first),
            lambda: rng.choice(HOSTILE).encode(),
            lambda: bytes([document[first] ^ 1 << rng.randrange(8)]),
        )
    )
    return document[:first] + middle() + document[last:]


def _changed(value: Any, rng: random.Random, depth: int = 0) -> Any:
    if depth > _DEEPEST or isinstance(value, Written) or rng.random() < 0.1:
        return Written(rng.choice(HOSTILE))
    if isinstance(value, dict):
        value = tuple(value.items())
    if not isinstance(value, tuple | list) or not value:
        return Written(rng.choice(HOSTILE))
    parts: list[Any] = list(value)
    at = rng.randrange(len(parts))
    step = rng.random()
    if step < 0.1:
        del parts[at]
    elif step < 0.2:
        parts.insert(rng.randrange(len(parts)), parts[at])
    elif isinstance(value, tuple):
        parts[at] = (parts[at][0], _changed(parts[at][1], rng, depth + 1))
    else:
        parts[at] = _changed(parts[at], rng, depth + 1)
    return type(value)(parts)
