import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airview_herald.airview.models import (
    Application,
    Control,
    ControlSeverity,
    MonitoredResourceState,
    TechnicalControlAction,
)
from airview_herald.errors import InputError
from airview_herald.sources import SarifRule, decode_reference, encode_reference, read_sarif

FLAGGED = MonitoredResourceState.FLAGGED
MONITORING = MonitoredResourceState.MONITORING
DATA = Path(__file__).parent / "data"


def _result(uri="src/a.py", line=1, text="bad", rule="R1", **more):
    location = {"physicalLocation": {"artifactLocation": {"uri": uri}}}
    if line is not None:
        location["physicalLocation"]["region"] = {"startLine": line}
    return {"ruleId": rule, "message": {"text": text}, "locations": [location], **more}


def _run(*results, rules=(), tool="tool", **more):
    driver = {"name": tool, "rules": list(rules)}
    return {"tool": {"driver": driver}, "results": list(results), **more}


def _file(*runs, version="2.1.0"):
    return io.BytesIO(json.dumps({"version": version, "runs": list(runs)}).encode())


def _read(*runs, **options):
    """Return the source and its events."""
    source = read_sarif(_file(*runs), **options)
    events = list(source)
    counted = source.included + source.suppressed + source.ignored
    assert source.results == counted + source.unassigned + source.malformed
    assert source.events == len(events)
    return source, events


def _resources(*locations, bases=None, **options):
    """Return the resources of results at given artifact locations."""
    results = [
        {
            "ruleId": "R1",
            "message": {"text": "bad"},
            "locations": [{"physicalLocation": {"artifactLocation": location}}],
        }
        for location in locations
    ]
    _, events = _read(_run(*results, originalUriBaseIds=bases or {}), **options)
    return [event.resource_reference for event in events]


def _facts(events):
    return [
        (
            event.application.reference,
            event.resource_reference,
            event.technical_control.reference,
            event.technical_control.name,
            event.technical_control.control_action,
            event.status,
            event.additional_data,
        )
        for event in events
    ]


# What the tools write


