"""`airview-herald` as a process, with an environment that holds what a test gives it."""

import contextlib
import json
import os
import select
import subprocess
import sys
import time

COMMAND = [sys.executable, "-m", "airview_herald"]


class Done:
    """What a process left: its exit code, its output and what it said on stderr."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def rows(self):
        """The lines of JSON that it printed."""
        return [json.loads(line) for line in self.out.splitlines()]

    def of(self, kind):
        """The rows of a kind."""
        return [row for row in self.rows if row["kind"] == kind]


class CommandLine:
    """Run commands in a folder.

    Args:
        folder: Where they run.
        environ: The variables that they have.
    """

    def __init__(self, folder, environ):
        self.folder = folder
        self.environ = environ

    def __call__(self, *arguments, stdin=b"", **environ):
        """Run a command to its end."""
        with self.running(*arguments, **environ) as process:
            out, err = process.communicate(stdin, timeout=30)
        return Done(process.returncode, out.decode(), err.decode())

    @contextlib.contextmanager
    def running(self, *arguments, **environ):
        """Run a command while the block lasts."""
        with subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=self._environ(environ),
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def on_a_terminal(self, *arguments, until=None, stop=None, **environ):
        """Run a command on a terminal; signal it once something shows.

        Args:
            *arguments: The command.
            **environ: Variables beside those that every command has.
            until: What to wait for before the signal, in bytes.
            stop: The signal.

        Returns:
            The exit code, and what the terminal got.
        """
        import pty  # noqa: PLC0415 - Windows has none

        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=self.folder,
            env=self._environ({"TERM": "xterm-256color", "COLUMNS": "100"} | environ),
        ) as process:
            os.close(theirs)
            shown = b""
            ends = time.monotonic() + 30
            while time.monotonic() < ends:
                if not select.select([ours], [], [], 0.1)[0]:
                    continue
                try:
                    shown += os.read(ours, 65536)
                except OSError:  # nobody is at the other end any more
                    break
                if until is not None and until in shown:
                    process.send_signal(stop)
                    until = None
            process.kill()
        os.close(ours)
        return process.returncode, shown.decode()

    def _environ(self, changes):
        environ = self.environ | changes
        return {name: value for name, value in environ.items() if value is not None}
