"""The product as a producer meets it: one command, a loop, its stems and its notes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mula_daemon.cli import main
from mula_daemon.clips.library import Library


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULA_PRESETS", str(tmp_path / "presets.json"))
    monkeypatch.setenv("MULA_LEARNT", str(tmp_path / "learnt.yaml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def generate(folder: Path, *options: str) -> int:
    fixed = ("--engine", "mini", "--folder", str(folder), "--tags", "house", "--bars", "1")
    return main(["generate", *fixed, "--seed", "3", *options])


@pytest.mark.slow
@pytest.mark.timeout(300)  # three cold starts of the engine: a busy machine takes its time
def test_a_clip_comes_with_stems_and_notes_and_with_the_users_own_kick(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kit = tmp_path / "kit"
    kit.mkdir()
    t = np.arange(11025) / 44100
    tone = np.sin(2 * np.pi * 1234 * t) * np.exp(-t / 0.1)
    soundfile.write(kit / "Kick.wav", tone, 44100)
    assert generate(tmp_path / "clips", "--cfg", "4", "--stems", "--kit", str(kit)) == 0
    printed = json.loads(capsys.readouterr().out)
    clip = Library(tmp_path / "clips").find(printed["id"])
    mix, rate = soundfile.read(clip.path)
    assert len(mix) == 4 * 60 / 120 * rate
    assert len(clip.stem_paths) >= 3
    assert clip.midi_path is not None and clip.midi_path.exists()
    for path in clip.stem_paths.values():
        assert soundfile.info(path).frames == len(mix)
    kick, _ = soundfile.read(clip.stem_paths["kick"])
    heard = np.abs(np.fft.rfft(kick[:, 0])).argmax() * rate / len(kick)
    assert heard == pytest.approx(1234, abs=3)
    usual = np.percentile(np.abs(np.diff(mix, axis=0)), 99.9, axis=0)
    assert (np.abs(mix[0] - mix[-1]) <= usual).all()
    assert clip.recipe.engine.kit
    folder = str(tmp_path / "clips")
    assert main(["render", "--engine", "mini", "--folder", folder, printed["id"]]) == 0
    said = capsys.readouterr()
    assert "another kit" in said.err and json.loads(said.out)["identical"]
