"""The guide to the command line: every command in it runs, and prints what is shown."""

import doctest
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import snippets

from airview_herald.sandbox import Sandbox

_GUIDE = snippets.ROOT / "docs/guides/command-line.md"
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"^<!-- file (\S+)\n(.*?)^-->$", re.DOTALL | re.MULTILINE)
_SANDBOX = "http://127.0.0.1:8800"


def _sessions():
    """Yield each command of the guide, joined with its further lines, and what it shows."""
    for block in _CONSOLE.findall(_GUIDE.read_text()):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, shown = [], []
            for line in part.splitlines():
                further = bool(command) and line.startswith(">")
                (command if not command or further else shown).append(line.removeprefix(">"))
            yield "\n".join(command), "\n".join(shown)


@pytest.mark.timeout(180)
@pytest.mark.skipif(os.name != "posix", reason="a shell of POSIX")
@pytest.mark.skipif(shutil.which("curl") is None, reason="the guide's curl")
def test_the_guide_to_the_command_line_is_true(tmp_path):
    """One shell runs all of it, in order."""
    for name, content in _FILE.findall(_GUIDE.read_text()):
        (tmp_path / name).write_text(content)
    sessions = list(_sessions())
    assert sum("airview-herald" in command for command, _ in sessions) > 10
    with Sandbox(exclusion_resources=True) as sandbox:
        sandbox.herald.seed(latest=time.time())
        url = sandbox.url
        script = "\n".join(f"{command}\necho '--- end'" for command, _ in sessions)
        done = subprocess.run(
            ["bash", "-c", "exec 2>&1\n" + script.replace(_SANDBOX, url)],  # noqa: S607
            cwd=tmp_path,
            env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": "/nowhere"},
            capture_output=True,
            text=True,
            check=False,
        )
    printed = done.stdout.replace(url, _SANDBOX).split("--- end\n")
    for (command, shown), out in zip(sessions, printed[:-1], strict=True):
        words = _squeezed(shown), _squeezed(out)
        assert doctest.OutputChecker().check_output(*words, doctest.ELLIPSIS), (command, out)


def _squeezed(text):
    """Return a text whose columns and rules are as wide as anybody's."""
    return re.sub(r"─+", "─", re.sub(r" +(?=\n)| {2,}", " ", text + "\n")).strip() + "\n"
