"""The decode boundary: strict where the contract is, silent about what it does not name."""

import json
import tracemalloc
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airview_herald._json import dump, parse
from airview_herald._wire import camel, decode, make_converter
from airview_herald.errors import DecodeError, RequestFacts

FACTS = RequestFacts(method="GET", url="https://airview.example/controls/", status=200)


class Severity(StrEnum):
    """A set that may grow."""

    HIGH = "HIGH"


@attrs.frozen
class Leaf:
    """A row in a row."""

    name: str


@attrs.frozen
class Row:
    """A row with a field of each kind."""

    id: int
    name: str = ""
    is_blocking: bool = False
    severity: Severity | str = Severity.HIGH
    parent_id: int | None = None
    quality_model: Severity | str | None = None
    leaf: Leaf | None = None
    leaves: tuple[Leaf, ...] = ()
    tags: list[str] = attrs.field(factory=list)
    labels: dict[str, str] = attrs.field(factory=dict)


converter = make_converter()


def read(value, kind=Row):
    """Decode JSON as a kind of row."""
    return decode(converter, kind, value, FACTS)


def test_a_row_is_read_by_its_names_on_the_wire():
    """Fields are camelCase on the wire, and unknown ones are ignored."""
    row = read(
        {
            "id": 1,
            "name": "a",
            "isBlocking": True,
            "severity": "HIGH",
            "parentId": 2,
            "qualityModel": None,
            "leaf": {"name": "b"},
            "leaves": [{"name": "c"}, {"name": "d"}],
            "tags": ["x", "y"],
            "labels": {"k": "v"},
            "novelty": {"of": "tomorrow"},
        }
    )
    assert row == Row(
        id=1,
        name="a",
        is_blocking=True,
        severity="HIGH",
        parent_id=2,
        quality_model=None,
        leaf=Leaf("b"),
        leaves=(Leaf("c"), Leaf("d")),
        tags=["x", "y"],
        labels={"k": "v"},
    )


def test_a_missing_field_with_a_default_takes_it():
    """Only a field without a default must be there."""
    assert read({"id": 1}) == Row(1)


@pytest.mark.parametrize(
    ("value", "reason", "path"),
    [
        ({"id": 1, "isBlocking": "false"}, "expected a boolean, got a string", "$.isBlocking"),
        ({"id": 1, "isBlocking": 1}, "expected a boolean, got an integer", "$.isBlocking"),
        ({"id": True}, "expected an integer, got a boolean", "$.id"),
        ({"id": "1"}, "expected an integer, got a string", "$.id"),
        ({"id": 1.0}, "expected an integer, got a number", "$.id"),
        ({"id": 1, "name": 1}, "expected a string, got an integer", "$.name"),
        ({"id": 1, "name": None}, "expected a string, got null", "$.name"),
        ({"id": 1, "parentId": "2"}, "expected an integer, got a string", "$.parentId"),
        ({"id": 1, "severity": 1}, "expected a string, got an integer", "$.severity"),
        ({"id": 1, "severity": None}, "expected a string, got null", "$.severity"),
        ({"id": 1, "qualityModel": []}, "expected a string, got a list", "$.qualityModel"),
        ({"id": 1, "leaf": "b"}, "expected an object, got a string", "$.leaf"),
        ({"id": 1, "leaf": {}}, "field missing", "$.leaf.name"),
        ({"id": 1, "leaves": [{"name": "c"}, {}]}, "field missing", "$.leaves[1].name"),
        ({"id": 1, "leaves": {}}, "expected a list, got an object", "$.leaves"),
        ({"id": 1, "leaves": "cd"}, "expected a list, got a string", "$.leaves"),
        ({"id": 1, "leaves": None}, "expected a list, got null", "$.leaves"),
        ({"id": 1, "tags": "xy"}, "expected a list, got a string", "$.tags"),
        ({"id": 1, "tags": [1]}, "expected a string, got an integer", "$.tags[0]"),
        ({"id": 1, "labels": {"k": 1}}, "expected a string, got an integer", "$.labels[k]"),
        ({}, "field missing", "$.id"),
        ([], "expected an object, got a list", "$"),
        (None, "expected an object, got null", "$"),
        ("text", "expected an object, got a string", "$"),
        (1.5, "expected an object, got a number", "$"),
    ],
)
def test_a_row_of_another_shape_is_refused_with_its_path(value, reason, path):
    """The first fault is named with its JSON path and both types."""
    with pytest.raises(DecodeError) as caught:
        read(value)
    assert (str(caught.value), caught.value.path) == (f"{reason} @ {path}", path)
    assert caught.value.request == FACTS


@pytest.mark.parametrize(
    ("value", "reason", "path"),
    [
        ([{"name": "a"}, {}], "field missing", "$[1].name"),
        ([{"name": 1}], "expected a string, got an integer", "$[0].name"),
        ([3], "expected an object, got an integer", "$[0]"),
        ({}, "expected a list, got an object", "$"),
        ({"code": 200}, "expected a list, got an object", "$"),
        ("", "expected a list, got a string", "$"),
        (None, "expected a list, got null", "$"),
        (5, "expected a list, got an integer", "$"),
    ],
)
def test_a_list_of_another_shape_is_refused_with_its_path(value, reason, path):
    """An empty object is not an empty list: that would read as "there is none"."""
    with pytest.raises(DecodeError) as caught:
        read(value, list[Leaf])
    assert (str(caught.value), caught.value.path) == (f"{reason} @ {path}", path)


