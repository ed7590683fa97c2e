"""Which routes can be made to fail: with a misspelt one a test would pass for nothing."""

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from itertools import zip_longest


def check_route(
    method: str | None, path: str | None, served: Sequence[tuple[str, Collection[str]]]
) -> None:
    """Check that a route is served.

    Args:
        method: Its method; `None` for any.
        path: Its path, what is variable in braces; `None` for any.
        served: The path of each route, and its methods.

    Raises:
        ValueError: It is not, or the path starts with no slash.
    """
    if path is not None and not path.startswith("/"):
        raise ValueError(f"a path of a route starts with a slash, not {path!r}")
    if not any(
        (method is None or method in methods) and (path is None or _may_meet(path, route))
        for route, methods in served
    ):
        hint = "" if path is None else _meant(path, served)
        raise ValueError(f"no route of the sandbox is {method or '*'} {path or '*'}{hint}")


def _meant(path: str, served: Sequence[tuple[str, Collection[str]]]) -> str:
    """Say what a path takes, or else which one is most like it."""
    if taken := {each for route, methods in served if _may_meet(path, route) for each in methods}:
        return f", which takes {', '.join(sorted(taken))}"
    return "".join(f"; {route} is one" for route in get_close_matches(path, dict(served), 1))


def _may_meet(path: str, route: str) -> bool:
    """Whether a path is of a route; what is variable in one meets anything in the other."""
    pairs = list(zip_longest(path.split("/"), route.split("/")))
    return all(
        None not in pair and (pair[0] == pair[1] or any(part[:1] in {"{", "<"} for part in pair))
        for pair in pairs
    )
