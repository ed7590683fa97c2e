"""Targets look for secrets themselves."""

import pytest


@pytest.fixture(autouse=True)
def _no_secret_shows():
    """Plant nothing: what is one input's secret is another one's error."""
