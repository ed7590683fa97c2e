"""What came in: a bounded record of the requests, and the delay before each answer."""

import asyncio
import functools
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import overload

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airview_herald.sandbox._server import DROP, RAW

# The keys under which a fault leaves its kind, and a status that the client never saw, in a scope.
FAULT = "sandbox.fault"
SERVED = "sandbox.served"
_RawHeaders = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request as it came over the wire; shown without headers and body, which hold credentials.

    Attributes:
        method: Its method, as sent.
        path: Its path with the escapes it was sent with, from the server's root.
        query: Its query string with the escapes it was sent with; no question mark.
        headers: Its headers by lower-case name; the last one of equal names.
        body: Its body.
        status: What it was answered with; 0 if its connection was dropped instead.
        fault: The kind of the fault of `Sandbox.faults` that struck it, if one did.
        served: The status of the service, which carried the request out and was then kept from
            answering by `fault`; `None` if it was not, or never heard of the request.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int
    fault: str | None = None
    served: int | None = None

    @property
    def target(self) -> str:
        """The request target: path and query as sent."""
        return f"{self.path}?{self.query}" if self.query else self.path


class RecordedRequests(Sequence[RecordedRequest]):
    """The latest requests, oldest answer first; safe to read while the server runs."""

    def __init__(self, limit: int) -> None:
        self._lock = threading.Lock()
        self._requests: deque[RecordedRequest] = deque(maxlen=limit)

    def append(self, request: RecordedRequest) -> None:
        """Add a request; the oldest one goes when there are too many."""
        with self._lock:
            self._requests.append(request)

    def clear(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            self._requests.clear()

    def __len__(self) -> int:
        return len(self._requests)

    @overload
    def __getitem__(self, index: int) -> RecordedRequest: ...
    @overload
    def __getitem__(self, index: slice) -> list[RecordedRequest]: ...
    def __getitem__(self, index: int | slice) -> RecordedRequest | list[RecordedRequest]:
        if isinstance(index, slice):
            return self._copy()[index]
        with self._lock:
            return self._requests[index]

    def __iter__(self) -> Iterator[RecordedRequest]:
        return iter(self._copy())

    def _copy(self) -> list[RecordedRequest]:
        with self._lock:
            return list(self._requests)


class Recorder:
    """Wraps an application: records each request with its status, then delays the answer."""

    def __init__(self, app: ASGIApp, requests: RecordedRequests, latency: float) -> None:
        self._app = app
        self._requests = requests
        self._latency = latency
        # Most requests of a client have the same headers, and so share one mapping.
        self._headers = functools.lru_cache(maxsize=256)(_decode_headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on once its body is complete."""
        body = b""
        more = True
        while more:
            event = await receive()
            if event["type"] == "http.disconnect":
                return
            body += event["body"]
            more = event["more_body"]

        async def receive_body() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send_late(event: Message) -> None:
            if event["type"] == DROP:
                self._record(scope, body, 0)
            elif event["type"] in {"http.response.start", RAW}:
                self._record(scope, body, event["status"])
                if self._latency:
                    await asyncio.sleep(self._latency)
            await send(event)

        await self._app(scope, receive_body, send_late)

    def _record(self, scope: Scope, body: bytes, status: int) -> None:
        self._requests.append(
            RecordedRequest(
                scope["method"],
                scope["raw_path"].decode("latin-1"),
                scope["query_string"].decode("latin-1"),
                self._headers(tuple(scope["headers"])),
                body,
                status,
                scope.get(FAULT),
                scope.get(SERVED),
            )
        )


def _decode_headers(raw: _RawHeaders) -> Mapping[str, str]:
    return MappingProxyType({k.decode("latin-1"): v.decode("latin-1") for k, v in raw})
