"""The sandbox in a terminal: `python -m airview_herald.sandbox --port 8800 --db airview.db`."""

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Never

from airview_herald.sandbox import FaultKind, Sandbox

_GLANCE = 0.05  # seconds


def main(
    arguments: Sequence[str] | None = None, program: str = "python -m airview_herald.sandbox"
) -> int:
    """Serve until Ctrl-C or SIGTERM and return the exit code.

    Args:
        arguments: What was typed; by default what the process was started with.
        program: What it is called in its help.
    """
    options = _parser(program).parse_args(arguments)
    sandbox = Sandbox(
        options.db,
        host=options.host,
        port=options.port,
        race_window=options.race_window,
        sqlite=options.sqlite,
        exclusion_resources=options.exclusion_resources,
        latency=options.latency,
        require_token=options.require_token,
    )
    try:
        _spoil(sandbox, options)
    except ValueError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    with _signals() as ended:
        try:
            sandbox.start()
        except OSError as error:
            sys.stderr.write(f"error: {error.strerror or error}\n")
            return 1
        where = "in memory" if options.db is None else options.db
        if options.seed_herald is not None:
            # The file may have been seeded by an earlier run.
            with contextlib.suppress(ValueError):
                sandbox.herald.seed(options.seed_herald, latest=time.time())
        herald = sandbox.herald
        sys.stdout.write(
            f"AirView {sandbox.airview_url}  tokens {sandbox.token_url}  database {where}\n"
            f"Herald {sandbox.herald_url}  account {herald.account_id}"
            f"  key {herald.access_key_id}  secret {herald.secret_key}\n"
        )
        sys.stdout.flush()
        while not ended:
            # Polled: a signal just before an endless wait would not end it.
            time.sleep(_GLANCE)
        sandbox.stop()
    return 0


def _spoil(sandbox: Sandbox, options: argparse.Namespace) -> None:
    """Force statuses, and set faults.

    Raises:
        ValueError: They cannot be.
    """
    for method, path, status in options.force:
        sandbox.force(method, path, int(status))
    if options.faults is None:
        return
    kinds = options.fault_kind
    rates = dict.fromkeys(kinds, options.faults / len(kinds)) if kinds else options.faults
    read_timeout, settle = options.fault_timing
    sandbox.faults.configure(seed=options.fault_seed, read_timeout=read_timeout, settle=settle)
    sandbox.faults.add("*", "*", rates)


@contextlib.contextmanager
def _signals() -> Iterator[Sequence[int]]:
    """Give a list that Ctrl-C and SIGTERM are put on instead of ending the process."""
    ended: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda heard, _: ended.append(heard)) for number in numbers]
    try:
        yield ended
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Never:
        """Tell what is wrong in one line."""
        self.exit(2, f"error: {message.removeprefix('argument ')}. See {self.prog} --help.\n")


def _parser(program: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=program,
        description="Serve AirView and Herald on this machine.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=_port, default=8800, help="port to listen on; 0: any free")
    parser.add_argument("--db", metavar="FILE", help="file to keep the rows in (default: memory)")
    parser.add_argument(
        "--latency", type=float, default=0.0, metavar="SECONDS", help="delay before each answer"
    )
    parser.add_argument(
        "--require-token", action="store_true", help="answer 401 without a token of this sandbox"
    )
    parser.add_argument(
        "--seed-herald",
        type=int,
        nargs="?",
        const=1,
        metavar="SEED",
        help="begin with a month of Herald's notifications that ends now; SEED says which",
    )
    parser.add_argument("--sqlite", action="store_true", help="be as lenient as AirView on SQLite")
    parser.add_argument(
        "--exclusion-resources",
        action="store_true",
        help="serve the exclusion-resource routes of releases before May 2023",
    )
    parser.add_argument(
        "--force",
        action="append",
        default=[],
        nargs=3,
        metavar=("METHOD", "PATH", "STATUS"),
        help="answer a route with an error, such as GET /systems/ 503; may be repeated",
    )
    parser.add_argument(
        "--faults",
        type=float,
        metavar="RATE",
        help="have a share of all requests, 0 to 1, meet a fault: refused, dropped, late, cut ...",
    )
    parser.add_argument(
        "--fault-seed",
        type=int,
        default=0,
        metavar="SEED",
        help="which requests meet which fault; the same for the same number (default: 0)",
    )
    parser.add_argument(
        "--fault-kind",
        action="append",
        choices=[kind.value for kind in FaultKind],
        metavar="KIND",
        help=f"have faults of this kind only; may be repeated; one of {', '.join(FaultKind)}",
    )
    parser.add_argument(
        "--fault-timing",
        type=float,
        nargs=2,
        default=(1.0, 2.0),
        metavar=("TIMEOUT", "SETTLE"),
        help="late requests: the client's read timeout, and the seconds after it in which they are"
        " carried out (default: 1 2)",
    )
    parser.add_argument(
        "--no-race-window",
        dest="race_window",
        action="store_const",
        const=0.0,
        default=0.002,
        help="serialise the first writes of a monitored resource: no duplicates",
    )
    return parser


def _port(text: str) -> int:
    with contextlib.suppress(ValueError):
        if 0 <= int(text) <= 65535:  # noqa: PLR2004 - TCP's range
            return int(text)
    raise argparse.ArgumentTypeError("must be a number from 0 to 65535")


if __name__ == "__main__":
    sys.exit(main())
