from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from mula_bridge.control.knobs import KEYS
from mula_bridge.errors import MulaError
from mula_daemon.clips.wav import Loop, WavWriter, info_chunk, loop_chunks
from support.takes import blocks, noise

LSB = 2.0**-23
LOOP = Loop(samples=1000, sample_rate=48000, beats=16, bpm=128.0, key="Amin")


def chunks_of(data: bytes) -> dict[str, bytes]:
    """Every chunk of a RIFF file by name; fails on anything that does not add up."""
    riff, size, wave = struct.unpack_from("<4sI4s", data)
    assert (riff, wave, size) == (b"RIFF", b"WAVE", len(data) - 8)
    return inner_chunks(data[12:])


def inner_chunks(data: bytes) -> dict[str, bytes]:
    found = {}
    at = 0
    while at < len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        assert at + 8 + size <= len(data)
        found[name.decode()] = data[at + 8 : at + 8 + size]
        if size % 2:
            assert data[at + 8 + size] == 0
        at += 8 + size + size % 2
    assert at == len(data)
    return found


def write(path: Path, sound: np.ndarray, size: int = 300, chunks: bytes = b"") -> WavWriter:
    writer = WavWriter(path, 48000, sound.shape[1])
    for block in blocks(sound, size):
        writer.write(block)
    writer.close(chunks)
    return writer


@settings(max_examples=25)
@given(frames=st.integers(1, 3000), channels=st.sampled_from([1, 2]), size=st.integers(1, 1000))
def test_what_is_read_back_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, frames: int, channels: int, size: int
) -> None:
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    sound = noise(frames, channels)
    info = info_chunk("x" * (frames % 2), ("techno",), 1, {})
    write(path, sound, size, loop_chunks(LOOP) + info)
    back, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == 48000
    assert soundfile.info(path).subtype == "PCM_24"
    np.testing.assert_allclose(back, sound, rtol=0, atol=LSB)
    assert list(chunks_of(path.read_bytes())) == ["fmt ", "data", "acid", "smpl", "LIST"]


def test_samples_beyond_full_scale_are_clamped_and_counted(tmp_path: Path) -> None:
    sound = np.array([[1.0, -1.0], [1.5, -2.0], [0.5, 7.0]], np.float32)
    writer = write(tmp_path / "a.wav", sound)
    assert writer.clipped == 3
    assert writer.peak == 1.0
    back, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    np.testing.assert_allclose(back, [[1, -1], [1, -1], [0.5, 1]], atol=LSB)
    assert sound[1, 0] == 1.5


def test_samples_can_be_put_in_the_place_of_others_before_it_is_closed(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", 48000, 2)
    sound = noise(1000)
    writer.write(sound[:700])
    writer.overwrite(200, noise(300, seed=9))
    writer.write(sound[700:])
    with pytest.raises(MulaError, match="samples 900 to 1001 again, of 1000"):
        writer.overwrite(900, noise(101))
    writer.close()
    sound[200:500] = noise(300, seed=9)
    back, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    np.testing.assert_allclose(back, sound, atol=LSB)


def test_a_sample_that_is_no_number_is_refused(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", 48000, 1)
    with pytest.raises(MulaError, match="not finite"):
        writer.write(np.array([[np.nan]], np.float32))
    writer.close()


def test_the_acid_chunk_tells_tempo_beats_meter_and_root() -> None:
    acid = inner_chunks(loop_chunks(LOOP))["acid"]
    assert len(acid) == 24
    assert struct.unpack("<IHHfIHHf", acid) == (6, 69, 0x8000, 0.0, 16, 4, 4, 128.0)


def test_the_smpl_chunk_loops_the_whole_file_forward() -> None:
    smpl = struct.unpack("<9I6I", inner_chunks(loop_chunks(LOOP))["smpl"])
    maker, product, period, note, fraction, smpte, offset, loops, extra = smpl[:9]
    assert (maker, product, fraction, smpte, offset, loops, extra) == (0, 0, 0, 0, 0, 1, 0)
    assert (period, note) == (20833, 69)
    assert smpl[9:] == (0, 0, 0, 999, 0, 0)


@pytest.mark.parametrize(("key", "root"), [("Cmaj", 60), ("C#min", 61), ("Bmaj", 71)])
def test_the_root_is_the_tonic(key: str, root: int) -> None:
    assert Loop(1, 48000, 1, 120.0, key=key).root == root
    assert key in KEYS


def test_an_unknown_key_leaves_the_root_flag_unset() -> None:
    acid = inner_chunks(loop_chunks(Loop(1000, 48000, 16, 128.0)))["acid"]
    assert struct.unpack_from("<IH", acid) == (4, 60)


@given(st.text(), st.lists(st.text()).map(tuple), st.dictionaries(st.text(), st.floats(0, 1)))
def test_the_info_chunk_names_title_software_and_recipe(
    title: str, tags: tuple[str, ...], knobs: dict[str, float]
) -> None:
    info = inner_chunks(info_chunk(title, tags, 42, knobs))["LIST"]
    assert info[:4] == b"INFO"
    texts = inner_chunks(info[4:])
    assert texts["INAM"] == title.encode("ascii", "replace") + b"\0"
    assert texts["ISFT"].startswith(b"mulabridge ")
    comment = json.loads(texts["ICMT"].rstrip(b"\0"))
    assert comment == {"tags": list(tags), "seed": 42, "knobs": knobs}


def test_libsndfile_reads_the_chunks_as_they_are_meant(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write(path, noise(1000), 300, loop_chunks(LOOP) + info_chunk("title", ("techno",), 42, {}))
    with soundfile.SoundFile(path) as file:
        log = " ".join(file.extra_info.split())
        assert file.title == "title"
        assert file.software.startswith("mulabridge")
    for line in ("Beats : 16", "Meter : 4/4", "Tempo : 128.0", "Start : 0 End : 999", "Type : 0"):
        assert line in log, log
    assert "***" not in log, log


def test_a_file_cut_short_is_noticed(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", 48000, 2)
    writer.write(noise(1000))
    with (tmp_path / "a.wav").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(OSError, match="not as long"):
        writer.close()
