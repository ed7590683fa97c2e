"""What a batch costs the client: CPU for each event, without and with `state`, before and now.

    python benchmarks/ingest_overhead.py
    python benchmarks/ingest_overhead.py --against HEAD~20 --rounds 15

Every sample is a process of its own against one server in another process, so that only the
client's CPU counts, threads included. The arms take turns within each round, and each round begins
with another one: a machine that gets slower meanwhile does so for all of them. What counts is the
median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]
_SERVER = _ROOT / "tests" / "servers" / "bare_airview.py"
_FEWEST_ROUNDS = 7
_MILLION = 1_000_000


def main() -> None:
    """Measure, and print a table."""
    options = _parser().parse_args()
    if options.sample is not None:
        url, state = options.sample
        _sample(url, state, options.events, options.concurrency)
        return
    with tempfile.TemporaryDirectory() as folder, _served() as url:
        arms = {"now": (_ROOT, ""), "now, with state": (_ROOT, "state")}
        if options.against is not None:
            before = Path(folder, "before")
            _check_out(options.against, before)
            arms = {options.against: (before, ""), **arms}
        samples: dict[str, list[float]] = {name: [] for name in arms}
        for number in range(options.rounds):
            names = list(arms)
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                root, state = arms[name]
                path = str(Path(folder, f"{number}.db")) if state else ""
                samples[name].append(_measure(root, url, path, options))
            _say(f"round {number + 1} of {options.rounds}: ", samples, -1)
        _report(samples)


def _measure(root: Path, url: str, state: str, options: argparse.Namespace) -> float:
    """Return the microseconds of CPU for each event, in a process that imports from a folder."""
    command = [
        sys.executable, __file__, "--sample", url, state,
        "--events", str(options.events), "--concurrency", str(options.concurrency),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(done.stderr)
    return float(done.stdout)


def _sample(url: str, state: str, count: int, concurrency: int) -> None:
    """Record a warm-up and a batch of new resources; print the CPU that the batch took."""
    import anyio

    from airview_herald import AirView
    from airview_herald.airview import (
        Application,
        ComplianceEvent,
        Environment,
        TechnicalControl,
    )

    environment = Environment("Production", "PRD")
    applications = [Application(f"App {n}", f"app-{n}", environment=environment) for n in range(20)]
    controls = [TechnicalControl(f"Check {n}", f"check-{n}", "LOG") for n in range(10)]

    def events(first: int, last: int) -> list[ComplianceEvent]:
        return [
            ComplianceEvent(f"i-{n}", applications[n % 20], controls[n % 10], "FLAGGED", "kernel 5")
            for n in range(first, last)
        ]

    async def record() -> float:
        client = AirView(
            url, system_name="ccf", system_stage="MONITOR", referencing_type="aws_account_id"
        )
        async with client as airview:
            await airview.ingest(events(0, 500), concurrency=concurrency)
            batch = events(500, 500 + count)
            began = time.process_time()
            # An older revision may have no such argument.
            kept: Any = {"state": state} if state else {}
            report = await airview.ingest(batch, concurrency=concurrency, **kept)
            took = time.process_time() - began
        if report.recorded != count:
            raise SystemExit(f"{report.recorded} of {count} were recorded")
        return took

    sys.stdout.write(str(anyio.run(record) / count * _MILLION))


@contextmanager
def _served() -> Iterator[str]:
    """Serve in a process of its own, and give the URL."""
    command = [sys.executable, str(_SERVER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None  # noqa: S101 - for the type checker
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()


def _check_out(revision: str, folder: Path) -> None:
    """Put the package as it was at a revision into a folder."""
    folder.mkdir()
    archive = subprocess.run(
        ["git", "archive", revision, "airview_herald"], cwd=_ROOT, capture_output=True, check=True
    )
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)


def _report(samples: dict[str, list[float]]) -> None:
    (first, base), *others = samples.items()
    print(f"\n{'':24} {'median':>8} {'lowest':>8} {'highest':>8}   CPU µs an event")
    for name, each in samples.items():
        print(f"{name:24} {statistics.median(each):8.0f} {min(each):8.0f} {max(each):8.0f}")
    pairs = [(first, base, *other) for other in others]
    if len(others) > 1:
        pairs.append((*others[0], *others[1]))
    for name, before, other, after in pairs:
        ratios = [b / a - 1 for a, b in zip(before, after, strict=True)]
        print(
            f"{other} against {name}: {statistics.median(ratios):+.1%}"
            f" (rounds from {min(ratios):+.1%} to {max(ratios):+.1%})"
        )


def _say(words: str, samples: dict[str, list[float]], index: int) -> None:
    print(words + ", ".join(f"{name} {each[index]:.0f}" for name, each in samples.items()))


def _rounds(text: str) -> int:
    rounds = int(text)
    if rounds < _FEWEST_ROUNDS:
        raise argparse.ArgumentTypeError(f"fewer than {_FEWEST_ROUNDS} rounds tell nothing")
    return rounds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--against", metavar="REVISION", help="a commit to compare with")
    parser.add_argument("--rounds", type=_rounds, default=9, help="default: 9, at least 7")
    parser.add_argument("--events", type=int, default=5000, help="of a sample; default: 5,000")
    parser.add_argument("--concurrency", type=int, default=64, help="default: 64")
    parser.add_argument("--sample", nargs=2, metavar=("URL", "STATE"), help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
