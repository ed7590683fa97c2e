"""Taking events from whatever the caller has: a list, a generator, a file, an async iterable."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from anyio import to_thread
from anyio.lowlevel import checkpoint

from airview_herald.errors import InputError

# One hop into a worker thread costs as much as reading some dozens of lines; a slow source, a
# pipe say, hands over what it has.
_CHUNK = 64
_PATIENCE = 0.05
# Seconds that make pulling one event a long time.
_LONG = 0.001


class Producer:
    """Take events a few at a time, and lose none when taking is cut short.

    An iterable with a true attribute `blocking`, as the sources of this package have, is
    iterated in a worker thread.

    Args:
        events: A sync or async iterable.

    Raises:
        InputError: It is neither, or a text or a mapping, whose items can be no events.
    """

    def __init__(self, events: Iterable[Any] | AsyncIterable[Any]) -> None:
        self._taken: deque[Any] = deque()
        self._error: Exception | None = None
        self._ended = False
        self._async: AsyncIterator[Any] | None = None
        self._sync: Iterator[Any] = iter(())
        self._blocking = bool(getattr(events, "blocking", False))
        if isinstance(events, AsyncIterable):
            self._async = aiter(events)
        elif isinstance(events, Iterable) and not isinstance(events, str | bytes | Mapping):
            self._sync = iter(events)
        else:
            raise InputError("events", "must be an iterable or an async iterable", events)
        iterator = self._sync if self._async is None else self._async
        generator = isinstance(iterator, GeneratorType | AsyncGeneratorType)
        self._closes = generator or iterator is not events
        self._pulling = threading.Lock()

    async def take(self, room: int) -> list[Any]:
        """Return from one to `room` events; none at the end.

        Raises:
            Exception: What the producer raised, after the events before it were returned.
        """
        if not self._ended:
            if self._async is not None:
                await self._pull_async(self._async)
            elif self._blocking:
                await to_thread.run_sync(self._pull, self._sync, min(room, _CHUNK))
            else:
                began = time.monotonic()
                self._pull(self._sync, 1)
                if time.monotonic() - began > _LONG:
                    # What blocks for every event would hold back those that it gave before.
                    await checkpoint()
        if self._taken:
            return self.left_over()
        if self._error is not None:
            raise self._error
        return []

    def take_at_once(self) -> list[Any]:
        """Return the next event of what is iterated in place; none if it has to be waited for."""
        if not self._ended and self._async is None and not self._blocking:
            self._pull(self._sync, 1)
        return self.left_over()

    def left_over(self) -> list[Any]:
        """Return the events that were pulled and not returned yet."""
        taken = list(self._taken)
        self._taken.clear()
        return taken

    async def aclose(self) -> None:
        """Close what this iterates if nobody else can: generators, and iterators it has made."""
        if not self._closes:
            return
        if self._async is not None:
            aclose: Callable[[], Any] | None = getattr(self._async, "aclose", None)
            if aclose is not None:
                await aclose()
        elif self._blocking:
            # asyncio's `Task.cancel` abandons the thread, which may be iterating still.
            await to_thread.run_sync(self._close)
        else:
            self._close()

    def _close(self) -> None:
        with self._pulling:
            close: Callable[[], Any] | None = getattr(self._sync, "close", None)
            if close is not None:
                close()

    async def _pull_async(self, events: AsyncIterator[Any]) -> None:
        try:
            self._taken.append(await anext(events))
        except StopAsyncIteration:
            self._ended = True
        except Exception as error:  # noqa: BLE001 - the caller's producer may raise anything
            self._ended, self._error = True, error

    def _pull(self, events: Iterator[Any], count: int) -> None:
        patience = time.monotonic() + _PATIENCE
        with self._pulling:
            try:
                for _ in range(count):
                    self._taken.append(next(events))
                    if time.monotonic() > patience:
                        break
            except StopIteration:
                self._ended = True
            except Exception as error:  # noqa: BLE001 - the caller's producer may raise anything
                self._ended, self._error = True, error
