"""Importing the package is nothing that a network hears of."""

import subprocess
import sys

_EVERY_MODULE = """
import importlib, pkgutil, sys

touched = []
watched = ("socket.", "urllib.", "http.", "ftplib.", "smtplib.")
sys.addaudithook(lambda event, args: event.startswith(watched) and touched.append((event, args)))

import airview_herald
names = [each.name for each in pkgutil.walk_packages(airview_herald.__path__, "airview_herald.")]
imported = [importlib.import_module(name) for name in names if not name.endswith("__main__")]
for module in imported:
    for name in getattr(module, "__all__", ()):
        getattr(module, name)
assert not touched, touched
print(len(imported))

import socket
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
assert touched, "the hook hears nothing"
"""


def test_importing_touches_no_network():
    """Not any module, nor a name that one exports: Python itself would tell of a socket."""
    done = subprocess.run(
        [sys.executable, "-c", _EVERY_MODULE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 150
