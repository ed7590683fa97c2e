"""A file of what clients were told, a line each: written in one process, followed in another."""

import json
import time

LEDGER = "{}.ledger"
SAVES = "saves.ledger"


class Ledger:
    """Writes lines; what was told is on disk and nowhere else, so that keeping it is no growth.

    Args:
        path: The file.
    """

    def __init__(self, path):
        self._file = path.open("w", buffering=1)

    def write(self, kind, **facts):
        """Add a line, with the time."""
        self._file.write(json.dumps({"kind": kind, "time": time.time(), **facts}) + "\n")

    def close(self):
        """Close the file."""
        self._file.close()


class Follower:
    """Reads the lines of a ledger that is still being written.

    Args:
        path: The file, which need not be there yet.
    """

    def __init__(self, path):
        self._path = path
        self._place = 0

    def lines(self):
        """Return the lines that are new, whole ones only."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._place)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._place += len(whole)
        return [json.loads(line) for line in whole.splitlines()]
