"""The codec bench, on the reference's toy codec."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mula_daemon.bench.codec import log_mel_distance_db, main

REFERENCE = Path(__file__).parents[2] / "data" / "heartmula_reference"


def test_the_grid_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    codes = np.random.default_rng(0).integers(0, 20, (12, 8))
    codes[9, 0] = 70  # where the take ended
    np.savez(tmp_path / "clip.npz", codes=codes)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    options = ["--context", "4", "--hop", "3", "--steps", "1", "--guidance", "1.0", "--first", "4"]
    options += ["--codes", str(tmp_path / "clip.npz"), "--device", "cpu"]
    status = main(["--checkpoint", str(REFERENCE), *options])
    torch.set_num_threads(threads)
    assert status == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    (row,) = figures["grid"]
    assert (row["context"], row["hop"], row["steps"]) == (4, 3, 1)
    assert figures["audio_s"] == 0.72
    assert row["rtf"] > 0 and row["log_mel_db"] > 0 and figures["floor_db"] > 0


def test_the_distance_is_that_of_an_ear() -> None:
    time = np.arange(48_000) / 48_000
    tone = np.sin(2 * np.pi * 440 * time)[:, None].repeat(2, axis=1).astype(np.float32)
    other = np.sin(2 * np.pi * 880 * time)[:, None].repeat(2, axis=1).astype(np.float32)
    assert log_mel_distance_db(tone, tone, 48_000) == 0.0
    assert log_mel_distance_db(tone, -tone, 48_000) < 1e-3  # a phase is not heard
    assert 0.05 < log_mel_distance_db(tone, tone * 0.5, 48_000) <= 6.1
    assert log_mel_distance_db(tone, other, 48_000) > 1.0
    with pytest.raises(ValueError):
        log_mel_distance_db(tone, tone[:100], 48_000)
