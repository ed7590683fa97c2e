"""A bare HTTP/1.1 server for tests: whatever its handler answers, over a real socket."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Self


class Request(NamedTuple):
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Response(NamedTuple):
    """One answer."""

    status: int
    body: bytes = b""
    location: str = ""
    retry_after: str = ""


Handler = Callable[[Request], Awaitable[Response]]


class StubServer:
    """Serve a handler in a thread with an event loop of its own.

    Args:
        handler: Answers a request; its delays are the server's. Its `aclose`, if it has one, is
            awaited at the end.
        port: Where to listen; by default anywhere that is free.
    """

    def __init__(self, handler: Handler, port: int = 0) -> None:
        self._port = port
        self._handler = handler
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.open_connections = 0
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(task := asyncio.current_task())
            self.open_connections += 1
            try:
                while True:
                    await self._answer(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                pass
            finally:
                self.open_connections -= 1
                tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", self._port)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._listening.set()
        await self._ended.wait()
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if hasattr(self._handler, "aclose"):
            await self._handler.aclose()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Request(method, target, headers, body)
        status, content, location, retry_after = await self._handler(request)
        length = b"" if status == 204 else b"content-length: %d\r\n" % len(content)
        if location:
            length += b"location: %s\r\n" % location.encode()
        if retry_after:
            length += b"retry-after: %s\r\n" % retry_after.encode()
        writer.write(
            b"HTTP/1.1 %d Stub\r\ncontent-type: application/json\r\n%s\r\n%s"
            % (status, length, content)
        )
        await writer.drain()
