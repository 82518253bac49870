"""``mula run``: the daemon, with a live panel on a terminal and log lines elsewhere."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from mula_bridge.control.messages import EngineState, Live, Origin
from mula_daemon.app import App, running
from mula_daemon.cli.board import Board
from mula_daemon.cli.options import config_of, parser
from mula_daemon.cli.screen import screen
from mula_daemon.clips import note_folder
from mula_daemon.settings import SETTINGS

REFRESH_S: Final = 0.125
CLI: Final = Origin("cli")


def main(argv: Sequence[str]) -> int:
    """Run until SIGINT or SIGTERM; exit status 1 when the engine cannot be had."""
    made = parser("run", "Start the daemon: OSC and MIDI in, clips and sound out.", tuple(SETTINGS))
    made.add_argument("--no-panel", action="store_true", help="print log lines on a terminal too")
    made.add_argument("--live", action="store_true", help="play for ever as soon as it is warm")
    parsed = made.parse_args(argv)
    config = config_of(parsed)
    board = Board()
    stop = threading.Event()
    with screen(board, plain=parsed.no_panel) as shown, stopping_on_signals(stop):
        with running(config, [board]) as app:
            note_folder(app.library.folder)
            announced = False
            if parsed.live:
                app.emit(Live(True), CLI)
            while not stop.is_set():
                board.changed.wait(REFRESH_S)
                board.changed.clear()
                if board.engine.state is EngineState.READY and not announced:
                    board.say(ready_line(board, app))
                    announced = True
                shown.show(app)
        shown.show(app)
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
def stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    """SIGINT, SIGTERM and a terminal that is closed set ``stop``; a second SIGINT or SIGTERM ends
    the process the hard way."""

    def handle(number: int, _frame: object) -> None:
        if stop.is_set() and number in (signal.SIGINT, signal.SIGTERM):
            raise KeyboardInterrupt
        stop.set()  # and no more: the main thread may hold the board's own locks

    before = {number: signal.signal(number, handle) for number in _signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _signals() -> list[signal.Signals]:
    found = [signal.SIGINT, signal.SIGTERM]
    for name in ("SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        # With nohup it is to go on when the terminal is closed.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            found.append(number)
    return found