@pytest.mark.parametrize(
    ("value", "kind", "path"),
    [
        ([{}] * 200_000, list[Leaf], "$[0].name"),
        ({"id": 1, "tags": [1] * 200_000}, Row, "$.tags[0]"),
        ({"id": 1, "labels": {f"k{n}": 1 for n in range(200_000)}}, Row, "$.labels[k0]"),
    ],
    ids=["rows", "texts", "mapping"],
)
def test_reading_ends_at_the_first_fault(value, kind, path):
    """Faults that are as many as the parts of an answer take no memory each."""
    tracemalloc.start()
    with pytest.raises(DecodeError) as caught:
        read(value, kind)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.path == path
    assert peak < 1_000_000


def test_a_path_shows_the_beginning_of_a_name():
    """The server chose it, as long as an answer may be."""
    with pytest.raises(DecodeError) as caught:
        read({"id": 1, "labels": {"k" * 5000: 1}})
    assert caught.value.path == f"$.labels[{'k' * 80}]"


def test_a_value_of_tomorrow_stays_text():
    """An open set takes a text that it does not know."""
    assert read({"id": 1, "severity": "NEW", "qualityModel": "NEWER"}) == Row(
        1, severity="NEW", quality_model="NEWER"
    )


def test_any_mapping_is_an_object():
    """A row may come as any mapping, not only as a dict."""

    class Frozen(Mapping):
        def __getitem__(self, name):
            return {"name": "a"}[name]

        def __iter__(self):
            return iter(["name"])

        def __len__(self):
            return 1

    assert read(Frozen(), Leaf) == Leaf("a")


def test_a_constructor_that_refuses_is_a_decode_error():
    """Whatever an attrs class raises while it is made is named with the row's path."""

    @attrs.frozen
    class Even:
        number: int = attrs.field()

        @number.validator
        def _even(self, _attribute, value):
            if value % 2:
                raise ArithmeticError("odd")

    with pytest.raises(DecodeError, match=r"^odd @ \$\[1\]$"):
        read([{"number": 2}, {"number": 3}], list[Even])


def test_an_error_carries_nothing_of_what_found_it():
    """Dask sends an error with its context to another process, and no error of cattrs's arrives."""
    with pytest.raises(DecodeError) as caught:
        read([{"id": "x"}], list[Row])
    assert caught.value.__context__ is caught.value.__cause__ is None


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b'{"id": 1', b"[1] 2", b"\xff", b'"\xff"', b"[" * 100_000, b"1e400", b"NaN"],
)
def test_what_is_not_json_is_a_decode_error(content):
    """A body that is no JSON, cut short, or nested beyond reason has no path."""
    with pytest.raises(DecodeError, match=r"^the answer is not JSON: ") as caught:
        parse(content, FACTS)
    assert caught.value.path == ""
    assert caught.value.request == FACTS


def test_numbers_are_kept_exactly():
    """An integer beyond 64 bits is not rounded."""
    assert parse(b"18446744073709551617", FACTS) == 2**64 + 1


@given(st.binary() | st.text().map(str.encode))
def test_any_body_parses_or_is_refused(content):
    """No body raises anything but DecodeError."""
    with suppress(DecodeError):
        parse(content, FACTS)


_JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from([camel(field.name) for field in attrs.fields(Row)]) | st.text(), inner
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(_JSON, st.sampled_from([Row, list[Row], tuple[Leaf, ...]]))
def test_any_json_decodes_or_is_refused(value, kind):
    """Any JSON becomes rows with fields of the declared types, or a DecodeError with a path."""
    result = []
    with suppress(DecodeError):
        result = read(value, kind)
    for row in [result] if isinstance(result, Row) else result:
        assert isinstance(row.name, str)
        assert type(row) is Leaf or (type(row.id), type(row.is_blocking)) == (int, bool)


@given(_JSON.filter(lambda value: "nan" not in repr(value) and "inf" not in repr(value)))
def test_a_body_is_ascii_and_reads_back(value):
    """What is dumped is ASCII, compact, and the same document."""
    content = dump(value)
    assert content.isascii()
    assert json.loads(content) == value


def test_a_body_is_compact():
    """No spaces between the tokens; a letter outside ASCII is an escape."""
    assert dump({"name": "ü", "id": [1, 2]}) == b'{"name":"\\u00fc","id":[1,2]}'


def test_a_body_has_no_nan():
    """A number that JSON does not have is refused before it is sent."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump(float("nan"))


@pytest.mark.parametrize(
    ("name", "wire"), [("id", "id"), ("control_action", "controlAction"), ("a_b_c", "aBC")]
)
def test_camel(name, wire):
    """A field's name on the wire is its Python name in camelCase."""
    assert camel(name) == wire


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2023-09-18T13:21:24.123456", datetime(2023, 9, 18, 13, 21, 24, 123456, tzinfo=UTC)),
        ("2023-09-18T13:21:24", datetime(2023, 9, 18, 13, 21, 24, tzinfo=UTC)),
        ("2023-09-18T13:21:24Z", datetime(2023, 9, 18, 13, 21, 24, tzinfo=UTC)),
        (
            "2023-09-18T13:21:24+02:00",
            datetime(2023, 9, 18, 13, 21, 24, tzinfo=timezone(timedelta(hours=2))),
        ),
    ],
)
def test_a_moment_says_its_offset(text, moment):
    """A date and time without an offset is in UTC, and every one that is read has an offset."""
    found = read(text, datetime)
    assert (found, found.utcoffset()) == (moment, moment.utcoffset())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1695043284, "expected a date and time, got an integer @ $"),
        (None, "expected a date and time, got null @ $"),
        ("", "expected a date and time in ISO 8601, got '' @ $"),
        ("x" * 100, f"expected a date and time in ISO 8601, got {'x' * 40!r} @ $"),
    ],
)
def test_what_is_no_moment_is_told(value, message):
    """A number is not guessed to be seconds or milliseconds, and a long text is cut."""
    with pytest.raises(DecodeError) as caught:
        read(value, datetime)
    assert caught.value.message == message
