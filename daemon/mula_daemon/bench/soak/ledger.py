"""What a soaked daemon promised, and whether it kept it."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import soundfile

from mula_bridge.errors import MulaError
from mula_daemon.clips import Clip, Library

_ENDS: Final = ("done", "cancelled", "failed")
_WITHIN_S: Final = 0.002


@dataclass(slots=True)
class Ledger:
    """Fed with every OSC message; ``lost`` says at the end what is missing."""

    jobs: dict[str, str] = field(default_factory=dict)
    """The last state of every job that was heard of."""
    clips: dict[str, float] = field(default_factory=dict)
    """How many seconds each clip lasts that was announced."""
    requests: list[str] = field(default_factory=list)
    """Ids of the files that were put into the inbox."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hear(self, address: str, args: tuple[Any, ...]) -> None:
        """Note what is promised."""
        with self._lock:
            if address == "/mula/job":
                self.jobs[args[0]] = args[1]
            elif address == "/mula/clip":
                self.clips[args[0]] = args[5]

    def open_jobs(self) -> list[str]:
        """Jobs that have not ended."""
        with self._lock:
            return [job for job, state in self.jobs.items() if state not in _ENDS]

    def lost(self, folder: Path) -> list[str]:
        """A sentence for each promise that was not kept: jobs without an end, requests without
        an answer, clips that are not whole."""
        answers = folder / ".mula" / "inbox" / "answers"
        there = {clip.recipe.id: clip for clip in Library(folder).clips()}
        amiss = {f"job {job}": "it never ended" for job in self.open_jobs()}
        amiss |= {f"request {one}": _unanswered(answers, one) for one in self.requests}
        amiss |= {f"clip {one}": _broken(there.get(one), s) for one, s in self.clips.items()}
        return [f"{what}: {why}" for what, why in amiss.items() if why]


def _unanswered(answers: Path, request: str) -> str:
    try:
        state = json.loads((answers / f"{request}.json").read_text(encoding="utf-8"))["state"]
    except (OSError, ValueError, KeyError) as error:
        return f"no answer ({error})"
    return "" if state in _ENDS else f"still {state}"


def _broken(clip: Clip | None, seconds: float) -> str:
    if clip is None:
        return "it cannot be found"
    try:
        info = soundfile.info(clip.path)
        if clip.codes_path is not None:
            clip.codes()
    except (MulaError, OSError, ValueError, RuntimeError) as error:
        return f"it cannot be read ({error})"
    if abs(info.frames / info.samplerate - seconds) > _WITHIN_S:
        return f"{info.frames / info.samplerate} s long, not {seconds}"
    return ""
