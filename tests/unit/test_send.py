"""The send path, from the first attempt to the last; time is a number here."""

import gc
import logging
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import anyio
import attrs
import httpx
import pytest
from clock import BEGAN, Clock

from airview_herald._secret import Secret
from airview_herald.auth import BearerToken, ClientCredentials
from airview_herald.errors import (
    AirViewHeraldError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ConnectError,
    DeadlineError,
    DecodeError,
    ForbiddenError,
    InternalServerError,
    NotFoundError,
    RedirectError,
    RequestTimeoutError,
    ServiceUnavailableError,
    StatusError,
    TLSError,
    TooManyRequestsError,
    TransportError,
    UnauthorizedError,
)
from airview_herald.transport import PooledTransport
from airview_herald.transport._call import Call, ErrorBody, RetryClass
from airview_herald.transport._connections import Connections
from airview_herald.transport._limiter import Slots
from airview_herald.transport._operation import Operation, Patience
from airview_herald.transport._options import Options
from airview_herald.transport._retry import Retry
from airview_herald.transport._send import Transport

BASE = "https://airview.example/api"
TOKENS = "https://login.example/token"
PLANTED = "planted-secret"
SETTLE = 30.0

READ, CREATE, SERIAL, ABSOLUTE, ONCE = RetryClass


class Server:
    """Answers from a script: a status, a response, an exception, or a function of the request.

    The last entry is repeated. `tokens` scripts the token endpoint in the same way.
    """

    def __init__(self, *script, tokens=()):
        self.script = list(script)
        self.tokens = list(tokens) or [token("t")]
        self.sent = []
        self.token_requests = []

    async def __call__(self, request):
        await anyio.lowlevel.checkpoint()
        for_token = str(request.url) == TOKENS
        (self.token_requests if for_token else self.sent).append(request)
        script = self.tokens if for_token else self.script
        entry = script.pop(0) if len(script) > 1 else script[0]
        if callable(entry) and not isinstance(entry, type):
            entry = entry(request)
        if isinstance(entry, int):
            entry = own(entry)
        if isinstance(entry, httpx.Response):
            # A response is used up by its reader: a repeated one is a new one.
            body = entry.stream if isinstance(entry.stream, Drip) else entry.content
            kwargs = {"stream": body} if isinstance(body, Drip) else {"content": body}
            return httpx.Response(entry.status_code, headers=entry.headers, **kwargs)
        raise entry


class Drip(httpx.AsyncByteStream):
    """A body that takes a while for each chunk, and knows whether it was closed."""

    def __init__(self, time, chunks, seconds):
        self.time = time
        self.chunks = chunks
        self.seconds = seconds
        self.given = 0
        self.closed = False

    async def __aiter__(self):
        for chunk in self.chunks:
            await self.time.sleep(self.seconds)
            self.given += 1
            yield chunk

    async def aclose(self):
        self.closed = True


class Copying(httpx.Auth):
    """A flow that sends a request of its own making, without our extensions."""

    def auth_flow(self, request):
        yield httpx.Request(request.method, request.url, headers={"Authorization": "Copied"})


class Asking(httpx.Auth):
    """A flow that runs an errand, to be broken in the way of the test."""

    def __init__(self, url=TOKENS):
        self.url = url

    def auth_flow(self, request):
        yield httpx.Request("GET", self.url)
        yield request


class Undaunted(httpx.Auth):
    """A flow that goes on without what its errand should have brought."""

    async def async_auth_flow(self, request):
        try:
            yield httpx.Request("GET", TOKENS)
        except ConnectError:
            request.headers["Authorization"] = "Guest"
        yield request


class Raising(httpx.Auth):
    """A flow that has no credential to offer, and is told when to try again."""

    def __init__(self, error):
        self.error = error

    def auth_flow(self, request):
        raise self.error
        yield request


def own(status, **headers):
    """Make an answer in the service's own shape."""
    if status == 200:
        return httpx.Response(200, json={"id": 1}, headers=headers)
    body = {"code": status, "message": "words of the server"}
    return httpx.Response(status, json=body, headers=headers)


def foreign(status, **headers):
    """Make an answer of some gateway."""
    return httpx.Response(status, text="<html>", headers=headers)


def token(value, **extra):
    """Make a token endpoint's answer."""
    return httpx.Response(200, json={"access_token": value, **extra})


def read_error(reply):
    """Read an error body in the service's own shape."""
    try:
        body = reply.json()
    except DecodeError:
        return ErrorBody()
    if not isinstance(body, dict) or body.get("code") != reply.status:
        return ErrorBody()
    return ErrorBody(own=True, code=body["code"], message=body["message"])


def call(retry_class=READ, **changes):
    """Make a call of a class, with the planted text in its query and body."""
    method = {READ: "GET", CREATE: "POST", ONCE: "POST"}.get(retry_class, "PUT")
    body = None if retry_class is READ else b'{"name":"' + PLANTED.encode() + b'"}'
    return attrs.evolve(
        Call(
            method,
            f"/systems/?name={PLANTED}",
            retry_class,
            200,
            lambda reply: reply.json(),
            body=body,
        ),
        **changes,
    )


@attrs.define
class Case:
    """A transport over a scripted server, with its clock."""

    server: Server
    auth: httpx.Auth | None = None
    retry: Retry = attrs.Factory(Retry)
    headers: dict = attrs.Factory(dict)
    timeout: httpx.Timeout = attrs.Factory(lambda: httpx.Timeout(30, connect=5))
    total: float = 120.0
    time: Clock = attrs.Factory(Clock)
    read_error: Callable = read_error
    transport: Transport = attrs.field(init=False)

    def __attrs_post_init__(self):
        self.transport = Transport(
            Connections(httpx.MockTransport(self.server)),
            self.auth,
            Options(BASE, self.headers, self.timeout, self.total, self.retry, SETTLE),
            self.read_error,
            clock=self.time,
            sleep=self.time.sleep,
            rng=lambda: 1.0,
        )

    async def send(self, a_call=None, operation=None):
        return await self.transport.send(a_call or call(), operation or self.transport.operation())

    async def fail(self, kind, a_call=None, operation=None):
        with pytest.raises(kind) as caught:
            await self.send(a_call, operation)
        assert type(caught.value) is kind
        return caught.value


def credentials(case_time):
    """Make a provider on a case's clock."""
    return ClientCredentials(TOKENS, "client", PLANTED, clock=case_time)


