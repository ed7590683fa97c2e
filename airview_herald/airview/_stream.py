"""Batches that are watched."""

from __future__ import annotations

import inspect
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

import anyio
import attrs

from airview_herald.airview._ingest_settings import Events, IngestSettings
from airview_herald.airview._outcomes import IngestReport, Outcome
from airview_herald.airview._recording import Recorder
from airview_herald.airview._rules import Rules
from airview_herald.airview._run import Run


class IngestStream:
    """A batch that is watched: `async with airview.stream(events) as run`.

    Iterate it for the outcomes, in the order in which they come. The batch runs in the
    background and waits for its watcher: at most a window of events is between the producer and
    the watcher. Leaving the block early stops it; `report` is closed then, and says what became
    of every event that was taken.
    """

    def __init__(self, recorder: Recorder, events: Events, settings: IngestSettings) -> None:
        watched = settings.on_outcome

        async def tell(outcome: Outcome) -> None:
            if watched is not None:
                answer = watched(outcome)
                if inspect.isawaitable(answer):
                    await answer
            await self._to_watcher.send(outcome)

        self._run = Run(recorder, events, attrs.evolve(settings, on_outcome=tell))
        self._tasks = anyio.create_task_group()
        self._open: bool | None = None
        self._begun = False

    @property
    def report(self) -> IngestReport:
        """The account of the batch: live, and closed once the block is left."""
        return self._run.report

    def limit(self, concurrency: int) -> None:
        """Change how many requests may be in flight from now on.

        Args:
            concurrency: How many at most; more than the batch was begun with counts as that.

        Raises:
            InputError: It is out of its range.
        """
        Rules(concurrency).integer("concurrency", concurrency)
        self._run.limit(concurrency)

    async def __aenter__(self) -> Self:
        if self._open is not None:
            raise RuntimeError("a run is entered once; call airview.stream again")
        await self._run.open()
        self._open = True
        self._to_watcher, self._outcomes = anyio.create_memory_object_stream[Outcome](0)
        self._ended = anyio.Event()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._pump)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        self._open = False
        self._run.stop()
        try:
            try:
                if self._begun:
                    with anyio.CancelScope(shield=True):
                        await self._ended.wait()
            except BaseException as again:
                self._run.cut()
                await self._tasks.__aexit__(type(again), again, again.__traceback__)
                raise
            # A cancellation from outside also reaches the batch's tasks, and leaves unchanged.
            if isinstance(error, anyio.get_cancelled_exc_class()):
                return await self._tasks.__aexit__(kind, error, traceback)
            # Any other error has to leave unchanged too, where the task group would wrap it.
            self._tasks.cancel_scope.cancel()
            await self._tasks.__aexit__(None, None, None)
            return None
        finally:
            if not self._begun:
                # asyncio's `Task.cancel` came before the task's first step.
                self._run.cut()
                await self._pump()
            self._outcomes.close()

    def __aiter__(self) -> Self:
        return self

    # For type checkers it is enough that there is neither method.
    if not TYPE_CHECKING:

        def __enter__(self) -> NoReturn:
            """Refuse `with`, in which nothing could be awaited."""
            raise TypeError("a run is entered by `async with`, not by `with`")

        __exit__ = __enter__

        def __iter__(self) -> NoReturn:
            """Refuse `for`, likewise."""
            raise TypeError("a run is watched by `async for` inside `async with`, not by `for`")

    async def __anext__(self) -> Outcome:
        """Return the next outcome.

        Raises:
            IngestAborted: The run ended before its input did.
            RuntimeError: The run was not entered, or was left.
        """
        if not self._open:
            raise RuntimeError("a run is watched inside `async with airview.stream(...) as run`")
        try:
            return await self._outcomes.receive()
        except anyio.EndOfStream:
            aborted = self._run.aborted()
            if aborted is not None:
                raise aborted from aborted.__cause__
            raise StopAsyncIteration from None

    async def _pump(self) -> None:
        self._begun = True
        try:
            with self._to_watcher:
                await self._run.execute()
        finally:
            self._ended.set()
