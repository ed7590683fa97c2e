"""What is said of an extra that is not installed."""

from airview_herald._extras import install


def test_an_extra_is_installed_from_where_the_package_is():
    """A name alone may be somebody else's on an index."""
    assert install("cli") == 'pip install ".[cli]" in the folder of airview-herald'
