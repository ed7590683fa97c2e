"""What AIMS, the Endpoints service and Herald say."""

import json

from airview_herald.sandbox._answers import Answer, RefusalError

NO_CONTENT = Answer(204, ())


def reply(value: object, status: int = 200, *headers: tuple[str, str]) -> Answer:
    """Answer with JSON."""
    text = json.dumps(value, separators=(",", ":"))
    return Answer.of(status, "application/json", text, *headers)


def empty(status: int) -> Answer:
    """Answer with a bare status."""
    return Answer(status, ((b"content-length", b"0"),))


def refusal(error: str, **more: object) -> RefusalError:
    """Refuse with 400: a code, and what else there is to say."""
    return RefusalError(reply({"error": error, **more}, 400))


def bare_refusal(status: int) -> RefusalError:
    """Refuse with a bare status."""
    return RefusalError(empty(status))


def wrong_type(path: str) -> RefusalError:
    """Refuse a value: its type, or a value that its key does not take."""
    return refusal("wrong_type", path=path)


def wrong_search() -> RefusalError:
    """Refuse a query string."""
    return refusal("invalid_search_parameters")
