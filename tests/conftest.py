"""What every test shares: the event loop parameter, a clean environment, a watch over secrets."""

import base64
import logging
import os
from urllib.parse import quote, quote_plus

import pytest

from airview_herald._secret import Secret
from airview_herald.errors import AirViewHeraldError
from airview_herald.transport import AiohttpTransport, _connections

_MEASURED = "COVERAGE_PROCESS_"
_SETTINGS = ("AIRVIEW_", "ALERTLOGIC_", _MEASURED)
_SCRUBBED = (
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("ssl_cert_file", "ssl_cert_dir", "sslkeylogfile"),
)
# Shorter ones are in other words too.
_LONG_ENOUGH = 8
# Held as secrets for being headers or half of a credential, and known to everybody.
_NO_SECRETS = ("client_id", "headers['Accept']", "headers['User-Agent']")


def pytest_addoption(parser):
    """Let the clients' tests run over another backend than the default."""
    parser.addoption(
        "--http",
        choices=["pooled", "aiohttp"],
        default="pooled",
        help="what carries the requests of clients made without http=; aiohttp leaves trio out",
    )


def pytest_configure(config):
    """Judge no example by how long it takes: several tests run at a time."""
    if config.pluginmanager.hasplugin("hypothesispytest"):
        from hypothesis import settings  # noqa: PLC0415 - not where the documentation is built

        settings.register_profile("suite", deadline=None)
        settings.load_profile("suite")


def pytest_collection_modifyitems(config, items):
    """Leave out what does not run on trio."""
    if config.getoption("--http") != "aiohttp":
        return
    kept = [item for item in items if "[trio" not in item.name and "-trio" not in item.name]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture(autouse=True)
def _carried_by(request, monkeypatch):
    """Give clients made without http= the backend of the option."""
    if request.config.getoption("--http") == "aiohttp":
        monkeypatch.setattr(_connections, "default_backend", AiohttpTransport)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    """Run each async test on both event loops."""
    return request.param


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory):
    """A home folder without settings."""
    return str(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def measured():
    """What has a process that a test starts measured for coverage, which loads sqlite3 there."""
    return {name: value for name, value in os.environ.items() if name.startswith(_MEASURED)}


@pytest.fixture(autouse=True)
def _scrubbed_environment(monkeypatch, empty_home, measured):
    """Keep the caller's proxies, certificates, credentials and files out of every test."""
    monkeypatch.setenv("HOME", empty_home)
    monkeypatch.setenv("USERPROFILE", empty_home)
    for name in list(os.environ):
        if name.lower() in _SCRUBBED or name.startswith(_SETTINGS):
            monkeypatch.delenv(name)


def _forms(value):
    """Return the ways in which a secret may show."""
    encoded = base64.b64encode(value.encode()).decode().rstrip("=")
    return {value, quote(value, safe=""), quote_plus(value), encoded}


@pytest.fixture(autouse=True)
def _no_secret_shows(monkeypatch):
    """Let no text that a `Secret` holds show in a log record at DEBUG, or in an error."""
    planted, leaks = set(), []
    logger = logging.getLogger("airview_herald")
    keep, fail, handle = Secret.__init__, AirViewHeraldError.__init__, logger.handle

    def look(where, *shown):
        text = " ".join(map(str, shown))
        leaks.extend((where, form, text) for form in planted if form in text)

    def keeping(self, value, name="secret"):
        keep(self, value, name)
        text = self.reveal().removeprefix("Bearer ")
        if len(text) >= _LONG_ENOUGH and name not in _NO_SECRETS:
            planted.update(_forms(text))

    def failing(self, *args, **kwargs):
        fail(self, *args, **kwargs)
        look(type(self).__name__, args, kwargs)

    def handling(record):
        look("log", record.getMessage(), vars(record))
        if record.levelno >= logger.getEffectiveLevel():
            handle(record)

    monkeypatch.setattr(Secret, "__init__", keeping)
    monkeypatch.setattr(AirViewHeraldError, "__init__", failing)
    monkeypatch.setattr(logger, "isEnabledFor", lambda _: True)
    monkeypatch.setattr(logger, "handle", handling)
    yield
    assert leaks == []
