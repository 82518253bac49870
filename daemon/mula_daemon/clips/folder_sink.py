"""Lands takes in the folder that a DAW watches: complete, or not at all."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePath

import numpy as np
from msgspec.structs import replace

from mula_bridge.control import KnobValue
from mula_bridge.errors import MulaError
from mula_bridge.files import sync_folder
from mula_daemon.audio import Samples, levels
from mula_daemon.clips import naming
from mula_daemon.clips.description import describe, initial_knobs
from mula_daemon.clips.files import HERE
from mula_daemon.clips.library import Library
from mula_daemon.clips.recipe import Parent, Recipe, to_json, utc_now
from mula_daemon.clips.stem_files import StemFiles
from mula_daemon.clips.take import Finished, Outcome, Take
from mula_daemon.clips.wav import SAMPLE_BYTES, Loop, WavWriter, info_chunk, loop_chunks
from mula_daemon.engine import AudioBlock, notes
from mula_daemon.files import Part


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
        place: PurePath = HERE,
        parent: Parent | None = None,
        published: Callable[[Recipe, Path], None] = lambda recipe, path: None,
        now: Callable[[], str] = utc_now,
    ) -> None:
        """``place`` is where below ``folder`` the clips land (see ``files``).

        ``parent`` is what the clips go on from; ``now`` gives their time of creation.

        ``published`` is called from ``close`` once a clip can be seen in the folder.
        """
        self.recipe: Recipe | None = None
        """The recipe of the last clip published since ``open``."""
        self.path: Path | None = None
        """Where that clip's WAV is."""
        self._library = Library(folder)
        self._place = place
        self._parent = parent
        self._published = published
        self._now = now
        self._take: Take | None = None
        self._stem = ""
        self._part: Part | None = None
        self._wav: WavWriter | None = None
        self._stems: StemFiles | None = None

    def open(self, take: Take) -> None:
        """Begin a take. Raises Unavailable when the folder has gone, is full or read-only."""
        if self._take is not None:
            raise RuntimeError("a take is already open")
        self.recipe = self.path = None
        self._library.require(take.samples * take.engine.channels * SAMPLE_BYTES)
        with self._all_or_nothing():
            self._stem, self._part = self._begin(naming.stem(take))
            self._wav = WavWriter(self._part.path, take.engine.sample_rate, take.engine.channels)
        self._take = take

    def write(self, samples: Samples) -> None:
        """Append the next samples.

        Raises Unavailable when the folder takes no more, and MulaError for samples
        that are not finite or more than the take has. Nothing is left then.
        """
        take = self._opened()
        if self._wav is None:  # it failed before, and said so
            return
        with self._all_or_nothing():
            if self._wav.samples + len(samples) > take.samples:
                raise MulaError(f"the engine sent more than the take's {take.samples} samples")
            self._wav.write(samples)

    def write_stems(self, stems: Samples) -> None:
        """Append the next samples of every instrument, float32 [instruments, n, channels].

        Raises as ``write`` does.
        """
        take = self._opened()
        if self._wav is None:
            return
        with self._all_or_nothing():
            if self._stems is None:
                size = take.samples * take.engine.channels * SAMPLE_BYTES
                self._library.require(size * len(take.engine.instruments))
                self._stems = StemFiles(
                    self._library.files_of(self._stem, self._place), take.engine
                )
            self._stems.write(stems)

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
                with self._library.in_words():
                    self._publish(take, outcome)
        finally:
            self._discard()

    def reopen(self, take: Take) -> None:
        """Begin again, with ``take`` in place of the one that is open; nothing of that is left.

        Raises as ``open`` does.
        """
        self._opened()
        self._take = None
        self._discard()
        self.open(take)

    def describe_as(self, take: Take) -> None:
        """Let the open take be another one of the same sound."""
        self._opened()
        self._take = take

    def release(self) -> None:
        """Nothing to do: a file never holds the writer back."""

    def _opened(self) -> Take:
        if self._take is None:
            raise RuntimeError("no take is open")
        return self._take

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Leave nothing of the take when writing to it fails, and say why in plain words."""
        try:
            with self._library.in_words():
                yield
        except BaseException:  # the codec library has errors of its own
            self._discard()
            raise

    def _begin(self, stem: str) -> tuple[str, Part]:
        library, place = self._library, self._place
        # Below the folder only: ``require`` has seen that the folder itself is still there.
        (library.folder / place).mkdir(parents=bool(place.parts), exist_ok=True)
        library.make_hidden(library.folder / place)
        for name in library.free_stems(stem, place):
            with contextlib.suppress(FileExistsError):  # another daemon took it just now
                return name, Part(library.files_of(name, place).wav)
        raise AssertionError("names do not run out")

    def _publish(self, take: Take, outcome: Finished) -> None:
        wav, part = self._wav, self._part
        if wav is None or part is None:
            raise MulaError("the take failed before it was finished")
        if wav.samples != take.samples:
            raise MulaError(f"the engine sent {wav.samples} of {take.samples} samples")
        files = self._library.files_of(self._stem, self._place)
        has_codes = any(outcome.codes)
        chunks = partial(_chunks, take, initial_knobs(take, outcome))
        for block in outcome.seam:
            self._put_in_place(wav, block)
        wav.close(chunks(self._stem))
        recipe = describe(take, outcome, wav, created=self._now(), parent=self._parent)
        with contextlib.ExitStack() as undo:
            if self._stems is not None:
                stems = {}
                for name, path in self._stems.publish(take.samples, chunks):
                    undo.callback(_remove, path)
                    stems[name] = files.relative(path)
                recipe = replace(recipe, stems=stems)
            if has_codes:
                _store(files.codes, _packed(outcome.codes))
                undo.callback(_remove, files.codes)
                recipe = replace(recipe, codes=files.codes.name)
            midi = notes(take.engine, outcome.codes, take.request, self._stem)
            if has_codes and midi is not None:
                files.midi.parent.mkdir(exist_ok=True)
                _store(files.midi, midi)
                undo.callback(_remove, files.midi)
                recipe = replace(recipe, midi=files.relative(files.midi))
            _store(files.sidecar, to_json(recipe).encode())
            undo.callback(_remove, files.sidecar)
            for inner in {path.parent for path in files.leftovers() if path.exists()}:
                sync_folder(inner)
            part.publish()
            undo.pop_all()
        with contextlib.suppress(OSError):  # it is there; only a power cut could still take it
            sync_folder(files.folder)
        self.recipe, self.path = recipe, files.wav
        self._published(recipe, files.wav)

    def _put_in_place(self, wav: WavWriter, block: AudioBlock) -> None:
        assert block.at is not None
        wav.overwrite(block.at, block.samples)
        if self._stems is not None and block.stems is not None:
            self._stems.write(block.stems, block.at)

    def _discard(self) -> None:
        """Leave nothing that was not published. Never raises."""
        wav, self._wav = self._wav, None
        part, self._part = self._part, None
        stems, self._stems = self._stems, None
        if wav is not None:
            with contextlib.suppress(OSError):
                wav.abort()
        if part is not None:
            part.discard()
        if stems is not None:
            stems.discard()


def _chunks(take: Take, initial: Mapping[str, KnobValue], title: str) -> bytes:
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
