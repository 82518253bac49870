import secrets
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mula_daemon.engine.mini import tokens
from mula_daemon.engine.mini.synth.kit import NAMES, Kit
from mula_daemon.engine.mini.synth.synthesiser import Synthesiser

RATE = 48_000


def write(path: Path, rate: int = RATE, seconds: float = 0.1, channels: int = 1) -> Path:
    t = np.arange(int(seconds * rate)) / rate
    tone = 0.5 * np.sin(2 * np.pi * 1000 * t)
    soundfile.write(path, np.stack([tone] * channels, axis=1), rate)
    return path


def test_a_file_for_one_voice_overrides_the_file_for_all(tmp_path):
    write(tmp_path / "kick.wav", seconds=0.2)
    write(tmp_path / "kick_techno.wav", seconds=0.1)
    kit = Kit.load(tmp_path, RATE)
    assert kit.shot(0, "techno")[2].shape == (2, 4800)
    assert kit.shot(0, "jazz")[2].shape == (2, 9600)
    assert kit.shot(1, "rock") is None


def test_other_rates_are_resampled_and_stereo_is_kept(tmp_path):
    write(tmp_path / "hats_ride.wav", rate=44_100, channels=2)
    shot = Kit.load(tmp_path, RATE).shot(2, "ride")[2]
    assert shot.shape == (2, 4800)
    crossings = np.count_nonzero(np.diff(np.sign(shot[0, 200:-200])))
    assert crossings == pytest.approx(2 * 1000 * (4800 - 400) / RATE, abs=3)


def test_the_synthesiser_plays_it(tmp_path):
    write(tmp_path / "snare.wav")
    codes = [0, tokens.drum_code(3, 2), 0, 0, 0, 0, 0, 0]
    own = Synthesiser(120, "Amin", 0, kit=tmp_path).render_stems(codes)[1]
    hz = np.fft.rfftfreq(len(own), 1 / RATE)
    assert hz[np.abs(np.fft.rfft(own[:, 0])).argmax()] == pytest.approx(1000, abs=20)
    built_in = Synthesiser(120, "Amin", 0).render_stems(codes)[1]
    assert not np.array_equal(own, built_in)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("kik.wav", "did you mean kick"),
        ("kick_tecno.wav", "did you mean kick_techno"),
        ("bass.wav", "names are kick, snare"),
    ],
)
def test_unknown_names_are_refused_and_told_the_right_ones(tmp_path, name, hint):
    write(tmp_path / name)
    with pytest.raises(ValueError, match=f"{name}: no drum is called.*{hint}"):
        Kit.load(tmp_path, RATE)


@pytest.mark.parametrize(
    ("name", "book", "voice", "other"),
    [
        ("Clap.WAV", 1, "clap808", "rock"),
        ("Open Hat.wav", 2, "open909", "closed909"),
        ("closed-hat.wav", 2, "lofi", "ride"),
        ("tom.wav", 3, "tom_mid", "wood"),
        ("cowbell.wav", 3, "cowbell", "tick"),
        ("percussion.wav", 3, "tick", "reverse"),
    ],
)
def test_everyday_names_are_understood_and_the_rest_stays_built_in(
    tmp_path, name, book, voice, other
):
    write(tmp_path / name)
    kit = Kit.load(tmp_path, RATE)
    assert kit.shot(book, voice) is not None
    assert kit.shot(book, other) is None


def test_a_rim_is_the_snare_drums_and_the_percussions(tmp_path):
    write(tmp_path / "snare.wav", seconds=0.2)
    write(tmp_path / "rim.wav", seconds=0.1)
    kit = Kit.load(tmp_path, RATE)
    assert kit.shot(1, "rim")[2].shape == kit.shot(3, "rimshot")[2].shape == (2, 4800)
    assert kit.shot(1, "rock")[2].shape == (2, 9600)


def test_two_files_for_the_same_drum_are_refused(tmp_path):
    write(tmp_path / "hat.wav")
    write(tmp_path / "Hats.flac")
    with pytest.raises(ValueError, match=r"hat.wav.* are for the same drum|Hats.flac.* are for"):
        Kit.load(tmp_path, RATE)


@pytest.mark.parametrize("gain", [0.01, 1.0, 1.9])
def test_a_file_is_brought_to_the_loudness_of_the_drum_it_replaces(tmp_path, gain):
    t = np.arange(RATE // 4) / RATE
    sound = gain * 0.5 * np.exp(-t / 0.05) * np.sin(2 * np.pi * 200 * t)
    soundfile.write(tmp_path / "snare.wav", sound, RATE, "FLOAT")
    shots = Kit.load(tmp_path, RATE).shot(1, "rock")
    peaks = [float(np.abs(shot).max()) for shot in shots]
    assert peaks[2] == pytest.approx(0.44, abs=0.02)
    assert peaks[0] < 0.6 * peaks[2]


def test_files_that_a_mac_leaves_behind_are_passed_over(tmp_path):
    write(tmp_path / "kick.wav")
    (tmp_path / "._kick.wav").write_bytes(b"resource fork")
    (tmp_path / "readme.txt").write_text("mine")
    assert Kit.load(tmp_path, RATE).shot(0, "house") is not None


def test_every_voice_can_be_named_and_the_page_tells_how():
    for book, voices in enumerate(tokens.DRUM_VOICES):
        for voice in voices:
            assert NAMES[f"{tokens.INSTRUMENTS[book]}_{voice}"] == ((book, voice),)
    page = (files("mula_daemon.engine.mini") / "KIT.md").read_text()
    for name in NAMES:
        assert f"`{name}`" in page or f"`{name.partition('_')[2]}`" in page, name


def test_broken_folders_and_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="there is no kit folder"):
        Kit.load(tmp_path / "nowhere", RATE)
    with pytest.raises(ValueError, match="holds no"):
        Kit.load(tmp_path, RATE)
    (tmp_path / "kick.wav").write_bytes(b"not a sound")
    with pytest.raises(ValueError, match="cannot be read"):
        Kit.load(tmp_path, RATE)
    write(tmp_path / "kick.wav", rate=8000, seconds=11)
    with pytest.raises(ValueError, match="10 s"):
        Kit.load(tmp_path, RATE)


def test_silence_is_refused(tmp_path):
    soundfile.write(tmp_path / "kick.wav", np.zeros(1000), RATE)
    with pytest.raises(ValueError, match=r"kick.wav: holds no sound"):
        Kit.load(tmp_path, RATE)


def test_a_kit_is_known_by_its_files_and_their_names(tmp_path):
    def fingerprint(**files: float) -> str:
        folder = tmp_path / secrets.token_hex(4)
        folder.mkdir()
        for name, level in files.items():
            soundfile.write(folder / f"{name}.wav", np.full((480, 1), level), RATE)
        return Kit.load(folder, RATE).fingerprint

    assert fingerprint(kick=0.5) == fingerprint(kick=0.5)
    different = [fingerprint(kick=0.5), fingerprint(kick=0.25), fingerprint(snare=0.5)]
    assert len(set(different)) == 3
