"""Which base URLs are taken."""

import httpx
import pytest

from airview_herald._origin import checked_url, same_origin
from airview_herald.errors import ConfigurationError


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://airview.example", "https://airview.example"),
        ("https://airview.example/", "https://airview.example"),
        ("https://airview.example/api///", "https://airview.example/api"),
        ("https://AirView.example:8443/Api", "https://airview.example:8443/Api"),
        ("https://airview.example/a%20b", "https://airview.example/a%20b"),
        ("https://[2001:db8::1]/api", "https://[2001:db8::1]/api"),
        ("http://localhost:5000/", "http://localhost:5000"),
        ("http://api.localhost", "http://api.localhost"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://127.8.8.8", "http://127.8.8.8"),
        ("http://[::1]:5000/api/", "http://[::1]:5000/api"),
    ],
)
def test_a_usable_url_is_kept_without_its_trailing_slashes(given, kept):
    """TLS to anywhere, and plain http to this machine, need no further permission."""
    assert checked_url(given, "base_url", allow_http=False) == kept


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", "must not be empty"),
        ("  ", "must not be empty"),
        (None, "must be a text, not NoneType"),
        (b"https://airview.example", "must be a text, not bytes"),
        ("airview.example/api", "must start with http:// or https:// and name a host"),
        ("//airview.example", "must start with http:// or https:// and name a host"),
        ("ftp://airview.example", "must start with http:// or https:// and name a host"),
        ("https:///api", "must start with http:// or https:// and name a host"),
        ("https://airview.example:port", "is not a URL: Invalid port: 'port'"),
        (f"https://airview.example:{'p' * 9000}", f"is not a URL: Invalid port: '{'p' * 185}"),
        ("https://airview.example/\ud800", "is not a URL: it cannot be encoded in UTF-8"),
        ("https://me:pa/ss@airview.example", "is not a URL"),
        ("https://me@airview.example", "must not carry credentials; pass auth= instead"),
        ("https://me:pass@airview.example", "must not carry credentials; pass auth= instead"),
        ("https://airview.example/?a=b", "must not have a query or a fragment"),
        ("https://airview.example/?", "must not have a query or a fragment"),
        ("https://airview.example/#top", "must not have a query or a fragment"),
        ("https://airview.example/#", "must not have a query or a fragment"),
    ],
)
@pytest.mark.parametrize("allow_http", [False, True])
def test_a_url_that_cannot_work_is_refused(given, why, allow_http):
    """A URL that cannot work is refused with its setting's name and the reason."""
    with pytest.raises(ConfigurationError) as caught:
        checked_url(given, "base_url", allow_http=allow_http)
    assert str(caught.value) == f"base_url: {why}"
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "url",
    ["http://airview.example", "http://10.0.0.1", "http://[2001:db8::1]", "http://localhost.evil"],
)
def test_plain_http_to_another_machine_needs_permission(url):
    """Plain http leaves this machine only with `allow_http`."""
    with pytest.raises(
        ConfigurationError, match=r"^token_url: plain http would show the credential"
    ):
        checked_url(url, "token_url", allow_http=False)
    assert checked_url(url, "token_url", allow_http=True) == url


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("https://airview.example:443/elsewhere?a=b", True),
        ("https://AirView.example", True),
        ("http://airview.example", False),
        ("https://airview.example:8443", False),
        ("https://airview.example.net", False),
    ],
)
def test_an_origin_is_a_scheme_a_host_and_a_port(other, same):
    """Whatever the path, and whether a usual port is named or not."""
    assert same_origin(httpx.URL("https://airview.example/api"), httpx.URL(other)) is same
