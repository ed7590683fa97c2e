"""The commands, each imported when it is called, and how they are run."""

from __future__ import annotations

import asyncio
import atexit
import inspect
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from cyclopts import App, CycloptsError, MissingArgumentError

from airview_herald._version import __version__
from airview_herald.cli._ends import (
    ExitCode,
    code_of,
    complain,
    give_up,
    in_options,
    on_one_line,
    told,
)

_HELP = """Record compliance events in AirView, and send and read Herald's notifications.

Settings are options, else variables of the environment. Credentials are never options: for AirView
`AIRVIEW_TOKEN`, or `AIRVIEW_TOKEN_URL` with `AIRVIEW_CLIENT_ID`, `AIRVIEW_CLIENT_SECRET` and
`AIRVIEW_SCOPE`; for Herald `ALERTLOGIC_*`, or a profile of `~/.alertlogic/config`."""
_EXIT_CODES = """Exit codes: 0 done; 1 some of it failed, or the server refused; 2 what was given
cannot be used; 3 ended by what makes everything fail, such as no connection; 4 done already; 5
another run has the files; 130 interrupted; 141 the output was not read to its end. Worth a retry
are 3, 5 and 130."""
_HERE = "airview_herald.cli"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_CANCELLATIONS = 2
# Seconds left to close files and report, once somebody has asked twice to end.
_MOMENT = 1.0


def application() -> App:
    """Return the parser of all commands; none of them is imported yet."""
    app = App(
        name="airview-herald", help=_HELP, version=__version__, version_flags=["--version"],
        help_format="markdown", help_epilogue=_EXIT_CODES,
    )  # fmt: skip
    for command, summary in _COMMANDS.items():
        app.command(f"{_HERE}._{command}:{command}", name=command, help=summary)
    for name, module, text, commands in (
        ("exclusions", "_exclusions", "Read and decide what is excluded.", _EXCLUSIONS),
        ("notifications", "_notifications", "Send and read notifications.", _NOTIFICATIONS),
        ("subscriptions", "_subscriptions", "Say who is told of what.", _SUBSCRIPTIONS),
    ):
        group = App(name=name, help=text)
        for command, summary in commands.items():
            group.command(f"{_HERE}.{module}:{command}_", name=command, help=summary)
        app.command(group)
    # The sandbox parses its arguments itself.
    text = "Serve AirView and Herald on this machine."
    app.command(
        f"{_HERE}._sandbox:sandbox", name="sandbox", help=text, help_flags=[], version_flags=[]
    )
    return app


_COMMANDS = {
    "ingest": "Record the events in files.",
    "check": "Try whether AirView lets you record.",
    "compliance": "Count what AirView monitors.",
    "whoami": "Show the settings that hold, and log in.",
    "completion": "Print a shell's completion.",
}
_EXCLUSIONS = {
    "list": "List what is excluded in a state.",
    "set": "Decide on what is to be excluded.",
}
_NOTIFICATIONS = {
    "list": "List the notifications of a type.",
    "show": "Show a notification.",
    "send": "Send a notification.",
    "sent": "Show what became of an incident's notifications.",
    "types": "List the types that there are.",
}
_SUBSCRIPTIONS = {
    "list": "List subscriptions.",
    "show": "Show a subscription and who is subscribed.",
    "create": "Create a subscription.",
    "update": "Change a subscription.",
    "delete": "Delete subscriptions.",
    "subscribe": "Subscribe a user or a connection.",
    "unsubscribe": "Unsubscribe a user or a connection.",
}


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; what goes wrong is told in one line."""
    _have_streams()
    # Set on the handler too, because Dask's loggers have a level of their own, and are chatty.
    logging.basicConfig(handlers=[_Lines(logging.WARNING)], level=logging.WARNING)
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        give_up(sys.stdout)
        return ExitCode.UNREAD
    return code


def _have_streams() -> None:
    """Have all three streams, where a program was started without, and an output for any text."""
    # The input first: what is opened gets the lowest number that is free, which is stdin's.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - to the end
            setattr(sys, name, nowhere)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As Python has stderr: names are in tables, and not every terminal is UTF-8.
        sys.stdout.reconfigure(errors="backslashreplace")


def _run(arguments: Sequence[str]) -> int:
    try:
        command, bound, _ = application().parse_args(
            arguments, print_error=False, exit_on_error=False
        )
        result = command(*bound.args, **bound.kwargs)
        if inspect.iscoroutine(result):
            result = _interruptible(result)
    except CycloptsError as error:
        complain(f"{_mistake(error)} See {_asked(arguments)} --help.")
        return ExitCode.USAGE
    except (KeyboardInterrupt, asyncio.CancelledError):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:
        if "AIRVIEW_HERALD_DEBUG" in os.environ:
            raise
        code = code_of(error)
        complain(told(error), "already done" if code is ExitCode.FINISHED else "error")
        return code
    return result if isinstance(result, int) else ExitCode.DONE


def _interruptible(command: Coroutine[Any, Any, int]) -> int:
    """Run a command that Ctrl-C and SIGTERM cancel; once more, and it ends at once."""
    signals = _Signals()

    async def supervised() -> int:
        with signals.cancelling():
            return await command

    return asyncio.run(supervised())


class _Signals:
    """What Ctrl-C and SIGTERM do to a command, until the process ends.

    The first cancels it, and so does the second, which is not waited for: a batch closes its
    files then, and tells how it ended. Should that take longer than a moment, say because nobody
    reads what it tells, the process ends without. A command that is through has only that moment.
    """

    def __init__(self) -> None:
        self._heard = 0
        self._cancel: Callable[[], object] | None = None

    @contextmanager
    def cancelling(self) -> Iterator[None]:
        """Let signals cancel what is within the block."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        self._cancel = partial(task.get_loop().call_soon_threadsafe, task.cancel)
        # Not by the event loop, which handles no signal while something blocks it.
        for number in _SIGNALS:
            signal.signal(number, self._hear)
        # When Python ends it restores the default actions, by which a late signal would kill it.
        atexit.register(_hear_nothing)
        try:
            yield
        finally:
            self._cancel = None

    def _hear(self, *_: object) -> None:
        self._heard += 1
        if self._cancel is not None and self._heard <= _CANCELLATIONS:
            self._cancel()
        if self._cancel is None or self._heard == _CANCELLATIONS:
            moment = threading.Timer(_MOMENT, os._exit, (ExitCode.INTERRUPTED,))
            moment.daemon = True
            try:
                moment.start()
            except RuntimeError:  # Python is ending, and starts no more threads
                os._exit(ExitCode.INTERRUPTED)


def _hear_nothing() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _mistake(error: CycloptsError) -> str:
    """Return what is wrong with what was typed."""
    argument = error.argument
    if isinstance(error, MissingArgumentError) and argument is not None and not argument.tokens:
        names = [argument.name, *(argument.parameter.env_var or ())]
        return f"{' or '.join(names)} is missing."
    return on_one_line(str(error))


def _asked(arguments: Sequence[str]) -> str:
    """Return the command whose help tells more."""
    words = ["airview-herald"]
    app = application()
    for word in arguments:
        if word.startswith("-") or word not in app:
            break
        words.append(word)
        app = app[word]
    return " ".join(words)


class _Lines(logging.Handler):
    """Write warnings as what else is told: one line on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        complain(in_options(record.getMessage()), record.levelname.lower())