def test_ruff_itself(tmp_path):
    """The installed ruff's report is read whole: absolute, percent-encoded URIs below `base`."""
    ruff = shutil.which(
        "ruff", path=os.pathsep.join([str(Path(sys.executable).parent), os.defpath])
    )
    if ruff is None:
        pytest.skip("ruff is not installed beside this interpreter")
    (tmp_path / "shop app").mkdir()
    (tmp_path / "shop app" / "café.py").write_text("assert 1\n\nassert 2\nimport os\n")
    command = [ruff, "check", "--isolated", "--no-cache", "--exit-zero", "--select", "S101,F401"]
    report = subprocess.run(
        # By name: a folder is left out when any part of its path is `.nox`, say.
        [*command, "--output-format", "sarif", "shop app/café.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    source = read_sarif(io.BytesIO(report), base=tmp_path)
    assert sorted(_facts(source)) == [
        (
            "shop~20app",
            "shop app/café.py",
            "ruff/F401",
            "unused-import",
            TechnicalControlAction.LOG,
            FLAGGED,
            "4:8 `os` imported but unused",
        ),
        (
            "shop~20app",
            "shop app/café.py",
            "ruff/S101",
            "assert",
            TechnicalControlAction.LOG,
            FLAGGED,
            "1:1 Use of `assert` detected\n3:1 Use of `assert` detected",
        ),
    ]
    assert (source.results, source.included, source.problems) == (3, 3, ())


def test_bandit():
    """Bandit: `ruleIndex` beside `ruleId`, relative URIs, a rule name, security tags, no levels."""
    source = read_sarif(DATA / "bandit.sarif")
    assert _facts(source) == [
        (
            "shop",
            "shop/pay.py",
            "Bandit/B602",
            "subprocess_popen_with_shell_equals_true",
            TechnicalControlAction.VULNERABILITY,
            FLAGGED,
            "7:5 subprocess call with shell=True identified, security issue.",
        )
    ]


def test_semgrep():
    """Semgrep: an undefined `%SRCROOT%`, no rule index, folded messages, `nosemgrep`."""
    source = read_sarif(DATA / "semgrep.sarif", base="/anywhere")
    assert _facts(source) == [
        (
            "src",
            "src/my file.py",
            "Semgrep~20OSS/python.lang.security.audit.eval-detected.eval-detected",
            "Semgrep Finding: python.lang.security.audit.eval-detected.eval-detected",
            TechnicalControlAction.VULNERABILITY,
            FLAGGED,
            '3:9 Detected the use of eval(). Avoid f"{x}" in it.',
        )
    ]
    assert (source.results, source.suppressed, source.problem_count) == (2, 1, 0)


def test_checkov():
    """Checkov: external suppressions, names equal to ids, paths that are not percent-encoded."""
    source = read_sarif(DATA / "checkov.sarif")
    assert _facts(source) == [
        (
            "infra",
            "infra/100% main.tf",
            "checkov/CKV_AWS_18",
            "Ensure the S3 bucket has access logging enabled",
            TechnicalControlAction.LOG,
            FLAGGED,
            "1 Ensure the S3 bucket has access logging enabled",
        )
    ]
    assert source.suppressed == 1


@pytest.mark.parametrize("base", [None, "/repo"])
def test_trivy(base):
    """Trivy: `ROOTPATH` is `file:///`, which says nothing of where; messages of many lines."""
    source = read_sarif(DATA / "trivy.sarif", base=base)
    assert _facts(source) == [
        (
            "web",
            "web/package-lock.json",
            "Trivy/CVE-2021-23337",
            "LanguageSpecificPackageVulnerability",
            TechnicalControlAction.VULNERABILITY,
            FLAGGED,
            "1:1 Package: lodash Installed Version: 4.17.20 Severity: HIGH",
        ),
        (
            "library",
            "library/alpine",
            "Trivy/CVE-2019-14697",
            "musl: a flaw",
            TechnicalControlAction.VULNERABILITY,
            FLAGGED,
            "1:1 Package: musl",
        ),
    ]


# Files and their paths


@pytest.mark.parametrize(
    ("uri", "resource"),
    [
        ("src/a.py", "src/a.py"),
        ("./src//x/../a.py", "src/a.py"),
        ("src\\a.py", "src/a.py"),
        ("src/a%20b%C3%A9.py", "src/a bé.py"),
        ("src/100%.py", "src/100%.py"),
        ("src/%FF.py", "src/%FF.py"),
        ("src/a#b?c.py", "src/a#b?c.py"),
        ("a:b.py", "a:b.py"),
        ("../other/a.py", "../other/a.py"),
        ("/usr/lib/a.py", "/usr/lib/a.py"),
        ("file:///usr/lib/a.py", "/usr/lib/a.py"),
        ("file:/usr/lib/a.py", "/usr/lib/a.py"),
        ("file://localhost/usr/lib/a.py", "/usr/lib/a.py"),
        ("FILE:///c:/repo/a.py", "C:/repo/a.py"),
        ("file:///C%3A/repo/a.py", "C:/repo/a.py"),
        ("file://C:/repo/a.py", "C:/repo/a.py"),
        ("C:\\repo\\a.py", "C:/repo/a.py"),
        ("file://server/share/a.py", "//server/share/a.py"),
        ("\\\\server\\share\\a.py", "//server/share/a.py"),
        ("https://host/o/r/a.py", "https://host/o/r/a.py"),
        ("file:///../../etc/passwd", "/etc/passwd"),
    ],
)
def test_a_file_without_any_base(uri, resource):
    """Relative stays relative and absolute absolute, decoded, normalised and with slashes."""
    assert _resources({"uri": uri}) == [resource]


@pytest.mark.parametrize(
    ("uri", "base", "resource"),
    [
        ("file:///repo/src/a.py", "/repo", "src/a.py"),
        ("file:///repo/src/a.py", "/repo/", "src/a.py"),
        ("file:///usr/a.py", "/", "usr/a.py"),
        ("src/a.py", "/repo", "src/a.py"),
        ("file:///C:/Repo/src/a.py", "c:\\repo", "src/a.py"),
        ("file://server/share/a.py", "\\\\server\\share", "a.py"),
    ],
)
def test_a_file_below_the_callers_base(uri, base, resource):
    """It is relative to it, on every system."""
    assert _resources({"uri": uri}, base=base) == [resource]


@pytest.mark.parametrize(
    ("uri", "base", "place"),
    [
        ("file:///repository/a.py", "/repo", "/repository/a.py"),
        ("src/../../x/a.py", "/repo", "/x/a.py"),
        ("file:///D:/repo/a.py", "C:/repo", "D:/repo/a.py"),
        ("https://host/repo/a.py", "/repo", "https://host/repo/a.py"),
    ],
)
def test_a_file_that_is_not_below_the_callers_base(uri, base, place):
    """It is no resource of an application that nobody meant; its neighbours are read."""
    source, events = _read(_run(_result(uri), _result(uri), _result()), base=base)
    assert [event.resource_reference for event in events] == ["src/a.py"]
    assert source.malformed == 2
    told = f"'{place}' is not below the base '{base}'; 2 results are of such files"
    assert [(each.where, each.reason) for each in source.problems] == [
        ("$.runs[0].results[0]", told)
    ]


@pytest.mark.parametrize(
    ("uris", "application", "told"),
    [
        (["file:///tmp/a/b.py", "file:///tmp/c.py"], None, [("/tmp/a/b.py", "tmp")]),  # noqa: S108
        (["shop/a.py", "C:\\repo\\a.py"], None, [("C:/repo/a.py", "repo")]),
        (["shop/a.py", "https://host/a.py"], None, []),
        (["file:///tmp/a/b.py"], Application("Shop", "shop"), []),
    ],
)
def test_absolute_paths_below_no_base_are_warned_of_once(caplog, uris, application, told):
    """Nobody means the application `tmp`, and what is recorded of it stays."""
    with caplog.at_level("WARNING", "airview_herald"):
        _resources(*({"uri": uri} for uri in uris), application=application)
    messages = [each.getMessage() for each in caplog.records]
    assert messages == [
        f"base: <stream> has absolute paths, such as '{path}', whose first folder becomes an "
        f"application, '{folder}'; name the folder that they are below"
        for path, folder in told
    ]


def test_what_a_base_makes_relative_is_not_warned_of(caplog):
    """Whether the caller names it or the report does."""
    with caplog.at_level("WARNING", "airview_herald"):
        _resources({"uri": "file:///repo/src/a.py"}, base="/repo")
        _resources({"uri": "file:///repo/src/a.py"}, bases={"ROOT": {"uri": "file:///repo/"}})
    assert caplog.records == []


@pytest.mark.parametrize(
    ("base", "told"),
    [
        ("none", "'none' is no directory"),
        ("", "'' is no directory"),
        ("a\0b", r"'a\\x00b' is no directory"),
        (__file__, "'.*test_sarif.py' is no directory"),
        (5, "must be the path of a directory, not int"),
        (b"/", "must be the path of a directory, not bytes"),
    ],
)
def test_a_base_that_is_no_directory_is_refused(base, told):
    """Before the report is opened."""
    with pytest.raises(InputError, match=f"^base: {told}$"):
        read_sarif("gone.sarif", base=base)


def test_the_callers_base_may_be_a_link_or_relative(tmp_path, monkeypatch):
    """Tools resolve links and the working directory; so does `base`."""
    (tmp_path / "repo").mkdir()
    (tmp_path / "link").symlink_to("repo")
    monkeypatch.chdir(tmp_path)
    for place in ("repo", "link"):
        uri = (tmp_path / place / "a.py").as_uri()
        assert _resources({"uri": uri}, base="link") == ["a.py"]


def test_the_reports_own_bases():
    """Bases are followed to their top; what is above a top becomes absolute."""
    bases = {
        "SRCROOT": {"uri": "file:///repo/"},
        "BIN": {"uri": "bin/", "uriBaseId": "SRCROOT"},
        "ALIAS": {"uriBaseId": "BIN"},
        "OPEN": {"uri": "generated/", "uriBaseId": "NOWHERE"},
        "LOOP": {"uri": "x/", "uriBaseId": "LOOP"},
    }
    locations = [
        {"uri": "a.py", "uriBaseId": "SRCROOT"},
        {"uri": "b.py", "uriBaseId": "BIN"},
        {"uri": "c.py", "uriBaseId": "ALIAS"},
        {"uri": "d.py", "uriBaseId": "OPEN"},
        {"uri": "e.py", "uriBaseId": "LOOP"},
        {"uri": "../f.py", "uriBaseId": "SRCROOT"},
        {"uri": "file:///repo/g.py"},
        {"uri": "file:///h.py", "uriBaseId": "SRCROOT"},
    ]
    own = ["a.py", "bin/b.py", "bin/c.py", "generated/d.py", "x/e.py", "/f.py", "g.py", "/h.py"]
    assert _resources(*locations, bases=bases) == own
    below = ["a.py", "bin/b.py", "bin/c.py", "generated/d.py", "x/e.py", "g.py"]
    assert _resources(*locations, bases=bases, base="/repo") == below
    below = ["b.py", "c.py", "generated/d.py", "x/e.py"]
    assert _resources(*locations, bases=bases, base="/repo/bin") == below


def test_the_longest_of_the_reports_bases_counts():
    """An absolute URI is relative to the nearest base that holds it."""
    bases = {"A": {"uri": "file:///w/"}, "B": {"uri": "file:///w/repo"}}
    assert _resources({"uri": "file:///w/repo/a.py"}, bases=bases) == ["a.py"]


def test_a_file_is_relative_to_the_bases_that_hold_it_and_to_no_other():
    """A base that comes between in order, or has the same beginning, holds nothing of it."""
    paths = ["w", "w/a", "w/a/b", "w/a b", "w/a/c/d", "w/aa", "w/z"]
    bases = {path: {"uri": f"file:///{path}/"} for path in paths}
    own = {
        "w/a/bb.py": "bb.py",
        "w/a/b/x.py": "x.py",
        "w/a/c/x.py": "c/x.py",
        "w/a/d/x.py": "d/x.py",
        "w/a.py": "a.py",
        "w/ab/x.py": "ab/x.py",
        "w/zz/x.py": "zz/x.py",
        "w/a": "a",
        "v/x.py": "/v/x.py",
        "x/x.py": "/x/x.py",
    }
    locations = [{"uri": f"file:///{path}"} for path in own]
    assert _resources(*locations, bases=bases) == list(own.values())
    # The letters of a path that Windows does not tell apart may be more when they are compared.
    bases = {"A": {"uri": "file:///C:/Stra%C3%9Fe/"}}
    assert _resources({"uri": "file:///c:/STRASSE/a/B.py"}, bases=bases) == ["a/B.py"]


def test_files_by_index():
    """An artifact location may be an index into the run's artifacts."""
    artifacts = [{"location": {"uri": "a.py"}}, {}, 5]
    results = [
        {"ruleId": "R1", "locations": [{"physicalLocation": {"artifactLocation": {"index": i}}}]}
        for i in (0, 1, 2, 9, -1)
    ]
    source, events = _read(_run(*results, artifacts=artifacts))
    assert [event.resource_reference for event in events] == ["a.py"]
    assert [problem.where for problem in source.problems] == [
        f"$.runs[0].results[{i}]" for i in (1, 2, 3, 4)
    ]
    assert source.problems[0].reason == "names no file and no logical location"
    assert source.problems[1].reason == "Expected `object`, got `int`"


def test_results_without_a_file():
    """Logical locations, the run's list of them, and the file being analysed stand in."""
    results = [
        {"ruleId": "R1", "locations": [{"logicalLocations": [{"fullyQualifiedName": "ns::f"}]}]},
        {"ruleId": "R1", "locations": [{"logicalLocations": [{}, {"name": "g"}]}]},
        {"ruleId": "R1", "locations": [{"logicalLocations": [{"index": 0}]}]},
        {"ruleId": "R1", "analysisTarget": {"uri": "src/t.py"}, "message": {"text": "m"}},
        {"ruleId": "R1", "locations": [{}]},
        {"ruleId": "R1"},
        {"ruleId": "R1", "locations": [{"physicalLocation": {"artifactLocation": {"uri": ""}}}]},
    ]
    source, events = _read(_run(*results, logicalLocations=[{"name": "h"}]))
    assert [event.resource_reference for event in events] == ["ns::f", "g", "h", "src/t.py"]
    assert source.malformed == 3


def test_a_result_in_several_files_counts_for_each():
    """Each file gets an event, and each place in a file a line."""
    result = _result(line=3)
    result["locations"] += _result("src/b.py", 4)["locations"] + _result(line=9)["locations"]
    source, events = _read(_run(result))
    assert [(event.resource_reference, event.additional_data) for event in events] == [
        ("src/a.py", "3 bad\n9 bad"),
        ("src/b.py", "4 bad"),
    ]
    assert source.included == 1


# Rules and messages


def test_a_rule_is_found_in_every_way_that_tools_point_at_it():
    """By id, by index, by the head of an id, in extensions; an id counts more than an index."""
    rules = [{"id": "A", "name": "first"}, {"id": "B", "name": "second"}]
    extensions = [
        {"name": "plug", "rules": [{"id": "X", "name": "extra"}]},
        {"name": "plain"},
        {"nameless": True},
    ]
    results = [
        {"ruleId": "B"},
        {"ruleIndex": 1},
        {"rule": {"id": "B"}},
        {"rule": {"index": 0}},
        {"ruleId": "A", "ruleIndex": 1},
        {"ruleId": "B/7/x"},
        {"ruleId": "B/1", "ruleIndex": 1},
        {"ruleId": "X"},
        {"rule": {"index": 0, "toolComponent": {"index": 0}}},
        {"rule": {"index": 0, "toolComponent": {"name": "plug"}}},
        {"rule": {"index": 0, "toolComponent": {"name": "driver"}}},
        {"ruleId": "Z", "ruleIndex": -1},
        {"ruleId": None, "ruleIndex": 99},
        {"rule": {"index": 0, "toolComponent": {"index": 2}}},
    ]
    run = _run(rules=rules)
    for number, pointer in enumerate(results):
        result = _result(f"s/{number}")
        del result["ruleId"]
        run["results"].append({**result, **pointer})
    run["tool"]["extensions"] = extensions
    source, events = _read(run)
    names = [event.technical_control.name for event in events]
    assert names == [
        *("second", "second", "second", "first", "first", "second", "second"),
        *("extra", "extra", "extra", "first", "Z"),
    ]
    assert events[5].technical_control.reference == "tool/B"
    assert [(problem.where, problem.reason) for problem in source.problems] == [
        ("$.runs[0].tool.extensions[2]", "Object missing required field `name`"),
        ("$.runs[0].results[12]", "names no rule"),
        ("$.runs[0].results[13]", "names no rule"),
    ]


@pytest.mark.parametrize(
    ("message", "data"),
    [
        ({"text": "plain {0} {{x}}"}, "1 plain {0} {{x}}"),
        ({"text": "a {0} {{x}} {1} {7}", "arguments": ["b", "c"]}, "1 a b {x} c {7}"),
        ({"id": "own", "arguments": ["b"]}, "1 own b"),
        ({"id": "global"}, "1 global text"),
        ({"id": "unknown"}, "1 Short."),
        ({}, "1 Short."),
        (None, "1 Short."),
        ({"text": " a\r\n\tb\u0000c "}, "1 a b c"),
    ],
)
def test_messages(message, data):
    """Templates are filled, ids looked up, lines folded; the rule's own words stand in."""
    rule = {
        "id": "R1",
        "shortDescription": {"text": "Short."},
        "messageStrings": {"own": {"text": "own {0}"}},
    }
    run = _run({**_result(), "message": message}, rules=[rule])
    run["tool"]["driver"]["globalMessageStrings"] = {"global": {"text": "global text"}, "bad": 5}
    source, events = _read(run)
    assert [event.additional_data for event in events] == [data]
    assert [problem.where for problem in source.problems] == [
        "$.runs[0].tool.driver.globalMessageStrings.bad"
    ]


def test_a_result_with_nothing_to_say():
    """Neither line nor message nor description leaves the data empty, and the event stands."""
    _, (event,) = _read(_run(_result(line=None, text="")))
    assert event.additional_data == ""
    assert event.technical_control.name == "R1"


def test_one_tools_rules_are_kept_apart_from_anothers():
    """Equal ids of two tools are two technical controls; two runs of one tool are one."""
    _, events = _read(
        _run(_result(line=1), tool="one"),
        _run(_result(line=2), tool="two"),
        _run(_result(line=3), tool="one"),
    )
    assert [(e.technical_control.reference, e.additional_data) for e in events] == [
        ("one/R1", "1 bad\n3 bad"),
        ("two/R1", "2 bad"),
    ]


def test_the_references_of_rules_can_be_undone():
    """A rule's reference holds the tool and the id in full."""
    _, (event,) = _read(_run(_result(rule="[HIGH] CVE~1"), tool="Old Trivy"))
    assert decode_reference(event.technical_control.reference) == "Old Trivy/[HIGH] CVE~1"


# What the caller decides


def test_control_and_action_are_asked_once_for_each_rule():
    """The functions see the rule with its default level, or that of its first result."""
    rules = [
        {
            "id": "R1",
            "fullDescription": {"text": "Full\ntext"},
            "helpUri": "https://x/",
            "defaultConfiguration": {"level": "note"},
            "properties": {"tags": ["t"], "security-severity": "7.5"},
        },
        {"id": "R2", "properties": {"security-severity": "high"}},
    ]
    asked = []

    def control(rule):
        asked.append(rule)
        return Control(f"{rule.tool} {rule.level}", severity=ControlSeverity.HIGH)

    _, events = _read(
        _run(
            _result(level="error"),
            _result("src/b.py", level="error"),
            _result(rule="R2", level="error"),
            _result(rule="R3", level="none"),
            _result(rule="R4"),
            rules=rules,
        ),
        control=control,
        control_action=lambda rule: "TASK" if rule.level == "error" else "INCIDENT",
    )
    assert asked == [
        SarifRule("tool", "R1", "R1", "Full text", "note", ("t",), 7.5, "https://x/"),
        SarifRule("tool", "R2", "R2", level="error"),
        SarifRule("tool", "R3", "R3", level="none"),
        SarifRule("tool", "R4", "R4", level="warning"),
    ]
    assert events[0].technical_control is events[1].technical_control
    assert events[0].technical_control.control == Control("tool note", severity="HIGH")
    assert [e.technical_control.control_action for e in events] == [
        *("INCIDENT", "INCIDENT", "TASK", "INCIDENT", "INCIDENT")
    ]


def test_one_choice_for_all():
    """An application, a control and an action may be given as they are."""
    application, control = Application("Shop", "shop"), Control("House rule")
    _, (event,) = _read(
        _run(_result()), application=application, control=control, control_action="TASK"
    )
    assert event.application is application
    assert event.technical_control.control is control
    assert event.technical_control.control_action is TechnicalControlAction.TASK


def test_no_application_leaves_the_resource_out():
    """`application` is asked once for each resource, and its `None` is counted, not told."""
    asked = []

    def application(resource):
        asked.append(resource)
        return Application("Shop", "shop") if resource.startswith("src/") else None

    source, events = _read(
        _run(_result(), _result("doc/x"), _result("doc/x"), _result()), application=application
    )
    assert [event.resource_reference for event in events] == ["src/a.py"]
    assert asked == ["src/a.py", "doc/x"]
    assert (source.unassigned, source.problem_count) == (2, 0)


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("shop/pay/a.py", "shop"),
        ("setup.py", "setup.py"),
        ("../shop/a.py", "shop"),
        ("/usr/lib/a.py", "usr"),
        ("C:/repo/a.py", "repo"),
        ("https://host/a.py", "host"),
        ("caf%C3%A9/a.py", "café"),
        ("..", ".."),
    ],
)
def test_the_application_by_default(uri, name):
    """The first part of the path that names something, and its reference by the mapping."""
    _, (event,) = _read(_run(_result(uri)))
    assert event.application == Application(name, encode_reference(name))


