"""Taking events from whatever the caller has: a list, a generator, a file, an async iterable."""

from __future__ import annotations

import inspect
import math
import os
import threading
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from functools import partial
from types import AsyncGeneratorType, GeneratorType
from typing import Any

import anyio
from anyio import to_thread
from anyio.lowlevel import checkpoint

from airview_herald.airview.models import ComplianceEvent
from airview_herald.errors import InputError

# The most events taken in one visit to a worker thread, which costs as much as reading dozens of
# lines; and the seconds after which a slow source, such as a pipe, hands over what it has.
_CHUNK = 64
_PATIENCE = 0.05
# Seconds from which on pulling one event counts as slow.
_LONG = 0.001


class Producer:
    """Take events a few at a time, and lose none when taking is cut short.

    An iterable with a true attribute `blocking`, as the sources of this package have, is
    iterated in a worker thread. If it has a method `end`, that is called when no more events are
    wanted, so that the thread stops waiting for one.

    Args:
        events: A sync or async iterable.

    Raises:
        InputError: It is neither; or a text, a mapping, a path or an open file, whose items can be
            no events.
    """

    def __init__(self, events: Iterable[Any] | AsyncIterable[Any]) -> None:
        self._taken: deque[Any] = deque()
        self._error: Exception | None = None
        self._ended = False
        self._async: AsyncIterator[Any] | None = None
        self._sync: Iterator[Any] = iter(())
        self._blocking = bool(getattr(events, "blocking", False))
        self._end: Callable[[], Any] | None = getattr(events, "end", None)
        if isinstance(events, str | bytes | Mapping) or _has_lines(events):
            raise InputError("events", _what_is_needed(events), events)
        if isinstance(events, AsyncIterable):
            self._async = aiter(events)
        elif isinstance(events, Iterable):
            self._sync = iter(events)
        else:
            raise InputError("events", _what_is_needed(events), events)
        iterator = self._sync if self._async is None else self._async
        generator = isinstance(iterator, GeneratorType | AsyncGeneratorType)
        self._closes = generator or iterator is not events
        self._pulling = threading.Lock()
        self._closed = False

    async def take(self, room: int) -> list[Any]:
        """Return from one to `room` events; none at the end.

        Raises:
            Exception: What the producer raised, after the events before it were returned.
        """
        if not self._taken and not self._ended:
            if self._async is not None:
                await self._pull_async(self._async)
            elif self._blocking:
                await self._pull_in_thread(min(room, _CHUNK))
            else:
                began = time.monotonic()
                self._pull(1)
                if time.monotonic() - began > _LONG:
                    # A producer that blocks for each event would hold up the events before.
                    await checkpoint()
        taken = self._give(room)
        if not taken and self._error is not None:
            raise self._error
        return taken

    def take_at_once(self) -> list[Any]:
        """Return the next event of what is iterated in place; none if it has to be waited for."""
        if not self._ended and self._async is None and not self._blocking:
            self._pull(1)
        return self._give(1)

    def left_over(self) -> list[Any]:
        """Return the events that were pulled and not returned yet; once it is closed, all."""
        return self._give(len(self._taken))

    async def aclose(self) -> None:
        """Close what this iterates if nobody else can: generators, and iterators it has made."""
        if self._blocking:
            self._closed = True
            if self._end is not None:
                self._end()
            await _in_thread(self._close)
        elif self._async is None:
            self._close()
        elif self._closes:
            aclose: Callable[[], Any] | None = getattr(self._async, "aclose", None)
            if aclose is not None:
                await aclose()

    def _close(self) -> None:
        # Wait for a thread that may still be pulling.
        with self._pulling:
            close: Callable[[], Any] | None = getattr(self._sync, "close", None)
            if self._closes and close is not None:
                close()

    def _give(self, most: int) -> list[Any]:
        """Return so many of the events that were pulled; a thread may be adding to them."""
        return [self._taken.popleft() for _ in range(min(most, len(self._taken)))]

    async def _pull_async(self, events: AsyncIterator[Any]) -> None:
        try:
            self._taken.append(await anext(events))
        except StopAsyncIteration:
            self._ended = True
        except Exception as error:  # noqa: BLE001 - the caller's producer may raise anything
            self._error, self._ended = error, True

    async def _pull_in_thread(self, count: int) -> None:
        """Pull in a thread; if that has to wait it goes on, and what it has so far is used."""
        while not (self._taken or self._ended):
            if not self._pulling.locked():
                pull = partial(self._pull, count, until=time.monotonic() + _PATIENCE)
                # Longer than the thread's patience, so that it hands over what it has.
                with anyio.move_on_after(2 * _PATIENCE):
                    await _in_thread(pull)
            if not self._taken:
                await _in_thread(self._wait_for_thread)

    def _wait_for_thread(self) -> None:
        with self._pulling:
            pass

    def _pull(self, count: int, until: float = math.inf) -> None:
        with self._pulling:
            try:
                for _ in range(count):
                    # What a thread pulls behind the end would be in no account.
                    if self._closed:
                        break
                    self._taken.append(next(self._sync))
                    if time.monotonic() > until:
                        break
            except StopIteration:
                self._ended = True
            except Exception as error:  # noqa: BLE001 - the caller's producer may raise anything
                self._error, self._ended = error, True


async def _in_thread(work: Callable[[], None]) -> None:
    # A source may block for hours, and enough of them would use up anyio's own limiter.
    limiter = anyio.CapacityLimiter(1)
    await to_thread.run_sync(work, abandon_on_cancel=True, limiter=limiter)


def _has_lines(events: object) -> bool:
    """Whether it is an open file, sync or async: its items are its lines."""
    return hasattr(events, "readline")


def _what_is_needed(events: object) -> str:
    """Return why something cannot hold events, and what to do about it."""
    kind = type(events).__name__
    if isinstance(events, str | os.PathLike) or _has_lines(events):
        return f"must be events, not {kind}; read_jsonl(path) and read_sarif(path) read a file"
    if isinstance(events, ComplianceEvent):
        return "must be events, not one ComplianceEvent: give a list"
    if inspect.iscoroutine(events):
        return "must be events, not a coroutine: await it"
    if callable(events):
        return "must be events, not a function: call it"
    return f"must be an iterable or an async iterable of events, not {kind}"
