"""The live panel of ``mula run``: knobs, job progress, level, last clips."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mula_bridge.control import KNOBS, KnobValue
from mula_bridge.control.messages import EngineState, Prompt, ServiceState
from mula_daemon.cli.board import Board, legible

BAR_WIDTH: Final = 28
FLOOR_DBFS: Final = -60.0
LAST_LINES: Final = 6
COLOURS: Final = {
    EngineState.STARTING: "yellow",
    EngineState.READY: "green",
    EngineState.RESTARTING: "yellow",
    EngineState.RESTING: "red",
    EngineState.FAILED: "red",
}
STYLES: Final = {ServiceState.FAILING: "yellow", ServiceState.DEAD: "bold red"}


def panel(board: Board, title: str, places: str) -> RenderableType:
    """The whole panel for a Board as it is now, over a line of ``places``. Any thread.

    All that is not ours is Text, in which nothing is markup.
    """
    board = board.snapshot()
    parts: list[RenderableType] = [_knobs(board), _job(board)]
    if board.audio is not None:
        parts.append(_level(board.audio.peak_dbfs, board.audio.underruns))
    parts.append(_clips(board))
    parts += _troubled(board)
    lines = "\n".join(board.lines).splitlines()[-LAST_LINES:]
    parts.append(Text("\n".join(lines), style="dim", overflow="ellipsis"))
    state = board.engine.state
    return Panel(
        Group(*parts),
        title=Text.assemble(legible(title), "  ", (state.value, COLOURS[state])),
        subtitle=Text(f"{legible(places)}  Control-C stops"),
    )


def _knobs(board: Board) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for name, row in KNOBS.items():
        changed = board.knobs.get(name)
        value = changed.value if changed else row.default
        travel = changed.norm if changed else row.to_norm(row.default)
        heard = _heard(board, name, value)
        table.add_row(
            Text(name, style="bold"),
            ProgressBar(total=1.0, completed=travel, width=BAR_WIDTH),
            Text(f"{shown(value)} {row.unit}".strip()),
            Text(heard, style="cyan"),
        )
    return table


def _heard(board: Board, name: str, value: KnobValue) -> str:
    """What is heard of a knob now, where that is not what is set; else how long that took."""
    sampled, heard = board.sampled.get(name), board.heard.get(name)
    if heard is not None:
        if heard.value != value:
            return f"heard {shown(heard.value)}"
        return f"heard after {heard.milliseconds:.0f} ms"
    return "" if sampled is None or sampled == value else f"now {shown(sampled)}"


def _job(board: Board) -> RenderableType:
    tags = legible(", ".join(board.tags.get(Prompt.A, ())) or "no tags")
    if not board.job:
        return Text(f"\n{tags}   idle")
    table = Table.grid(padding=(0, 2))
    table.add_row(
        Text(f"\n{tags}"),
        Text(f"\n{legible(board.job)}"),
        Group("", ProgressBar(total=1.0, completed=board.progress, width=BAR_WIDTH)),
        f"\n{board.progress:4.0%}",
    )
    return table


def _level(peak_dbfs: float, underruns: int) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    filled = max(0.0, 1.0 - peak_dbfs / FLOOR_DBFS)
    table.add_row(
        "level",
        ProgressBar(total=1.0, completed=filled, width=BAR_WIDTH),
        f"{max(peak_dbfs, FLOOR_DBFS):.1f} dBFS",
        Text(f"{underruns} underruns", style="red" if underruns else "dim"),
    )
    return table


def _clips(board: Board) -> RenderableType:
    names = [legible(Path(clip.path).name) for clip in board.clips]
    return Text("\n".join(names), style="green")


def _troubled(board: Board) -> list[RenderableType]:
    """A line for each part of the daemon that is not well."""
    troubled = [one for one in board.services.values() if one.state is not ServiceState.WELL]
    return [
        Text(legible(f"{one.name} {one.state}: {one.detail}"), style=STYLES[one.state])
        for one in troubled
    ]


def shown(value: KnobValue) -> str:
    """A knob's value the way a person writes it."""
    return f"{value:.2f}" if isinstance(value, float) else str(value)
