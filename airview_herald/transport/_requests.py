"""A client's requests as httpx knows them, with nothing parsed that was parsed before."""

from __future__ import annotations

import re
from typing import Any, Never

import httpx

from airview_herald.transport._call import Call
from airview_herald.transport._options import Options

# Targets that httpx sends unchanged: nothing to encode, and no dot segments to resolve.
_SENT_AS_IT_STANDS = re.compile(r"(?:/(?!\.)|[A-Za-z0-9_.~%&=?-])*")
_NEEDS_LENGTH = frozenset({"POST", "PUT", "PATCH"})


class TargetURL(httpx.URL):
    """A target below a base URL, parsed only for those who ask for more than goes on the wire.

    Args:
        base: The base URL.
        raw_path: Its path and the target, as httpx would send them.
    """

    def __init__(self, base: httpx.URL, raw_path: bytes) -> None:
        self._base = base
        self._raw_path = raw_path

    @property
    def raw_scheme(self) -> bytes:
        """As `httpx.URL.raw_scheme`."""
        return self._base.raw_scheme

    @property
    def raw_host(self) -> bytes:
        """As `httpx.URL.raw_host`."""
        return self._base.raw_host

    @property
    def port(self) -> int | None:
        """As `httpx.URL.port`."""
        return self._base.port

    @property
    def raw_path(self) -> bytes:
        """As `httpx.URL.raw_path`."""
        return self._raw_path

    def __str__(self) -> str:
        origin = f"{self._base.scheme}://{self._base.netloc.decode('ascii')}"
        return origin + self._raw_path.decode("ascii")

    def __getattr__(self, name: str) -> Any:
        # Called for attributes that `httpx.URL` sets when it parses; taken from a parsed one.
        if "_raw_path" not in self.__dict__ or name.startswith("__"):
            raise AttributeError(name)
        self.__dict__.update(httpx.URL(str(self)).__dict__)
        return object.__getattribute__(self, name)


class Requests:
    """Build requests, each under the headers of the client.

    Args:
        options: How the client sends.

    Attributes:
        timeouts: The limits of each request, in seconds.
        base_url: What each target is below.
    """

    def __init__(self, options: Options) -> None:
        self.timeouts: dict[str, float | None] = options.timeout.as_dict()
        self.base_url = httpx.URL(options.base_url)
        self._path = self.base_url.raw_path.removesuffix(b"/")
        headers = {name: value.reveal() for name, value in options.headers.items()}
        self._headers = httpx.Request("GET", self.base_url, headers=headers).headers
        self._headers_with_body = httpx.Headers(self._headers)
        self._headers_with_body["Content-Type"] = "application/json"

    def __reduce__(self) -> Never:
        raise TypeError("requests cannot be pickled: their headers may hold credentials")

    def base(self) -> httpx.Request:
        """Return a request for the base URL."""
        return self._request("GET", self.base_url, None)

    def of(self, call: Call[Any]) -> httpx.Request:
        """Return the request of a call."""
        if not _SENT_AS_IT_STANDS.fullmatch(call.target):
            return self._request(call.method, httpx.URL(f"{self.base_url}{call.target}"), call.body)
        request = self._request(call.method, self.base_url, call.body)
        # Set afterwards, because the constructor would parse it.
        request.url = TargetURL(self.base_url, self._path + call.target.encode("ascii"))
        return request

    def _request(self, method: str, url: httpx.URL, body: bytes | None) -> httpx.Request:
        request = httpx.Request(
            method,
            url,
            headers=self._headers if body is None else self._headers_with_body,
            # As a stream, for which httpx adds no headers of its own.
            stream=httpx.ByteStream(body or b""),
            extensions={"timeout": self.timeouts},
        )
        request.read()
        if body or method in _NEEDS_LENGTH:
            request.headers["Content-Length"] = str(len(body or b""))
        return request
