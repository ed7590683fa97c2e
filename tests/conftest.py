"""What every test shares: the event loop parameter, a scrubbed environment, an empty home."""

import os

import pytest

_SCRUBBED = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    """Run each async test on both event loops."""
    return request.param


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory):
    """A home folder without settings."""
    return str(tmp_path_factory.mktemp("home"))


@pytest.fixture(autouse=True)
def _scrubbed_environment(monkeypatch, empty_home):
    """Keep the caller's proxies, credentials and files out of every test."""
    monkeypatch.setenv("HOME", empty_home)
    monkeypatch.setenv("USERPROFILE", empty_home)
    for name in list(os.environ):
        if name.lower() in _SCRUBBED or name.startswith("ALERTLOGIC_"):
            monkeypatch.delenv(name)
