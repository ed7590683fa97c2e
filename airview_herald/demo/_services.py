"""AirView and Herald, in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Services(NamedTuple):
    """Where the services are, and what opens Herald."""

    airview_url: str
    token_url: str
    herald_url: str
    account_id: str
    access_key_id: str
    secret_key: str


@contextmanager
def running(database: Path) -> Iterator[Services]:
    """Run a sandbox with its rows in a file; Herald begins with a month of notifications."""
    command = [sys.executable, "-m", "airview_herald.sandbox", "--port", "0", "--require-token"]
    with subprocess.Popen(
        [*command, "--seed-herald", "--db", str(database)], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            # `AirView URL  tokens URL  database FILE`, `Herald URL  account ID  key ID  secret KEY`
            lines = [] if server.stdout is None else [server.stdout.readline() for _ in range(2)]
            pairs = (pair.partition(" ") for line in lines for pair in line.strip().split("  "))
            found = {name: value for name, _, value in pairs}
            names = ("AirView", "tokens", "Herald", "account", "key", "secret")
            if not found.keys() >= set(names):
                raise SystemExit("the sandbox did not start")
            yield Services(*(found[name] for name in names))
        finally:
            server.terminate()
