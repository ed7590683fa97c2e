"""A proxy below HTTP that spoils some of the connections through it."""

import asyncio
import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from airview_herald.sandbox._loop_thread import LoopThread
from airview_herald.sandbox._server import bind, listen, listening_url
from airview_herald.sandbox.faults._passing import Passing, ProxyFault, Terms
from airview_herald.sandbox.faults._rates import checked_rates, shares
from airview_herald.sandbox.faults._schedule import Schedule


class FaultyProxy:
    """A TCP proxy in front of any server: `with FaultyProxy(sandbox.url, 0.2) as proxy`.

    It runs in a thread of its own. A decision depends on the seed and on how many connections
    came before, and so on the order in which they come.

    Args:
        target: The server: a URL of http, or `host:port`.
        rates: The share of connections that each `ProxyFault` strikes, or of those that any one
            does, all equally likely.
        seed: Which of the many possible schedules.
        in_a_row: How many connections in a row are struck at most.
        reach: Within how many bytes connections end: after 1 to this many.
        delay: Seconds by which each piece of data comes late.
        host: The address to listen on.

    Raises:
        ValueError: The target has no host or port, there is no such kind, or a number is out of
            range.
    """

    def __init__(  # noqa: PLR0913 - its settings
        self,
        target: str,
        rates: float | Mapping[str, float],
        *,
        seed: int = 0,
        in_a_row: int = 3,
        reach: int = 2_000,
        delay: float = 0.02,
        host: str = "127.0.0.1",
    ) -> None:
        self._target = urlsplit(target if "://" in target else f"http://{target}")
        if self._target.hostname is None or self._target.port is None:
            raise ValueError(f"a target has a host and a port, unlike {target!r}")
        if reach < 1 or delay < 0:
            raise ValueError("a reach is at least 1 byte, and a delay is not negative")
        self._terms = Terms(self._target.hostname, self._target.port, reach, delay)
        self._shares = shares(checked_rates(ProxyFault, rates), tuple(ProxyFault))
        self._seed = seed
        self._in_a_row = in_a_row
        self._host = host
        self._lock = threading.Lock()
        self._struck: Counter[str] = Counter()
        self._running: _Running | None = None

    @property
    def url(self) -> str:
        """The target as a URL, with this proxy in the place of the server."""
        return self._target._replace(netloc=self._run().address).geturl()

    @property
    def struck(self) -> dict[str, int]:
        """How many connections each kind struck so far."""
        with self._lock:
            return dict(self._struck)

    def start(self) -> None:
        """Listen and serve, in a thread of its own, with the schedule from its beginning.

        Raises:
            OSError: The address cannot be used, or there is no event loop to be had.
            RuntimeError: It is running.
        """
        if self._running is not None:
            raise RuntimeError("the proxy is running already")
        self._schedule: Schedule[ProxyFault] = Schedule(self._seed, self._in_a_row)
        with contextlib.ExitStack() as failed:
            listener = failed.enter_context(listen(self._host, 0))
            self._running = _Running(self._accept, listener)
            failed.pop_all()

    def stop(self) -> None:
        """Close every connection; do nothing when not running."""
        if self._running is not None:
            self._running.stop()
            self._running = None

    def outage(self, seconds: float) -> None:
        """End every connection, and refuse new ones for some seconds from now.

        Raises:
            RuntimeError: It is not running.
        """
        self._run().outage(seconds)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def _run(self) -> "_Running":
        if self._running is None:
            raise RuntimeError("the proxy is not running: enter it with `with FaultyProxy(...)`")
        return self._running

    def _accept(self) -> Passing:
        return Passing(self._terms, self._schedule.strike((), self._shares), self._count)

    def _count(self, kind: ProxyFault) -> None:
        with self._lock:
            self._struck[str(kind)] += 1


class _Running:
    """A proxy's thread, from construction until `stop`.

    Args:
        accept: What becomes of a connection.
        listener: The listening socket; it is closed by `stop`.
    """

    def __init__(self, accept: Callable[[], Passing], listener: socket.socket) -> None:
        self.address = urlsplit(listening_url(listener)).netloc
        self._accept = accept
        self._listener = listener
        self._tasks: set[asyncio.Task[None]] = set()
        self._return: asyncio.Task[None] | None = None
        self._thread = LoopThread("faulty-proxy", self._serve)

    def stop(self) -> None:
        """Close the listener and every connection, and end the thread."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def outage(self, seconds: float) -> None:
        """Close every connection; return when new ones are refused, which ends by itself."""
        asyncio.run_coroutine_threadsafe(self._go_out(seconds), self._loop).result()

    async def _serve(self, begun: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._changing = asyncio.Lock()
        await self._open()
        begun()
        await self._stopping.wait()
        async with self._changing:
            if self._return is not None:
                self._return.cancel()
            await self._close()
            self._listener.close()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._connected, sock=self._listener)

    async def _close(self) -> None:
        # First stop accepting: closing a server while it accepts a connection leaks that one.
        self._loop.remove_reader(self._listener)
        await asyncio.sleep(0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._server.close()
        # One turn of the loop, in which the transports close their sockets.
        await asyncio.sleep(0)

    async def _go_out(self, seconds: float) -> None:
        async with self._changing:
            if self._stopping.is_set():
                return
            if self._return is not None and not self._return.done():
                self._return.cancel()
            else:
                host, port = self._listener.getsockname()[:2]
                await self._close()
                # Bound again at once, so that nobody else can take the port.
                self._listener = bind(host, port)
            self._return = self._loop.create_task(self._come_back(seconds))

    async def _come_back(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        async with self._changing:
            await self._open()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await self._accept().pass_on(reader, writer)
        except asyncio.CancelledError:
            # Only `stop` cancels.
            writer.transport.abort()
