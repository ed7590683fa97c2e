"""What every test shares: the event loop parameter and a scrubbed environment."""

import os

import pytest

_SCRUBBED = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    """Run each async test on both event loops."""
    return request.param


@pytest.fixture(autouse=True)
def _scrubbed_environment(monkeypatch):
    """Keep the caller's proxies and credentials out of every test."""
    for name in list(os.environ):
        if name.lower() in _SCRUBBED or name.startswith("ALERTLOGIC_"):
            monkeypatch.delenv(name)
