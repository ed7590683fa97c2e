"""Tasks handed to a cluster's scheduler, and their results as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

import anyio
from anyio import from_thread, to_thread
from anyio.lowlevel import current_token

from airview_herald import _extras
from airview_herald.errors import ConfigurationError


class Cluster:
    """A Dask cluster, by a client of it that is of either kind.

    Args:
        client: The `distributed.Client`.

    Raises:
        ConfigurationError: It is none, or `distributed` is not installed.
    """

    def __init__(self, client: Any) -> None:
        try:
            distributed = import_module("distributed")
        except ImportError:
            raise ConfigurationError(
                f"distributed is not installed: {_extras.install('dask')}"
            ) from None
        if not isinstance(client, distributed.Client):
            raise ConfigurationError(
                f"client: must be a distributed.Client, not {type(client).__name__}"
            )
        self._client = client

    async def threads(self) -> int:
        """Return how many tasks the workers can do at once."""
        return sum((await self._ask(self._client.nthreads)).values())

    def submit(self, key: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Hand over a task, and return its future.

        Args:
            key: Names it; what is before the call's name is what the dashboard shows.
            function: Does it, on a worker; of a module that workers can import.
            *arguments: For the function; results of others by their futures.
        """
        # Retries are for failures of the surroundings, such as a shared folder that is away.
        return self._client.submit(function, *arguments, key=key, pure=False, retries=2)

    async def ended(self, tasks: Mapping[int, Any]) -> AsyncGenerator[tuple[int, Any]]:
        """Yield the numbers of tasks, and their futures, as they end."""
        names = {future.key: number for number, future in tasks.items()}
        send, receive = anyio.create_memory_object_stream[Any](len(names))
        token = current_token()
        listening = True

        def tell(future: Any) -> None:
            # Runs in the one thread that Dask has for this, and perhaps after the receiver has
            # gone: an event loop that has stopped by then would keep the thread waiting.
            if listening:
                with suppress(RuntimeError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                    from_thread.run_sync(send.send_nowait, future, token=token)

        with send, receive:
            try:
                for future in tasks.values():
                    future.add_done_callback(tell)
                for _ in names:
                    future = await receive.receive()
                    yield names[future.key], future
            finally:
                listening = False

    async def result(self, future: Any, *, keep: bool = False) -> Any:
        """Return what a task that has ended returned, or raise what it raised.

        Args:
            future: Of the task.
            keep: Whether other tasks need it. Else it is not made anew when its worker is lost.
        """
        try:
            return await self._ask(future.result)
        finally:
            if not keep:
                future.release()

    async def cancel(self, futures: Iterable[Any]) -> None:
        """Cancel the tasks that have not begun."""
        await self._ask(self._client.cancel, list(futures))

    async def _ask(self, method: Callable[..., Any], *arguments: Any) -> Any:
        if self._client.asynchronous:
            return await method(*arguments)
        return await to_thread.run_sync(method, *arguments, abandon_on_cancel=True)
