"""What a client knows of its server and of itself."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

import attrs
import httpx

from airview_herald._secret import Secret
from airview_herald.airview.models import SystemStage
from airview_herald.errors import ConfigurationError


def _secret(token: str | Secret | None) -> Secret | None:
    return None if token is None else Secret(token, "token")


@attrs.frozen
class BackendConfig:
    """The documented settings of a backend.

    Attributes:
        base_url: Where the API is, with its prefix if it has one.
        token: The token, with or without `Bearer `; masked wherever it is shown.
        system_name: The name of the system that records: its key on the server.
        system_stage: The stage that the system looks at.
        referencing_type: The type under which applications are referenced, `aws_account_id` say.
    """

    base_url: str
    token: Secret | None = attrs.field(converter=_secret)
    system_name: str
    system_stage: SystemStage | str
    referencing_type: str


def checked_headers(headers: Mapping[str, str] | None) -> dict[str, Secret]:
    """Return the headers of every request, the caller's over our own."""
    every = {
        "Accept": "application/json",
        "User-Agent": f"airview-herald/{version('airview-herald')}",
        **(headers or {}),
    }
    return {name: Secret(value, f"headers[{name!r}]") for name, value in every.items()}


def checked_timeout(timeout: float | httpx.Timeout) -> httpx.Timeout:
    """Return the limits that a number of seconds stands for, or those that were given."""
    if not isinstance(timeout, httpx.Timeout):
        timeout = httpx.Timeout(timeout, connect=min(timeout, 5.0))
    if any(seconds is not None and not seconds > 0 for seconds in timeout.as_dict().values()):
        raise ConfigurationError("timeout: must be more than 0 seconds")
    return timeout
