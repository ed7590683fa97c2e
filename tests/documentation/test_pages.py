"""The documentation's examples, run page by page against a sandbox."""

import time
from functools import partial

import anyio
import pytest
import snippets

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
    for block in snippets.read(page, sandbox.url):
        await block.run(names)
        block.check(capsys.readouterr().out)
