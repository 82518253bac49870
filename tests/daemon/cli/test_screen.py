"""Whatever a terminal makes of the panel, ``mula run`` goes on."""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, cast

import pytest
from rich.console import Console

from mula_bridge.control.messages.reports import (
    ClipReady,
    EngineChanged,
    JobChanged,
    KnobChanged,
    Report,
    ServiceChanged,
    TagsChanged,
)
from mula_bridge.control.messages.states import EngineState, JobState, ServiceState
from mula_bridge.speech import unfailing
from mula_daemon.app.running import App
from mula_daemon.cli.board import Board
from mula_daemon.cli.panel import panel
from mula_daemon.cli.screen import DRAW_TRIES, LogToBoard, Screen, screen

EVIL = "[/b] [red] [link=x]"
"""Markup that closes what is not open, which rich refuses."""


class StandInApp:
    """The part of an App that the screen looks at."""

    osc_address = ("127.0.0.1", 7770)
    page = f"http://{EVIL}"

    class library:  # noqa: N801
        folder = Path(f"/clips {EVIL}")


APP = cast("App", StandInApp())


def clip(number: int) -> ClipReady:
    return ClipReady(f"id{number}", "job1", f"/clips/{number}_[red].wav", 128.0, 4, 7, 7.5)


def tell(board: Board, *reports: Report) -> None:
    for report in reports:
        board.report(report, to=None, but=None)


def drawn(board: Board, width: int = 110, height: int = 40, title: str = EVIL) -> str:
    out = io.StringIO()
    Console(file=out, width=width, height=height).print(panel(board, title, EVIL))
    return out.getvalue()


def evil_board() -> Board:
    board = Board()
    tell(
        board,
        TagsChanged((EVIL,)),
        JobChanged(EVIL, JobState.RUNNING),
        EngineChanged(EngineState.FAILED, EVIL),
        ServiceChanged("midi", ServiceState.DEAD, 6, EVIL),
        clip(1),
    )
    return board


def test_the_panel_is_drawn_of_a_snapshot_while_clips_land() -> None:
    board = Board()
    ended = threading.Event()

    def land() -> None:
        number = 0
        while not ended.is_set():
            tell(board, clip(number), KnobChanged(f"knob{number % 50}", 1.0, 1.0))
            number += 1

    landing = threading.Thread(target=land)
    landing.start()
    try:
        end = monotonic() + 0.3
        while monotonic() < end:
            drawn(board)
    finally:
        ended.set()
        landing.join()


def test_a_snapshot_stays_what_it_was() -> None:
    board = evil_board()
    snapshot = board.snapshot()
    iterators: list[Iterator[Any]] = [
        iter(one) for one in (snapshot.clips, snapshot.lines, snapshot.knobs, snapshot.services)
    ]
    tell(board, clip(2), KnobChanged("cfg", 1.0, 1.0), ServiceChanged("osc", ServiceState.DEAD, 1))
    board.take_lines()
    assert [len(list(one)) for one in iterators] == [1, 4, 0, 1]


def test_words_from_outside_are_never_markup() -> None:
    text = drawn(evil_board())
    for words in (f"{EVIL}  failed", f"{EVIL}  Control-C stops", "1_[red].wav", f"dead: {EVIL}"):
        assert words in text


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 1), (10, 3), (4000, 1000)])
def test_a_terminal_may_have_any_size(width: int, height: int) -> None:
    assert drawn(evil_board(), width, height)


def test_nothing_that_is_said_moves_the_cursor() -> None:
    board = Board()
    tell(board, TagsChanged(("\x1b[2J\x9b2J",)), JobChanged("a\rb", JobState.RUNNING))
    board.say("\x1b]0;title\x07 and\ntwo lines")
    assert board.take_lines() == [
        r"tags a: \x1b[2J\x9b2J", r"job a\rb running", "\\x1b]0;title\\x07 and\ntwo lines"
    ]  # fmt: skip
    assert "\x1b" not in drawn(board, title="\x1b[2J")


def test_a_panel_that_fails_once_is_drawn_again() -> None:
    failures = iter([RuntimeError("deque mutated during iteration")])
    drawings = []

    def draw(app: App) -> None:
        for failure in failures:
            raise failure
        drawings.append(app)

    shown = Screen(Board(), draw)
    shown.show(APP)
    shown.show(APP)
    assert drawings == [APP]


def test_a_panel_that_goes_on_failing_gives_way_to_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    board = Board()
    logger, handler = logging.getLogger(), LogToBoard(board)
    logger.addHandler(handler)

    def draw(app: App) -> None:
        raise ValueError("no such width")

    shown = Screen(board, draw)
    try:
        for _ in range(DRAW_TRIES):
            shown.show(APP)
    finally:
        logger.removeHandler(handler)
    tell(board, clip(1))
    shown.show(APP)
    out = capsys.readouterr().out
    assert "the panel cannot be drawn (ValueError('no such width')); lines follow" in out
    assert "clip 1_[red].wav" in out


if sys.platform != "win32":
    import fcntl
    import struct
    import termios

    @contextmanager
    def a_terminal(monkeypatch: pytest.MonkeyPatch, term: str = "xterm") -> Iterator[int]:
        """The other end of a terminal that stdout is."""
        other, own = os.openpty()
        with monkeypatch.context() as patch, os.fdopen(own, "w") as opened:
            patch.setenv("TERM", term)
            patch.setattr(sys, "stdout", opened)
            with unfailing():
                yield other
        os.close(other)

    def heard(other: int) -> str:
        os.set_blocking(other, False)
        said = b""
        try:
            while part := os.read(other, 65536):
                said += part
        except OSError:
            pass
        return said.decode()

    def resize(other: int, rows: int, columns: int) -> None:
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def test_a_terminal_may_be_resized_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
        board = evil_board()
        with a_terminal(monkeypatch) as other, screen(board, plain=False) as shown:
            for size in ((40, 120), (1, 1), (0, 0), (200, 4), (40, 120)):
                resize(other, *size)
                shown.show(APP)
            assert "Control-C stops" in heard(other)
            with Path(os.devnull).open("wb") as nothing:  # nobody is at its other end any more
                os.dup2(nothing.fileno(), other)
            tell(board, clip(2))
            for _ in range(DRAW_TRIES + 1):
                shown.show(APP)

    @pytest.mark.parametrize("term", ["dumb", "unknown", "DUMB"])
    def test_a_terminal_whose_cursor_stays_gets_lines(
        term: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        board = evil_board()
        with a_terminal(monkeypatch, term) as other:
            with screen(board, plain=False) as shown:
                shown.show(APP)
            text = heard(other)
        assert "clip 1_[red].wav" in text
        assert "\x1b" not in text

    def test_without_colours_the_panel_is_drawn_all_the_same(
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("NO_COLOR", "1")
        with a_terminal(monkeypatch) as other:
            with screen(evil_board(), plain=False) as shown:
                shown.show(APP)
            text = heard(other)
        assert "Control-C stops" in text
        assert "\x1b[3" not in text.replace("\x1b[3m", "")  # foregrounds; italics may be
