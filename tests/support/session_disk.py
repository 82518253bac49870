"""A program: a daemon that obeys every command there is, and what its session did to a disk.

    python -m support.session_disk FOLDER

It prints a JSON list of the file operations that the session's thread began, each with the line
of ours that asked for it. An audit hook cannot be taken away again, so this needs a process of
its own.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, get_args

from mula_bridge.control.messages import commands as c
from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import (
    ClipReady,
    DeckChanged,
    EngineChanged,
    JobChanged,
    LiveChanged,
    PresetSaved,
    StatusReport,
)
from mula_bridge.control.messages.states import EngineState, JobState, Status
from mula_daemon.app.running import running
from mula_daemon.clips.library import Library
from mula_daemon.clips.recipe import Performance
from mula_daemon.settings.loading import load_config
from support.fakes import Ear
from support.shelved_clips import put_clip

ALICE: Final = Origin("test")
AUDITED: Final = ("open", "os.", "shutil.", "glob.", "tempfile.", "pathlib.", "import")
MEMORY_ONLY: Final = ("os.putenv", "os.unsetenv")
NOT_AUDITED: Final = ("stat", "lstat", "access", "fsync", "statvfs", "readlink", "utime", "pread")
"""Functions of ``os`` that tell no audit hook."""
KNOBS: Final = {"cfg": 3.0, "temperature": 1.0, "top_k": 50, "morph": 0.0}
CLIPS: Final = ("clip00", "clip01", "clip02", "clip03")


def watch(found: list[str]) -> None:
    """Note every file operation of the thread "session" in ``found``, from now on."""

    def note(what: str) -> None:
        if threading.current_thread().name == "session":
            found.append(f"{what} by {_ours()}")

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event.startswith(AUDITED) and event not in MEMORY_ONLY:
            note(f"{event}{arguments[:1]!r}")

    def noting(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **options: Any) -> Any:
            note(f"os.{name}{arguments[:1]!r}")
            return call(*arguments, **options)

        return noted

    for name in NOT_AUDITED:
        if hasattr(os, name):
            setattr(os, name, noting(name, getattr(os, name)))
    sys.addaudithook(hook)


def _ours() -> str:
    """The innermost line of the product on this thread's stack."""
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if "mula_" in frame.f_code.co_filename:
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
    return "nobody of ours"


def every_command() -> Sequence[c.Command]:
    """One of each type at least, in an order in which most of them have something to do."""
    return (
        c.SetKnob("bpm", 240.0), c.SetKnob("bars", 1), c.SetKnob("takes", 2),
        c.NudgeKnob("cfg", 0.1), c.ResetKnob("cfg"), c.QueryKnob("cfg"),
        c.SetTags(("sine",)), c.ToggleTag("square", True), c.SetLyrics("la"),
        c.SavePreset("mine"), c.SavePreset(1), c.LoadPreset("mine"),
        c.MorphPresets(1, "mine", 0.5), c.LearnKnob("cfg"), c.StopLearning(),
        c.StartTransport(), c.ChooseClock("internal"), c.StopTransport(),
        c.Quantised(c.SetKnob("cfg", 2.0), 1),
        c.AuditionPlay("clip01"), c.AuditionLoop(True), c.AuditionFollow(True),
        c.AuditionAdvance(True), c.AuditionQuantise(1), c.AuditionGain(-3.0), c.AuditionStep(1),
        c.AuditionCompare("clip00"), c.AuditionStop(), c.AuditionPlay("nobody"),
        c.Judge(Status.KEPT, "clip01"), c.Judge(Status.REJECTED, "clip02"),
        c.Favourite(True, "clip00"), c.UndoJudgement(), c.UndoJudgement(),
        c.Render("clip03"), c.Render("nobody"), c.Reroll("clip03"), c.MakeMore("clip03", 1),
        c.Generate("two"), c.Cancel(), c.QueryStatus(), c.QueryDump(), c.Stop(), c.Panic(),
        c.Generate("three"), c.Capture(1), c.Live(True),
    )  # fmt: skip


def main(folder: Path) -> list[str]:
    """Run it all; what the session did to a disk."""
    found: list[str] = []
    watch(found)
    settings: dict[str, str | None] = {
        "engine": "tone", "folder": str(folder / "clips"), "audio": "off", "midi": "off",
        "osc": "127.0.0.1:0", "http": "127.0.0.1:0", "osc_tcp": "127.0.0.1:0", "limit": "500",
        "presets": str(folder / "presets.json"), "learnt": str(folder / "learnt.yaml"),
        "layout": "job",
    }  # fmt: skip
    library = Library(folder / "clips")
    library.prepare()
    for clip in CLIPS:
        put_clip(library, clip, knobs=Performance(KNOBS, ()))
    ear, samples = Ear(), every_command()
    missing = set(get_args(c.Command)) - {type(command) for command in samples}
    assert not missing, f"no {missing} is tried"
    with running(load_config(settings, environment={}), [ear]) as app:
        ear.wait(EngineChanged, lambda news: news.state is EngineState.READY)
        ear.wait(DeckChanged, lambda deck: deck.count == len(CLIPS))
        for command in samples:
            told = len(ear.all(StatusReport))
            app.emit(command, ALICE)
            app.emit(c.QueryStatus(), ALICE)
            ear.wait(StatusReport, lambda _, told=told: len(ear.all(StatusReport)) > told)
        ear.wait(PresetSaved, lambda saved: saved.name == "mine")
        ear.wait(JobChanged, lambda job: job.id == "three" and job.state is JobState.DONE)
        ear.wait(ClipReady, lambda clip: clip.job == "three")
        ear.wait(LiveChanged, lambda live: live.on)
        app.emit(c.Live(False), ALICE)
        library.find("clip03").path.unlink()  # as a user does
        ear.wait(ClipReady)
        ear.wait(LiveChanged, lambda live: not live.on)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]))) + "\n")
