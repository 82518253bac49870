"""A start with many clips in the folder, and many takes begun there: how long each holds OSC up.

mula bench folder --clips 10000
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Final

from msgspec.structs import replace

from mula_bridge.api import OscClient
from mula_bridge.control.messages import (
    Cancel,
    DeckChanged,
    EngineChanged,
    EngineState,
    Generate,
    JobChanged,
    JobState,
    Origin,
    Report,
    SetKnob,
    Status,
)
from mula_daemon.app import running
from mula_daemon.bench.figures import print_json
from mula_daemon.clips import ClipFiles, Library, MadeBy, Performance, Recipe, to_json
from mula_daemon.settings import load_config

CLI: Final = Origin("cli")
TAKES: Final = 16
_MOST_S: Final = 120.0
_RECIPE: Final = Recipe(
    id="", job="", take=0, created="", engine=MadeBy("tone", "1"), tags=("techno", "dark"),
    tags_b=(), lyrics="", seed=1, bpm=120.0, bars=1, meter="4/4", key="Amin", seconds=2.0,
    sample_rate=48_000, peak_dbfs=-1.0, loudness_lufs=-14.0, warnings=(), parent=None,
    knobs=Performance({"cfg": 1.5, "temperature": 1.0, "top_k": 50, "morph": 0.0}, ()),
    codes=None, stems={}, midi=None, status=Status.NEW,
)  # fmt: skip


class Moments:
    """A Listener that notes when what is waited for came. perf_counter, s."""

    def __init__(self, clips: int) -> None:
        self._clips = clips
        self.ready = 0.0
        self.filled = 0.0
        self.running = 0.0

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Take one report; session thread."""
        match report:
            case EngineChanged(EngineState.READY):
                self.ready = perf_counter()
            case DeckChanged(count=count) if count >= self._clips and not self.filled:
                self.filled = perf_counter()
            case JobChanged("many", JobState.RUNNING):
                self.running = perf_counter()

    def wait(self, name: str) -> float:
        """The moment ``name``, once it has come. Raises TimeoutError."""
        end = perf_counter() + _MOST_S
        while not getattr(self, name):
            if perf_counter() > end:
                raise TimeoutError(f"not {name} within {_MOST_S:g} s")
            sleep(0.001)
        return float(getattr(self, name))


def main(argv: Sequence[str]) -> int:
    """Measure; the last line is JSON."""
    made = argparse.ArgumentParser(prog="mula bench folder", description=__doc__)
    made.add_argument("--clips", type=int, default=10_000)
    parsed = made.parse_args(argv)
    empty: dict[str, float] = {}
    for _ in range(2):  # the first one imports what the others have by then
        with TemporaryDirectory() as folder:
            empty = measured(Path(folder), 0)
    with TemporaryDirectory() as folder:
        figures = measured(Path(folder), parsed.clips)
    print_json(clips=parsed.clips, **figures, empty_osc_ms=empty["osc_ms"])
    return 0


def measured(folder: Path, clips: int) -> dict[str, float]:
    """How long a start there takes, and what follows.

    Milliseconds until all has begun and OSC answers, and until 16 takes are begun; seconds until
    all clips are known.
    """
    fill(Library(folder / "clips"), clips)
    texts: dict[str, str | None] = {
        "engine": "tone", "folder": str(folder / "clips"), "audio": "off", "midi": "off",
        "osc": "127.0.0.1:0", "presets": str(folder / "presets.json"),
        "learnt": str(folder / "learnt.yaml"),
    }  # fmt: skip
    moments = Moments(clips)
    config = load_config(texts, environment={})
    began = perf_counter()
    with running(config, [moments]) as app:
        assert app.osc_address is not None
        with OscClient(*app.osc_address) as client:
            client.send("/mula/status")
            next(iter(client.replies(_MOST_S)))
            answered = perf_counter()
        filled = moments.wait("filled")
        moments.wait("ready")
        for name, value in (("takes", TAKES), ("bars", 1)):
            app.emit(SetKnob(name, value), CLI)
        sleep(1.0)
        asked = perf_counter()
        app.emit(Generate("many"), CLI)
        taken = moments.wait("running") - asked
        app.emit(Cancel("many"), CLI)
    return {
        "osc_ms": round(1e3 * (answered - began), 1),
        "read_s": round(filled - began, 2),
        "takes_ms": round(1e3 * taken, 1),
    }


def fill(library: Library, clips: int) -> None:
    """Have so many clips in the folder, as a long year leaves them; their WAVs are empty."""
    library.prepare()
    for number in range(clips):
        clip_id = f"{number:06}"
        files = ClipFiles(library.folder, f"techno_120bpm_Amin_cfg1.5_t1.00_k50_s1_{clip_id}")
        files.wav.touch()
        created = f"2026-01-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"
        job, take = divmod(number, 4)
        recipe = replace(_RECIPE, id=clip_id, job=f"job{job}", take=take, created=created)
        files.sidecar.write_text(to_json(recipe), encoding="utf-8")
