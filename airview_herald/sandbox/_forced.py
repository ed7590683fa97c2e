"""Faults forced upon routes, whatever the services would have said."""

import asyncio
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airview_herald.sandbox._answers import Answer, plain, send_answer
from airview_herald.sandbox._server import DROP

Drop = Literal["before", "after"]
_ERRORS = range(400, 600)
_BODIED = frozenset(range(200, 600)) - {204, 205, 304}
_FAULT = 500


@dataclass(frozen=True, slots=True)
class Fault:
    """What a request meets.

    Attributes:
        status: The status of the answer; the service's own answer without one.
        body: Its body: bytes and text as they are, anything else as JSON; a usual one if `None`.
        headers: What is added to its headers.
        delay: Seconds before anything happens.
        drop: Whether the connection ends without an answer: `before` the service hears of the
            request, or `after` it has carried it out.
    """

    status: int | None = None
    body: object = None
    headers: Mapping[str, str] | None = None
    delay: float = 0.0
    drop: Drop | None = None

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            ValueError: The parts do not fit together.
        """
        if self.status is None:
            if self.body is not None or self.headers:
                raise ValueError("a forced body or header needs a status")
            if not self.delay and self.drop is None:
                raise ValueError("nothing is forced: give a status, a delay or a drop")
        elif self.drop is not None:
            raise ValueError("a dropped connection has no status")
        elif self.body is None and self.status not in _ERRORS:
            raise ValueError(f"a forced status is an error, 400 to 599, not {self.status!r}")
        elif self.status not in _BODIED:
            raise ValueError(
                f"a status with a body is one of 200 to 599 but 204, 205 and 304, not {self.status}"
            )
        if self.delay < 0:
            raise ValueError(f"a delay is not negative, as {self.delay} is")
        if self.drop not in {None, "before", "after"}:
            raise ValueError(f"a connection is dropped before or after, not {self.drop!r}")

    def answer(self, usual: Callable[[int], Answer]) -> Answer | None:
        """Return the answer to give in the service's place, if any."""
        if self.status is None:
            return None
        status, headers, body = self._described(self.status, usual)
        added = {
            name.lower().encode("latin-1"): text.encode("latin-1")
            for name, text in (self.headers or {}).items()
        }
        return Answer(status, tuple({**dict(headers), **added}.items()), body)

    def _described(self, status: int, usual: Callable[[int], Answer]) -> Answer:
        if self.body is None:
            return usual(status)
        if isinstance(self.body, bytes):
            length = str(len(self.body)).encode()
            headers = ((b"content-type", b"text/html"), (b"content-length", length))
            return Answer(status, headers, self.body)
        if isinstance(self.body, str):
            return Answer.of(status, "text/html; charset=utf-8", self.body)
        return Answer.of(status, "application/json", json.dumps(self.body))


@dataclass(slots=True)
class _Forced:
    method: str
    path: re.Pattern[str]
    fault: Fault
    times: int | None


class ForcedFaults:
    """Which requests meet a fault of the caller's; callable from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forced: list[_Forced] = []

    def add(self, method: str, path: str, fault: Fault, times: int | None) -> None:
        """Force a fault upon a route; the latest of equal routes counts first.

        Raises:
            ValueError: The fault cannot be.
        """
        fault.check()
        pattern = route_pattern(path)
        with self._lock:
            self._forced.insert(0, _Forced(method.upper(), pattern, fault, times))

    def clear(self) -> None:
        """Force nothing from now on."""
        with self._lock:
            self._forced.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault for a request, and count it."""
        with self._lock:
            for forced in self._forced:
                if forced.method == method and forced.path.fullmatch(path) and forced.times != 0:
                    if forced.times is not None:
                        forced.times -= 1
                    return forced.fault
        return None


class Forcing:
    """Wraps an application: answers in its place, or not at all, where that is forced.

    Args:
        app: The application.
        faults: What is forced.
        path: The path of a request's scope as `force` names it.
        usual: The answer of a status without a body.
    """

    def __init__(
        self,
        app: ASGIApp,
        faults: ForcedFaults,
        path: Callable[[Scope], str],
        usual: Callable[[int], Answer],
    ) -> None:
        self._app = app
        self._faults = faults
        self._path = path
        self._usual = usual

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or do to it what is forced."""
        fault = self._faults.take(scope["method"], self._path(scope))
        if fault is None:
            await self._app(scope, receive, send)
            return
        if fault.delay:
            await asyncio.sleep(fault.delay)
        answer = fault.answer(self._usual)
        if answer is not None:
            await send_answer(answer, send)
        elif fault.drop is None:
            await self._app(scope, receive, send)
        else:
            if fault.drop == "after":
                await self._app(scope, receive, _swallow)
            await send({"type": DROP})


async def _swallow(event: Message) -> None:
    """Send nothing."""


def route_pattern(path: str) -> re.Pattern[str]:
    """Return what the paths of a route match; what is in braces stands for any one segment."""
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))


def airview_path(scope: Scope) -> str:
    """Return a path below AirView's base URL."""
    path: str = scope["path"]
    return path.removeprefix(scope["root_path"])


def herald_path(scope: Scope) -> str:
    """Return a path as sent, with its escapes."""
    path: bytes = scope["raw_path"]
    return path.decode("latin-1")


def as_airview(status: int) -> Answer:
    """Answer 500 as AirView does, anything else as a gateway before it."""
    return plain(status) if status == _FAULT else as_gateway(status)


def as_gateway(status: int) -> Answer:
    """Answer with a page, as a gateway does."""
    page = f"<html><body><h1>{status}</h1></body></html>\n"
    return Answer.of(status, "text/html; charset=utf-8", page)
