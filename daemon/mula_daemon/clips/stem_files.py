"""The stems of one take: a WAV for each instrument, published together or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from mula_bridge.errors import MulaError
from mula_daemon.audio import Samples
from mula_daemon.clips.files import ClipFiles
from mula_daemon.clips.wav import WavWriter
from mula_daemon.engine import EngineInfo
from mula_daemon.files import Part


class StemFiles:
    """Parts of one take's stems, in the making. One thread at a time; raises OSError.

    Samples beyond full scale are clamped, as in any WAV of 24 bits; mini's stay below.
    """

    def __init__(self, files: ClipFiles, engine: EngineInfo) -> None:
        """Begin a file for each of the engine's instruments."""
        self._files = files
        self._parts: dict[str, tuple[Part, WavWriter]] = {}
        files.stem("").parent.mkdir(exist_ok=True)
        try:
            for name in engine.instruments:
                part = Part(files.stem(name))
                try:
                    wav = WavWriter(part.path, engine.sample_rate, engine.channels)
                except OSError:
                    part.discard()
                    raise
                self._parts[name] = part, wav
        except OSError:
            self.discard()
            raise

    def write(self, stems: Samples, at: int | None = None) -> None:
        """Append float32 [instruments, n, channels], or put them in the place of what is
        there from sample ``at`` on. Raises MulaError for stems that are not as promised."""
        if stems.ndim != 3 or len(stems) != len(self._parts):
            raise MulaError(
                f"the engine sent stems of shape {stems.shape}, not one for each of "
                f"{', '.join(self._parts)}"
            )
        for (_, wav), samples in zip(self._parts.values(), stems, strict=True):
            if at is None:
                wav.write(np.ascontiguousarray(samples))
            else:
                wav.overwrite(at, np.ascontiguousarray(samples))

    def publish(self, samples: int, chunks: Callable[[str], bytes]) -> Iterator[tuple[str, Path]]:
        """Publish one stem after another, and say which; an instrument that never played has
        none. ``chunks`` gives the RIFF chunks of a file by its title.

        Raises MulaError when one is not exactly ``samples`` long.
        """
        for name, (part, wav) in list(self._parts.items()):
            if wav.samples != samples:
                raise MulaError(f"the engine sent {wav.samples} of {samples} samples of {name}")
            path = self._files.stem(name)
            wav.close(chunks(path.stem))
            if wav.peak > 0.0:
                part.publish()
                yield name, path

    def discard(self) -> None:
        """Leave no part behind. Never raises; does not touch what was published."""
        for part, wav in self._parts.values():
            with contextlib.suppress(OSError):
                wav.abort()
            part.discard()
        self._parts = {}
