"""Hostile text in every setting of clients and providers, proven on the bytes at a server.

As for operations: a setting is refused by its name before anything is sent, or what is sent has
exactly that text where a plain marker was. A URL is its giver's, dots and all: of it only a path
may become another one.
"""

import inspect

import pytest
from backends import BACKENDS
from call_rows import MARKER, at, places
from hostile_texts import OF_HANDLERS, TEXTS
from raw_server import RawServer
from setting_rows import ALSO, SETTINGS, Diverted, serve
from wire_shapes import in_order, put, shape_of

from airview_herald import auth
from airview_herald.airview import BackendConfig, get_handler
from airview_herald.errors import AuthenticationError, ConfigurationError, InputError
from airview_herald.transport import PooledTransport

# A token is taken as it was pasted.
TRIMMED = {"auth", "token"}
REFUSALS = (AuthenticationError, ConfigurationError, InputError)


@pytest.fixture(autouse=True)
def _no_secret_shows():
    """Plant nothing: the text of one setting is the credential of another."""


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each.made.__qualname__)
def test_every_setting_is_tried(setting):
    """A parameter that is new has a row, or is known to be no text."""
    assert setting.missing == set()


def test_every_provider_is_tried():
    """So has a provider, and another way to a client takes nothing else but the client's own."""
    made = {setting.made for setting in SETTINGS}
    providers = {getattr(auth, name) for name in auth.__all__ if name[0].isupper()}
    # A secret is what the others hold, and two are what a credential has to be like.
    assert providers - made == {auth.AccessToken, auth.Secret, auth.TokenCredential}
    parameters = inspect.signature(get_handler).parameters.keys()
    assert parameters - {"options"} == inspect.signature(BackendConfig).parameters.keys()


@BACKENDS
async def test_a_hostile_setting_is_refused_or_arrives_as_it_is(anyio_backend, backend):
    """No setting makes another request, host, segment, parameter or header."""
    texts = TEXTS if (anyio_backend, backend) == ("asyncio", PooledTransport) else OF_HANDLERS
    wrong, lines = [], []
    with RawServer(serve) as server:
        async with backend() as http:
            for setting in SETTINGS:
                for place in places(setting.given):
                    cells = await tried(setting, place, texts, http, server)
                    name = f"{setting.made.__qualname__} {place}"
                    lines.append(f"{name:88} {''.join(cells.get(text, ' ') for text in TEXTS)}")
                    wrong += [f"{name} {t}: {cell}" for t, cell in cells.items() if len(cell) > 1]
    print("- refused   + sent as it is", *lines, sep="\n")  # noqa: T201 - the matrix is the proof
    assert wrong == [], "\n".join(wrong)
    assert server.junk == []


async def tried(setting, place, texts, http, server):
    """Return what became of each text in a place."""
    plain, refusal = await sent(setting, place, MARKER, http, server)
    in_a_url = place.around.startswith("https://")
    cells = {}
    for text in texts:
        received, error = await sent(setting, place, TEXTS[text], http, server)
        if error is not None:
            cells[text] = _refused(place, received, error)
        elif refusal is not None:
            cells[text] = f"let through {received}"
        elif in_a_url:
            cells[text] = "+" if _alike(received, plain) else f"sent {received}"
        else:
            arrives = TEXTS[text].strip() if place.steps[0] in TRIMMED else TEXTS[text]
            expected = in_order(put(shape_of(each), MARKER, arrives) for each in plain)
            same = in_order(map(shape_of, received)) == expected
            cells[text] = "+" if same else f"sent {str(received)[:300]}"
    return cells


def _refused(place, received, error):
    if received:
        return f"sent {str(received)[:300]} before {error}"
    name = place.steps[0]
    named = any(word in str(error) for word in (name, ALSO.get(name, name)))
    return "-" if named and len(str(error)) < 1_500 else f"told {str(error)[:300]}"


def _alike(received, plain):
    """Return whether requests differ in their paths only."""

    def rest(request):
        names = [(name, value) for name, value in request.headers if name != b"Content-Length"]
        return request.method, request.target.startswith(b"/"), b" " in request.target, names

    return list(map(rest, received)) == list(map(rest, plain))


async def sent(setting, place, text, http, server):
    """Return what a server receives under a set of settings, and how they were refused."""
    server.received.clear()
    error = None
    try:
        given = at(setting.given, place, text)
        await setting.use(setting.made, given, Diverted(http, server.url))
    except REFUSALS as refusal:
        error = refusal
    return list(server.received), error
