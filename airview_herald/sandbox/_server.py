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

# Events that an application sends in place of an answer. `DROP` drops the connection, with an RST
# if its `reset` is true. `RAW` writes its `pieces` as they are, `interval` seconds apart, and then
# closes the connection.
DROP = "sandbox.drop"
RAW = "sandbox.raw"
_RESET = struct.pack("ii", 1, 0)
# Seconds that requests under way may take to end when the server stops.
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
    # Not socket.create_server: asyncio sets TCP_NODELAY only if the socket names IPPROTO_TCP.
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
            # Seconds. Longer than in the clients, so that it is they who close idle connections.
            timeout_keep_alive=75,
            ws="none",
        )
        # Loaded here, so that errors are raised here and not in the thread.
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
                # Uvicorn answers 500 for an application that returns before the client has gone.
                while (await receive())["type"] != "http.disconnect":
                    pass
            else:
                await send(event)

        # Only `shutdown` cancels, after it has closed all connections.
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
        # One turn of the loop, in which uvicorn learns that the client is gone.
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
            # Not all of uvicorn's protocols have a scope, as the HTTP one in use does.
            if getattr(connection, "scope", None) is scope:
                return connection.transport
        return None

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self.begun()
        await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Uvicorn's own takes at least 0.1 s, and waits for ever for a connection being answered.
        for listener in sockets or ():
            # First stop accepting: closing a server while it accepts a connection leaks that one.
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
        # One turn of the loop, in which the transports close their sockets.
        await asyncio.sleep(0)
        for task in unfinished:
            task.cancel()
