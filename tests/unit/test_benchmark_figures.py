"""How the benchmarks judge what they measured."""

import acceptance
import performance_page
import pytest
from result_tables import Table
from spread import Spread, of, per_round, spread


def _request(stack, number, cpu):
    return {
        "stack": stack,
        "round": number,
        "in_flight": 64,
        "latency": 0.0,
        "cpu": cpu,
        "wall": cpu,
        "requests": 1000,
    }


def test_a_spread_is_the_median_between_its_quartiles():
    """One disturbed round moves neither; a single one is all there is."""
    assert spread([5, 1, 2, 3, 900]) == Spread(2, 3, 5)
    assert spread([7]) == Spread(7, 7, 7)
    assert spread([5, 1, 2, 3, 900]).shown(".0f") == "3 (2-5)"


def test_ratios_are_of_one_round_each():
    """A round that was slow for both is a ratio like the others; one without a partner is none."""
    samples = [_request("ours", n, cpu) for n, cpu in enumerate([1.0, 10.0, 1.0])]
    samples += [_request("theirs", n, cpu) for n, cpu in enumerate([4.0, 40.0])]
    ours, theirs = (of(samples, stack=stack) for stack in ("ours", "theirs"))
    assert per_round(lambda sample: sample["cpu"], ours, theirs) == Spread(0.25, 0.25, 0.25)
    assert per_round(lambda sample: sample["cpu"], ours, {}) is None


@pytest.mark.parametrize(("cpu", "held"), [(0.35, "yes"), (0.36, "NO")])
def test_a_promise_is_held_or_not(cpu, held):
    """The median counts, and the limit itself keeps to it; what was not measured is not held."""
    samples = [_request("httpx", n, 1.0) for n in range(3)]
    samples += [_request("airview", n, each) for n, each in enumerate([cpu, cpu, 9.0])]
    first, *others = acceptance.figures({"requests": samples})
    assert first.name == "a"
    assert first.held == held
    assert {each.held for each in others} == {"not measured"}


def test_a_small_run_holds_no_promise_of_long_ones():
    """Rates count from 10,000 events on."""
    case = {"stack": "airview", "concurrency": 16, "latency": 0.02, "round": 0}
    for events, held in ((9999, "not measured"), (10_000, "yes")):
        samples = [
            {**case, "phase": phase, "events": events, "wall": events / 790}
            for phase in ("cold", "warm")
        ]
        promises = list(acceptance.figures({"ingest": samples}))
        rates = [each.held for each in promises if each.name == "c"]
        assert rates == [held, held, "not measured", "not measured"]


def test_memory_is_compared_between_the_long_batches():
    """It may grow by a tenth from 10^5 events to 10^6."""
    peaks = {10_000: 50e6, 100_000: 60e6, 1_000_000: 67e6}
    samples = [{"events": events, "peak": peak, "round": 0} for events, peak in peaks.items()]
    (promise,) = (each for each in acceptance.figures({"memory": samples}) if each.name == "f")
    assert promise.row()[1:] == ["≤ 10", "11.7 (11.7-11.7)", "NO"]


def test_a_page_is_filled_between_its_markers(tmp_path):
    """What is around them stays, and filling again replaces."""
    page = tmp_path / "performance.md"
    begin, end = performance_page.BEGIN, performance_page.END
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    for text in ("new", "newer"):
        performance_page.fill(page, text)
        assert page.read_text() == f"before\n{begin}\n\n{text}\n{end}\nafter\n"


@pytest.mark.parametrize("text", ["", "{begin}", "{end}{begin}", "{begin}{end}{begin}{end}"])
def test_a_page_without_its_markers_is_refused(tmp_path, text):
    """Both, once and in order, or nothing is written."""
    page = tmp_path / "performance.md"
    text = text.format(begin=performance_page.BEGIN, end=performance_page.END)
    page.write_text(text)
    with pytest.raises(ValueError, match="once each"):
        performance_page.fill(page, "new")
    assert page.read_text() == text


def test_a_table_is_drawn_both_ways():
    """Figures stand to the right."""
    table = Table("Cost", ["", "µs"], [["ours", "1"], ["theirs", "100"]])
    assert table.plain() == "Cost\n\n         µs\n-----------\nours      1\ntheirs  100\n"
    assert table.markdown() == (
        "**Cost**\n\n|  | µs |\n| --- | ---: |\n| ours | 1 |\n| theirs | 100 |\n"
    )
