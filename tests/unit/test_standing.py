"""How far a batch has come, in words."""

import pytest

from airview_herald.airview import IngestReport
from airview_herald.airview._standing import Watch, size


def report(**counts):
    """Return a report with counts, and the inputs that they sum up to."""
    times = {"elapsed": counts.pop("elapsed", 0.0)}
    times |= {name: counts.pop(name) for name in ("throttled", "concurrency") if name in counts}
    return IngestReport(inputs=sum(counts.values()), **counts, **times)


@pytest.mark.parametrize(
    ("told", "total", "line"),
    [
        ({}, 1500, "0 of 1,500, 0 recorded, 0/s"),
        ({}, None, "0 recorded, 0/s"),
        ({"recorded": 500, "elapsed": 2}, 1500, "500 of 1,500, 500 recorded, 4 s left, 250/s"),
        ({"recorded": 500, "elapsed": 2}, None, "500 recorded, 250/s"),
        ({"recorded": 1, "elapsed": 4}, 100, "1 of 100, 1 recorded, 6:36 left, 0.2/s"),
        ({"recorded": 1, "elapsed": 2}, 7201, "1 of 7,201, 1 recorded, 4:00:00 left, 0.5/s"),
        (
            {"recorded": 1, "failed": 2000, "unknown": 3, "skipped": 4, "elapsed": 1},
            2008,
            "2,008 of 2,008, 1 recorded, 0 s left, 2,004/s, 4 skipped, 2,000 failed, 3 unknown",
        ),
        (
            {"recorded": 10, "elapsed": 1, "throttled": 7, "concurrency": (12, 64)},
            10,
            "10 of 10, 10 recorded, 0 s left, 10/s, 7 throttled, 12 to 64 at once",
        ),
        ({"recorded": 10, "elapsed": 1, "concurrency": (64, 64)}, None, "10 recorded, 10/s"),
    ],
)
def test_a_line_says_all_there_is_to_say(told, total, line):
    """Counts, the time left where it can be known, the rate, and only then what went wrong."""
    assert Watch(report(**told), total).look().line == line


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({"recorded": 500, "elapsed": 2.04}, "500 of 500, 500 recorded, in 2.0 s, 245/s"),
        ({"recorded": 500, "elapsed": 100}, "500 of 500, 500 recorded, in 1:40, 5/s"),
        (
            {"recorded": 1, "not_attempted": 499, "elapsed": 2},
            "500 of 500, 1 recorded, in 2.0 s, 0.5/s, 499 not attempted",
        ),
        ({}, "0 of 500, 0 recorded, in 0.0 s, 0/s"),
    ],
)
def test_the_last_line_says_how_long_it_took(told, line):
    """At the end there is no time left, and the rate is that of the whole run."""
    assert Watch(report(**told), 500).look(ended=True).line == line


def test_the_rate_is_that_of_the_last_seconds():
    """A server that slows down shows within ten seconds; the last word is the whole run's."""
    live = report()
    watch = Watch(live, None)
    rates = []
    for second in range(41):
        live.elapsed = float(second)
        live.recorded += 0 if not second else 100 if second <= 20 else 10
        rates.append(watch.look().rate)
    assert rates[20] == 100
    assert rates[25] == 55
    assert rates[30] == rates[40] == 10
    assert watch.look(ended=True).rate == pytest.approx(55)


def test_events_that_reconciliation_adds_count():
    """The total grows with them, so that the bar does not run over."""
    live = report(recorded=12, elapsed=1)
    assert Watch(live, 10).look().count == "12 of 12"


class Table:
    """A query that is no sequence, as an ORM's is."""

    def __iter__(self):
        return iter(())

    def __len__(self):
        raise AssertionError("the query ran")

    def __getitem__(self, index):
        raise IndexError(index)


@pytest.mark.parametrize(
    ("events", "total"),
    [
        ([1, 2], 2),
        ((1,), 1),
        ({1, 2, 3}, 3),
        ({"a": 1}.values(), 1),
        ((each for each in "ab"), None),
        (iter([1]), None),
        (Table(), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_what_knows_its_size_is_asked(events, total):
    """Asking a lazy query would run it, and hold the event loop up."""
    assert size(events) == total
