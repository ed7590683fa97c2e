"""`airview-herald completion`."""

from __future__ import annotations

import sys
from typing import Literal

from airview_herald.cli._app import application
from airview_herald.cli._ends import ExitCode

# cyclopts defines a function. What zsh finds in its fpath is run to complete, whatever the file is
# called; what it reads at its start only says who completes.
_ZSH = """
if (( $+compstate )); then
  _cyclopts_airview-herald "$@"
else
  compdef _cyclopts_airview-herald airview-herald
fi
"""


def completion(shell: Literal["bash", "zsh", "fish", "powershell"], /) -> int:
    """Print what completes commands and options in a shell, to be saved where it looks for that.

    Args:
        shell: Which shell.
    """
    script = application().generate_completion(shell=shell)
    sys.stdout.write(script + _ZSH if shell == "zsh" else script)
    return ExitCode.DONE
