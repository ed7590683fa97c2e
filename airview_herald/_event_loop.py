"""Which event loop runs."""

from __future__ import annotations

import sys

import sniffio


def running_loop() -> object:
    """Return what tells the running event loop from any other; `None` where none runs."""
    try:
        library = sniffio.current_async_library()
    except sniffio.AsyncLibraryNotFoundError:
        return None
    if library == "trio":
        return sys.modules["trio"].lowlevel.current_trio_token()
    # Who runs a loop of asyncio's has imported it.
    return sys.modules["asyncio"].get_running_loop()
