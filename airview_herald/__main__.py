"""`airview-herald`, or `python -m airview_herald`: the command line, if its extra is there."""

import sys
from importlib.util import find_spec


def main() -> int:
    """Run a command and return its exit code."""
    if not (find_spec("cyclopts") and find_spec("rich")):
        needs = 'the command line needs its extra: pip install "airview-herald[cli]"'
        sys.stderr.write(f"error: {needs}\n")
        return 2
    try:
        from airview_herald.cli._app import run  # noqa: PLC0415 - it imports what may be missing

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
