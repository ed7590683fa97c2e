"""Hostile text in every value of every operation, proven on the bytes that a server receives.

Each value is first a plain marker, which shows where it goes. Then it is each hostile text: either
the operation refuses it by the name of its field before anything is sent, or the server receives
the same requests, with exactly that text where the marker was. `-s` shows the matrix.
"""

import inspect

import pytest
from backends import BACKENDS
from call_rows import ACCOUNT, MARKER, ROWS, at, missing, operations, places
from hostile_texts import OF_BODIES, OF_HANDLERS, OF_HANDLERS_BODIES, OF_NUMBERS, TEXTS
from raw_server import RawServer
from unstocked import answer
from wire_shapes import holds, in_order, put, shape_of

from airview_herald import AirView, Herald
from airview_herald.airview import Backend
from airview_herald.errors import InputError
from airview_herald.transport import PooledTransport, Retry

CLIENTS = pytest.mark.parametrize("client", ROWS, ids=lambda client: client.__name__)


class Matrix:
    """What became of each hostile text in each place of a client's operations.

    Args:
        client: The client's class.
        server: What receives the requests.
        http: What carries them.
    """

    def __init__(self, client, server, http):
        self._client = client
        self._server = server
        self._http = http
        # A handler's operation is many requests, each of which the backend's rows try in full.
        self._of_urls, self._of_bodies = TEXTS, OF_BODIES
        if client is AirView:
            self._of_urls, self._of_bodies = OF_HANDLERS, OF_HANDLERS_BODIES
        if client is Herald:
            # Its bodies have no limits: one of that size, below, is as good as a hundred.
            self._of_bodies = [each for each in OF_BODIES if each != "10 MB"]
        self.rows = []
        self.wrong = []

    async def try_place(self, name, arguments, place, *, bodies):
        """Try the texts in a place; those that go into no URL only if `bodies` says so."""
        plain, refusal = await self.sent(name, at(arguments, place, MARKER))
        in_url = any(holds(each[:4], MARKER) for each in plain)
        if not in_url and not bodies:
            return
        cells = {}
        for text in OF_NUMBERS if refusal else self._of_urls if in_url else self._of_bodies:
            shapes, error = await self.sent(name, at(arguments, place, TEXTS[text]))
            if name == "plan" and error is not None:
                # It looks for its system before it sees an event.
                shapes = [each for each in shapes if each not in plain]
            expected = in_order(put(each, MARKER, TEXTS[text]) for each in plain)
            cells[text] = _cell(place, shapes, error, expected, plain)
            if cells[text] not in "-+.":
                self.wrong.append(f"{name} {place} {text}: {cells[text]}")
        self.rows.append((f"{name} {place}", cells))

    async def sent(self, name, arguments):
        """Return what a server receives of an operation, and how it was refused, if it was."""
        self._server.received.clear()
        error = None
        async with self._connected() as client:
            try:
                await performed(
                    client.backend if self._client is Backend else client, name, arguments
                )
            except InputError as refusal:
                error = refusal
        return in_order(map(shape_of, self._server.received)), error

    def _connected(self):
        url, options = self._server.url, {"http": self._http, "retry": Retry(attempts=1)}
        if self._client is Herald:
            token = "a-token"
            return Herald(aims_token=token, account_id=ACCOUNT, global_endpoint=url, **options)
        system = {"system_name": "ccf", "system_stage": "MONITOR", "referencing_type": "account"}
        return AirView(url, **system, **options)

    def __str__(self):
        lines = ["- refused   + sent as it is   . not sent", ""]
        lines += [f"{number:3} {text}" for number, text in enumerate(TEXTS)]
        for name, cells in self.rows:
            lines.append(f"{name:88} {''.join(cells.get(text, ' ') for text in TEXTS)}")
        return "\n".join(lines)


def _cell(place, shapes, error, expected, plain):
    """Return what became of a text: a sign, or what is wrong."""
    if error is not None:
        if shapes:
            return f"sent {len(shapes)} requests before {error}"
        names = [str(place), str(place).partition(".")[2]]
        named = any(each.startswith(error.field) for each in names)
        return "-" if named else f"blamed {error.field}"
    if shapes != expected and shapes != [_without_empty(each) for each in expected]:
        return f"sent {str(shapes)[:300]}"
    return "+" if expected != plain else "."


def _without_empty(shape):
    """Return a shape without what is empty in its query: an empty filter is none."""
    return shape._replace(query=tuple(pair for pair in shape.query if pair[1]))


async def performed(client, name, arguments):
    """Perform an operation, and raise what a batch says of its only event."""
    operation = getattr(client, name)
    if name == "stream":
        async with operation(**arguments) as run:
            async for _ in run:
                pass
        result = run.report
    else:
        result = await operation(**arguments)
    if name in {"ingest", "plan", "stream"} and result.failures:
        raise result.failures[0].error


def whole(client, name):
    """Return the arguments of an operation, with the account that it is for, if it is for one."""
    with_account = "account_id" in inspect.signature(getattr(client, name)).parameters
    return ROWS[client][name] | ({"account_id": ACCOUNT} if with_account else {})


@CLIENTS
def test_every_operation_is_tried_with_every_value(client):
    """An operation, a parameter or a field of a model that has no row is told."""
    assert operations(client) == set(ROWS[client])
    unset = {name: missing(client, name, given) for name, given in ROWS[client].items()}
    assert {name: fields for name, fields in unset.items() if fields} == {}


@BACKENDS
@CLIENTS
async def test_hostile_text_is_refused_or_arrives_as_it_is(anyio_backend, backend, client):
    """No value of an operation makes another request, segment, parameter or header."""
    bodies = (anyio_backend, backend) == ("asyncio", PooledTransport)
    with RawServer(answer) as server:
        async with backend() as http:
            matrix = Matrix(client, server, http)
            for name in ROWS[client]:
                arguments = whole(client, name)
                for place in places(arguments):
                    await matrix.try_place(name, arguments, place, bodies=bodies)
    print(matrix)  # noqa: T201 - the matrix is the proof
    assert matrix.wrong == [], "\n".join(matrix.wrong)
    assert server.junk == []
    assert matrix.rows


@BACKENDS
async def test_a_body_of_ten_megabytes_arrives_whole(anyio_backend, backend):
    """Where the service has no limit, neither has the client: one request has all of the text."""
    with RawServer(answer) as server:
        async with backend() as http:
            arguments = whole(Herald, "create_subscription") | {"name": TEXTS["10 MB"]}
            shapes, _ = await Matrix(Herald, server, http).sent("create_subscription", arguments)
    assert [shape.body["name"] for shape in shapes] == [TEXTS["10 MB"]]
    assert server.junk == []
