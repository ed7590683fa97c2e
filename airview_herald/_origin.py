"""Which URLs are usable, where they lead, and which hosts may see a credential without TLS."""

from __future__ import annotations

import ipaddress
from typing import Final

import httpx

from airview_herald.errors import ConfigurationError

# What a URL means that names no port.
PORTS: Final = {"http": 80, "https": 443}


def checked_url(url: str, field: str, *, allow_http: bool) -> str:
    """Return a URL without its trailing slashes.

    Args:
        url: What the caller configured.
        field: Its name in an error message.
        allow_http: Whether plain http may leave this machine.

    Raises:
        ConfigurationError: It is empty, is no http(s) URL, carries credentials, a query or a
            fragment, or is plain http to another machine without `allow_http`.
    """
    if not isinstance(url, str):
        raise ConfigurationError(f"{field}: must be a text, not {type(url).__name__}")
    if not url.strip():
        raise ConfigurationError(f"{field}: must not be empty")
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"{field}: is not a URL: {error}") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ConfigurationError(f"{field}: must start with http:// or https:// and name a host")
    if parsed.userinfo:
        raise ConfigurationError(f"{field}: must not carry credentials; pass auth= instead")
    if parsed.query or parsed.fragment or "?" in url or "#" in url:
        raise ConfigurationError(f"{field}: must not have a query or a fragment")
    if parsed.scheme == "http" and not allow_http and not is_loopback(parsed.host):
        raise ConfigurationError(
            f"{field}: plain http would show the credential to the network between; "
            "use https, or pass allow_http=True"
        )
    return str(parsed).rstrip("/")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
