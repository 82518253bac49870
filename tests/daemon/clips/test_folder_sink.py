from __future__ import annotations

import errno
import io
import itertools
import json
import os
import resource
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from mula_bridge.control.messages.states import Status
from mula_bridge.errors import MulaError, Unavailable
from mula_daemon.audio.levels import loudness_lufs
from mula_daemon.audio.samples import Samples
from mula_daemon.clips import folder_sink
from mula_daemon.clips.folder_sink import FolderSink
from mula_daemon.clips.library import Library
from mula_daemon.clips.recipe import MadeBy, Parent
from mula_daemon.clips.take import Abandoned, Finished, Take
from mula_daemon.engine.mini.tokens import INSTRUMENTS
from support.crashing_disk import CrashingDisk
from support.takes import FINISHED, blocks, make_take, noise

FILE_CALLS: tuple[tuple[Any, str], ...] = (
    *((os, name) for name in ("open", "write", "fsync", "link", "replace", "unlink", "close")),
    *((os, name) for name in ("mkdir", "stat", "lstat", "fstat", "statvfs")),
    (io, "open"),
    (soundfile.SoundFile, "write"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    library = Library(tmp_path / "clips")
    library.prepare()
    return library.folder


def perform(sink: FolderSink, take: Take, sound: Samples | None = None) -> None:
    sink.open(take)
    for block in blocks(noise(take.samples) if sound is None else sound, 1920):
        sink.write(block)
    sink.close(FINISHED)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def test_a_take_lands_with_its_sidecar_and_codes(folder: Path) -> None:
    sink = FolderSink(folder, parent=Parent("zzz999", 12), now=lambda: "2025-06-01T12:00:00Z")
    take = make_take(bpm=128.0, beats_per_bar=3)
    perform(sink, take)
    stem = "dark-techno_128bpm_Amin_cfg1.5_t1.00_k50_s42_abc123"
    assert files(folder) == [f".mula/{stem}.json", f".mula/{stem}.npz", f"{stem}.wav"]
    assert sink.path == folder / f"{stem}.wav"
    recipe = Library(folder).find("abc123").recipe
    assert recipe == sink.recipe
    assert recipe.engine == MadeBy("tone", "1")
    assert (recipe.job, recipe.take, recipe.seed, recipe.created) == (
        "job1",
        0,
        42,
        "2025-06-01T12:00:00Z",
    )
    assert (recipe.bpm, recipe.bars, recipe.meter, recipe.key) == (128.0, 1, "3/4", "Amin")
    assert recipe.seconds == take.samples / 48000
    assert recipe.peak_dbfs == pytest.approx(-6.02, abs=0.01)
    assert recipe.loudness_lufs == pytest.approx(
        loudness_lufs(noise(take.samples), 48000), abs=0.01
    )
    assert recipe.parent == Parent("zzz999", 12)
    assert recipe.status is Status.NEW
    assert recipe.warnings == ()
    # What frame 0 heard stands over what the job began with.
    assert recipe.knobs.initial == {**take.initial, **FINISHED.frame_initial}
    assert recipe.knobs.timeline == ((1, "cfg", 3.5),)


@pytest.mark.parametrize("name", ["EINVAL", "ENOTSUP", "ENOSYS", "EBADF"])
def test_a_take_lands_where_the_system_flushes_no_folders(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    CrashingDisk(monkeypatch, folder_sync=getattr(errno, name))
    sink = FolderSink(folder)
    perform(sink, make_take())
    assert sink.path is not None and sink.path.exists()
    assert Library(folder).find("abc123").path == sink.path


def test_the_names_of_a_clips_files_reach_the_disk_before_its_own_and_that_at_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut leaves no clip that can be seen without what belongs to it."""
    flushed: list[tuple[str, bool]] = []

    def flush(inner: Path) -> None:
        flushed.append((str(inner.relative_to(folder)), any(folder.glob("*.wav"))))

    monkeypatch.setattr(folder_sink, "sync_folder", flush)
    take = make_take()
    take = replace(take, engine=replace(take.engine, name="mini", instruments=INSTRUMENTS))
    sink = FolderSink(folder)
    sink.open(take)
    sink.write(noise(take.samples))
    sink.close(replace(FINISHED, codes=((1, 0, 0, 0, 0, 0, 0, 0), (0,) * 8)))
    assert sorted(flushed[:-1]) == [(".mula", False), ("midi", False)]
    assert flushed[-1] == (".", True)


def test_a_tempo_with_a_fraction_is_whole_in_the_name_and_exact_in_the_file(folder: Path) -> None:
    sink = FolderSink(folder)
    take = make_take(bpm=119.87)
    perform(sink, take)
    assert sink.path is not None and "_120bpm_" in sink.path.name
    wav = sink.path.read_bytes()
    at = wav.index(b"acid") + 8
    assert struct.unpack_from("<f", wav, at + 20)[0] == pytest.approx(119.87, abs=1e-5)
    at = wav.index(b"smpl") + 8
    assert struct.unpack_from("<I", wav, at + 36 + 12)[0] == take.samples - 1
    assert take.samples == round(take.request.beats * 60 / 119.87 * 48_000)
    assert Library(folder).find("abc123").recipe.bpm == 119.87


@pytest.mark.parametrize("take_id", ["abc123", "abc124"])
def test_notes_land_beside_each_clip_where_codes_are_instruments(
    folder: Path, take_id: str
) -> None:
    """Of the first as of the next one, for which the folder of notes is there already."""
    sink = FolderSink(folder)
    for each in ("abc123", "abc124"):
        take = make_take(id=each)
        take = replace(take, engine=replace(take.engine, name="mini", instruments=INSTRUMENTS))
        sink.open(take)
        sink.write(noise(take.samples))
        sink.close(replace(FINISHED, codes=((1, 0, 0, 0, 0, 0, 0, 0), (0,) * 8) * 2))
    clip = Library(folder).find(take_id)
    assert clip.recipe.midi == f"midi/{clip.path.stem}.mid"
    assert clip.midi_path in clip.files()
    _, drums = mido.MidiFile(clip.midi_path).tracks
    assert [message.note for message in drums if message.type == "note_on"] == [36, 36]


def test_the_wav_carries_loop_and_recipe(folder: Path) -> None:
    sink = FolderSink(folder)
    take = make_take(bars=2, beats_per_bar=4)
    perform(sink, take)
    assert sink.path
    data = sink.path.read_bytes()
    beats, denominator, numerator, tempo = struct.unpack_from(
        "<IHHf", data, data.index(b"acid") + 20
    )
    assert (beats, denominator, numerator, tempo) == (8, 4, 4, 240.0)
    comment = data[data.index(b"ICMT") + 8 :]
    assert json.loads(comment.rstrip(b"\0"))["knobs"]["cfg"] == 3.0


@settings(max_examples=20)
@given(
    bpm=st.floats(40, 240),
    beats=st.integers(1, 2),
    rate=st.sampled_from([22050, 44100, 48000]),
    channels=st.sampled_from([1, 2]),
    size=st.integers(500, 9000),
)
def test_the_clip_is_exactly_as_long_as_its_bars(
    tmp_path_factory: pytest.TempPathFactory,
    bpm: float,
    beats: int,
    rate: int,
    channels: int,
    size: int,
) -> None:
    folder = tmp_path_factory.mktemp("clips")
    take = make_take(bpm=bpm, beats_per_bar=beats, rate=rate, channels=channels)
    sink = FolderSink(folder)
    sound = noise(take.samples, channels)
    sink.open(take)
    for block in blocks(sound, size):
        sink.write(block)
    sink.close(FINISHED)
    assert sink.path
    back, _ = soundfile.read(sink.path, dtype="float32", always_2d=True)
    assert abs(len(back) - beats * 60 * rate / bpm) <= 0.5
    np.testing.assert_allclose(back, sound, rtol=0, atol=2.0**-23)


def test_nothing_is_visible_before_the_end(folder: Path) -> None:
    sink = FolderSink(folder)
    take = make_take()
    sink.open(take)
    sink.write(noise(take.samples))
    assert visible(folder) == []
    assert Library(folder).count() == 0
    sink.close(FINISHED)
    assert len(visible(folder)) == 1


def test_a_published_clip_is_announced_once_it_can_be_seen(folder: Path) -> None:
    seen: list[tuple[str, bool]] = []
    sink = FolderSink(
        folder, published=lambda recipe, path: seen.append((recipe.id, path.exists()))
    )
    sink.open(make_take())
    sink.close(Abandoned("cancelled"))
    perform(sink, make_take())
    assert seen == [("abc123", True)]


def test_an_abandoned_take_leaves_nothing(folder: Path) -> None:
    sink = FolderSink(folder)
    sink.open(make_take())
    sink.write(noise(1000))
    sink.close(Abandoned("cancelled"))
    assert files(folder) == []
    assert sink.recipe is None
    assert sink.path is None


@pytest.mark.parametrize("missing", [1, 11999, 12000])
def test_a_finished_take_that_is_too_short_is_an_error(folder: Path, missing: int) -> None:
    sink = FolderSink(folder)
    take = make_take()
    with pytest.raises(MulaError, match=f"sent {take.samples - missing} of {take.samples}"):
        perform(sink, take, noise(take.samples - missing))
    assert files(folder) == []


def test_a_sample_too_many_is_an_error_that_leaves_nothing(folder: Path) -> None:
    sink = FolderSink(folder)
    take = make_take()
    sink.open(take)
    sink.write(noise(take.samples))
    with pytest.raises(MulaError, match="more than the take's"):
        sink.write(noise(1))
    assert files(folder) == []
    sink.write(noise(1))
    with pytest.raises(MulaError, match="failed before"):
        sink.close(FINISHED)
    perform(sink, take)
    assert len(visible(folder)) == 1


def test_the_same_name_twice_never_overwrites(folder: Path) -> None:
    sink = FolderSink(folder)
    first, second = noise(12000, seed=1), noise(12000, seed=2)
    paths = []
    for sound in (first, second):
        perform(sink, make_take(), sound)
        assert sink.path
        paths.append(sink.path)
    assert paths[1].stem == f"{paths[0].stem}-2"
    for path, sound in zip(paths, (first, second), strict=True):
        back, _ = soundfile.read(path, dtype="float32")
        np.testing.assert_allclose(back, sound, atol=2.0**-23)
    assert len(visible(folder)) == 2


def test_takes_of_one_job_are_written_side_by_side(folder: Path) -> None:
    sinks = [FolderSink(folder) for _ in range(3)]
    take = make_take()
    for sink in sinks:
        sink.open(take)
    for block in blocks(noise(take.samples), 1920):
        for sink in sinks:
            sink.write(block)
    for sink in sinks:
        sink.close(FINISHED)
    assert len({sink.path for sink in sinks}) == len(visible(folder)) == 3


@pytest.mark.parametrize(
    ("level", "warnings"),
    [(0.0, ("near-silent",)), (0.0005, ("near-silent",)), (3.0, ("clipped",))],
)
def test_the_sidecar_warns_of_a_bad_level(
    folder: Path, level: float, warnings: tuple[str, ...]
) -> None:
    sink = FolderSink(folder)
    take = make_take()
    perform(sink, take, noise(take.samples) * np.float32(level))
    assert sink.recipe
    assert sink.recipe.warnings == warnings
    if level == 0.0:
        assert sink.recipe.peak_dbfs is None
        assert sink.recipe.loudness_lufs is None


def test_the_sidecar_says_where_a_clip_falls_silent(folder: Path) -> None:
    sink = FolderSink(folder)
    take = make_take(bars=4, beats_per_bar=4)  # 4 s
    sound = noise(take.samples)
    silent = take.samples // 2
    sound[silent:] = 0.0
    perform(sink, take, sound)
    assert sink.recipe and sink.recipe.warnings == ("falls-silent",)
    assert sink.recipe.silent_from == pytest.approx(silent / take.engine.sample_rate, abs=0.03)
    assert sink.recipe.silent_until == pytest.approx(sink.recipe.seconds, abs=0.01)
    perform(sink, replace(take, id="other"), noise(take.samples))
    assert sink.recipe.warnings == () and sink.recipe.silent_from is None


def test_an_engine_without_codes_leaves_no_codes_file(folder: Path) -> None:
    sink = FolderSink(folder)
    take = make_take()
    sink.open(take)
    sink.write(noise(take.samples))
    sink.close(replace(FINISHED, codes=((), ())))
    assert sink.recipe
    assert sink.recipe.codes is None
    assert not any(name.endswith(".npz") for name in files(folder))


# --- failures ---------------------------------------------------------------------------------


@contextmanager
def hooked(monkeypatch: pytest.MonkeyPatch, hook: Callable[[str], None]) -> Iterator[None]:
    """Calls ``hook`` with the name of every call to the file system, before it is made."""
    with monkeypatch.context() as patch:
        for owner, name in FILE_CALLS:
            patch.setattr(owner, name, _before(getattr(owner, name), name, hook))
        yield


def _before(call: Callable[..., Any], name: str, hook: Callable[[str], None]) -> Callable[..., Any]:
    def hooked_call(*args: Any, **kwargs: Any) -> Any:
        hook(name)
        return call(*args, **kwargs)

    return hooked_call


def at_call(number: int, act: Callable[[], None]) -> Callable[[str], None]:
    """A hook that acts on one call, counted from 0, and on no other."""
    calls = itertools.count()

    def hook(_: str) -> None:
        if next(calls) == number:
            act()

    return hook


def no_space() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def no_links(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, "no hard links here")


def calls_of_a_take(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    perform(FolderSink(folder), make_take(id="first0"))  # some modules are imported with it
    seen: list[str] = []
    with hooked(monkeypatch, seen.append):
        perform(FolderSink(folder), make_take(id="second"))
    return seen


@pytest.mark.parametrize("links", [True, False])
def test_whatever_file_call_fails_nothing_incomplete_is_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    calls = calls_of_a_take(folder, monkeypatch)
    assert {"open", "write", "fsync", "link", "statvfs"} <= set(calls)
    before = files(folder)
    refused = 0
    for number, name in enumerate(calls):
        sink = FolderSink(folder)
        try:
            with hooked(monkeypatch, at_call(number, no_space)):
                perform(sink, make_take())
        except Unavailable as error:
            refused += 1
            assert "full disk" in str(error)
            assert sink.path is None
            # A part that could not be removed stays hidden until the next start.
            left = set(files(folder)) - set(before)
            assert not left or name in ("unlink", "close"), f"call {number}, {name}"
            assert all(path.endswith(".part") for path in left)
        else:
            assert sink.path
            for path in Library(folder).find("abc123").files():
                path.unlink()
        Library(folder).prepare()
        assert files(folder) == before
    assert refused >= 12


@pytest.mark.slow
@pytest.mark.parametrize("links", [True, False])
def test_wherever_the_process_dies_no_incomplete_file_is_visible(
    folder: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    calls = calls_of_a_take(folder, monkeypatch)
    samples = make_take().samples
    for number in range(len(calls)):
        child = os.fork()
        if child == 0:
            try:
                with hooked(monkeypatch, at_call(number, lambda: os._exit(9))):
                    perform(FolderSink(folder), make_take(id=f"die{number:03}"))
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        for path in visible(folder):
            assert soundfile.info(path).frames == samples, f"call {number}, {calls[number]}"
        library = Library(folder)
        assert len(visible(folder)) == len(library.clips())
        library.prepare()
        assert len(visible(folder)) == library.count() == len(library.clips())
        assert len(files(folder)) == 3 * library.count()


def test_a_disk_that_fills_up_while_writing_is_refused_and_leaves_nothing(folder: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    sink = FolderSink(folder)
    take = make_take(bpm=60.0)
    sink.open(take)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(Unavailable, match="choose another folder"):
            for block in blocks(noise(take.samples), 1920):
                sink.write(block)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files(folder) == []
    sink.close(Abandoned("the disk is full"))
    perform(sink, take)
    assert len(visible(folder)) == 1


@pytest.mark.parametrize("moment", ["before", "during"])
def test_a_folder_that_vanishes_is_said_so(folder: Path, moment: str) -> None:
    sink = FolderSink(folder)
    take = make_take()
    if moment == "during":
        sink.open(take)
        sink.write(noise(take.samples))
    shutil.rmtree(folder)
    with pytest.raises(Unavailable, match="has gone: plug its drive in"):
        if moment == "before":
            sink.open(take)
        else:
            sink.close(FINISHED)
    assert not folder.exists()


def test_a_file_put_in_the_clips_place_meanwhile_is_not_overwritten(folder: Path) -> None:
    sink = FolderSink(folder)
    take = make_take()
    sink.open(take)
    sink.write(noise(take.samples))
    [part] = folder.glob(".*.part")
    foreign = folder / part.name[1:].removesuffix(".part")
    foreign.write_text("mine")
    with pytest.raises(Unavailable):
        sink.close(FINISHED)
    assert foreign.read_text() == "mine"
    assert files(folder) == [foreign.name]


def test_codes_that_are_no_table_fail_the_take_and_leave_nothing(folder: Path) -> None:
    sink = FolderSink(folder)
    take = make_take()
    sink.open(take)
    sink.write(noise(take.samples))
    with pytest.raises(ValueError, match="inhomogeneous"):
        sink.close(Finished(((1, 2), (3,)), {}, ()))
    assert files(folder) == []
