import gc
import io
import json
import warnings
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airview_herald.airview.models import (
    Application,
    ApplicationType,
    ComplianceEvent,
    Control,
    ControlSeverity,
    Environment,
    MonitoredResourceState,
    QualityModel,
    TechnicalControl,
    TechnicalControlAction,
)
from airview_herald.errors import InputError
from airview_herald.sources import SourceProblem, read_jsonl, write_jsonl

_EVENT = ComplianceEvent(
    "bucket",
    Application("Shop", "shop"),
    TechnicalControl("Encrypted", "s3/encrypted", TechnicalControlAction.LOG),
    MonitoredResourceState.FLAGGED,
    "not encrypted",
)
_OBJECT = {
    "resource_reference": "bucket",
    "application": {"name": "Shop", "reference": "shop"},
    "technical_control": {
        "name": "Encrypted",
        "reference": "s3/encrypted",
        "control_action": "LOG",
    },
    "status": "FLAGGED",
    "additional_data": "not encrypted",
}
_LINE = json.dumps(_OBJECT)

_TEXTS = st.text(max_size=20)
_IDS = st.none() | st.integers()
_ENVIRONMENTS = st.builds(Environment, _TEXTS, _TEXTS, _IDS)
_APPLICATIONS = st.builds(
    Application,
    _TEXTS,
    _TEXTS,
    st.sampled_from(ApplicationType) | _TEXTS,
    _ENVIRONMENTS,
    _IDS,
    _IDS,
)
_CONTROLS = st.builds(
    Control,
    _TEXTS,
    st.none() | st.sampled_from(QualityModel) | _TEXTS,
    _IDS,
    st.none() | _TEXTS,
    _IDS,
    st.sampled_from(ControlSeverity) | _TEXTS,
)
_TECHNICAL_CONTROLS = st.builds(
    TechnicalControl,
    _TEXTS,
    _TEXTS,
    st.sampled_from(TechnicalControlAction) | _TEXTS,
    _IDS,
    _IDS,
    st.none() | st.booleans(),
    _IDS,
    st.none() | _CONTROLS,
)
_EVENTS = st.builds(
    ComplianceEvent,
    _TEXTS,
    _APPLICATIONS,
    _TECHNICAL_CONTROLS,
    st.sampled_from(MonitoredResourceState) | _TEXTS,
    _TEXTS,
)


def _bytes(*lines):
    return io.BytesIO("\n".join(lines).encode())


@given(st.lists(_EVENTS, max_size=4))
def test_events_come_back_as_they_were(events):
    """Writing and reading gives equal events, in order, through bytes and through text."""
    for file in (io.BytesIO(), io.StringIO()):
        assert write_jsonl(events, file) == len(events)
        file.seek(0)
        source = read_jsonl(file)
        assert list(source) == events
        assert source.problems == ()


def test_lines_are_in_the_models_own_words():
    """A line has the fields' Python names, the wire's enumeration texts, and no `null`."""
    file = io.StringIO()
    write_jsonl([_EVENT], file)
    application = {
        "type": "BUSINESS_APPLICATION",
        "environment": {"name": "Unknown", "abbreviation": "UNK"},
    }
    assert json.loads(file.getvalue()) == {
        **_OBJECT,
        "application": {**_OBJECT["application"], **application},
    }
    assert file.getvalue().endswith("}\n")


def test_a_path_is_replaced_and_read_any_number_of_times(tmp_path):
    """A path is opened anew for each reading, and counters start anew with it."""
    path = tmp_path / "events.jsonl"
    path.write_text("old\n")
    assert write_jsonl(iter([_EVENT, _EVENT]), path) == 2
    source = read_jsonl(str(path))
    assert source.events == 0
    for _ in range(2):
        assert list(source) == [_EVENT, _EVENT]
        assert (source.lines, source.events, source.problem_count) == (2, 2, 0)


def test_defaults_may_be_left_out_and_enumerations_arrive_as_members():
    """The shortest line gives the model with its defaults."""
    (event,) = read_jsonl(_bytes(_LINE))
    assert event == _EVENT
    assert event.status is MonitoredResourceState.FLAGGED
    assert event.application.environment == Environment("Unknown", "UNK")


