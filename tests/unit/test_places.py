"""Where in its files each input is."""

from hypothesis import given
from hypothesis import strategies as st

from airview_herald.cli import _places
from airview_herald.cli._places import Place, Places

_LINES = st.lists(st.integers(1, 4), max_size=30)


@given(st.lists(st.one_of(st.none(), _LINES), max_size=5))
def test_each_input_is_where_it_was_noted(files):
    """Whatever lines are left out, and whatever files have no lines."""
    places, noted = Places(), []
    for number, gaps in enumerate(files):
        line = 0
        for gap in [1, 1] if gaps is None else gaps:
            line += gap
            noted.append(Place(f"file {number}", None if gaps is None else line))
            places.note(noted[-1])
    assert [places.of(index) for index in range(len(noted))] == noted
    assert places.of(len(noted)) is None
    assert places.of(-1) is None


def test_lines_without_a_gap_cost_nothing():
    """A file of a million lines is one entry."""
    places = Places()
    for line in range(1, 1001):
        places.note(Place("a.jsonl", line))
    assert len(places._runs) == 1
    assert str(places.of(999)) == "a.jsonl line 1000"


def test_of_too_many_gaps_only_the_file_is_told(monkeypatch):
    """What is remembered has a limit; what came before it is still told."""
    monkeypatch.setattr(_places, "_MOST_RUNS", 3)
    places = Places()
    for line in range(2, 20, 2):
        places.note(Place("a.jsonl", line))
    places.note(Place("b.jsonl", 1))
    assert [str(places.of(index)) for index in (0, 2, 3, 8, 9)] == [
        "a.jsonl line 2", "a.jsonl line 6", "a.jsonl", "a.jsonl", "b.jsonl",
    ]  # fmt: skip
    assert len(places._runs) == 5
