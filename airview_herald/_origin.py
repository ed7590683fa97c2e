"""Which URLs are usable, where they lead, and which hosts may see a credential without TLS."""

from __future__ import annotations

import ipaddress
from typing import Final

import httpx

from airview_herald.errors import ConfigurationError

# The port that a URL means when it names none.
PORTS: Final = {"http": 80, "https": 443}
# Reasons quote the wrong part of a URL, which may have any length.
_LONGEST_REASON: Final = 200


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
    parsed = _parsed(url)
    if isinstance(parsed, str):
        raise ConfigurationError(f"{field}: is not a URL{parsed}")
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


def _parsed(url: str) -> httpx.URL | str:
    """Return a URL taken apart, or what is wrong with it, unless that may quote a password."""
    try:
        return httpx.URL(url)
    except UnicodeEncodeError:
        return ": it cannot be encoded in UTF-8"
    except httpx.InvalidURL as error:
        return "" if "@" in url else f": {str(error)[:_LONGEST_REASON]}"


def same_origin(url: httpx.URL, other: httpx.URL) -> bool:
    """Return whether two http(s) URLs have the same scheme, host and port."""
    return (url.raw_scheme, url.raw_host, _port(url)) == (
        other.raw_scheme,
        other.raw_host,
        _port(other),
    )


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.raw_scheme == b"https" else 80)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
