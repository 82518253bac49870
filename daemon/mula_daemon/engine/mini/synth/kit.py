"""One-shots of the user's own, from a folder of sound files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr

from mula_bridge.errors import nearest
from mula_daemon.engine.mini.synth.audio import Samples
from mula_daemon.engine.mini.synth.drums import Strengths, balanced, strengths
from mula_daemon.engine.mini.tokens import (
    DRUM_VOICES,
    HATS,
    INSTRUMENTS,
    KICK,
    PERCUSSION,
    PERCUSSION_VOICES,
    SNARE,
)

LONGEST_SECONDS: Final = 10.0
SUFFIXES: Final = (".wav", ".flac", ".aif", ".aiff", ".ogg")

Voices = tuple[tuple[int, str], ...]
"""(drum codebook, voice) of everything that a file plays."""


def _every(codebook: int, *, but: tuple[str, ...] = ()) -> Voices:
    return tuple((codebook, voice) for voice in DRUM_VOICES[codebook] if voice not in but)


NAMES: Final[dict[str, Voices]] = {
    "kick": _every(KICK),
    "snare": _every(SNARE),
    "clap": ((SNARE, "clap909"), (SNARE, "clap808")),
    "rim": ((SNARE, "rim"), (PERCUSSION, "rimshot")),
    "hats": _every(HATS),
    "hat": _every(HATS),
    "closed_hat": _every(HATS, but=("open909", "open808", "open_acoustic", "ride", "shaker")),
    "open_hat": ((HATS, "open909"), (HATS, "open808"), (HATS, "open_acoustic")),
    "ride": ((HATS, "ride"),),
    "shaker": ((HATS, "shaker"),),
    "percussion": _every(PERCUSSION, but=("crash", "reverse", "impact")),
    "tom": tuple((PERCUSSION, f"tom_{pitch}") for pitch in ("high", "mid", "low")),
    "conga": ((PERCUSSION, "conga_high"), (PERCUSSION, "conga_low")),
    **{voice: ((PERCUSSION, voice),) for voice in PERCUSSION_VOICES},
    **{
        f"{INSTRUMENTS[codebook]}_{voice}": ((codebook, voice),)
        for codebook, voices in enumerate(DRUM_VOICES)
        for voice in voices
    },
}
"""What a file may be called, without its suffix. A name that stands for fewer voices wins."""


@dataclass(frozen=True)
class Kit:
    """One-shots that take the place of built-in ones, by codebook and voice name.

    A folder holds files such as ``kick.wav``, ``clap.wav``, ``Open Hat.aif``, or
    ``kick_techno.wav`` for one voice alone: see `NAMES` and KIT.md. WAV, FLAC, AIFF and
    Ogg are read, in mono or stereo, at any rate; each is brought to the loudness of the
    drum it replaces. What has no file keeps its built-in sound. Immutable; any thread.
    """

    shots: tuple[dict[str, Strengths], ...]
    fingerprint: str
    """Of the files and what they are called: another one sounds otherwise."""

    @classmethod
    def load(cls, folder: Path, sample_rate: int) -> Kit:
        """Read the sound files in ``folder``.

        Raises:
            ValueError: the folder is missing or holds no one-shot, or a file has an unknown
                name, means the same as another, cannot be read, or is longer than ten
                seconds. The message names the file.
        """
        if not folder.is_dir():
            raise ValueError(f"there is no kit folder {folder}")
        files = sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        )
        if not files:
            raise ValueError(f"kit folder {folder} holds no {', '.join(SUFFIXES)} files")
        meanings: dict[Voices, Path] = {}
        for path in files:
            voices = _meaning(path)
            if voices in meanings:
                raise ValueError(f"{path} and {meanings[voices].name} are for the same drum")
            meanings[voices] = path
        shots: tuple[dict[str, Strengths], ...] = tuple({} for _ in DRUM_VOICES)
        for voices, path in sorted(meanings.items(), key=lambda item: -len(item[0])):
            samples = _read(path, sample_rate)
            for codebook in {codebook for codebook, _ in voices}:
                shot = strengths(balanced(samples, codebook, sample_rate), sample_rate)
                shots[codebook].update(
                    {voice: shot for other, voice in voices if other == codebook}
                )
        return cls(shots, _fingerprint(files))

    def shot(self, codebook: int, voice: str) -> Strengths | None:
        """The user's one-shot of a voice of drum codebook 0..3, None to use the built-in one."""
        return self.shots[codebook].get(voice)


def _fingerprint(files: Sequence[Path]) -> str:
    found = hashlib.sha256()
    for path in files:
        found.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:16]


def _meaning(path: Path) -> Voices:
    """What a file's name stands for."""
    name = re.sub(r"[\s_-]+", "_", path.stem.strip().lower())
    if name in NAMES:
        return NAMES[name]
    close = nearest(name, NAMES)
    hint = f"did you mean {close}? " if close else ""
    short = ", ".join(name for name, voices in NAMES.items() if len(voices) > 1)
    raise ValueError(
        f"{path}: no drum is called {path.stem!r}; {hint}"
        f"names are {short}, {', '.join(PERCUSSION_VOICES)}, and single voices such as kick_techno"
    )


def _read(path: Path, sample_rate: int) -> Samples:
    """A sound file at ``sample_rate``, float32 ``[2, n]``."""
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise ValueError(f"{path}: cannot be read as sound: {error}") from error
    if not samples.any() or not np.isfinite(samples).all():
        raise ValueError(f"{path}: holds no sound")
    if len(samples) > LONGEST_SECONDS * rate:
        raise ValueError(f"{path}: a one-shot may last {LONGEST_SECONDS:g} s at most")
    stereo = samples[:, [0, -1]] if samples.shape[1] <= 2 else samples[:, :2]
    if rate != sample_rate:
        stereo = soxr.resample(stereo, rate, sample_rate, "HQ")
    return np.ascontiguousarray(stereo.T, np.float32)
