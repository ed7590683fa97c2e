"""Memory: a batch costs its window and the cache of ids, however long it is."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

_SERVER = Path(__file__).parents[1] / "servers" / "bare_airview.py"
_CACHE = 200


@pytest.fixture
def bare_url():
    """The URL of a server that keeps nothing, in a process whose memory is not ours."""
    with subprocess.Popen([sys.executable, _SERVER], stdout=subprocess.PIPE, text=True) as server:
        yield server.stdout.readline().strip()
        server.kill()


@pytest.fixture
def peak_of(bare_url, connect, event):
    """Measure a batch of new resources: its peak in bytes, and the most events it held."""

    async def measure(count, folder):
        files = {}
        if folder is not None:
            files = {"state": folder / f"{count}.db", "dead_letters": folder / f"{count}.jsonl"}
        async with connect(bare_url, cache_size=_CACHE) as airview:
            # The cache is full, the connections are open: what follows is the batch's own.
            await airview.ingest(event(f"before-{n}") for n in range(2 * _CACHE))
            tracemalloc.start()
            report = await airview.ingest((event(f"i-{n}") for n in range(count)), **files)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert report.recorded == count
        return peak, report.held_peak

    return measure


async def _compare(peak_of, few, many, folder=None):
    small, held_small = await peak_of(few, folder)
    large, held_large = await peak_of(many, folder)
    print(  # noqa: T201 - the figures are the proof
        f"\n{few:,} events: peak {small / 1e6:.2f} MB, {held_small} held at most; "
        f"{many:,} events: peak {large / 1e6:.2f} MB, {held_large} held at most; "
        f"ratio {large / small:.3f}"
    )
    assert held_small == held_large == 256
    assert large <= 1.10 * small


@pytest.mark.timeout(300)
async def test_memory_does_not_grow_with_the_batch(peak_of):
    """Three times the events have the same peak, within a tenth."""
    await _compare(peak_of, 600, 1800)


@pytest.mark.proof
async def test_memory_does_not_grow_with_the_batch_at_full_size(peak_of):
    """Ten times the events, 50,000, have the same peak, within a tenth."""
    await _compare(peak_of, 5000, 50000)


@pytest.mark.timeout(300)
async def test_memory_does_not_grow_with_what_is_kept(peak_of, tmp_path):
    """Nor does it with a state file and dead letters: what is done is in the files."""
    await _compare(peak_of, 600, 1800, folder=tmp_path)
