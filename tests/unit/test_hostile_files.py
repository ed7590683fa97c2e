"""Files that were made to harm whoever reads them: they are told in few words, soon."""

import io
import json
import time
import tracemalloc

import pytest

from airview_herald.airview import Application, ComplianceEvent, TechnicalControl
from airview_herald.errors import InputError
from airview_herald.sources import read_jsonl, read_sarif, write_jsonl

EVENT = ComplianceEvent(
    "i-1", Application("Shop", "shop"), TechnicalControl("Patched", "patched", "LOG"), "FLAGGED"
)
ESCAPE = "\x1b[2J\x9b31m\u202e\u2028"
A_FILE = [{"physicalLocation": {"artifactLocation": {"uri": "a.py"}}}]


@pytest.fixture
def line():
    """A good line."""
    file = io.BytesIO()
    write_jsonl([EVENT], file)
    return file.getvalue()


def sarif(*, results=1, result=None, driver=None, **run):
    """Read a report of equal results; return the source and its events."""
    one = {"ruleId": "R1", "message": {"text": "bad"}, "locations": A_FILE, **(result or {})}
    tool = {"driver": {"name": "tool", **(driver or {})}}
    report = {"version": "2.1.0", "runs": [{"tool": tool, "results": [one] * results, **run}]}
    source = read_sarif(io.BytesIO(json.dumps(report).encode()))
    return source, list(source)


class Endless(io.RawIOBase):
    """A line of many bytes that are nowhere at a time."""

    def __init__(self, size):
        self._left = size

    def readable(self):
        return True

    def readinto(self, buffer):
        count = min(len(buffer), self._left)
        buffer[:count] = b"x" * count
        self._left -= count
        return count


# JSON Lines


def test_a_line_of_a_hundred_megabytes_is_held_nowhere():
    """It is a problem that names the line and the limit, and memory stays at a few times that."""
    source = read_jsonl(io.BufferedReader(Endless(100_000_000)))
    tracemalloc.start()
    try:
        assert list(source) == []
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000
    (problem,) = source.problems
    assert (problem.where, problem.reason) == ("line 1", "longer than 1048576 bytes")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_lines_in_a_wide_encoding_are_one_error(line, encoding):
    """The encoding is named once, in place of a problem for each half of a line."""
    file = io.BytesIO((line.decode() * 3).encode(encoding))
    with pytest.raises(InputError, match="<stream>: is UTF-16 or UTF-32; JSON Lines are UTF-8"):
        list(read_jsonl(file))


def test_of_a_field_that_is_there_twice_the_last_counts(line):
    """As in most readers of JSON."""
    twice = line.rstrip(b"}\n") + b', "status": "MONITORING"}'
    (event,) = read_jsonl(io.BytesIO(twice))
    assert event.status == "MONITORING"


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (b'"additional_data": NaN', "malformed"),
        (b'"additional_data": -Infinity', "malformed"),
        (b'"dead_letter": ' + b"[" * 100_000, "Expected `object`, got `array`"),
        (b'"application": ' + b'{"environment":' * 10_000, "unknown field"),
        (b'"status": 1' + b"0" * 5000, "out of range"),
        (b'"\xff": 1', "UTF-8"),
        (b'"status": "\xed\xa0\x80"', "UTF-8"),
        (b'"status": "\0"', "malformed"),
        (b'"status": "FLAG', "malformed"),
    ],
    ids=["NaN", "Infinity", "deep list", "deep object", "long", "name", "half", "NUL", "cut"],
)
def test_what_is_in_no_json_spoils_its_line_only(line, field, words):
    """The lines before and after it are read."""
    bad = line.rstrip(b"}\n") + b", " + field + b"}\n"
    source = read_jsonl(io.BytesIO(line + bad + line))
    assert list(source) == [EVENT, EVENT]
    (problem,) = source.problems
    assert problem.where == "line 2"
    # Older releases of msgspec leave the words to Python.
    assert words.lower() in problem.reason.lower()


