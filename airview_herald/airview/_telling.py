"""The callbacks of a batch: what they are told, and what becomes of what they raise."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from airview_herald.airview._ingest_settings import IngestSettings
from airview_herald.airview._outcomes import IngestReport, Outcome
from airview_herald.airview._report_bar import ReportBar

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
        self._bar = ReportBar(report, total) if settings.progress is True else None

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