def test_blank_lines_a_byte_order_mark_and_windows_line_ends_are_passed_over():
    """Nothing but lines with something on them counts."""
    file = io.BytesIO(b"\xef\xbb\xbf" + f"{_LINE}\r\n\r\n  \n{_LINE}".encode())
    source = read_jsonl(file)
    assert len(list(source)) == 2
    assert source.lines == 2
    assert source.problems == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("?", "JSON is malformed: invalid character (byte 0)"),
        (_LINE[:-1], "Input data was truncated"),
        ("[]", "Expected `object`, got `array`"),
        (
            _LINE.replace('"additional_data"', '"additional_dta"'),
            "Object contains unknown field `additional_dta`",
        ),
        (
            _LINE.replace('"name": "Shop"', '"name": 5'),
            "Expected `str`, got `int` - at `$.application.name`",
        ),
        (
            _LINE.replace('"status": "FLAGGED", ', ""),
            "Object missing required field `status`",
        ),
        ('{"resource_reference": "\\ud800"}', None),
        ("[" * 100_000, None),
    ],
)
def test_a_malformed_line_is_told_and_stops_nothing(line, reason):
    """The problem names file, line and reason, and the lines around it give their events."""
    told = []
    file = _bytes(_LINE, line, _LINE)
    file.name = "events.jsonl"
    source = read_jsonl(file, on_problem=told.append)
    assert list(source) == [_EVENT, _EVENT]
    assert source.problems == tuple(told)
    (problem,) = told
    assert (problem.file, problem.where) == ("events.jsonl", "line 2")
    assert reason is None or problem.reason == reason


def test_bytes_that_are_not_utf8_spoil_only_their_line():
    """A binary file goes on behind a line in another encoding."""
    latin = _LINE.replace("Shop", "Caf\xe9").encode("latin-1")
    source = read_jsonl(io.BytesIO(latin + b"\n" + _LINE.encode()))
    assert list(source) == [_EVENT]
    assert [problem.where for problem in source.problems] == ["line 1"]
    assert source.problems[0].file == "<stream>"


def test_a_text_file_in_another_encoding_is_an_error(tmp_path):
    """A text file cannot go on, so the reading ends with an error that says what to do."""
    path = tmp_path / "latin.jsonl"
    path.write_bytes(_LINE.replace("Shop", "Caf\xe9").encode("latin-1"))
    with path.open(encoding="utf-8") as file, pytest.raises(InputError, match="binary mode"):
        list(read_jsonl(file))


@pytest.mark.parametrize("kind", [io.BytesIO, lambda content: io.StringIO(content.decode())])
def test_a_line_over_the_limit_is_skipped_unheld(kind):
    """A long line is a problem, wherever its parts end, and the next one is read."""
    exact = _LINE.ljust(400)
    wide = json.dumps({"x": "é" * 300}, ensure_ascii=False)  # 309 characters, 609 bytes
    lines = [exact, exact + " ", "x" * 5000, "y" * 802, wide, exact]
    source = read_jsonl(kind("\n".join(lines).encode()), max_line_bytes=400)
    assert list(source) == [_EVENT, _EVENT]
    assert [problem.where for problem in source.problems] == [
        "line 2",
        "line 3",
        "line 4",
        "line 5",
    ]
    assert {problem.reason for problem in source.problems} == {"longer than 400 bytes"}


def test_a_carriage_return_counts_as_part_of_the_line():
    """A line that only its carriage return makes too long is told, not lost."""
    source = read_jsonl(_bytes(_LINE.ljust(400) + "\r", _LINE), max_line_bytes=400)
    assert list(source) == [_EVENT]
    assert [problem.where for problem in source.problems] == ["line 1"]


def test_the_first_thousand_problems_are_kept_and_all_are_counted():
    """Memory is bounded however bad the file, and the callback hears of each."""
    told = []
    source = read_jsonl(_bytes(*["?"] * 1200), on_problem=told.append)
    assert list(source) == []
    assert (len(source.problems), source.problem_count, len(told)) == (1000, 1200, 1200)
    assert source.lines == 1200


def test_a_callback_that_raises_ends_the_reading():
    """What `on_problem` raises is the caller's, and comes back to the caller."""

    def refuse(problem):
        raise LookupError(problem.where)

    with pytest.raises(LookupError, match="line 1"):
        list(read_jsonl(_bytes("?"), on_problem=refuse))


