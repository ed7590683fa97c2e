"""Measure this package beside its neighbours, in one run on one machine.

    python benchmarks [PART ...] [--quick] [--name NAME] [--almdrlib PYTHON] [--write-docs]
    python benchmarks --show [--name NAME] [--check] [--write-docs]

The parts are `requests`, `events`, `ingest`, `herald`, `memory` and `imports`; by default all of
them run. Tables are printed, with what is promised of them; all that was measured is written to
`benchmarks/results/NAME.json`, and drawn beside it when there is enough.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import acceptance
import chart
import event_costs
import herald_paging
import import_times
import ingest_rates
import machine
import memory_growth
import performance_page
import request_costs
import scale
from result_tables import Table

PARTS = {
    "requests": request_costs,
    "events": event_costs,
    "ingest": ingest_rates,
    "herald": herald_paging,
    "memory": memory_growth,
    "imports": import_times,
}
HERE = Path(__file__).parent
RESULTS = HERE / "results"
DOCS = HERE.parent / "docs"
PICTURE = DOCS / "_static" / "performance.png"
_PICTURED = "CPU per request of each client, the same by requests in flight, and events per second"


def main() -> int:
    """Do what is asked for and return the exit code."""
    options = _options()
    file = RESULTS / f"{options.name}.json"
    if options.show:
        result = json.loads(file.read_text(encoding="utf-8"))
        print(_machine(result))
        for name, samples in result["parts"].items():
            _print(PARTS[name].tables(samples))
    else:
        result = _measure(options)
        RESULTS.mkdir(exist_ok=True)
        file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    promises = list(acceptance.figures(result["parts"]))
    _print([acceptance.table(promises)])
    if _drawable(result):
        chart.draw(result["parts"], _caption(result), file.with_suffix(".png"))
        if options.write_docs:
            chart.draw(result["parts"], _caption(result), PICTURE)
    if options.write_docs:
        performance_page.fill(DOCS / "performance.md", _markdown(result))
    return 1 if options.check and any(each.held != "yes" for each in promises) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python benchmarks", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"out of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="small: a glance, not a result")
    parser.add_argument("--name", default="latest", help="of the file of results")
    parser.add_argument("--show", action="store_true", help="measure nothing, show the file")
    parser.add_argument("--check", action="store_true", help="fail where a promise is not held")
    parser.add_argument("--write-docs", action="store_true", help="fill docs/performance.md")
    parser.add_argument("--almdrlib", metavar="PYTHON", help="of an environment that has almdrlib")
    options = parser.parse_args()
    unknown = set(options.parts) - PARTS.keys()
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return options


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    size = scale.QUICK if options.quick else scale.FULL
    result: dict[str, Any] = {"machine": machine.described(), "scale": size._asdict(), "parts": {}}
    print(_machine(result))
    for name, part in PARTS.items():
        if options.parts and name not in options.parts:
            continue
        began = time.perf_counter()
        if part is herald_paging:
            samples = herald_paging.measure(size, options.almdrlib)
        else:
            samples = part.measure(size)
        result["parts"][name] = samples
        _print(part.tables(samples))
        print(f"{name}: measured in {time.perf_counter() - began:.0f} s\n", flush=True)
    return result


def _print(tables: list[Table]) -> None:
    print("\n".join(table.plain() for table in tables))


def _machine(result: dict[str, Any]) -> str:
    return "\n".join(f"{name}: {text}" for name, text in result["machine"].items()) + "\n"


def _caption(result: dict[str, Any]) -> str:
    told = result["machine"]
    packages = ("Python", "httpx", "httpcore", "anyio", "aiohttp")
    versions = ", ".join(f"{name} {told[name].removeprefix('CPython ')}" for name in packages)
    rounds = result["scale"]["rounds"]
    return (
        f"Medians of {rounds} interleaved rounds, bars: quartiles; the server is another process."
        f" {versions}; {told['system']}, {told['processors']}; {told['date']}"
    )


def _markdown(result: dict[str, Any]) -> str:
    """Return all of it for the page."""
    told = ", ".join(f"{name} {text}" for name, text in result["machine"].items())
    tables = [acceptance.table(list(acceptance.figures(result["parts"])))]
    for name, samples in result["parts"].items():
        tables += PARTS[name].tables(samples)
    size = result["scale"]
    rounds = (
        f"Medians with quartiles, of {size['rounds']} rounds, imports of {size['import_rounds']}, "
        f"memory of one run each: {told}."
    )
    picture = [f"![{_PICTURED}](_static/{PICTURE.name})", ""] if _drawable(result) else []
    return "\n".join([rounds, "", *picture, *(table.markdown() for table in tables)])


def _drawable(result: dict[str, Any]) -> bool:
    """Return whether there is what the picture shows."""
    return {"requests", "ingest"} <= set(result["parts"])


if __name__ == "__main__":
    sys.exit(main())
