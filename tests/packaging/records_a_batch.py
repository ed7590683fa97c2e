"""Import every public module, and record a batch in a sandbox, as whoever just installed it would.

A program: run it with the interpreter of an environment that has nothing but the package.
"""

import importlib
import sys

import anyio

from airview_herald import AirView, __version__
from airview_herald.airview import Application, ComplianceEvent, Control, TechnicalControl
from airview_herald.sandbox import Sandbox

MODULES = ("airview", "auth", "errors", "herald", "sandbox", "sources", "transport")
EVENTS = 200


async def main():
    """Record events, and read back that they are there."""
    shop = Application("Shop", "shop")
    control = Control("Patch servers", "SECURITY", severity="HIGH")
    patched = TechnicalControl("Patched", "patched", "VULNERABILITY", control=control)
    events = [ComplianceEvent(f"i-{number}", shop, patched, "FLAGGED") for number in range(EVENTS)]
    with Sandbox() as sandbox:
        async with AirView(
            sandbox.airview_url,
            system_name="release",
            system_stage="BUILD",
            referencing_type="name",
        ) as airview:
            report = await airview.ingest(events, progress=True)
            [group] = await airview.get_compliance(["controlName"])
    recorded = (report.recorded, group.total, group.control_name)
    if recorded != (EVENTS, EVENTS, "Patch servers"):
        sys.exit(f"recorded: {recorded}")
    print(f"airview-herald {__version__}: {report.recorded} events recorded")


if __name__ == "__main__":
    for name in MODULES:
        importlib.import_module(f"airview_herald.{name}")
    anyio.run(main)
