"""The credential of AirView that a process has in its environment."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from airview_herald._secret import Secret
from airview_herald.auth._bearer import BearerToken, without_scheme
from airview_herald.auth._client_credentials import ClientCredentials
from airview_herald.errors import ConfigurationError

_TOKEN = "AIRVIEW_TOKEN"  # noqa: S105 - a name
_CLIENT = ("AIRVIEW_TOKEN_URL", "AIRVIEW_CLIENT_ID", "AIRVIEW_CLIENT_SECRET")


def airview_credential(
    environ: Mapping[str, str], *, allow_http: bool = False
) -> tuple[httpx.Auth | None, str]:
    """Return the credential that an environment has, and the variables it is in.

    Args:
        environ: The environment.
        allow_http: Accept a plain http token endpoint on another machine.

    Returns:
        The credential, `None` where there is none; the names of its variables.

    Raises:
        ConfigurationError: The environment says two things, or half of one, or what it says
            cannot be used.
    """
    token = environ.get(_TOKEN)
    found = {part: environ[part] for part in _CLIENT if environ.get(part)}
    if token and found:
        raise ConfigurationError(f"{_TOKEN}: is set beside {', '.join(found)}: leave either out")
    if token and not without_scheme(token):
        raise ConfigurationError(f"{_TOKEN}: has no token behind its scheme")
    if token:
        return BearerToken(Secret(token, _TOKEN)), _TOKEN
    if not found:
        return None, "none"
    missing = [part for part in _CLIENT if part not in found]
    if missing:
        raise ConfigurationError(f"{', '.join(missing)}: not set, beside {', '.join(found)}")
    url, client_id, client_secret = (found[part] for part in _CLIENT)
    auth = ClientCredentials(
        url,
        client_id,
        Secret(client_secret, _CLIENT[-1]),
        environ.get("AIRVIEW_SCOPE") or None,
        allow_http=allow_http,
    )
    return auth, ", ".join(_CLIENT)
