"""A batch while it runs, on a terminal: how far, how fast, and what failed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from airview_herald.airview import IngestReport
from airview_herald.airview._standing import Pace
from airview_herald.cli._ends import on_one_line
from airview_herald.cli._inputs import Inputs

_REFRESHES = 8
_WIDTH = 40


class Display:
    """Show a batch; what is printed meanwhile is above it.

    Args:
        console: The terminal.
        inputs: What is read.
        report: What becomes of it, live.
        concurrency: Requests in flight at most.
    """

    def __init__(
        self, console: Console, inputs: Inputs, report: IngestReport, concurrency: int
    ) -> None:
        self._console = console
        self._inputs = inputs
        self._report = report
        self._concurrency = concurrency
        self._began = time.monotonic()
        self._pace = Pace(self._began)

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Show it inside the block, and leave nothing of it behind."""
        with Live(
            get_renderable=self.render,
            console=self._console,
            refresh_per_second=_REFRESHES,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
        ):
            yield

    def render(self) -> RenderableType:
        """Return what is shown now."""
        report = self._report
        through = report.inputs - report.held
        now = time.monotonic()
        share = self._share(through)
        line = Table.grid(padding=(0, 2))
        line.add_row(
            Text(on_one_line(self._inputs.name), style="bold", overflow="ellipsis", no_wrap=True),
            ProgressBar(
                total=None if share is None else 1.0, completed=share or 0.0, width=_WIDTH,
                pulse=share is None or not report.inputs, style="grey35", complete_style="cyan",
                finished_style="green", pulse_style="cyan",
            ),
            "" if share is None else f"{share:4.0%}",
            self._left(now - self._began, share),
        )  # fmt: skip
        return Group(Text(), line, self._counts(self._pace.at(now, through - report.skipped)))

    def _share(self, through: int) -> float | None:
        """Return how much of the input is through; what is held is not."""
        size, inputs = self._inputs.size, self._report.inputs
        if size is None:
            return None
        if not size or not inputs:
            return 0.0
        return min(self._inputs.position / size * through / inputs, 1.0)

    def _left(self, elapsed: float, share: float | None) -> str:
        if not self._report.inputs:
            return "reading"
        if not share:
            return _clock(elapsed)
        return f"{_clock(elapsed)}, {_clock(elapsed / share - elapsed)} left"

    def _counts(self, rate: float) -> Text:
        report = self._report
        failed = report.failed + report.unknown + self._inputs.problem_count
        lowest, highest = report.concurrency
        limit = f"{lowest}–{highest}" if lowest != highest else f"{self._concurrency}"  # noqa: RUF001 - a range
        parts = [
            Text(f"{report.recorded:,} recorded", style="green"),
            Text(f"{failed:,} failed", style="bold red" if failed else "dim"),
            Text(f"{rate:,.0f} events/s"),
            Text(f"{limit} in flight at most"),
        ]
        for count, what in (
            (report.skipped, "skipped"),
            (report.retries, "sent again"),
            (report.throttled, "throttled"),
        ):
            if count:
                parts.append(Text(f"{count:,} {what}", style="yellow"))
        return Text("  ").join(parts)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
