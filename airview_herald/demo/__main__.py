"""`python -m airview_herald.demo`: both services in a process of their own, and both clients.

ruff reads the running interpreter's standard library, and every finding becomes a compliance record
in AirView, read back through `/compliance/`. The worst of them is sent through Herald to who is
subscribed, and what became of it is read back.
"""

from __future__ import annotations

import argparse
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import anyio

from airview_herald.demo._airview import print_groups, record, scan
from airview_herald.demo._herald import notify
from airview_herald.demo._services import Services, running


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return the exit code: 0 when every event was recorded."""
    parser = argparse.ArgumentParser(
        prog="python -m airview_herald.demo", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "--db",
        type=Path,
        metavar="FILE",
        default=Path("airview-demo.db"),
        help="where the sandbox keeps its rows (default: %(default)s)",
    )
    parser.add_argument(
        "--concurrency", type=int, default=64, help="requests in flight at most (default: 64)"
    )
    options = parser.parse_args(arguments)
    if find_spec("ruff") is None:
        parser.error("the demo scans with ruff: pip install ruff")
    database: Path = options.db.absolute()
    with running(database) as services:
        complete = anyio.run(_run, services, options.concurrency)
    print(
        f"\nThe records lie in {database}\n"
        f"Serve them again: {sys.executable} -m airview_herald.sandbox --db {database}"
    )
    return 0 if complete else 1


async def _run(services: Services, concurrency: int) -> bool:
    """Scan, record, and tell of the worst; return whether everything was recorded."""
    library = Path(sysconfig.get_path("stdlib"))
    with tempfile.TemporaryDirectory() as folder:
        print(f"ruff reads {library} ...")
        events = scan(library, Path(folder, "ruff.sarif"))
        print(f"AirView runs at {services.airview_url}")
        report, groups, worst = await record(services, events, concurrency)
    print_groups(groups)
    print(
        f"\n{events.results:,} findings, {report.inputs:,} events: {report.recorded:,} recorded, "
        f"{report.failed + report.unknown:,} failed, {len(events.problems)} unreadable\n"
        f"{report.requests / max(report.inputs, 1):.2f} requests per event, "
        f"{report.inputs / report.elapsed:,.0f} events per second"
    )
    for outcome in report.failures[:5]:
        print(f"  {outcome.event.resource_reference}: {outcome.error}", file=sys.stderr)
    if worst is not None:
        await notify(services, worst)
    return report.recorded == report.inputs


if __name__ == "__main__":
    sys.exit(main())
