"""What mini says to ``mula doctor``; the whole of it is in cli/test_commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from mula_daemon.engine.findings import Grade
from mula_daemon.engine.messages import EngineSpec
from mula_daemon.engine.mini.health import kit


def test_a_kit_is_read_and_a_file_at_fault_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "kick.wav", np.full(100, 0.1), 48000)
    (good,) = kit(EngineSpec("mini", kit=str(tmp_path)))
    assert (good.grade, good.remedy) == (Grade.OK, "")
    assert "plays 12 of mini's drum voices" in good.text
    (tmp_path / "kik.wav").write_bytes(b"")
    (bad,) = kit(EngineSpec("mini", kit=str(tmp_path)))
    assert bad.grade is Grade.FAIL
    assert "kik.wav" in bad.text and "leave --kit out" in bad.remedy


def test_nobody_who_has_no_kit_hears_of_it() -> None:
    assert list(kit(EngineSpec("mini"))) == []
