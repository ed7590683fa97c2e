"""What Herald's error bodies say, through the send path."""

import json

import httpx
import pytest
from clock import Clock
from hypothesis import given
from hypothesis import strategies as st

from airview_herald.errors import (
    BadRequestError,
    DecodeError,
    ErrorAnswer,
    ForbiddenError,
    RequestFacts,
    ServiceUnavailableError,
    StatusError,
)
from airview_herald.herald import FailedSubscriber
from airview_herald.herald import _routes as routes
from airview_herald.herald._calls import read_error
from airview_herald.transport._call import ErrorBody, Reply, RetryClass
from airview_herald.transport._connections import Connections
from airview_herald.transport._retry import Retry
from airview_herald.transport._send import Options, Transport

BASE = "https://herald.example"
FAILED = {
    "subscriber": "S1",
    "subscriber_type": "user",
    "error": "not_found",
    "details": ["a", "b"],
}
CREATE = {"name": "N", "class_": "event", "notification_type": "incidents/alerts"}


def reply(content, status=400):
    """Make an answer of any body."""
    if not isinstance(content, bytes):
        content = json.dumps(content).encode()
    return Reply(status, httpx.Headers(), content, RequestFacts("POST", BASE, status))


async def failed(call, *answers):
    """Send a call to a server of those answers, and return the error."""
    script = list(answers)

    def serve(_request):
        return script.pop(0) if len(script) > 1 else script[0]

    clock = Clock()
    transport = Transport(
        Connections(httpx.MockTransport(serve)),
        None,
        Options(BASE, {}, httpx.Timeout(5), total=60, retry=Retry(), settle=1),
        read_error,
        sleep=clock.sleep,
        clock=clock,
    )
    with pytest.raises((StatusError, DecodeError)) as caught:
        await transport.send(call, transport.operation())
    return caught.value


@pytest.mark.parametrize(
    ("body", "code", "message", "answer"),
    [
        ({"error": "invalid_json"}, "invalid_json", "invalid_json", {}),
        (
            {"error": "missing_required_property", "details": "notification_type"},
            "missing_required_property",
            "missing_required_property: notification_type",
            {"details": "notification_type"},
        ),
        (
            {"error": "wrong_type", "path": "options.include_attachments"},
            "wrong_type",
            "wrong_type at options.include_attachments",
            {"path": "options.include_attachments"},
        ),
        (
            {"error": "missing_required_property", "path": "subscribers.", "details": "subscriber"},
            "missing_required_property",
            "missing_required_property: subscriber at subscribers.",
            {"details": "subscriber", "path": "subscribers."},
        ),
        (
            {"subscribers_failed": [FAILED]},
            None,
            "S1: not_found",
            {"subscribers_failed": (FailedSubscriber("S1", "user", "not_found", ("a", "b")),)},
        ),
        (
            {"error": "delete_failed", "unprocessed_items": ["U2"]},
            "delete_failed",
            "delete_failed; not done: U2",
            {"unprocessed_items": ["U2"]},
        ),
        (
            {"error": "delete_failed", "unprocessed_items": {"any": "JSON"}},
            "delete_failed",
            "delete_failed; not done: {'any': 'JSON'}",
            {"unprocessed_items": {"any": "JSON"}},
        ),
        (
            {"error": "novel", "details": ["a"], "path": 5},
            "novel",
            "novel",
            {"details": ["a"]},
        ),
        ({"subscribers_failed": ["S1"]}, None, "", {}),
    ],
)
def test_an_error_body_is_read(body, code, message, answer):
    """Each documented kind of body gives its code, its words, and what it tells besides."""
    assert read_error(reply(body)) == ErrorBody(
        own=True, code=code, message=message, vague=True, answer=ErrorAnswer(body=body, **answer)
    )


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (b"", None),
        (b"<html>", "<html>"),
        (b"\xff", "\N{REPLACEMENT CHARACTER}"),
        (b"[1]", [1]),
        (rb'"\ud800 \ud83d\ude00"', "? \U0001f600"),
        ('"é"'.encode("utf-16"), "é"),
        (b'"x"', "x"),
        (b'{"error": 5}', {"error": 5}),
        (b"{}", {}),
        (b"[" * 100_000, "[" * 100_000),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_body_of_another_kind_is_kept(content, body):
    """A body may be empty, JSON or text: it is kept, and says nothing."""
    found = read_error(reply(content))
    assert found == ErrorBody(vague=True, answer=ErrorAnswer(body=body))


@given(
    st.binary()
    | st.recursive(
        st.none() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["error", "details", "path", "subscribers_failed", "unprocessed_items"]
                ),
                inner,
            )
        ),
    )
)
def test_no_body_hides_the_status(content):
    """Whatever a body holds, reading it raises nothing."""
    assert read_error(reply(content)).vague


@pytest.mark.parametrize("status", [401, 403, 404, 409, 413])
def test_an_empty_refusal_is_heralds_own(status):
    """Refusals without a documented body may be empty; a gateway's would say something."""
    assert read_error(reply(b"", status)).own
    assert not read_error(reply(b"<html>", status)).own


