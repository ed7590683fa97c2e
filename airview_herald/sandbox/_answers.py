"""What AirView says: JSON answers and its four error shapes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from starlette.types import Send

INTEGRITY = "Integrity Error, check reference fields"
UNIQUE = "Unique Constraint Error, check reference field"
EXCLUDED = "Exclusions already exist for resources provided"
INCOMPLETE = "Bad Request"
UNEXPECTED_ID = "Id is not expected when creating record"
ID_DIFFERS = "Id does not match payload"
KEYS_DIFFER = "Keys in data do not match the keys in the query parameters"

# Not http.HTTPStatus: Python 3.13 renamed 422 to "Unprocessable Content".
_PHRASES = {
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    422: "Unprocessable Entity",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Answer(NamedTuple):
    """A complete answer; its headers are raw, as ASGI wants them."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = b""

    @classmethod
    def of(cls, status: int, content_type: str, text: str, *headers: tuple[str, str]) -> "Answer":
        """Encode a text body and state its length."""
        body = text.encode()
        named = (("content-type", content_type), ("content-length", str(len(body))), *headers)
        return cls(status, tuple((k.encode(), v.encode("latin-1")) for k, v in named), body)


class RefusalError(Exception):
    """Ends the handling of a request with `answer`."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


NO_CONTENT = Answer(204, ((b"content-type", b"application/json"),))


def json_answer(value: object, status: int = 200) -> Answer:
    """Encode as the server does: sorted keys, ASCII only, one trailing newline."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return Answer.of(status, "application/json", text + "\n")


async def send_answer(answer: Answer, send: Send) -> None:
    """Send an answer whole."""
    start = {"type": "http.response.start", "status": answer.status}
    await send({**start, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})


def plain(status: int) -> Answer:
    """Answer with the bare status, as for an unknown row or path."""
    return json_answer({"code": status, "status": _PHRASES[status]}, status)


def first_of(rows: Sequence[Mapping[str, Any]]) -> Answer:
    """Answer with the first of the rows that were found, or 404 when there is none."""
    return json_answer(rows[0]) if rows else plain(404)


def message(status: int, text: str) -> Answer:
    """Answer with a message, as for a broken rule or database constraint."""
    return json_answer({"code": status, "message": text, "status": _PHRASES[status]}, status)


def invalid(location: str, errors: Mapping[str, Any]) -> Answer:
    """Answer 422 for what a schema found in the `json` or the `query`."""
    body = {"code": 422, "errors": {location: errors}, "status": _PHRASES[422]}
    return json_answer(body, 422)


CREATED = json_answer(None, 201)
BAD_REQUEST = json_answer(_PHRASES[400], 400)
CONFLICT = json_answer(_PHRASES[409], 409)
INVALID_JSON = json_answer(
    {"code": 400, "errors": {"json": ["Invalid JSON body."]}, "status": _PHRASES[400]}, 400
)
