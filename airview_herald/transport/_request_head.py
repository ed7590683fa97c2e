"""A request's first bytes, as `httpx` would write them, checked as h11 would."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import httpx

_TOKEN: Final = rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
_HEADER: Final = _TOKEN + rb": (?:[^\x00\s](?:[^\x00\r\n\v\f]*[^\x00\s])?)?"
_ONE: Final = re.compile(_HEADER)
_HEAD: Final = re.compile(
    _TOKEN + rb" [\x21-\x7e]+ HTTP/1\.1\r\n(?:" + _HEADER + rb"\r\n)+", re.IGNORECASE
)


class Head(NamedTuple):
    """What goes before a body.

    Attributes:
        data: The request line and the headers, with the empty line that ends them.
        length: How long the body is said to be; `None` when it goes in chunks.
        closes: Whether the request says that the connection is not to be used again.
    """

    data: bytes
    length: int | None
    closes: bool

    def __repr__(self) -> str:
        """Show nothing of the headers."""
        return f"Head(length={self.length}, closes={self.closes})"


def head_of(request: httpx.Request) -> Head:
    """Return a request's head.

    Nothing is added to what the request has, and nothing is changed: not the order, not the case.

    Raises:
        httpx.LocalProtocolError: It would not be a well-formed request.
    """
    target = request.extensions.get("target", request.url.raw_path)
    raw = request.headers.raw
    head = b"%b %b HTTP/1.1\r\n%b" % (
        request.method.encode("ascii", "replace"),
        target,
        b"".join([b"%b: %b\r\n" % header for header in raw]),
    )
    # A line end inside a header would turn it into two.
    if _HEAD.fullmatch(head) is None or head.count(b"\r\n") != len(raw) + 1:
        raise httpx.LocalProtocolError(_fault(request), request=request)
    lowered = head.lower()
    if lowered.count(b"\r\nhost: ") != 1:
        raise httpx.LocalProtocolError("There must be one Host header", request=request)
    return Head(head + b"\r\n", _length(lowered, request), b"\r\nconnection: close\r\n" in lowered)


def _length(lowered: bytes, request: httpx.Request) -> int | None:
    """Return how long the body is to be, from the lower-cased head."""
    if b"\r\ntransfer-encoding: " in lowered:
        if b"\r\ntransfer-encoding: chunked\r\n" not in lowered:
            raise httpx.LocalProtocolError("Transfer-Encoding can only be chunked", request=request)
        return None
    _, found, rest = lowered.partition(b"\r\ncontent-length: ")
    if not found:
        return 0
    digits, _, rest = rest.partition(b"\r\n")
    if not digits.isdigit() or b"\r\ncontent-length: " in b"\r\n" + rest:
        raise httpx.LocalProtocolError("Content-Length must be one number", request=request)
    return int(digits)


def _fault(request: httpx.Request) -> str:
    """Return what is wrong with a head, without the values, which may be secret."""
    for name, value in request.headers.raw:
        if _ONE.fullmatch(b"%b: %b" % (name, value)) is None:
            return f"Illegal header: {name!r}"
    return "Illegal method or target"
