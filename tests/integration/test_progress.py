"""`progress=True` in a terminal, in a log and in a notebook's kernel, each by a real program."""

import os
import re
import signal
import subprocess
import sys

import pytest
import screen

from airview_herald.airview import _report_bar
from airview_herald.errors import InputError

# What hides the packages that are named, and runs a batch with a bar.
PROGRAM = """
import importlib.util as util, signal, sys
# Who starts a program in the background of a shell makes it deaf to this.
signal.signal(signal.SIGINT, signal.default_int_handler)
url, backend, count, hidden = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
find = util.find_spec
util.find_spec = lambda name, *rest: None if name in hidden else find(name, *rest)

import anyio
from airview_herald import AirView
from airview_herald.airview import Application, ComplianceEvent, TechnicalControl

shop = Application("Shop", "shop")
patched = TechnicalControl("Patched", "patched", "VULNERABILITY")
events = [ComplianceEvent(f"i-{n}" if n else "", shop, patched, "FLAGGED") for n in range(count)]

async def main():
    where = {"system_name": "scan", "system_stage": "MONITOR", "referencing_type": "name"}
    async with AirView(url, **where) as airview:
        report = await airview.ingest(events, concurrency=8, progress=True)
        print(report.recorded, "recorded")

try:
    anyio.run(main, backend=backend)
except* KeyboardInterrupt:
    print("interrupted")
"""

# What is left of it, where there is no bar.
LINE = r"airview-herald: 300 of 300, 299 recorded, in \d\.\d s, [\d,]+/s, 1 failed"


def _command(sandbox, backend, count, hidden, program=PROGRAM):
    return [sys.executable, "-c", program, sandbox.airview_url, backend, str(count), *hidden]


@pytest.fixture
def run_in_terminal(sandbox, anyio_backend_name):
    """Run the program with a terminal as its stderr; return its stdout, and what is on screen."""
    pty = pytest.importorskip("pty", reason="a terminal is what this is about")
    termios = pytest.importorskip("termios")

    def run(*hidden, count=300, interrupt_at=None, program=PROGRAM):
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 120))
        with subprocess.Popen(
            _command(sandbox, anyio_backend_name, count, hidden, program),
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            env=os.environ | {"TERM": "xterm-256color"},
        ) as process:
            os.close(theirs)
            shown = b""
            while (part := _read(ours)) is not None:
                shown += part
                if interrupt_at is not None and interrupt_at in shown:
                    process.send_signal(signal.SIGINT)
                    interrupt_at = None
            os.close(ours)
            return process.stdout.read(), shown.decode()

    return run


def _read(terminal):
    """Return what a terminal shows next; `None` once nothing will come any more."""
    try:
        return os.read(terminal, 4096) or None
    except OSError:  # Linux: the other end is closed
        return None


def _last_line(shown):
    """Return the last line that stays, without what moves the cursor or colours it."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    return re.split(r"[\r\n]+", plain.strip())[-1]


def test_richs_bar_in_a_terminal(run_in_terminal):
    """It moves, ends with the whole account, and gives the cursor back."""
    printed, shown = run_in_terminal()
    assert printed == "299 recorded\n"
    assert re.search(r"━ 300 of 300 in \d\.\d s · [\d,]+/s 1 failed", _last_line(shown))
    assert len(re.findall(r"of 300", shown)) > 2
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_tqdms_bar_in_a_terminal_without_rich(run_in_terminal):
    """It is used where rich is not there."""
    printed, shown = run_in_terminal("rich")
    assert printed == "299 recorded\n"
    assert re.search(r"100%\|.*\| 300/300 \[.*events/s, 1 failed\]", _last_line(shown))


def test_a_line_in_a_terminal_with_neither(run_in_terminal):
    """Nothing has to be installed to learn what became of a batch."""
    printed, shown = run_in_terminal("rich", "tqdm")
    assert printed == "299 recorded\n"
    assert re.fullmatch(f"{LINE}\r\n", shown)


def test_a_run_that_is_interrupted_gives_the_terminal_back(run_in_terminal):
    """Ctrl-C closes the bar with what became of the events, and shows the cursor again."""
    printed, shown = run_in_terminal(count=20_000, interrupt_at=b" of 20,000")
    assert printed == "interrupted\n"
    assert re.search(r" of 20,000 in \d\.\d s", _last_line(shown))
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


# Two batches at once, the second longer and begun later, with something printed in between.
TWO = PROGRAM.replace(
    """        report = await airview.ingest(events, concurrency=8, progress=True)
        print(report.recorded, "recorded")
