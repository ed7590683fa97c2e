"""What `progress=True` shows: a bar in a notebook, a bar in a terminal, or lines in a log.

A notebook has all that its bar takes. A terminal's bar is rich's or tqdm's, whichever is installed.
None of them is imported before it is asked for.
"""

from __future__ import annotations

import sys
import threading
import uuid
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TextIO

from airview_herald import _html as html
from airview_herald.airview._standing import Standing

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from tqdm import tqdm

# Seconds between two lines in a log.
_LINES = 10.0


class Bar(Protocol):
    """Shows how far a batch has come."""

    def show(self, standing: Standing) -> None:
        """Show a standing."""
        ...

    def close(self) -> None:
        """Leave the last standing on the screen, and that as it was found."""
        ...


def open_bar(total: int | None) -> Bar | None:
    """Return the bar that fits where this program runs; `None` where nothing can be shown.

    Args:
        total: How many events there are; `None` when that is not known.
    """
    if _in_notebook():
        return NotebookBar()
    stream = sys.stderr
    if stream is None:  # a program without a console
        return None
    # While rich shows a bar, it replaces `sys.stderr` by a proxy of the terminal.
    terminal = getattr(stream, "rich_proxied_file", None)
    if terminal is not None and RichBar.is_on(terminal):
        return RichBar(terminal, total)
    if stream.isatty():
        if find_spec("rich") is not None:
            return RichBar(stream, total)
        if find_spec("tqdm") is not None:
            return TqdmBar(stream, total)
    return Lines(stream)


def _in_notebook() -> bool:
    """Return whether a notebook's kernel runs this program."""
    ipython = sys.modules.get("IPython")
    return getattr(ipython and ipython.get_ipython(), "kernel", None) is not None


class NotebookBar:
    """A bar under the cell, which stays in the saved notebook."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, standing: Standing) -> None:
        """Show a standing."""
        from IPython.display import display  # noqa: PLC0415 - notebooks only

        shown = {"text/plain": standing.line, "text/html": _notebook_html(standing)}
        if self._handle is None:
            self._handle = display(shown, raw=True, display_id=uuid.uuid4().hex)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(shown, raw=True)

    def close(self) -> None:
        """Leave it as it is."""


def _notebook_html(standing: Standing) -> str:
    known = standing.total or (standing.done if standing.ended else 0)
    value = f' value="{standing.done}" max="{known}"' if known else ""
    troubles = "".join(f" · <strong>{html.text(each)}</strong>" for each in standing.troubles)
    return (
        '<div style="display:flex;flex-wrap:wrap;align-items:center;gap:.3em .8em">'
        f'<progress style="width:18em;max-width:100%"{value}></progress>'
        f"<span><strong>{html.text(standing.count)}</strong> "
        f"{html.text(' · '.join(standing.facts))}{troubles}</span></div>"
    )


class RichBar:
    """rich's bar, which goes on moving while nothing is heard.

    Bars of batches that run at the same time share the last lines of their terminal; apart they
    would write over one another. One that is through moves up, above those that go on.

    Args:
        stream: The terminal.
        total: How many events there are; `None` when that is not known.
    """

    # The whole process shares a terminal, and so the bars on it.
    _shown: ClassVar[dict[TextIO, Progress]] = {}
    _changing: ClassVar[threading.Lock] = threading.Lock()

    @classmethod
    def is_on(cls, stream: TextIO) -> bool:
        """Return whether a terminal has a bar."""
        return stream in cls._shown

    def __init__(self, stream: TextIO, total: int | None) -> None:
        self._stream = stream
        with self._changing:
            progress = self._shown.get(stream) or _rich_progress(stream)
            self._progress: Progress = progress
            self._task: TaskID = progress.add_task("", total=total, count="", facts="", troubles="")
            if stream not in self._shown:
                progress.start()
                self._shown[stream] = progress

    def show(self, standing: Standing) -> None:
        """Show a standing."""
        self._progress.update(
            self._task,
            total=standing.done if standing.total is None and standing.ended else standing.total,
            completed=standing.done,
            count=standing.count,
            facts=" · ".join(standing.facts),
            troubles=" · ".join(standing.troubles),
        )

    def close(self) -> None:
        """Leave the last standing; the last bar gives the cursor back."""
        progress = self._progress
        with self._changing:
            if len(progress.tasks) == 1:
                del self._shown[self._stream]
                progress.stop()
                return
            [task] = (task for task in progress.tasks if task.id == self._task)
            progress.remove_task(self._task)
            progress.print(progress.make_tasks_table([task]))


def _rich_progress(stream: TextIO) -> Progress:
    from rich.console import Console  # noqa: PLC0415 - an extra's
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn  # noqa: PLC0415

    return Progress(
        BarColumn(bar_width=32, complete_style="cyan", pulse_style="cyan"),
        TextColumn("[bold]{task.fields[count]}"),
        TextColumn("{task.fields[facts]}"),
        TextColumn("[bold red]{task.fields[troubles]}"),
        SpinnerColumn(),
        console=Console(file=stream),
    )


class TqdmBar:
    """tqdm's bar.

    Args:
        stream: The terminal.
        total: How many events there are; `None` when that is not known.
    """

    # Shared by the process, as for rich's bars.
    _shown: ClassVar[list[tqdm[Any]]] = []
    _changing: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, stream: TextIO, total: int | None) -> None:
        from tqdm import tqdm  # noqa: PLC0415 - an extra's

        with self._changing:
            self._bar: tqdm[Any] = tqdm(
                total=total, unit=" events", file=stream, dynamic_ncols=True
            )
            self._shown.append(self._bar)

    def show(self, standing: Standing) -> None:
        """Show a standing."""
        self._bar.total = standing.total
        self._bar.n = standing.done
        self._bar.set_postfix_str(", ".join((*standing.skipped, *standing.troubles)))

    def close(self) -> None:
        """End the line; bars that go on move below it, which tqdm leaves where they were."""
        with self._changing:
            self._shown.remove(self._bar)
            for bar in (self._bar, *self._shown):
                bar.clear()
            self._bar.close()
            for place, bar in enumerate(self._shown):
                bar.pos = place
                bar.refresh()


class Lines:
    """A line every ten seconds, and one at the end.

    Args:
        stream: Where to write them.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next = _LINES

    def show(self, standing: Standing) -> None:
        """Write a line when it is time."""
        if standing.ended or standing.report.elapsed >= self._next:
            self._next = standing.report.elapsed + _LINES
            print(f"airview-herald: {standing.line}", file=self._stream, flush=True)

    def close(self) -> None:
        """Leave what is written."""
