"""Requests, and their routes, which are found on the path as it was sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from airview_herald.sandbox._answers import Answer
from airview_herald.sandbox._database import Database, Row
from airview_herald.sandbox.herald import _bodies
from airview_herald.sandbox.herald._answers import bare_refusal
from airview_herald.sandbox.herald._switches import Switches
from airview_herald.sandbox.herald._tokens import Bearer, Tokens

AUTHENTICATE = "/aims/v1/authenticate"


@dataclass(frozen=True, slots=True)
class State:
    """What outlives a request and is no row.

    Attributes:
        tokens: The tokens that hold.
        switches: What a test may set.
        refused: Subscribers that cannot be added, each with whether it is for want of permission.
    """

    tokens: Tokens = field(default_factory=Tokens)
    switches: Switches = field(default_factory=Switches)
    refused: dict[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One request that found its route.

    Attributes:
        url: The server's own URL.
        path: The variable segments of the path, decoded, by name.
        query: The query string's parameters, decoded.
        headers: The headers by lower-case name.
        body: The body.
        bearer: Whom its token was issued to; nobody on the way to a token.
    """

    url: str
    database: Database
    state: State
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    bearer: Bearer | None

    @property
    def account_id(self) -> str:
        """The account that the path names."""
        return self.path["account_id"]

    @property
    def caller(self) -> Bearer:
        """Whom the request's token was issued to."""
        if self.bearer is None:
            raise bare_refusal(401)
        return self.bearer

    def load(self, rule: _bodies.Rule) -> dict[str, Any]:
        """Read the body, held to a rule for objects."""
        return _bodies.read_object(self.body, rule)

    def one(self, sql: str, *parameters: object) -> Row:
        """Return the first row of a SELECT, or refuse with 404."""
        rows = self.database.rows(sql, *parameters)
        if not rows:
            raise bare_refusal(404)
        return rows[0]

    def may_use(self, account_id: str) -> bool:
        """Whether the caller's account is this one or manages it."""
        own = self.caller.account_id
        return account_id == own or bool(
            self.database.rows(
                "SELECT 1 FROM account WHERE id = ? AND managed_by = ?", account_id, own
            )
        )


Handler = Callable[[Call], Answer]
Paths = Mapping[str, Mapping[str, Handler]]


class Routes:
    """Which handler takes a method and a path.

    Segments are compared as they were sent and decoded one by one afterwards, so an escaped slash
    is part of its segment. Where several paths fit, literal segments go before variable ones.

    Args:
        paths: Handlers by path and method; `{name}` stands for any one segment.
    """

    def __init__(self, paths: Paths) -> None:
        self._by_length: dict[int, list[tuple[list[str], Mapping[str, Handler]]]] = {}
        for path, methods in paths.items():
            segments = path.split("/")
            self._by_length.setdefault(len(segments), []).append((segments, methods))
        for routes in self._by_length.values():
            routes.sort(key=lambda route: [segment.startswith("{") for segment in route[0]])

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]] | int:
        """Return the handler and the variable segments, or 404 or 405."""
        status = 404
        sent = path.split("/")
        for segments, methods in self._by_length.get(len(sent), ()):
            variables = _match(segments, sent)
            if variables is None:
                continue
            if handler := methods.get(method):
                return handler, variables
            status = 405
        return status


def _match(segments: list[str], sent: list[str]) -> dict[str, str] | None:
    variables = {}
    for segment, actual in zip(segments, sent, strict=True):
        if segment.startswith("{"):
            value = unquote(actual)
            # Neither can be the key of anything stored.
            if not value or "\0" in value:
                return None
            variables[segment[1:-1]] = value
        elif segment != actual:
            return None
    return variables
