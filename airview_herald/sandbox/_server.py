"""Uvicorn in a thread of its own, on a socket that is bound before the thread starts."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Callable, Sequence

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airview_herald.sandbox._loop_thread import LoopThread

# Events that an application sends in place of an answer: to have the connection dropped, with an
# RST where it says `reset`; and to have the `pieces` of an answer written as they are, `interval`
# seconds after each other, and the connection closed after them.
DROP = "sandbox.drop"
RAW = "sandbox.raw"
_RESET = struct.pack("ii", 1, 0)
# What is being answered when the server stops has this many seconds to get done.
_GRACE = 0.5


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any free one.

    Raises:
        OSError: The port cannot be used.
    """
    listener = bind(host, port)
    try:
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise _unusable(host, port, error) from error
    return listener


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that holds a port, at which connections are refused until it listens.

    Raises:
        OSError: The port cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Not socket.create_server: asyncio sends without delay only where the protocol is named.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise _unusable(host, port, error) from error
    return bound


def _unusable(host: str, port: int, error: OSError) -> OSError:
    return OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}")


def listening_url(listener: socket.socket) -> str:
    """Return where a socket listens."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def reset_on_close(transport: asyncio.BaseTransport) -> None:
    """Have a connection end with an RST."""
    opened = transport.get_extra_info("socket")
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


class Server:
    """Serves an ASGI application from construction until `stop`.

    Args:
        app: The application.
        listener: The bound socket; it is closed by `stop`.

    Raises:
        OSError: There is no event loop to be had.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._app = app
        config = uvicorn.Config(
            self._answer,
            access_log=False,
            date_header=False,
            http="h11",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            # Longer than the clients' own, so that it is they who close idle connections.
            timeout_keep_alive=75,
            ws="none",
        )
        # What can go wrong goes wrong here and not in the thread.
        config.load()
        self._uvicorn = _Uvicorn(config)
        self._listener = listener
        self._thread = LoopThread("airview-sandbox", self._serve)

    def stop(self) -> None:
        """Stop listening, close every connection and end the thread."""
        self._uvicorn.stop()
        self._thread.join()

    async def _serve(self, begun: Callable[[], None]) -> None:
        self._uvicorn.begun = begun
        await self._uvicorn.serve(sockets=[self._listener])

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_or_drop(event: Message) -> None:
            if event["type"] == DROP:
                await self._uvicorn.drop(scope, with_reset=event.get("reset", False))
            elif event["type"] == RAW:
                await self._uvicorn.write(scope, event["pieces"], event["interval"])
                # Uvicorn wants its own answer sent as long as there is somebody to be answered.
                while (await receive())["type"] != "http.disconnect":
                    pass
            else:
                await send(event)

        # Only `shutdown` cancels, and by then nobody is there to be answered.
        with contextlib.suppress(asyncio.CancelledError):
            await self._app(scope, receive, send_or_drop)


class _Uvicorn(uvicorn.Server):
    """Uvicorn that tells when it listens, and is told when to stop instead of polling.

    Attributes:
        begun: Called when it listens.
    """

    begun: Callable[[], None]

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def drop(self, scope: Scope, *, with_reset: bool = False) -> None:
        """Cut the connection of a request, if it is still there."""
        transport = self._transport(scope)
        if transport is not None:
            if with_reset:
                reset_on_close(transport)
            transport.abort()
        # One turn of the loop, in which uvicorn learns that there is nobody to be answered.
        await asyncio.sleep(0)

    async def write(self, scope: Scope, pieces: Sequence[bytes], interval: float) -> None:
        """Answer a request past uvicorn, and close its connection."""
        transport = self._transport(scope)
        for piece in pieces:
            if transport is None or transport.is_closing():
                break
            transport.write(piece)
            await asyncio.sleep(interval)
        if transport is not None:
            transport.close()

    def _transport(self, scope: Scope) -> asyncio.Transport | None:
        for connection in set(self.server_state.connections):
            # Of uvicorn's protocols only the one in use is sure to have it.
            if getattr(connection, "scope", None) is scope:
                return connection.transport
        return None

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self.begun()
        await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Uvicorn's own sleeps at least 0.1 s, and waits for ever for an answer's connection.
        for listener in sockets or ():
            # Closing a server under a connection that is being accepted leaks the connection.
            self._loop.remove_reader(listener)
        for connection in set(self.server_state.connections):
            connection.shutdown()
        unfinished = asyncio.all_tasks() - {asyncio.current_task()}
        if unfinished:
            _, unfinished = await asyncio.wait(unfinished, timeout=_GRACE)
        for server in self.servers:
            server.close()
        for connection in set(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        # One turn of the loop, in which the transports let go of their sockets.
        await asyncio.sleep(0)
        for task in unfinished:
            task.cancel()