def with_credentials(server, **options):
    """Make a case whose requests need a token."""
    time = Clock()
    return Case(server, credentials(time), time=time, **options)


# The ordinary case


@pytest.mark.parametrize("retry_class", RetryClass)
async def test_a_success_takes_one_attempt(retry_class):
    """A call that succeeds is sent once, without waiting, and returns what it decodes to."""
    case = Case(Server(200))
    operation = case.transport.operation()
    assert await case.send(call(retry_class), operation) == {"id": 1}
    assert len(case.server.sent) == 1
    assert case.time.slept == []
    assert (operation.requests, operation.retries, operation.throttled) == (1, 0, 0)
    assert operation.in_flight is None


async def test_a_request_is_what_the_call_says():
    """Method, URL, headers, body and timeouts are the call's and the client's."""
    case = Case(Server(200), BearerToken("abc"), headers={"X-Key": Secret("k")})
    await case.send(call(CREATE))
    (request,) = case.server.sent
    assert request.method == "POST"
    assert str(request.url) == f"{BASE}/systems/?name={PLANTED}"
    assert request.headers["x-key"] == "k"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer abc"
    assert request.content == call(CREATE).body
    assert request.extensions["timeout"] == {"connect": 5, "read": 30, "write": 30, "pool": 30}


async def test_a_request_without_a_body_has_no_content_type():
    """A call without a body does not claim to have one."""
    case = Case(Server(200))
    await case.send()
    assert "content-type" not in case.server.sent[0].headers


async def test_a_single_call_has_the_limits_of_the_options():
    """An operation of a single call has the client's total time and its number of attempts."""
    operation = Case(Server(200), retry=Retry(attempts=2), total=7.0).transport.operation()
    assert (operation.deadline, operation.attempts, operation.slots) == (7.0, 2, None)


def test_real_time_is_the_default():
    """Without a clock of the test's, a transport uses the monotonic clock and anyio's sleep."""
    options = Options(BASE, {}, httpx.Timeout(1), 1.0, Retry(), SETTLE)
    transport = Transport(Connections(PooledTransport()), None, options, read_error)
    assert transport.sleep is anyio.sleep
    assert transport.settled_at() - transport.clock() == pytest.approx(SETTLE, abs=1)


# Retries


@pytest.mark.parametrize("retry_class", RetryClass)
@pytest.mark.parametrize(
    "failure", [429, 503, httpx.ConnectError("no route"), httpx.PoolTimeout("full")]
)
async def test_what_was_surely_not_processed_is_sent_again(retry_class, failure):
    """Any operation is repeated when the server did not take it, after a growing backoff."""
    case = Case(Server(failure, failure, 200))
    operation = case.transport.operation()
    assert await case.send(call(retry_class), operation) == {"id": 1}
    assert case.time.slept == [0.25, 0.5]
    assert (operation.requests, operation.retries) == (3, 2)
    assert operation.throttled == (2 if failure == 429 else 0)


