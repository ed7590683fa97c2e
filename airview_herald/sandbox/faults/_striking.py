"""What faults do to a request: the ASGI layer around a service."""

import asyncio
import http
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airview_herald.sandbox._answers import Answer, send_answer
from airview_herald.sandbox._forced import as_gateway
from airview_herald.sandbox._server import DROP, RAW
from airview_herald.sandbox._traffic import FAULT, SERVED
from airview_herald.sandbox.faults._kinds import TOKEN_FAULTS, FaultKind
from airview_herald.sandbox.faults._plan import Asked, Met, Plan

_PIECES = 16
_SIGN_IN = Answer.of(
    200, "text/html; charset=utf-8", "<html><body><h1>Please sign in</h1></body></html>\n"
)
_RESET = {"type": DROP, "reset": True}
_CLOSE = {"type": DROP}


class Tokens(Protocol):
    """What knows which tokens hold."""

    def revoke(self, token: str, /) -> None:
        """Accept the token of a header no more."""

    def expire(self) -> None:
        """Accept none of the tokens issued so far from now on."""


@dataclass(frozen=True, slots=True)
class Service:
    """What faults need to know of a service.

    Attributes:
        path: The path of a request's scope as routes name it.
        own: A status in the service's own shape.
        documents_503: Whether there is such a shape of a 503.
        tokens: Its tokens, if it asks for any.
        token_header: Where requests carry theirs.
    """

    path: Callable[[Scope], str]
    own: Callable[[int], Answer]
    documents_503: bool = False
    tokens: Tokens | None = None
    token_header: bytes = b""

    def kinds(self, *, token: bool) -> tuple[FaultKind, ...]:
        """Return what can strike requests with a token, or without."""
        return tuple(
            kind
            for kind in FaultKind
            if (token or kind not in TOKEN_FAULTS)
            and (self.documents_503 or kind is not FaultKind.UNAVAILABLE)
        )


