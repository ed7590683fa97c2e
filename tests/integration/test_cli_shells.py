"""What `airview-herald completion` prints, in the shells themselves."""

import os
import select
import shutil
import subprocess
import time

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="shells of POSIX")


def needs(shell):
    """Skip a test where a shell is not installed."""
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")


# What is typed, and what comes of it: commands, options, their choices, names of files.
TYPED = [
    ("notif", "notifications"),
    ("subscriptions unsub", "unsubscribe"),
    ("ingest --dead-", "--dead-letters"),
    ("ingest --format js", "jsonl"),
    ("ingest rep", "report.sarif"),
    ("ingest --state rep", "report.sarif"),
]


@pytest.fixture
def folder(cli):
    """A folder with a report, and the completion of each shell."""
    (cli.folder / "report.sarif").touch()
    for shell in ("bash", "zsh", "fish"):
        (cli.folder / shell).write_text(cli("completion", shell).out)
    return cli.folder


@needs("bash")
def test_bash_completes(folder):
    """What is printed works as a file that bash reads."""
    script = (
        "source ./bash; COMP_WORDS=(airview-herald $1); COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 )); "
        "$(complete -p airview-herald | sed 's/.*-F \\([^ ]*\\) .*/\\1/'); echo ${COMPREPLY[@]}"
    )
    for typed, completed in TYPED:
        found = subprocess.run(
            ["bash", "-c", script, "bash", typed],  # noqa: S607 - whichever the shell is
            capture_output=True, text=True, check=True, cwd=folder,
        )  # fmt: skip
        assert found.stdout.split() == [completed]


@needs("fish")
def test_fish_completes(folder):
    """So does it in fish."""
    for typed, completed in TYPED:
        script = f"source fish; complete -C 'airview-herald {typed}'"
        found = subprocess.run(
            ["fish", "--no-config", "-c", script],  # noqa: S607 - whichever the shell is
            capture_output=True, text=True, check=True, cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )  # fmt: skip
        shown = [line.partition("\t")[0] for line in found.stdout.splitlines()]
        assert (shown, found.stderr) == ([completed], "")


@needs("zsh")
@pytest.mark.parametrize("way", ["found", "read"])
def test_zsh_completes(folder, way):
    """Where zsh looks for completions under any name, or read by its start-up file."""
    (folder / "found").mkdir()
    shutil.copy(folder / "zsh", folder / "found" / "_airview")
    begin = ["fpath=($PWD/found $fpath)"] if way == "found" else []
    begin += ["autoload -Uz compinit", "compinit -u -D", "unsetopt beep zle_bracketed_paste"]
    begin += ["source ./zsh"] if way == "read" else []
    (folder / ".zshrc").write_text("\n".join([*begin, "PS1='ready> '", ""]))
    with Terminal(["zsh", "-d", "-i"], folder) as terminal:
        terminal.wait_for("ready> ")
        for typed, completed in TYPED:
            terminal.type(f"airview-herald {typed}\t")
            terminal.wait_for(completed)
            terminal.type("\x15")  # an empty line again


class Terminal:
    """A program on a terminal.

    Args:
        command: The program.
        folder: Where it runs, and its home.
    """

    def __init__(self, command, folder):
        import pty  # noqa: PLC0415 - Windows has none

        self._ours, theirs = pty.openpty()
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb"}
        self._process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder,
            env=environ, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self._shown = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def type(self, keys):
        """Press keys."""
        os.write(self._ours, keys.encode())

    def wait_for(self, text):
        """Wait until something shows behind what was waited for before."""
        ends = time.monotonic() + 20
        while text not in self._shown:
            assert time.monotonic() < ends, (text, self._shown)
            if select.select([self._ours], [], [], 0.1)[0]:
                self._shown += os.read(self._ours, 65536).decode()
        self._shown = self._shown.partition(text)[2]
