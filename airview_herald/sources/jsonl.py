"""Events as JSON Lines: one JSON object a line, in the models' own field names."""

from __future__ import annotations

import codecs
import io
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, ClassVar

from airview_herald.airview._event_lines import LineError, decode, decode_letter, encode
from airview_herald.airview.models import ComplianceEvent
from airview_herald.errors import InputError
from airview_herald.sources._files import PathOrFile, SourceFile, as_bytes, check_file, file_name
from airview_herald.sources.problems import ProblemLog, SourceProblem

__all__ = ["MAX_LINE_BYTES", "JsonLines", "read_jsonl", "write_jsonl"]

MAX_LINE_BYTES = 1024 * 1024

# How UTF-16 and UTF-32 begin: with a byte order mark, or with an object's brace.
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE, b"{\0", b"\0{", b"\0\0\0{")


def read_jsonl(
    path_or_file: PathOrFile,
    *,
    superseded: bool = False,
    on_problem: Callable[[SourceProblem], object] | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> JsonLines:
    """Read events from JSON Lines.

    A line is an object with the fields of `ComplianceEvent` by their Python names; fields with a
    default may be left out, a field that no model has is a problem, and so is a value of another
    type. Of a field that is there twice the last one counts. Lengths, alphabets and enumerations
    are checked when the event is recorded. Blank lines and a byte order mark are passed over.

    The dead letters of a batch are such lines too, with what became of the event in a field
    `dead_letter`. Those that are superseded are passed over: since then a later event about the
    same was recorded, and to send them would put an older state over a newer one. A letter whose
    event JSON could not hold is a problem that shows it. Read a file of dead letters when its
    batch has ended, and into another file than itself.

    Nothing is opened until the result is iterated; then one line is held at a time.

    Args:
        path_or_file: A path, or an open text or binary file, which stays open. Prefer binary
            (`sys.stdin.buffer`): a text file ends at the first byte that is not its encoding.
        superseded: Give the events of superseded dead letters too.
        on_problem: Called with each line that gives no event, in the thread that iterates. What
            it raises ends the iteration.
        max_line_bytes: The longest line to read, in bytes without its line feed; default 1 MiB.
            A longer one is a problem, and is skipped without being held.

    Returns:
        An iterable of the events, with counters.

    Raises:
        InputError: `path_or_file` is neither, or `max_line_bytes` is less than 1.
    """
    return JsonLines(
        path_or_file,
        superseded=superseded,
        on_problem=on_problem,
        max_line_bytes=max_line_bytes,
    )


class JsonLines(Iterable[ComplianceEvent]):
    """The events of a JSON Lines file; see `read_jsonl`.

    Each iteration reads the file from its start and starts the counters anew; they belong to the
    latest one. An open file that cannot seek can be read once.

    Attributes:
        blocking: Iterating does file I/O: iterate in a worker thread.

    Raises:
        InputError: When iterated, if the file is UTF-16 or UTF-32, if a text file is not in its
            encoding, or if a file that cannot seek is read again.
        OSError: When iterated, if the file cannot be opened or read.
    """

    blocking: ClassVar[bool] = True

    def __init__(
        self,
        path_or_file: PathOrFile,
        *,
        superseded: bool = False,
        on_problem: Callable[[SourceProblem], object] | None = None,
        max_line_bytes: int = MAX_LINE_BYTES,
    ) -> None:
        if max_line_bytes < 1:
            raise InputError("max_line_bytes", "is at least 1", max_line_bytes)
        self._file = SourceFile(path_or_file)
        self._with_superseded = superseded
        self._on_problem = on_problem
        self._max_line_bytes = max_line_bytes
        self._start_anew()

    @property
    def lines(self) -> int:
        """Lines read that are not blank: each is an event, a problem, or superseded."""
        return self._events + self._superseded + self._log.total

    @property
    def events(self) -> int:
        """Events read."""
        return self._events

    @property
    def line(self) -> int:
        """The line of the event that was given last, from 1; 0 before the first one."""
        return self._line

    @property
    def superseded(self) -> int:
        """Dead letters passed over because a later event about the same was recorded."""
        return self._superseded

    @property
    def files(self) -> tuple[str, ...]:
        """The name of the file, to which a batch that reads it adds no dead letters."""
        return (self._file.name,)

    @property
    def problems(self) -> tuple[SourceProblem, ...]:
        """The lines that gave no event; the first 1,000."""
        return self._log.kept

    @property
    def problem_count(self) -> int:
        """How many lines gave no event."""
        return self._log.total

    def __iter__(self) -> Iterator[ComplianceEvent]:
        """Read the file; closing the iterator closes a file that was opened here."""
        self._start_anew()
        with self._file.opened() as file:
            for number, line in _lines(file, self._max_line_bytes):
                if number == 1 and line is not None and line.startswith(_WIDE):
                    rule = "is UTF-16 or UTF-32; JSON Lines are UTF-8"
                    raise InputError(self._file.name, rule)
                event = self._read(number, line)
                if event is not None:
                    self._events += 1
                    self._line = number
                    yield event

    def _start_anew(self) -> None:
        self._events = 0
        self._line = 0
        self._superseded = 0
        self._log = ProblemLog(self._file.name, self._on_problem)

    def _read(self, number: int, line: bytes | None) -> ComplianceEvent | None:
        where = f"line {number}"
        if line is None:
            self._log.add(where, f"longer than {self._max_line_bytes} bytes")
            return None
        try:
            letter = decode_letter(line)
            if letter is not None and letter.superseded and not self._with_superseded:
                self._superseded += 1
                return None
            if letter is not None and letter.unreadable is not None:
                told = f"input {letter.index} was nothing that JSON holds: {letter.unreadable}"
                self._log.add(where, told)
                return None
            return decode(line)
        except LineError as error:
            self._log.add(where, str(error))
            return None


def write_jsonl(
    events: Iterable[ComplianceEvent],
    path_or_file: PathOrFile,
    *,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> int:
    """Write events as the JSON Lines that `read_jsonl` reads back as equal events.

    Lines are ASCII and end in a line feed; fields that are `None` are left out. Each line is read
    back before it is written.

    Args:
        events: Taken one at a time.
        path_or_file: A path, whose file is replaced; or an open text or binary file, which is
            written from where it stands and stays open.
        max_line_bytes: The longest line to write, in bytes without its line feed; default 1 MiB.

    Returns:
        How many events were written.

    Raises:
        InputError: An event would not be read back: a field of another type, a lone surrogate, a
            line that is too long. The events before it are written. Or an argument is none; then
            no file is touched.
        OSError: The file cannot be opened or written.
    """
    check_file(path_or_file, "write")
    if isinstance(events, str) or not isinstance(events, Iterable):
        rule = f"must be an iterable of events, not {type(events).__name__}"
        raise InputError("events", rule, events)
    name = file_name(path_or_file)
    lines = (
        _line(event, f"{name}, event {number}", max_line_bytes)
        for number, event in enumerate(events)
    )
    if not isinstance(path_or_file, str | os.PathLike):
        return _write(lines, path_or_file)
    with Path(path_or_file).open("wb") as file:
        return _write(lines, file)


def _write(lines: Iterable[bytes], file: Any) -> int:
    is_text = isinstance(file, io.TextIOBase) or hasattr(file, "encoding")
    count = 0
    for line in lines:
        file.write(line.decode("ascii") if is_text else line)
        count += 1
    return count


def _lines(file: IO[str] | IO[bytes], limit: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield the number and bytes of each line that is not blank; `None` for one too long."""
    number = 0
    while chunk := as_bytes(file.readline(limit + 1)):
        number += 1
        # Only here is the size in bytes known of a line that came as text.
        too_long = len(chunk.removesuffix(b"\n")) > limit
        while len(chunk) > limit and not chunk.endswith(b"\n"):
            chunk = as_bytes(file.readline(limit + 1))
        if too_long:
            yield number, None
            continue
        line = chunk.removeprefix(codecs.BOM_UTF8) if number == 1 else chunk
        if line.strip():
            yield number, line


def _line(event: ComplianceEvent, field: str, limit: int) -> bytes:
    try:
        line = encode(event)
    except LineError as error:
        raise InputError(field, str(error), event) from None
    if len(line) > limit:
        raise InputError(field, f"its line is longer than {limit} bytes", event)
    return line + b"\n"
