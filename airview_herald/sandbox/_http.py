"""AirView's manners as an HTTP server: exact slashes, query strings, methods, faults."""

import html
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from airview_herald.sandbox._answers import (
    INVALID_JSON,
    Answer,
    RefusalError,
    invalid,
    plain,
    send_answer,
)
from airview_herald.sandbox._database import Database, DatabaseError
from airview_herald.sandbox._schemas import InvalidError, Schema

_logger = logging.getLogger("airview_herald.sandbox")
_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,19}\s*", re.ASCII)
_UNDECODABLE = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Call:
    """One request that found its route.

    Attributes:
        segment: What the variable part of the path matched; the last one if it has several.
        race_window: Seconds between the look-up and the insert of a first write.
    """

    database: Database
    race_window: float
    segment: str
    query: Mapping[str, str]
    content_type: str
    body: bytes

    def load(self, schema: Schema) -> dict[str, Any]:
        """Read the body; without a JSON content type it counts as `{}`."""
        try:
            data = json.loads(self.body.decode()) if _is_json(self.content_type) else {}
        except ValueError:
            raise RefusalError(INVALID_JSON) from None
        try:
            return schema.load(data)
        except InvalidError as error:
            raise RefusalError(invalid("json", error.errors)) from None

    def load_query(self, schema: Schema) -> dict[str, Any]:
        """Read the query string; parameters that the schema lacks are ignored."""
        try:
            return schema.load_known(self.query)
        except InvalidError as error:
            raise RefusalError(invalid("query", error.errors)) from None

    def identifier(self, text: str) -> int | str:
        """Read an id as the database reads the text that it is compared with.

        PostgreSQL wants an integer; SQLite takes any text, which then equals no id.

        Raises:
            DatabaseError: It is no integer.
        """
        if self.database.lenient:
            return text
        if not _INTEGER.fullmatch(text):
            raise DatabaseError("not an integer")
        return int(text)


Handler = Callable[[Call], Awaitable[Answer]]
Methods = Mapping[str, Handler]


class Routes:
    """Which handler answers a path and method.

    Args:
        paths: Methods by path; `<int>` stands for digits, `<text>` for anything without a slash.
    """

    def __init__(self, paths: Mapping[str, Methods]) -> None:
        self.paths = paths
        self._fixed = {path: methods for path, methods in paths.items() if "<" not in path}
        self._patterns = [
            (re.compile(path.replace("<int>", "([0-9]+)").replace("<text>", "([^/]+)")), methods)
            for path, methods in paths.items()
            if "<" in path
        ]

    def find(self, path: str) -> tuple[Methods, str] | None:
        """Return the methods of a path and what its last variable part matched."""
        if (methods := self._fixed.get(path)) is not None:
            return methods, ""
        for pattern, methods in self._patterns:
            if match := pattern.fullmatch(path):
                return methods, match.groups()[-1]
        return None

    def neighbour(self, path: str, method: str) -> str | None:
        """Return the path that was meant: single slashes, and one at the end."""
        single = re.sub("/{2,}", "/", path)
        for meant in (single, single + "/"):
            found = self.find(meant)
            if found and method in allowed_methods(found[0]):
                return meant
        return None


class AirView:
    """The ASGI application that serves `routes` from `database`."""

    def __init__(self, routes: Routes, database: Database, race_window: float) -> None:
        self._routes = routes
        self._database = database
        self._race_window = race_window

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await send_answer(await self._answer(scope, await Request(scope, receive).body()), send)

    async def _answer(self, scope: Scope, body: bytes) -> Answer:
        # The server takes any number of leading slashes for one.
        path = "/" + scope["path"].removeprefix(scope["root_path"]).lstrip("/")
        method = scope["method"]
        found = self._routes.find(path)
        if found is None:
            meant = self._routes.neighbour(path, method)
            return plain(404) if meant is None else _redirect(scope, meant)
        methods, segment = found
        if method == "OPTIONS":
            return _options(methods)
        handler = methods.get("GET" if method == "HEAD" else method)
        if handler is None:
            return plain(405)
        content_type = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1")
        query = parse_query(scope["query_string"].decode("latin-1"))
        call = Call(self._database, self._race_window, segment, query, content_type, body)
        return await _handle(handler, call)


async def _handle(handler: Handler, call: Call) -> Answer:
    try:
        return await handler(call)
    except RefusalError as refusal:
        return refusal.answer
    except DatabaseError:
        return plain(500)
    except Exception:
        _logger.exception("the sandbox failed")
        return plain(500)


def parse_query(text: str) -> dict[str, str]:
    """Decode a query string: the first of equal names counts, undecodable escapes stay."""
    query: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, errors="surrogateescape"):
        query.setdefault(name, _UNDECODABLE.sub(_escape, value))
    return query


def allowed_methods(methods: Methods) -> set[str]:
    """Return every method that a path answers, with those that come by themselves."""
    return {*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set())


def _options(methods: Methods) -> Answer:
    allow = ", ".join(sorted(allowed_methods(methods)))
    return Answer.of(200, "text/html; charset=utf-8", "", ("allow", allow))


def _escape(undecodable: re.Match[str]) -> str:
    return f"%{ord(undecodable[0]) - 0xDC00:02X}"


def _is_json(content_type: str) -> bool:
    mimetype = content_type.partition(";")[0].strip().lower()
    return mimetype == "application/json" or (
        mimetype.startswith("application/") and mimetype.endswith("+json")
    )


def _redirect(scope: Scope, path: str) -> Answer:
    headers = dict(scope["headers"])
    host = headers.get(b"host", b"localhost").decode("latin-1")
    location = f"{scope['scheme']}://{host}{scope['root_path']}{quote(path)}"
    if scope["query_string"]:
        location += "?" + scope["query_string"].decode("latin-1")
    shown = html.escape(location)
    return Answer.of(
        308,
        "text/html; charset=utf-8",
        "<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>\n"
        "<h1>Redirecting...</h1>\n<p>You should be redirected automatically to the target URL: "
        f'<a href="{shown}">{shown}</a>. If not, click the link.\n',
        ("location", location),
    )
