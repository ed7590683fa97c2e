"""The blocks of a Markdown page, and how they are run: in order, in one namespace.

A page's Python blocks are what a reader would type into a notebook, with `await` at the top level.
What a page prints is in the text block right behind. What a reader has already, a report of a
scanner say, is made in a comment of Markdown that begins with `snippet`. A block that begins with
the name of a file in a comment is saved under it too. What defines tests is saved for pytest.
"""

import ast
import doctest
import inspect
import re
from dataclasses import dataclass
from pathlib import Path

from anyio import to_thread

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
_BLOCK = re.compile(
    r"^(?:```python\n(?P<python>.*?)^```|<!-- snippet\n(?P<hidden>.*?)^-->)$"
    r"(?:\s*^```text\n(?P<shown>.*?)^```$)?",
    re.DOTALL | re.MULTILINE,
)
_FILE = re.compile(r"# (\w+\.py)\n")
_SANDBOX = re.compile(r"http://127\.0\.0\.1:880[01]")


@dataclass(frozen=True)
class Block:
    """A block of Python.

    Attributes:
        page: The page it is on.
        line: Where on the page it begins, from 0.
        text: The code, with the URL of the page's sandbox.
        shown: What it prints, as the page says; `None` where the page does not say.
    """

    page: Path
    line: int
    text: str
    shown: str | None

    @property
    def is_test(self):
        """Whether it defines tests, for pytest to run."""
        defined = (ast.FunctionDef, ast.AsyncFunctionDef)
        return any(
            isinstance(node, defined) and node.name.startswith("test_")
            for node in ast.parse(self.text).body
        )

    def save(self):
        """Save what is to be a file, for other blocks to import or for pytest to run."""
        if (file := _FILE.match(self.text)) is not None:
            Path(file[1]).write_text(self.text)
        if self.is_test:
            Path(f"test_line_{self.line}.py").write_text(self.text)

    async def run(self, names):
        """Run it in a namespace; in a thread unless it awaits, so that it may run a loop itself."""
        code = compile(
            "\n" * self.line + self.text,
            str(self.page),
            "exec",
            flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            dont_inherit=True,
        )
        if code.co_flags & inspect.CO_COROUTINE:
            await eval(code, names)  # noqa: S307 - the page's own words
        else:
            await to_thread.run_sync(exec, code, names)

    def check(self, printed):
        """Compare what it printed with what the page shows; `...` stands for anything."""
        if self.shown is not None:
            checker = doctest.OutputChecker()
            assert checker.check_output(self.shown, printed, doctest.ELLIPSIS), printed


def read(page, sandbox_url=None):
    """Return the Python blocks of a page, hidden ones included."""
    text = page.read_text()
    found = list(_BLOCK.finditer(text))
    # A block in a list or a quotation would go unseen.
    assert text.count("```python") == sum(match["python"] is not None for match in found)
    blocks = []
    for match in found:
        kind = "hidden" if match["python"] is None else "python"
        line = text.count("\n", 0, match.start(kind))
        code = match[kind]
        if sandbox_url is not None:
            code = _SANDBOX.sub(sandbox_url, code)
        blocks.append(Block(page, line, code, match["shown"]))
    return blocks
