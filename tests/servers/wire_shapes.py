"""What a server reads in a request, taken apart as strictly as can be, and put into words."""

import base64
import json
import re
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

# Characters that need no encoding; all others have to be encoded.
_PATH = re.compile(rb"(/[A-Za-z0-9._~%-]*)+")
_QUERY = re.compile(rb"[A-Za-z0-9._~%=&-]*")
_HEADER = re.compile(rb"[!-~]([ -~]*[!-~])?")
_LINE = re.compile(rb"[A-Z]+ [!-~]+ HTTP/1\.1")
_FORM = b"application/x-www-form-urlencoded"


class Shape(NamedTuple):
    """One request.

    Attributes:
        method: Its method.
        path: The segments of its path, decoded.
        query: The names and values of its query, decoded.
        headers: Its headers; what is encoded in Basic credentials is decoded.
        body: Its body: JSON or a form, decoded.
    """

    method: str
    path: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    body: Any


def shape_of(request):
    """Return a request's shape.

    Raises:
        AssertionError: A server could read something else in it.
    """
    assert _LINE.fullmatch(request.line), request.line[:200]
    path, _, query = request.target.partition(b"?")
    assert _PATH.fullmatch(path), path[:200]
    assert _QUERY.fullmatch(query), query[:200]
    segments = tuple(map(_decoded, path[1:].split(b"/")))
    for segment in segments:
        # Some servers, and what stands before them, decode a path before they resolve its dots.
        assert not {".", ".."} & set(re.split(r"[/\\]", segment)), segment[:200]
    headers = tuple(
        (name.decode("ascii").lower(), _credential(value.decode("ascii")))
        for name, value in request.headers
        if name.lower() != b"content-length"
    )
    assert all(_HEADER.fullmatch(value) for _, value in request.headers)
    return Shape(
        request.method.decode("ascii"), segments, _pairs(query), headers, _body(request, headers)
    )


def in_order(shapes):
    """Return shapes in an order that does not hang on which request came first."""
    return sorted(shapes, key=lambda shape: shape[:3])


def put(value, marker, text):
    """Return a shape, or a part of one, with a text in the place of a marker."""
    if isinstance(value, str):
        return value.replace(marker, text)
    if isinstance(value, dict):
        return {put(name, marker, text): put(each, marker, text) for name, each in value.items()}
    if isinstance(value, Shape):
        return Shape(*(put(each, marker, text) for each in value))
    if isinstance(value, list | tuple):
        return type(value)(put(each, marker, text) for each in value)
    return value


def holds(value, marker):
    """Return whether a part of a shape holds a marker."""
    return put(value, marker, "") != value


def _body(request, headers):
    if not request.body:
        return None
    if ("content-type", _FORM.decode()) in headers:
        return _pairs(request.body.replace(b"+", b"%20"))
    return json.loads(request.body.decode("ascii"))


def _pairs(query):
    if not query:
        return ()
    pairs = [pair.partition(b"=") for pair in query.split(b"&")]
    assert all(separator for _, separator, _ in pairs), query[:200]
    return tuple((_decoded(name), _decoded(value)) for name, _, value in pairs)


def _credential(value):
    scheme, _, credential = value.partition(" ")
    return base64.b64decode(credential).decode() if scheme == "Basic" else value


def _decoded(data):
    return unquote_to_bytes(data).decode()