@pytest.mark.parametrize(
    "failure",
    [
        foreign(500),
        foreign(502),
        foreign(503),
        foreign(504),
        httpx.ReadTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("cut"),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("retry_class", "delay"), [(READ, 0.25), (ABSOLUTE, 0.25), (SERIAL, SETTLE)]
)
async def test_what_may_have_been_processed_is_repeated_with_care(failure, retry_class, delay):
    """A read or an absolute write is repeated soon, a serial one when the first copy has ended."""
    case = Case(Server(failure, 200))
    assert await case.send(call(retry_class)) == {"id": 1}
    assert case.time.slept == [delay]


@pytest.mark.parametrize("retry_class", [CREATE, ONCE])
@pytest.mark.parametrize(
    "failure", [foreign(500), own(500), foreign(503), httpx.ReadError("reset")], ids=str
)
async def test_a_create_that_may_have_landed_is_never_repeated(failure, retry_class):
    """A create is sent exactly once when its fate is unknown, and the error says so."""
    case = Case(Server(failure))
    operation = case.transport.operation()
    error = await case.fail(type_of(failure), call(retry_class), operation)
    assert error.ambiguous is True
    assert error.attempts == 1
    assert len(case.server.sent) == operation.requests == 1
    assert case.time.slept == []


def type_of(failure):
    """Tell the error that a failure becomes."""
    if isinstance(failure, httpx.Response):
        return {500: InternalServerError, 503: ServiceUnavailableError}[failure.status_code]
    return TransportError


async def test_a_serial_call_that_ended_is_repeated_at_once():
    """A 500 in the service's own shape means that the first copy has ended: no settling."""
    case = Case(Server(500, 200))
    assert await case.send(call(SERIAL)) == {"id": 1}
    assert case.time.slept == [0.25]


@pytest.mark.parametrize("answer", [503, httpx.Response(503), foreign(503)], ids=str)
async def test_a_503_of_a_vague_service_is_in_doubt(answer):
    """Where a service documents no 503, it may have been processed: once means once."""
    case = Case(Server(answer), read_error=lambda _: ErrorBody(vague=True))
    error = await case.fail(ServiceUnavailableError, call(ONCE))
    assert (error.ambiguous, error.attempts, len(case.server.sent)) == (True, 1, 1)


@pytest.mark.parametrize(("retry_class", "attempts"), [(READ, 4), (ABSOLUTE, 1), (ONCE, 1)])
async def test_a_500_of_a_vague_service_is_retried_by_reads_only(retry_class, attempts):
    """A write that broke the server is not sent again, and may have been carried out."""
    case = Case(Server(500), read_error=lambda _: ErrorBody(vague=True))
    error = await case.fail(InternalServerError, call(retry_class))
    assert (error.attempts, error.ambiguous) == (attempts, retry_class is not READ)


@pytest.mark.parametrize("answer", [404, httpx.Response(404), foreign(404)], ids=str)
@pytest.mark.parametrize("failure", [httpx.ReadError("reset"), foreign(502), foreign(503)], ids=str)
async def test_a_404_on_a_replayed_delete_is_done(failure, answer):
    """When the first copy of a DELETE may have landed, a 404 says that it did."""
    case = Case(Server(failure, answer))
    operation = case.transport.operation()
    assert await case.send(call(ABSOLUTE, method="DELETE"), operation) is None
    assert (len(case.server.sent), operation.in_flight) == (2, None)


@pytest.mark.parametrize("before", [(), (429,), (httpx.ConnectError("no route"),)], ids=str)
async def test_a_404_on_a_delete_that_surely_did_nothing_is_an_error(before):
    """A DELETE whose earlier copies were not processed has found nothing to delete."""
    case = Case(Server(*before, 404))
    error = await case.fail(NotFoundError, call(ABSOLUTE, method="DELETE"))
    assert (error.attempts, error.ambiguous) == (len(before) + 1, False)


async def test_a_404_on_another_replay_is_an_error():
    """Only of a DELETE is a 404 what was asked for."""
    case = Case(Server(httpx.ReadError("reset"), 404))
    await case.fail(NotFoundError, call(ABSOLUTE))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
async def test_any_2xx_may_be_the_success(status):
    """A call without a documented success takes any 2xx, and decodes what it says."""
    case = Case(Server(httpx.Response(status, json={"id": 7})))
    assert await case.send(call(ONCE, success=None)) == {"id": 7}


@pytest.mark.parametrize("status", [199, 300, 304, 400])
def test_what_is_no_2xx_is_no_success(status):
    """Every other status is none."""
    assert not call(success=None).succeeds(status)


async def test_an_error_names_its_operation():
    """The documented name of the operation is in the error, whatever it is about."""
    for answer in (400, httpx.ReadError("reset")):
        with pytest.raises(AirViewHeraldError) as caught:
            await Case(Server(answer)).send(call(ONCE, operation="send_notification"))
        assert caught.value.operation == "send_notification"


def test_a_call_does_not_show_its_body():
    """A body may hold a token of a third party: it is in no representation."""
    assert PLANTED not in repr(call(ONCE, target="/"))


async def test_the_last_failure_is_raised():
    """After the last attempt the caller gets that attempt's error, with the count."""
    case = Case(Server(httpx.ReadError("reset"), foreign(502), 429, foreign(503)))
    error = await case.fail(ServiceUnavailableError, call(ABSOLUTE))
    assert (error.attempts, error.status, error.ambiguous) == (4, 503, True)
    assert (error.method, error.url) == ("PUT", f"{BASE}/systems/")
    assert str(error) == f"PUT {BASE}/systems/ answered 503"
    assert case.time.slept == [0.25, 0.5, 1.0]


async def test_a_read_is_never_ambiguous():
    """Reading changes nothing, so a read that failed is not in doubt."""
    error = await Case(Server(httpx.ReadError("reset"))).fail(TransportError)
    assert (error.ambiguous, error.attempts) == (False, 4)


async def test_a_throttled_call_is_not_ambiguous():
    """An operation that was refused every time has surely not been processed."""
    error = await Case(Server(429)).fail(TooManyRequestsError, call(SERIAL))
    assert (error.ambiguous, error.attempts) == (False, 4)


@pytest.mark.parametrize(
    ("status", "ambiguous"),
    [
        (400, False),
        (404, False),
        (409, False),
        (422, False),
        (401, True),
        (403, True),
        (429, True),
        (418, True),
    ],
)
async def test_a_verdict_after_doubt(status, ambiguous):
    """A verdict on a replay is one on the first copy too; a gateway's refusal is not."""
    case = Case(Server(httpx.ReadError("reset"), status), retry=Retry(attempts=2))
    with pytest.raises(StatusError) as caught:
        await case.send(call(ABSOLUTE))
    assert (caught.value.status, caught.value.ambiguous) == (status, ambiguous)
    assert caught.value.attempts == 2


async def test_a_verdict_is_not_retried():
    """A refusal is final, with the server's words and its code."""
    case = Case(Server(own(400, **{"x-request-id": "r-7"})))
    error = await case.fail(BadRequestError, call(CREATE))
    assert len(case.server.sent) == 1
    assert str(error) == f"POST {BASE}/systems/ answered 400: words of the server"
    assert (error.code, error.request.message) == (400, "words of the server")
    assert (error.request_id, error.ambiguous) == ("r-7", False)


async def test_a_success_that_the_contract_does_not_know_is_in_doubt():
    """A 2xx that is not the documented one is final, but what was asked for may be done."""
    case = Case(Server(foreign(202)))
    error = await case.fail(StatusError, call(SERIAL))
    assert (error.status, error.ambiguous, len(case.server.sent)) == (202, True, 1)


async def test_the_budget_stops_single_calls():
    """When the client's retries are spent a single call fails at once; successes refund them."""
    case = Case(Server(503), retry=Retry(budget=2))
    assert (await case.fail(ServiceUnavailableError)).attempts == 3
    assert (await case.fail(ServiceUnavailableError)).attempts == 1
    case.server.script = [200]
    for _ in range(4):
        await case.send()
    case.server.script = [503]
    assert (await case.fail(ServiceUnavailableError)).attempts == 2


async def test_an_absence_refunds_the_budget():
    """A 404 that means absence is a success like any other."""
    case = Case(Server(503, 404), retry=Retry(budget=1))
    absent = call(absent=True)
    assert await case.send(absent) is None
    for _ in range(3):
        await case.send(absent)
    case.server.script = [503, 404]
    assert await case.send(absent) is None


# Clock


async def test_a_batch_goes_on_to_its_deadline():
    """Without a limit of attempts only the deadline ends retrying, whatever the budget says."""
    case = Case(Server(503), retry=Retry(budget=0))
    operation = Operation(120.0, attempts=None)
    error = await case.fail(DeadlineError, operation=operation)
    # 0.25 + 0.5 + 1 + 2 + 4 + 8 + 16 = 31.75, then 20 each.
    assert case.time.passed == 31.75 + 4 * 20
    assert error.attempts == operation.requests == 12
    assert operation.retries == 11
    assert str(error).endswith("; the next attempt in 20.0 s would exceed the operation's 120 s")


async def test_the_wait_that_a_server_asks_for_is_honoured():
    """`Retry-After` lengthens the backoff, as seconds."""
    case = Case(Server(own(429, **{"retry-after": "7"}), 200))
    assert await case.send() == {"id": 1}
    assert case.time.slept == [7.0]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_wait_beyond_the_deadline_fails_at_once(status):
    """A wait that the operation cannot afford is not begun; the error carries it."""
    case = Case(Server(own(status, **{"retry-after": "3600"})))
    error = await case.fail(DeadlineError, call(SERIAL))
    assert case.time.slept == []
    assert (error.retry_after, error.status, error.attempts) == (3600.0, status, 1)
    assert error.ambiguous is False
    assert isinstance(error.__cause__, StatusError)
    assert str(error).endswith("the next attempt in 3600.0 s would exceed the operation's 120 s")


async def test_a_doubt_that_cannot_settle_in_time_is_told():
    """A serial call whose first copy may still run at the deadline fails as ambiguous."""
    case = Case(Server(httpx.ReadError("reset")), total=20.0)
    error = await case.fail(DeadlineError, call(SERIAL))
    assert error.ambiguous is True
    assert len(case.server.sent) == 1
    assert isinstance(error.__cause__, TransportError)
    assert isinstance(error.__cause__.__cause__, httpx.ReadError)


async def test_timeouts_are_capped_by_the_time_left():
    """No phase of an attempt may take longer than the operation has."""
    case = Case(
        Server(own(429, **{"retry-after": "98"}), 200), timeout=httpx.Timeout(None, read=30)
    )
    await case.send()
    first, second = (request.extensions["timeout"] for request in case.server.sent)
    assert first == {"connect": 120, "read": 30, "write": 120, "pool": 120}
    assert second == {"connect": 22, "read": 22, "write": 22, "pool": 22}


async def test_a_body_that_drips_ends_at_the_deadline():
    """However slowly a body drips, reading it ends with the operation's time, and it is closed."""
    time = Clock()
    drip = Drip(time, [b"["] + [b" "] * 99 + [b"]"], seconds=5)
    case = Case(Server(httpx.Response(200, stream=drip)), total=20.0, time=time)
    error = await case.fail(DeadlineError)
    assert case.time.passed == 20.0
    assert (drip.given, drip.closed) == (4, True)
    assert "ReadTimeout: the answer is still dripping at the deadline" in str(error)


async def test_a_body_that_is_no_generator_ends_at_the_deadline_too():
    """Any asynchronous iterator of chunks is watched in the same way."""
    time = Clock()

    class Chunks(Drip):
        def __aiter__(self):
            return self

        async def __anext__(self):
            await self.time.sleep(self.seconds)
            return b" "

    stream = Chunks(time, [], seconds=5)
    case = Case(Server(httpx.Response(200, stream=stream)), total=20.0, time=time)
    await case.fail(DeadlineError)
    assert case.time.passed == 20.0
    assert stream.closed


async def test_a_create_whose_answer_drips_is_ambiguous():
    """A create whose answer did not arrive in time may have landed."""
    time = Clock()
    drip = Drip(time, [b" "] * 99, seconds=5)
    case = Case(Server(httpx.Response(200, stream=drip)), total=20.0, time=time)
    error = await case.fail(RequestTimeoutError, call(CREATE))
    assert error.ambiguous is True


async def test_a_body_left_at_the_deadline_leaves_nothing_behind():
    """No generator is left half-read for the garbage collector to complain about."""
    time = Clock()
    drip = Drip(time, [b" "] * 99, seconds=5)
    case = Case(Server(httpx.Response(200, stream=drip)), total=20.0, time=time)
    await case.fail(DeadlineError)
    gc.collect()
    await anyio.lowlevel.checkpoint()


async def test_a_body_in_chunks_is_read_to_its_end():
    """A slow body that ends in time is an answer like any other."""
    time = Clock()
    drip = Drip(time, [b'{"id"', b": 1}"], seconds=5)
    case = Case(Server(httpx.Response(200, stream=drip)), time=time)
    assert await case.send() == {"id": 1}
    assert drip.closed


async def test_time_spent_waiting_for_a_slot_counts():
    """A request whose turn comes after the deadline is not sent."""
    case = Case(Server(foreign(502), 200))
    slots = Slots(1)
    operation = Operation(40.0, attempts=None, slots=slots)

    async def sleep(seconds):
        await slots.acquire()
        case.time.now += seconds

    async def occupy():
        await anyio.wait_all_tasks_blocked()
        case.time.now += 10
        slots.release()

    case.transport.sleep = sleep
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(occupy)
        error = await case.fail(DeadlineError, call(SERIAL), operation)
    assert str(error) == f"PUT {BASE}/systems/: the operation's 40 s are used up"
    assert len(case.server.sent) == operation.requests == error.attempts == 1
    assert error.ambiguous is True
    await slots.acquire()


async def test_an_operation_whose_time_is_up_sends_nothing():
    """The first request of an operation without time left is not sent either."""
    case = Case(Server(200))
    operation = Operation(40.0, attempts=None, started=BEGAN - 40)
    error = await case.fail(DeadlineError, operation=operation)
    assert (case.server.sent, error.attempts, operation.in_flight) == ([], 0, None)


async def test_waiting_for_a_moment():
    """`wait_until` sleeps on an operation's account, and not when the moment is past."""
    case = Case(Server(200))
    operation = Operation(60.0, attempts=None)
    when = case.transport.settled_at()
    assert when == BEGAN + SETTLE
    await case.transport.wait_until(when, operation)
    await case.transport.wait_until(when, operation)
    assert case.time.slept == [SETTLE]
    with pytest.raises(DeadlineError) as caught:
        await case.transport.wait_until(case.transport.settled_at(), operation)
    assert str(caught.value) == (
        "waiting 30.0 s for an unanswered request to end would exceed the operation's 60 s"
    )


# What answers mean


async def test_an_absent_row_is_none():
    """A 404 in the service's own shape is an answer where the call says so."""
    assert await Case(Server(404)).send(call(absent=True)) is None


async def test_an_absent_row_is_an_error_elsewhere():
    """The same 404 is an error of a call that does not expect it."""
    error = await Case(Server(404)).fail(NotFoundError)
    assert str(error) == f"GET {BASE}/systems/ answered 404: words of the server"


async def test_an_error_of_the_service_without_words():
    """An error body in the service's own shape may say nothing more than its code."""
    silent = httpx.Response(409, json={"code": 409, "message": ""})
    error = await Case(Server(silent)).fail(ConflictError)
    assert str(error) == f"GET {BASE}/systems/ answered 409"


async def test_a_404_of_a_gateway_is_no_absence():
    """A 404 from somebody else is a wrong address, not a missing row."""
    error = await Case(Server(foreign(404))).fail(NotFoundError, call(absent=True))
    assert "not in the service's own shape: a gateway, or a wrong base URL" in str(error)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status):
    """A redirect is an error: what it points to never sees the credential."""
    elsewhere = "https://elsewhere.example/systems/"
    case = Case(Server(foreign(status, location=elsewhere)), BearerToken(PLANTED))
    error = await case.fail(RedirectError, call(CREATE))
    assert [request.url.host for request in case.server.sent] == ["airview.example"]
    assert error.ambiguous is False


