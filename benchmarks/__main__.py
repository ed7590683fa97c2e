"""Measure this package against its neighbours, in one run on one machine.

    python benchmarks [--quick] [--name NAME] [PART ...]

The parts are `requests`, `events`, `ingest`, `herald`, `memory` and `imports`; by default all of
them run. Tables are printed, and everything measured goes to `benchmarks/results/NAME.json`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import event_costs
import herald_paging
import import_times
import ingest_rates
import machine
import memory_growth
import request_costs
import scale

PARTS = {
    "requests": request_costs,
    "events": event_costs,
    "ingest": ingest_rates,
    "herald": herald_paging,
    "memory": memory_growth,
    "imports": import_times,
}
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Run the parts that are asked for and return the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"out of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="small: a glance, not a result")
    parser.add_argument("--name", default="latest", help="of the file of results")
    parser.add_argument("--almdrlib", metavar="PYTHON", help="of an environment that has almdrlib")
    options = parser.parse_args()
    unknown = set(options.parts) - PARTS.keys()
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    size = scale.QUICK if options.quick else scale.FULL
    result = {"machine": machine.described(), "scale": size._asdict(), "parts": {}}
    print("\n".join(f"{name}: {text}" for name, text in result["machine"].items()), end="\n\n")
    for name in [name for name in PARTS if name in options.parts or not options.parts]:
        began = time.perf_counter()
        more = {"almdrlib": options.almdrlib} if name == "herald" else {}
        samples = PARTS[name].measure(size, **more)
        result["parts"][name] = samples
        print("\n".join(table.plain() for table in PARTS[name].tables(samples)))
        print(f"{name}: {time.perf_counter() - began:.0f} s\n", flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{options.name}.json").write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
