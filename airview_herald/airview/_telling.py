"""The callbacks of a batch: what they are told, and what becomes of what they raise."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from airview_herald.airview._bars import Bar, open_bar
from airview_herald.airview._ingest_settings import IngestSettings
from airview_herald.airview._outcomes import IngestReport, Outcome
from airview_herald.airview._standing import Watch

logger = logging.getLogger("airview_herald")

_PROGRESS_INTERVAL = 0.1


class Teller:
    """Tell the caller of outcomes and of progress.

    Args:
        settings: Has the callbacks.
        report: What progress is told by.
        total: How many events there are; `None` when that is not known.
        failed: Told of what a callback raises, and of which one.
    """

    def __init__(
        self,
        settings: IngestSettings,
        report: IngestReport,
        total: int | None,
        failed: Callable[[Exception, str], None],
    ) -> None:
        self._on_outcome = settings.on_outcome
        self._progress = None if settings.progress is True else settings.progress
        self._report = report
        self._failed = failed
        self._next_progress = 0.0
        self._bar = _Bar(report, total) if settings.progress is True else None

    def begin(self) -> None:
        """Show the bar, if one is wanted."""
        if self._bar is not None:
            self._bar.open()

    def end(self) -> None:
        """Close the bar, if there is one; the report is closed."""
        if self._bar is not None:
            self._bar.close()

    async def outcome(self, outcome: Outcome) -> None:
        """Tell of an outcome, and of progress if it is time."""
        if self._on_outcome is not None:
            await self._call(self._on_outcome, outcome, "on_outcome")
        wanted = self._progress is not None or self._bar is not None
        if wanted and self._report.elapsed >= self._next_progress:
            self._next_progress = self._report.elapsed + _PROGRESS_INTERVAL
            if self._bar is not None:
                self._bar.show()
            await self.progress()

    async def progress(self) -> None:
        """Tell the caller of progress."""
        if self._progress is not None:
            await self._call(self._progress, self._report, "progress")

    async def _call(self, callback: Callable[[Any], Any], argument: object, name: str) -> None:
        try:
            answer = callback(argument)
            if inspect.isawaitable(answer):
                await answer
        except Exception as error:  # noqa: BLE001 - the caller's callback may raise anything
            self._failed(error, f"the callback {name} raised")


class _Bar:
    """A bar that ends no batch: what goes wrong with it is logged, and it is shown no more.

    Args:
        report: What is shown.
        total: How many events there are; `None` when that is not known.
    """

    def __init__(self, report: IngestReport, total: int | None) -> None:
        self._watch = Watch(report, total)
        self._total = total
        self._bar: Bar | None = None

    def open(self) -> None:
        with self._unharmed():
            self._bar = open_bar(self._total)
        self.show()

    def show(self, *, ended: bool = False) -> None:
        if self._bar is not None:
            with self._unharmed():
                self._bar.show(self._watch.look(ended=ended))

    def close(self) -> None:
        self.show(ended=True)
        self._leave()

    def _leave(self) -> None:
        bar, self._bar = self._bar, None
        if bar is not None:
            with self._unharmed():
                bar.close()

    @contextmanager
    def _unharmed(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            logger.warning("the bar of a batch's progress cannot be shown", exc_info=True)
            # It may have hidden the cursor, or have a thread that draws it.
            self._leave()
