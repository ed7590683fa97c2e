"""Pytest fixtures: a sandbox for each test that takes one, whatever runs the test.

Pytest loads this module whenever the package is installed, so it imports nothing but pytest: what
serves is imported for the first test that takes a fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airview_herald.sandbox import Sandbox

_MARKER = (
    "airview_sandbox(**arguments): what the sandbox of a test is made with, "
    "such as require_token=True"
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def airview_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Give a test a running `Sandbox` of its own: AirView and Herald, both empty.

    `pytest.mark.airview_sandbox` on a test, its class or its module has the keyword arguments that
    the sandbox is made with; those that are nearest to the test count.
    """
    from airview_herald.sandbox import Sandbox  # noqa: PLC0415 - see above

    with Sandbox(**_arguments(request)) as running:
        yield running


@pytest.fixture
def herald_sandbox(airview_sandbox: Sandbox) -> Sandbox:
    """Give a test the same `Sandbox` as `airview_sandbox`, by the name of its other service."""
    return airview_sandbox


def _arguments(request: pytest.FixtureRequest) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for marker in request.node.iter_markers("airview_sandbox"):
        if marker.args:
            raise pytest.UsageError("airview_sandbox: takes keyword arguments only")
        given = {**marker.kwargs, **given}
    return given
