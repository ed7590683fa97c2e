"""A server of connections and requests that counts both, in the test's own event loop."""

import ssl
from contextlib import asynccontextmanager

import anyio
from anyio.abc import SocketAttribute
from anyio.streams.tls import TLSListener

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """A server that hands each request to `answer`, counts, and keeps the bytes of the requests.

    `answer(stream, n)` gets the connection and the number of requests read from it so far; when it
    returns False the connection is closed.
    """

    def __init__(self, answer):
        self.answer = answer
        self.url = ""
        self.received = []
        self.connections = 0
        self.requests = 0
        self.open = 0
        self.most_open = 0
        self.closed = anyio.Event()
        self.all_closed = anyio.Event()

    async def __call__(self, stream):
        """Serve one connection."""
        self.connections += 1
        self.open += 1
        self.all_closed = anyio.Event()
        self.most_open = max(self.most_open, self.open)
        served = 0
        try:
            async with stream:
                while data := await read_request(stream):
                    self.received.append(data)
                    self.requests += 1
                    served += 1
                    if await self.answer(stream, served) is False:
                        break
        except (anyio.BrokenResourceError, anyio.EndOfStream, ssl.SSLError):
            pass
        finally:
            self.open -= 1
            self.closed.set()
            if not self.open:
                self.all_closed.set()


async def read_request(stream):
    """Read one request with its body, as it comes; return nothing when the client is gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            data += await stream.receive()
        except anyio.EndOfStream:
            return b""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    chunked = b"transfer-encoding: chunked" in lines
    length = next((int(line[15:]) for line in lines if line[:15] == b"content-length:"), 0)
    while not body.endswith(b"0\r\n\r\n") if chunked else len(body) < length:
        body += await stream.receive()
    return head + b"\r\n\r\n" + body


async def reply(stream, _served):
    """Answer at once."""
    await stream.send(OK)


@asynccontextmanager
async def serving(answer, tls=None):
    """Serve on a free port of the loopback interface."""
    server = Server(answer)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - not Django's
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/"
    if tls:
        listener = TLSListener(listener, tls, standard_compatible=False, handshake_timeout=10)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, server)
        yield server
        group.cancel_scope.cancel()