NOT_JSON = httpx.Response(200, text='{"id": ')


async def test_a_success_that_is_not_json_is_read_again():
    """A body that was garbled under way is asked for again by a read."""
    case = Case(Server(NOT_JSON, 200))
    assert await case.send() == {"id": 1}
    assert case.time.slept == [0.25]


async def test_a_create_whose_success_is_not_json_is_ambiguous():
    """A create whose answer is garbled has probably landed, and is not repeated."""
    case = Case(Server(NOT_JSON))
    error = await case.fail(DecodeError, call(CREATE))
    assert (error.ambiguous, error.attempts, error.status) == (True, 1, 200)
    assert len(case.server.sent) == 1


@pytest.mark.parametrize(
    ("retry_class", "ambiguous"), [(READ, False), (CREATE, True), (SERIAL, True)]
)
async def test_a_success_of_another_shape_is_final(retry_class, ambiguous):
    """A well-formed answer that breaks the contract will do so again: it is not asked for twice."""

    def decode(reply):
        raise DecodeError("field missing @ $.id", reply.facts, "$.id")

    case = Case(Server(200))
    error = await case.fail(DecodeError, call(retry_class, decode=decode))
    assert str(error) == f"{error.method} {error.url}: field missing @ $.id"
    assert (error.path, error.status, error.attempts) == ("$.id", 200, 1)
    assert error.ambiguous is ambiguous
    assert len(case.server.sent) == 1


