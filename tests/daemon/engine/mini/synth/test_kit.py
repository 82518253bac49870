from pathlib import Path

import numpy as np
import pytest
import soundfile

from mula_daemon.engine.mini import tokens
from mula_daemon.engine.mini.synth.kit import Kit
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


@pytest.mark.parametrize("name", ["kik.wav", "kick_tecno.wav", "bass.wav"])
def test_unknown_names_are_refused_and_told_the_right_ones(tmp_path, name):
    write(tmp_path / name)
    with pytest.raises(ValueError, match=r"must start with|has no voice"):
        Kit.load(tmp_path, RATE)


def test_broken_folders_and_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no kit folder"):
        Kit.load(tmp_path / "nowhere", RATE)
    with pytest.raises(ValueError, match="holds no"):
        Kit.load(tmp_path, RATE)
    (tmp_path / "kick.wav").write_bytes(b"not a sound")
    with pytest.raises(ValueError, match="cannot be read"):
        Kit.load(tmp_path, RATE)
    write(tmp_path / "kick.wav", rate=8000, seconds=11)
    with pytest.raises(ValueError, match="10 s"):
        Kit.load(tmp_path, RATE)
