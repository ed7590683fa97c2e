"""The events in the files of a command, one file after another."""

from __future__ import annotations

import codecs
import contextlib
import glob
import io
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias

import attrs

from airview_herald.airview import Application, ComplianceEvent
from airview_herald.cli._ends import UsageError
from airview_herald.cli._file_names import STDIN, called
from airview_herald.cli._pipes import InterruptibleReader, opened_pipe
from airview_herald.cli._places import Place, Places
from airview_herald.errors import InputError
from airview_herald.sources import (
    JsonLines,
    SarifEvents,
    SourceProblem,
    read_jsonl,
    read_sarif,
)
from airview_herald.sources.problems import KEPT_PROBLEMS

Format: TypeAlias = Literal["auto", "jsonl", "sarif"]

_SUFFIXES: dict[str, Format] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".sarif": "sarif"}
_HEAD = 8192
# How files of gzip, bzip2, xz, Zstandard and zip begin; neither JSON Lines nor SARIF can.
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"PK\x03\x04")
_NO_SUCH_FILE = "there is no such file"


@attrs.frozen(kw_only=True)
class Reading:
    """How files are read.

    Attributes:
        format: What they are.
        base: The directory that the paths in SARIF reports are relative to.
        application: The application of all that SARIF reports find, if it is one.
        control_action: What a breach of a SARIF report's rules leads to, if it is the same for all.
        superseded: Whether dead letters that a later event has superseded are read, too.
    """

    format: Format = "auto"
    base: str | None = None
    application: Application | None = None
    control_action: str | None = None
    superseded: bool = False


def found_files(names: Sequence[str]) -> list[str]:
    """Return the files that arguments name; one that is no file may be a pattern.

    Raises:
        UsageError: There is no such file, it cannot be read, or stdin is named twice.
    """
    files: list[str] = []
    for name in names:
        if name == STDIN or Path(name).exists() or not glob.has_magic(name):
            files.append(name)
            continue
        matches = sorted(each for each in _matching(name) if Path(each).is_file())
        if not matches:
            raise UsageError(name, "matches no file")
        files += matches
    for file in files:
        if file != STDIN and Path(file).is_dir():
            raise UsageError(file, "is a directory")
        if file != STDIN and not os.access(file, os.R_OK):
            if Path(file).exists():
                raise UsageError(file, "cannot be read")
            option = file.startswith("-")
            raise UsageError(file, "is neither an option nor a file" if option else _NO_SUCH_FILE)
    if files.count(STDIN) > 1:
        raise UsageError(STDIN, "stdin can be read once")
    return files


def _matching(pattern: str) -> Iterable[str]:
    """Return what a pattern matches; `**` follows no links to folders, which may be rings."""
    parts = Path(pattern).parts
    if "**" not in parts:
        return glob.glob(pattern)  # noqa: PTH207 - a pattern may be absolute
    magic = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    below = [*parts[magic:], "*"] if parts[-1] == "**" else list(parts[magic:])
    with_hidden = any(part.startswith(".") for part in below)
    root = Path(*parts[:magic])
    return [
        str(path)
        for path in root.glob("/".join(below))
        if with_hidden or not any(part.startswith(".") for part in path.relative_to(root).parts)
    ]


