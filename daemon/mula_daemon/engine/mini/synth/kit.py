"""One-shots of the user's own, from a folder of sound files."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from scipy.signal import resample_poly

from mula_daemon.engine.mini.synth.audio import Samples
from mula_daemon.engine.mini.synth.drums import Strengths, strengths
from mula_daemon.engine.mini.tokens import DRUM_VOICES, INSTRUMENTS

LONGEST_SECONDS: Final = 10.0
SUFFIXES: Final = (".wav", ".flac", ".aif", ".aiff", ".ogg")


@dataclass(frozen=True)
class Kit:
    """One-shots that take the place of built-in ones, by codebook and voice name.

    A folder holds files such as ``kick_techno.wav`` for one voice, or
    ``kick.wav`` for all kicks that have no file of their own. The first word is
    kick, snare, hats or percussion, the rest a name out of
    `tokens.DRUM_VOICES`. WAV, FLAC, AIFF and Ogg are read, in mono or stereo,
    at any rate. What has no file keeps its built-in sound. Immutable; any thread.
    """

    shots: tuple[dict[str, Strengths], ...]

    @classmethod
    def load(cls, folder: Path, sample_rate: int) -> Kit:
        """Read the sound files in ``folder``.

        Raises:
            ValueError: the folder is missing or holds no one-shot, or a file has
                an unknown name, cannot be read, or is longer than ten seconds.
        """
        if not folder.is_dir():
            raise ValueError(f"no kit folder {folder}")
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        if not files:
            raise ValueError(f"kit folder {folder} holds no {', '.join(SUFFIXES)} files")
        shots: tuple[dict[str, Strengths], ...] = tuple({} for _ in DRUM_VOICES)
        # Names without a voice come first, so that files for one voice override them.
        for path in sorted(files, key=lambda path: "_" in path.stem):
            codebook, voices = _meaning(path)
            shot = strengths(_read(path, sample_rate), sample_rate)
            shots[codebook].update(dict.fromkeys(voices, shot))
        return cls(shots)

    def shot(self, codebook: int, voice: str) -> Strengths | None:
        """The user's one-shot of a voice of drum codebook 0..3, None to use the built-in one."""
        return self.shots[codebook].get(voice)


def _meaning(path: Path) -> tuple[int, tuple[str, ...]]:
    """The codebook and the voices that a file's name stands for."""
    instrument, _, voice = path.stem.lower().partition("_")
    drums = INSTRUMENTS[: len(DRUM_VOICES)]
    if instrument not in drums:
        raise ValueError(f"{path}: the name must start with {', '.join(drums)}")
    codebook = drums.index(instrument)
    if not voice:
        return codebook, DRUM_VOICES[codebook]
    if voice not in DRUM_VOICES[codebook]:
        raise ValueError(
            f"{path}: {instrument} has no voice {voice!r}, only {', '.join(DRUM_VOICES[codebook])}"
        )
    return codebook, (voice,)


def _read(path: Path, sample_rate: int) -> Samples:
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise ValueError(f"{path}: cannot be read as sound: {error}") from error
    if len(samples) == 0 or not np.isfinite(samples).all():
        raise ValueError(f"{path}: holds no usable samples")
    if len(samples) > LONGEST_SECONDS * rate:
        raise ValueError(f"{path}: a one-shot may last {LONGEST_SECONDS:g} s at most")
    stereo = samples[:, [0, -1]].T if samples.shape[1] <= 2 else samples[:, :2].T
    if rate != sample_rate:
        ratio = Fraction(sample_rate, rate)
        stereo = resample_poly(stereo, ratio.numerator, ratio.denominator, axis=1)
    return np.ascontiguousarray(stereo, np.float32)
