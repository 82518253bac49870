"""One check of ``mula doctor`` at a time; the whole of it is in cli/test_commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from mula_daemon.doctor import Grade, kit
from mula_daemon.settings.config import Config


def test_a_kit_is_read_and_a_file_at_fault_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "kick.wav", np.full(100, 0.1), 48000)
    (good,) = kit(Config(kit=str(tmp_path)))
    assert (good.grade, good.remedy) == (Grade.OK, "")
    assert "plays 12 of mini's drum voices" in good.text
    (tmp_path / "kik.wav").write_bytes(b"")
    (bad,) = kit(Config(kit=str(tmp_path)))
    assert bad.grade is Grade.FAIL
    assert "kik.wav" in bad.text and "leave --kit out" in bad.remedy


def test_nobody_who_has_no_kit_hears_of_it() -> None:
    assert list(kit(Config())) == []
