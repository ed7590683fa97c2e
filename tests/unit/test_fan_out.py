"""One thing done for many items at once."""

import anyio
import pytest

from airview_herald.airview._fan_out import for_each


@pytest.mark.parametrize(("items", "at_once"), [(10, 3), (3, 10), (0, 1), (2, 2**31 - 1)])
async def test_each_item_is_worked_on_once(items, at_once):
    """So many at a time at most; and no task is begun that has nothing to do."""
    done, under_way, peak = [], 0, 0

    async def work(item):
        nonlocal under_way, peak
        under_way += 1
        peak = max(peak, under_way)
        await anyio.sleep(0.001)
        under_way -= 1
        done.append(item)

    await for_each(range(items), work, at_once=at_once)
    assert sorted(done) == list(range(items))
    assert peak == min(items, at_once)


async def test_items_are_taken_as_there_is_room():
    """None is taken before somebody can work on it, and none after the first error."""
    taken, most, done = [], 0, 0

    async def work(item):
        nonlocal most, done
        most = max(most, len(taken) - done)
        if item >= 4:
            raise ValueError("the fifth")
        await anyio.sleep(0.001)
        done += 1

    with pytest.raises(ValueError, match="the fifth"):
        await for_each((taken.append(n) or n for n in range(100)), work, at_once=2)
    assert most == 2
    assert len(taken) <= 6
