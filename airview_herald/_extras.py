"""How to install what an optional part of the package needs."""


def install(extra: str) -> str:
    """Return the command that installs an extra, in the words of the README.

    By its path, since the package of this name on a public index may be somebody else's.
    """
    return f'pip install ".[{extra}]" in the folder of airview-herald'
