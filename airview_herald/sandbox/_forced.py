"""Answers forced upon routes, whatever AirView would have said."""

import re
import threading
from dataclasses import dataclass

from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from airview_herald.sandbox._answers import plain

_ERRORS = range(400, 600)
_FAULT = 500


@dataclass(slots=True)
class _Forced:
    method: str
    path: re.Pattern[str]
    status: int
    times: int | None


class ForcedStatuses:
    """Which requests are answered with a status of the caller's; callable from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forced: list[_Forced] = []

    def add(self, method: str, path: str, status: int, times: int | None) -> None:
        """Force a status upon a route; the latest of equal routes counts first.

        Raises:
            ValueError: The status is no error, or the path does not start with a slash.
        """
        if status not in _ERRORS:
            raise ValueError(f"a forced status is an error, 400 to 599, not {status}")
        if not path.startswith("/"):
            raise ValueError(f"a path of AirView starts with a slash, not {path!r}")
        pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))
        with self._lock:
            self._forced.insert(0, _Forced(method.upper(), pattern, status, times))

    def clear(self) -> None:
        """Force nothing from now on."""
        with self._lock:
            self._forced.clear()

    def take(self, method: str, path: str) -> int | None:
        """Return the status for a request, and count it."""
        with self._lock:
            for forced in self._forced:
                if forced.method == method and forced.path.fullmatch(path) and forced.times != 0:
                    if forced.times is not None:
                        forced.times -= 1
                    return forced.status
        return None


class Forcing:
    """Wraps an application: answers in its place where a status is forced."""

    def __init__(self, app: ASGIApp, statuses: ForcedStatuses) -> None:
        self._app = app
        self._statuses = statuses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or answer it: 500 as AirView does, anything else as a gateway."""
        path = scope["path"].removeprefix(scope["root_path"])
        status = self._statuses.take(scope["method"], path)
        if status is None:
            await self._app(scope, receive, send)
        elif status == _FAULT:
            answer = plain(status)
            await send({"type": "http.response.start", "status": 500, "headers": answer.headers})
            await send({"type": "http.response.body", "body": answer.body})
        else:
            page = HTMLResponse(f"<html><body><h1>{status}</h1></body></html>\n", status)
            await page(scope, receive, send)
