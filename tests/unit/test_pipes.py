"""Reading from pipes that somebody may have to leave."""

import os
import threading

import pytest

from airview_herald.cli._pipes import InterruptibleReader, opened_pipe

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")


def test_a_pipe_nobody_writes_to_is_opened_at_once(tmp_path):
    """It is waited for by reading, which can be ended."""
    os.mkfifo(tmp_path / "pipe")
    with opened_pipe(str(tmp_path / "pipe")) as descriptor:
        reader = InterruptibleReader(descriptor, "pipe")
        threading.Timer(0.2, reader.end).start()
        with pytest.raises(InterruptedError, match="reading was interrupted: 'pipe'"):
            reader.read(1)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_device_without_an_end_can_be_left():
    """Where there is always more, nothing is waited for; the reading ends all the same."""
    with opened_pipe("/dev/zero") as descriptor:
        reader = InterruptibleReader(descriptor, "zero")
        assert reader.read(3) == b"\0\0\0"
        reader.end()
        with pytest.raises(InterruptedError, match="reading was interrupted: 'zero'"):
            reader.read(3)


def test_what_is_written_later_is_read_to_its_end(tmp_path):
    """The end is when nobody has the pipe open for writing any more."""
    os.mkfifo(tmp_path / "pipe")

    def write():
        with (tmp_path / "pipe").open("wb") as pipe:
            pipe.write(b"one")

    with opened_pipe(str(tmp_path / "pipe")) as descriptor:
        threading.Timer(0.2, write).start()
        assert InterruptibleReader(descriptor, "pipe").readall() == b"one"


def test_a_descriptor_may_be_any_number():
    """A program with a thousand files open reads from a pipe, too."""
    fcntl, resource = pytest.importorskip("fcntl"), pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1100:
        pytest.skip("this machine allows no such number")
    reading, writing = os.pipe()
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1100), hard))
    try:
        high = fcntl.fcntl(reading, fcntl.F_DUPFD, 1030)
        os.write(writing, b"one")
        assert InterruptibleReader(high, "pipe").read(3) == b"one"
        os.close(high)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(reading)
        os.close(writing)
