"""Credentials over real sockets: the sandbox's token endpoint and its gateway."""

import anyio
import httpx
import pytest

from airview_herald.auth import BearerToken, ClientCredentials
from airview_herald.errors import AuthenticationError, UnauthorizedError
from airview_herald.sandbox import Sandbox
from airview_herald.transport import PooledTransport
from airview_herald.transport._call import Call, ErrorBody, RetryClass
from airview_herald.transport._connections import Connections
from airview_herald.transport._options import Options
from airview_herald.transport._retry import Retry
from airview_herald.transport._send import Transport

ENVIRONMENTS = Call("GET", "/environments/", RetryClass.READ, 200, lambda reply: reply.json())


@pytest.fixture(scope="module")
def server():
    """A sandbox behind a gateway that asks for its tokens."""
    with Sandbox(require_token=True) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server):
    """The same sandbox, with no token that holds and no request on record."""
    server.expire_tokens()
    server.requests.clear()
    return server


@pytest.fixture
async def connections():
    """Connections of our own, closed when the test ends."""
    ours = Connections(None)
    yield ours
    await ours.aclose()


def credentials(sandbox, client_secret="sandbox-secret"):  # noqa: S107 - opens nothing but a sandbox
    """Make a provider for the sandbox's token endpoint."""
    return ClientCredentials(sandbox.token_url, "sandbox-client", client_secret)


def transport(sandbox, connections, auth):
    """Make a send path to the sandbox."""
    options = Options(sandbox.airview_url, {}, httpx.Timeout(10), 30, Retry(attempts=1), settle=1)
    return Transport(connections, auth, options, lambda _: ErrorBody())


async def send_many(transport, count):
    """Send that many requests at once; return what they brought."""
    results = []

    async def send():
        results.append(await transport.send(ENVIRONMENTS, transport.operation()))

    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(send)
    return results


def sent(sandbox, path):
    """Return the sandbox's requests for a path."""
    return [request for request in sandbox.requests if request.path.endswith(path)]


async def test_a_hundred_requests_share_one_token(sandbox, connections):
    """A hundred requests at once ask for one token; when it expires they ask for one more."""
    client = transport(sandbox, connections, credentials(sandbox))
    assert await send_many(client, 100) == [[]] * 100
    assert sandbox.token_requests == 1
    assert {request.status for request in sent(sandbox, "/environments/")} == {200}
    sandbox.expire_tokens()
    assert await send_many(client, 100) == [[]] * 100
    assert sandbox.token_requests == 2


async def test_a_token_that_runs_out_is_renewed_before_it_does(sandbox, connections):
    """With the clock moved to the end of a token's life a new one is fetched without a 401."""
    now = 1000.0
    auth = ClientCredentials(
        sandbox.token_url, "sandbox-client", "sandbox-secret", clock=lambda: now
    )
    client = transport(sandbox, connections, auth)
    await send_many(client, 1)
    now += 3600
    await send_many(client, 10)
    assert sandbox.token_requests == 2
    assert {request.status for request in sent(sandbox, "/environments/")} == {200}


async def test_a_plain_httpx_client_is_served_too(sandbox):
    """The provider works in an httpx client over httpx's own connections."""
    async with httpx.AsyncClient(auth=credentials(sandbox)) as client:
        for _ in range(2):
            response = await client.get(f"{sandbox.airview_url}/environments/")
            assert response.status_code == 200
            sandbox.expire_tokens()
    assert sandbox.token_requests == 2


async def test_a_cancelled_fetch_is_taken_over(sandbox):
    """When the task that fetches the token is cancelled, the others fetch it and succeed."""
    fetching = anyio.Event()

    class Holding(httpx.AsyncBaseTransport):
        """Holds the first token request until its task is cancelled."""

        def __init__(self):
            self.pool = PooledTransport()

        async def handle_async_request(self, request):
            if request.url == sandbox.token_url and not fetching.is_set():
                fetching.set()
                await anyio.sleep_forever()
            return await self.pool.handle_async_request(request)

        async def aclose(self):
            await self.pool.aclose()

    async with Holding() as holding:
        client = transport(sandbox, Connections(holding), credentials(sandbox))
        results = []

        async def follow():
            results.extend(await send_many(client, 20))

        async with (
            anyio.create_task_group() as followers,
            anyio.create_task_group() as leader,
        ):
            leader.start_soon(send_many, client, 1)
            await fetching.wait()
            followers.start_soon(follow)
            await anyio.wait_all_tasks_blocked()
            leader.cancel_scope.cancel()
    assert results == [[]] * 20
    assert sandbox.token_requests == 1


async def test_a_wrong_secret_is_told_without_the_secret(sandbox, connections):
    """The token endpoint's refusal is told in its own words, and nothing is sent to AirView."""
    client = transport(sandbox, connections, credentials(sandbox, "wrong-secret"))
    with pytest.raises(AuthenticationError) as caught:
        await client.send(ENVIRONMENTS, client.operation())
    assert (
        str(caught.value) == f"the token endpoint {sandbox.token_url} answered 401: invalid_client"
    )
    assert "wrong-secret" not in repr(caught.value)
    assert sent(sandbox, "/environments/") == []


async def test_a_foreign_token_is_refused(sandbox, connections):
    """A fixed token that the gateway does not know ends in its 401, asked once."""
    client = transport(sandbox, connections, BearerToken("nobody-s"))
    with pytest.raises(UnauthorizedError) as caught:
        await client.send(ENVIRONMENTS, client.operation())
    assert str(caught.value).endswith("answered 401; the credential was refused")
    assert len(sandbox.requests) == 1
