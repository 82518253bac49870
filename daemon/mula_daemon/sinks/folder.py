"""Lands takes in the folder that a DAW watches: complete, or not at all."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from mula_bridge.errors import MulaError
from mula_bridge.knobs import KnobValue
from mula_daemon import naming
from mula_daemon.atomic import Part, sync_folder
from mula_daemon.audio import levels
from mula_daemon.clips import Library
from mula_daemon.engine.base import Samples
from mula_daemon.recipe import MadeBy, Parent, Performance, Recipe, Warn, to_json, utc_now
from mula_daemon.sinks.base import Finished, Outcome, Take
from mula_daemon.wav import SAMPLE_BYTES, Loop, WavWriter, info_chunk, loop_chunks

NEAR_SILENT_DBFS: Final = -60.0


def preload() -> None:
    """Import what the first clip would wait a second for. Any thread."""
    import soundfile  # noqa: F401

    levels.preload()


class FolderSink:
    """Writes one take at a time into ``folder``, which ``Library.prepare`` has made ready.

    ``open``, ``write`` and ``close`` come from one thread at a time, not always the same
    one; ``release`` from any. ``write`` only appends to a file. ``close`` measures the
    clip and waits for the disk: some 10 ms for each second of sound.

    After a failure nothing of the take is left, and the sink can be opened again.
    """

    def __init__(
        self,
        folder: Path,
        *,
        parent: Parent | None = None,
        published: Callable[[Recipe, Path], None] = lambda recipe, path: None,
        now: Callable[[], str] = utc_now,
    ) -> None:
        """``parent`` is what the clips go on from; ``now`` gives their time of creation.

        ``published`` is called from ``close`` once a clip can be seen in the folder.
        """
        self.recipe: Recipe | None = None
        """The recipe of the last clip published since ``open``."""
        self.path: Path | None = None
        """Where that clip's WAV is."""
        self._library = Library(folder)
        self._parent = parent
        self._published = published
        self._now = now
        self._take: Take | None = None
        self._stem = ""
        self._part: Part | None = None
        self._wav: WavWriter | None = None

    def open(self, take: Take) -> None:
        """Begin a take. Raises Unavailable when the folder has gone, is full or read-only."""
        if self._take is not None:
            raise RuntimeError("a take is already open")
        self.recipe = self.path = None
        self._library.require(take.samples * take.engine.channels * SAMPLE_BYTES)
        try:
            self._stem, self._part = self._begin(naming.stem(take))
            self._wav = WavWriter(self._part.path, take.engine.sample_rate, take.engine.channels)
        except OSError as error:
            self._discard()
            raise self._library.unavailable(error) from error
        self._take = take

    def write(self, samples: Samples) -> None:
        """Append the next samples.

        Raises Unavailable when the folder takes no more, and MulaError for samples
        that are not finite or more than the take has. Nothing is left then.
        """
        if self._take is None:
            raise RuntimeError("no take is open")
        if self._wav is None:  # it failed before, and said so
            return
        try:
            if self._wav.samples + len(samples) > self._take.samples:
                raise MulaError(
                    f"the engine sent more than the take's {self._take.samples} samples"
                )
            self._wav.write(samples)
        except OSError as error:
            self._discard()
            raise self._library.unavailable(error) from error
        except MulaError:
            self._discard()
            raise

    def close(self, outcome: Outcome) -> None:
        """Publish the take, or leave nothing of it.

        Raises Unavailable when the folder fails, and MulaError when a finished take is
        not exactly as long as it should be.
        """
        take, self._take = self._take, None
        if take is None:
            return
        try:
            if isinstance(outcome, Finished):
                self._publish(take, outcome)
        except OSError as error:
            raise self._library.unavailable(error) from error
        finally:
            self._discard()

    def release(self) -> None:
        """Nothing to do: a file never holds the writer back."""

    def _begin(self, stem: str) -> tuple[str, Part]:
        for name in self._library.free_stems(stem):
            with contextlib.suppress(FileExistsError):  # another daemon took it just now
                return name, Part(self._library.paths(name)[0])
        raise AssertionError("names do not run out")

    def _publish(self, take: Take, outcome: Finished) -> None:
        wav, part = self._wav, self._part
        if wav is None or part is None:
            raise MulaError("the take failed before it was finished")
        if wav.samples != take.samples:
            raise MulaError(f"the engine sent {wav.samples} of {take.samples} samples")
        path, sidecar, codes = self._library.paths(self._stem)
        has_codes = any(outcome.codes)
        wav.close(_chunks(take, self._stem, _initial(take, outcome)))
        recipe = self._describe(take, outcome, wav, codes.name if has_codes else None)
        with contextlib.ExitStack() as undo:
            if has_codes:
                _store(codes, _packed(outcome.codes))
                undo.callback(_remove, codes)
            _store(sidecar, to_json(recipe).encode())
            undo.callback(_remove, sidecar)
            sync_folder(self._library.hidden)
            part.publish()
            undo.pop_all()
        with contextlib.suppress(OSError):  # it is there; only a power cut could still take it
            sync_folder(self._library.folder)
        self.recipe, self.path = recipe, path
        self._published(recipe, path)

    def _describe(self, take: Take, outcome: Finished, wav: WavWriter, codes: str | None) -> Recipe:
        request, engine = take.request, take.engine
        peak = levels.to_dbfs(wav.peak)
        warnings = []
        if wav.clipped:
            warnings.append(Warn.CLIPPED)
        if peak is None or peak < NEAR_SILENT_DBFS:
            warnings.append(Warn.NEAR_SILENT)
        return Recipe(
            id=take.id,
            job=request.job,
            take=take.take,
            created=self._now(),
            engine=MadeBy(engine.name, engine.version, engine.checkpoint, engine.sha256),
            tags=request.tags,
            tags_b=request.tags_b,
            lyrics=request.lyrics,
            seed=take.seed,
            bpm=request.bpm,
            bars=request.bars,
            meter=f"{request.beats_per_bar}/4",
            key=request.key,
            seconds=take.samples / engine.sample_rate,
            sample_rate=engine.sample_rate,
            peak_dbfs=peak,
            loudness_lufs=_loudness(wav.path, engine.sample_rate),
            warnings=tuple(warnings),
            parent=self._parent,
            knobs=Performance(_initial(take, outcome), outcome.changes),
            codes=codes,
        )

    def _discard(self) -> None:
        """Leave nothing that was not published. Never raises."""
        wav, self._wav = self._wav, None
        part, self._part = self._part, None
        if wav is not None:
            with contextlib.suppress(OSError):
                wav.abort()
        if part is not None:
            part.discard()


def _initial(take: Take, outcome: Finished) -> dict[str, KnobValue]:
    return {**take.initial, **outcome.frame_initial}


def _chunks(take: Take, title: str, initial: Mapping[str, KnobValue]) -> bytes:
    request = take.request
    loop = Loop(
        samples=take.samples,
        sample_rate=take.engine.sample_rate,
        beats=request.beats,
        bpm=request.bpm,
        beats_per_bar=request.beats_per_bar,
        key=request.key,
    )
    return loop_chunks(loop) + info_chunk(title, request.tags, take.seed, initial)


def _loudness(path: Path, sample_rate: int) -> float | None:
    import soundfile

    # Read back rather than kept: it is in the page cache, and it is what the DAW will hear.
    samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
    return levels.loudness_lufs(samples, sample_rate)


def _packed(codes: tuple[tuple[int, ...], ...]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, codes=np.asarray(codes, np.int32))
    return file.getvalue()


def _store(path: Path, data: bytes) -> None:
    part = Part(path)
    try:
        part.write(data)
        part.publish()
    finally:
        part.discard()


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
