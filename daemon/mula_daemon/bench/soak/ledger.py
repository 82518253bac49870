"""What a soaked daemon promised, and whether it kept it."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Final

import soundfile

from mula_bridge.errors import MulaError
from mula_daemon.clips import Clip, Library

ANSWER_S: Final = 10.0
"""Whoever asks for a job hears within this that it is accepted, or why not."""
_ENDS: Final = ("done", "cancelled", "failed")
_WITHIN_S: Final = 0.002
GENERATE: Final = "/mula/generate"


@dataclass(slots=True)
class Ledger:
    """Fed with every OSC message; ``lost`` says at the end what is missing."""

    jobs: dict[str, str] = field(default_factory=dict)
    """The last state of every job that was heard of."""
    clips: dict[str, float] = field(default_factory=dict)
    """How many seconds each clip lasts that was announced."""
    requests: list[str] = field(default_factory=list)
    """Ids of the files that were put into the inbox."""
    within_s: float = ANSWER_S
    late: dict[str, float] = field(default_factory=dict)
    """How many seconds the answer to a job took that came too late."""
    _asked: dict[str, float] = field(default_factory=dict)
    """When each job was asked for that nothing was said of yet (monotonic)."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, job: str) -> None:
        """Note that a job is about to be asked for, which is a promise already."""
        with self._lock:
            self._asked[job] = monotonic()

    def hear(self, address: str, args: tuple[Any, ...]) -> None:
        """Note what is promised."""
        with self._lock:
            if address == "/mula/job":
                self.jobs[args[0]] = args[1]
                self._answered(args[0])
            elif address == "/mula/error" and args[0] == GENERATE and self._asked:
                self._answered(next(iter(self._asked)))  # errors come in the order of what is asked
            elif address == "/mula/clip":
                self.clips[args[0]] = args[5]

    def open_jobs(self) -> list[str]:
        """Jobs that have not ended."""
        with self._lock:
            return [job for job, state in self.jobs.items() if state not in _ENDS]

    def unanswered(self) -> list[str]:
        """Jobs that were asked for, and nothing was said of."""
        with self._lock:
            return list(self._asked)

    def lost(self, folder: Path) -> list[str]:
        """A sentence for each promise that was not kept: jobs without an answer
        or an end, requests without an answer, clips that are not whole."""
        answers = folder / ".mula" / "inbox" / "answers"
        there = {clip.recipe.id: clip for clip in Library(folder).clips()}
        amiss = {f"job {job}": "it never ended" for job in self.open_jobs()}
        amiss |= {f"generate {job}": "it was never answered" for job in self.unanswered()}
        amiss |= {f"generate {job}": f"answered after {s:.1f} s" for job, s in self.late.items()}
        amiss |= {f"request {one}": _unanswered(answers, one) for one in self.requests}
        amiss |= {f"clip {one}": _broken(there.get(one), s) for one, s in self.clips.items()}
        return [f"{what}: {why}" for what, why in amiss.items() if why]

    def _answered(self, job: str) -> None:
        asked = self._asked.pop(job, None)
        if asked is not None and (took := monotonic() - asked) > self.within_s:
            self.late[job] = took


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