# Kinds, suppressions and merging


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({}, FLAGGED),
        ({"kind": "fail", "level": "none"}, FLAGGED),
        ({"kind": None}, FLAGGED),
        ({"kind": "pass"}, MONITORING),
        ({"baselineState": "absent"}, MONITORING),
        ({"baselineState": "unchanged"}, FLAGGED),
        ({"baselineState": "new"}, FLAGGED),
    ],
)
def test_states(more, status):
    """Findings are FLAGGED; what passed, or is gone since the baseline, is MONITORING."""
    _, (event,) = _read(_run(_result(**more)))
    assert event.status is status


@pytest.mark.parametrize("kind", ["notApplicable", "informational", "open", "review"])
def test_undecided_results_are_left_out(kind):
    """They say neither that a check failed nor that it passed."""
    source, events = _read(_run(_result(kind=kind)))
    assert (events, source.ignored, source.problem_count) == ([], 1, 0)


def test_an_unknown_kind_is_a_problem():
    """A kind that SARIF does not have is not guessed at."""
    source, _ = _read(_run(_result(kind="maybe")))
    (problem,) = source.problems
    assert problem.where == "$.runs[0].results[0].kind"
    assert problem.reason == "'maybe' is not a kind of result"


@pytest.mark.parametrize(
    ("suppressions", "suppressed"),
    [
        (None, 0),
        ([], 0),
        ([{"kind": "inSource"}], 1),
        ([{"status": "accepted"}], 1),
        ([{"status": "rejected"}], 0),
        ([{"status": "underReview"}], 0),
        ([{"status": "rejected"}, {"status": "accepted"}], 1),
    ],
)
def test_suppressions(suppressions, suppressed):
    """One accepted suppression is enough; a wish or a refusal covers nothing."""
    source, events = _read(_run(_result(suppressions=suppressions)))
    assert source.suppressed == suppressed
    assert len(events) == 1 - suppressed


