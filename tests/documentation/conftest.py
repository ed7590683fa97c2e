"""The built pages are not part of this repository: `nox -s docs` makes them."""

import os

collect_ignore = [] if "DOCUMENTATION_SITE" in os.environ else ["test_site.py"]
