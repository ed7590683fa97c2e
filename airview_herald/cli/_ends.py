"""How a command ends: its exit code, and one line about what went wrong."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import TextIO

from airview_herald.errors import (
    AirViewHeraldError,
    AuthenticationError,
    ConfigurationError,
    FinishedError,
    ForbiddenError,
    IngestAborted,
    InputError,
    InUseError,
    NotFoundError,
    TransportError,
    UnauthorizedError,
)

# What no terminal should act on: control characters, Unicode's line ends and changes of direction.
# Also the halves of surrogate pairs, which cannot be encoded.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+"
)
# Messages may quote whole files, which would push all else off the screen.
_LONGEST = 4_000
# What errors call an argument, and the option that it is on the command line.
_OPTIONS = {
    "`State(path, restart=True)`": "--restart",
    "another `run`": "another --run",
    "`restart=True`": "--restart",
    "pass auth= instead": "a token comes by AIRVIEW_TOKEN or --token-file",
    "; airview_herald.sources.encode_reference maps any text, reversibly": "",
    "read it into a list first": "send a copy of it",
    "a wrong token_url": "a wrong AIRVIEW_TOKEN_URL",
    "max_failures;": "--max-failures;",
    "max_cooldown": "--max-cooldown",
    "the producer of events raised: ": "",
    "allow_http=True": "--allow-http",
    "verify=tls_context(ca=...)": "--ca",
    "verify=tls_context(cert=...)": "--cert",
    "no header with a credential was sent": "no header with a credential was sent, for want of "
    "AIRVIEW_TOKEN, or of AIRVIEW_TOKEN_URL and what belongs to it",
}
# The options for the arguments with whose name an error may begin.
_NAMED = {
    **{
        name: f"--{name.replace('_', '-')}"
        for name in (
            "base_url", "system_name", "referencing_type", "settle", "timeout", "ca", "cert", "key",
            "concurrency", "window", "state", "run", "dead_letters", "reconcile", "deadline",
            "max_cooldown", "max_failures", "grace", "base", "application_reference", "partitions",
            "rate", "lease", "select", "filter", "resume", "profile", "account_id", "residency",
        )
    },
    "state.run": "--run",
    "reconcile.applications": "--reconcile-application",
    "limit": "--page-size",
    "global_endpoint": "--endpoint",
}  # fmt: skip
_ARGUMENT = re.compile(r"([a-z_]+(?:\.[a-z]+)*)(?:\[\d+\])?(?=: )")
_PAINT = {"error": "\x1b[1;31m", "warning": "\x1b[33m", "interrupted": "\x1b[33m"}
_SYSTEMIC = (AuthenticationError, ForbiddenError, IngestAborted, TransportError, UnauthorizedError)


class ExitCode(IntEnum):
    """What a command tells the shell."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    ABORTED = 3
    FINISHED = 4
    IN_USE = 5
    INTERRUPTED = 130
    # What a shell reports for a command that was killed by SIGPIPE.
    UNREAD = 141


class UsageError(Exception):
    """What was typed cannot be done.

    Args:
        where: The option, argument, variable or file.
        rule: What is wrong with it.
    """

    def __init__(self, where: str, rule: str) -> None:
        super().__init__(f"{where}: {rule}")


class AbsentError(Exception):
    """Something that was asked for is not there.

    Args:
        identity: By which it was asked for.
        rule: What there is not.
        error: What the server answered.
    """

    def __init__(self, identity: str, rule: str, error: NotFoundError) -> None:
        super().__init__(f"{identity}: {rule} ({error})")


@contextmanager
def absent(identity: str, rule: str) -> Iterator[None]:
    """Say of a 404 what is not there.

    Raises:
        AbsentError: The server answered 404 within the block.
    """
    try:
        yield
    except NotFoundError as error:
        raise AbsentError(identity, rule, error) from error


def code_of(error: Exception) -> ExitCode:
    """Return the exit code that an error ends a command with."""
    if isinstance(error, FinishedError):
        return ExitCode.FINISHED
    if isinstance(error, InUseError):
        return ExitCode.IN_USE
    if isinstance(error, ConfigurationError | InputError | UsageError):
        return ExitCode.USAGE
    if isinstance(error, _SYSTEMIC):
        return ExitCode.ABORTED
    return ExitCode.FAILED


def told(error: BaseException) -> str:
    """Return one line about an error; the class of one that is not ours is part of it."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'input or output'}: {error.strerror}"
    if not isinstance(error, AirViewHeraldError | AbsentError | UsageError):
        return on_one_line(f"{type(error).__name__}: {error}")
    parts = [in_options(str(error))]
    if isinstance(error, AirViewHeraldError) and error.ambiguous:
        parts.append("it may have been done all the same")
    return on_one_line("; ".join(parts))


def in_options(message: str) -> str:
    """Return a message of the library's with options where it has arguments."""
    named = _ARGUMENT.match(message)
    if named is not None and named[1] in _NAMED:
        message = _NAMED[named[1]] + message[named.end() :]
    for argument, option in _OPTIONS.items():
        message = message.replace(argument, option)
    return message


def on_one_line(text: str) -> str:
    """Return a text without line ends and whatever else a terminal acts on."""
    return _CONTROLS.sub(" ", text).strip()


def complain(message: str, kind: str = "error") -> None:
    """Write one line to stderr; when nobody reads that any more, or it is full, go on without."""
    painted = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    label = f"{_PAINT.get(kind, '')}{kind}:\x1b[0m" if painted else f"{kind}:"
    words = on_one_line(message[: _LONGEST + 1])
    try:
        sys.stderr.write(f"{label} {words if len(message) <= _LONGEST else f'{words}…'}\n")
        sys.stderr.flush()
    except OSError:
        give_up(sys.stderr)


def give_up(stream: TextIO) -> None:
    """Let what is still written to a closed pipe, say, go nowhere, and the exit say nothing."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
