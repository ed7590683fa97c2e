"""Files and names that were made to harm a terminal, or whoever waits for a command."""

import json
import os
import sys

import pytest

from airview_herald.cli import _ends
from airview_herald.cli._ends import UsageError
from airview_herald.cli._inputs import found_files
from airview_herald.cli._json_files import read_object

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names, links and devices")

HOSTILE = "e\x1b[2J\n\x9b31m\u202ev\u2028.jsonl"
ACTED_ON = ("\x1b[2J", "\x9b", "\u202e", "\u2028")


def raw(shown):
    """Return what a terminal got that it would act on, and this package did not put there."""
    return [each for each in ACTED_ON if each in shown]


@pytest.mark.parametrize("made", [True, False], ids=["there", "missing"])
def test_a_hostile_name_is_one_line(cli, write, made):
    """What a file is called cannot clear a terminal, colour it, turn its text or fake a line."""
    if made:
        (cli.folder / HOSTILE).write_bytes(b"{}\n")
    done = cli("ingest", HOSTILE, "--no-json")
    assert done.code == (1 if made else 2)
    assert raw(done.err + done.out) == []
    complaints = [line for line in done.err.splitlines() if line.startswith(("error", "warning"))]
    assert len(complaints) == 1
    assert complaints[0].split(": ")[1].startswith("e [2J 31m v .jsonl")


def test_a_hostile_name_is_shown_while_it_is_read(cli, write):
    """Nor can it in the display of a batch."""
    (cli.folder / write("good.jsonl", ["i-1"])).rename(cli.folder / HOSTILE)
    code, shown = cli.on_a_terminal("ingest", HOSTILE, "--progress")
    assert code == 0
    assert raw(shown) == []


def test_a_name_that_is_no_text_is_shown_too(cli):
    """A name of bytes that are no UTF-8 ends no command in a traceback, on stderr or in rows."""
    name = b"e\xff.jsonl"
    (cli.folder / os.fsdecode(name)).write_bytes(b"{}\n")
    done = cli("ingest", os.fsdecode(name))
    assert done.code == 1
    assert done.of("problem")[0]["file"] == os.fsdecode(name)
    done = cli("ingest", os.fsdecode(name), "--no-json")
    assert "warning: e .jsonl line 1: " in done.err
    assert "Traceback" not in done.err


def test_what_a_file_says_is_told_in_few_words(cli):
    """A field of a megabyte of escapes is a line of a warning."""
    field = json.dumps({"\x1b[2J" * 100_000: 1})
    (cli.folder / "events.jsonl").write_text(field)
    done = cli("ingest", "events.jsonl", "--no-json")
    assert done.code == 1
    assert raw(done.err) == []
    assert len(done.err) < 3_000


def test_a_message_has_an_end(capsys):
    """Whoever wrote it: a terminal keeps so many lines only."""
    _ends.complain("x" * 1_000_000)
    shown = capsys.readouterr().err
    assert len(shown) < 5_000
    assert shown.endswith("…\n")


def test_links_in_a_ring_are_followed_by_no_pattern(tmp_path, monkeypatch):
    """Two links to where they stand would be a trillion folders; each file is there once."""
    (tmp_path / "deep" / ".hidden").mkdir(parents=True)
    for name in ("a.jsonl", "deep/b.jsonl", "deep/.c.jsonl", "deep/.hidden/d.jsonl"):
        (tmp_path / name).touch()
    for name in ("one", "two", "deep/three"):
        (tmp_path / name).symlink_to(tmp_path)
    (tmp_path / "deep" / "link.jsonl").symlink_to(tmp_path / "a.jsonl")
    monkeypatch.chdir(tmp_path)
    visible = ["a.jsonl", "deep/b.jsonl", "deep/link.jsonl"]
    assert found_files(["**/*.jsonl"]) == visible
    assert found_files(["**"]) == visible
    assert found_files(["deep/**/*.jsonl"]) == visible[1:]
    assert found_files([f"{tmp_path}/d*/**/*.jsonl"]) == [f"{tmp_path}/{n}" for n in visible[1:]]
    assert found_files(["one/*.jsonl"]) == ["one/a.jsonl"]
    assert found_files(["**/.h*/*.jsonl"]) == ["deep/.hidden/d.jsonl"]


def test_a_link_that_leads_to_itself_is_no_file(cli):
    """It is a usage error that says so."""
    (cli.folder / "loop.jsonl").symlink_to("loop.jsonl")
    done = cli("ingest", "loop.jsonl")
    assert done.code == 2
    assert "loop.jsonl: there is no such file" in done.err


def test_an_object_in_a_file_has_a_greatest_size():
    """A device is told to be too large, and is not read for ever."""
    with pytest.raises(UsageError, match="/dev/zero: is larger than 16777216 bytes"):
        read_object("/dev/zero", ["name"])
