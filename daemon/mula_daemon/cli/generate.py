"""``mula generate``: one job, without a daemon."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from msgspec.structs import asdict

from mula_bridge.control import KNOBS, KnobValue
from mula_bridge.control.messages import (
    ClipReady,
    EngineChanged,
    EngineState,
    Failed,
    Generate,
    JobChanged,
    JobState,
    Origin,
    Progress,
    Prompt,
    Report,
    SetKnob,
    SetLyrics,
    SetTags,
)
from mula_bridge.errors import MulaError
from mula_daemon.app import App, running
from mula_daemon.cli.options import ENGINE_OPTIONS, config_of, parser

CLI = Origin("cli")
NOT_HERE = ("gain_db",)
"""Knobs without a meaning when nothing is played."""


class JobFailed(MulaError):
    """The job ended without its clips."""

    code = "job_failed"


def main(argv: Sequence[str]) -> int:
    """Generate, print the progress to stderr and one JSON line per clip to stdout."""
    made = parser(
        "generate",
        "Make one clip (or several takes) and leave. Prints one JSON line per clip.",
        (*ENGINE_OPTIONS, "folder"),
    )
    made.add_argument("--tags", default="", help="comma-separated, such as 'techno, dark'")
    made.add_argument("--tags-b", default="", help="the prompt that --morph leads to")
    made.add_argument("--lyrics", default="", help="for models that sing")
    for name, row in KNOBS.items():
        if name not in NOT_HERE:
            span = "one of C, Amin, F#min, ..." if row.choices else _span(row.minimum, row.maximum)
            made.add_argument(
                f"--{name.replace('_', '-')}",
                type=str if row.choices else (int if row.integer else float),
                metavar=row.unit.split()[-1] if row.unit else "X",
                help=f"{row.description} ({span}, default {row.default})".replace("%", "%%"),
            )
    parsed = made.parse_args(argv)
    config = replace(config_of(parsed).alone(), audio=None)
    knobs = {
        name: getattr(parsed, name) for name in KNOBS if getattr(parsed, name, None) is not None
    }
    waiter = Waiter()
    with running(config, [waiter], osc=False) as app:
        for clip in make(app, waiter, parsed, knobs):
            print(json.dumps(asdict(clip)), flush=True)
    return 0


def make(
    app: App, waiter: Waiter, parsed: argparse.Namespace, knobs: Mapping[str, KnobValue]
) -> list[ClipReady]:
    """Set everything once the engine is ready, run one job, and return its clips.

    Raises JobFailed with the engine's or the session's own words.
    """
    waiter.until_ready()
    app.emit(SetTags((parsed.tags,)), CLI)
    app.emit(SetTags((parsed.tags_b,), Prompt.B), CLI)
    app.emit(SetLyrics(parsed.lyrics), CLI)
    # The macro first, so that a knob it moves can still be set by itself.
    for name in sorted(knobs, key=lambda name: name != "genre_strength"):
        app.emit(SetKnob(name, knobs[name]), CLI)
    app.emit(Generate("job"), CLI)
    return waiter.until_done()


class Waiter:
    """A Listener that follows one job and shows its progress on a terminal."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._done = threading.Event()
        self._problem = ""
        self.clips: list[ClipReady] = []

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Take one report; session thread."""
        match report:
            case EngineChanged(EngineState.READY):
                self._ready.set()
            case EngineChanged(EngineState.FAILED, detail):
                self._fail(detail)
            case Failed(_, _, text):
                self._fail(text)
            case Progress(_, fraction):
                _progress(fraction)
            case ClipReady():
                self.clips.append(report)
            case JobChanged(_, JobState.FAILED | JobState.CANCELLED, reason):
                self._fail(reason or "cancelled")
            case JobChanged(_, JobState.DONE):
                self._done.set()
            case _:
                pass

    def until_ready(self) -> None:
        """Wait for the engine. Raises JobFailed."""
        self._ready.wait()
        self._check()

    def until_done(self) -> list[ClipReady]:
        """Wait for the job's end and return its clips. Raises JobFailed."""
        self._done.wait()
        self._check()
        return self.clips

    def _fail(self, reason: str) -> None:
        self._problem = self._problem or reason
        self._ready.set()
        self._done.set()

    def _check(self) -> None:
        if self._problem:
            raise JobFailed(self._problem)


def _progress(fraction: float) -> None:
    if sys.stderr.isatty():
        end = "\n" if fraction >= 1 else ""
        print(f"\r{fraction:4.0%}", end=end, file=sys.stderr, flush=True)


def _span(low: float, high: float) -> str:
    return f"{low:g} to {high:g}"
