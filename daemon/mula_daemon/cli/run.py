"""``mula run``: the daemon, with a live panel on a terminal and log lines elsewhere."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from mula_bridge.control.messages import EngineState, Live, Origin
from mula_daemon.app import App, running
from mula_daemon.cli.board import Board
from mula_daemon.cli.options import config_of, parser
from mula_daemon.clips import note_folder
from mula_daemon.settings import SETTINGS

REFRESH_S: Final = 0.125
CLI: Final = Origin("cli")

Show = Callable[[App], None]


def main(argv: Sequence[str]) -> int:
    """Run until SIGINT or SIGTERM; exit status 1 when the engine cannot be had."""
    made = parser("run", "Start the daemon: OSC and MIDI in, clips and sound out.", tuple(SETTINGS))
    made.add_argument("--no-panel", action="store_true", help="print log lines on a terminal too")
    made.add_argument("--live", action="store_true", help="play for ever as soon as it is warm")
    parsed = made.parse_args(argv)
    config = config_of(parsed)
    board = Board()
    stop = threading.Event()
    with panel_or_lines(board, plain=parsed.no_panel) as show, stopping_on_signals(stop, board):
        with running(config, [board]) as app:
            note_folder(app.library.folder)
            announced = False
            if parsed.live:
                app.emit(Live(True), CLI)
            while not stop.is_set():
                board.changed.wait(REFRESH_S)
                board.changed.clear()
                if board.engine.state is EngineState.READY and not announced:
                    board.lines.append(ready_line(board, app))
                    announced = True
                show(app)
        show(app)
    return 1 if board.engine.state in (EngineState.FAILED, EngineState.RESTING) else 0


def ready_line(board: Board, app: App) -> str:
    """The one line that says the daemon is warm."""
    host, port = app.osc_address or ("-", 0)
    audio = f" audio={app.audio!r}" if app.audio else ""
    page = f" page={app.page}" if app.page else ""
    return (
        f"ready engine={board.engine.detail} osc={host}:{port} folder={app.library.folder}"
        f"{page}{audio}"
    )


@contextmanager
def stopping_on_signals(stop: threading.Event, board: Board) -> Iterator[None]:
    """SIGINT and SIGTERM set ``stop``; a second one ends the process the hard way."""

    def handle(_number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        board.changed.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class LogToBoard(logging.Handler):
    """Log records as lines of the board, so that they do not tear the panel."""

    def __init__(self, board: Board) -> None:
        super().__init__(logging.INFO)
        self._board = board

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._board.lines.append(f"{record.levelname.lower()}: {self.format(record)}")
        except Exception:  # a record that cannot be formatted must not end whoever made it
            self.handleError(record)
        self._board.changed.set()


@contextmanager
def panel_or_lines(board: Board, *, plain: bool) -> Iterator[Show]:
    """What shows a Board: rich's live panel on a terminal, else one printed line per event."""
    handler = LogToBoard(board)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        if plain or not sys.stdout.isatty():
            yield lambda app: print_lines(board)
            return
        from rich.live import Live

        from mula_daemon.cli.panel import panel

        with Live(auto_refresh=False, screen=False) as live:
            yield lambda app: live.update(
                panel(board, title(board, app), places(app)), refresh=True
            )
    finally:
        root.removeHandler(handler)


def print_lines(board: Board) -> None:
    """Print and forget the board's lines."""
    while board.lines:
        print(board.lines.popleft(), flush=True)


def places(app: App) -> str:
    """Where clips land, and where the page is."""
    return f"{app.library.folder}  {app.page}".rstrip()


def title(board: Board, app: App) -> str:
    """The panel's title: engine and OSC address."""
    host, port = app.osc_address or ("-", 0)
    return f"mula  {board.engine.detail}  osc {host}:{port}"