def test_what_a_line_says_cannot_reach_a_terminal(line):
    """A name of a million escapes is escaped, and cut."""
    name = json.dumps(ESCAPE * 10_000).encode()
    source = read_jsonl(io.BytesIO(line.rstrip(b"}\n") + b", " + name + b": 1}"))
    assert list(source) == []
    (problem,) = source.problems
    assert problem.reason.startswith(r"Object contains unknown field `\x1b[2J\x9b31m\u202e\u2028")
    assert problem.reason.isprintable()
    assert len(problem.reason) <= 2_001


def test_a_dead_letter_cannot_reach_a_terminal_either(line):
    """What Python showed of an event is its sender's to choose."""
    letter = {"superseded": 0, "index": 1, "run": "r", "outcome": "failed", "stage": "s"}
    letter |= {"attempts": 1, "unreadable": ESCAPE * 10_000}
    source = read_jsonl(io.BytesIO(json.dumps({"dead_letter": letter}).encode()))
    assert list(source) == []
    (problem,) = source.problems
    assert problem.reason.isprintable()
    assert len(problem.reason) <= 2_001


# SARIF: what is small in the file and large when it is read


def test_a_placeholder_is_filled_as_far_as_it_is_read():
    """A million placeholders for a text of a megabyte would be a terabyte."""
    message = {"text": "{0}" * 1_000_000, "arguments": ["x" * 1_000_000]}
    source, (event,) = sarif(result={"message": message})
    assert source.problem_count == 0
    assert len(event.additional_data) <= 8000
    assert event.additional_data.endswith("x…")


def test_a_text_that_many_results_share_is_read_as_far_as_it_is_used():
    """Two thousand results lend ten megabytes from their tool."""
    driver = {"globalMessageStrings": {"m": {"text": "x y" * 3_000_000}}}
    _, (event,) = sarif(results=2_000, result={"message": {"id": "m"}}, driver=driver)
    assert event.additional_data.startswith("x yx yx y")
    assert event.additional_data.endswith("… and 1999 more")


def test_a_message_that_is_cut_says_so():
    """White space that is taken out does not hide that there was more."""
    _, (event,) = sarif(result={"message": {"text": "x " + " " * 20_000 + "y"}})
    assert event.additional_data == "x …"


def test_an_id_of_a_million_slashes_is_looked_for_as_far_as_references_go():
    """It is a problem, and not a search of each of its beginnings."""
    source, events = sarif(result={"ruleId": "/" * 1_000_000})
    assert events == []
    assert "has 1000005 characters, at most 500 are taken" in source.problems[0].reason


def test_a_long_id_is_still_one_of_a_described_rule():
    """What is below a rule counts as the rule, however long it is."""
    rules = {"rules": [{"id": "CA1000", "name": "Names"}]}
    _, (event,) = sarif(result={"ruleId": f"CA1000/{'x/' * 10_000}"}, driver=rules)
    assert event.technical_control.reference == "tool/CA1000"


def test_a_name_of_a_tool_is_measured_before_it_is_used():
    """Twenty thousand results of a tool with a name of ten megabytes are problems."""
    source, events = sarif(results=20_000, driver={"name": ":" * 10_000_000})
    assert events == []
    assert source.malformed == 20_000


def test_what_results_refer_to_is_read_once():
    """Twenty thousand results refer to one place of ten megabytes, good or bad."""
    there = [{"name": "here", "properties": "x" * 10_000_000}, {"name": 5}]
    place = [{"logicalLocations": [{"index": 0}]}]
    _, (event,) = sarif(results=20_000, result={"locations": place}, logicalLocations=there)
    assert event.resource_reference == "here"
    place = [{"logicalLocations": [{"index": 1}]}]
    source, _ = sarif(results=2, result={"locations": place}, logicalLocations=there)
    assert [problem.where for problem in source.problems] == [
        "$.runs[0].results[0].name",
        "$.runs[0].results[1].name",
    ]


