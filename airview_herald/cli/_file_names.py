"""What a file is given as: a text, which shells are told to complete as the name of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    FileName: TypeAlias = str
else:
    # Completion knows a file by its Path; of what may be a text, a text comes out.
    FileName: TypeAlias = str | Path
