"""Feed every target by atheris, and print what became of each.

Inputs that break a promise are left in a folder, one for each place in the code; the exit status
tells whether there are any. What was mended belongs to `tests/fuzz/found`, by its target's name.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from fuzz_seeds import seeds

RUNS = 75_000
# What goes through files or an event loop takes longer.
_SLOWER = {
    **dict.fromkeys(("heads", "clients", "settings_files", "state_files", "state_tables"), 30_000),
    **dict.fromkeys(("retry_after_headers", "refusals"), 150_000),
}
_WORKER = Path(__file__).with_name("fuzz_worker.py")
_COVERED = re.compile(rb"INITED cov: (\d+) .*|cov: (\d+) ft: \d+ corp: (\d+)/")


class Fed(NamedTuple):
    """What became of one target."""

    name: str
    runs: int
    seconds: float
    edges: tuple[int, int]
    inputs: int
    broken: int
    ended: str


def feed(name: str, share: float, found: Path) -> Fed:
    """Feed one target, in a process of its own.

    Args:
        name: The target.
        share: What part of its runs it gets.
        found: Where inputs go that break a promise.
    """
    runs = int(_SLOWER.get(name, RUNS) * share)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as made:  # noqa: S108 - a fresh folder in it
        corpus = Path(made, "corpus")
        corpus.mkdir()
        for index, seed in enumerate(seeds()[name]):
            (corpus / str(index)).write_bytes(seed)
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(_WORKER), name, str(runs), str(corpus), str(found / name)],
            env={**os.environ, "TMPDIR": made},
            capture_output=True,
            check=False,
        )
        seconds = time.perf_counter() - began
        told = Path(made, "told.json")
        report = json.loads(told.read_bytes()) if told.exists() else {"runs": 0, "broken": 0}
    edges = [int(first or later) for first, later, _ in _COVERED.findall(done.stderr)] or [0]
    inputs = [int(each[2]) for each in _COVERED.findall(done.stderr) if each[2]] or [0]
    ended = "" if told and done.returncode == 0 else done.stderr.decode(errors="replace")[-2000:]
    grown = max(0, inputs[-1] - len(seeds()[name]))
    return Fed(name, report["runs"], seconds, (edges[0], edges[-1]), grown, report["broken"], ended)


def main() -> int:
    """Feed the targets, two at a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *seeds()], metavar="name")
    parser.add_argument("--share", type=float, default=1.0, help="of the runs; default 1")
    parser.add_argument("--found", type=Path, default=None, help="where broken promises go")
    asked = parser.parse_args()
    found = asked.found or Path(tempfile.mkdtemp(prefix="fuzz-"))
    print(
        f"{'target':22}{'executions':>12}{'seconds':>9}{'edges':>14}{'new paths':>11}{'crashes':>9}"
    )
    total = broken = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for fed in pool.map(lambda name: feed(name, asked.share, found), asked.names or seeds()):
            edges = f"{fed.edges[0]} → {fed.edges[1]}"
            print(
                f"{fed.name:22}{fed.runs:>12,}{fed.seconds:>9.0f}{edges:>14}{fed.inputs:>11,}"
                f"{fed.broken:>9}",
                flush=True,
            )
            if fed.ended:
                print(f"  ended early: {fed.ended}")
            total += fed.runs
            broken += fed.broken + bool(fed.ended)
    print(f"{'in all':22}{total:>12,}{'':34}{broken:>9}")
    if broken:
        print(f"the inputs are in {found}")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