@pytest.mark.parametrize("following", [lambda n: f"b{n + 1}", lambda n: f"b{(n + 1) % 50}"])
def test_a_chain_of_bases_ends(following):
    """One that is long, or a ring, leads as far as it can be followed."""
    bases = {f"b{n}": {"uri": f"{n}/", "uriBaseId": following(n)} for n in range(50)}
    place = [{"physicalLocation": {"artifactLocation": {"uri": "a.py", "uriBaseId": "b0"}}}]
    _, (event,) = sarif(result={"locations": place}, originalUriBaseIds=bases)
    assert event.resource_reference == "/".join([*map(str, reversed(range(50))), "a.py"])


def test_a_chain_of_more_bases_than_any_tool_writes_is_a_problem_of_its_results():
    """It is followed for a hundred of them, and not guessed at beyond."""
    bases = {f"b{n}": {"uri": "x/", "uriBaseId": f"b{n + 1}"} for n in range(5_000)}
    bases["b5000"] = {"uri": "file:///repo/"}
    place = [
        {"physicalLocation": {"artifactLocation": {"uri": "a.py", "uriBaseId": f"b{n}"}}}
        for n in (4_901, 0)
    ]
    source, (event,) = sarif(result={"locations": place[:1]}, originalUriBaseIds=bases)
    assert event.resource_reference == "x/" * 99 + "a.py"
    source, events = sarif(result={"locations": place}, originalUriBaseIds=bases)
    assert events == []
    (problem,) = source.problems
    assert problem.where == "$.runs[0].results[0]"
    assert problem.reason == "has a chain of more than 100 bases"


def test_files_are_found_below_very_many_bases_in_no_time():
    """Twenty thousand files, and as many bases that they may be below."""
    bases = {f"b{n}": {"uri": f"file:///repo/{'d/' * (n % 90)}{n}/"} for n in range(20_000)}
    places = [
        {"physicalLocation": {"artifactLocation": {"uri": f"{bases[f'b{n}']['uri']}{n}.py"}}}
        for n in range(20_000)
    ]
    began = time.process_time()
    _, events = sarif(result={"locations": places}, originalUriBaseIds=bases)
    assert [event.resource_reference for event in events] == [f"{n}.py" for n in range(20_000)]
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    "bases",
    [
        {"b": {"uri": "x/" * 2_000_000}},
        {f"b{n or ''}": {"uri": "x/" * 2_000, "uriBaseId": f"b{n + 1}"} for n in range(100)},
    ],
    ids=["one", "in all"],
)
def test_a_base_that_is_longer_than_any_path_is_a_problem_of_its_results(bases):
    """It is measured, and not joined to each file below it."""
    place = [{"physicalLocation": {"artifactLocation": {"uri": "a.py", "uriBaseId": "b"}}}]
    source, events = sarif(results=1_000, result={"locations": place}, originalUriBaseIds=bases)
    assert events == []
    assert source.malformed == 1_000
    assert "at most 8000 are read" in source.problems[0].reason


@pytest.mark.parametrize("part", [b"{}", b"1", b'{"locations":[{},{}]}'])
def test_a_report_of_very_many_parts_is_refused_before_they_are_made(part):
    """A few bytes would become an object each, of twenty times their size."""
    run = b'{"tool":{"driver":{"name":"t"}},"results":[%b]}' % b",".join(
        [part] * (600_000 // len(part))
    )
    report = b'{"version":"2.1.0","runs":[%b]}' % run
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="objects and commas, at most 131072 are read"):
            list(read_sarif(io.BytesIO(report), max_bytes=2**21))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(report)