# Accounts


async def test_an_account_counts_the_requests_for_tokens():
    """A request for a token is a request: an operation's count is what went over the wire."""
    case = with_credentials(Server(429, 200, tokens=[429, token("t")]))
    operation = case.transport.operation()
    await case.send(operation=operation)
    assert (len(case.server.token_requests), len(case.server.sent)) == (2, 2)
    assert (operation.requests, operation.retries, operation.throttled) == (4, 2, 2)
    assert operation.in_flight is None


async def cancelled_while(case, a_call, operation, started):
    """Cancel a call as soon as something has happened."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(case.transport.send, a_call, operation)
        await started.wait()
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("retry_class", RetryClass)
async def test_a_cancelled_request_is_left_in_flight(retry_class):
    """After a cancellation the account says what may have landed, and the slot is free."""
    started = anyio.Event()

    async def hang(_request):
        started.set()
        await anyio.sleep_forever()

    case = Case(Server(200))
    case.transport._connections = Connections(httpx.MockTransport(hang))
    slots = Slots(1)
    operation = Operation(60.0, attempts=None, slots=slots)
    await cancelled_while(case, call(retry_class), operation, started)
    assert operation.in_flight is retry_class
    assert operation.requests == 1
    await slots.acquire()


async def test_a_request_that_waits_for_a_slot_is_not_in_flight():
    """A call that is cancelled before its turn has sent nothing."""
    case = Case(Server(200))
    slots = Slots(1)
    await slots.acquire()
    operation = Operation(60.0, attempts=None, slots=slots)
    ready = anyio.Event()
    ready.set()
    await cancelled_while(case, call(SERIAL), operation, ready)
    assert (operation.in_flight, operation.requests) == (None, 0)


@pytest.mark.parametrize(
    ("failure", "in_flight"),
    [
        (httpx.ReadError("reset"), SERIAL),
        (foreign(502), SERIAL),
        (own(500), SERIAL),
        (own(429), None),
    ],
    ids=str,
)
async def test_a_doubt_outlives_a_cancelled_wait(failure, in_flight):
    """Cancelled while it waits to replay, a call may have landed all the same."""
    case = Case(Server(failure))
    operation = Operation(120.0, attempts=None)
    asleep = anyio.Event()

    async def sleep(_seconds):
        asleep.set()
        await anyio.sleep_forever()

    case.transport.sleep = sleep
    await cancelled_while(case, call(SERIAL), operation, asleep)
    assert operation.in_flight is in_flight


async def test_a_doubt_outlives_a_cancelled_token_request():
    """Cancelled while the replay fetches a token, a call may have landed all the same."""
    fetching = anyio.Event()
    time = Clock()
    provider = ClientCredentials(TOKENS, "client", PLANTED, clock=time)
    handled = Counter()

    async def handler(request):
        handled[request.method] += 1
        if request.method == "PUT":
            raise httpx.ReadError("reset")
        if handled["POST"] > 1:
            fetching.set()
            await anyio.sleep_forever()
        return token("t", expires_in=10)

    case = Case(Server(200), provider, time=time)
    case.transport._connections = Connections(httpx.MockTransport(handler))
    operation = Operation(120.0, attempts=None)
    await cancelled_while(case, call(SERIAL), operation, fetching)
    assert handled == {"POST": 2, "PUT": 1}
    assert operation.in_flight is SERIAL


async def test_a_doubt_outlives_an_answered_errand():
    """What the token endpoint answers on the way to a replay takes no doubt from the call."""
    case = with_credentials(
        Server(httpx.ReadError("reset"), tokens=[token("t", expires_in=10), foreign(500)])
    )
    operation = Operation(120.0, attempts=None)
    asleep = anyio.Event()

    async def sleep(seconds):
        case.time.now += seconds
        if case.server.tokens[0].status_code == 500 and len(case.server.token_requests) > 1:
            asleep.set()
            await anyio.sleep_forever()

    case.transport.sleep = sleep
    await cancelled_while(case, call(SERIAL), operation, asleep)
    assert len(case.server.token_requests) == 2
    assert operation.in_flight is SERIAL


@pytest.mark.parametrize("script", [[foreign(502), 200], [foreign(502), 400], [foreign(502)]])
async def test_nothing_is_in_flight_when_a_call_has_ended(script):
    """Once a call returned or raised, its result or its error says all there is to say."""
    case = Case(Server(*script), retry=Retry(attempts=2))
    operation = case.transport.operation()
    with suppress(StatusError):
        await case.send(call(SERIAL), operation)
    assert operation.in_flight is None


async def test_a_slot_is_held_by_a_request_and_not_by_a_wait():
    """While a call backs off, another may use its slot."""
    case = Case(Server(503, 200))
    slots = Slots(1)

    async def sleep(seconds):
        await slots.acquire()
        slots.release()
        case.time.slept.append(seconds)

    case.transport.sleep = sleep
    with anyio.fail_after(5):
        await case.send(operation=Operation(60.0, attempts=None, slots=slots))
    assert case.time.slept == [0.25]


# Logs


async def logged(caplog, case, a_call=None):
    """Send a call with the log on, whatever comes of it."""
    with (
        caplog.at_level(logging.DEBUG, logger="airview_herald"),
        suppress(StatusError, TransportError),
    ):
        await case.send(a_call)


async def test_each_request_is_one_line(caplog):
    """Each request, those for tokens included, is one DEBUG line with what happened to it."""

    def slow(_request):
        case.time.now += 0.0125
        return own(503)

    case = with_credentials(
        Server(slow, httpx.ReadError("words of httpx"), 200), headers={"X-Key": Secret(PLANTED)}
    )
    await logged(caplog, case)
    assert [record.getMessage() for record in caplog.records] == [
        "POST /token 200 0.0 ms attempt 1",
        "GET /api/systems/ 503 12.5 ms attempt 1",
        "GET /api/systems/ ReadError 0.0 ms attempt 2",
        "GET /api/systems/ 200 0.0 ms attempt 3",
    ]
    assert {(r.name, r.levelname) for r in caplog.records} == {("airview_herald", "DEBUG")}
    assert PLANTED not in caplog.text
    assert "words of httpx" not in caplog.text


async def test_a_path_is_logged_as_it_is_sent(caplog):
    """An escape in a path stays one, so that no path can forge a line of the log."""
    await logged(caplog, Case(Server(200)), call(target="/a%0Ab%20c/?name=x"))
    assert caplog.messages == ["GET /api/a%0Ab%20c/ 200 0.0 ms attempt 1"]


async def test_a_cancelled_request_is_one_line_too(caplog):
    """A request that was given up is in the log as well."""
    started = anyio.Event()

    async def hang(_request):
        started.set()
        await anyio.sleep_forever()

    case = Case(Server(200))
    case.transport._connections = Connections(httpx.MockTransport(hang))
    with caplog.at_level(logging.DEBUG, logger="airview_herald"):
        await cancelled_while(case, call(), case.transport.operation(), started)
    assert caplog.messages == ["GET /api/systems/ unanswered 0.0 ms attempt 1"]


async def test_nothing_is_logged_above_debug(caplog):
    """A library is silent unless asked to speak."""
    with caplog.at_level(logging.INFO, logger="airview_herald"):
        await Case(Server(503, 200)).send()
    assert caplog.records == []


# Credentials


async def test_each_attempt_is_authenticated():
    """Auth is inside the retry: a replay carries the credential of its moment."""
    case = with_credentials(
        Server(503, 200, tokens=[token("first", expires_in=0.2), token("second", expires_in=60)])
    )
    await case.send()
    sent = [request.headers["authorization"] for request in case.server.sent]
    assert sent == ["Bearer first", "Bearer second"]


async def test_a_token_request_carries_nothing_of_ours():
    """The token endpoint sees its own form and headers, and nothing that is for the service."""
    case = with_credentials(
        Server(200), headers={"X-Key": Secret("k"), "Authorization": Secret("Basic x")}
    )
    await case.send(call(CREATE))
    (request,) = case.server.token_requests
    assert "authorization" not in request.headers
    assert "x-key" not in request.headers
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert case.server.sent[0].headers["authorization"] == "Bearer t"
    assert PLANTED not in str(case.server.sent[0].headers)


async def test_a_token_endpoint_that_fails_is_asked_again():
    """A 500 of the token endpoint is retried within the attempt that needs the token."""
    case = with_credentials(
        Server(200, tokens=[foreign(500), httpx.ReadError("reset"), token("t")])
    )
    operation = case.transport.operation()
    assert await case.send(call(CREATE), operation) == {"id": 1}
    assert len(case.server.token_requests) == 3
    assert len(case.server.sent) == 1
    assert case.time.slept == [0.25, 0.5]
    assert (operation.requests, operation.retries) == (4, 2)


async def test_a_token_request_is_capped_by_the_time_left():
    """A request for a token has the operation's deadline and the client's timeouts."""
    case = with_credentials(Server(200), total=10.0)
    await case.send()
    (request,) = case.server.token_requests
    assert request.extensions["timeout"] == {"connect": 5, "read": 10, "write": 10, "pool": 10}


async def test_a_token_endpoint_that_stays_down_is_judged_by_its_last_answer():
    """After the last attempt the provider says what the endpoint answered."""
    case = with_credentials(Server(200, tokens=[foreign(500)]))
    error = await case.fail(AuthenticationError, call(CREATE))
    assert (
        str(error)
        == "the token endpoint https://login.example/token answered 500: no error in its body"
    )
    assert (error.url, error.status, error.ambiguous) == (TOKENS, 500, False)
    assert len(case.server.token_requests) == 4
    assert case.server.sent == []


async def test_a_token_endpoint_that_cannot_be_reached_is_named():
    """A connection failure on the way to a token names the token endpoint."""
    case = with_credentials(Server(200, tokens=[httpx.ConnectError("no route")]))
    error = await case.fail(ConnectError, call(CREATE))
    assert str(error) == f"POST {TOKENS}: ConnectError: no route"
    assert (error.attempts, error.ambiguous) == (4, False)
    assert isinstance(error.__cause__, httpx.ConnectError)
    assert case.server.sent == []


async def test_a_token_endpoint_that_asks_for_too_long_a_wait():
    """A token that cannot be had in time is a matter of the deadline, and carries the wait."""
    case = with_credentials(Server(200, tokens=[foreign(429, **{"retry-after": "3600"})]))
    error = await case.fail(DeadlineError, call(CREATE))
    assert (error.url, error.retry_after, error.ambiguous) == (TOKENS, 3600.0, False)
    assert case.time.slept == []


async def test_a_token_refused_on_the_way_to_a_replay_settles_nothing():
    """What the token endpoint answers is no verdict on the copy that was sent before."""
    case = with_credentials(
        Server(
            httpx.ReadError("reset"),
            tokens=[
                token("t", expires_in=10),
                httpx.Response(400, json={"error": "invalid_client"}),
            ],
        )
    )
    error = await case.fail(AuthenticationError, call(SERIAL))
    assert (error.status, error.ambiguous) == (400, True)


async def test_a_flow_may_say_when_to_come_back():
    """An error that a flow raises keeps what it says of waiting."""
    refused = TooManyRequestsError("later", attrs.evolve(StatusError().request, retry_after=7.0))
    error = await Case(Server(200), Raising(refused)).fail(TooManyRequestsError)
    assert error.retry_after == 7.0


async def test_an_exception_of_httpx_from_a_flow_is_translated():
    """A provider that raises an exception of httpx's does not let it out."""
    error = await Case(
        Server(200), Raising(httpx.ReadTimeout("slow")), retry=Retry(attempts=1)
    ).fail(RequestTimeoutError)
    assert error.attempts == 1