def test_one_finding_makes_the_event_flagged():
    """FLAGGED wins in whichever order, with the lines of findings only."""
    passed, found = _result(text="fine", kind="pass"), _result(line=7)
    for results in ([passed, found], [found, passed]):
        _, (event,) = _read(_run(*results))
        assert (event.status, event.additional_data) == (FLAGGED, "7 bad")


def test_events_come_in_order_of_first_appearance():
    """The order of the report decides, not that of names."""
    results = [_result("z/1"), _result("a/1"), _result("z/1", rule="R0"), _result("z/1")]
    _, events = _read(_run(*results))
    assert [(e.resource_reference, e.technical_control.reference) for e in events] == [
        ("z/1", "tool/R1"),
        ("a/1", "tool/R1"),
        ("z/1", "tool/R0"),
    ]


def test_what_does_not_fit_is_said():
    """Data ends with the number of findings left out, within 8000 characters."""
    _, (event,) = _read(_run(*(_result(line=n, text="x" * 90) for n in range(1000, 1100))))
    lines = event.additional_data.split("\n")
    assert len(event.additional_data) <= 8000
    assert lines[-1] == f"… and {100 - (len(lines) - 1)} more"
    assert lines[-2].startswith(f"{1000 + len(lines) - 2} x")
    assert len(lines) == 84


