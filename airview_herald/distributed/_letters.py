"""The dead letters of all partitions, in one file."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from pathlib import Path

from airview_herald.errors import ConfigurationError


def check_letters(path: str) -> None:
    """See that dead letters can be gathered in a file.

    Raises:
        ConfigurationError: It holds something, or its folder is not there.
    """
    file = Path(path)
    if file.exists() and file.stat().st_size:
        raise ConfigurationError(f"dead_letters: {path} is there already; a cluster makes it anew")
    if not file.parent.is_dir():
        raise ConfigurationError(f"dead_letters: {file.parent} is no folder")


def gather_letters(files: Iterable[str], path: str) -> None:
    """Write the dead letters of all partitions into one file, whole or not at all.

    Args:
        files: The partitions' files, as far as they are there.
        path: Where to.
    """
    making = Path(f"{path}.{uuid.uuid4().hex}")
    try:
        with making.open("wb") as gathered:
            for file in map(Path, files):
                if file.exists():
                    with file.open("rb") as letters:
                        # A worker that was lost may have left half a line.
                        gathered.writelines(each for each in letters if each.endswith(b"\n"))
        os.replace(making, path)  # noqa: PTH105 - over what is there
    finally:
        making.unlink(missing_ok=True)
