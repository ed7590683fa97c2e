"""The documentation's examples, run page by page against a sandbox."""

import re
import subprocess
import sys
import time
import tomllib
from functools import partial
from itertools import chain
from pathlib import Path

import anyio
import pytest
import snippets
from anyio import to_thread

from airview_herald import errors
from airview_herald.sandbox import Sandbox

_WITH_EXAMPLES = [page for page in snippets.PAGES if snippets.read(page)]


@pytest.fixture
def sandbox():
    """The sandbox that the pages tell their reader to start."""
    with Sandbox() as running:
        running.herald.seed(latest=time.time())
        yield running


@pytest.mark.parametrize(
    "page", _WITH_EXAMPLES, ids=lambda page: page.relative_to(snippets.ROOT / "docs").as_posix()
)
async def test_the_examples_of_a_page_run(
    page, sandbox, anyio_backend_name, tmp_path, monkeypatch, capsys
):
    """They run in their order, on either event loop, and print what the page shows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(anyio, "run", partial(anyio.run, backend=anyio_backend_name))
    names = {"__name__": "page"}
    blocks = snippets.read(page, sandbox.url)
    for block in blocks:
        block.save()
        if not block.is_test:
            await block.run(names)
            block.check(capsys.readouterr().out)
    if any(block.is_test for block in blocks):
        # It runs async tests on both event loops itself.
        await to_thread.run_sync(_run_pytest)


def _run_pytest():
    # Else a folder inside this repository would have its settings.
    Path("pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_tree_of_errors_is_the_packages():
    """The guide shows the tree as the module draws it."""
    [tree] = re.findall(r"```\n(.*?)```", errors.__doc__, re.DOTALL)
    assert f"```text\n{tree}```" in (snippets.ROOT / "docs/guides/errors.md").read_text()


def test_every_dependency_has_its_reason():
    """The security notes name each that the project has, and no other."""
    page = (snippets.ROOT / "docs/guides/security.md").read_text()
    table = page.partition("| dependency |")[2].partition("\n\n")[0]
    named = {
        name
        for line in table.splitlines()
        for name in re.findall(r"`([^`]+)`", line[: line.find("|", 1)])
    }
    project = tomllib.loads((snippets.ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    assert named == {re.split(r"[>=;\[ ]", each)[0] for each in needed}


def test_the_sandbox_prints_what_the_quickstart_shows():
    """Its first lines are those on the page, but for the port."""
    page = (snippets.ROOT / "docs/quickstart.md").read_text()
    [shown] = re.findall(r"```text\n(AirView .*?)```", page, re.DOTALL)
    command = [sys.executable, "-m", "airview_herald.sandbox", "--port", "0", "--seed-herald"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        printed = [server.stdout.readline() for _ in shown.splitlines()]
        server.terminate()
    assert re.sub(r":\d+", ":8800", "".join(printed)) == shown
