"""Files in a home folder, which not every process has."""

from __future__ import annotations

import os
from pathlib import Path


def at_home(path: str | os.PathLike[str]) -> Path:
    """Return a path with a home folder for its `~`; as it is where there is no such folder."""
    # Path.expanduser raises then, as in a container under a user id that the machine lacks.
    return Path(os.path.expanduser(path))  # noqa: PTH111 - see above
