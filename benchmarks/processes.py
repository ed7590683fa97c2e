"""The processes of a measurement: the server, and a worker for each stack."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

HERE = Path(__file__).parent


class Process:
    """A program of this folder that answers each line with a line; use it as `with Process(...)`.

    Args:
        program: Its file.
        arguments: What it is started with.
        python: The interpreter that runs it.
    """

    def __init__(self, program: str, *arguments: str, python: str = sys.executable) -> None:
        self._process = subprocess.Popen(
            [python, str(HERE / program), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.greeting = self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ask(self, order: str) -> str:
        """Give an order and return what it answers."""
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        return self._read()

    def run(self, **order: Any) -> dict[str, Any]:
        """Give an order as JSON and return the answer, decoded."""
        answer: dict[str, Any] = json.loads(self.ask(json.dumps(order)))
        return answer

    def _read(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended: {self._process.wait()}")
        return line.strip()


class Server(Process):
    """The fast server.

    Args:
        punctual: Answer after the latency to a fraction of a millisecond.
    """

    def __init__(self, *, punctual: bool = False) -> None:
        super().__init__("fast_server.py", *(["--punctual"] if punctual else []))
        self.url = self.greeting

    def reset(self, latency: float = 0.0) -> None:
        """Empty it and set how long its answers take, in seconds."""
        self.ask("reset")
        self.ask(f"latency {latency}")

    def count(self) -> int:
        """Return how many requests it answered since it was last asked."""
        return int(self.ask("count"))

    def fill(self, resources: int) -> None:
        """Store a system, what it takes to record, and resources `i-1` and up, by requests."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc)
        for path, body in _definitions():
            _post(connection, path, body)
        for n in range(1, resources + 1):
            row = {"name": f"i-{n}", "reference": f"i-{n}", "applicationEnvironmentId": 1}
            _post(connection, "/resources/", row)
        connection.close()


def _definitions() -> list[tuple[str, dict[str, Any]]]:
    environments = ("Production", "Staging", "Test", "Development")
    return [
        ("/systems/", {"name": "benchmark", "stage": "MONITOR"}),
        *(("/environments/", {"name": e, "abbreviation": e[:3].upper()}) for e in environments),
        ("/applications/", {"name": "Payments", "applicationType": "BUSINESS_APPLICATION"}),
        (
            "/application-environments/",
            {
                "applicationId": 1,
                "environmentId": 1,
                "references": [{"type": "account", "reference": "payments"}],
            },
        ),
        (
            "/technical-controls/",
            {"name": "Patched", "reference": "patched", "systemId": 1, "controlAction": "TASK"},
        ),
    ]


def _post(connection: http.client.HTTPConnection, path: str, body: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    response = connection.getresponse()
    content = response.read()
    if response.status != http.client.OK:
        raise RuntimeError(f"POST {path}: {response.status} {content!r}")
