"""The tree of errors, and what its members carry."""

import copy
import pickle
import re
import traceback

import attrs
import httpx
import pytest

from airview_herald import errors
from airview_herald.errors import (
    AirViewHeraldError,
    BackendFailureException,
    DecodeError,
    ErrorAnswer,
    EscalationError,
    IngestAborted,
    InputError,
    RequestFacts,
    StatusError,
    status_error,
)
from airview_herald.transport._call import Call, ErrorBody, RetryClass
from airview_herald.transport._connections import Connections
from airview_herald.transport._options import Options
from airview_herald.transport._retry import Retry
from airview_herald.transport._send import Transport

FACTS = RequestFacts(
    method="POST",
    url="https://airview.example/systems/",
    status=503,
    code=503,
    message="Busy",
    attempts=3,
    request_id="r-1",
    retry_after=7.5,
    ambiguous=True,
    operation="create_subscription",
    answer=ErrorAnswer(
        details="name",
        path="subscribers.",
        subscribers_failed=({"subscriber": "S1", "error": "not_found"},),
        unprocessed_items=["S2"],
        body={"error": "wrong_type", "details": "name"},
    ),
)
PLANTED = "planted-secret"
CLASSES = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, AirViewHeraldError)
]
STATUSES = {
    400: "BadRequestError",
    401: "UnauthorizedError",
    403: "ForbiddenError",
    404: "NotFoundError",
    409: "ConflictError",
    413: "PayloadTooLargeError",
    422: "ValidationError",
    429: "TooManyRequestsError",
    500: "InternalServerError",
    502: "BadGatewayError",
    503: "ServiceUnavailableError",
    504: "GatewayTimeoutError",
}


def example(kind):
    """Make an error of a class, with every fact that it may hold."""
    if kind is InputError:
        return InputError("resource.name", "must not be empty", {"name": ""})
    if kind is DecodeError:
        return DecodeError("field missing @ $.id", FACTS, "$.id")
    if kind is IngestAborted:
        return IngestAborted("the producer raised", ["report"])
    if kind is EscalationError:
        return EscalationError("1 of 2 notifications is not sent", (("alert", "error"),))
    return kind("POST answered", FACTS)


def pickled(error):
    """Send an error through a pickle."""
    return pickle.loads(pickle.dumps(error))  # noqa: S301 - our own, made on this line


def drawn():
    """Read the tree in the docstring: the parent of each name, and the statuses beside names."""
    tree = errors.__doc__.split("```")[1]
    parents, statuses, above = {}, {}, []
    for line in tree.strip().splitlines():
        names = re.findall(r"\b(?!ValueError)[A-Z]\w+(?:Error|Aborted)\b", line)
        column = line.index(names[0])
        above = [(c, name) for c, name in above if c < column]
        for name in names:
            parents[name] = above[-1][1] if above else None
        above.append((column, names[0]))
        statuses |= {int(s): name for name, s in re.findall(r"(\w+Error) (\d{3})\b", line)}
    return parents, statuses


