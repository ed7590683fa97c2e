"""What a file is given as: a text, which shells are told to complete as the name of a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

from cyclopts import Parameter

if TYPE_CHECKING:
    FileName: TypeAlias = str
else:
    # `Path` makes shells complete file names; as `str` comes first, the value stays a text.
    FileName: TypeAlias = Annotated[str | Path, Parameter(metavar="FILE")]


STDIN = "-"


def called(file: str) -> str:
    """Return what to call a file in a message."""
    return "stdin" if file == STDIN else file


def beginning(file: str, size: int) -> bytes:
    """Return the first bytes of a file, `-` for stdin; a device may have no end.

    Raises:
        OSError: It cannot be read.
    """
    if file == STDIN:
        return sys.stdin.buffer.read(size)
    with Path(file).open("rb") as opened:
        return opened.read(size)
