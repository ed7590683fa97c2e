"""What a result was measured with and on."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    "airview-herald", "httpx", "httpcore", "h11", "anyio", "sniffio", "aiohttp", "httpx-aiohttp",
    "requests", "attrs", "cattrs", "msgspec",
)  # fmt: skip


def described() -> dict[str, str]:
    """Return the date, the machine, and the versions of all that takes part."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "processors": f"{os.cpu_count()} × {_processor()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        **{package: _version(package) for package in _PACKAGES},
    }


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="ascii", errors="replace") as lines:
            models = (line for line in lines if line.startswith("model name"))
            return next(models).partition(":")[2].strip()
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
