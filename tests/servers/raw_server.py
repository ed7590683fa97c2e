"""A server below HTTP: keeps every request as it came, byte by byte, and answers any bytes."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple, Self


class Received(NamedTuple):
    """One request as it came over the wire."""

    line: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @property
    def method(self) -> bytes:
        """The first word."""
        return self.line.partition(b" ")[0]

    @property
    def target(self) -> bytes:
        """What stands between the method and the version."""
        return self.line.partition(b" ")[2].rpartition(b" ")[0]


Answer = Callable[[Received], Iterable[bytes]]


def answered(body: bytes = b"", status: int = 200, *headers: bytes) -> list[bytes]:
    """Return an answer as its bytes."""
    length = b"Content-Length: %d" % len(body)
    head = b"\r\n".join([b"HTTP/1.1 %d X" % status, length, *headers, b"", b""])
    return [head, body]


class RawServer:
    """Serve bytes on a port of this machine.

    Args:
        answer: Returns the pieces of an answer; they are sent as they come, until the other side
            hangs up.

    Attributes:
        url: Where it is.
        received: Every request, in order.
        junk: What came that is no request: nothing, if all goes well.
    """

    def __init__(self, answer: Answer = lambda _: answered(b"{}")) -> None:
        self.received: list[Received] = []
        self.junk: list[bytes] = []
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    stream = self.request.makefile("rb")
                    while (request := outer._read(stream)) is not None:
                        outer.received.append(request)
                        for piece in answer(request):
                            self.request.sendall(piece)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _read(self, stream) -> Received | None:
        """Read one request as strictly as can be: lines end in CR LF, and in nothing else."""
        lines = []
        while (line := stream.readline()) != b"\r\n":
            if not line:
                self.junk += lines
                return None
            if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
                self.junk.append(line)
            lines.append(line.removesuffix(b"\r\n"))
        headers = tuple(
            (name, value.strip(b" "))
            for name, _, value in (one.partition(b":") for one in lines[1:])
        )
        length = next((int(v) for n, v in headers if n.lower() == b"content-length"), 0)
        return Received(lines[0], headers, stream.read(length))
