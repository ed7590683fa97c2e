"""What is where in the shared folder, and how a file passes from one worker to the next.

A partition's files have a generation in their names. A worker that was killed has let go of them,
and the next one opens them. One that is frozen has not, and may write to them when it wakes; so
the next one takes a copy, under the name of a new generation.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path

from airview_herald.errors import ConfigurationError

_STATE, _LETTERS, _PIECES = "state", "dead_letters", "pieces"
# How often a file is copied that changes in the meantime, before giving up.
_TRIES = 10
# The endings of the files that make up a SQLite database.
_BESIDE = ("", "-wal", "-journal")


def clear(folder: str, *, anew: bool) -> None:
    """Remove what no call needs any more, and make the folders that each does.

    Args:
        folder: The shared folder.
        anew: Whether a run begins, which has nothing yet. A call that was killed has left pieces.

    Raises:
        OSError: They cannot be made.
    """
    for name in (_PIECES, _STATE, _LETTERS) if anew else (_PIECES,):
        shutil.rmtree(Path(folder, name), ignore_errors=True)
    for name in (_PIECES, _STATE, _LETTERS):
        Path(folder, name).mkdir(exist_ok=True)


def pieces_folder(folder: str, call: str) -> str:
    """Return the folder that a call has its pieces in."""
    return str(Path(folder, _PIECES, call))


def state_file(folder: str, partition: int, generation: int) -> str:
    """Return a partition's file of state."""
    return str(Path(folder, _STATE, f"{partition}.{generation}.sqlite"))


def letters_file(folder: str, partition: int, generation: int) -> str:
    """Return a partition's file of dead letters."""
    return str(Path(folder, _LETTERS, f"{partition}.{generation}.jsonl"))


def inherit(folder: str, partition: int, earlier: int, generation: int) -> None:
    """Copy a partition's files, which another process has locked, under a generation's names.

    Raises:
        ConfigurationError: They change all the time: whoever has them is at work.
    """
    for name in (state_file, letters_file):
        ours = name(folder, partition, generation)
        for _ in range(_TRIES):
            theirs = name(folder, partition, earlier)
            before = _stamps(theirs)
            for suffix in before:
                shutil.copyfile(theirs + suffix, ours + suffix)
            if _stamps(theirs) == before:
                break
        else:
            raise ConfigurationError(f"state: {theirs} is written by a worker that was lost")


def _stamps(path: str) -> dict[str, tuple[int, int]]:
    """Return size and time of a file, and of those beside it, as far as they are there."""
    found = {suffix: Path(path + suffix) for suffix in _BESIDE}
    return {
        suffix: (each.stat().st_size, each.stat().st_mtime_ns)
        for suffix, each in found.items()
        if each.exists()
    }


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

    Raises:
        ConfigurationError: They cannot be written there; the partitions' files stay.
    """
    making = Path(f"{path}.{uuid.uuid4().hex}")
    try:
        with making.open("wb") as gathered:
            for file in map(Path, files):
                if file.exists():
                    with file.open("rb") as letters:
                        # A lost worker may have left half a line at the end.
                        gathered.writelines(each for each in letters if each.endswith(b"\n"))
        os.replace(making, path)  # noqa: PTH105 - over what is there
    except OSError as error:
        raise ConfigurationError(f"dead_letters: {path} cannot be written: {error}") from error
    finally:
        making.unlink(missing_ok=True)