""",
    """        under_way = anyio.Event()
        def note(outcome):
            if outcome.index == 50:
                under_way.set()
        async def ingest(count):
            await airview.ingest(events[:count], concurrency=8, progress=True, on_outcome=note)
            if hidden != ["rich"]:  # what is printed beside a bar of tqdm's is beside it
                print("said in between", file=sys.stderr)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ingest, len(events) // 2)
            await under_way.wait()
            tasks.start_soon(ingest, len(events))
""",
)


@pytest.mark.parametrize("hidden", [(), ("rich",), ("rich", "tqdm")], ids=["rich", "tqdm", "lines"])
def test_two_batches_at_once_in_a_terminal(run_in_terminal, hidden):
    """Each has a bar of its own; in the end the account of each is there, once and whole."""
    _, shown = run_in_terminal(*hidden, count=600, program=TWO)
    # On a busy machine a batch without a bar is told of once more, on its way.
    others = ("in between", " left, ")
    accounts = [line for line in screen.lines(shown) if not any(each in line for each in others)]
    assert len(accounts) == 2
    for count, account in zip((300, 600), accounts, strict=True):
        assert re.search(rf"\b{count}(?: of |/){count}\b", account)
        assert account.count("events/s" if hidden == ("rich",) else "/s") == 1
    said = screen.lines(shown).count("said in between")
    if hidden == ("rich", "tqdm"):
        assert said == 2
    elif not hidden:
        # rich's thread may draw over what is printed at the same moment.
        assert said in {1, 2}
    if not hidden:
        assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1


def test_a_line_in_a_log(sandbox, anyio_backend_name):
    """What is no terminal gets no bar, whatever is installed."""
    done = subprocess.run(
        _command(sandbox, anyio_backend_name, 300, ()),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "299 recorded\n"
    assert re.fullmatch(f"{LINE}\n", done.stderr)


# A kernel is a shell with a `kernel`; what it publishes, a notebook shows.
KERNEL = """
import sys
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

class Publisher(DisplayPublisher):
    published = []
    def publish(self, data, *args, transient=None, update=False, **kwargs):
        self.published.append((data["text/plain"], data["text/html"], transient, update))

InteractiveShell.display_pub_class.default_value = Publisher
shell = InteractiveShell.instance(display_pub_class=Publisher)
shell.kernel = object()
"""
ONE_IN_A_KERNEL = KERNEL + PROGRAM + """
first, *_, last = Publisher.published
assert not first[3] and last[3], "the first is a new output, the others update it"
assert len({str(each[2]) for each in Publisher.published}) == 1
print(len(Publisher.published), *first[:2], *last[:2], sep="\\n")
"""  # fmt: skip


def test_the_bar_of_a_notebook(sandbox, anyio_backend_name):
    """It is one output, updated as the batch goes on, with a text for where there is no HTML."""
    command = _command(sandbox, anyio_backend_name, 300, (), ONE_IN_A_KERNEL)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    recorded, updates, *first, text, markup = done.stdout.splitlines()
    assert (recorded, done.stderr) == ("299 recorded", "")
    assert 3 <= int(updates) <= 100
    assert first[0] == "0 of 300, 0 recorded, 0/s"
    assert re.fullmatch(LINE, f"airview-herald: {text}")
    assert '<progress style="width:18em;max-width:100%" value="300" max="300">' in markup
    assert "<strong>300 of 300</strong> in" in markup
    assert "<strong>1 failed</strong>" in markup


TWO_IN_A_KERNEL = (
    KERNEL
    + TWO
    + """