@pytest.mark.parametrize("index", [-1, -2, 7, 10**18, 10**30])
def test_an_index_that_leads_nowhere_is_one_that_is_not_there(index):
    """Of rules, artifacts, logical locations and extensions alike."""
    nowhere = [{"physicalLocation": {"artifactLocation": {"index": index}}}]
    nowhere += [{"logicalLocations": [{"index": index}]}]
    listed = {"artifacts": [{"location": {"index": 0}}], "logicalLocations": [{"index": 0}]}
    source, _ = sarif(result={"locations": nowhere}, **listed)
    assert source.problems[0].reason == "names no file and no logical location"
    source, _ = sarif(result={"ruleId": None, "ruleIndex": index})
    assert source.problems[0].reason == "names no rule"
    rule = {"index": 0, "toolComponent": {"index": index}}
    source, _ = sarif(result={"ruleId": None, "rule": rule}, driver={"rules": [{"id": "R1"}]})
    assert source.problem_count == (0 if index < 0 else 1)


def test_a_list_that_refers_to_itself_names_nothing():
    """An artifact or a place that is only another index is none."""
    first = [{"physicalLocation": {"artifactLocation": {"index": 0}}}]
    first += [{"logicalLocations": [{"index": 0}]}]
    loops = {
        "artifacts": [{"location": {"index": 0}}],
        "logicalLocations": [{"index": 0, "parentIndex": 0}],
    }
    source, events = sarif(result={"locations": first}, **loops)
    assert (events, source.malformed) == ([], 1)


@pytest.mark.parametrize("uri", ["../../etc/passwd", "/etc/passwd", "file:///etc/passwd"])
def test_a_uri_is_a_name_and_nothing_is_opened(uri, tmp_path):
    """A file outside the base keeps the path that the report has, and is never looked at."""
    place = [{"physicalLocation": {"artifactLocation": {"uri": uri}}}]
    _, (event,) = sarif(result={"locations": place})
    assert event.resource_reference == uri.removeprefix("file://")


@pytest.mark.parametrize(
    ("severity", "number"), [("NaN", None), ("Infinity", None), ("1e999", None), ("7.5", 7.5)]
)
def test_a_severity_is_a_number(severity, number):
    """What Python reads as one besides is none."""
    told = []
    rules = [{"id": "R1", "properties": {"security-severity": severity}}]
    report = {"driver": {"name": "tool", "rules": rules}}
    result = {"ruleId": "R1", "message": {"text": "bad"}, "locations": A_FILE}
    log = {"version": "2.1.0", "runs": [{"tool": report, "results": [result]}]}
    list(read_sarif(io.BytesIO(json.dumps(log).encode()), control=told.append))
    assert [rule.security_severity for rule in told] == [number]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_a_report_in_an_encoding_that_is_not_read_is_named(encoding):
    """UTF-16 needs its mark."""
    file = io.BytesIO('{"version": "2.1.0", "runs": []}'.encode(encoding))
    with pytest.raises(InputError, match="is UTF-32, or UTF-16 without a byte order mark"):
        list(read_sarif(file))


def test_of_a_property_that_is_there_twice_the_last_counts():
    """As in most readers of JSON."""
    file = io.BytesIO(b'{"version": "9", "version": "2.1.0", "runs": [5], "runs": []}')
    source = read_sarif(file)
    assert list(source) == []
    assert [problem.reason for problem in source.problems] == ["is empty: nothing was scanned"]


def test_what_a_report_says_cannot_reach_a_terminal():
    """The name of a base shows where a problem is: escaped, and cut."""
    source, _ = sarif(originalUriBaseIds={ESCAPE * 10_000: 5})
    (problem,) = source.problems
    assert problem.where.startswith(r"$.runs[0].originalUriBaseIds.\x1b[2J\x9b31m")
    assert problem.where.isprintable()
    assert len(problem.where) <= 2_001


def test_why_a_file_is_no_report_is_told_in_few_words():
    """Whatever its version is."""
    file = io.BytesIO(json.dumps({"version": ESCAPE * 10_000, "runs": []}).encode())
    with pytest.raises(InputError) as caught:
        list(read_sarif(file))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200