async def test_a_flow_may_send_a_request_of_its_own_making():
    """A flow that copies the request instead of changing it is served, under our timeouts."""
    case = Case(Server(200), Copying())
    assert await case.send() == {"id": 1}
    (request,) = case.server.sent
    assert request.headers["authorization"] == "Copied"
    assert request.extensions["timeout"]["read"] == 30


async def test_a_flow_may_do_without_its_errand():
    """The failure of an errand is told to the flow, which may go on all the same."""
    case = Case(Server(200, tokens=[httpx.ConnectError("no route")]), Undaunted())
    assert await case.send() == {"id": 1}
    assert case.server.sent[0].headers["authorization"] == "Guest"


async def test_an_errand_is_named_without_its_credentials():
    """A URL with a user, a password or a query in it is told without them."""
    case = Case(
        Server(httpx.ConnectError("no route")),
        Asking(f"https://me:{PLANTED}@login.example/a?key={PLANTED}"),
    )
    error = await case.fail(ConnectError)
    assert error.url == "https://login.example/a"
    assert PLANTED not in repr(error)


async def test_an_exchange_out_of_time_is_named_without_its_credentials():
    """The same holds for an errand that comes too late to be sent."""
    case = Case(Server(200), Asking(f"https://me:{PLANTED}@login.example/a?key={PLANTED}"))
    operation = Operation(40.0, attempts=None, started=BEGAN - 40)
    error = await case.fail(DeadlineError, operation=operation)
    assert str(error) == "GET https://login.example/a: the operation's 40 s are used up"