def test_one_message_that_does_not_fit_is_cut_with_a_mark():
    """A first finding is never lost for its length."""
    _, (event,) = _read(_run(_result(text="x" * 9000), _result(text="short")))
    assert len(event.additional_data) <= 8000
    assert event.additional_data.endswith("x…\n… and 1 more")


# What cannot be used


def test_names_are_trimmed_and_references_never():
    """A rule's long name is cut with a mark; a long reference is a problem."""
    rules = [{"id": "R1", "name": "n" * 600}]
    long = "é" * 100
    source, events = _read(
        _run(
            _result(),
            _result("d/" + "x" * 499),
            _result(rule="r" * 500),
            _result(f"{long}/a"),
            _result("d/%00"),
            _result("d/" + "x" * 498),
            rules=rules,
        )
    )
    assert [len(event.resource_reference) for event in events] == [8, 500]
    assert events[0].technical_control.name == "n" * 499 + "…"
    assert [(problem.where, problem.reason) for problem in source.problems] == [
        (
            "$.runs[0].results[1]",
            "the resource's reference has 501 characters, at most 500 are taken",
        ),
        (
            "$.runs[0].results[2]",
            "the technical control's reference has 505 characters, at most 500 are taken",
        ),
        (
            "$.runs[0].results[3]",
            "the application's reference has 600 characters, at most 500 are taken",
        ),
        ("$.runs[0].results[4]", "the resource's reference has a NUL in it"),
    ]


