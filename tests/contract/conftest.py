"""The definitions are not part of this repository: `nox -s contract` brings them."""

import os

# Without them, and without PyYAML, there is nothing to collect.
collect_ignore_glob = [] if "HERALD_DEFINITIONS" in os.environ else ["*.py"]
