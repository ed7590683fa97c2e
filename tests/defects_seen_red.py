"""Put known defects back, one at a time, and see the test of each turn red.

The package is copied, one piece of its text is replaced by the defect, and the defect's own test
runs against the copy. Ten defects are taken at random; name others by number, or say `all`:

    python tests/defects_seen_red.py [--seed SEED] [all | NUMBER ...]

Left out are 1 and 31, which are the installation's and not the package's text.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

_ROOT = Path(__file__).parents[1]
_TESTS = sorted(map(str, (_ROOT / "tests" / "integration").glob("test_defects_*.py")))
_AT_RANDOM = 10
_GREEN, _RED = 0, 1


class Defect(NamedTuple):
    """How a defect is put into the package.

    Attributes:
        file: The module.
        sound: A piece of its text, there exactly once.
        broken: What takes its place.
    """

    file: str
    sound: str
    broken: str


DEFECTS = {
    2: Defect(
        "auth/_bearer.py",
        'without_scheme(Secret(token, "token").reveal())',
        'Secret(token, "token").reveal()',
    ),
    3: Defect(
        "auth/_client_credentials.py", "if not isinstance(token, str) or not token:", "if False:"
    ),
    4: Defect(
        "auth/_refreshing.py",
        "if response.status_code != httpx.codes.UNAUTHORIZED or not self.renewable:",
        "if True:",
    ),
    5: Defect(
        "transport/_call.py",
        "        if status != httpx.codes.NOT_FOUND:\n",
        "        if self.absent:\n            return True\n"
        "        if status != httpx.codes.NOT_FOUND:\n",
    ),
    6: Defect("transport/_call.py", "(self.absent and body.own)", "self.absent"),
    7: Defect("airview/_framework_routes.py", " if row.framework_id == framework.id]", "]"),
    8: Defect(
        "airview/_routes.py", '("ttl", "is_blocking", "control_id")', '("ttl", "is_blocking")'
    ),
    9: Defect(
        "airview/_catalogue.py",
        "return await self._parents.resolve(control.name, find, asker.time_left)",
        "return await find(True)",
    ),
    10: Defect("airview/_routes.py", ', "additionalData": additional_data}', "}"),
    11: Defect("airview/_mismatches.py", "if ours is not None and theirs != ours:", "if False:"),
    12: Defect(
        "airview/models.py", "default=None, converter=enumerations.quality_model", "default=None"
    ),
    13: Defect(
        "airview/_calls.py",
        'min(rows or (), key=attrgetter("id"), default=None)',
        "next(iter(rows or ()), None)",
    ),
    14: Defect("airview/enumerations.py", '    UNRESPONSIVE = "UNRESPONSIVE"\n', ""),
    15: Defect(
        "airview/_calls.py",
        "urlencode(query, quote_via=quote, safe='')",
        "'&'.join(map('='.join, ((name, str(query[name])) for name in query)))",
    ),
    16: Defect(
        "airview/_operations.py", "        Rules(compliance_event).event(compliance_event)\n", ""
    ),
    17: Defect("airview/_backend.py", "if control.quality_model is None:", "if False:"),
    18: Defect(
        "airview/_exclusion_routes.py",
        "None if reference is None else reference.reference",
        "reference.reference",
    ),
    19: Defect(
        "airview/_routes.py",
        'update(f"/applications/{application.id}", body)',
        'update(f"/applications/{application.id}", {**body, "environmentId": 1})',
    ),
    20: Defect("airview/_batches.py", "async def ingest(", "async def persist("),
    21: Defect(
        "_memory.py",
        "            flight = self._flights.get(key)\n",
        "            return await find(False)\n",
    ),
    22: Defect(
        "airview/_applications.py",
        "made = self._made.get(application.reference)",
        "made = None",
    ),
    23: Defect(
        "airview/_catalogue.py",
        "        backend, reference = asker.backend, application.reference\n",
        "        backend, reference = asker.backend, application.reference\n"
        "        await self.environment(asker, application.environment)\n",
    ),
    24: Defect(
        "airview/_exclusion_backend.py",
        "self._sender.find_system()",
        "self._sender.system()",
    ),
    25: Defect(
        "airview/_sending.py", "self._systems.resolve(name, find, ", "(lambda *_: find(True))("
    ),
    26: Defect(
        "airview/_backend.py",
        "row = await self._sender.send(_routes.get_resource_type(reference))",
        "row = await self._sender.send(_routes.get_resource_type(reference)); print(row)",
    ),
    27: Defect("transport/_retry.py", "if status in _AMBIGUOUS_STATUSES:", "if False:"),
    28: Defect("_memory.py", "            self.put(key, value)\n", ""),
    29: Defect(
        "airview/_recording.py",
        "        placed = _id(application.application_environment_id)\n",
        "        placed = _id(application.application_environment_id)\n"
        '        object.__setattr__(event.application, "id", application.id)\n',
    ),
    30: Defect("errors.py", "kind = _BY_STATUS.get(status) or ", "kind = None and "),
    32: Defect("_origin.py", 'str(parsed).rstrip("/")', "str(parsed)"),
}


def copy_package(folder: Path) -> Path:
    """Copy the package that is imported here into a folder, and return the copy."""
    found = importlib.util.find_spec("airview_herald")
    assert found is not None
    assert found.origin is not None
    ignored = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(
        Path(found.origin).parent, folder / "airview_herald", ignore=ignored, dirs_exist_ok=True
    )


def run_tests(folder: Path, numbers: list[int]) -> subprocess.CompletedProcess[str]:
    """Run the tests of defects against the package in a folder, on one event loop."""
    names = " or ".join(f"test_defect_{number:02}" for number in numbers)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    command += ["--tb=line", "-k", f"({names}) and not trio", *_TESTS]
    # Python puts the working directory, and with it the source tree, before what is installed.
    environment = {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command,
        cwd=_ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def see_red(number: int) -> bool:
    """Put a defect into a copy, run its test, and return whether it failed."""
    defect = DEFECTS[number]
    with tempfile.TemporaryDirectory() as folder:
        module = copy_package(Path(folder)) / defect.file
        text = module.read_text()
        if text.count(defect.sound) != 1:
            raise SystemExit(f"defect {number:02}: not there exactly once: {defect.sound!r}")
        module.write_text(text.replace(defect.sound, defect.broken))
        done = run_tests(Path(folder), [number])
    red = done.returncode == _RED
    failed = re.search(r"FAILED \S+::(\w+)", done.stdout)
    name = failed[1] if failed else done.stdout.strip().rpartition("\n")[2]
    say(f"defect {number:02}  {'red' if red else 'NOT RED'}  {name}  ({defect.file})")
    return red


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """See the chosen defects' tests green on the package as it is, and red with each defect."""
    parser = argparse.ArgumentParser(description="Put known defects back, and see tests turn red.")
    parser.add_argument("numbers", nargs="*", help="`all`, or numbers of defects")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    if options.numbers == ["all"]:
        chosen = list(DEFECTS)
    elif options.numbers:
        chosen = list(map(int, options.numbers))
    else:
        say(f"seed {options.seed}")
        chosen = sorted(random.Random(options.seed).sample(list(DEFECTS), _AT_RANDOM))
    with tempfile.TemporaryDirectory() as folder:
        copy_package(Path(folder))
        done = run_tests(Path(folder), chosen)
    if done.returncode != _GREEN:
        say(done.stdout)
        return 1
    say(f"sound: {done.stdout.strip().rpartition(chr(10))[2]}")
    seen = [see_red(number) for number in chosen]
    say(f"{sum(seen)} of {len(seen)} defects seen red")
    return 0 if all(seen) else 1


if __name__ == "__main__":
    sys.exit(main())
