"""Requests over bare sockets: every byte of what comes back, and how the connection ends."""

import contextlib
import socket
from urllib.parse import urlsplit


@contextlib.contextmanager
def connected(url, timeout=5.0):
    """Give a connection to the host of a URL."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout) as connection:
        yield connection


def send(connection, method, url, body=b""):
    """Send a request whole."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    lines = [f"{method} {target} HTTP/1.1", f"host: {parts.netloc}"]
    lines += ["content-type: application/json", f"content-length: {len(body)}", "", ""]
    connection.sendall("\r\n".join(lines).encode() + body)


def read_to_the_end(connection):
    """Return what comes until the other side closes; an RST raises `ConnectionResetError`."""
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data