@pytest.mark.parametrize(
    ("auth", "headers", "told"),
    [
        (None, {}, True),
        (None, {"User-Agent": Secret("us")}, True),
        (None, {"Authorization": Secret("Bearer abc")}, False),
        (None, {"X-Api-Key": Secret("abc")}, False),
        (BearerToken("abc"), {}, False),
    ],
)
async def test_a_401_says_when_no_header_held_a_credential(auth, headers, told):
    """A header of the caller's may be one; of a certificate it says nothing."""
    error = await Case(Server(401), auth, headers=headers).fail(UnauthorizedError)
    assert str(error).endswith("; no header with a credential was sent") is told


async def test_what_a_server_says_is_one_line_of_the_log(caplog):
    """That a batch waits for it is on stderr where nothing is set up: words cannot fake a line."""
    words = {"code": 500, "message": "a\x1b[2J\nWARNING:root:forged"}
    case = Case(Server(httpx.Response(500, json=words), 200))
    await case.send(operation=of_a_batch(case))
    [told] = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert r"answered 500: a\x1b[2J\nWARNING:root:forged; batches wait" in told


async def test_a_refused_credential_is_an_error():
    """A 401 to a fixed token is final, and nothing was processed."""
    error = await Case(Server(401), BearerToken("abc")).fail(UnauthorizedError, call(SERIAL))
    assert (error.attempts, error.ambiguous) == (1, False)


def of_a_batch(case):
    """Make an account of a batch's event."""
    patience = Patience(900.0, case.transport.pacing.active)
    return Operation(120.0, attempts=None, patience=patience)


@pytest.mark.parametrize("retry_class", list(RetryClass))
async def test_a_batch_outlives_tokens_that_end_while_they_are_new(retry_class):
    """A 401 that a renewed token meets is worth another one, whatever is to be sent."""
    case = with_credentials(Server(401, 401, 401, 200))
    operation = of_a_batch(case)
    assert await case.send(call(retry_class), operation) == {"id": 1}
    assert len(case.server.token_requests) == 4
    assert (case.time.slept, operation.retries) == ([0.25], 1)


async def test_a_single_call_renews_its_token_once():
    """It is refused after that, and nothing was processed."""
    case = with_credentials(Server(401))
    error = await case.fail(UnauthorizedError, call(SERIAL))
    assert (len(case.server.token_requests), error.ambiguous) == (2, False)


async def test_a_wrong_credential_ends_a_batch_soon():
    """Of six tokens in a row that are refused one would be enough to go on."""
    case = with_credentials(Server(401))
    error = await case.fail(UnauthorizedError, call(SERIAL), of_a_batch(case))
    assert (len(case.server.token_requests), len(case.server.sent)) == (6, 6)
    assert (error.ambiguous, sum(case.time.slept)) == (False, 0.75)
    await case.fail(UnauthorizedError, call(SERIAL), of_a_batch(case))
    assert len(case.server.token_requests) == 8


async def test_a_request_that_is_always_refused_ends_a_batch():
    """However often others are accepted meanwhile: it lacks a right."""

    def answer(request):
        return own(200 if request.method == "GET" else 401)

    case = with_credentials(Server(answer))

    async def sleep(seconds):
        case.time.now += seconds
        await case.transport.send(call(), Operation(120.0, attempts=4))

    case.transport.sleep = sleep
    await case.fail(UnauthorizedError, call(SERIAL), of_a_batch(case))
    assert sum(request.method == "PUT" for request in case.server.sent) == 12


async def test_a_doubt_outlives_a_refusal_of_a_token():
    """A 401 to a replay is no verdict on the copy that was sent before."""
    case = with_credentials(Server(httpx.ReadError("reset"), 401))
    error = await case.fail(UnauthorizedError, call(SERIAL), of_a_batch(case))
    assert error.ambiguous


async def test_a_fixed_token_ends_a_batch_at_once():
    """There is no other one."""
    case = Case(Server(401), BearerToken("abc"))
    await case.fail(UnauthorizedError, operation=of_a_batch(case))
    assert len(case.server.sent) == 1


@pytest.mark.parametrize(
    "page",
    [
        httpx.Response(200, text="<h1>Please sign in</h1>"),
        httpx.Response(200, content=b'{"access_token": "t\xff\xfe'),
    ],
)
async def test_a_page_in_place_of_a_token_is_asked_again(page):
    """What is no JSON is no answer of a token endpoint."""
    case = with_credentials(Server(200, tokens=[page, page, token("t")]))
    assert await case.send(call(CREATE)) == {"id": 1}
    assert len(case.server.token_requests) == 3
    assert case.time.slept == [0.25, 0.5]


