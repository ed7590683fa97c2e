"""`airview-herald completion`."""

from __future__ import annotations

import sys
from typing import Literal

from airview_herald.cli._app import application
from airview_herald.cli._ends import ExitCode


def completion(shell: Literal["bash", "zsh", "fish", "powershell"], /) -> int:
    """Print what completes commands and options in a shell, to be saved where it looks for that.

    Args:
        shell: Which shell.
    """
    sys.stdout.write(application().generate_completion(shell=shell))
    return ExitCode.DONE