def httpx_exceptions():
    """Find every exception that httpx may raise."""
    found = []
    waiting = [httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("httpx"):
            found.append(kind)
    return sorted(found, key=lambda kind: kind.__name__)


def raised(kind, request):
    """Make an exception of httpx's; those that quote the request do so here."""
    if issubclass(kind, httpx.HTTPStatusError):
        response = httpx.Response(400, request=request)
        return kind(f"for url {request.url}", request=request, response=response)
    if kind in {httpx.InvalidURL, httpx.LocalProtocolError, httpx.CookieConflict}:
        return kind(f"not a legal value: {PLANTED}")
    try:
        return kind("broken")
    except TypeError:
        return kind()


async def send_planted(handler):
    """Send a request whose query, header and body each hold the planted text."""
    transport = Transport(
        Connections(httpx.MockTransport(handler)),
        httpx.BasicAuth("me", PLANTED),
        Options(
            "https://airview.example",
            {},
            httpx.Timeout(5),
            total=60,
            retry=Retry(attempts=1),
            settle=1,
        ),
        lambda _: ErrorBody(),
    )
    call = Call(
        "POST",
        f"/systems/?name={PLANTED}",
        RetryClass.CREATE,
        200,
        lambda reply: reply.json(),
        body=f'"{PLANTED}"'.encode(),
    )
    with pytest.raises(AirViewHeraldError) as caught:
        await transport.send(call, transport.operation())
    return caught.value


def rendered(error):
    """Write an error down in every way that a log may."""
    return "".join([str(error), repr(error), repr(error.args), *traceback.format_exception(error)])


def test_the_drawn_tree_is_the_tree():
    """The tree in the module's docstring names every class below its first base."""
    parents, _ = drawn()
    assert parents == {
        kind.__name__: kind.__base__.__name__ if kind is not AirViewHeraldError else None
        for kind in CLASSES
        if kind.__name__ != "BackendFailureException"
    }


def test_the_drawn_statuses_are_the_statuses():
    """The tree in the docstring shows the status of each class that has one."""
    assert drawn()[1] == STATUSES


def test_configuration_and_input_are_value_errors_too():
    """Callers who know nothing of the tree can catch bad arguments as ValueError."""
    also = {kind.__name__ for kind in CLASSES if issubclass(kind, ValueError)}
    assert also == {"ConfigurationError", "FinishedError", "InUseError", "InputError"}


def test_every_class_is_public():
    """`__all__` is sorted and names every class of the tree."""
    public = {kind.__name__ for kind in CLASSES}
    public |= {"BackendFailureException", "ErrorAnswer", "RequestFacts", "status_error"}
    assert set(errors.__all__) == public
    assert errors.__all__ == sorted(errors.__all__)


def test_the_documented_name_is_the_status_branch():
    """`BackendFailureException` catches every status."""
    assert BackendFailureException is StatusError


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("clone", [copy.copy, pickled])
def test_every_error_survives_copying(kind, clone):
    """A copied or pickled error is another object with the same class, words and attributes."""
    error = example(kind)
    other = clone(error)
    assert other is not error
    assert type(other) is kind
    assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))


@pytest.mark.parametrize("kind", CLASSES)
def test_amending_changes_the_facts_only(kind):
    """An amended error keeps its class, words, own attributes and cause, also through a pickle."""
    error = example(kind)
    error.__cause__ = OSError("reset")
    amended = error.amended(attempts=9)
    for each in (amended, pickled(amended)):
        assert type(each) is kind
        assert str(each) == str(error)
        assert vars(each) == {**vars(error), "request": attrs.evolve(error.request, attempts=9)}
    assert amended.__cause__ is error.__cause__
    assert error.attempts == error.request.attempts != 9


def test_notes_of_an_amended_error_are_its_own():
    """A note added to an amended error does not appear on the one it came from."""
    error = example(StatusError)
    error.add_note("before")
    amended = error.amended(attempts=9)
    amended.add_note("after")
    assert error.__notes__ == ["before"]
    assert amended.__notes__ == ["before", "after"]


def test_every_fact_is_an_attribute():
    """What `RequestFacts` holds can be read off the error itself, but for the server's words."""
    error = StatusError("said no", FACTS)
    shown = {field.name for field in attrs.fields(RequestFacts)} - {"message"}
    assert {name: getattr(error, name) for name in shown} == {
        name: getattr(FACTS, name) for name in shown
    }
    assert (error.message, error.request.message) == ("said no", "Busy")


def test_what_an_error_body_says_is_an_attribute():
    """What Herald's error body says can be read off a status error; AirView's says nothing."""
    names = [field.name for field in attrs.fields(ErrorAnswer)]
    error = pickled(StatusError("said no", FACTS))
    assert {name: getattr(error, name) for name in names} == attrs.asdict(
        FACTS.answer, recurse=False
    )
    plain = StatusError("said no", attrs.evolve(FACTS, answer=ErrorAnswer()))
    assert [getattr(plain, name) for name in names] == [None, None, (), None, None]


def test_an_error_does_not_show_the_body_it_holds():
    """A body may hold customers' names: it is there for who asks, and not in a traceback."""
    error = StatusError("said no", RequestFacts(answer=ErrorAnswer(body={"name": PLANTED})))
    assert error.body == {"name": PLANTED}
    assert PLANTED not in rendered(error)


