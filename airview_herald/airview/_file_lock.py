"""A lock on an open file that ends with its process."""

from __future__ import annotations

import sys
from io import FileIO

if sys.platform == "win32":
    import msvcrt

    # Far beyond the content, as Windows keeps others even from reading a locked byte.
    _PLACE = 2**62

    def try_lock(file: FileIO) -> bool:
        """Lock a file, and return whether nobody else has it locked."""
        place = file.tell()
        file.seek(_PLACE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            file.seek(place)
        return True

else:
    import fcntl

    def try_lock(file: FileIO) -> bool:
        """Lock a file, and return whether nobody else has it locked."""
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
