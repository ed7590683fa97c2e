"""The built documentation: every public name is in it, and no link of its own leads nowhere."""

import importlib
import os
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SITE = Path(os.environ["DOCUMENTATION_SITE"])
DOORS = [
    "airview_herald",
    *(f"airview_herald.{name}" for name in ("airview", "auth", "distributed", "errors")),
    *(f"airview_herald.{name}" for name in ("escalation", "herald")),
    *(f"airview_herald.{name}" for name in ("sandbox", "sandbox.herald", "sources", "telemetry")),
    "airview_herald.transport",
]
# The front door's own names are documented where they come from; the version is no API.
ELSEWHERE = {
    "airview_herald.AirView": "airview_herald.airview.AirView",
    "airview_herald.AirViewHeraldError": "airview_herald.errors.AirViewHeraldError",
    "airview_herald.Herald": "airview_herald.herald.Herald",
    "airview_herald.airview.BackendFailureException": (
        "airview_herald.errors.BackendFailureException"
    ),
}


class _Page(HTMLParser):
    """What a page can be linked to by, and what it links to."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links = set(), []
        self.feed(path.read_text())

    def handle_starttag(self, _, attrs):
        given = dict(attrs)
        self.anchors.update(given[name] for name in ("id", "name") if given.get(name))
        self.links += [given[name] for name in ("href", "src") if given.get(name)]


@pytest.fixture(scope="module")
def inventory():
    """The names that Sphinx lists for other projects to link to."""
    _, _, _, _, packed = (SITE / "objects.inv").read_bytes().split(b"\n", 4)
    lines = zlib.decompress(packed).decode().splitlines()
    return {line.partition(" ")[0] for line in lines if " py:" in line}


@pytest.mark.parametrize("door", DOORS)
def test_every_public_name_is_in_the_reference(door, inventory):
    """Whatever a module's `__all__` lists can be looked up under the name it is imported by."""
    names = {f"{door}.{name}" for name in importlib.import_module(door).__all__}
    names -= {"airview_herald.__version__"}
    assert {ELSEWHERE.get(name, name) for name in names} <= inventory


@pytest.mark.parametrize(
    ("notebook", "shown"),
    [
        (
            "quickstart",
            ["<strong>500 of 500</strong> in ", "resource_reference: must not be empty"],
        ),
        ("ingest-and-explore", ["1,440 of 1,440 recorded in ", "<progress ", ".svg"]),
        ("herald", ["Critical incidents", "web_attack_recon", "noor@example.com"]),
    ],
)
def test_a_notebook_shows_what_came_out_of_it(notebook, shown):
    """Each was run by the build, to its end, and no key is in what it shows."""
    page = (SITE / "notebooks" / f"{notebook}.html").read_text()
    assert page.count("cell_output") > 3
    assert [text for text in shown if text not in page] == []
    assert "sandbox-secret-key" not in page


def test_no_link_leads_nowhere():
    """Each link between the pages ends at a file, and at a place on it."""
    pages = {path: _Page(path) for path in SITE.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.is_file() or (
                anchor and target in pages and anchor not in pages[target].anchors
            ):
                broken.append((path.relative_to(SITE).as_posix(), link))
    assert len(pages) > len(DOORS)
    assert broken == []
