"""What ``mula run`` shows of a board: the live panel on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from mula_daemon.app import App
from mula_daemon.cli.board import Board

DRAW_TRIES: Final = 3
"""A panel that fails so often in a row is given up for lines."""

Draw = Callable[[App], None]

log = logging.getLogger(__name__)


class LogToBoard(logging.Handler):
    """Log records as lines of the board, so that they do not tear the panel."""

    def __init__(self, board: Board) -> None:
        super().__init__(logging.INFO)
        self._board = board

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._board.say(f"{record.levelname.lower()}: {self.format(record)}")
        except Exception:  # a record that cannot be formatted must not end whoever made it
            self.handleError(record)


class Screen:
    """Shows a board, as well as it can: the daemon goes on whatever a terminal makes of it.

    Main thread.
    """

    def __init__(self, board: Board, draw: Draw | None = None) -> None:
        """``draw`` draws the panel; None: lines are printed."""
        self._board = board
        self._draw = draw
        self._failures = 0

    def show(self, app: App) -> None:
        """Show the board as it is now. Never raises."""
        if self._draw is None:
            self._print()
            return
        try:
            self._draw(app)
        except Exception as error:  # whatever it is, the music goes on
            self._failures += 1
            if self._failures < DRAW_TRIES:
                log.debug("the panel could not be drawn", exc_info=error)
                return
            self._draw = None
            log.warning("the panel cannot be drawn (%r); lines follow", error)
            self._print()
        else:
            self._failures = 0

    def _print(self) -> None:
        """Print and forget the board's lines."""
        for line in self._board.take_lines():
            print(line, flush=True)


@contextmanager
def screen(board: Board, *, plain: bool) -> Iterator[Screen]:
    """What shows a Board: rich's live panel on a terminal, else one printed line per event."""
    handler = LogToBoard(board)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        if plain or not takes_a_panel():
            yield Screen(board)
        else:
            yield from _panel(board)
    finally:
        root.removeHandler(handler)


def takes_a_panel() -> bool:
    """Whether stdout is a terminal on which the cursor can be moved."""
    return sys.stdout.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def _panel(board: Board) -> Iterator[Screen]:
    from rich.console import Console
    from rich.live import Live

    from mula_daemon.cli.panel import panel

    live = Live(console=Console(), auto_refresh=False, screen=False)

    def draw(app: App) -> None:
        live.update(panel(board, title(board, app), places(app)), refresh=True)

    try:
        live.start()
        shown = Screen(board, draw)
    except Exception as error:
        log.warning("there is no panel (%r); lines follow", error)
        shown = Screen(board)
    try:
        yield shown
    finally:
        try:
            live.stop()
        except Exception as error:  # the last picture is not worth the end of an orderly end
            log.debug("the panel could not be ended", exc_info=error)


def places(app: App) -> str:
    """Where clips land, and where the page is."""
    return f"{app.library.folder}  {app.page}".rstrip()


def title(board: Board, app: App) -> str:
    """The panel's title: engine and OSC address."""
    host, port = app.osc_address or ("-", 0)
    return f"mula  {board.engine.detail}  osc {host}:{port}"
