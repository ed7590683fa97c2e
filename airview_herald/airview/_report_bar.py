"""The bar of one batch, drawn from its report."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from airview_herald.airview._bars import Bar, open_bar
from airview_herald.airview._outcomes import IngestReport
from airview_herald.airview._standing import Watch

logger = logging.getLogger("airview_herald")


class ReportBar:
    """A bar whose errors never end a batch: they are logged, and it is shown no more.

    Args:
        report: What is shown.
        total: How many events there are; `None` when that is not known.
    """

    def __init__(self, report: IngestReport, total: int | None) -> None:
        self._report = report
        self._watch = Watch(report, total)
        self._total = total
        self._bar: Bar | None = None

    def open(self) -> None:
        """Show it."""
        with self._unharmed():
            self._bar = open_bar(self._total)
        self.show()

    def expect(self, total: int) -> None:
        """Take in how many events there are, once that is known."""
        self._watch = Watch(self._report, total)

    def show(self, *, ended: bool = False) -> None:
        """Show how far the batch has come."""
        if self._bar is not None:
            with self._unharmed():
                self._bar.show(self._watch.look(ended=ended))

    def close(self) -> None:
        """Leave the last account; the report is closed."""
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
            # The broken bar may have hidden the cursor, or have a thread that draws.
            self._leave()
