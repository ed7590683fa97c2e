"""What a process holds: samples of it, whether they grow, and what is left at the end."""

import gc
import os
import re
import statistics
import threading
import warnings
from collections import Counter
from itertools import combinations
from pathlib import Path

import anyio

_OURS = re.compile(r"(airview_herald|httpcore|httpx|h11|aiohttp)\b")
_FDS = Path("/proc/self/fd")
_MIB = 1024 * 1024
# Made once for each kind of row, whenever one is first read.
_ONCE = ("airview_herald._wire._OpenRowReader", "airview_herald._wire._OpenField")
# Threads that wait for work are kept: for ten seconds, or as many of them as the event loop has.
_IDLE = ("AnyIO worker thread", "Trio thread", "asyncio_")
# How much more there may be at the end of a run than at its beginning: so many, or such a share
# of what there is anyway. What is in flight comes and goes.
ALLOWED = {
    "tasks": (100, 0.5),
    "threads": (20, 0.5),
    "sockets": (60, 0.5),
    "files": (15, 0.3),
    "objects": (3_000, 0.3),
    "rss_mib": (12, 0.15),
}


def living_tasks(backend):
    """Count the tasks of the event loop."""
    if backend == "trio":
        import trio  # noqa: PLC0415 - only where it runs

        return trio.lowlevel.current_statistics().tasks_living
    return len(anyio.get_running_tasks())


def objects():
    """Count the living objects of the library's own types, and of those it sends with."""
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some modules warn of whoever asks for their attributes
        kinds = Counter(map(type, gc.get_objects()))
        named = {f"{kind.__module__}.{kind.__qualname__}": n for kind, n in kinds.items()}
    return {name: n for name, n in named.items() if _OURS.match(name) and name not in _ONCE}


def held(backend):
    """Return what this process holds now, by name."""
    descriptors = Counter(map(_kind, _FDS.iterdir()))
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "tasks": living_tasks(backend),
        "threads": threading.active_count(),
        "sockets": descriptors["socket"],
        "files": descriptors["file"],
        "objects": sum(objects().values()),
        "rss_mib": round(pages * os.sysconf("SC_PAGE_SIZE") / _MIB, 1),
    }


def working_threads():
    """Count the threads that do not wait for work."""
    return sum(not each.name.startswith(_IDLE) for each in threading.enumerate())


def growth(samples, name):
    """Return by how much something grew over all samples: the median slope, times their span.

    Args:
        samples: What was held, each with the seconds `at` which; one at least.
        name: What to look at.
    """
    slopes = [
        (later[name] - earlier[name]) / (later["at"] - earlier["at"])
        for earlier, later in combinations(samples, 2)
        if later["at"] > earlier["at"]
    ]
    if not slopes:
        return 0.0
    return statistics.median(slopes) * (samples[-1]["at"] - samples[0]["at"])


def growing(samples, allowed=ALLOWED):
    """Return what grows by more than is allowed, in words."""
    found = []
    for name, (number, share) in allowed.items():
        more = growth(samples, name)
        usual = statistics.median(each[name] for each in samples)
        if more > max(number, share * usual):
            found.append(f"{name} grow by {more:.0f} over {usual:.0f}")
    return found


def left_over(before, after):
    """Return what is held at the end and was not before, in words."""
    return [
        f"{name}: {before.get(name, 0)} before, {count} at the end"
        for name, count in after.items()
        if name != "rss_mib" and count > before.get(name, 0)
    ]


def _kind(descriptor):
    try:
        target = str(descriptor.readlink())
    except OSError:  # the listing's own, which is closed again
        return "gone"
    return "file" if target.startswith("/") else target.partition(":")[0]