class Inputs(Iterable[ComplianceEvent]):
    """The events in files; iterate them in a worker thread, once.

    Args:
        files: Their names, `-` for stdin.
        reading: How they are read.
        on_problem: Called with each part that gives no event, in the thread that iterates.
        places: Told of where each event is.

    Attributes:
        name: The file that is read now.
        problems: Parts that gave no event, the first 1,000; reconciliation looks for them.
        problem_count: How many there are.
    """

    blocking: ClassVar[bool] = True

    def __init__(
        self,
        files: Sequence[str],
        reading: Reading,
        on_problem: Callable[[SourceProblem], object] | None = None,
        places: Places | None = None,
    ) -> None:
        self._places = Places() if places is None else places
        self._files = files
        self._reading = reading
        self._on_problem = on_problem
        self._sizes = [_size(file) for file in files]
        self._pipe: InterruptibleReader | None = None
        self._ended = False
        self._before = 0
        self._within = 0
        self.name: str = files[0]
        self.problems: list[SourceProblem] = []
        self.problem_count: int = 0

    @property
    def size(self) -> int | None:
        """Bytes in all; `None` when only the end tells."""
        known = [size for size in self._sizes if size is not None]
        return sum(known) if len(known) == len(self._sizes) else None

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files, to which a batch that reads them adds no dead letters."""
        return tuple("/dev/stdin" if file == STDIN else file for file in self._files)

    @property
    def position(self) -> int:
        """Bytes that have become events; those of a SARIF report as its events are given."""
        return self._before + self._within

    def end(self) -> None:
        """End the reading of what may never come."""
        self._ended = True
        if self._pipe is not None:
            self._pipe.end()

    def __iter__(self) -> Iterator[ComplianceEvent]:
        """Read the files."""
        for file, size in zip(self._files, self._sizes, strict=True):
            self.name = called(file)
            with self._opened(file, size) as opened:
                source = self._source(file, opened)
                for event in source:
                    line = source.line if isinstance(source, JsonLines) else None
                    self._places.note(Place(self.name, line))
                    if size is not None:
                        self._within = _position(source, opened, size)
                    yield event
            self._before, self._within = self._before + (size or 0), 0

    @contextmanager
    def _opened(self, file: str, size: int | None) -> Iterator[io.BufferedReader]:
        if size is not None:
            with Path(file).open("rb") as regular:
                yield regular
            return
        with contextlib.ExitStack() as stack:
            descriptor = 0 if file == STDIN else stack.enter_context(opened_pipe(file))
            self._pipe = InterruptibleReader(descriptor, called(file))
            if self._ended:
                self._pipe.end()
            yield io.BufferedReader(self._pipe)

    def _source(self, file: str, opened: io.BufferedReader) -> JsonLines | SarifEvents:
        reading = self._reading
        head = opened.peek(_HEAD)[:_HEAD]
        if head.startswith(_COMPRESSED):
            raise InputError(called(file), "is compressed: pipe what it holds into `ingest -`")
        if _format(reading.format, file, head) == "jsonl":
            return read_jsonl(opened, superseded=reading.superseded, on_problem=self._note)
        return read_sarif(
            opened,
            application=reading.application,
            control_action=reading.control_action,
            base=reading.base,
            on_problem=self._note,
        )

    def _note(self, problem: SourceProblem) -> None:
        self.problem_count += 1
        if self.problem_count <= KEPT_PROBLEMS:
            self.problems.append(problem)
        if self._on_problem is not None:
            self._on_problem(problem)


def _size(file: str) -> int | None:
    """Return the size of a regular file, in bytes; `None` for a pipe or a device."""
    if file == STDIN:
        return None
    status = Path(file).stat()
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _position(source: JsonLines | SarifEvents, opened: io.BufferedReader, size: int) -> int:
    if isinstance(source, SarifEvents):
        return size * source.events // max(source.expected, 1)
    return opened.tell()


def _format(format: Format, file: str, head: bytes) -> Format:  # noqa: A002 - the option
    """Return what a file is: as asked, else by its name, else by how it begins."""
    known = _SUFFIXES.get(Path(file).suffix.lower(), "auto") if format == "auto" else format
    if known != "auto":
        return known
    if not head:
        raise InputError(called(file), "is empty: if that is no events, say --format jsonl")
    head = head.removeprefix(codecs.BOM_UTF8)
    line = head.lstrip().partition(b"\n")[0]
    try:
        first = json.loads(line)
    except (ValueError, RecursionError):
        # The line is longer than the head, or the file is one JSON text over several lines.
        return "jsonl" if b'"resource_reference"' in head else "sarif"
    return "sarif" if isinstance(first, dict) and "runs" in first else "jsonl"
