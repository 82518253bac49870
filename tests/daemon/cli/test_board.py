from __future__ import annotations

from io import StringIO

from rich.console import Console

from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import (
    AudioReport,
    ClipReady,
    EngineChanged,
    Failed,
    FrameReport,
    Heard,
    JobChanged,
    KnobChanged,
    LiveChanged,
    Progress,
    Report,
    ServiceChanged,
    TagsChanged,
)
from mula_bridge.control.messages.states import EngineState, JobState, ServiceState
from mula_daemon.cli.board import Board
from mula_daemon.cli.panel import panel

CLIP = ClipReady("abc123", "job1", "/music/techno_128bpm_abc123.wav", 128.0, 4, 7, 7.5)


def tell(board: Board, *reports: Report) -> None:
    for report in reports:
        board.report(report, to=None, but=None)


def shown(board: Board) -> str:
    out = StringIO()
    Console(file=out, width=110).print(panel(board, "mula  mini  osc 127.0.0.1:7770", "/clips"))
    return out.getvalue()


def test_the_panel_shows_set_against_sampled_and_the_jobs_progress() -> None:
    board = Board()
    tell(
        board,
        EngineChanged(EngineState.READY, "mini"),
        TagsChanged(("techno", "dark")),
        KnobChanged("cfg", 3.0, 0.5),
        JobChanged("job1", JobState.RUNNING),
        FrameReport("job1", 0, 64, {"cfg": 1.5}, 1, 0),
        Progress("job1", 0.42),
        AudioReport(-12.3, 2),
        CLIP,
    )
    text = shown(board)
    for words in (
        "ready",
        "3.00",
        "now 1.50",
        "techno, dark",
        "42%",
        "-12.3 dBFS",
        "2 underruns",
        "techno_128bpm_abc123.wav",
    ):
        assert words in text


def test_a_fresh_panel_shows_defaults() -> None:
    text = shown(Board())
    assert "starting" in text
    assert "1.50" in text
    assert "120.00 BPM" in text


def test_lines_tell_the_story_and_errors_reach_them_whoever_caused_them() -> None:
    board = Board()
    tell(board, JobChanged("job1", JobState.FAILED, "killed by signal 9"), CLIP)
    board.report(Failed("/mula/x", "unknown", "no such address"), to=Origin("osc", 1), but=None)
    board.report(KnobChanged("cfg", 7.0, 1.0), to=Origin("osc", 1), but=None)
    assert list(board.lines) == [
        "job job1 failed: killed by signal 9",
        "clip techno_128bpm_abc123.wav (7.50 s, seed 7)",
        "error /mula/x unknown: no such address",
    ]
    assert not board.knobs


def test_the_panel_shows_a_part_of_the_daemon_that_is_not_well() -> None:
    board = Board()
    tell(board, ServiceChanged("midi", ServiceState.DEAD, 6, "OSError('gone')"))
    tell(board, ServiceChanged("inbox folder", ServiceState.FAILING, 1, "a request: 'x'"))
    text = shown(board)
    assert "midi dead" in text
    assert "inbox folder failing" in text
    tell(board, ServiceChanged("inbox folder", ServiceState.WELL, 1))
    assert "inbox folder failing" not in shown(board)
    assert board.lines[-1] == "inbox folder is well again (faults so far: 1)"


def test_an_ended_job_leaves_the_panel() -> None:
    board = Board()
    tell(board, JobChanged("job1", JobState.RUNNING), Progress("job1", 1.0))
    tell(board, JobChanged("job1", JobState.DONE))
    assert "idle" in shown(board)


def test_the_panel_shows_set_against_heard_while_live_play_runs() -> None:
    board = Board()
    tell(board, LiveChanged(True), KnobChanged("cfg", 3.0, 0.5), Heard("cfg", 2.5, 181.0, 81.0, 9))
    assert "heard 2.50" in shown(board)
    tell(board, Heard("cfg", 3.0, 196.4, 96.4, 12))
    assert "heard after 196 ms" in shown(board)
    tell(board, LiveChanged(False, "too slow"))
    assert board.lines[-1] == "live off: too slow"
    assert not board.live