def test_a_malformed_part_is_told_and_stops_nothing():
    """Each bad part is one problem with its path, and the good parts beside it are read."""
    told = []
    bad_parts = _run(_result(), 5, {"ruleId": 7}, _result(locations=[{}, 3]), _result("b/b.py"))
    bad_parts["tool"]["driver"]["rules"] = ["x", {"id": "R1", "name": "good"}]
    bad_parts["tool"]["extensions"] = {}
    bad_parts |= {"artifacts": 1, "logicalLocations": "x", "originalUriBaseIds": {"A": []}}
    runs = [
        5,
        {"results": []},
        {"tool": {"driver": {}}, "results": [_result()]},
        _run() | {"results": "none"},
        _run() | {"results": None},
        bad_parts,
    ]
    source, events = _read(*runs, on_problem=told.append)
    assert [(e.resource_reference, e.technical_control.name) for e in events] == [
        ("src/a.py", "good"),
        ("b/b.py", "good"),
    ]
    assert [problem.where for problem in told] == [
        "$.runs[0]",
        "$.runs[1].tool",
        "$.runs[2].tool.driver",
        "$.runs[3].results",
        "$.runs[4].results",
        "$.runs[5].tool.driver.rules[0]",
        "$.runs[5].tool.extensions",
        "$.runs[5].originalUriBaseIds.A",
        "$.runs[5].artifacts",
        "$.runs[5].logicalLocations",
        "$.runs[5].results[1]",
        "$.runs[5].results[2].ruleId",
        "$.runs[5].results[3].locations[1]",
    ]
    assert source.problems == tuple(told)
    assert (source.results, source.included, source.malformed) == (5, 2, 3)
    assert {problem.file for problem in told} == {"<stream>"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"not json", "is not SARIF: JSON is malformed"),
        (b"[]", "is not SARIF: Expected `object`, got `array`"),
        (b"{}", "is not SARIF: Object missing required field `version`"),
        (b'{"version": "2.1.0", "runs": 5}', r"got `int` at \$\.runs"),
        (b'{"version": "2.1.0", "runs": [{}', "is not SARIF"),
        (b'{"version": "1.0.0", "runs": []}', r"is SARIF '1\.0\.0'; 2\.1\.0 is read"),
        (b"[" * 100_000, "is not SARIF"),
        (b"\xff\xfe{", "is not UTF-16 text"),
        (b" " * 2000, "is larger than 1000 bytes"),
    ],
)
def test_what_is_no_sarif_is_an_error_before_the_first_event(tmp_path, content, words):
    """The error names the file and keeps what the caller gave."""
    path = tmp_path / "report.sarif"
    path.write_bytes(content)
    limit = 1000 if content.startswith(b" ") else 1_000_000
    with pytest.raises(InputError, match=words) as caught:
        next(iter(read_sarif(path, max_bytes=limit)))
    assert (caught.value.field, caught.value.subject) == (str(path), path)


