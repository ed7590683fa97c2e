"""Where a credential shows, and where it goes: every provider in every situation, as a table."""

import logging
import sys

import credential_displays  # noqa: F401 - adds to the situations
import httpx
import pytest
from backends import BACKENDS
from credential_situations import ABSENT, OURS, SITUATIONS, THEIRS, Case
from credentials import (
    EVIL,
    KEYS,
    PLANTED,
    PROVIDERS,
    SESSION,
    TOKENS,
    well,
)
from named_servers import NamedServers
from planted_secrets import everything, forms, found_in

from airview_herald import auth
from airview_herald.errors import AirViewHeraldError
from airview_herald.transport import PooledTransport


def strays(case):
    """Return what came to a host that should not have it."""
    found = []
    for host, server in case.servers._servers.items():
        for raw in server.received:
            request = raw.decode("latin-1")
            login = host == case.provider.login and not request.startswith("GET ")
            forbidden = PLANTED
            if login:
                forbidden = PLANTED - KEYS
            elif host in case.provider.origins:
                forbidden = PLANTED - TOKENS
            found += [(host, leak) for leak in found_in(forbidden, [request])]
    if case.servers.received(EVIL):
        found.append((EVIL, "was asked"))
    return found


class Lines(logging.Handler):
    """Keeps all that is logged, to the last detail."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.kept = []

    def emit(self, record):
        text = f"{record.getMessage()} {record.args!r} {vars(record)!r}"
        self.kept.append((record.name.partition(".")[0], text))


@pytest.fixture
def lines():
    """Collect what every logger says at DEBUG."""
    handler = Lines()
    levels = {logging.getLogger(name): logging.getLogger(name).level for name in (OURS, *THEIRS)}
    for logger in levels:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    yield handler.kept
    for logger, level in levels.items():
        logger.removeHandler(handler)
        logger.setLevel(level)


def beyond_us(case, situation):
    """Return what is shown by others, whatever this package does.

    httpcore's logger shows the headers of answers, and AIMS answers the first step of a login by
    MFA with one that stands for it in the second.
    """
    if (situation, case.backend) == ("loggers of other packages", PooledTransport):
        return forms(SESSION)
    return set()


def table(cells):
    """Return the cells as a table: a row for each situation, a column for each provider."""
    names = [provider.name for provider in PROVIDERS]
    wide = max(map(len, SITUATIONS))
    rows = ["  ".join([" " * wide, *names])]
    for name in SITUATIONS:
        marks = [cells[name, each].center(len(each)) for each in names]
        rows.append("  ".join([name.ljust(wide), *marks]))
    return "\n".join(row.rstrip() for row in rows)


@pytest.mark.timeout(300)
@BACKENDS
async def test_no_secret_is_shown_and_no_token_leaves_its_origin(
    backend, anyio_backend, lines, tmp_path
):
    """The table of every provider in every situation: `ok`, `-` where there is no such thing."""
    processes = (backend, anyio_backend) == (PooledTransport, "asyncio")
    cells, leaks = {}, []
    servers = NamedServers(well())
    async with servers.running():
        for name, run in SITUATIONS.items():
            for provider in PROVIDERS:
                servers.answers = well()
                servers.forget()
                lines.clear()
                case = Case(provider, servers, backend, tmp_path, processes, lines)
                shown = await run(case)
                known = beyond_us(case, name)
                found = [*found_in(PLANTED - known, shown or ()), *strays(case)]
                leaks += [(name, provider.name, leak) for leak in found]
                noted = "(1)" if found_in(known, shown or ()) else "ok"
                cells[name, provider.name] = "LEAK" if found else "-" if shown is ABSENT else noted
    sys.stdout.write(f"\n{backend.__name__} on {anyio_backend}\n{table(cells)}\n")
    sys.stdout.write("(1) httpcore's, of an answer's headers: the session of a login by MFA\n")
    assert not leaks, "\n".join(map(str, leaks))


def test_every_provider_is_in_the_table():
    """One that is added to `airview_herald.auth` has to be planted too."""
    classes = {
        name
        for name in auth.__all__
        if isinstance(getattr(auth, name), type) and issubclass(getattr(auth, name), httpx.Auth)
    }
    assert classes
    assert classes <= {provider.name for provider in PROVIDERS}


@pytest.mark.parametrize("value", ['planted secret%7=&+/ä"<', "planted-token/+=.8~x"])
def test_the_search_finds_what_is_planted(value):
    """A search that finds nothing anywhere would prove nothing."""
    for form in forms(value):
        assert found_in(forms(value), [f"before {form} after"])
    error = AirViewHeraldError("no word of it")
    error.__context__ = ValueError(value)
    assert found_in(forms(value), everything(error))

    def fail(secret):
        raise AirViewHeraldError("no word of it")

    with pytest.raises(AirViewHeraldError) as caught:
        fail(value)
    assert not found_in(forms(value), everything(caught.value))  # frames of tests are left out