ids = {str(each[2]): each[0] for each in Publisher.published}
assert sum(not each[3] for each in Publisher.published) == len(ids)
print(*ids.values(), sep="\\n")
"""
)


def test_two_batches_at_once_in_a_notebook(sandbox, anyio_backend_name):
    """Each is an output of its own under the cell, in the order in which they began."""
    command = _command(sandbox, anyio_backend_name, 300, (), TWO_IN_A_KERNEL)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    accounts = done.stdout.splitlines()
    assert [account.partition(", ")[0] for account in accounts] == ["150 of 150", "300 of 300"]


class _Broken:
    """A log whose disk is full."""

    def isatty(self):
        return False

    def write(self, _):
        raise OSError(28, "No space left on device")

    def flush(self):
        """Nothing got this far."""


async def test_a_bar_that_cannot_be_shown_ends_no_batch(connect, event, monkeypatch, caplog):
    """What goes wrong with it is in the log, once, and the events are recorded."""
    monkeypatch.setattr(sys, "stderr", _Broken())
    async with connect() as airview:
        report = await airview.ingest([event("i-1")], progress=True)
    assert report.recorded == 1
    told = [record for record in caplog.records if "progress" in record.getMessage()]
    assert [record.exc_info[1].errno for record in told] == [28]


class _Fading:
    """A bar that is shown once, and then no more."""

    def __init__(self):
        self.shown, self.closed = 0, 0

    def show(self, _):
        self.shown += 1
        if self.shown > 1:
            raise OSError(5, "Input/output error")

    def close(self):
        self.closed += 1


async def test_a_bar_that_is_shown_no_more_is_closed(connect, event, monkeypatch, caplog):
    """It has hidden the cursor, say, and nobody else gives that back."""
    bar = _Fading()
    monkeypatch.setattr(_report_bar, "open_bar", lambda _: bar)
    async with connect() as airview:
        report = await airview.ingest([event("i-1"), event("i-2")], progress=True)
    assert (report.recorded, bar.closed) == (2, 1)
    assert [record.levelname for record in caplog.records if "progress" in record.msg] == [
        "WARNING"
    ]


async def test_a_program_without_a_console_shows_nothing(connect, event, monkeypatch, caplog):
    """There is no stderr to write to, and that is all right."""
    monkeypatch.setattr(sys, "stderr", None)
    async with connect() as airview:
        report = await airview.ingest([event("i-1")], progress=True)
    assert report.recorded == 1
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


async def test_no_bar_is_wanted(connect, event, capsys):
    """`False` is what `None` is."""
    async with connect() as airview:
        await airview.ingest([event("i-1")], progress=False)
        async with airview.stream([event("i-2")], progress=False) as run:
            async for _ in run:
                pass
    assert capsys.readouterr() == ("", "")


async def test_a_run_that_is_watched_has_a_bar(connect, event, capsys):
    """`stream` takes `True`, too; leaving it early closes the bar."""
    events = [event(f"i-{n}") for n in range(50)]
    async with connect() as airview, airview.stream(events, progress=True) as run:
        async for _ in run:
            break
    told = capsys.readouterr().err
    assert re.match(r"airview-herald: \d+ of 50, \d+ recorded, in \d+\.\d s", told)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("progress", 1, "must be a callable, True or False"),
        ("progress", "rich", "must be a callable, True or False"),
        ("on_outcome", True, "must be a callable"),
    ],
)
async def test_what_is_no_callback_is_refused(connect, sandbox, event, name, value, rule):
    """Before anything is sent, and not as a failure of the run."""
    async with connect() as airview:
        with pytest.raises(InputError, match=f"^{name}: {rule}"):
            await airview.ingest([event("i-1")], **{name: value})
        with pytest.raises(InputError, match=f"^{name}: {rule}"):
            airview.stream([event("i-1")], **{name: value})
    assert len(sandbox.requests) == 0