def test_a_limit_of_nothing_is_refused():
    """A limit below one byte is no limit."""
    with pytest.raises(InputError, match=r"^max_bytes: is at least 1$"):
        read_sarif("x", max_bytes=0)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"application": "shop"}, "application: must be an Application, not str"),
        ({"control": 5}, "control: must be a Control, not int"),
        ({"control_action": "X"}, "control_action: must be one of .*, not 'X'"),
    ],
)
def test_a_choice_of_another_kind_is_refused(options, told):
    """One for all at once, and what a function gives before there are failures of all."""
    with pytest.raises(InputError, match=f"^{told}$"):
        read_sarif("gone.sarif", **options)
    source = read_sarif(_file(_run(_result())), **{n: lambda _, g=g: g for n, g in options.items()})
    with pytest.raises(InputError, match=f"^{told}$"):
        next(iter(source))


@pytest.mark.parametrize("given", [None, 5, ["a"], b"a.sarif"])
def test_what_is_no_file_is_refused(given):
    """Before anything is iterated."""
    told = f"^path_or_file: must be a path or an open file, not {type(given).__name__}$"
    with pytest.raises(InputError, match=told):
        read_sarif(given)


# Files and iteration


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(encoding):
    """UTF-8 with or without a mark, and the UTF-16 of a PowerShell redirection."""
    content = json.dumps({"version": "2.1.0", "runs": [_run(_result("é/a"))]}, ensure_ascii=False)
    (event,) = read_sarif(io.BytesIO(content.encode(encoding)))
    assert event.resource_reference == "é/a"


def test_an_unbuffered_file_is_read_to_its_end():
    """A pipe gives what has come so far, whatever it is asked for."""

    class Pipe(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 100))

    report = _file(_run(_result())).getvalue()
    assert len(list(read_sarif(Pipe(report)))) == 1
    with pytest.raises(InputError, match="is larger than 150 bytes"):
        list(read_sarif(Pipe(report), max_bytes=150))


