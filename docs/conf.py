"""How Sphinx builds the documentation; `nox -s docs` runs it."""

import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "airview-herald"
author = "The airview-herald authors"
copyright = author  # noqa: A001 - Sphinx's own name
release = version = metadata.version("airview-herald")

extensions = [
    "myst_nb",
    "public_docstrings",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
# Those who run the notebooks have them in a second format beside the first.
exclude_patterns = ["_build", "_ext", "notebooks/*.ipynb", "**/.ipynb_checkpoints"]
# A name in backticks links to what is documented under it, and else is code.
default_role = "py:obj"

# Where users import from. Longer paths come first: a name is known by the one that is nearest.
public_modules = [
    "airview_herald.airview",
    "airview_herald.herald",
    "airview_herald.auth",
    "airview_herald.errors",
    "airview_herald.transport",
    "airview_herald.telemetry",
    "airview_herald.escalation",
    "airview_herald.distributed",
    "airview_herald.sources",
    "airview_herald.sandbox",
    "airview_herald.sandbox.herald",
]

nitpicky = True
# Builds need no network, so names of other packages and what docstrings quote link to nothing.
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(anyio|collections|datetime|enum|http|httpcore|httpx|opentelemetry|os|ssl|typing|types)\..*",
    ),
    ("py:class", r"airview_herald\._pagination\.T|Callable\[\[\]|(Meter|Tracer)Provider"),
    ("py:obj", ".*"),
]

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
toc_object_entries_show_parents = "hide"

# Each build runs the notebooks anew, against sandboxes of their own.
nb_execution_mode = "force"
nb_execution_timeout = 60
nb_execution_raise_on_error = True

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["notebooks.css"]
html_title = f"airview-herald {release}"
# A hundred characters to the line, as the code is formatted.
html_theme_options = {
    f"{scheme}_css_variables": {"code-font-size": "var(--font-size--small--3)"}
    for scheme in ("light", "dark")
}
html_copy_source = False
html_show_sphinx = False