class Striking:
    """Wraps a service: does to a request what the plan says.

    It needs a `receive` that gives the whole body whenever it is asked.

    Args:
        app: The service.
        plan: What strikes which requests.
        service: What the service is like.
    """

    def __init__(self, app: ASGIApp, plan: Plan, service: Service) -> None:
        self._app = app
        self._plan = plan
        self._service = service
        self._refusals = {
            FaultKind.TOO_MANY: as_gateway(429),
            FaultKind.UNAVAILABLE: service.own(503),
            FaultKind.UNAVAILABLE_EMPTY: Answer(503, ((b"content-length", b"0"),)),
            FaultKind.UNAVAILABLE_HTML: as_gateway(503),
        }
        self._kinds = service.kinds(token=False)
        self._kinds_with_token = service.kinds(token=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or do to it what is planned."""
        met = self._plan.meet(await self._asked(scope, receive)) if self._plan.active else None
        if met is None:
            await self._app(scope, receive, send)
        elif (refusal := self._refusal(met)) is not None:
            self._struck(met, scope)
            await send_answer(refusal, send)
        elif met.kind in {FaultKind.RESET, FaultKind.CLOSED}:
            self._struck(met, scope)
            await send(_RESET if met.kind is FaultKind.RESET else _CLOSE)
        elif met.kind in TOKEN_FAULTS:
            self._struck(met, scope)
            self._take_token(met.kind, scope)
            await self._app(scope, receive, send)
        elif met.kind is FaultKind.LATE:
            self._struck(met, scope)
            with self._plan.late():
                await asyncio.sleep(met.settings.delay(met.extent))
                scope[SERVED] = (await self._answer(scope, receive)).status
            await send(_CLOSE)
        else:
            await self._spoil(met, scope, await self._answer(scope, receive), send)

    async def _asked(self, scope: Scope, receive: Receive) -> Asked:
        service = self._service
        token = service.tokens is not None and any(
            name == service.token_header for name, _ in scope["headers"]
        )
        target = scope["raw_path"] + b"?" + scope["query_string"]
        return Asked(
            scope["method"],
            service.path(scope),
            self._kinds_with_token if token else self._kinds,
            (scope["method"].encode(), target, (await receive())["body"]),
        )

    def _struck(self, met: Met, scope: Scope) -> None:
        scope[FAULT] = str(met.name)
        self._plan.count(met)

    def _refusal(self, met: Met) -> Answer | None:
        if met.kind is FaultKind.TOO_MANY_SECONDS:
            return _later(str(math.ceil(met.settings.retry_after)))
        if met.kind is FaultKind.TOO_MANY_DATE:
            at = math.ceil(time.time() + met.settings.retry_after)
            return _later(formatdate(at, usegmt=True))
        return self._refusals.get(met.kind)

    def _take_token(self, kind: FaultKind, scope: Scope) -> None:
        tokens = self._service.tokens
        if tokens is None:
            return
        if kind is FaultKind.EXPIRED:
            tokens.expire()
        else:
            token = dict(scope["headers"])[self._service.token_header]
            tokens.revoke(token.decode("latin-1"))

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        """Have the request carried out, and keep the answer."""
        events: list[Message] = []

        async def keep(event: Message) -> None:
            events.append(event)

        await self._app(scope, receive, keep)
        if events[0]["type"] != "http.response.start":
            # The answer was forced to be a dropped connection, so there is none to strike.
            return Answer(0, ())
        # `RAW` bypasses uvicorn, which leaves out the body of a HEAD.
        sent = events[1:] if scope["method"] != "HEAD" else []
        body = b"".join(event.get("body", b"") for event in sent)
        return Answer(events[0]["status"], tuple(events[0]["headers"]), body)

    async def _spoil(self, met: Met, scope: Scope, answer: Answer, send: Send) -> None:
        """Keep an answer from the client, or some of it."""
        if not answer.status:
            await send(_CLOSE)
            return
        if met.kind is FaultKind.GARBLED and not answer.body:
            await send_answer(answer, send)
            return
        self._struck(met, scope)
        scope[SERVED] = answer.status
        match met.kind:
            case FaultKind.DROPPED:
                await send(_CLOSE)
            case FaultKind.INTERNAL_ERROR:
                await send_answer(self._service.own(500), send)
            case FaultKind.BAD_GATEWAY:
                await send_answer(as_gateway(502), send)
            case FaultKind.GATEWAY_TIMEOUT:
                await send_answer(as_gateway(504), send)
            case FaultKind.GARBLED:
                await send_answer(_garbled(answer), send)
            case FaultKind.HTML:
                await send_answer(_SIGN_IN, send)
            case FaultKind.TRUNCATED:
                # Without a body the head is cut, and its status never arrives.
                status = answer.status if answer.body else 0
                await send(_raw(status, [_cut(answer, met.extent)], 0.0))
            case _:
                pieces = _pieces(_head(answer) + answer.body)
                interval = met.settings.drip / len(pieces)
                await send(_raw(answer.status, pieces, interval))


def _later(when: str) -> Answer:
    refusal = as_gateway(429)
    return refusal._replace(headers=(*refusal.headers, (b"retry-after", when.encode())))


def _garbled(answer: Answer) -> Answer:
    """Return an answer of the same length that is neither whole JSON nor valid text."""
    return answer._replace(body=answer.body[:-2] + b"\xff\xfe" if answer.body[1:] else b"\xff")


def _raw(status: int, pieces: Sequence[bytes], interval: float) -> Message:
    return {"type": RAW, "status": status, "pieces": pieces, "interval": interval}


def _head(answer: Answer) -> bytes:
    lines = [b"%b: %b\r\n" % header for header in (*answer.headers, (b"connection", b"close"))]
    phrase = http.HTTPStatus(answer.status).phrase.encode()
    return b"HTTP/1.1 %d %b\r\n%b\r\n" % (answer.status, phrase, b"".join(lines))


def _cut(answer: Answer, extent: float) -> bytes:
    """Return an answer up to some byte of its body or, where there is none, of its head."""
    head = _head(answer)
    if answer.body:
        return head + answer.body[: int(extent * len(answer.body))]
    return head[: int(extent * len(head))]


def _pieces(data: bytes) -> list[bytes]:
    size = math.ceil(len(data) / _PIECES)
    return [data[start : start + size] for start in range(0, len(data), size)]