def test_a_file_opened_here_is_closed_when_iteration_stops_early(tmp_path):
    """Closing the iterator closes the file: no resource warning is left for the collector."""
    path = tmp_path / "events.jsonl"
    write_jsonl([_EVENT, _EVENT], path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        events = iter(read_jsonl(path))
        next(events)
        events.close()
        gc.collect()


def test_an_open_file_stays_open_and_is_read_again_from_where_it_stood():
    """The caller's file is neither closed nor rewound beyond what was given."""
    file = _bytes("skipped", _LINE)
    file.readline()
    source = read_jsonl(file)
    assert list(source) == list(source) == [_EVENT]
    assert not file.closed


def test_a_stream_that_cannot_seek_is_read_once():
    """A pipe works, and asking for it again is a clear error."""

    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    source = read_jsonl(Pipe(_LINE.encode()))
    assert list(source) == [_EVENT]
    with pytest.raises(InputError, match="cannot be read twice"):
        list(source)


def test_a_missing_file_is_an_os_error_when_it_is_read(tmp_path):
    """Making a source opens nothing; iterating it does."""
    source = read_jsonl(tmp_path / "none.jsonl")
    with pytest.raises(FileNotFoundError):
        list(source)


def test_sources_say_that_they_block():
    """The mark is on the class and on each source."""
    assert read_jsonl("x").blocking is True


def test_a_limit_of_nothing_is_refused():
    """A limit below one byte is no limit."""
    with pytest.raises(InputError, match=r"^max_line_bytes: is at least 1$"):
        read_jsonl("x", max_line_bytes=0)


@pytest.mark.parametrize("given", [None, 5, ["a"]])
def test_what_is_no_file_is_refused(given):
    """Before anything is iterated."""
    told = f"^path_or_file: must be a path or an open file, not {type(given).__name__}$"
    with pytest.raises(InputError, match=told):
        read_jsonl(given)


def test_arguments_in_the_wrong_order_write_nothing(tmp_path):
    """A file that is there is as it was."""
    path = tmp_path / "events.jsonl"
    path.write_text("as it was")
    with pytest.raises(InputError, match=r"^path_or_file: must be a path or an open file, not li"):
        write_jsonl(str(path), [_EVENT])
    with pytest.raises(InputError, match=r"^events: must be an iterable of events, not Compli"):
        write_jsonl(_EVENT, path)
    assert path.read_text() == "as it was"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"status": "FLAGGED"}, "is not a ComplianceEvent"),
        (attrs.evolve(_EVENT, additional_data=5), "Expected `str`, got `int`"),
        (attrs.evolve(_EVENT, additional_data={1}), "not JSON serializable"),
        (attrs.evolve(_EVENT, resource_reference="\ud800"), "would not be read back"),
        (
            attrs.evolve(_EVENT, application=attrs.evolve(_EVENT.application, name=None)),
            "missing required field `name`",
        ),
        (
            attrs.evolve(_EVENT, technical_control=Environment("x", "y")),
            "unknown field `abbreviation`",
        ),
        (attrs.evolve(_EVENT, additional_data="x" * 2_000_000), "longer than 1048576 bytes"),
        (attrs.evolve(_EVENT, application=None), "missing required field `application`"),
        (
            attrs.evolve(_EVENT, application=attrs.evolve(_EVENT.application, environment=None)),
            "would be read back as another event",
        ),
    ],
)
def test_an_event_that_would_not_come_back_is_not_written(event, words):
    """The error names the event by its index and keeps it; the ones before it are written."""
    file = io.BytesIO()
    with pytest.raises(InputError, match=words) as caught:
        write_jsonl([_EVENT, event], file)
    assert caught.value.field == "<stream>, event 1"
    assert caught.value.subject is event
    assert file.getvalue().count(b"\n") == 1


def test_problems_are_plain_values():
    """Problems compare and print by what they say."""
    assert SourceProblem("f", "line 1", "r") == SourceProblem(file="f", where="line 1", reason="r")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.binary(max_size=200))
def test_no_bytes_stop_the_lines_beside_them(tmp_path, junk):
    """Whatever stands before and after a good line, it gives its event."""
    path = Path(tmp_path) / "events.jsonl"
    # Not as the first line, where it may be the mark of another encoding.
    path.write_bytes(b"\n" + junk + b"\n" + _LINE.encode() + b"\n" + junk)
    assert list(read_jsonl(path, max_line_bytes=1000)) == [_EVENT]