def test_an_error_without_a_request_has_empty_facts():
    """An error that no request stands behind says so by empty facts."""
    error = AirViewHeraldError("no")
    assert error.request == RequestFacts()
    assert (error.method, error.url, error.status, error.attempts) == ("", "", None, 0)
    assert error.ambiguous is False


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (example(StatusError), "POST answered"),
        (example(InputError), "resource.name: must not be empty"),
        (example(DecodeError), "field missing @ $.id"),
        (example(IngestAborted), "the producer raised"),
    ],
)
def test_the_words_of_an_error_are_its_message(error, text):
    """The text of an error is its message and nothing else."""
    assert str(error) == error.message == text


@pytest.mark.parametrize(("status", "name"), STATUSES.items())
def test_a_status_has_its_class(status, name):
    """Each documented status has a class of its own, and that class no other status."""
    error = status_error("no", RequestFacts(status=status))
    assert type(error).__name__ == name
    assert error.status == status


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (304, "RedirectError"),
        (308, "RedirectError"),
        (418, "ClientStatusError"),
        (499, "ClientStatusError"),
        (501, "ServerStatusError"),
        (599, "ServerStatusError"),
        (202, "StatusError"),
        (None, "StatusError"),
    ],
)
def test_another_status_has_the_class_of_its_hundreds(status, name):
    """A status without a class falls back to its hundreds, and then to the branch."""
    assert type(status_error("no", RequestFacts(status=status))).__name__ == name


@pytest.mark.parametrize("kind", httpx_exceptions())
async def test_no_exception_of_httpx_escapes(kind):
    """Whatever httpx raises arrives as a TransportError that names the request and the reason."""

    def handler(request):
        raise raised(kind, request)

    error = await send_planted(handler)
    assert isinstance(error, errors.TransportError)
    assert error.url == "https://airview.example/systems/"
    assert str(error).startswith(f"POST https://airview.example/systems/: {kind.__name__}")
    assert PLANTED not in rendered(error)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (httpx.ConnectError, ("ConnectError", False)),
        (httpx.ProxyError, ("ConnectError", False)),
        (httpx.UnsupportedProtocol, ("ConnectError", False)),
        (httpx.ConnectTimeout, ("RequestTimeoutError", False)),
        (httpx.PoolTimeout, ("RequestTimeoutError", False)),
        (httpx.ReadTimeout, ("RequestTimeoutError", True)),
        (httpx.WriteTimeout, ("RequestTimeoutError", True)),
        (httpx.ReadError, ("TransportError", True)),
        (httpx.WriteError, ("TransportError", True)),
        (httpx.CloseError, ("TransportError", True)),
        (httpx.RemoteProtocolError, ("TransportError", True)),
        (httpx.DecodingError, ("TransportError", True)),
        (httpx.LocalProtocolError, ("TransportError", False)),
        (httpx.InvalidURL, ("TransportError", False)),
        (httpx.CookieConflict, ("TransportError", False)),
    ],
)
async def test_an_exception_of_httpx_has_its_class(kind, expected):
    """An exception lands in its own class, and says whether the request may have landed."""

    def handler(request):
        raise raised(kind, request)

    error = await send_planted(handler)
    assert (type(error).__name__, error.ambiguous) == expected


@pytest.mark.parametrize("status", [200, 202, 308, 400, 401, 404, 422, 429, 500, 503])
async def test_an_answer_shows_nothing_of_the_request(status):
    """Neither query, header nor body of the request are in an error about its answer."""
    error = await send_planted(lambda _: httpx.Response(status, text="<html>"))
    assert error.status == status
    assert PLANTED not in rendered(error)


async def test_the_cause_of_a_network_failure_is_kept():
    """The exception of the network is the error's cause, and its words are told."""

    def handler(_request):
        raise httpx.ReadError("connection reset by peer")

    error = await send_planted(handler)
    assert isinstance(error.__cause__, httpx.ReadError)
    assert str(error) == (
        "POST https://airview.example/systems/: ReadError: connection reset by peer"
    )


def test_a_representation_is_short():
    """It is what an outcome, a log or a notebook shows: the class and the words."""
    facts = RequestFacts("GET", "https://airview.example/systems/", 404)
    assert repr(status_error("no such row", facts)) == "NotFoundError('no such row')"
    assert repr(InputError("a.b", "must be a text", 7)) == "InputError('a.b: must be a text')"
