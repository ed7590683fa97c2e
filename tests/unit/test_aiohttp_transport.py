"""What `AiohttpTransport` needs, and says when it does not have it."""

import asyncio
import builtins
import math
import subprocess
import sys

import httpx
import pytest
from aiohttp.client_proto import ResponseHandler

from airview_herald import AirView
from airview_herald._extras import install
from airview_herald.errors import ConfigurationError
from airview_herald.transport import AiohttpTransport

GET = httpx.Request("GET", "http://127.0.0.1:9/")


@pytest.fixture
def lacking(monkeypatch):
    """Make imports of a module fail."""

    def make(missing):
        find = builtins.__import__

        def refuse(name, *args, **kwargs):
            if name == missing:
                raise ImportError(f"no {missing} here")
            return find(name, *args, **kwargs)

        for module in ("connection", "protocol"):
            name = f"airview_herald.transport._aiohttp_{module}"
            monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setattr(builtins, "__import__", refuse)

    return make


def test_without_the_extra_it_says_what_to_install(lacking):
    """Without aiohttp the error names the extra."""
    lacking("aiohttp")
    with pytest.raises(ConfigurationError) as caught:
        AiohttpTransport()
    assert str(caught.value) == (f"http: AiohttpTransport needs aiohttp: {install('aiohttp')}")


def test_a_release_without_what_is_used_is_refused(lacking):
    """A release of aiohttp that moved its protocol is refused before anything is sent."""
    lacking("aiohttp.client_proto")
    with pytest.raises(ConfigurationError, match="does not know this release of aiohttp: no aio"):
        AiohttpTransport()


@pytest.mark.parametrize(
    "name", ["set_response_params", "set_exception", "is_connected", "should_close", "read"]
)
def test_a_release_whose_protocol_lacks_a_part_is_refused(monkeypatch, name):
    """So is one whose protocol lacks a part that is used."""
    for owner in ResponseHandler.__mro__:
        if name in vars(owner):
            monkeypatch.delattr(owner, name)
    with pytest.raises(ConfigurationError, match=f"this release of aiohttp: .*{name}"):
        AiohttpTransport()


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_trio_is_refused():
    """Under trio a request is a ConfigurationError that says what to use."""
    async with AiohttpTransport() as transport:
        with pytest.raises(ConfigurationError) as caught:
            await transport.handle_async_request(GET)
        assert str(caught.value) == "http: AiohttpTransport needs asyncio; use PooledTransport here"


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_a_client_passes_the_refusal_on():
    """A client over it says so at its first request, and does not try again."""
    async with (
        AiohttpTransport() as http,
        AirView(
            "http://127.0.0.1:9",
            system_name="ccf",
            system_stage="MONITOR",
            referencing_type="aws_account_id",
            http=http,
        ) as airview,
    ):
        with pytest.raises(ConfigurationError, match="AiohttpTransport needs asyncio"):
            await airview.backend.get_environments()


def test_another_event_loop_is_refused():
    """An instance belongs to the event loop it was first used in."""
    transport = AiohttpTransport()

    async def use():
        await transport.handle_async_request(GET)

    with pytest.raises(httpx.ConnectError):
        asyncio.run(use())
    with pytest.raises(RuntimeError, match="belongs to the event loop that it was first used in"):
        asyncio.run(use())


@pytest.mark.parametrize(
    "arguments",
    [
        *({"max_connections": 0}, {"max_connections": "8"}, {"max_connections": 2.5}),
        *({"keepalive_expiry": -0.1}, {"keepalive_expiry": "4"}, {"keepalive_expiry": math.nan}),
    ],
)
def test_impossible_limits_are_refused(arguments):
    """A transport without connections, or with a negative expiry, cannot be made."""
    with pytest.raises(ConfigurationError, match=f"^{next(iter(arguments))}: must be "):
        AiohttpTransport(**arguments)


def test_aiohttp_is_not_imported_before_one_is_made():
    """Neither the package nor the name brings aiohttp in."""
    program = (
        "import sys; from airview_herald import AirView; "
        "from airview_herald.transport import AiohttpTransport; assert 'aiohttp' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