def test_a_text_file_is_read_too_and_stays_open():
    """An open text file works, and belongs to the caller."""
    file = io.StringIO(_file(_run(_result())).getvalue().decode())
    assert len(list(read_sarif(file))) == 1
    assert not file.closed


def test_counters_start_anew_with_each_reading(tmp_path):
    """The same source gives the same events and counts again, and counts while it is read."""
    path = tmp_path / "report.sarif"
    path.write_bytes(_file(_run(_result(), _result("b/b"), 5)).getvalue())
    source = read_sarif(path)
    assert (source.blocking, source.results) == (True, 0)
    first = list(source)
    events = iter(source)
    assert next(events) == first[0]
    assert (source.results, source.events, source.problem_count) == (3, 1, 1)
    assert list(events) == first[1:]
    assert (source.results, source.events, source.problem_count) == (3, 2, 1)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
_WORDS = st.sampled_from(["R1", "fail", "pass", "absent", "%SRCROOT%", "file:///", "a/b", "C:\\a"])
_SARIF_NAMES = st.sampled_from(
    [
        *(
            "tool",
            "driver",
            "extensions",
            "rules",
            "results",
            "artifacts",
            "location",
            "name",
            "id",
        ),
        *("locations", "physicalLocation", "artifactLocation", "uri", "uriBaseId", "index", "kind"),
        *("ruleId", "ruleIndex", "rule", "message", "text", "arguments", "suppressions", "status"),
        *("logicalLocations", "originalUriBaseIds", "region", "startLine", "properties", "level"),
    ]
)
_SARIF_LIKE = st.recursive(
    st.none() | st.integers(-2, 3) | _WORDS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_SARIF_NAMES, inner, max_size=6),
    max_leaves=25,
)


@given(_JSON | st.fixed_dictionaries({"version": st.just("2.1.0"), "runs": _SARIF_LIKE}))
def test_any_json_is_read_or_refused(document):
    """Whatever JSON is read as SARIF, nothing but an `InputError` comes out of it."""
    try:
        list(read_sarif(io.StringIO(json.dumps(document))))
    except InputError:
        return
    assert document["version"].startswith("2.1")


@settings(max_examples=200)
@given(
    junk=st.lists(_SARIF_LIKE | _JSON, max_size=4),
    parts=st.dictionaries(_SARIF_NAMES, _SARIF_LIKE, max_size=4),
    runs=st.lists(_SARIF_LIKE, max_size=2),
)
def test_no_part_stops_the_valid_results_beside_it(junk, parts, runs):
    """Junk before, after and around valid results costs none of them."""
    results = [*junk, _result("valid/a.py", rule="VALID", text="here"), *junk]
    run = {**parts, "tool": {"driver": {"name": "valid"}}, "results": results}
    source, events = _read(*runs, run, *runs)
    found = [event for event in events if event.technical_control.reference == "valid/VALID"]
    assert [(e.resource_reference, e.status, e.additional_data) for e in found] == [
        ("valid/a.py", FLAGGED, "1 here")
    ]
    assert source.results >= 1 + 2 * len(junk)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(content):
    """Bytes that are no report are an `InputError` and nothing else."""
    with pytest.raises(InputError):
        list(read_sarif(io.BytesIO(content)))


@pytest.mark.parametrize(
    ("changes", "where", "reason"),
    [
        ({"results": None}, "$.runs[0].results", "is missing: nothing was scanned"),
        ({"results": ...}, "$.runs[0].results", "is missing: nothing was scanned"),
        (
            {"invocations": [{"executionSuccessful": True}, {"executionSuccessful": False}]},
            "$.runs[0].invocations[1]",
            "the tool says that it failed",
        ),
        (
            {"invocations": [{"executionSuccessful": 0}]},
            "$.runs[0].invocations[0].executionSuccessful",
            "Expected `bool | null`, got `int`",
        ),
    ],
)
def test_a_scan_that_failed_is_a_problem(changes, where, reason):
    """What a broken scan does not find is not fixed: a report of one says so."""
    run = {k: v for k, v in (_run() | changes).items() if v is not ...}
    source, events = _read(run)
    assert events == []
    assert [(each.where, each.reason) for each in source.problems] == [(where, reason)]


def test_a_report_without_runs_is_a_problem():
    """Nothing was scanned, which is not the same as nothing was found."""
    source, events = _read()
    assert events == []
    assert [(each.where, each.reason) for each in source.problems] == [
        ("$.runs", "is empty: nothing was scanned")
    ]


def test_a_scan_that_found_nothing_is_no_problem():
    """An empty list of results is a good day."""
    source, events = _read(_run(), {**_run(), "invocations": [{"executionSuccessful": True}]})
    assert (events, source.problems) == ([], ())
