"""Real findings into a running AirView: `python -m airview_herald.demo`.

ruff reads the running interpreter's standard library, a sandbox of AirView runs in a process of
its own, and every finding becomes a compliance record in it, read back through `/compliance/`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import anyio

from airview_herald.airview import AirView, Control, IngestReport, QualityModel, SystemStage
from airview_herald.airview.models import ControlSeverity
from airview_herald.airview.readings import ComplianceGroup
from airview_herald.auth import ClientCredentials
from airview_herald.sources import SarifEvents, SarifRule, read_sarif

# Longest prefix first: BLE and TRY before the one-letter families.
_CONTROLS = {
    "ERA": Control(
        "No dead code", QualityModel.USABILITY_AND_COMPATIBILITY, severity=ControlSeverity.LOW
    ),
    "TRY": Control(
        "Exceptions say what failed", QualityModel.RELIABILITY, severity=ControlSeverity.MEDIUM
    ),
    "BLE": Control("No blind except", QualityModel.RELIABILITY, severity=ControlSeverity.HIGH),
    "PL": Control(
        "Readable code", QualityModel.USABILITY_AND_COMPATIBILITY, severity=ControlSeverity.LOW
    ),
    "S": Control("Secure code", QualityModel.SECURITY, severity=ControlSeverity.CRITICAL),
    "B": Control("No likely bugs", QualityModel.RELIABILITY, severity=ControlSeverity.HIGH),
}
_SEVERITIES = tuple(ControlSeverity)
_ROWS = 12


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
    library = Path(sysconfig.get_path("stdlib"))
    database: Path = options.db.absolute()
    with tempfile.TemporaryDirectory() as folder:
        print(f"ruff reads {library} ...")
        report = Path(folder, "ruff.sarif")
        _scan(library, report)
        events = read_sarif(report, base=library, control=_control)
        with _sandbox(database) as (airview_url, token_url):
            print(f"AirView runs at {airview_url}")
            auth = ClientCredentials(token_url, "sandbox-client", "sandbox-secret")
            closed, groups = anyio.run(_record, airview_url, auth, events, options.concurrency)
    _show(groups)
    print(
        f"\n{events.results:,} findings, {closed.inputs:,} events: {closed.recorded:,} recorded, "
        f"{closed.failed + closed.unknown:,} failed, {len(events.problems)} unreadable\n"
        f"{closed.requests / max(closed.inputs, 1):.2f} requests per event, "
        f"{closed.inputs / closed.elapsed:,.0f} events per second\n"
        f"The records lie in {database}\n"
        f"Serve them again: {sys.executable} -m airview_herald.sandbox --db {database}"
    )
    for outcome in closed.failures[:5]:
        print(f"  {outcome.event.resource_reference}: {outcome.error}", file=sys.stderr)
    return 0 if closed.recorded == closed.inputs else 1


def _scan(library: Path, report: Path) -> None:
    """Have ruff write its findings, with no configuration but ours."""
    subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--exit-zero",
         "--quiet", "--select", "S,B,BLE,TRY,PL,ERA", "--exclude", "site-packages",
         "--no-respect-gitignore", "--output-format", "sarif", "--output-file", str(report),
         str(library)],
        check=True,
    )  # fmt: skip


def _control(rule: SarifRule) -> Control | None:
    """Return the control that a family of ruff's rules serves."""
    return next((c for family, c in _CONTROLS.items() if rule.id.startswith(family)), None)


@contextmanager
def _sandbox(database: Path) -> Iterator[tuple[str, str]]:
    """Run a sandbox in a process of its own; yield AirView's URL and the token endpoint's."""
    command = [sys.executable, "-m", "airview_herald.sandbox", "--port", "0", "--require-token"]
    with subprocess.Popen(
        [*command, "--db", str(database)], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            yield _addresses(server.stdout)
        finally:
            server.terminate()


def _addresses(output: IO[str] | None) -> tuple[str, str]:
    words = output.readline().split() if output is not None else []
    if len(words) < 4:  # noqa: PLR2004 - `AirView URL tokens URL`
        raise SystemExit("the sandbox did not start")
    return words[1], words[3]


async def _record(
    url: str, auth: ClientCredentials, events: SarifEvents, concurrency: int
) -> tuple[IngestReport, list[ComplianceGroup]]:
    async with AirView(
        url,
        system_name="ruff",
        system_stage=SystemStage.BUILD,
        referencing_type="python_module",
        auth=auth,
    ) as airview:
        report = await airview.ingest(events, concurrency=concurrency, progress=_progress)
        print()
        return report, await airview.get_compliance(["applicationName", "controlSeverity"])


def _progress(report: IngestReport) -> None:
    """Keep one line up to date in a terminal; elsewhere print it once."""
    if not sys.stdout.isatty() and report.held:
        return
    rate = report.recorded / report.elapsed if report.elapsed else 0.0
    print(
        f"\r{report.recorded:6,} recorded  {report.failed + report.unknown:,} failed  "
        f"{rate:7,.0f} events/s",
        end="",
        flush=True,
    )


def _show(groups: list[ComplianceGroup]) -> None:
    """Print flagged records by application and severity, the most flagged first."""
    flagged: Counter[str] = Counter()
    cells: Counter[tuple[str, str | None]] = Counter()
    for group in groups:
        count = group.total - group.is_compliant
        name = group.application_name or ""
        flagged[name] += count
        cells[name, group.control_severity] += count
    head = "".join(f"{severity:>10}" for severity in _SEVERITIES)
    print(f"\n{'application':<24}{head}{'flagged':>10}")
    for name, total in flagged.most_common(_ROWS):
        row = "".join(f"{cells[name, severity]:>10,}" for severity in _SEVERITIES)
        print(f"{name:<24}{row}{total:>10,}")
    if len(flagged) > _ROWS:
        rest = dict(flagged.most_common()[_ROWS:])
        row = "".join(
            f"{sum(cells[name, severity] for name in rest):>10,}" for severity in _SEVERITIES
        )
        print(f"{f'and {len(rest)} more':<24}{row}{sum(rest.values()):>10,}")


if __name__ == "__main__":
    sys.exit(main())
