"""Docstrings as this package writes them: in Markdown, of names that are imported from elsewhere.

Sphinx expects reStructuredText, and knows a class by the private module that holds its code.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

from docutils.nodes import Element, TextElement
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
from sphinx.environment import BuildEnvironment

_FENCE = re.compile(r"(\s*)```(\w*)$")
_ROW = re.compile(r"\s*\|(.*)\|\s*$")
_RULE = re.compile(r"[|\s:-]+$")
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_NAME = re.compile(r"[A-Za-z_][\w.]*")
# What attrs classes hold besides a field's type, and what stands for a default that is made.
_MARKED = re.compile(r"Annotated\[(.*?), <Marker[^>]*>\]")
_MADE = re.compile(r"\bNOTHING\b")
# Napoleon reads "Name: text" in a property's docstring as a type and a text.
_COLON, _NO_COLON = ":", "\N{PRESENTATION FORM FOR VERTICAL COLON}"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register what Sphinx calls."""
    app.setup_extension("sphinx.ext.autodoc")
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.add_config_value("public_modules", [], "env", list)
    # Before napoleon, which has the usual priority of 500.
    app.connect("autodoc-process-docstring", _to_restructured_text, priority=400)
    app.connect("autodoc-process-docstring", _with_colons, priority=600)
    app.connect("autodoc-process-signature", _plain_signature)
    app.connect("missing-reference", _resolve_public_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _to_restructured_text(
    _app: Sphinx, what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Rewrite fenced blocks and tables."""
    text = _CODE.sub(_code, "\n".join(lines))
    if what == "property":
        text = text.replace(_COLON, _NO_COLON)
    lines[:] = _converted(iter(text.split("\n")))


def _code(span: re.Match[str]) -> str:
    """Return a span that may link to a name, or else is shown as it stands."""
    code = span[1].strip()
    return f"`{code}`" if _NAME.fullmatch(code) else f"``{code}``"


def _with_colons(
    _app: Sphinx, _what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Put back what napoleon was not to see."""
    lines[:] = [line.replace(_NO_COLON, _COLON) for line in lines]


def _plain_signature(
    _app: Sphinx,
    _what: str,
    _name: str,
    _obj: object,
    _options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """Take out of a signature what only the decoder reads."""
    if signature is not None:
        signature = _MADE.sub("...", _MARKED.sub(r"\1", signature))
    return signature, returns


def _converted(lines: Iterator[str]) -> Iterator[str]:
    row: re.Match[str] | None
    for line in lines:
        if (fence := _FENCE.match(line)) is not None:
            yield from _code_block(fence[1], fence[2] or "text", lines)
        elif (row := _ROW.match(line)) is not None:
            yield from _table(row, lines)
        else:
            yield line


def _code_block(indent: str, language: str, lines: Iterator[str]) -> Iterator[str]:
    yield from ("", f"{indent}.. code-block:: {language}", "")
    for line in lines:
        if _FENCE.match(line):
            break
        yield f"    {line}"
    yield ""


def _table(row: re.Match[str] | None, lines: Iterator[str]) -> Iterator[str]:
    yield from ("", ".. list-table::", "    :header-rows: 1", "")
    previous: list[str] = []
    while row is not None:
        cells = [cell.strip() for cell in row[1].split("|")]
        if not _RULE.match(row[0]):
            if previous and not cells[0]:  # goes on from the row above
                yield from (f"        {cell}" for cell in cells if cell)
            else:
                yield from (f"    {'  -' if n else '* -'} {cell}" for n, cell in enumerate(cells))
            previous = cells
        line = next(lines, "")
        row = _ROW.match(line)
    yield from ("", line)


def _resolve_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: TextElement
) -> Element | None:
    """Point a reference to a class's private module at the name that users import."""
    public = _public_names(app).get(node.get("reftarget", ""))
    if public is None:
        return None
    domain = env.domains.python_domain
    docname = node.get("refdoc", "")
    return domain.resolve_xref(env, docname, app.builder, "obj", public, node, content)


def _public_names(app: Sphinx) -> dict[str, str]:
    """Return the public name of each class and function by its private one."""
    names = {}
    for module in app.config.public_modules:
        door = importlib.import_module(module)
        for name in door.__all__:
            value = getattr(door, name)
            private = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
            names.setdefault(private, f"{module}.{name}")
    return names