@pytest.mark.parametrize(("batch", "times"), [(False, 4), (True, 5)])
async def test_a_page_that_stays_is_the_token_endpoints_answer(batch, times):
    """A token endpoint that is none ends a call, and a batch, soon."""
    case = with_credentials(Server(200, tokens=[foreign(200)]))
    operation = of_a_batch(case) if batch else None
    error = await case.fail(AuthenticationError, call(CREATE), operation)
    assert str(error) == "the token endpoint's answer has no access_token"
    assert (len(case.server.token_requests), case.server.sent) == (times, [])


@pytest.mark.parametrize(
    "refusal", [httpx.Response(401, json={"error": "invalid_client"}), httpx.Response(200, json={})]
)
async def test_a_definite_answer_of_a_token_endpoint_ends_a_batch(refusal):
    """It is asked once."""
    case = with_credentials(Server(200, tokens=[refusal]))
    await case.fail(AuthenticationError, call(CREATE), of_a_batch(case))
    assert len(case.server.token_requests) == 1


async def test_a_refused_token_shows_that_the_server_is_there():
    """It gives back a part of a retry, as a success does."""
    case = with_credentials(Server(503, 401, 200))
    await case.send()
    budget = case.transport._budget
    assert budget.left == budget.capacity - 1 + 2 * 0.25


async def test_a_missing_role_is_an_error():
    """A 403 is final: a new token would not help."""
    case = with_credentials(Server(403))
    await case.fail(ForbiddenError)
    assert len(case.server.token_requests) == 1
    assert len(case.server.sent) == 1


async def test_basic_auth_works():
    """A provider of httpx's own works as in an httpx client."""
    case = Case(Server(200), httpx.BasicAuth("me", "secret"))
    await case.send()
    assert case.server.sent[0].headers["authorization"] == "Basic bWU6c2VjcmV0"


async def test_digest_auth_works():
    """A provider that waits for a challenge and answers it works too, and counts both requests."""

    def challenge(request):
        if "authorization" in request.headers:
            assert request.headers["authorization"].startswith('Digest username="me"')
            return own(200)
        return httpx.Response(
            401, headers={"www-authenticate": 'Digest realm="r", nonce="n", qop="auth"'}
        )

    case = Case(Server(challenge), httpx.DigestAuth("me", "secret"))
    operation = case.transport.operation()
    assert await case.send(call(CREATE), operation) == {"id": 1}
    assert operation.requests == 2
    assert [request.content for request in case.server.sent] == [call(CREATE).body] * 2


async def test_a_handshake_that_fails_is_not_repeated():
    """A certificate that is not trusted now will not be trusted in a second."""
    untrusted = httpx.ConnectError("certificate verify failed")
    untrusted.__cause__ = ssl.SSLCertVerificationError("self-signed certificate")
    case = Case(Server(untrusted, 200))
    error = await case.fail(TLSError, call(READ))
    assert error.attempts == 1
    assert not error.ambiguous
    assert "the certificate of airview.example is not trusted: " in str(error)


async def test_the_cause_of_an_error_holds_no_request():
    """What httpx raised is the cause, without the request and the credential in it."""

    def fail(request):
        raise httpx.ReadError("lost", request=request)

    case = Case(Server(fail), auth=BearerToken("tok-secret"))
    error = await case.fail(TransportError, call(CREATE))
    assert isinstance(error.__cause__, httpx.ReadError)
    with pytest.raises(RuntimeError):
        _ = error.__cause__.request


@pytest.mark.parametrize(("retry", "attempts"), [(None, 1), (Retry(budget=1, base=0.5), 2)])
async def test_a_sibling_shares_the_budget_of_its_policy(retry, attempts):
    """Retries that one has spent the other lacks, unless it has a policy of its own."""
    case = Case(Server(500), retry=Retry(budget=1))
    assert (await case.fail(InternalServerError)).attempts == 2
    options = case.transport.options.changed(timeout=1, retry=retry, headers=None, on_reply=None)
    sibling = case.transport.with_options(options)
    with pytest.raises(InternalServerError) as caught:
        await sibling.send(call(), sibling.operation())
    assert caught.value.attempts == attempts


class Idle(httpx.Auth):
    """A credential that asks for nothing."""

    async def async_auth_flow(self, request):
        return
        yield request


async def test_a_credential_that_asks_for_nothing_is_an_error():
    """A flow that ends before its request is an authentication error, and nothing is sent."""
    case = Case(Server(200), auth=Idle())
    error = await case.fail(AuthenticationError)
    assert str(error) == f"the credential gave up before GET {BASE}/systems/"
    assert case.server.sent == []


async def test_looking_at_an_answer_makes_no_replay_of_it():
    """A DELETE that finds nothing is an error, whoever sees its answer."""
    seen = []
    case = Case(Server(404))
    options = case.transport.options.changed(
        timeout=None, retry=None, headers=None, on_reply=seen.append
    )
    sibling = case.transport.with_options(options)
    with pytest.raises(NotFoundError):
        await sibling.send(call(ABSOLUTE, method="DELETE"), sibling.operation())
    assert [reply.status for reply in seen] == [404]


# Keeping the client waiting


def batch(case, slots):
    """Make an account of a batch's event."""
    return Operation(120.0, None, slots, Patience(900.0, case.transport.pacing.active))


async def test_a_batch_waits_for_what_the_server_asks_off_the_clock():
    """A pause longer than the deadline is waited for, and costs no slot."""
    case, slots = Case(Server(own(429, **{"Retry-After": "500"}), 200)), Slots(1)
    for _ in range(3):
        operation = batch(case, slots)
        assert await case.send(call(SERIAL), operation) == {"id": 1}
    assert 500 <= case.time.passed < 502
    await slots.acquire()


async def test_a_batch_whose_budget_is_empty_tries_once_a_second():
    """Then the deadline does not end it: the gate keeps it off the clock."""
    case = Case(Server(*[503] * 300, 200), retry=Retry(budget=5))
    operation = batch(case, Slots(1))
    assert await case.send(call(SERIAL), operation) == {"id": 1}
    assert operation.retries == 300
    assert 290 < case.time.passed < 320


async def test_a_verdict_opens_the_gate_too():
    """A server that refuses is there."""
    case = Case(Server(503, 503, 400, 200), retry=Retry(budget=0))
    with pytest.raises(BadRequestError):
        await case.send(call(SERIAL), batch(case, Slots(1)))
    assert not case.transport.pacing.gate_closed
    passed = case.time.passed
    await case.send(call(SERIAL), batch(case, Slots(1)))
    assert case.time.passed == passed
