"""The callbacks of a batch: what they are told, and what becomes of what they raise."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from airview_herald.airview._ingest_settings import IngestSettings
from airview_herald.airview._outcomes import IngestReport, Outcome

_PROGRESS_INTERVAL = 0.1


class Teller:
    """Tell the caller of outcomes and of progress.

    Args:
        settings: Has the callbacks.
        report: What progress is told by.
        failed: Told of what a callback raises, and of which one.
    """

    def __init__(
        self,
        settings: IngestSettings,
        report: IngestReport,
        failed: Callable[[Exception, str], None],
    ) -> None:
        self._settings = settings
        self._report = report
        self._failed = failed
        self._next_progress = 0.0

    async def outcome(self, outcome: Outcome) -> None:
        """Tell of an outcome, and of progress if it is time."""
        if self._settings.on_outcome is not None:
            await self._call(self._settings.on_outcome, outcome, "on_outcome")
        if self._settings.progress is not None and self._report.elapsed >= self._next_progress:
            self._next_progress = self._report.elapsed + _PROGRESS_INTERVAL
            await self.progress()

    async def progress(self) -> None:
        """Tell of progress."""
        if self._settings.progress is not None:
            await self._call(self._settings.progress, self._report, "progress")

    async def _call(self, callback: Callable[[Any], Any], argument: object, name: str) -> None:
        try:
            answer = callback(argument)
            if inspect.isawaitable(answer):
                await answer
        except Exception as error:  # noqa: BLE001 - the caller's callback may raise anything
            self._failed(error, f"the callback {name} raised")
