"""Stems and loop seams on their way into the folder."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mula_bridge.errors import MulaError, Unavailable
from mula_daemon.clips.folder_sink import FolderSink
from mula_daemon.clips.library import Library
from mula_daemon.clips.take import Abandoned, Finished, Take
from mula_daemon.engine.mini.tokens import INSTRUMENTS
from mula_daemon.engine.seam import AudioBlock
from support.takes import FINISHED, blocks, make_take, noise

DONE = replace(FINISHED, codes=((1, 0, 0, 0, 2, 0, 0, 0), (0,) * 8))
STEP = 2.0**-23


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    library = Library(tmp_path / "clips")
    library.prepare()
    return library.folder


def mini_take(**changes: object) -> Take:
    take = make_take(**changes)  # type: ignore[arg-type]
    return replace(take, engine=replace(take.engine, name="mini", instruments=INSTRUMENTS))


def stems_of(take: Take) -> np.ndarray:
    """Eight different noises, [8, n, 2]; the lead never plays."""
    made = np.stack([noise(take.samples, seed=2 * number) / 4 for number in range(8)])
    made[INSTRUMENTS.index("lead")] = 0.0
    return made


def perform(sink: FolderSink, take: Take, outcome: Finished = DONE) -> np.ndarray:
    stems = stems_of(take)
    sink.open(take)
    for block, start in zip(blocks(noise(take.samples), 1000), count(0, 1000), strict=False):
        sink.write(block)
        sink.write_stems(stems[:, start : start + len(block)])
    sink.close(outcome)
    return stems


def read(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="float32", always_2d=True)[0]  # type: ignore[no-any-return]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_stem_lands_for_each_instrument_that_plays(folder: Path) -> None:
    take = mini_take()
    stems = perform(FolderSink(folder), take)
    clip = Library(folder).find("abc123")
    assert set(clip.stem_paths) == set(INSTRUMENTS) - {"lead"}
    for name, path in clip.stem_paths.items():
        assert path == folder / "stems" / f"{clip.path.stem}_{name}.wav"
        np.testing.assert_allclose(read(path), stems[INSTRUMENTS.index(name)], atol=STEP)
        assert b"smpl" in path.read_bytes()
    assert set(clip.files()) == {folder / name for name in files(folder)}
    assert Library(folder).count() == 1


def test_stems_of_24_bits_add_up_to_the_mix_before_the_bus(folder: Path) -> None:
    stems = perform(FolderSink(folder), mini_take())
    total = sum(read(path) for path in Library(folder).find("abc123").stem_paths.values())
    np.testing.assert_allclose(total, stems.sum(axis=0), atol=1e-5)


def test_the_seam_takes_the_place_of_what_was_written(folder: Path) -> None:
    take = mini_take()
    head, head_stems = noise(500, seed=50), np.stack([noise(500, seed=60)] * 8) / 4
    end = noise(200, seed=70)
    seam = (
        AudioBlock("job1", 0, end, at=take.samples - 200),
        AudioBlock("job1", 0, head, head_stems, at=0),
    )
    stems = perform(FolderSink(folder), take, replace(DONE, seam=seam))
    clip = Library(folder).find("abc123")
    sound = noise(take.samples)
    sound[:500], sound[-200:] = head, end
    np.testing.assert_allclose(read(clip.path), sound, atol=STEP)
    kick = stems[0]
    kick[:500] = head_stems[0]
    np.testing.assert_allclose(read(clip.stem_paths["kick"]), kick, atol=STEP)


def test_the_peak_is_that_of_the_file_and_not_of_what_was_replaced(folder: Path) -> None:
    take = make_take()
    sink = FolderSink(folder)
    sink.open(take)
    sound = noise(take.samples)
    sound[100] = 0.99
    sink.write(sound)
    block = AudioBlock("job1", 0, noise(300) / 2, at=0)
    sink.close(replace(FINISHED, seam=(block,)))
    assert sink.recipe and sink.recipe.peak_dbfs == pytest.approx(-6.02, abs=0.01)


@pytest.mark.parametrize("at", [-1, 11_900])
def test_a_seam_that_does_not_fit_is_refused_and_nothing_is_left(folder: Path, at: int) -> None:
    block = AudioBlock("job1", 0, noise(300), at=at)
    with pytest.raises(MulaError, match="the engine sent samples"):
        perform(FolderSink(folder), mini_take(), replace(DONE, seam=(block,)))
    assert files(folder) == []


def test_stems_of_another_shape_or_length_are_refused(folder: Path) -> None:
    sink, take = FolderSink(folder), mini_take()
    sink.open(take)
    sink.write(noise(take.samples))
    with pytest.raises(MulaError, match="not one for each of kick, snare"):
        sink.write_stems(stems_of(take)[:3])
    sink.close(Abandoned("over"))
    sink.open(take)
    sink.write(noise(take.samples))
    sink.write_stems(stems_of(take)[:, :100])
    with pytest.raises(MulaError, match="100 of 12000 samples of kick"):
        sink.close(DONE)
    assert files(folder) == []


def test_room_is_asked_for_before_a_take_and_before_its_stems(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(Library, "require", lambda library, size: asked.append(size))
    take = mini_take()
    perform(FolderSink(folder), take)
    assert take.samples == 12_000
    assert asked == [12_000 * 2 * 3, 12_000 * 2 * 3 * 8]


def test_stems_after_a_failure_are_passed_over(folder: Path) -> None:
    sink, take = FolderSink(folder), mini_take()
    sink.open(take)
    with pytest.raises(MulaError, match="more than the take's"):
        sink.write(noise(take.samples + 1))
    sink.write_stems(stems_of(take))
    assert files(folder) == []


def test_an_abandoned_take_leaves_no_stem(folder: Path) -> None:
    sink, take = FolderSink(folder), mini_take()
    sink.open(take)
    sink.write(noise(100))
    sink.write_stems(stems_of(take)[:, :100])
    assert len(files(folder)) == 9
    sink.close(Abandoned("cancelled"))
    assert files(folder) == []


def test_whatever_file_call_fails_no_stem_is_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = ["open", "write", "fsync", "link", "mkdir", "statvfs"]
    refused = 0
    for name in calls:
        for number in range(0, 20, 4):
            made = count()
            real = getattr(os, name)

            def failing(*args: object, **kwargs: object) -> object:
                if next(made) == number:  # noqa: B023
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return real(*args, **kwargs)  # noqa: B023

            sink = FolderSink(folder)
            with monkeypatch.context() as patch:
                patch.setattr(os, name, failing)
                try:
                    perform(sink, mini_take())
                except Unavailable as error:
                    refused += 1
                    assert "full disk" in str(error)
            if sink.path is None:
                assert files(folder) == [], (name, number)
            else:
                for path in Library(folder).find("abc123").files():
                    path.unlink()
            for inner in ("midi", "stems"):
                if (folder / inner).is_dir():
                    (folder / inner).rmdir()
    assert refused >= 8
