"""The documented token functions: a token is fetched once, and lapses in time.

What lives longer than a token gives `auth=` a `ClientCredentials`, which renews its own.
"""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from airview_herald._origin import checked_url
from airview_herald._secret import Secret
from airview_herald.airview._calls import read_error
from airview_herald.auth import ClientCredentials
from airview_herald.transport._connections import Connections
from airview_herald.transport._options import TIMEOUT, TOTAL, Options
from airview_herald.transport._retry import Retry
from airview_herald.transport._send import Transport


async def get_oauth_token(  # noqa: PLR0913 - as documented
    oauth_endpoint: str,
    client_id: str,
    client_secret: str | Secret,
    scope: str | None,
    additional_headers: Mapping[str, str | Secret] | None = None,
    *,
    http: httpx.AsyncBaseTransport | httpx.AsyncClient | None = None,
    allow_http: bool = False,
) -> str:
    """Fetch a token from an OAuth 2 token endpoint, by client credentials.

    Args:
        oauth_endpoint: The token endpoint.
        client_id: The client's id.
        client_secret: The client's secret.
        scope: The scope to ask for, or `None` to ask for none.
        additional_headers: More headers for the endpoint, such as a gateway's subscription key.
        http: What carries the request, as for `AirView`.
        allow_http: Accept a plain http URL of another machine.

    Returns:
        The value of an `Authorization` header: `Bearer`, a space, and the token.

    Raises:
        ConfigurationError: The URL cannot be used, or a credential is empty or unprintable.
        AuthenticationError: The endpoint refused, or its answer holds no token.
        TransportError: No whole answer arrived.
    """
    credentials = ClientCredentials(
        checked_url(oauth_endpoint, "oauth_endpoint", allow_http=allow_http),
        client_id,
        client_secret,
        scope,
        headers=additional_headers,
        allow_http=allow_http,
    )
    return await _fetch(credentials, http)


async def get_azure_token(
    client_id: str,
    client_secret: str | Secret,
    tenant_id: str,
    scope: str,
    *,
    http: httpx.AsyncBaseTransport | httpx.AsyncClient | None = None,
) -> str:
    """Fetch a token from an Azure AD tenant; see `get_oauth_token`.

    Args:
        client_id: The application's id.
        client_secret: The application's secret.
        tenant_id: The directory's id.
        scope: The scope, usually `api://<id>/.default`.
        http: What carries the request, as for `AirView`.

    Returns:
        The value of an `Authorization` header.
    """
    return await _fetch(ClientCredentials.azure(client_id, client_secret, tenant_id, scope), http)


async def get_aws_cognito_token(  # noqa: PLR0913 - as documented
    client_id: str,
    client_secret: str | Secret,
    cognito_pool_domain_prefix: str,
    aws_region: str,
    scope: str = "airview/agent_push",
    *,
    http: httpx.AsyncBaseTransport | httpx.AsyncClient | None = None,
) -> str:
    """Fetch a token from an AWS Cognito user pool; see `get_oauth_token`.

    Args:
        client_id: The app client's id.
        client_secret: The app client's secret.
        cognito_pool_domain_prefix: The pool's domain prefix.
        aws_region: The pool's region, such as `eu-west-1`.
        scope: The scope to ask for.
        http: What carries the request, as for `AirView`.

    Returns:
        The value of an `Authorization` header.
    """
    credentials = ClientCredentials.cognito(
        client_id, client_secret, cognito_pool_domain_prefix, aws_region, scope
    )
    return await _fetch(credentials, http)


async def _fetch(
    credentials: ClientCredentials, http: httpx.AsyncBaseTransport | httpx.AsyncClient | None
) -> str:
    connections = Connections(http)
    options = Options(
        base_url="", headers={}, timeout=TIMEOUT, total=TOTAL, retry=Retry(), settle=0.0
    )
    transport = Transport(connections, None, options, read_error)
    try:
        response = await transport.errand(credentials.token_request(), transport.operation())
    finally:
        await connections.aclose()
    return credentials.read_token(response).header.reveal()
