"""A path to open, or an open file that stays the caller's."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeAlias

from airview_herald.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PathOrFile", "SourceFile", "TextPath", "as_bytes", "check_file", "file_name"]

TextPath: TypeAlias = str | os.PathLike[str]
PathOrFile: TypeAlias = TextPath | IO[str] | IO[bytes]


def file_name(path_or_file: PathOrFile) -> str:
    """Return what to call a file in a message; an open one may have no name of its own."""
    if isinstance(path_or_file, str | os.PathLike):
        return os.fspath(path_or_file)
    name = getattr(path_or_file, "name", None)
    return name if isinstance(name, str) else "<stream>"


def check_file(path_or_file: object, method: str) -> None:
    """Check that something is a path, or an open file.

    Args:
        path_or_file: What a caller gave.
        method: `read` or `write`, which an open file has to have.

    Raises:
        InputError: It is neither.
    """
    if not isinstance(path_or_file, str | os.PathLike) and not hasattr(path_or_file, method):
        rule = f"must be a path or an open file, not {type(path_or_file).__name__}"
        raise InputError("path_or_file", rule, path_or_file)


def as_bytes(chunk: str | bytes) -> bytes:
    """Return what was read of a text or binary file as UTF-8; lone surrogates are kept."""
    return chunk.encode("utf-8", "surrogatepass") if isinstance(chunk, str) else chunk


class SourceFile:
    """A file that can be read from its start more than once.

    Args:
        path_or_file: A path, opened anew each time; or an open text or binary file, read from
            where it stands, and never closed.

    Raises:
        InputError: It is neither.
    """

    def __init__(self, path_or_file: PathOrFile) -> None:
        check_file(path_or_file, "read")
        self.name = file_name(path_or_file)
        self._source = path_or_file
        self._start: int | None = None
        self._used = False

    @contextmanager
    def opened(self) -> Iterator[IO[str] | IO[bytes]]:
        """Yield the file at its start.

        Raises:
            InputError: An open file is read a second time and cannot seek, or it is opened as
                text and holds something else.
            OSError: The path cannot be opened or read.
        """
        try:
            if isinstance(self._source, str | os.PathLike):
                with Path(self._source).open("rb") as file:
                    yield file
            else:
                self._rewind(self._source)
                yield self._source
        except UnicodeDecodeError as error:
            # A text file can neither be read further after this nor tell the line.
            rule = f"is not {error.encoding} text; open it in binary mode to have bad parts told"
            raise InputError(self.name, rule, self._source) from None

    def _rewind(self, file: IO[str] | IO[bytes]) -> None:
        if self._used and self._start is None:
            raise InputError(self.name, "cannot be read twice: it does not seek", file)
        if self._start is not None:
            file.seek(self._start)
        elif file.seekable():
            self._start = file.tell()
        self._used = True
