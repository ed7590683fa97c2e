"""Where the work of a batch is done: a cancellation ends it, but not in the middle of a save."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio


class Shelter:
    """Do work in a task that no cancellation reaches at once.

    When the caller is cancelled, or the work is to end early, nothing new begins, and what is on
    the wire has some seconds to be answered. A second cancellation does not wait for that.

    Args:
        grace: Those seconds.
        stop: Lets nothing new begin.
        unfinished: Whether anything is worth waiting for.
        progress: Waits until that may have changed.
    """

    def __init__(
        self,
        grace: float,
        stop: Callable[[], None],
        unfinished: Callable[[], bool],
        progress: Callable[[], Awaitable[None]],
    ) -> None:
        self._grace = grace
        self._stop = stop
        self._unfinished = unfinished
        self._progress = progress
        self._scope = anyio.CancelScope(shield=True)
        self._last_wait = anyio.CancelScope(shield=True)
        self._closing = anyio.CancelScope(shield=True)
        self._over = anyio.Event()
        self._closed = anyio.Event()
        self._begun = False
        self._done = False

    async def run(
        self, work: Callable[[], Awaitable[None]], close: Callable[[], Awaitable[None]]
    ) -> None:
        """Do the work, until it is done or ends early.

        Args:
            work: Raises nothing but what is a defect, like `close`.
            close: What is to be done behind it, in the same task. A second cancellation reaches it.
        """
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._work, work, close)
                try:
                    await self._over.wait()
                    await self._end()
                except BaseException:
                    await self._end_cancelled()
                    raise
        finally:
            if not self._begun:
                # asyncio's `Task.cancel` came before the task's first step, so that it never ran.
                await close()

    def end(self) -> None:
        """End the work early, with grace."""
        self._over.set()

    def cut(self) -> None:
        """End the work now."""
        self._over.set()
        self._last_wait.cancel()
        self._scope.cancel()
        self._closing.cancel()

    async def _work(
        self, work: Callable[[], Awaitable[None]], close: Callable[[], Awaitable[None]]
    ) -> None:
        self._begun = True
        try:
            with self._scope:
                await work()
        finally:
            self._done = True
            self._over.set()
            try:
                with self._closing:
                    await close()
            finally:
                self._closed.set()

    async def _end_cancelled(self) -> None:
        """End after a cancellation; a second one does not wait for the closing either."""
        try:
            await self._end()
        except BaseException:
            self._closing.cancel()
            raise

    async def _end(self) -> None:
        """Wind up, unless that is done, and wait until all is closed."""
        try:
            if not self._done and not self._scope.cancel_called:
                await self._wind_up()
        finally:
            self._scope.cancel()
        if self._begun:
            with anyio.CancelScope(shield=True):
                await self._closed.wait()

    async def _wind_up(self) -> None:
        self._stop()
        self._last_wait.deadline = anyio.current_time() + self._grace
        with self._last_wait:
            while self._unfinished():
                await self._progress()
