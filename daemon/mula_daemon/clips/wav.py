"""24-bit WAV files that loop, with their tempo, key and recipe inside."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mula_bridge import __version__
from mula_bridge.control import KEYS, KnobValue
from mula_bridge.errors import MulaError
from mula_daemon.audio import Samples, check_block

SAMPLE_BYTES: Final = 3
_HEADER_BYTES: Final = 44
_ROOT_VALID, _STRETCH = 2, 4
_MIDDLE_C: Final = 60


class WavWriter:
    """Writes one file block by block: float32 [n, channels] becomes 24-bit PCM.

    Samples beyond -1..1 are clamped, and counted in ``clipped``; ``peak`` is the
    greatest that was written, linear. ``write`` costs some 60 us for 40 ms of stereo. One
    thread at a time.
    """

    def __init__(self, path: Path, sample_rate: int, channels: int) -> None:
        """Begin ``path``, over an empty file if there is one. Raises OSError."""
        import soundfile

        self.path = path
        self.samples = 0
        self.clipped = 0
        self.peak = 0.0
        self._channels = channels
        self._errors = (soundfile.LibsndfileError, AssertionError)
        try:
            self._file = soundfile.SoundFile(
                path, "w", sample_rate, channels, "PCM_24", format="WAV"
            )
        except self._errors as error:
            raise OSError(f"could not begin {path}: {error}") from error

    def write(self, samples: Samples) -> None:
        """Append a block. Raises OSError, and MulaError for samples that are not finite."""
        self._write(samples)
        self.samples += len(samples)

    def overwrite(self, at: int, samples: Samples) -> None:
        """Put a block in the place of samples that were written, from sample ``at`` on.

        Raises as ``write`` does, and MulaError when not all of them were written yet.
        """
        if not 0 <= at <= self.samples - len(samples):
            raise MulaError(
                f"the engine sent samples {at} to {at + len(samples)} again, of {self.samples}"
            )
        try:
            self._file.seek(at)
            self._write(samples)
            self._file.seek(self.samples)
        except self._errors as error:
            raise OSError(f"could not write to {self.path}: {error}") from error

    def _write(self, samples: Samples) -> None:
        peak = check_block(samples, self._channels)
        if peak > 1.0:
            self.clipped += int(np.count_nonzero(np.abs(samples) > 1.0))
            samples = np.clip(samples, -1.0, 1.0)
        self.peak = max(self.peak, min(1.0, peak))
        try:
            self._file.write(samples)
        except self._errors as error:  # soundfile asserts that everything was written
            raise OSError(f"could not write to {self.path}: {error}") from error

    def close(self, chunks: bytes = b"") -> None:
        """Finish the header, and append ``chunks``, whole RIFF chunks. Raises OSError."""
        self.abort()
        data = self.samples * self._channels * SAMPLE_BYTES
        with self.path.open("r+b") as file:
            # libsndfile reports no error that it meets while closing.
            if file.seek(0, 2) != _HEADER_BYTES + data + data % 2:
                raise OSError(f"{self.path} is not as long as what was written to it")
            file.write(chunks)
            size = file.tell() - 8
            file.seek(4)
            file.write(struct.pack("<I", size))

    def abort(self) -> None:
        """Let go of the file as it is."""
        try:
            self._file.close()
        except self._errors as error:
            raise OSError(f"could not finish {self.path}: {error}") from error


@dataclass(frozen=True, slots=True)
class Loop:
    """What a DAW wants to know of a loop: length in samples and beats, tempo, meter, key."""

    samples: int
    sample_rate: int
    beats: int
    bpm: float
    beats_per_bar: int = 4
    key: str = ""

    @property
    def root(self) -> int | None:
        """MIDI note of the tonic, 60..71; None without a key we know."""
        return _MIDDLE_C + KEYS.index(self.key) % 12 if self.key in KEYS else None


def loop_chunks(loop: Loop) -> bytes:
    """The ``acid`` and ``smpl`` chunks: one forward loop over the whole file."""
    root = loop.root
    acid = struct.pack(
        "<IHHfIHHf",
        _STRETCH if root is None else _STRETCH | _ROOT_VALID,
        root or _MIDDLE_C,
        0x8000,
        0.0,
        loop.beats,
        4,
        loop.beats_per_bar,
        loop.bpm,
    )
    period = round(1e9 / loop.sample_rate)
    unity = root or _MIDDLE_C
    header = struct.pack("<9I", 0, 0, period, unity, 0, 0, 0, 1, 0)
    forward = struct.pack("<6I", 0, 0, 0, loop.samples - 1, 0, 0)
    return _chunk(b"acid", acid) + _chunk(b"smpl", header + forward)


def info_chunk(
    title: str, tags: tuple[str, ...], seed: int, knobs: Mapping[str, KnobValue]
) -> bytes:
    """The ``LIST/INFO`` chunk: title, software, and a comment that is JSON in ASCII."""
    comment = json.dumps({"tags": tags, "seed": seed, "knobs": dict(knobs)})
    fields = {b"INAM": title, b"ISFT": f"mulabridge {__version__}", b"ICMT": comment}
    texts = ((name, text.encode("ascii", "replace") + b"\0") for name, text in fields.items())
    return _chunk(b"LIST", b"INFO" + b"".join(_chunk(name, text) for name, text in texts))


def _chunk(name: bytes, data: bytes) -> bytes:
    padding = b"\0" * (len(data) % 2)
    return name + struct.pack("<I", len(data)) + data + padding