async def test_an_error_carries_what_its_body_says():
    """A refused creation names its operation, its code and the subscribers that failed."""
    body = {"error": "failed", "subscribers_failed": [FAILED]}
    call = routes.create_subscription("12345678", **CREATE)
    error = await failed(call, httpx.Response(400, json=body, headers={"x-request-id": "r-1"}))
    assert type(error) is BadRequestError
    assert (error.status, error.code, error.request_id) == (400, "failed", "r-1")
    assert error.operation == "create_subscription"
    assert error.subscribers_failed == (FailedSubscriber("S1", "user", "not_found", ("a", "b")),)
    assert error.body == body
    assert (error.attempts, error.ambiguous) == (1, False)
    assert str(error) == (
        f"POST {BASE}/herald/v2/12345678/subscriptions answered 400: failed; S1: not_found"
    )


async def test_a_partial_deletion_carries_the_rest():
    """The others were deleted: the error carries what was not."""
    body = {"error": "delete_failed", "unprocessed_items": ["U2"]}
    call = routes.batch_delete_subscriptions("1", ["U1", "U2"])
    error = await failed(call, httpx.Response(400, json=body))
    assert (error.code, error.unprocessed_items) == ("delete_failed", ["U2"])


async def test_a_404_is_not_blamed_on_a_gateway():
    """A 404 of Herald's may have any body: nothing tells it from a gateway's."""
    call = routes.get_notification("N1")
    empty = await failed(call, httpx.Response(404))
    assert str(empty) == f"GET {BASE}/herald/v2/notifications/N1 answered 404"
    assert empty.body is None
    page = await failed(call, httpx.Response(404, text="<html>"))
    assert str(page) == str(empty)
    assert page.body == "<html>"


async def test_a_refusal_with_text_is_still_its_status():
    """Text instead of JSON changes nothing about the class of the error."""
    error = await failed(routes.get_notification_types(), httpx.Response(403, text="no"))
    assert (type(error), error.code, error.body) == (ForbiddenError, None, "no")


SEND = {"type": "a/b", "notification_data": {}, "asset_data": {}, "payload": {}}
UPDATE = routes.update_subscription("1", "U1", active=True)
DELETE = routes.delete_subscription("1", "U1")


@pytest.mark.parametrize(
    ("call", "status", "attempts", "ambiguous"),
    [
        (routes.get_notification_types(), 500, 4, False),
        (routes.get_notification_types(), 503, 4, False),
        (routes.sent_notification("1", **SEND), 429, 4, False),
        (routes.sent_notification("1", **SEND), 408, 1, True),
        (routes.sent_notification("1", **SEND), 500, 1, True),
        (routes.sent_notification("1", **SEND), 502, 1, True),
        (routes.sent_notification("1", **SEND), 503, 1, True),
        (routes.sent_notification("1", **SEND), 504, 1, True),
        (routes.batch_delete_subscriptions("1", ["U1"]), 503, 1, True),
        (routes.batch_update_subscribers("1", "U1", []), 503, 1, True),
        (UPDATE, 429, 4, False),
        (UPDATE, 500, 1, True),
        (UPDATE, 502, 4, True),
        (UPDATE, 503, 4, True),
        (DELETE, 500, 1, True),
        (DELETE, 503, 4, True),
        (DELETE, 404, 1, False),
    ],
)
async def test_an_operation_is_repeated_as_its_class_allows(call, status, attempts, ambiguous):
    """Reads are repeated, updates but for a 500, and sends only when surely not processed."""
    error = await failed(call, httpx.Response(status))
    assert (error.status, error.attempts, error.ambiguous) == (status, attempts, ambiguous)


@pytest.mark.parametrize(
    ("call", "attempts"),
    [
        (routes.delete_subscription("1", "s"), 4),
        (routes.batch_delete_subscriptions("1", ["s"]), 1),
    ],
    ids=["deleted", "deleted together"],
)
async def test_a_gateways_page_deletes_nothing(call, attempts):
    """A 200 that asks to log in is no answer of Herald's, which answers 204."""
    error = await failed(call, httpx.Response(200, html="<h1>Log in</h1>"))
    assert isinstance(error, DecodeError)
    assert (error.ambiguous, error.attempts) == (True, attempts)


async def test_a_send_waits_as_long_as_a_429_says():
    """A wait that cannot be had in time is told, and is in the error."""
    answer = httpx.Response(429, headers={"retry-after": "7"})
    error = await failed(routes.sent_notification("1", **SEND), answer)
    assert error.retry_after == 7.0


async def test_a_503_in_json_is_in_doubt_too():
    """Even a 503 in Herald's shape does not say that a send was not processed."""
    answer = httpx.Response(503, json={"error": "unavailable"})
    error = await failed(routes.sent_notification("1", **SEND), answer)
    assert type(error) is ServiceUnavailableError
    assert (error.attempts, error.ambiguous, error.code) == (1, True, "unavailable")
    assert routes.sent_notification("1", **SEND).retry_class is RetryClass.ONCE
