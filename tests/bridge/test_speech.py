"""What is said never ends the one who says it."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.speech import is_heard, unfailing

NIGHT = "夜の街"


@contextmanager
def stdout(stream: io.TextIOWrapper | None) -> Iterator[None]:
    before, sys.stdout = sys.stdout, stream
    try:
        yield
    finally:
        sys.stdout = before


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def narrow(path: Path, encoding: str = "cp1252") -> io.TextIOWrapper:
    return path.open("w", encoding=encoding)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp437", "shift_jis", "utf-8"])
@given(text=st.text(st.characters(codec=None), max_size=20))
def test_any_text_can_be_said_in_any_code_page(
    tmp_path_factory: pytest.TempPathFactory, encoding: str, text: str
) -> None:
    file = tmp_path_factory.mktemp("said") / "log"
    with narrow(file, encoding) as stream, stdout(stream), unfailing():
        say(text + "\ud83d")
        say("and goes on")
    assert file.read_bytes().endswith(b"and goes on" + os.linesep.encode())
    assert rb"\ud83d" in file.read_bytes()


def test_what_can_be_spelt_is_left_alone(tmp_path: Path) -> None:
    with narrow(tmp_path / "log") as stream, stdout(stream), unfailing():
        say(f"café {NIGHT}")
    written = (tmp_path / "log").read_bytes().split()
    assert written == ["café".encode("cp1252"), rb"\u591c\u306e\u8857"]


class Refusing(io.RawIOBase):
    """A file on a disk or at a terminal that refuses, so often."""

    def __init__(self, number: int, times: int) -> None:
        self.number, self.times, self.took = number, times, b""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        if self.times:
            self.times -= 1
            raise OSError(self.number, os.strerror(self.number))
        self.took += bytes(data)
        return len(memoryview(data))


@pytest.mark.parametrize(
    ("number", "heard"),
    [
        (errno.EPIPE, False), (errno.EIO, False), (errno.EBADF, False), (errno.EINVAL, False),
        (errno.ENOSPC, True), (errno.EDQUOT, True),
    ],
)  # fmt: skip
def test_a_stream_that_refuses_is_spoken_to_all_the_same(number: int, heard: bool) -> None:
    ear = Refusing(number, 1)
    with stdout(io.TextIOWrapper(io.BufferedWriter(ear))), unfailing():
        say("lost")
        assert is_heard() is heard
        say("there")
    assert ear.took == b"there\n"


class Slow(Refusing):
    """A pipe that does not block, and takes three bytes at a time, every other time."""

    def write(self, data: object) -> int:
        self.times += 1
        return 0 if self.times % 2 else super_write(self, data)


def super_write(ear: Slow, data: object) -> int:
    taken = bytes(data)[:3]
    ear.took += taken
    return len(taken)


def test_a_pipe_that_does_not_block_is_waited_for() -> None:
    ear = Slow(0, 0)
    with stdout(io.TextIOWrapper(io.BufferedWriter(ear))), unfailing():
        say("all of it")
    assert ear.took == b"all of it\n"


def test_a_program_without_a_console_can_speak() -> None:
    with stdout(None), unfailing():
        say(NIGHT)
        assert not sys.stdout.isatty()
        assert not is_heard()


def test_streams_are_as_they_were_afterwards(tmp_path: Path) -> None:
    before = sys.stdout, sys.stderr
    with unfailing(), unfailing():
        sys.stderr.write("nested\n")
    assert (sys.stdout, sys.stderr) == before


def test_a_traceback_can_be_printed_when_nobody_listens() -> None:
    code = (
        "import sys, traceback\nfrom mula_bridge.speech import unfailing\n"
        "with unfailing():\n    sys.stdin.read()\n"
        "    try:\n        1 / 0\n    except ZeroDivisionError:\n"
        "        traceback.print_exc()\n        print('out', flush=True)\n"
        "sys.exit(7)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        for end in (child.stdout, child.stderr):
            assert end is not None
            end.close()
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(20) == 7
