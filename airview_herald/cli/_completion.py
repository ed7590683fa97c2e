"""`airview-herald completion`."""

from __future__ import annotations

import sys
from typing import Literal

from airview_herald.cli._app import application
from airview_herald.cli._ends import ExitCode

# cyclopts's script defines a function. zsh may run the script itself as a completion, from its
# fpath, or read it at start, when it only has to register the function.
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
