"""Trying a server and a credential before a batch."""

import httpx
import pytest

from airview_herald.airview import Check
from airview_herald.auth import ClientCredentials
from airview_herald.errors import (
    ConnectError,
    DecodeError,
    ForbiddenError,
    NotFoundError,
    UnauthorizedError,
)
from airview_herald.sandbox import Sandbox
from airview_herald.transport import Retry


async def test_a_server_that_grants_everything(sandbox, connect, event):
    """A check tries a read and a write of each role, and stores nothing."""
    async with connect() as airview:
        assert await airview.check() == Check(system_id=None)
        assert [(r.method, r.path, r.status) for r in sandbox.requests] == [
            ("GET", "/airview/systems/", 404),
            ("POST", "/airview/environments/", 422),
            ("GET", "/airview/resource-types/", 404),
            ("PUT", "/airview/monitored-resources/", 422),
        ]
        assert not any(sandbox.snapshot().values())
        await airview.handle_compliance_event(event("i-1"))
        assert await airview.check() == Check(system_id=1)


async def test_the_roles_that_are_lacking_are_named(sandbox, connect):
    """All refusals are told at once, in the words of the gateway's roles."""
    sandbox.force("POST", "/environments/", 403)
    sandbox.force("PUT", "/monitored-resources/", 403)
    async with connect() as airview:
        with pytest.raises(
            ForbiddenError,
            match=r"^the credential lacks ContentWriter, ComplianceWriter: POST \S+ answered 403",
        ):
            await airview.check()


async def test_a_credential_that_is_refused(connect):
    """Without a token nothing else is tried."""
    with Sandbox(require_token=True) as sandbox:
        async with connect(sandbox.airview_url) as airview:
            with pytest.raises(UnauthorizedError):
                await airview.check()
        assert len(sandbox.requests) == 1
        auth = ClientCredentials(sandbox.token_url, "sandbox-client", "sandbox-secret")
        async with connect(sandbox.airview_url, auth=auth) as airview:
            assert await airview.check() == Check(system_id=None)


async def test_a_wrong_base_url(sandbox, connect):
    """A 404 that is not AirView's is no absence."""
    async with connect(sandbox.url) as airview:
        with pytest.raises(NotFoundError, match="a gateway, or a wrong base URL"):
            await airview.check()


async def test_no_server(connect):
    """Nobody listens on port 9 of this machine."""
    async with connect("http://127.0.0.1:9", retry=Retry(attempts=1)) as airview:
        with pytest.raises(ConnectError):
            await airview.check()


async def test_a_gateway_that_refuses_bodies(connect):
    """A 422 that is not AirView's shows nothing of the role."""

    def answer(request):
        if request.method == "GET":
            return httpx.Response(404, json={"code": 404, "status": "Not Found"})
        return httpx.Response(422, text="<html>no</html>")

    async with connect(http=httpx.MockTransport(answer)) as airview:
        with pytest.raises(DecodeError, match="not in AirView's shape"):
            await airview.check()
