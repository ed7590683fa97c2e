"""AirView over bare sockets, in a process of its own: fast enough not to be what is measured.

    python benchmarks/fast_server.py [--punctual]

prints its URL and then obeys one order a line on standard input, answering each with a line:
`latency SECONDS` from arrival to answer, `reset` (rows, count and latency), `count` (the requests
answered since the last `reset` or `count`), `cpu` (seconds of its own). It ends with its input.

`--punctual` waits with `select`, whose clock is finer than the milliseconds of `epoll`, which make
answers up to one late; it is slower with many connections, and takes about a thousand.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from asyncio import Transport
from selectors import DefaultSelector, SelectSelector

from fast_rows import FastRows
from watch import say

_LENGTH = b"content-length:"


class FastServer:
    """What the connections share.

    Attributes:
        rows: What is stored.
        latency: Seconds from a request's arrival to its answer.
        count: Requests answered.
    """

    def __init__(self) -> None:
        self.rows = FastRows()
        self.latency = 0.0
        self.count = 0

    def obey(self, order: str) -> str:
        """Carry out one order and say what came of it."""
        match order.split():
            case ["latency", seconds]:
                self.latency = float(seconds)
                return seconds
            case ["reset"]:
                self.rows, self.latency, self.count = FastRows(), 0.0, 0
                gc.collect()
                return "reset"
            case ["count"]:
                counted, self.count = self.count, 0
                return str(counted)
            case ["cpu"]:
                return str(time.process_time())
        raise ValueError(f"unknown order: {order!r}")


class Connection(asyncio.Protocol):
    """One connection: HTTP/1.1 with `Content-Length`, kept alive, one request after another."""

    _transport: Transport

    def __init__(self, server: FastServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._later = loop.call_later
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, Transport)  # noqa: S101 - for the type checker
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that has arrived whole."""
        pending = self._pending + data if self._pending else data
        while pending:
            end = pending.find(b"\r\n\r\n")
            if end < 0:
                break
            head = pending[:end]
            start = end + 4
            at = head.find(b"Content-Length:")
            if at < 0:
                at = head.lower().find(_LENGTH)
            length = 0
            if at >= 0:
                length = int(head[at + len(_LENGTH) : _line_end(head, at)])
            if len(pending) < start + length:
                break
            method, target, _ = head[: _line_end(head, 0)].decode("latin-1").split(" ", 2)
            self._answer(method, target, pending[start : start + length])
            pending = pending[start + length :]
        self._pending = pending

    def _answer(self, method: str, target: str, body: bytes) -> None:
        server = self._server
        server.count += 1
        answer = server.rows.answer(method, target, body)
        if server.latency:
            self._later(server.latency, self._write, answer)
        else:
            self._transport.write(answer)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


def _line_end(head: bytes, start: int) -> int:
    end = head.find(b"\r\n", start)
    return len(head) if end < 0 else end


async def serve() -> None:
    """Serve until standard input ends."""
    server, loop = FastServer(), asyncio.get_running_loop()
    listener = await loop.create_server(
        lambda: Connection(server, loop), "127.0.0.1", 0, backlog=2048
    )
    ended = asyncio.Event()

    def obey() -> None:
        order = sys.stdin.readline()
        if order:
            say(server.obey(order))
        else:
            ended.set()

    loop.add_reader(sys.stdin, obey)
    say(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    await ended.wait()


if __name__ == "__main__":
    # Collections would disturb what is being measured, and the rows have no cycles to collect.
    gc.disable()
    selector = SelectSelector() if "--punctual" in sys.argv else DefaultSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(serve())
