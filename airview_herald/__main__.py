"""`airview-herald`, or `python -m airview_herald`: the command line, if its extra is there."""

import sys
from importlib.util import find_spec

from airview_herald import _extras


def main() -> int:
    """Run a command and return its exit code."""
    if not (find_spec("cyclopts") and find_spec("rich")):
        sys.stderr.write(f"error: the command line needs its extra: {_extras.install('cli')}\n")
        return 2
    try:
        from airview_herald.cli._app import run  # noqa: PLC0415 - it imports what may be missing

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
